//! The modules of a repository and what they depend on.

use serde::Serialize;

use crate::inventory::Part;
use crate::{ModuleName, RepoPath};

/// What a module is to a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ModuleKind {
    /// It is deployed by itself.
    Service,
    /// It is built into others, or holds them together.
    Shared,
}

/// How one module depends on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EdgeKind {
    /// It uses what the other builds.
    Dependency,
    /// It inherits the other's build file.
    Parent,
    /// It is built with the other: a plugin, a plugin's dependency, a build extension.
    Plugin,
    /// It takes versions from the other (Maven: a dependency of scope `import`). Says nothing about the order to build in.
    Bom,
}

impl EdgeKind {
    /// The kind's name, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dependency => "dependency",
            Self::Parent => "parent",
            Self::Plugin => "plugin",
            Self::Bom => "bom",
        }
    }

    /// Whether the other has to be built first.
    pub(crate) const fn orders(self) -> bool {
        !matches!(self, Self::Bom)
    }

    /// Whether only the other's build file comes through, not what it builds.
    pub(crate) const fn carries_model_only(self) -> bool {
        matches!(self, Self::Parent | Self::Bom)
    }
}

/// One module that a module depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Dependency {
    /// The module that is depended on.
    pub on: ModuleName,
    /// How.
    pub kind: EdgeKind,
    /// More about it, such as `compile scope`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether the other's tests are used as well, not only what it builds.
    #[serde(skip)]
    tests: bool,
    /// Whether only this module's own tests use the other.
    #[serde(skip)]
    tests_only: bool,
    /// Whether it says nothing about the order to build in, whatever its kind.
    #[serde(skip)]
    unordered: bool,
}

impl Dependency {
    pub(crate) const fn new(on: ModuleName, kind: EdgeKind, detail: Option<String>) -> Self {
        Self {
            on,
            kind,
            detail,
            tests: false,
            tests_only: false,
            unordered: false,
        }
    }

    /// The same, but whether the other's tests are used as well.
    pub(crate) const fn with_tests(mut self, tests: bool) -> Self {
        self.tests = tests;
        self
    }

    /// The same, but whether only this module's own tests use the other: then nobody else sees a change in it.
    pub(crate) const fn for_tests_only(mut self, tests_only: bool) -> Self {
        self.tests_only = tests_only;
        self
    }

    /// The same, but without a say in the order to build in.
    pub(crate) const fn unordered(mut self) -> Self {
        self.unordered = true;
        self
    }

    /// Whether the other has to be built first. Tests may need what needs their module, so they do not say.
    pub(crate) const fn orders(&self) -> bool {
        self.kind.orders() && !self.tests_only && !self.unordered
    }

    pub(crate) const fn uses_tests(&self) -> bool {
        self.tests
    }

    /// Whether a change in a part of the other module comes through. What arrives is as if [`arrives`](Self::arrives)
    /// of this module had changed.
    pub(crate) const fn carries(&self, part: Part) -> bool {
        match part {
            Part::Model => true,
            Part::Main => !self.kind.carries_model_only(),
            Part::Test => self.tests,
        }
    }

    /// The part of this module that a change which comes through counts for.
    pub(crate) const fn arrives(&self) -> Part {
        if self.tests_only {
            Part::Test
        } else if self.kind.carries_model_only() {
            Part::Model
        } else {
            Part::Main
        }
    }
}

/// A module at one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Module {
    /// Its name.
    pub name: ModuleName,
    /// Its folder.
    pub path: RepoPath,
    /// What it is to a deployment.
    pub kind: ModuleKind,
    /// The modules of the repository that it depends on, directly.
    pub dependencies: Vec<Dependency>,
}
