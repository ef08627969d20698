//! What detection found, and why.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use serde::Serialize;

use crate::{CommitId, Layout, ModuleKind, ModuleName, RepoPath};

/// How far a detection is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Confidence {
    /// Both trees were read: it is all that changed, and no more.
    Exact,
    /// Something could not be compared and counts as changed: it may be too much, never too little.
    OverApproximate,
    /// It cannot be told what changed.
    Unknown,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exact => "exact",
            Self::OverApproximate => "over-approximate",
            Self::Unknown => "unknown",
        })
    }
}

/// How a module is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// Files of its own changed, or something that counts for every service.
    Changed,
    /// It depends on a module that changed.
    Affected,
    /// The base does not have it, not as what it is now.
    Added,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Changed => "changed",
            Self::Affected => "affected",
            Self::Added => "added",
        })
    }
}

/// One reason why a module is concerned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(
    tag = "edge",
    rename_all = "kebab-case",
    rename_all_fields = "snake_case"
)]
#[non_exhaustive]
pub enum Why {
    /// A file of the module changed.
    File {
        /// The file.
        path: RepoPath,
    },
    /// A file that counts for every service changed.
    Global {
        /// The file.
        path: RepoPath,
    },
    /// A lock file pins another version of a package from outside that it is built with.
    Lockfile {
        /// The lock file.
        path: RepoPath,
        /// The first such package.
        package: String,
        /// What was pinned at the base; none if it was not used.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<String>,
        /// What is pinned at the head; none if it is not used any more.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<String>,
        /// How many more packages differ.
        more: usize,
    },
    /// It uses a module that is concerned.
    Dependency {
        /// The module that it uses.
        from: ModuleName,
        /// The module itself.
        to: ModuleName,
        /// More about it, such as `compile scope`.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// The build file that it inherits is concerned.
    Parent {
        /// The parent.
        from: ModuleName,
        /// The module itself.
        to: ModuleName,
    },
    /// A plugin or extension that it is built with is concerned.
    Plugin {
        /// The plugin's module.
        from: ModuleName,
        /// The module itself.
        to: ModuleName,
        /// More about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A list of versions that it imports is concerned.
    Bom {
        /// The list's module.
        from: ModuleName,
        /// The module itself.
        to: ModuleName,
    },
    /// It used a module and does not any more: what it asks for is another version, which comes from outside.
    Lost {
        /// The module that it used.
        from: ModuleName,
        /// The module itself.
        to: ModuleName,
    },
    /// There is nothing to compare it with.
    New,
    /// The base does not have it.
    Added,
    /// The base has it, but not as a service.
    Service,
    /// It cannot be told what to compare it with.
    NoBase,
    /// It cannot be compared with its base.
    UnknownBase {
        /// The base.
        base: CommitId,
    },
}

impl Why {
    /// The module that the reason comes from, if it is another's.
    const fn from(&self) -> Option<&ModuleName> {
        match self {
            Self::Dependency { from, .. }
            | Self::Parent { from, .. }
            | Self::Plugin { from, .. }
            | Self::Bom { from, .. } => Some(from),
            Self::File { .. }
            | Self::Global { .. }
            | Self::Lockfile { .. }
            | Self::Lost { .. }
            | Self::New
            | Self::Added
            | Self::Service
            | Self::NoBase
            | Self::UnknownBase { .. } => None,
        }
    }
}

/// Completes `task-service ← …`; a reason from another module ends with that module's name.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aside = |detail: &Option<String>| {
            detail
                .as_ref()
                .map(|detail| format!(" ({detail})"))
                .unwrap_or_default()
        };
        match self {
            Self::File { path } => write!(f, "{path} changed"),
            Self::Global { path } => write!(f, "{path} changed, which counts for every service"),
            Self::Lockfile {
                path,
                package,
                before,
                after,
                more,
            } => {
                let version = |version: &Option<String>| version.clone().unwrap_or("none".into());
                write!(f, "{path} pins {package} {}", version(after))?;
                write!(f, " instead of {}", version(before))?;
                match more {
                    0 => Ok(()),
                    more => write!(f, " (and {more} more)"),
                }
            }
            Self::Dependency { from, detail, .. } => {
                write!(f, "depends on {from}{}", aside(detail))
            }
            Self::Parent { from, .. } => write!(f, "inherits from {from}"),
            Self::Plugin { from, detail, .. } => write!(f, "is built with {from}{}", aside(detail)),
            Self::Bom { from, .. } => write!(f, "imports versions from {from}"),
            Self::Lost { from, .. } => {
                write!(
                    f,
                    "used {from} of this repository at the base, and does not any more"
                )
            }
            Self::Service => f.write_str("is a service now, which it was not at the base"),
            Self::New => f.write_str("is new: there is nothing to compare it with"),
            Self::Added => f.write_str("is new: the base does not have it"),
            Self::NoBase => f.write_str("cannot be compared: no base is known"),
            Self::UnknownBase { base } => {
                write!(f, "cannot be compared with its base {}", base.short())
            }
        }
    }
}

