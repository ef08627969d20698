//! The demo: a sample repository is deployed, then a change to it; every step is real but the cluster, which is simulated.

mod sample;

use std::path::{Path, PathBuf};

use image_tagger::PinnedImage;
use windlass_cli::{CommonArgs, Exit, Failure, Format, Printer};

use self::sample::{CHANGED, Sample};
use crate::args::{Break, ChangeArgs, DemoArgs, RangeArgs, RepoArgs};
use crate::config::LOCAL;
use crate::event::{Event, Listener};
use crate::notify;
use crate::session::Session;
use crate::task::Task;
use crate::work;

/// How much faster than the change the first deployment of all services goes: it is only there to have something running.
const FIRST_SPEED_UP: f64 = 4.0;

/// `windlass demo`.
pub(crate) async fn run(
    args: &DemoArgs,
    common: &CommonArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    if !(1.0..=1000.0).contains(&args.speed) {
        return Err(
            Failure::usage(format!("--speed {} is out of range", args.speed))
                .hint("1 is the pace of Fargate, 50 the default, 1000 the fastest"),
        );
    }
    let place = Place::new(args.dir.as_deref())?;
    let root = place.path();
    printer.note("a sample repository: twelve services, three shared modules, real git history");
    let mut sample = Sample::create(root)?;

    let repo = RepoArgs {
        repo: root.to_owned(),
        config: None,
    };
    let range = RangeArgs {
        base: None,
        all: false,
        head: "HEAD".to_owned(),
        on_unknown: None,
    };
    let mut quiet = CommonArgs::default();
    quiet.quiet = true;
    let session =
        Session::open(&repo, "HEAD", LOCAL)?.speed((args.speed * FIRST_SPEED_UP).min(1000.0));
    let (task, change) = (
        Task::Run {
            range: &range,
            allow_dirty: false,
        },
        ChangeArgs::default(),
    );
    let first = work::perform(
        &session,
        &task,
        None,
        &change,
        &quiet,
        &Printer::new(&quiet),
        &[],
    )
    .await?;
    if first.outcome.exit != Exit::Done || !first.trouble.is_empty() {
        return work::finish(first, &args.reports, printer);
    }
    let first = first.outcome;
    printer.note(&format!(
        "{} services deployed from {} and answering, {:.1} s",
        first.services.len(),
        session.head().id.short(),
        first.seconds
    ));

    sample.change(args.break_)?;
    if let Some(how) = args.break_ {
        printer.note(&format!(
            "now a commit to {CHANGED} that is broken: {}",
            describe(how)
        ));
    } else {
        printer.note(&format!(
            "now a commit to {CHANGED} and to a module that others share"
        ));
    }
    let session = Session::open(&repo, "HEAD", LOCAL)?
        .speed(args.speed)
        .without_console();
    let thief = Thief {
        root: root.to_owned(),
    };
    let more: &[&dyn Listener] = if args.break_ == Some(Break::BadImage) {
        &[&thief]
    } else {
        &[]
    };
    let performed = work::perform(&session, &task, None, &change, common, printer, more).await?;
    if printer.format() == Format::Human
        && performed.outcome.interrupted.is_none()
        && performed.failure.is_none()
    {
        show_message(&performed.outcome, printer);
    }
    if place.is_kept() {
        printer.note(&format!(
            "the repository and its .windlass/ are in `{}`",
            root.display()
        ));
    }
    work::finish(performed, &args.reports, printer)
}

/// Shows the Slack message of the run as text, and how much JSON it is.
fn show_message(outcome: &crate::outcome::RunOutcome, printer: &Printer) {
    let report = notify::report(outcome);
    let payload = serde_json::to_string(&deploy_notifier::slack(&report)).unwrap_or_default();
    printer.note(&format!(
        "\nthe Slack message ({} bytes of JSON):",
        payload.len()
    ));
    for line in deploy_notifier::text(&report).lines() {
        printer.note(&format!("  | {line}"));
    }
    printer.note("");
}

const fn describe(how: Break) -> &'static str {
    match how {
        Break::BadImage => "its image will be gone from the registry when the cluster pulls it",
        Break::Crash => "its container exits with code 1 soon after it started",
        Break::Unhealthy => "its tasks run, but their health check answers DOWN",
        Break::Stale => "its tasks are healthy, but it is the old build that answers",
    }
}

/// Where the sample repository stands.
#[derive(Debug)]
enum Place {
    /// In a temporary folder, which goes with the demo.
    Temporary(tempfile::TempDir),
    /// Where the user wants to have it.
    Kept(PathBuf),
}

impl Place {
    fn new(dir: Option<&Path>) -> Result<Self, Failure> {
        let Some(dir) = dir else {
            return tempfile::Builder::new()
                .prefix("windlass-demo-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(|error| {
                    Failure::usage("cannot make a temporary folder")
                        .caused_by(&error)
                        .hint("give the demo a folder with --dir")
                });
        };
        let taken = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
            || dir.is_file();
        if taken {
            return Err(Failure::usage(format!("`{}` is not empty", dir.display()))
                .hint("give --dir an empty folder, or one that does not exist yet"));
        }
        Ok(Self::Kept(dir.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }

    const fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

/// Takes the image away after it was pushed and verified, as a lifecycle rule does that expires too much.
#[derive(Debug)]
struct Thief {
    root: PathBuf,
}

impl Listener for Thief {
    fn hear(&self, event: &Event) {
        let Event::Pushed {
            service, pinned, ..
        } = event
        else {
            return;
        };
        let Some(image) = pinned
            .parse::<PinnedImage>()
            .ok()
            .filter(|_| service == CHANGED)
        else {
            return;
        };
        let hex = image.digest.to_string();
        let hex = hex.strip_prefix("sha256:").unwrap_or(&hex);
        let manifest = self
            .root
            .join(".windlass")
            .join(LOCAL)
            .join("registry")
            .join(image.repository.to_string())
            .join("blobs/sha256")
            .join(hex);
        // If it cannot be taken away the demo goes well, which then says enough.
        let _ = std::fs::remove_file(manifest);
    }
}
