//! What can go wrong, by what the caller can do about it.

use std::path::PathBuf;

use thiserror::Error;

use crate::{CommitId, Layout, ModuleName, RepoPath};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why changes could not be detected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither the folder nor any above it is a git repository, or it cannot be opened.
    #[error("`{}` is not in a git repository", path.display())]
    NotARepository {
        /// The folder that was asked for.
        path: PathBuf,
        /// What git's reader said.
        #[source]
        source: Source,
    },
    /// The repository is bare: there are no files to look at.
    #[error("`{}` has no work tree", path.display())]
    NoWorktree {
        /// The repository.
        path: PathBuf,
    },
    /// The repository has no commit yet.
    #[error("the repository has no commits")]
    NoCommits,
    /// No commit of the repository goes by that name.
    #[error("no commit is named `{revision}`")]
    UnknownRevision {
        /// The revision that was asked for.
        revision: String,
        /// What git's reader said.
        #[source]
        source: Option<Source>,
    },
    /// The commit to look at is not in the repository: cut off in a shallow clone, or never fetched.
    #[error("the commit to look at, `{head}`, is not in the repository")]
    UnknownHead {
        /// The commit.
        head: CommitId,
    },
    /// The commit to compare with is not in the repository: forced away, or cut off in a shallow clone.
    #[error("the base `{base}`{} is not in the repository", service.as_ref().map(|s| format!(" of `{s}`")).unwrap_or_default())]
    UnknownBase {
        /// The base.
        base: CommitId,
        /// The service that is to be compared with it, where each has its own.
        service: Option<ModuleName>,
    },
    /// The commit to compare with is here, but its build files cannot be understood. History cannot be corrected.
    #[error("the modules of the base {} cannot be told", base.short())]
    UnreadableBase {
        /// The base.
        base: CommitId,
        /// What is wrong with it.
        #[source]
        source: Box<Self>,
    },
    /// It cannot be told what to compare with.
    #[error("it cannot be told what changed: {reason}")]
    NoBase {
        /// Why.
        reason: String,
    },
    /// Something is left to the `git` program, and it could not be started.
    #[error("`git` could not be started")]
    NoGit {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something is left to the `git` program, which would run what the configuration of another user's repository names.
    #[error("`{}` belongs to another user, so git is not used in it", path.display())]
    NotOwned {
        /// The repository.
        path: PathBuf,
    },
    /// The remote could not be asked for more history.
    #[error("cannot fetch more history")]
    NotFetched {
        /// What git said.
        #[source]
        source: Source,
    },
    /// An object of the repository is missing or damaged.
    #[error("cannot read {what}")]
    Unreadable {
        /// The object, in words.
        what: String,
        /// What git's reader said.
        #[source]
        source: Option<Source>,
    },
    /// A glob cannot be understood, or a list of globs could never match.
    #[error("the glob `{glob}` is not valid")]
    InvalidGlob {
        /// The glob.
        glob: String,
        /// What is wrong with it.
        #[source]
        source: Source,
    },
    /// A pom cannot be understood.
    #[error("`{path}` at {} is not a valid pom: line {line}, column {column}", commit.short())]
    InvalidPom {
        /// The commit that has it.
        commit: CommitId,
        /// The pom's path.
        path: RepoPath,
        /// The line of the problem, from 1.
        line: usize,
        /// The column of the problem in characters, from 1.
        column: usize,
        /// The problem.
        #[source]
        source: Source,
    },
    /// Layout `maven` was asked for, and there is no pom at the root.
    #[error("there is no `pom.xml` at the root of {}", commit.short())]
    NoReactor {
        /// The commit.
        commit: CommitId,
    },
    /// A layout was asked for, and the file that it begins with is not at the root.
    #[error("there is no `{file}` at the root of {}", commit.short())]
    NoManifest {
        /// The commit.
        commit: CommitId,
        /// The file that is looked for, such as `Cargo.toml`.
        file: &'static str,
    },
    /// No module is a service, neither at the head nor at what it is compared with: then nothing could ever be found.
    #[error("no folder is a service at {}: layout `{layout}`, {}", commit.short(), listed(globs))]
    NoServices {
        /// The head.
        commit: CommitId,
        /// The layout that was asked for or found.
        layout: Layout,
        /// The globs of folders that are services; none if the layout was to say.
        globs: Vec<String>,
    },
    /// A build file (other than a pom) or a list of workspace members cannot be understood.
    #[error("`{path}` at {} is not valid{}", commit.short(), place(*.position))]
    InvalidManifest {
        /// The commit that has it.
        commit: CommitId,
        /// The file's path.
        path: RepoPath,
        /// The line and the column of the problem, both from 1, where they are known.
        position: Option<(usize, usize)>,
        /// The problem.
        #[source]
        source: Source,
    },
    /// Two modules have the same coordinates.
    #[error("`{first}` and `{second}` are both the module `{name}`")]
    DuplicateModule {
        /// The name they share.
        name: ModuleName,
        /// The path of the one.
        first: RepoPath,
        /// The path of the other.
        second: RepoPath,
    },
    /// Modules depend on each other in a circle, so there is no order to build them in.
    #[error("modules depend on each other in a circle: {}", modules.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → "))]
    Cycle {
        /// The circle; each depends on the next, and the last is the first again.
        modules: Vec<ModuleName>,
    },
}

