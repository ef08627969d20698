//! Every registry keeps the contract.

use image_tagger::sim::SimRegistry;
use image_tagger::testing::registry_contract;
use image_tagger::{OciLayout, Registry};

#[tokio::test]
async fn the_simulator_keeps_the_contract() {
    registry_contract(
        &SimRegistry::new(),
        &"registry.example/contract".parse().unwrap(),
    )
    .await;
}

#[tokio::test]
async fn the_simulator_keeps_it_when_it_refuses_mounts() {
    let registry = SimRegistry::new();
    registry.refuse_mounts();
    registry_contract(&registry, &"registry.example/contract".parse().unwrap()).await;
}

#[tokio::test]
async fn the_layout_on_disk_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let registry: Box<dyn Registry> = Box::new(OciLayout::new(folder.path()));
    registry_contract(&registry, &"registry.example/contract".parse().unwrap()).await;
}

#[cfg(all(feature = "http", feature = "server"))]
mod served {
    use std::sync::Arc;

    use image_tagger::HttpRegistry;
    use image_tagger::sim::server::{Quirks, RegistryServer};

    use super::*;

    async fn check(registry: Arc<dyn Registry>, quirks: Quirks) {
        let server = RegistryServer::builder(registry).quirks(quirks);
        let server = server.start().await.unwrap();
        for name in [
            "nothing", "blobs", "from", "into", "order", "bytes", "tags", "index", "attached",
            "resolved",
        ] {
            server
                .create_repository(&format!("contract/{name}"))
                .unwrap();
        }
        let client = HttpRegistry::builder().insecure_http(true).build().unwrap();
        registry_contract(&client, &server.repository("contract").unwrap()).await;
        server.shutdown().await;
    }

    #[tokio::test]
    async fn the_client_keeps_it_with_the_simulator_behind_a_server() {
        check(Arc::new(SimRegistry::new()), Quirks::new()).await;
    }

    #[tokio::test]
    async fn the_client_keeps_it_with_a_layout_on_disk_behind_a_server() {
        let folder = tempfile::tempdir().unwrap();
        check(Arc::new(OciLayout::new(folder.path())), Quirks::new()).await;
    }

    #[tokio::test]
    async fn the_client_keeps_it_with_the_quirks_of_ecr() {
        check(Arc::new(SimRegistry::new()), Quirks::ecr()).await;
    }
}