/// One module that has to be rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModuleReport {
    /// Its name.
    pub name: ModuleName,
    /// Its folder at the head.
    pub path: RepoPath,
    /// What it is to a deployment.
    pub kind: ModuleKind,
    /// How it is concerned.
    pub change: Change,
    /// Every reason, sorted: its own files first, and of those no more than [`Options::most_files`](crate::Options) allows.
    pub why: Vec<Why>,
    /// Whether more of its files may have changed than `why` names.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// What `mvn -pl` takes for it, where that is not its folder.
    #[serde(skip)]
    pub selector: Option<String>,
}

/// What changed between a base and a head, and what has to be done about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Detection {
    /// The version of this document's form: 1.
    pub schema: u32,
    /// The commit compared with; none if there is none, or if services have different ones.
    pub base: Option<CommitId>,
    /// Each service's own base, where they were given.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bases: BTreeMap<ModuleName, CommitId>,
    /// The commit to deploy.
    pub head: CommitId,
    /// How the repository is divided into modules; never [`Layout::Auto`].
    pub layout: Layout,
    /// How far this is to be trusted.
    pub confidence: Confidence,
    /// Why it is not exact.
    pub reason: Option<String>,
    /// The services to deploy, sorted by name.
    pub services: Vec<ModuleName>,
    /// How many services the head has in all.
    pub services_total: usize,
    /// Every module that has to be rebuilt, sorted by name.
    pub modules: Vec<ModuleReport>,
    /// The services that the base has and the head has not, sorted by name.
    pub removed: Vec<ModuleName>,
    /// The order to build `modules` in, one after the other.
    pub order: Vec<ModuleName>,
    /// The order to build `modules` in, as much as possible at once: each wave needs only waves before it.
    pub waves: Vec<Vec<ModuleName>>,
    /// Modules of the head that need each other, where the build allows it; the first of each circle is repeated last.
    /// The order passes over one edge of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cycles: Vec<Vec<ModuleName>>,
    /// Files that changed and belong to no module, sorted.
    pub unowned: Vec<RepoPath>,
}

impl Detection {
    /// Whether no service is to be deployed and none was removed.
    ///
    /// Shared modules alone do not count: a service that uses one is affected by it.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.removed.is_empty()
    }

    /// The report on a module, if it has to be rebuilt.
    pub fn module(&self, name: &ModuleName) -> Option<&ModuleReport> {
        let index = self
            .modules
            .binary_search_by(|module| module.name.cmp(name))
            .ok()?;
        self.modules.get(index)
    }

    /// What `mvn -pl` takes for the modules to rebuild, in the order to build them in; empty if there is nothing to build,
    /// for which Maven has no word.
    pub fn maven_projects(&self) -> String {
        let project = |module: &ModuleReport| {
            let selector = module.selector.clone();
            selector.unwrap_or_else(|| module.path.to_string())
        };
        let modules = self.order.iter().filter_map(|name| self.module(name));
        modules.map(project).collect::<Vec<_>>().join(",")
    }

    /// Why a module has to be rebuilt, in one line for people: the shortest chain of reasons.
    ///
    /// `task-service ← depends on common-event (compile scope) ← common-event/src/A.java changed`. None if it has not.
    pub fn explain(&self, service: &ModuleName) -> Option<String> {
        self.chain(service).map(|chain| sentence(service, &chain))
    }

    /// The shortest chain of reasons why a module has to be rebuilt, from the module to what began it. None if it has not.
    pub fn chain(&self, service: &ModuleName) -> Option<Vec<&Why>> {
        let start = self.module(service)?;
        // Breadth first, so that the first reason found that is nobody else's ends the shortest chain.
        let mut queue = VecDeque::from([(start, vec![])]);
        let mut seen = BTreeSet::from([&start.name]);
        let mut cut_short: Option<Vec<&Why>> = None;
        while let Some((module, chain)) = queue.pop_front() {
            let with = |why| chain.iter().copied().chain([why]).collect::<Vec<&Why>>();
            if let Some(own) = module.why.iter().find(|why| why.from().is_none()) {
                return Some(with(own));
            }
            for why in &module.why {
                let Some(from) = why.from() else { continue };
                match self.module(from) {
                    Some(next) if seen.insert(from) => queue.push_back((next, with(why))),
                    Some(_) => {}
                    // The other module is up to date by its own base, so it has no report.
                    None => _ = cut_short.get_or_insert_with(|| with(why)),
                }
            }
        }
        cut_short
    }
}

