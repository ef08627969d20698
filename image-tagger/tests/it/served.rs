//! A served registry, and pushes of our own client to it.

use std::sync::Arc;
use std::time::Duration;

use image_tagger::sim::SimRegistry;
use image_tagger::sim::server::{LoggedRequest, Quirks, RegistryServer, RequestKind};
use image_tagger::{
    Credential, Credentials, Error, HttpRegistry, ImageSpec, PackedImage, PushOptions, PushRequest,
    Receipt, Reference, Repository, StaticCredentials, pack, push, verify,
};

/// Many times what is read at once.
const LAYER: usize = 1_500_000;

/// An image whose layer does not compress.
pub(crate) fn image(seed: u32) -> PackedImage {
    let mut state = seed | 1;
    let bytes: Vec<u8> = (0..LAYER)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        })
        .collect();
    pack(&ImageSpec::new().file("app/data", false, bytes)).unwrap()
}

/// A small image.
pub(crate) fn small(content: &str) -> PackedImage {
    pack(&ImageSpec::new().file("app/main", true, content)).unwrap()
}

/// A registry in memory that is served, with a repository of its own.
pub(crate) struct Served {
    pub(crate) server: RegistryServer,
    pub(crate) repository: Repository,
}

impl Served {
    pub(crate) async fn with(quirks: Quirks) -> Self {
        let server = RegistryServer::builder(Arc::new(SimRegistry::new())).quirks(quirks);
        let server = server.start().await.unwrap();
        let repository = server.create_repository("team/app").unwrap();
        Self { server, repository }
    }

    pub(crate) fn client(&self) -> HttpRegistry {
        let builder = HttpRegistry::builder().insecure_http(true);
        builder
            .retry_budget(Duration::from_secs(5))
            .build()
            .unwrap()
    }

    pub(crate) fn client_with(&self, credentials: Arc<dyn Credentials>) -> HttpRegistry {
        let builder = HttpRegistry::builder().insecure_http(true);
        let builder = builder.credentials(credentials);
        builder
            .retry_budget(Duration::from_secs(5))
            .build()
            .unwrap()
    }

    pub(crate) fn secret(&self) -> Arc<dyn Credentials> {
        let host = self.server.address().to_string();
        Arc::new(StaticCredentials::new(host, credential("one")))
    }

    pub(crate) fn request(&self) -> PushRequest {
        let request = PushRequest::new(self.repository.clone(), vec!["v1".parse().unwrap()]);
        request.moving("latest".parse().unwrap())
    }

    pub(crate) async fn push(
        &self,
        client: &HttpRegistry,
        image: &PackedImage,
    ) -> Result<Receipt, Error> {
        let options = PushOptions::default();
        push(client, image, &self.request(), &options, &|_| {}).await
    }

    /// Pushes, and reads everything back without quirks.
    pub(crate) async fn push_and_verify(
        &self,
        client: &HttpRegistry,
        image: &PackedImage,
    ) -> Receipt {
        let receipt = self.push(client, image).await.unwrap();
        self.server.set_quirks(Quirks::new());
        for tag in ["v1", "latest"] {
            let reference: Reference = tag.parse().unwrap();
            let found = verify(client, &self.repository, &reference, Some(&receipt.digest)).await;
            assert_eq!(&found.unwrap(), image.digest());
        }
        receipt
    }

    pub(crate) fn of_kind(&self, kind: RequestKind) -> Vec<LoggedRequest> {
        let requests = self.server.requests().into_iter();
        requests.filter(|request| request.kind == kind).collect()
    }

    /// The statuses that requests of a kind were answered with; 0 where the connection was cut.
    pub(crate) fn statuses(&self, kind: RequestKind) -> Vec<u16> {
        let requests = self.of_kind(kind).into_iter();
        requests
            .map(|request| request.status.unwrap_or_default())
            .collect()
    }
}

pub(crate) fn credential(secret: &str) -> Credential {
    Credential::new("AWS", secret)
}
