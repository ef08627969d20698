//! Archives of one format, of both, and of one that a build lacks.

use log_exporter::{Codec, Compression, Error, Options, PartFormat, RateLimit, export, formats};

use crate::stage::Stage;

async fn formats_of(stage: &Stage) -> Vec<PartFormat> {
    formats(&stage.archive, &stage.options, &|_| {})
        .await
        .unwrap()
}

fn keys(stage: &Stage, folder: &str) -> Vec<String> {
    let mut keys = stage.archive.keys();
    keys.retain(|key| key.starts_with(folder));
    keys
}

#[cfg(feature = "parquet")]
mod with_parquet {
    use log_exporter::{Finding, VerifyRequest};

    use super::*;
    use crate::stage::{DAY, at, event, place};

    #[tokio::test(start_paused = true)]
    async fn an_archive_in_parquet_is_exact_and_verified() {
        let stage = Stage::of(PartFormat::Parquet);
        stage.run_whole().await;
        stage.assert_exact().await;
        stage.wait(16 * DAY).await;
        stage.run_whole().await;
        stage.assert_exact().await;
        let report = stage.verify(VerifyRequest::new(vec![]).orphans(true)).await;
        assert_eq!((report.findings, report.orphans), (vec![], vec![]));
        assert_eq!(
            (report.windows, report.final_windows, report.events),
            (3, 3, 28)
        );
        assert_eq!(formats_of(&stage).await, [PartFormat::Parquet]);
        assert!(
            keys(&stage, "parquet/")
                .iter()
                .all(|key| key.ends_with(".parquet"))
        );
        assert_eq!(keys(&stage, "events/"), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn both_formats_are_read_back_as_the_same_lines() {
        let mut lines = Vec::new();
        for format in PartFormat::ALL {
            let mut stage = Stage::of(format);
            let mut strange = event(
                at("2026-11-01T08:30:00Z").epoch(),
                7,
                "a\u{fffd}",
                "strange",
            );
            // What was no UTF-8 was replaced by CloudWatch Logs; the rest is as it was sent.
            strange.message = "\u{fffd}\u{0}\"\\\n\r\u{1b}\u{2028}\u{e9}\u{1f980}".to_owned();
            let mut empty = event(at("2026-11-01T08:31:00Z").epoch(), 7, "b", "empty");
            empty.message.clear();
            stage.logs.put(&place().group, [strange, empty]);
            stage.options = stage.options.part_bytes(1 << 20);
            stage.run_whole().await;
            stage.assert_exact().await;
            let all = log_exporter::Span::new(at("2026-11-01"), at("2026-11-02")).unwrap();
            let mut text = Vec::new();
            log_exporter::cat(
                &stage.archive,
                &place(),
                all,
                &stage.options,
                &|_| {},
                &mut |line| {
                    text.extend_from_slice(line);
                    Ok(())
                },
            )
            .await
            .unwrap();
            lines.push(String::from_utf8(text).unwrap());
        }
        assert_eq!(lines[0].lines().count(), 26);
        assert_eq!(lines[0], lines[1]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_archive_may_change_its_format_and_nothing_is_there_twice() {
        for (before, after) in [
            (PartFormat::Ndjson, PartFormat::Parquet),
            (PartFormat::Parquet, PartFormat::Ndjson),
        ] {
            let mut stage = Stage::of(before);
            stage.run_whole().await;
            let parts = stage.archive.keys();
            stage.options = stage.options.format(after);
            // What is read is not read again for its format.
            assert_eq!(stage.run_whole().await.windows.len(), 0);
            assert_eq!(stage.archive.keys(), parts);
            // What comes late is written in the new one.
            stage.wait(2 * DAY).await;
            let late = stage.run_whole().await;
            assert!(late.events > 0 && late.events < 5, "{late:?}");
            stage.assert_exact().await;
            // A later hour is in the new one alone.
            stage.logs.put(
                &place().group,
                [event(at("2026-11-03T09:30:00Z").epoch(), 5, "a", "new")],
            );
            stage.to = at("2026-11-03T10:00:00Z");
            stage.run_whole().await;
            stage.assert_exact().await;
            let report = stage.verify(VerifyRequest::new(vec![]).orphans(true)).await;
            assert_eq!((report.findings, report.orphans), (vec![], vec![]));
            assert_eq!(formats_of(&stage).await, PartFormat::ALL);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn damage_of_a_part_in_parquet_is_found() {
        let stage = Stage::of(PartFormat::Parquet);
        stage.run_whole().await;
        let key = keys(&stage, "parquet/").remove(0);
        let content = stage.archive.content(&key).unwrap();
        for at in (0..content.len()).step_by(7) {
            stage.archive.flip(&key, at);
            let found = stage.verify(VerifyRequest::new(vec![])).await.findings;
            assert!(
                matches!(&found[..], [Finding::DamagedPart { key: found, .. }] if *found == key),
                "{at}: {found:?}"
            );
            stage.archive.flip(&key, at);
        }
        stage.archive.remove(&key);
        let found = stage.verify(VerifyRequest::new(vec![])).await.findings;
        assert_eq!(found, [Finding::MissingPart { key: key.clone() }]);
        // An orphan of either folder is one.
        stage.archive.place(&key, content);
        let orphan = key.replace("base-", "base-0");
        stage
            .archive
            .place(&orphan, "left by a worker that was killed");
        let all = VerifyRequest::new(vec![]).orphans(true);
        assert_eq!(stage.verify(all).await.orphans[0].key, orphan);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_parquet_but_has_the_digest_is_damage_and_no_panic() {
        let stage = Stage::of(PartFormat::Parquet);
        stage.run_whole().await;
        let part = keys(&stage, "parquet/").remove(0);
        let content = stage.archive.content(&part).unwrap();
        let manifest = stage
            .archive
            .keys()
            .into_iter()
            .find(|key| key.starts_with("manifests/"))
            .unwrap();
        let written =
            String::from_utf8(stage.archive.content(&manifest).unwrap().to_vec()).unwrap();
        let mut wrong = vec![
            Vec::new(),
            b"PAR1PAR1".to_vec(),
            content[..content.len() / 2].to_vec(),
        ];
        for at in (0..content.len()).step_by(11) {
            let mut bytes = content.to_vec();
            bytes[at] ^= 0x55;
            wrong.push(bytes);
        }
        let digest = log_exporter::Sha256::of(&content).to_string();
        let mut found = 0;
        for bytes in wrong {
            let other = log_exporter::Sha256::of(&bytes).to_string();
            stage.archive.place(&part, bytes);
            stage
                .archive
                .place(&manifest, written.replace(&digest, &other));
            // Whether it is found depends on what the bits say.
            let report = stage.verify(VerifyRequest::new(vec![])).await;
            found += usize::from(!report.findings.is_empty());
        }
        assert!(found > 20, "{found}");
    }
}

#[cfg(not(feature = "parquet"))]
#[tokio::test(start_paused = true)]
async fn a_build_without_parquet_says_so_and_takes_nothing_for_damaged() {
    let stage = Stage::of(PartFormat::Parquet);
    let report = stage.run().await;
    let error = report.stopped.unwrap();
    assert!(
        error.is_usage() && error.to_string().contains("cannot write parquet"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("`parquet`"));
    assert_eq!(report.remaining.len(), 3);
    // An archive that another build has written.
    let stage = Stage::new();
    stage.run_whole().await;
    for key in stage.archive.keys() {
        let text = stage.archive.content(&key).unwrap();
        if key.starts_with("manifests/") {
            let text = String::from_utf8(text.to_vec()).unwrap();
            let text = text
                .replace("\"events/", "\"parquet/")
                .replace(".ndjson.gz", ".parquet");
            let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
            manifest["format"] = "parquet".into();
            stage.archive.place(&key, manifest.to_string());
        }
    }
    let request = log_exporter::VerifyRequest::new(vec![]);
    let error = log_exporter::verify(
        &stage.archive,
        None,
        &request,
        &stage.options,
        &stage.clock,
        &stage.limit,
        &|_| {},
    )
    .await
    .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unreadable {
                feature: "parquet",
                ..
            }
        ),
        "{error}"
    );
    // Sizes and digests can be looked at all the same.
    let quick = stage.verify(request.quick(true)).await;
    assert!(
        quick
            .findings
            .iter()
            .all(|finding| matches!(finding, log_exporter::Finding::MissingPart { .. }))
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_stops_the_run_before_it_begins() {
    let stage = Stage::new();
    let options = Options::default()
        .format(PartFormat::Parquet)
        .compression(Compression::new(Codec::Gzip));
    let limit = RateLimit::new(f64::INFINITY);
    let report = export(
        &stage.logs,
        &stage.archive,
        Vec::new(),
        &options,
        &stage.clock,
        &limit,
        &|_| {},
    )
    .await;
    let error = report.stopped.unwrap();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(stage.archive.requests(), 0);
    // What there is not is no format of an archive.
    assert_eq!(formats_of(&stage).await, []);
    assert_eq!(keys(&stage, ""), Vec::<String>::new());
}
