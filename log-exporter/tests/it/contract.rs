//! The contracts, on everything that has to keep them.

use log_exporter::FolderArchive;
use log_exporter::sim::SimArchive;
use log_exporter::testing::{archive_contract, log_source_contract};

use crate::stage::{Stage, place};

#[tokio::test(start_paused = true)]
async fn the_simulated_archive_keeps_the_contract() {
    let stage = Stage::empty();
    archive_contract(&stage.archive, "below/a").await;
    stage.archive.page(2);
    archive_contract(&stage.archive, "below/b").await;
    let other = SimArchive::new(stage.clock);
    archive_contract(&other, "").await;
}

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let archive = FolderArchive::open(folder.path().join("archive")).unwrap();
    archive_contract(&archive, "below/a").await;
    archive_contract(&archive, "").await;
}

#[tokio::test(start_paused = true)]
async fn the_simulated_logs_keep_the_contract() {
    let stage = Stage::empty();
    let logs = stage.logs.clone();
    let put = move |events: Vec<log_exporter::LogEvent>| {
        let logs = logs.clone();
        async move { logs.put(&place().group, events) }
    };
    log_source_contract(&stage.logs, &place().group, stage.clock.now(), put).await;
}
