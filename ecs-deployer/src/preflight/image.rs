//! Checks of the images that are deployed.

use super::{Check, CheckName, Finding};
use crate::{
    Error, ImageChange, ImageFacts, ImageLookUp, ImageRef, Platform, ServiceState, TaskDefinition,
};

pub(super) async fn checks(
    state: &ServiceState,
    base: &TaskDefinition,
    wanted: &TaskDefinition,
    change: &ImageChange,
    registry: Option<&dyn ImageLookUp>,
) -> Result<Vec<Check>, Error> {
    let mut images: Vec<ImageRef> = base
        .changed_by(change)?
        .into_iter()
        .map(|(_, image)| image)
        .collect();
    images.sort();
    images.dedup();
    let mut checks = Vec::new();
    for image in images {
        let found = match registry {
            Some(registry) => registry.image(&image).await,
            None => Err(Error::cannot_look_up(format!("the image `{image}`"))),
        };
        let name = Some(image.as_str());
        let (exists, runs) = match found {
            Ok(Some(facts)) => (exists(&image, &facts), architecture(state, wanted, &facts)),
            Ok(None) => (
                Finding::problem(
                    "the registry does not have it",
                    "push it first, or check the tag",
                ),
                Finding::unchecked("the image was not found"),
            ),
            Err(error) => (
                Finding::failed(&error),
                Finding::unchecked("the image was not found out about"),
            ),
        };
        checks.push(Check::new(CheckName::Image, name, exists));
        checks.push(Check::new(CheckName::Architecture, name, runs));
    }
    Ok(checks)
}

/// A digest that names one part of an image for several platforms is as good as the whole's.
fn exists(image: &ImageRef, facts: &ImageFacts) -> Finding {
    match image.digest() {
        Some(digest) if !facts.is(digest) => Finding::problem(
            format!("the registry answers with another digest, {}", facts.digest),
            "check the digest",
        ),
        _ => Finding::Ok,
    }
}

fn architecture(state: &ServiceState, definition: &TaskDefinition, facts: &ImageFacts) -> Finding {
    if facts.platforms.is_empty() {
        return Finding::unchecked("the registry does not say what it runs on");
    }
    let Some(wanted) = platform(state, definition) else {
        return Finding::unchecked(
            "the task definition names no runtimePlatform, and the container instances decide",
        );
    };
    if facts.platforms.contains(&wanted) {
        return Finding::Ok;
    }
    let built: Vec<String> = facts.platforms.iter().map(ToString::to_string).collect();
    Finding::problem(
        format!(
            "tasks run on {wanted}, and the image is built for {}",
            built.join(", ")
        ),
        format!("build the image for {wanted}, or change the task definition's runtimePlatform"),
    )
}

/// What tasks run on; `None` when the container instances decide.
fn platform(state: &ServiceState, definition: &TaskDefinition) -> Option<Platform> {
    let document = definition.document();
    let runtime = &document["runtimePlatform"];
    let os = match runtime["operatingSystemFamily"].as_str() {
        Some(family) if family.starts_with("WINDOWS") => "windows",
        _ => "linux",
    };
    let fargate = state
        .launch
        .launch_type
        .as_deref()
        .is_some_and(|kind| kind == "FARGATE")
        || state
            .launch
            .capacity_providers
            .iter()
            .any(|provider| provider.name.starts_with("FARGATE"));
    match runtime["cpuArchitecture"].as_str() {
        Some("ARM64") => Some(Platform::new(os, "arm64")),
        Some("X86_64") => Some(Platform::new(os, "amd64")),
        // The default of Fargate.
        None if fargate => Some(Platform::new(os, "amd64")),
        _ => None,
    }
}
