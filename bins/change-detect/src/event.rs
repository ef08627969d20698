//! Why this process runs: its flags, or the event of GitHub Actions that started it.

use std::path::PathBuf;

use change_detect::Situation;
use windlass_cli::Failure;

use crate::args::DetectArgs;

/// What GitHub Actions says in the environment.
#[derive(Debug, Default)]
pub(crate) struct Event {
    name: Option<String>,
    path: Option<PathBuf>,
    commit: Option<String>,
}

impl Event {
    /// Reads GITHUB_EVENT_NAME, GITHUB_EVENT_PATH and GITHUB_SHA.
    /// <https://docs.github.com/actions/reference/workflows-and-actions/variables>
    pub(crate) fn from_env() -> Self {
        let text = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            name: text("GITHUB_EVENT_NAME"),
            path: text("GITHUB_EVENT_PATH").map(PathBuf::from),
            commit: text("GITHUB_SHA"),
        }
    }

    /// The situation that the flags name, or else the event.
    pub(crate) fn situation(&self, args: &DetectArgs) -> Result<Situation, Failure> {
        let named = args.place.head.clone();
        let head = || named.clone().unwrap_or_else(|| "HEAD".to_owned());
        if let Some(base) = &args.base {
            return Ok(Situation::Revisions {
                base: base.clone(),
                head: head(),
            });
        }
        if let Some(trunk) = &args.since {
            return Ok(Situation::Since {
                trunk: trunk.clone(),
                head: head(),
            });
        }
        if args.place.worktree {
            return Ok(Situation::Revisions {
                base: "HEAD".to_owned(),
                head: "HEAD".to_owned(),
            });
        }
        let Some(name) = &self.name else {
            return Ok(Situation::Local { head: head() });
        };
        let payload = match &self.path {
            Some(path) => std::fs::read(path).map_err(|error| {
                Failure::usage(format!("cannot read the event at `{}`", path.display()))
                    .caused_by(&error)
                    .hint(
                        "GITHUB_EVENT_PATH names the event's payload; give --base to do without it",
                    )
            })?,
            None => Vec::new(),
        };
        let commit = self.commit.as_deref().unwrap_or("HEAD");
        let situation = Situation::github(name, &payload, commit).map_err(|error| {
            Failure::from_error(windlass_cli::Exit::Usage, &error)
                .hint("name what to compare with by --base, --since or --bases")
        })?;
        Ok(match named {
            // Another commit to look at; what it is compared with is still the event's to say.
            Some(head) => Situation::At {
                situation: Box::new(situation),
                head,
            },
            None => situation,
        })
    }
}
