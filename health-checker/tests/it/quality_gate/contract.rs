//! Both servers keep the contract.

use std::sync::Arc;

use health_checker::quality_gate::sim::SimSonar;
use health_checker::quality_gate::testing::{
    SonarStub, gate_admin_contract, prepare_contract, sonar_contract,
};
use health_checker::quality_gate::{SonarHttp, Token};

use super::name;

#[tokio::test]
async fn the_simulated_server_keeps_the_contract() {
    let sonar = SimSonar::new();
    prepare_contract(&sonar);
    sonar_contract(&sonar).await;
    gate_admin_contract(&sonar).await;
    // And through the pointers that programs hold it by.
    let sonar = Arc::new(SimSonar::new());
    prepare_contract(&sonar);
    sonar_contract(&sonar).await;
    gate_admin_contract(&Box::new(sonar)).await;
}

#[tokio::test]
async fn the_server_over_http_keeps_the_contract() {
    for version in ["9.9.4.87374", "10.4.1.88267", "2025.1.0.102418"] {
        let sonar = SimSonar::new();
        prepare_contract(&sonar);
        let stub = SonarStub::start(Arc::new(sonar), version);
        let token: Token = name(SonarStub::TOKEN);
        let sonar = SonarHttp::new(name(&stub.url()), Some(token)).unwrap();
        sonar_contract(&sonar).await;
        gate_admin_contract(&sonar).await;
    }
}
