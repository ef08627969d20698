//! What each command works with.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::config::ProvideCredentials;
use log_exporter::aws::{CloudWatchLogs, S3Archive};
use log_exporter::{
    Archive, Clock, Event, FolderArchive, Layout, Millis, Options, RateLimit, Region, Selection,
};
use windlass_cli::{EventLog, Failure, Printer};

use crate::args::{ArchiveArgs, EffortArgs, GroupArgs, TimeArgs};
use crate::failures;

pub(crate) struct Session<'a> {
    pub(crate) printer: &'a Printer,
    pub(crate) log: Option<Arc<EventLog>>,
    pub(crate) clock: Clock,
    region: Option<&'a str>,
    config: tokio::sync::OnceCell<Config>,
}

#[derive(Debug)]
struct Config {
    logs: aws_sdk_cloudwatchlogs::Client,
    s3: aws_sdk_s3::Client,
    region: Option<String>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        printer: &'a Printer,
        log: Option<Arc<EventLog>>,
        region: Option<&'a str>,
    ) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        Self {
            printer,
            log,
            clock: Clock::new(Millis::from_epoch(now)),
            region,
            config: tokio::sync::OnceCell::new(),
        }
    }

    async fn config(&self) -> Result<&Config, Failure> {
        let config = self
            .config
            .get_or_try_init(|| async {
                let config = windlass_cli::aws::load(self.region).await?;
                if config.region().is_some() {
                    credentials(config.credentials_provider()).await?;
                }
                Ok::<_, Failure>(Config {
                    logs: aws_sdk_cloudwatchlogs::Client::new(&config),
                    s3: aws_sdk_s3::Client::new(&config),
                    region: config.region().map(|region| region.as_ref().to_owned()),
                })
            })
            .await?;
        if config.region.is_none() {
            return Err(Failure::usage("no AWS region is set")
                .hint("give --region, or set AWS_REGION or a profile with a region"));
        }
        Ok(config)
    }

    /// CloudWatch Logs.
    pub(crate) async fn logs(&self) -> Result<CloudWatchLogs, Failure> {
        Ok(CloudWatchLogs::new(&self.config().await?.logs))
    }

    /// The archive.
    pub(crate) async fn archive(&self, args: &ArchiveArgs) -> Result<Box<dyn Archive>, Failure> {
        match (&args.bucket, &args.archive) {
            (Some(bucket), _) => Ok(Box::new(S3Archive::new(&self.config().await?.s3, bucket))),
            (None, Some(folder)) => {
                let archive =
                    FolderArchive::open(folder).map_err(|error| failures::export(&error))?;
                Ok(Box::new(archive))
            }
            (None, None) => Err(Failure::usage("no archive is named")
                .hint("give --bucket BUCKET, or --archive DIR for a folder of this machine")),
        }
    }

    /// How fast CloudWatch Logs may be asked.
    pub(crate) async fn limit(&self, effort: &EffortArgs) -> Result<RateLimit, Failure> {
        if let Some(rate) = effort.rate {
            if !rate.is_finite() || rate <= 0.0 {
                return Err(
                    Failure::usage(format!("`{rate}` requests a second are none"))
                        .hint("give --rate a number above zero"),
                );
            }
            return Ok(RateLimit::new(rate / f64::from(effort.workers.get())));
        }
        let region = self.config().await?.region.clone().unwrap_or_default();
        let region: Region = region
            .parse()
            .map_err(|error| Failure::usage("the AWS region is none").caused_by(&error))?;
        Ok(RateLimit::published(&region, effort.workers.get()))
    }

    /// Options that an archive and a machine decide.
    pub(crate) fn options(&self, archive: &ArchiveArgs, effort: Option<&EffortArgs>) -> Options {
        let mut options = Options::default().layout(Layout::new(&archive.key_prefix));
        if let Some(effort) = effort {
            options = options.memory(effort.memory.get().saturating_mul(1 << 20));
            if let Some(spill) = &effort.spill {
                options = options.spill(spill.clone());
            }
        }
        options
    }

    /// The times, as of now.
    pub(crate) fn times(&self, args: &TimeArgs) -> (Option<Millis>, Option<Millis>) {
        let now = self.clock.now();
        let at = |when: Option<crate::args::When>| when.map(|when| when.at(now));
        (at(args.from), at(args.to))
    }

    /// Hears events for the log alone, and shows warnings.
    pub(crate) fn observer(&self) -> impl Fn(Event) + Send + Sync + 'static {
        let (log, printer) = (self.log.clone(), self.printer.clone());
        move |event| {
            if let Event::Warning { text } = &event {
                printer.warn(text);
            }
            if let Some(log) = &log {
                log.write(&event);
            }
        }
    }
}

/// Looks for credentials once, before any request is made: without them each one would be tried again and again.
async fn credentials(provider: Option<impl ProvideCredentials>) -> Result<(), Failure> {
    const HINT: &str = "log in, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    let Some(provider) = provider else {
        return Err(Failure::usage("there are no AWS credentials").hint(HINT));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::usage("there are no AWS credentials")
            .caused_by(&error)
            .hint(HINT)),
    }
}

/// The groups that are named.
pub(crate) fn selections(args: &GroupArgs) -> Vec<Selection> {
    let groups = args.groups.iter().cloned().map(Selection::Group);
    let prefixes = args.prefixes.iter().cloned().map(Selection::Prefix);
    groups.chain(prefixes).collect()
}

/// The groups that are named, of which there must be some.
pub(crate) fn required(args: &GroupArgs) -> Result<Vec<Selection>, Failure> {
    let selections = selections(args);
    if selections.is_empty() {
        return Err(Failure::usage("no log group is named")
            .hint("give --group GROUP, or --prefix PREFIX for all that begin like this"));
    }
    Ok(selections)
}
