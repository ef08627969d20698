//! Sources as people write them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::{DockerArchive, OciArchive, OciDirectory, Source};
use crate::Error;

/// Where an image is on this machine, as skopeo and others write it: `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`,
/// `docker-archive:FILE[:REF]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceName {
    transport: Transport,
    path: PathBuf,
    reference: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Oci,
    OciArchive,
    DockerArchive,
}

impl Transport {
    const ALL: [Self; 3] = [Self::Oci, Self::OciArchive, Self::DockerArchive];

    const fn name(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
            Self::DockerArchive => "docker-archive",
        }
    }
}

/// A text that names no source.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not an image: it takes `oci:DIR[:REF]`, `oci-archive:FILE[:REF]` or `docker-archive:FILE[:REF]`"
)]
pub struct InvalidSourceName {
    text: String,
}

impl FromStr for SourceName {
    type Err = InvalidSourceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSourceName {
            text: text.to_owned(),
        };
        let (transport, rest) = text.split_once(':').ok_or_else(invalid)?;
        let transport = Transport::ALL
            .into_iter()
            .find(|known| known.name() == transport)
            .ok_or_else(invalid)?;
        // A colon that is no part of the path begins the reference; a reference may hold one itself, a path should not.
        let (path, reference) = match rest.split_once(':') {
            Some((path, reference)) => (path, Some(reference.to_owned())),
            None => (rest, None),
        };
        if path.is_empty() || reference.as_ref().is_some_and(String::is_empty) {
            return Err(invalid());
        }
        Ok(Self {
            transport,
            path: path.into(),
            reference,
        })
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport.name(), self.path.display())?;
        match &self.reference {
            Some(reference) => write!(f, ":{reference}"),
            None => Ok(()),
        }
    }
}

impl SourceName {
    /// The folder or file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same source with its path taken from `folder`, if it is a relative one.
    #[must_use]
    pub fn within(self, folder: &Path) -> Self {
        Self {
            path: folder.join(&self.path),
            ..self
        }
    }

    /// Opens it.
    ///
    /// # Errors
    /// When there is no such image; see [`OciDirectory::open`], [`OciArchive::open`] and [`DockerArchive::open`].
    pub async fn open(&self) -> Result<Box<dyn Source>, Error> {
        let (path, reference) = (self.path.as_path(), self.reference.as_deref());
        Ok(match self.transport {
            Transport::Oci => Box::new(OciDirectory::open(path, reference).await?),
            Transport::OciArchive => Box::new(OciArchive::open(path, reference).await?),
            Transport::DockerArchive => Box::new(DockerArchive::open(path, reference).await?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_written() {
        for text in [
            "oci:target/image",
            "oci:target/image:v1",
            "oci-archive:/tmp/image.tar",
            "docker-archive:image.tar:user-service:1.4",
        ] {
            assert_eq!(text.parse::<SourceName>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "target/image",
            "dir:x",
            "oci:",
            "oci:x:",
            "docker://a.b/c",
        ] {
            let error = wrong.parse::<SourceName>().unwrap_err();
            assert!(error.to_string().contains("oci-archive:FILE"), "{error}");
        }
    }

    #[test]
    fn a_relative_path_is_taken_from_a_folder() {
        let name: SourceName = "oci:a:v1".parse().unwrap();
        assert_eq!(name.within(Path::new("/x")).to_string(), "oci:/x/a:v1");
        let name: SourceName = "oci:/a".parse().unwrap();
        assert_eq!(name.within(Path::new("/x")).to_string(), "oci:/a");
    }
}