impl Error {
    /// Whether the input has to be corrected. Otherwise the repository at hand cannot answer the question.
    pub const fn is_usage(&self) -> bool {
        !matches!(
            self,
            Self::UnknownHead { .. }
                | Self::UnknownBase { .. }
                | Self::UnreadableBase { .. }
                | Self::NoBase { .. }
                | Self::NoGit { .. }
                | Self::NotOwned { .. }
                | Self::NotFetched { .. }
                | Self::Unreadable { .. }
        )
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotARepository { .. } => "name a folder of a git repository, or run `git init` and commit first".to_owned(),
            Self::NoWorktree { .. } => "name a commit instead".to_owned(),
            Self::NoCommits => "commit something first".to_owned(),
            Self::UnknownRevision { .. } => {
                "check the spelling; a shallow clone may lack it: fetch it with `git fetch --unshallow`, or set fetch-depth: 0".to_owned()
            }
            Self::UnknownHead { .. } => "check it out, or fetch it: `git fetch origin COMMIT`".to_owned(),
            Self::NoGit { .. } => {
                "install git, or put it on the PATH: it is needed to fetch, for work trees, partial clones and reftables".to_owned()
            }
            Self::NotOwned { path } => format!(
                "run as its owner, or say that you trust it: git config --global --add safe.directory {}",
                path.display()
            ),
            Self::NotFetched { .. } => "check the remote and its credentials, or fetch by hand: `git fetch --unshallow`".to_owned(),
            Self::UnknownBase { .. } | Self::NoBase { .. } => "fetch more history (`git fetch --unshallow`, fetch-depth: 0), name another base, \
                 or treat everything as changed with on-unknown = all"
                .to_owned(),
            Self::UnreadableBase { .. } => {
                "name another base, or treat everything as changed with on-unknown = all".to_owned()
            }
            Self::Unreadable { .. } => {
                "the clone may be partial or damaged: try `git fsck`, or clone without --filter=tree:0".to_owned()
            }
            Self::InvalidGlob { .. } => {
                "globs are paths from the root with `*`, `**`, `?`, `[…]` and `{…}`; put a positive glob before one with `!`".to_owned()
            }
            Self::InvalidPom { .. } => "`mvn validate` shows what Maven makes of it".to_owned(),
            Self::InvalidManifest { .. } => "correct it, or choose the layout directories".to_owned(),
            Self::NoReactor { .. } | Self::NoManifest { .. } => "choose the layout directories, or auto".to_owned(),
            Self::NoServices { .. } => "name the folders that are services, such as `services = [\"apps/*\"]` (on the command line \
                 --services 'apps/*'), or choose the layout that fits the repository"
                .to_owned(),
            Self::DuplicateModule { .. } => "give one of them another name: `name` in its manifest, `artifactId` in its pom".to_owned(),
            Self::Cycle { .. } => "move what they share into a module of its own".to_owned(),
        })
    }
}

fn listed(globs: &[String]) -> String {
    if globs.is_empty() {
        return "no globs".to_owned();
    }
    let quoted: Vec<String> = globs.iter().map(|glob| format!("`{glob}`")).collect();
    format!("globs {}", quoted.join(", "))
}

fn place(position: Option<(usize, usize)>) -> String {
    position
        .map(|(line, column)| format!(": line {line}, column {column}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_base_names_its_service_and_a_remedy() {
        let error = Error::UnknownBase {
            base: "a".repeat(40).parse().unwrap(),
            service: Some("api".parse().unwrap()),
        };
        assert_eq!(
            error.to_string(),
            format!(
                "the base `{}` of `api` is not in the repository",
                "a".repeat(40)
            )
        );
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("--unshallow"))
        );
        assert!(!error.is_usage());
    }

    #[test]
    fn a_circle_is_shown_closed() {
        let modules = ["a", "b", "a"].map(|name| name.parse().unwrap()).to_vec();
        assert_eq!(
            Error::Cycle { modules }.to_string(),
            "modules depend on each other in a circle: a → b → a"
        );
    }
}
