//! From arguments to requests.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use ecs_deployer::{
    DeployRequest, ImageChange, ImageLookUp, ImageRef, Options, ServiceName, TaskDefinition, pin,
};
use windlass_cli::{Failure, Printer};

use crate::args::{FollowArgs, ImageArg, OnFailureArg, TargetArgs};
use crate::failures;

/// How deployments are followed.
pub(crate) fn options(args: &FollowArgs) -> Options {
    let on_failure = match args.on_failure {
        OnFailureArg::Rollback => ecs_deployer::OnFailure::Rollback,
        OnFailureArg::Keep => ecs_deployer::OnFailure::Keep,
    };
    let on_superseded = if args.follow_superseding {
        ecs_deployer::OnSuperseded::Follow
    } else {
        ecs_deployer::OnSuperseded::End
    };
    Options::default()
        .timeout(args.timeout.into())
        .poll(args.poll.into())
        .on_failure(on_failure)
        .on_superseded(on_superseded)
        .permanent_failures(args.permanent_failures)
        .transient_failures(args.transient_failures)
}

/// What is to be deployed, in the order of the command line, as it was given: nothing is pinned yet.
pub(crate) fn requests(args: &TargetArgs) -> Result<Vec<DeployRequest>, Failure> {
    let services = services(args)?;
    if args.task_definition.is_some() && services.len() > 1 {
        return Err(
            Failure::usage("one task definition cannot be that of several services")
                .hint("deploy the services one by one, or leave --task-definition away"),
        );
    }
    let base = args
        .task_definition
        .as_deref()
        .map(read_definition)
        .transpose()?;
    let mut requests = Vec::new();
    for (service, images) in services {
        let nothing_else =
            base.is_none() && !args.force_new_deployment && args.desired_count.is_none();
        if images.is_empty() && nothing_else {
            return Err(
                Failure::usage(format!("the service `{service}` has no image to deploy")).hint(
                    "give it one with --image IMAGE, or as --service SERVICE=IMAGE; \
                 --force-new-deployment deploys what it has once more",
                ),
            );
        }
        let change = change(&service, &images)?;
        let mut request = DeployRequest::new(args.cluster.clone(), service, change)
            .desired_count(args.desired_count)
            .force_new_deployment(args.force_new_deployment);
        if let Some(base) = &base {
            request = request.base(base.clone());
        }
        requests.push(request);
    }
    Ok(requests)
}

/// The image that each service is to get; of several containers, the first.
pub(crate) fn images(requests: &[DeployRequest]) -> BTreeMap<ServiceName, ImageRef> {
    let image = |request: &DeployRequest| match &request.images {
        ImageChange::All(image) => Some(image.clone()),
        ImageChange::Containers(containers) => containers.values().next().cloned(),
        _ => None,
    };
    requests
        .iter()
        .filter_map(|request| Some((request.service.clone(), image(request)?)))
        .collect()
}

/// The services with all images that are named for each.
fn services(args: &TargetArgs) -> Result<Vec<(ServiceName, Vec<ImageArg>)>, Failure> {
    let mut services: Vec<(ServiceName, Vec<ImageArg>)> = Vec::new();
    for service in &args.services {
        let known = services
            .iter_mut()
            .find(|(name, _)| *name == service.service);
        match (known, &service.image) {
            (Some((_, images)), Some(image)) => images.push(image.clone()),
            (Some(_), None) => {
                return Err(Failure::usage(format!("the service `{}` is named twice", service.service))
                    .hint("name it once, or give each of its containers an image as --service SERVICE=CONTAINER=IMAGE"));
            }
            (None, image) => {
                services.push((service.service.clone(), image.iter().cloned().collect()))
            }
        }
    }
    if args.images.is_empty() {
        return Ok(services);
    }
    match services.as_mut_slice() {
        [(_, images)] => images.extend(args.images.iter().cloned()),
        _ => {
            return Err(
                Failure::usage("--image goes with one service, and several are named")
                    .hint("give each its image as --service SERVICE=IMAGE"),
            );
        }
    }
    Ok(services)
}

