//! Upload sessions: what has come of a blob so far, in a temporary file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hyper::StatusCode;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::answer::{Refusal, Stop};
use super::intake::Intake;
use crate::{BlobReader, Content, Digest};

/// All upload sessions of a server.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// Where their files are; the system's folder for temporary files if it is not said.
    folder: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: BTreeMap<String, Session>,
    /// Those that ended because their PUT failed.
    failed: BTreeSet<String>,
}

/// One upload session.
#[derive(Debug)]
struct Session {
    /// The path of the repository that the blob is for.
    path: String,
    spool: Arc<tokio::sync::Mutex<Spool>>,
}

/// What has come so far.
#[derive(Debug)]
pub(super) struct Spool {
    file: NamedTempFile,
    writer: tokio::fs::File,
    mark: Mark,
    /// Where a PUT began that has not ended well.
    pending: Option<Mark>,
    pub(super) patches: u64,
}

#[derive(Debug, Clone, Default)]
struct Mark {
    size: u64,
    hasher: Sha256,
}

impl Sessions {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            state: Mutex::default(),
        }
    }

    pub(super) fn begin(&self, path: &str) -> io::Result<String> {
        let spool = self.spool()?;
        let mut state = self.lock();
        state.next += 1;
        let id = format!("session-{}", state.next);
        let session = Session {
            path: path.to_owned(),
            spool: Arc::new(tokio::sync::Mutex::new(spool)),
        };
        state.open.insert(id.clone(), session);
        Ok(id)
    }

    /// An empty file, of no session.
    pub(super) fn spool(&self) -> io::Result<Spool> {
        let builder = tempfile::Builder::new();
        let file = match &self.folder {
            Some(folder) => builder.tempfile_in(folder),
            None => builder.tempfile(),
        }?;
        Ok(Spool {
            writer: tokio::fs::File::from_std(file.reopen()?),
            file,
            mark: Mark::default(),
            pending: None,
            patches: 0,
        })
    }

    /// What has come in a session; one request at a time has it.
    pub(super) fn find(
        &self,
        path: &str,
        id: &str,
    ) -> Result<Arc<tokio::sync::Mutex<Spool>>, Refusal> {
        let state = self.lock();
        if state.failed.contains(id) {
            return Err(Refusal::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "BLOB_UPLOAD_UNKNOWN",
                format!("the upload session `{id}` ended when its PUT failed"),
            ));
        }
        let session = state.open.get(id).filter(|session| session.path == path);
        session
            .map(|session| Arc::clone(&session.spool))
            .ok_or_else(|| {
                let message = format!("there is no upload session `{id}`");
                Refusal::not_found("BLOB_UPLOAD_UNKNOWN", message)
            })
    }

    pub(super) fn end(&self, id: &str) {
        self.lock().open.remove(id);
    }

    /// Ends a session whose PUT failed, so that it can be told from one that never was.
    pub(super) fn fail(&self, path: &str, id: &str) {
        let mut state = self.lock();
        let is_its = |session: &Session| session.path == path;
        if state.open.get(id).is_some_and(is_its) {
            state.open.remove(id);
            state.failed.insert(id.to_owned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spool {
    pub(super) const fn size(&self) -> u64 {
        self.mark.size
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::finish(self.mark.hasher.clone())
    }

    pub(super) fn file(&self) -> &Path {
        self.file.path()
    }

    /// Adds a part.
    pub(super) async fn append(&mut self, intake: &mut Intake) -> Result<(), Stop> {
        // A client that hung up may have left more in the file than was counted.
        self.writer.flush().await?;
        self.writer.set_len(self.mark.size).await?;
        self.writer
            .seek(io::SeekFrom::Start(self.mark.size))
            .await?;
        while let Some(bytes) = intake.next().await? {
            self.writer.write_all(&bytes).await?;
            self.mark.hasher.update(&bytes);
            self.mark.size += bytes.len() as u64;
        }
        Ok(self.writer.flush().await?)
    }

    /// Begins a PUT. Until the session ends, the next request finds it as it is now.
    pub(super) fn begin_put(&mut self) {
        self.pending = Some(self.mark.clone());
    }

    /// Whether the last PUT failed, in whatever way: a client that hangs up ends its request anywhere.
    pub(super) const fn has_failed(&self) -> bool {
        self.pending.is_some()
    }

    /// Forgets what came with a PUT that failed.
    pub(super) fn rewind(&mut self) {
        if let Some(mark) = self.pending.take() {
            self.mark = mark;
        }
    }
}

/// A file as a blob's content.
#[derive(Debug)]
pub(super) struct Spooled<'a>(pub(super) &'a Path);

#[async_trait]
impl Content for Spooled<'_> {
    async fn open(&self) -> io::Result<BlobReader> {
        Ok(Box::pin(tokio::fs::File::open(self.0).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_is_its_repositorys_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let sessions = Sessions::new(Some(folder.path().to_owned()));
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        let session = sessions.begin("app").unwrap();
        assert!(sessions.find("app", &session).is_ok());
        let other = sessions.find("other", &session).unwrap_err();
        assert_eq!(other.status, StatusCode::NOT_FOUND);
        assert_eq!(files(), 1);
        sessions.fail("other", &session);
        assert!(sessions.find("app", &session).is_ok());
        sessions.fail("app", &session);
        let failed = sessions.find("app", "session-1").unwrap_err();
        assert_eq!(failed.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(files(), 0, "nothing is left behind");
    }

    #[tokio::test]
    async fn a_put_that_failed_is_forgotten() {
        let mut spool = Sessions::default().spool().unwrap();
        let before = spool.digest();
        spool.begin_put();
        spool.mark.size = 4;
        spool.mark.hasher.update(b"half");
        assert!(spool.has_failed());
        spool.rewind();
        assert_eq!((spool.size(), spool.digest()), (0, before));
        assert!(!spool.has_failed());
    }
}
