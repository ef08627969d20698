//! Task definitions, copied whole: what this program does not know survives.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ContainerName, Error, ImageRef, LogStream, TaskDefinitionArn, TaskId};

/// What ECS adds to a task definition when it describes it, and does not take back.
const RESPONSE_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// A task definition as the JSON document that ECS has it, with its tags under `tags`.
///
/// The document is never taken apart into types: a field that ECS learned yesterday survives, and so do empty strings and
/// unknown values.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskDefinition(Value);

/// Which containers get another image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageChange {
    /// The only container; or of several, every one whose image comes from the same repository.
    All(ImageRef),
    /// These containers.
    Containers(BTreeMap<ContainerName, ImageRef>),
}

impl ImageChange {
    /// The images, each once.
    pub(crate) fn images(&self) -> Vec<&ImageRef> {
        match self {
            Self::All(image) => vec![image],
            Self::Containers(images) => {
                let distinct: BTreeSet<&ImageRef> = images.values().collect();
                distinct.into_iter().collect()
            }
        }
    }

    /// The images that are named by their tags alone: the same text need not be the same image.
    pub(crate) fn without_digest(&self) -> Vec<&ImageRef> {
        let mut images = self.images();
        images.retain(|image| image.digest().is_none());
        images
    }
}

impl fmt::Debug for TaskDefinition {
    /// The document may hold secrets, and is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskDefinition")
            .field("family", &self.family())
            .field("revision", &self.0["revision"].as_u64())
            .finish_non_exhaustive()
    }
}

impl TaskDefinition {
    /// Takes the document of ECS's `taskDefinition`.
    pub const fn new(document: Value) -> Self {
        Self(document)
    }

    /// The document.
    pub const fn document(&self) -> &Value {
        &self.0
    }

    /// The family; empty if the document has none.
    pub fn family(&self) -> &str {
        self.0["family"].as_str().unwrap_or_default()
    }

    /// The ARN, if the document was described and not made.
    pub fn arn(&self) -> Option<TaskDefinitionArn> {
        self.0["taskDefinitionArn"].as_str()?.parse().ok()
    }