fn sentence(service: &ModuleName, chain: &[&Why]) -> String {
    chain.iter().fold(service.to_string(), |sentence, why| {
        format!("{sentence} ← {why}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ModuleName {
        name.parse().unwrap()
    }

    fn report(module: &str, why: Vec<Why>) -> ModuleReport {
        let (path, kind) = (RepoPath::from_bytes(module).unwrap(), ModuleKind::Service);
        ModuleReport {
            name: name(module),
            path,
            kind,
            change: Change::Affected,
            why,
            more: false,
            selector: None,
        }
    }

    fn depends(on: &str, module: &str) -> Why {
        Why::Dependency {
            from: name(on),
            to: name(module),
            detail: Some("compile scope".to_owned()),
        }
    }

    fn detection(modules: Vec<ModuleReport>) -> Detection {
        Detection {
            schema: 1,
            base: None,
            bases: BTreeMap::new(),
            head: "a".repeat(40).parse().unwrap(),
            layout: Layout::Maven,
            confidence: Confidence::Exact,
            reason: None,
            services: modules.iter().map(|module| module.name.clone()).collect(),
            services_total: 1,
            modules,
            removed: vec![],
            order: vec![],
            waves: vec![],
            cycles: vec![],
            unowned: vec![],
        }
    }

    #[test]
    fn explains_with_the_shortest_chain() {
        let file = Why::File {
            path: RepoPath::from_bytes("d/A.java").unwrap(),
        };
        let detection = detection(vec![
            report("a", vec![depends("b", "a"), depends("c", "a")]),
            report("b", vec![depends("c", "b")]),
            report("c", vec![depends("d", "c")]),
            report("d", vec![file]),
        ]);
        assert_eq!(
            detection.explain(&name("a")).as_deref(),
            Some(
                "a ← depends on c (compile scope) ← depends on d (compile scope) ← d/A.java changed"
            )
        );
        assert_eq!(detection.explain(&name("e")), None);
    }

    #[test]
    fn a_chain_ends_at_a_module_that_is_not_rebuilt() {
        let detection = detection(vec![report("a", vec![depends("b", "a")])]);
        assert_eq!(
            detection.explain(&name("a")).as_deref(),
            Some("a ← depends on b (compile scope)")
        );
    }

    #[test]
    fn explaining_a_circle_of_reasons_ends() {
        let detection = detection(vec![
            report("a", vec![depends("b", "a")]),
            report("b", vec![depends("a", "b")]),
        ]);
        assert_eq!(detection.explain(&name("a")), None);
    }

    #[test]
    fn the_document_has_the_designed_form() {
        let file = Why::File {
            path: RepoPath::from_bytes("a/A.java").unwrap(),
        };
        let mut detection = detection(vec![report("a", vec![file, depends("b", "a")])]);
        detection.order = vec![name("a")];
        detection.waves = vec![vec![name("a")]];
        assert_eq!(
            serde_json::to_value(&detection).unwrap(),
            serde_json::json!({
                "schema": 1, "base": null, "head": "a".repeat(40), "layout": "maven", "confidence": "exact", "reason": null,
                "services": ["a"], "services_total": 1,
                "modules": [{"name": "a", "path": "a", "kind": "service", "change": "affected", "why": [
                    {"edge": "file", "path": "a/A.java"},
                    {"edge": "dependency", "from": "b", "to": "a", "detail": "compile scope"},
                ]}],
                "removed": [], "order": ["a"], "waves": [["a"]], "unowned": [],
            })
        );
    }
}
