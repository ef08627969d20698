//! The simulated management, and waiting for its scans.

use std::sync::Mutex;
use std::time::Duration;

use image_tagger::scan::{ScanReport, ScanStatus, Severity, Verdict, WaitOptions, judge, wait};
use image_tagger::sim::{AdminFault, AdminOperation, SimAdmin};
use image_tagger::{
    Created, DeleteOutcome, Digest, Error, ImageRecord, Repository, RepositoryAdmin,
    RepositoryOptions, TagMutability,
};
use tokio::time::Instant;

fn repository() -> Repository {
    "registry.example/app".parse().unwrap()
}

fn digest() -> Digest {
    Digest::of(b"app")
}

#[cfg(feature = "testing")]
mod contract {
    use std::sync::Arc;

    use image_tagger::testing::{PutImage, repository_admin_contract};
    use image_tagger::{Manifest, Tag};

    use super::*;

    #[derive(Debug)]
    struct Put(SimAdmin);

    #[async_trait::async_trait]
    impl PutImage for Put {
        async fn put_image(&self, repository: &Repository, manifest: &Manifest, tag: Option<&Tag>) {
            let images = self.0.images(repository).await.unwrap();
            let known = images
                .iter()
                .find(|image| image.digest == *manifest.digest());
            let tags = known.map_or_else(Vec::new, |image| image.tags.clone());
            let children = manifest
                .manifests()
                .iter()
                .map(|child| child.digest.clone());
            let image = ImageRecord::new(manifest.digest().clone())
                .tags(tags.into_iter().chain(tag.cloned()))
                .children(children);
            self.0.add_image(repository, image);
        }
    }

    #[tokio::test]
    async fn the_simulator_keeps_it_behind_any_pointer() {
        let admin = SimAdmin::new();
        let boxed: Box<dyn RepositoryAdmin> = Box::new(Arc::new(admin.clone()));
        let prefix = "registry.example/contract".parse().unwrap();
        repository_admin_contract(&boxed, &Put(admin), &prefix).await;
    }
}

#[tokio::test]
async fn an_index_stands_in_the_way_of_what_it_lists() {
    let admin = SimAdmin::new();
    let (index, child) = (Digest::of(b"index"), Digest::of(b"child"));
    admin.add_image(&repository(), ImageRecord::new(child.clone()));
    let record = ImageRecord::new(index.clone()).children([child.clone()]);
    admin.add_image(&repository(), record);
    // In one call the index does not help either.
    let outcomes = admin
        .delete_images(&repository(), &[index, child.clone()])
        .await
        .unwrap();
    assert_eq!(outcomes[0], DeleteOutcome::Deleted);
    assert!(
        matches!(&outcomes[1], DeleteOutcome::Referenced { message } if message.contains("sha256:")),
        "{outcomes:?}"
    );
    let outcomes = admin.delete_images(&repository(), &[child]).await.unwrap();
    assert_eq!(outcomes, [DeleteOutcome::Deleted]);
}

#[tokio::test]
async fn faults_are_those_of_production_and_a_lost_answer_has_done_its_work() {
    let admin = SimAdmin::new();
    let options = RepositoryOptions::default().tags(TagMutability::Immutable);
    admin.fail_next(AdminOperation::CreateRepository, AdminFault::Throttled);
    admin.fail_next(AdminOperation::CreateRepository, AdminFault::Denied);
    admin.fail_next(AdminOperation::CreateRepository, AdminFault::LostAnswer);
    let throttled = admin.create_repository(&repository(), &options).await;
    assert!(
        matches!(throttled, Err(Error::Unreachable { .. })),
        "{throttled:?}"
    );
    let denied = admin
        .create_repository(&repository(), &options)
        .await
        .unwrap_err();
    assert!(
        denied
            .hint()
            .unwrap()
            .contains("allow `ecr:CreateRepository`"),
        "{denied:?}"
    );
    assert!(!admin.repository_exists(&repository()).await.unwrap());
    let lost = admin.create_repository(&repository(), &options).await;
    assert!(matches!(lost, Err(Error::Unreachable { .. })), "{lost:?}");
    let again = admin.create_repository(&repository(), &options).await;
    assert_eq!(again.unwrap(), Created::Existing);
    assert_eq!(admin.options(&repository()), Some(options));
    assert_eq!(admin.calls(AdminOperation::CreateRepository), 4);
}

fn scanned(statuses: &[ScanStatus]) -> SimAdmin {
    let admin = SimAdmin::new();
    admin.add_image(&repository(), ImageRecord::new(digest()));
    let reports = statuses
        .iter()
        .map(|status| ScanReport::new(digest(), *status));
    admin.scan(&repository(), reports);
    admin
}

async fn waited(admin: &SimAdmin) -> (ScanReport, Duration, Vec<ScanStatus>) {
    let options = WaitOptions::default()
        .timeout(Duration::from_secs(30))
        .begin(Duration::from_secs(12))
        .poll(Duration::from_secs(5));
    let seen = Mutex::new(Vec::new());
    let begun = Instant::now();
    let observer = |report: &ScanReport| seen.lock().unwrap().push(report.status);
    let report = wait(admin, &repository(), &digest(), &options, &observer)
        .await
        .unwrap();
    (report, begun.elapsed(), seen.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_scan_is_waited_for_from_before_it_begins_to_its_end() {
    use ScanStatus::{Complete, InProgress, Missing};
    let admin = scanned(&[Missing, Missing, InProgress, InProgress, Complete]);
    let (report, took, seen) = waited(&admin).await;
    assert_eq!(report.status, Complete);
    assert_eq!(took, Duration::from_secs(20));
    assert_eq!(seen, [Missing, Missing, InProgress, InProgress]);
    assert_eq!(judge(&report, Severity::High).verdict, Verdict::Passed);
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_never_begins_or_ends_is_unknown_when_the_time_is_up() {
    for (status, limit) in [(ScanStatus::Missing, 12), (ScanStatus::InProgress, 30)] {
        let (report, took, _) = waited(&scanned(&[status])).await;
        assert_eq!((report.status, took), (status, Duration::from_secs(limit)));
        assert_eq!(judge(&report, Severity::Critical).verdict, Verdict::Unknown);
    }
    // No scan was ever asked for.
    let (report, _, _) = waited(&scanned(&[])).await;
    assert_eq!(report.status, ScanStatus::Missing);
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_failed_or_cannot_be_is_not_waited_for() {
    for status in [
        ScanStatus::Failed,
        ScanStatus::Unsupported,
        ScanStatus::Unavailable,
    ] {
        let (report, took, seen) = waited(&scanned(&[status])).await;
        assert_eq!((report.status, took), (status, Duration::ZERO));
        assert_eq!(seen, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_of_nothing_still_pauses() {
    let admin = scanned(&[ScanStatus::InProgress]);
    let options = WaitOptions::default()
        .timeout(Duration::from_secs(1))
        .poll(Duration::ZERO);
    let report = wait(&admin, &repository(), &digest(), &options, &|_| {}).await;
    assert_eq!(report.unwrap().status, ScanStatus::InProgress);
    assert_eq!(admin.calls(AdminOperation::ScanFindings), 11);
}

#[tokio::test]
async fn the_scan_of_no_image_is_an_error() {
    let admin = SimAdmin::new();
    admin.add_image(&repository(), ImageRecord::new(Digest::of(b"other")));
    let options = WaitOptions::default();
    let missing = wait(&admin, &repository(), &digest(), &options, &|_| {}).await;
    assert!(
        matches!(missing, Err(Error::ImageNotFound { .. })),
        "{missing:?}"
    );
}
