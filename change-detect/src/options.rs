//! What the caller decides.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use crate::{CommitId, ModuleName};

/// How a repository is divided into modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Layout {
    /// The first that the commit's root shows: [`Maven`](Self::Maven) by a `pom.xml`, [`Cargo`](Self::Cargo) by a
    /// `Cargo.toml` with `[workspace]`, [`Npm`](Self::Npm) by a `pnpm-workspace.yaml` or a `package.json` with `workspaces`,
    /// [`Go`](Self::Go) by a `go.work`, [`Gradle`](Self::Gradle) by a `settings.gradle` or `settings.gradle.kts`; else
    /// [`Directories`](Self::Directories), if that finds a service; else that of a single project at the root, by its
    /// `Cargo.toml`, `package.json`, `go.mod`, `build.gradle` or `build.gradle.kts`.
    #[default]
    Auto,
    /// Each folder directly under `services/` is a service, or each folder that [`Options::services`] matches. Nothing is
    /// known about dependencies.
    Directories,
    /// The modules of the Maven reactor whose root is `pom.xml`, with the edges that Maven itself sorts by.
    ///
    /// Services are the modules whose folder [`Options::services`] matches. By default they are those with a `Dockerfile`,
    /// `spring-boot-maven-plugin` or `jib-maven-plugin`; if there are none of those, the modules of packaging jar or war
    /// that no other depends on. A folder that only holds modules together (it has `<modules>`) owns its pom, `src` and
    /// `.mvn`; other files in it that no module owns are unowned. Children inherit only their parent's pom: another file
    /// of the parent does not affect them.
    Maven,
    /// The members of the Cargo workspace whose root is `Cargo.toml`.
    Cargo,
    /// The packages of the workspace of npm, pnpm or yarn whose root is `package.json`; without a workspace, that package.
    Npm,
    /// The modules that `go.work` uses; without one, every folder with a `go.mod`.
    Go,
    /// The projects that `settings.gradle` or `settings.gradle.kts` includes, as far as it can be read without running it;
    /// without settings, the project of the build file at the root.
    Gradle,
}

/// Text that is not a layout.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{layout}` is not a layout: it takes `auto`, `directories`, `maven`, `cargo`, `npm`, `go` or `gradle`"
)]
pub struct InvalidLayout {
    layout: String,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 7] = [
        Self::Auto,
        Self::Directories,
        Self::Maven,
        Self::Cargo,
        Self::Npm,
        Self::Go,
        Self::Gradle,
    ];

    /// The layout's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Directories => "directories",
            Self::Maven => "maven",
            Self::Cargo => "cargo",
            Self::Npm => "npm",
            Self::Go => "go",
            Self::Gradle => "gradle",
        }
    }
}

impl FromStr for Layout {
    type Err = InvalidLayout;

    fn from_str(layout: &str) -> Result<Self, Self::Err> {
        match layout {
            "auto" => Ok(Self::Auto),
            "directories" => Ok(Self::Directories),
            "maven" => Ok(Self::Maven),
            "cargo" => Ok(Self::Cargo),
            "npm" => Ok(Self::Npm),
            "go" => Ok(Self::Go),
            "gradle" => Ok(Self::Gradle),
            _ => Err(InvalidLayout {
                layout: layout.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What to do when a base cannot be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnUnknown {
    /// Fail, so that nothing is deployed on a guess.
    #[default]
    Fail,
    /// Take everything as changed, and say so ([`Confidence::OverApproximate`](crate::Confidence::OverApproximate)).
    All,
}

/// How to detect. The default: layout found out, its own idea of services, nothing global or ignored, fail on unknown.
///
/// The [crate documentation](crate#globs) says how globs are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    pub(crate) layout: Layout,
    pub(crate) services: Vec<String>,
    pub(crate) global: Vec<String>,
    pub(crate) ignore: Vec<String>,
    pub(crate) on_unknown: OnUnknown,
    pub(crate) most_files: Option<usize>,
}

impl Options {
    /// Sets how the repository is divided into modules.
    #[must_use]
    pub const fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Sets the globs of the folders that are services. Empty: as the layout has it.
    #[must_use]
    pub fn services<I: IntoIterator<Item = S>, S: Into<String>>(mut self, globs: I) -> Self {
        self.services = globs.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the globs of files whose change affects every service.
    #[must_use]
    pub fn global<I: IntoIterator<Item = S>, S: Into<String>>(mut self, globs: I) -> Self {
        self.global = globs.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the globs of files whose change means nothing; they outrank [`global`](Self::global).
    #[must_use]
    pub fn ignore<I: IntoIterator<Item = S>, S: Into<String>>(mut self, globs: I) -> Self {
        self.ignore = globs.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how many changed files to name as reasons for each module; none, the default, for all of them.
    ///
    /// What is found does not depend on it, but the time does: a folder of a module of which enough is known is not read.
    /// A few more may be named where they are found on the way.
    #[must_use]
    pub fn most_files(mut self, most: impl Into<Option<usize>>) -> Self {
        self.most_files = most.into().map(|most: usize| most.max(1));
        self
    }

    /// Sets what to do when a base cannot be compared with.
    #[must_use]
    pub const fn on_unknown(mut self, on_unknown: OnUnknown) -> Self {
        self.on_unknown = on_unknown;
        self
    }
}

/// What the head is compared with. For a deployment that is what runs, not where a branch began.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bases {
    /// Nothing: everything is new.
    Nothing,
    /// One commit for all.
    One(CommitId),
    /// Several commits for all, as where histories crossed: what differs from any of them counts.
    Each(Vec<CommitId>),
    /// It cannot be told what to compare with: an error, or everything counts ([`Options::on_unknown`]).
    Unknown {
        /// Why.
        reason: String,
    },
    /// Each service's own. A service at the head that has none is new; one that the head lacks is removed.
    PerService(BTreeMap<ModuleName, CommitId>),
    /// Each service's own, where some cannot be told.
    Partly {
        /// Those that are known.
        known: BTreeMap<ModuleName, CommitId>,
        /// Why the others are not: an error, or these services count ([`Options::on_unknown`]).
        unknown: BTreeMap<ModuleName, String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_reads_back_from_its_name() {
        for layout in Layout::ALL {
            assert_eq!(layout.to_string().parse(), Ok(layout));
        }
        assert_eq!(
            "bazel".parse::<Layout>().unwrap_err().to_string(),
            "`bazel` is not a layout: it takes `auto`, `directories`, `maven`, `cargo`, `npm`, `go` or `gradle`"
        );
    }
}
