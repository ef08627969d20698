//! Faults at random: whatever happens, what was told is there once.

use log_exporter::{PartFormat, VerifyRequest};
use proptest::prelude::*;

use crate::stage::{Cut, DAY, HOUR, Stage};

async fn storm(seed: u64, one_in: u64, cuts: &[usize], parallel: usize, columns: u8) {
    let mut stage = Stage::new();
    stage.options = stage.options.max_parallel(parallel).attempts(4);
    stage.archive.page(3);
    for (round, cut) in cuts.iter().enumerate() {
        stage.logs.fail_at_random(seed + round as u64, one_in);
        stage
            .archive
            .fail_at_random(seed ^ 0xabc ^ round as u64, one_in);
        let format = match columns >> round & 1 == 1 && PartFormat::Parquet.is_available() {
            true => PartFormat::Parquet,
            false => PartFormat::Ndjson,
        };
        stage.options = stage.options.format(format);
        // Planning may fail as well: then nothing has happened.
        let units = {
            let request = stage.request();
            let planned = log_exporter::plan(
                &stage.logs,
                &stage.archive,
                &request,
                &stage.options,
                &stage.clock,
                &stage.limit,
                &|_| {},
            )
            .await;
            planned.map(|plan| plan.units).unwrap_or_default()
        };
        let work = || {
            log_exporter::export(
                &stage.logs,
                &stage.archive,
                units.clone(),
                &stage.options,
                &stage.clock,
                &stage.limit,
                &|_| {},
            )
        };
        tokio::join!(Cut::after(*cut, work()), Cut::after(cut * 2, work()));
        stage.wait(3 * HOUR * (round as i64 + 1)).await;
    }
    stage.logs.heal();
    stage.archive.heal();
    stage.wait(16 * DAY).await;
    stage.run_whole().await;
    stage.assert_exact().await;
    let report = stage.verify(VerifyRequest::new(vec![])).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.windows, report.final_windows), (3, 3));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn an_archive_is_exact_after_any_storm(
        seed in any::<u32>(),
        one_in in 2..12_u64,
        cuts in proptest::collection::vec(0..400_usize, 1..5),
        parallel in 1..4_usize,
        columns in 0..16_u8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(storm(u64::from(seed), one_in, &cuts, parallel, columns));
    }
}
