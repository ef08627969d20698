//! From a module to its image: take the one that the build has made, or pack the module's folder.

use std::path::PathBuf;
use std::sync::Arc;

use change_detect::{DiffSource, EntryKind, RepoPath, walk};
use image_tagger::{ImageSpec, OciDirectory, Source, pack};
use windlass_cli::{Exit, Failure};

use crate::checkout::Checkout;
use crate::config::{Build, Template};
use crate::failures;
use crate::plan::PlannedService;

/// The folder that a packed service stands in within its image.
const FOLDER_IN_IMAGE: &str = "app";

/// Makes the images of one run.
#[derive(Debug)]
pub(crate) struct Images<'a> {
    checkout: &'a Checkout,
    build: &'a Build,
}

impl<'a> Images<'a> {
    /// Images of the checkout's head. `packable` says whether a folder may be packed as it is: tasks of the local
    /// environment run no code, a container on Fargate has to.
    pub(crate) fn new(
        checkout: &'a Checkout,
        build: &'a Build,
        packable: bool,
    ) -> Result<Self, Failure> {
        if build.image.is_none() && !packable {
            return Err(Failure::usage("build.image is not set, so there is no image to deploy").hint(
                "say where the build leaves each image, for example build.image = \"oci:{path}/target/image\"",
            ));
        }
        if build.command.is_some() || build.image.is_some() {
            checkout.require_head_in_work_tree()?;
        }
        Ok(Self { checkout, build })
    }

    /// Where a service's image is read from.
    pub(crate) async fn source(
        &self,
        service: &PlannedService,
    ) -> Result<Arc<dyn Source>, Failure> {
        match &self.build.image {
            Some(image) => self.oci(service, image).await,
            None => self.packed(service),
        }
    }

    async fn oci(
        &self,
        service: &PlannedService,
        image: &Template,
    ) -> Result<Arc<dyn Source>, Failure> {
        let path = service.path.to_string();
        let values = [
            ("module", path.as_str()),
            ("service", service.module.as_str()),
            ("path", path.as_str()),
        ];
        let place = image.fill(&values);
        let place = place.strip_prefix("oci:").unwrap_or(&place);
        // `oci:DIR[:REF]`: a colon in the folder's own name must then be followed by a reference.
        let (folder, reference) = match place.rsplit_once(':') {
            Some((folder, reference)) if !reference.contains('/') => (folder, Some(reference)),
            _ => (place, None),
        };
        let folder: PathBuf = self.checkout.root().join(folder);
        let source = OciDirectory::open(&folder, reference)
            .await
            .map_err(|error| {
                Failure::from_error(Exit::Usage, &error)
                    .hint(error.hint())
                    .hint(format!(
                        "build.image expects the image of `{}` in `{}`",
                        service.module,
                        folder.display()
                    ))
            })?;
        Ok(Arc::new(source))
    }

    /// Packs the module's folder as it is in the commit: no file of the work tree can slip in.
    fn packed(&self, service: &PlannedService) -> Result<Arc<dyn Source>, Failure> {
        let (source, head) = (self.checkout.source(), self.checkout.head());
        let read = |path: &RepoPath| -> Result<Vec<u8>, Failure> {
            let bytes = source
                .read(&head.id, path)
                .map_err(|error| failures::detect(&error))?;
            bytes.ok_or_else(|| {
                Failure::unreachable(format!(
                    "`{path}` is listed at {} but cannot be read",
                    head.id.short()
                ))
            })
        };
        let mut spec = ImageSpec::new()
            .label("org.opencontainers.image.revision", head.id.as_str())
            .label("org.opencontainers.image.title", service.module.as_str())
            .created_seconds(head.seconds)
            .exposed_port(8080);
        for entry in
            walk(source, &head.id, &service.path).map_err(|error| failures::detect(&error))?
        {
            let below = entry
                .path
                .as_bytes()
                .strip_prefix(service.path.as_bytes())
                .unwrap_or(entry.path.as_bytes());
            let mut name = FOLDER_IN_IMAGE.as_bytes().to_vec();
            if !below.starts_with(b"/") {
                name.push(b'/');
            }
            name.extend_from_slice(below);
            spec = match entry.kind {
                EntryKind::File { executable } => spec.file(&name, executable, read(&entry.path)?),
                EntryKind::Symlink => spec.symlink(&name, &read(&entry.path)?),
                // A submodule's files are another repository's.
                _ => spec,
            };
        }
        let packed = pack(&spec)
            .map_err(|error| Failure::from_error(Exit::Usage, &error).hint(error.hint()))?;
        Ok(Arc::new(packed))
    }
}
