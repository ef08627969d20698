//! What answers health checks for the stack's services: there is no load balancer and there are no tasks.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::http::{Request, Response, Server};

/// Answers `/NAME/api/SERVICE/…` as the service of a run called NAME does, which runs the build that it was told.
#[derive(Debug)]
pub(super) struct Balancer {
    server: Server,
    builds: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Balancer {
    pub(super) fn start() -> io::Result<Self> {
        let builds = Arc::new(Mutex::new(BTreeMap::new()));
        let known = Arc::clone(&builds);
        let server = Server::start(Arc::new(move |request| answer(&request, &known)))?;
        Ok(Self { server, builds })
    }

    /// Where the services of a run are.
    pub(super) fn url(&self, run: &str) -> String {
        format!("{}/{run}", self.server.url())
    }

    /// From now on the services of a run are of this commit.
    pub(super) fn serve(&self, run: &str, commit: &str) {
        self.builds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(run.to_owned(), commit.to_owned());
    }
}

fn answer(request: &Request, builds: &Mutex<BTreeMap<String, String>>) -> Response {
    let run = request
        .path()
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default();
    let builds = builds.lock().unwrap_or_else(PoisonError::into_inner);
    let body = match builds.get(run) {
        Some(commit) if request.path().ends_with("/info") => {
            json!({"git": {"commit": {"id": commit}}})
        }
        _ => json!({"status": "UP"}),
    };
    Response::new(200, "application/json", body.to_string())
}
