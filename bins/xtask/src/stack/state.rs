//! Terraform's state of a folder that was applied: what it has, and the policies of its roles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::task::Error;

use super::copy;
use super::iam::Policy;

/// The state, in the file that the local backend keeps.
#[derive(Debug, Clone)]
pub(super) struct State {
    path: PathBuf,
    document: Value,
}

/// One object of the state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) name: &'a str,
    /// The key of `for_each`, empty without one.
    pub(super) key: &'a str,
    pub(super) attributes: &'a Value,
}

impl State {
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("terraform.tfstate");
        let document = serde_json::from_str(&copy::read(&path)?)
            .map_err(|source| Error::broken(format!("cannot read `{}`", path.display()), source))?;
        Ok(Self { path, document })
    }

    pub(super) fn write(&self) -> Result<(), Error> {
        copy::write(&self.path, &self.document.to_string())
    }

    fn managed(&self) -> impl Iterator<Item = &Value> {
        self.document["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|resource| resource["mode"] == "managed")
    }

    /// How many objects there are of each type.
    pub(super) fn types(&self) -> BTreeMap<&str, u64> {
        let mut types = BTreeMap::new();
        for resource in self.managed() {
            let count = resource["instances"].as_array().map_or(0, Vec::len) as u64;
            *types
                .entry(resource["type"].as_str().unwrap_or_default())
                .or_default() += count;
        }
        types
    }

    /// The objects of a type.
    pub(super) fn objects(&self, kind: &str) -> Vec<Object<'_>> {
        self.managed()
            .filter(|resource| resource["type"] == kind)
            .flat_map(|resource| {
                let name = resource["name"].as_str().unwrap_or_default();
                resource["instances"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(move |instance| Object {
                        name,
                        key: instance["index_key"].as_str().unwrap_or_default(),
                        attributes: &instance["attributes"],
                    })
            })
            .collect()
    }

    /// The attributes of a type's objects, to be changed.
    pub(super) fn attributes_mut(&mut self, kind: &str, mut each: impl FnMut(&mut Value)) {
        let resources = self.document["resources"].as_array_mut();
        for resource in resources.into_iter().flatten() {
            if resource["mode"] == "managed" && resource["type"] == kind {
                for instance in resource["instances"].as_array_mut().into_iter().flatten() {
                    each(&mut instance["attributes"]);
                }
            }
        }
    }

    /// The value of an output.
    pub(super) fn output(&self, name: &str) -> &Value {
        &self.document["outputs"][name]["value"]
    }

    /// The policies of a role as they were applied, each by its name.
    pub(super) fn role(&self, role: &str) -> Result<Vec<(String, String)>, Error> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let policies: Vec<(String, String)> = self
            .objects("aws_iam_role_policy")
            .into_iter()
            .filter(|policy| policy.attributes["role"] == role)
            .map(|policy| {
                (
                    text(&policy.attributes["name"]),
                    text(&policy.attributes["policy"]),
                )
            })
            .collect();
        if policies.is_empty() {
            return Err(Error::Broken(format!(
                "`{}` has no policy of the role `{role}`",
                self.path.display()
            )));
        }
        Ok(policies)
    }

    /// The same as one policy.
    pub(super) fn policy(&self, role: &str) -> Result<Policy, Error> {
        let mut whole = Policy::default();
        for (_, text) in self.role(role)? {
            whole = whole.and(Policy::parse(&text).map_err(Error::Broken)?);
        }
        Ok(whole)
    }
}