fn change(service: &ServiceName, images: &[ImageArg]) -> Result<ImageChange, Failure> {
    if let [
        ImageArg {
            container: None,
            image,
        },
    ] = images
    {
        return Ok(ImageChange::All(image.clone()));
    }
    let mut containers = BTreeMap::new();
    for ImageArg { container, image } in images {
        let Some(container) = container else {
            return Err(Failure::usage(format!(
                "`{image}` does not say which container of `{service}` it is for, and there are several images"
            ))
            .hint("give each as CONTAINER=IMAGE"));
        };
        if containers
            .insert(container.clone(), image.clone())
            .is_some()
        {
            return Err(Failure::usage(format!(
                "the container `{container}` of `{service}` gets two images"
            ))
            .hint("name it once"));
        }
    }
    Ok(ImageChange::Containers(containers))
}

fn read_definition(path: &Path) -> Result<TaskDefinition, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    let named = format!("`{}`", path.display());
    read.map_err(|error| Failure::usage(format!("cannot read {named}")).caused_by(&error))?;
    let invalid = |problem: &str| {
        Failure::usage(format!("{named} is not a task definition: {problem}"))
            .hint("it takes the JSON of `aws ecs describe-task-definition` or of `register-task-definition`")
    };
    let mut document: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| invalid("it is not JSON").caused_by(&error))?;
    // What `describe-task-definition` prints has the tags beside it.
    if document["taskDefinition"].is_object() {
        let tags = document["tags"].take();
        document = document["taskDefinition"].take();
        if tags.as_array().is_some_and(|tags| !tags.is_empty()) {
            document["tags"] = tags;
        }
    }
    if document["family"].as_str().is_none_or(str::is_empty) {
        return Err(invalid("it has no `family`"));
    }
    if !document["containerDefinitions"].is_array() {
        return Err(invalid("it has no `containerDefinitions`"));
    }
    Ok(TaskDefinition::new(document))
}

/// Pins each image to the digest that its tag names, or, for tags that are meant to move, finds out what they name.
pub(crate) async fn resolve(
    requests: &mut [DeployRequest],
    mutable_tag: bool,
    registries: &dyn ImageLookUp,
    printer: &Printer,
) -> Result<(), Failure> {
    for request in requests {
        let pinned = pin(&request.images, registries)
            .await
            .map_err(|error| failures::deploy(&error))?;
        for (image, reason) in &pinned.unpinned {
            let instead = if mutable_tag {
                "what the tasks run is not compared with it"
            } else {
                "it is deployed by its tag, which may move"
            };
            printer.warn(&format!("{reason}: {instead}"));
            if !mutable_tag && image.tag().is_none() {
                printer.warn(&format!("`{image}` has no tag: it is `:latest` to ECS"));
            }
        }
        if mutable_tag {
            *request = request.clone().moving_tags(pinned.facts);
        } else {
            request.images = pinned.images;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Args, Command};

    fn parsed(line: &str) -> Result<Vec<DeployRequest>, Failure> {
        let line = format!("ecs-deployer deploy --cluster dev {line}");
        match Args::try_parse_from(line.split_whitespace())
            .unwrap()
            .command
        {
            Command::Deploy(args) => requests(&args.target),
            _ => unreachable!("it deploys"),
        }
    }

    #[test]
    fn one_service_takes_images_and_several_bring_them() {
        let one = parsed("--service web --image app=h/a:1 --image log=h/l:1").unwrap();
        assert!(matches!(&one[0].images, ImageChange::Containers(images) if images.len() == 2));
        let several = parsed("--service web=h/w:1 --service api=h/a:1").unwrap();
        assert_eq!(several.len(), 2);
        assert_eq!(
            several[1].images,
            ImageChange::All("h/a:1".parse().unwrap())
        );
        let merged = parsed("--service web=app=h/w:1 --service web=log=h/l:1").unwrap();
        assert!(matches!(&merged[0].images, ImageChange::Containers(images) if images.len() == 2));
        assert!(parsed("--service web --force-new-deployment").is_ok());
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        for (line, part) in [
            ("--service web", "`web` has no image"),
            (
                "--service web --service web=h/w:1 --service web",
                "named twice",
            ),
            (
                "--service web=h/w:1 --service api=h/a:1 --image h/x:1",
                "--image",
            ),
            (
                "--service web --image h/a:1 --image h/b:1",
                "which container",
            ),
            (
                "--service web --image a=h/a:1 --image a=h/b:1",
                "two images",
            ),
        ] {
            let failure = parsed(line).unwrap_err();
            assert!(failure.to_string().contains(part), "{line}: {failure}");
        }
    }
}
