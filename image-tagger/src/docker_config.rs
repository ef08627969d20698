//! What `docker login` left behind.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use docker_credential::{CredentialRetrievalError, DockerCredential};

use crate::{Credential, Credentials, Error};

/// Credentials from a docker `config.json`: its `auths`, its `credHelpers` and its `credsStore`.
///
/// A helper is the program `docker-credential-NAME` on the `PATH`. The file is read anew each time, so that a login during a
/// long push counts. Without the file, or without an entry for the host, the registry is used anonymously.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    path: PathBuf,
}

impl DockerConfig {
    /// The configuration in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

#[async_trait]
impl Credentials for DockerConfig {
    async fn credential(&self, host: &str) -> Result<Option<Credential>, Error> {
        let (path, server) = (self.path.clone(), host.to_owned());
        // A helper is a program that may take its time.
        let looked_up = tokio::task::spawn_blocking(move || look_up(&path, &server)).await;
        match looked_up {
            Ok(found) => found,
            Err(error) => Err(failed(&self.path, host, error.to_string())),
        }
    }
}

fn look_up(path: &Path, host: &str) -> Result<Option<Credential>, Error> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, host, error.to_string())),
    };
    match docker_credential::get_credential_from_reader(bytes.as_slice(), host) {
        Ok(DockerCredential::UsernamePassword(user, secret)) => {
            Ok(Some(Credential::new(user, secret)))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(failed(
            path,
            host,
            "it holds an identity token, which this client cannot use".to_owned(),
        )),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // Helpers say this on stdout and end with 1 (docker-credential-helpers, credentials/error.go).
        Err(CredentialRetrievalError::HelperFailure { stdout, .. })
            if stdout.contains("credentials not found") =>
        {
            Ok(None)
        }
        // What a helper wrote to stdout may be a secret; what it wrote to stderr is for people.
        Err(CredentialRetrievalError::HelperFailure { helper, stderr, .. }) => Err(failed(
            path,
            host,
            format!("`{helper}` failed: {}", stderr.trim()),
        )),
        Err(error) => Err(failed(path, host, error.to_string())),
    }
}

fn failed(path: &Path, host: &str, problem: String) -> Error {
    Error::Credentials {
        host: host.to_owned(),
        remedy: Some(format!(
            "look into `{}`, or log in again with `docker login {host}`",
            path.display()
        )),
        source: problem.into(),
    }
}

/// Several places to look for credentials; the first that has some for a host decides. ECR's own token belongs before a
/// docker configuration, where a login that ran out may still stand.
#[derive(Debug, Clone, Default)]
pub struct FirstOf(Vec<Arc<dyn Credentials>>);

impl FirstOf {
    /// These, in this order.
    pub fn new(places: Vec<Arc<dyn Credentials>>) -> Self {
        Self(places)
    }
}

#[async_trait]
impl Credentials for FirstOf {
    async fn credential(&self, host: &str) -> Result<Option<Credential>, Error> {
        for place in &self.0 {
            if let Some(found) = place.credential(host).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StaticCredentials;

    fn config(text: &str) -> (tempfile::TempDir, DockerConfig) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        (folder, DockerConfig::new(path))
    }

    #[tokio::test]
    async fn a_login_is_found_by_its_host() {
        // base64 of `user:secret`
        let (_folder, config) =
            config(r#"{"auths":{"registry.example":{"auth":"dXNlcjpzZWNyZXQ="}}}"#);
        let found = config.credential("registry.example").await.unwrap();
        assert_eq!(found, Some(Credential::new("user", "secret")));
        assert_eq!(config.credential("other.example").await.unwrap(), None);
    }

    #[tokio::test]
    async fn without_a_file_there_is_none_and_a_broken_one_is_an_error_that_names_it() {
        let (folder, config) = config("{");
        let nothing = DockerConfig::new(folder.path().join("other.json"));
        assert_eq!(nothing.credential("registry.example").await.unwrap(), None);
        let error = config.credential("registry.example").await.unwrap_err();
        assert!(error.hint().unwrap().contains("config.json"), "{error:?}");
    }

    #[tokio::test]
    async fn a_helper_that_is_missing_is_an_error_and_shows_no_secret() {
        let (_folder, config) = config(
            r#"{"auths":{"b.example":{"auth":"dXNlcjpzZWNyZXQ="}},"credHelpers":{"a.example":"of-nobody"}}"#,
        );
        let error = config.credential("a.example").await.unwrap_err();
        assert!(!format!("{error:?}").contains("dXNlcjpzZWNyZXQ="));
        assert!(error.to_string().contains("a.example"));
    }

    #[tokio::test]
    async fn the_first_place_that_has_some_decides() {
        let fresh = StaticCredentials::new("a.example", Credential::new("AWS", "fresh"));
        let stale = StaticCredentials::new("a.example", Credential::new("AWS", "stale"));
        let other = StaticCredentials::new("b.example", Credential::new("user", "other"));
        let places = FirstOf::new(vec![Arc::new(fresh), Arc::new(stale), Arc::new(other)]);
        let secret = async |host| {
            let found = places.credential(host).await.unwrap();
            found.map(|credential| credential.secret().to_owned())
        };
        assert_eq!(secret("a.example").await.as_deref(), Some("fresh"));
        assert_eq!(secret("b.example").await.as_deref(), Some("other"));
        assert_eq!(secret("c.example").await, None);
    }
}
