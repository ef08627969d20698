//! `image-tagger push-all`.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use image_tagger::{
    Error, FleetItem, FleetOptions, Observer, PushOptions, PushRequest, Receipt, Repository,
    Source, SourceName, Tag, plan,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use windlass_cli::{Exit, Failure, Format, Rows};

use crate::args::{PushAllArgs, RegistryArgs};
use crate::progress::Progress;
use crate::run::Session;
use crate::{admin, ancestry, failures, push, render, text};

/// An entry of the manifest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(deserialize_with = "parsed")]
    source: SourceName,
    #[serde(deserialize_with = "parsed")]
    repository: Repository,
    #[serde(default, deserialize_with = "all_parsed")]
    tags: Vec<Tag>,
    #[serde(default)]
    moving: Option<String>,
}

fn parsed<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(
    deserializer: D,
) -> Result<T, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

fn all_parsed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Tag>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|tag| tag.parse().map_err(D::Error::custom))
        .collect()
}

/// What became of one image.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Ended<'a> {
    Pushed(&'a Receipt),
    Failed {
        repository: &'a Repository,
        error: String,
    },
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    images: Vec<Ended<'a>>,
}

pub(crate) async fn run(
    args: &PushAllArgs,
    hosts: &RegistryArgs,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let requests = requests(&args.manifest).await?;
    if requests.is_empty() {
        session
            .printer
            .note("nothing to push: the manifest is empty");
    }
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for (name, _) in &requests {
        // Nothing is sent before all are known to be there.
        sources.push(name.open().await.map_err(|error| failures::local(&error))?);
    }
    let push = options(args, &requests, session);
    if args.dry_run {
        return dry_run(&requests, &sources, &push, session).await;
    }
    let targets: Vec<&Repository> = requests.iter().map(|(_, to)| &to.repository).collect();
    admin::ensure(&targets, args.create_repository, hosts, session.printer).await?;
    let started = Instant::now();
    let paths: Vec<&str> = requests
        .iter()
        .map(|(_, to)| to.repository.path())
        .collect();
    let rows = Arc::new(Rows::new(session.printer, paths.iter().copied()));
    let progress: Vec<Progress> = paths
        .iter()
        .map(|path| Progress::new(path, &rows, session.log.as_ref()))
        .collect();
    let observers: Vec<&dyn Observer> = progress.iter().map(|one| one as &dyn Observer).collect();
    let items: Vec<FleetItem<'_>> = requests
        .iter()
        .zip(&sources)
        .map(|((_, request), source)| FleetItem::new(source, request.clone()))
        .collect();
    let options = FleetOptions::default()
        .max_images(args.max_parallel)
        .push(push);
    let pushed = image_tagger::push_all(&session.registry, &items, &options, &observers).await;
    for (progress, pushed) in progress.iter().zip(&pushed) {
        progress.finish(if pushed.is_ok() { "pushed" } else { "failed" });
    }
    rows.close();
    ended(&requests, &pushed, started, session)
}

/// What the manifest asks for.
async fn requests(path: &Path) -> Result<Vec<(SourceName, PushRequest)>, Failure> {
    let path = path.to_owned();
    // Stdin may take its time, and Ctrl-C must not wait for it.
    let read = tokio::task::spawn_blocking(move || read(&path));
    read.await
        .unwrap_or_else(|error| Err(Failure::unreachable("cannot read").caused_by(&error)))
}

