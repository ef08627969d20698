//! The simulator keeps the contract.

use std::sync::Arc;

use ecs_deployer::ControlPlane;
use ecs_deployer::testing::control_plane_contract;

use crate::stage::{Stage, name, service};

#[tokio::test(start_paused = true)]
async fn the_simulator_keeps_the_contract() {
    let stage = Stage::new(|spec| spec).await;
    control_plane_contract(&stage.cluster, &name(), &service()).await;
}

#[tokio::test(start_paused = true)]
async fn pointers_to_it_keep_it_too() {
    let stage = Stage::new(|spec| spec).await;
    let plane: Box<dyn ControlPlane> = Box::new(Arc::new(stage.cluster.clone()));
    control_plane_contract(&plane, &name(), &service()).await;
}