    /// The containers with their images, in the document's order. A container whose name or image is none is left out.
    pub fn containers(&self) -> Vec<(ContainerName, ImageRef)> {
        let containers = self.0["containerDefinitions"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let parse = |container: &Value| {
            let name = container["name"].as_str()?.parse().ok()?;
            Some((name, container["image"].as_str()?.parse().ok()?))
        };
        containers.iter().filter_map(parse).collect()
    }

    /// The same task definition with other images.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`] when no container is meant by the change.
    pub fn with_images(&self, change: &ImageChange) -> Result<Self, Error> {
        let wanted = self.changed_by(change)?;
        let mut document = self.0.clone();
        let containers = document["containerDefinitions"]
            .as_array_mut()
            .map(Vec::as_mut_slice)
            .unwrap_or_default();
        for container in containers {
            let name = container["name"].as_str().unwrap_or_default();
            if let Some((_, image)) = wanted.iter().find(|(wanted, _)| wanted.as_str() == name) {
                container["image"] = Value::String(image.to_string());
            }
        }
        Ok(Self(document))
    }

    /// Whether the containers that a change means have these very images already.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`] when no container is meant by the change.
    pub fn has_images(&self, change: &ImageChange) -> Result<bool, Error> {
        let containers = self.containers();
        let wanted = self.changed_by(change)?;
        Ok(wanted.iter().all(|(name, image)| {
            containers
                .iter()
                .any(|(container, current)| container == name && current.is_same(image))
        }))
    }

    /// The containers that a change means, with the images that they get.
    ///
    /// # Errors
    /// [`Error::NoSuchContainer`] when no container is meant by the change.
    pub fn changed_by(
        &self,
        change: &ImageChange,
    ) -> Result<Vec<(ContainerName, ImageRef)>, Error> {
        let containers = self.containers();
        let missing = |wanted: String| {
            let containers = containers.iter().map(|(name, _)| name.clone()).collect();
            Error::NoSuchContainer {
                family: self.family().to_owned(),
                wanted,
                containers,
            }
        };
        match change {
            ImageChange::All(image) => {
                let meant: Vec<(ContainerName, ImageRef)> = containers
                    .iter()
                    .filter(|(_, current)| {
                        containers.len() == 1 || current.repository() == image.repository()
                    })
                    .map(|(name, _)| (name.clone(), image.clone()))
                    .collect();
                if meant.is_empty() {
                    Err(missing(image.repository().to_owned()))
                } else {
                    Ok(meant)
                }
            }
            ImageChange::Containers(images) => {
                if let Some(name) = images
                    .keys()
                    .find(|name| !containers.iter().any(|(known, _)| known == *name))
                {
                    return Err(missing(name.to_string()));
                }
                Ok(images
                    .iter()
                    .map(|(name, image)| (name.clone(), image.clone()))
                    .collect())
            }
        }
    }

    /// The first container that the task cannot do without.
    pub fn main_container(&self) -> Option<ContainerName> {
        let containers = self.0["containerDefinitions"].as_array()?;
        let essential = |container: &&Value| container["essential"].as_bool() != Some(false);
        containers.iter().find(essential)?["name"]
            .as_str()?
            .parse()
            .ok()
    }

    /// Where the containers of a task write their logs, as far as they use `awslogs` with a prefix of streams.
    pub fn log_streams(&self, task: &TaskId) -> BTreeMap<ContainerName, LogStream> {
        let containers = self.0["containerDefinitions"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let stream = |container: &Value| {
            let name = container["name"].as_str()?;
            let log = &container["logConfiguration"];
            let options = &log["options"];
            if log["logDriver"].as_str() != Some("awslogs") {
                return None;
            }
            let group = options["awslogs-group"].as_str()?;
            let prefix = options["awslogs-stream-prefix"].as_str()?;
            let region = options["awslogs-region"].as_str().map(str::to_owned);
            let stream = LogStream::new(group, format!("{prefix}/{name}/{task}"), region);
            Some((name.parse().ok()?, stream))
        };
        containers.iter().filter_map(stream).collect()
    }

    /// The document as it is registered: without what only a response has.
    pub fn for_registration(&self) -> Value {
        let mut document = self.0.clone();
        if let Some(fields) = document.as_object_mut() {
            for field in RESPONSE_ONLY {
                fields.remove(field);
            }
            // ECS refuses an empty list of tags.
            if fields
                .get("tags")
                .and_then(Value::as_array)
                .is_some_and(Vec::is_empty)
            {
                fields.remove("tags");
            }
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition() -> TaskDefinition {
        TaskDefinition::new(json!({
            "family": "web", "revision": 3, "status": "ACTIVE", "taskDefinitionArn": "web:3", "registeredAt": 1.0,
            "nextYear": {"kept": [1, ""]},
            "containerDefinitions": [
                {"name": "app", "image": "h/app:1", "command": [""], "nextYear": true},
                {"name": "log", "image": "h/log:1", "portMappings": [{"containerPort": 1, "nextYear": "x"}]},
            ],
            "tags": [{"key": "a", "value": "b"}],
        }))
    }

    fn image(text: &str) -> ImageRef {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_image_changes_and_only_response_fields_go() {
        let changed = definition()
            .with_images(&ImageChange::All(image("h/app@sha256:00")))
            .unwrap();
        let mut expected = definition().0;
        expected["containerDefinitions"][0]["image"] = json!("h/app@sha256:00");
        assert_eq!(changed.0, expected);
        for field in ["revision", "status", "taskDefinitionArn", "registeredAt"] {
            expected.as_object_mut().unwrap().remove(field);
        }
        assert_eq!(changed.for_registration(), expected);
    }

    #[test]
    fn the_only_container_is_meant_whatever_its_repository() {
        let single = TaskDefinition::new(
            json!({"family": "w", "containerDefinitions": [{"name": "a", "image": "old"}]}),
        );
        let changed = single
            .with_images(&ImageChange::All(image("other/new:1")))
            .unwrap();
        assert_eq!(changed.containers()[0].1, image("other/new:1"));
    }

    #[test]
    fn a_change_that_means_nobody_names_the_containers() {
        for change in [
            ImageChange::All(image("elsewhere/app:2")),
            ImageChange::Containers(BTreeMap::from([("sidecar".parse().unwrap(), image("x"))])),
        ] {
            let error = definition().with_images(&change).unwrap_err();
            assert!(
                error.hint().unwrap().contains("app, log"),
                "{error}: {:?}",
                error.hint()
            );
        }
    }

    #[test]
    fn the_document_is_not_shown_by_chance() {
        let with_secret = TaskDefinition::new(json!({
            "family": "web", "revision": 3,
            "containerDefinitions": [{"name": "app", "environment": [{"name": "KEY", "value": "s3cret"}]}],
        }));
        let shown = format!("{with_secret:?}");
        assert!(shown.contains("web") && shown.contains('3'), "{shown}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("KEY"),
            "{shown}"
        );
    }

    #[test]
    fn the_same_digest_is_no_change() {
        let one = definition()
            .with_images(&ImageChange::All(image("h/app:a@sha256:00")))
            .unwrap();
        assert!(
            one.has_images(&ImageChange::All(image("h/app:b@sha256:00")))
                .unwrap()
        );
        assert!(
            !one.has_images(&ImageChange::All(image("h/app:b@sha256:01")))
                .unwrap()
        );
    }
}