fn read(path: &Path) -> Result<Vec<(SourceName, PushRequest)>, Failure> {
    let is_stdin = path == Path::new("-");
    let text = if is_stdin {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let named = if is_stdin {
        "stdin".to_owned()
    } else {
        format!("`{}`", path.display())
    };
    let text =
        text.map_err(|error| Failure::usage(format!("cannot read {named}")).caused_by(&error))?;
    let invalid = |error: &(dyn std::error::Error + 'static)| {
        Failure::usage(format!("{named} is not a list of images"))
            .caused_by(error)
            .hint(r#"it takes [{"source": "oci:DIR", "repository": "HOST/REPO", "tags": ["sha-…"], "moving": "latest"}]"#)
    };
    let entries: Vec<Entry> = serde_json::from_str(&text).map_err(|error| invalid(&error))?;
    let folder = if is_stdin { None } else { path.parent() };
    let mut requests = Vec::new();
    for entry in entries {
        if entry.tags.is_empty() && entry.moving.is_none() {
            return Err(Failure::usage(format!(
                "the entry of `{}` in {named} has no tag",
                entry.repository
            ))
            .hint("give it \"tags\", \"moving\", or both"));
        }
        let moving = entry.moving.map(|tag| tag.parse::<Tag>()).transpose();
        let mut request = PushRequest::new(entry.repository, entry.tags);
        request.moving = moving.map_err(|error| invalid(&error))?;
        let source = match folder {
            Some(folder) => entry.source.within(folder),
            None => entry.source,
        };
        requests.push((source, request));
    }
    let mut names = BTreeSet::new();
    for (_, request) in &requests {
        for tag in request.tags.iter().chain(&request.moving) {
            if !names.insert((request.repository.clone(), tag.clone())) {
                return Err(Failure::usage(format!(
                    "`{}:{tag}` is named twice in {named}",
                    request.repository
                ))
                .hint("one of the two images would lose it"));
            }
        }
    }
    Ok(requests)
}

fn options(
    args: &PushAllArgs,
    requests: &[(SourceName, PushRequest)],
    session: &Session<'_>,
) -> PushOptions {
    let options = PushOptions::default()
        .force_moving(args.force_moving)
        .attachments(args.attachments);
    let is_moving = requests.iter().any(|(_, request)| request.moving.is_some());
    if args.force_moving || !is_moving {
        return options;
    }
    match ancestry::history(&args.repo) {
        Some(history) => options.ancestry(history),
        None => {
            session.printer.warn(&format!(
                "`{}` is in no git repository: moving tags move to these images, be they the older ones",
                args.repo.display()
            ));
            options
        }
    }
}

async fn dry_run(
    requests: &[(SourceName, PushRequest)],
    sources: &[Box<dyn Source>],
    options: &PushOptions,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let mut plans = Vec::new();
    for ((_, request), source) in requests.iter().zip(sources) {
        let plan = plan(&session.registry, source, request, options)
            .await
            .map_err(|error| failures::local(&error))?;
        plans.push(plan);
    }
    if session.printer.format() == Format::Json {
        let document = serde_json::json!({ "images": plans });
        session.printer.json(&document)?;
        return Ok(Exit::Done);
    }
    for line in plans.iter().flat_map(render::plan_lines) {
        session.printer.line(&line)?;
    }
    Ok(Exit::Done)
}

fn ended(
    requests: &[(SourceName, PushRequest)],
    pushed: &[Result<Receipt, Error>],
    started: Instant,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    let printer = session.printer;
    let receipts: Vec<&Receipt> = pushed.iter().filter_map(|one| one.as_ref().ok()).collect();
    for receipt in &receipts {
        push::held_back(receipt, printer);
    }
    let mut exits = Vec::new();
    for error in pushed.iter().filter_map(|one| one.as_ref().err()) {
        printer.failure(&failures::local(error));
        exits.push(failures::local_exit(error));
    }
    if printer.format() == Format::Json {
        let images = requests
            .iter()
            .zip(pushed)
            .map(|((_, request), pushed)| match pushed {
                Ok(receipt) => Ended::Pushed(receipt),
                Err(error) => Ended::Failed {
                    repository: &request.repository,
                    error: failures::local(error).to_string(),
                },
            });
        printer.json(&Document {
            images: images.collect(),
        })?;
    } else {
        for receipt in &receipts {
            for line in render::lines(receipt, started.elapsed()) {
                printer.line(&line)?;
            }
        }
        let sum = |of: fn(&Receipt) -> u64| receipts.iter().map(|receipt| of(receipt)).sum::<u64>();
        printer.line(&format!(
            "{} of {}: pushed {}, mounted {}, {}, {:.1} s",
            receipts.len(),
            text::count(pushed.len() as u64, "image"),
            text::bytes(sum(|receipt| receipt.bytes_pushed)),
            text::bytes(sum(|receipt| receipt.bytes_mounted)),
            text::count(sum(|receipt| receipt.requests), "request"),
            started.elapsed().as_secs_f64()
        ))?;
        for receipt in &receipts {
            printer.line(&format!("deploy with: {}", receipt.pinned))?;
        }
    }
    render::github(&receipts)?;
    Ok(match (&*exits, receipts.is_empty()) {
        ([], _) => Exit::Done,
        (_, false) => Exit::Partial,
        ([first, ..], true) => *first,
    })
}
