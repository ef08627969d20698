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
