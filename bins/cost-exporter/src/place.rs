//! Where the ledger is.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cost_exporter::sim::MemoryLedger;
use cost_exporter::{Error, FileLedger, Ledger, LedgerState, LedgerVersion};
use windlass_cli::Failure;

/// A ledger's place, as it is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Nowhere,
    File(PathBuf),
    S3 { bucket: String, key: String },
}

impl Place {
    /// Reads `none`, `s3://BUCKET/KEY` or a path. Without a name it is the user's state folder; for costs that were saved it is
    /// nowhere, because trying things out must not be taken for the account's history.
    pub(crate) fn find(name: Option<&str>, saved: bool) -> Result<Self, Failure> {
        match name {
            Some("none") => Ok(Self::Nowhere),
            Some("") => {
                Err(Failure::usage("--ledger is empty")
                    .hint("name a file, s3://BUCKET/KEY or none"))
            }
            Some(text) if text.starts_with("s3://") => {
                let (bucket, key) = text
                    .trim_start_matches("s3://")
                    .split_once('/')
                    .unwrap_or((text, ""));
                if bucket.is_empty() || key.is_empty() || key.ends_with('/') {
                    return Err(Failure::usage(format!("`{text}` is no object of S3")).hint(
                        "write s3://BUCKET/KEY, such as s3://my-bucket/cost-exporter/ledger.json",
                    ));
                }
                Ok(Self::S3 {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                })
            }
            Some(path) => Ok(Self::File(path.into())),
            None if saved => Ok(Self::Nowhere),
            None => state_folder()
                .map(|folder| Self::File(folder.join("windlass").join("cost-exporter-ledger.json")))
                .ok_or_else(|| {
                    Failure::usage(
                        "there is no place for the ledger: neither XDG_STATE_HOME nor HOME is set",
                    )
                    .hint("name one with --ledger FILE, --ledger s3://BUCKET/KEY, or --ledger none")
                }),
        }
    }

    /// A ledger on this machine; `None` for one in S3.
    pub(crate) fn local(&self) -> Result<Option<Box<dyn Ledger>>, Failure> {
        match self {
            Self::Nowhere => Ok(Some(Box::new(MemoryLedger::default()))),
            Self::File(path) => {
                replaceable(path)?;
                make_folder(path)?;
                Ok(Some(Box::new(FileLedger::new(path))))
            }
            Self::S3 { .. } => Ok(None),
        }
    }
}

fn state_folder() -> Option<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local").join("state")))
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::usage(format!(
            "cannot make the folder of the ledger `{}`",
            path.display()
        ))
        .caused_by(&error)
    })
}

/// Whether what is at a path may be replaced: nothing, or a file, over links too.
pub(crate) fn replaceable(path: &Path) -> Result<(), Failure> {
    let system = ["/dev", "/proc"]
        .iter()
        .any(|folder| path.starts_with(folder));
    let is_file = std::fs::metadata(path).map_or(true, |found| found.is_file());
    if is_file && (!system || path.starts_with("/dev/shm")) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "`{}` is no file that can be replaced",
        path.display()
    ))
    .hint("name a file; metrics go to stdout with --sink stdout"))
}

/// A ledger of a dry run: it is not written, but for the requests that are paid for all the same.
#[derive(Debug)]
pub(crate) struct Frozen {
    ledger: Box<dyn Ledger>,
    loaded: Mutex<LedgerState>,
}

impl Frozen {
    pub(crate) fn new(ledger: Box<dyn Ledger>) -> Self {
        Self {
            ledger,
            loaded: Mutex::default(),
        }
    }

    fn loaded(&self) -> MutexGuard<'_, LedgerState> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for Frozen {
    async fn load(&self) -> Result<(LedgerState, LedgerVersion), Error> {
        let (state, version) = self.ledger.load().await?;
        self.loaded().clone_from(&state);
        Ok((state, version))
    }

    async fn save(
        &self,
        state: &LedgerState,
        over: &LedgerVersion,
    ) -> Result<LedgerVersion, Error> {
        let mut counted = self.loaded().clone();
        if counted.requests == state.requests {
            return Ok(over.clone());
        }
        counted.requests.clone_from(&state.requests);
        let version = self.ledger.save(&counted, over).await?;
        *self.loaded() = counted;
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_place_is_told_by_its_name() {
        let find = |name| Place::find(Some(name), false).map_err(|failure| failure.to_string());
        assert_eq!(find("none"), Ok(Place::Nowhere));
        assert_eq!(find("a/b.json"), Ok(Place::File("a/b.json".into())));
        assert_eq!(
            find("s3://b/k/l"),
            Ok(Place::S3 {
                bucket: "b".to_owned(),
                key: "k/l".to_owned()
            })
        );
        for bad in ["", "s3://", "s3://b", "s3://b/", "s3:///k", "s3://b/k/"] {
            assert!(find(bad).is_err(), "{bad}");
        }
        assert_eq!(Place::find(None, true).unwrap(), Place::Nowhere);
    }
}
