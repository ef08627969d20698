//! The management of ECR's repositories against moto, over HTTP.

use std::fmt;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::http::HttpRequest;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials as Keys, Region, RuntimeComponents};
use aws_sdk_ecr::types::ImageIdentifier;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use image_tagger::aws::{EcrAdmin, EcrCredentials};
use image_tagger::retention::{InUse, RetentionPolicy, apply, plan};
use image_tagger::scan::{ScanStatus, Severity, Verdict, WaitOptions, judge, wait};
use image_tagger::testing::{PutImage, repository_admin_contract};
use image_tagger::{
    Credentials, Digest, LifecyclePolicy, Manifest, Repository, RepositoryAdmin, RepositoryOptions,
    Tag, TagMutability,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// moto's only account.
const HOST: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

/// A connector over reqwest: the SDK has none without TLS stacks of its own.
#[derive(Clone)]
struct Connector(reqwest::Client);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut asked = self.0.post(request.uri());
        assert_eq!(request.method(), "POST");
        for (name, value) in request.headers() {
            asked = asked.header(name, value);
        }
        let asked = asked.body(request.body().bytes().unwrap().to_vec());
        HttpConnectorFuture::new(async move {
            let failed = |error: reqwest::Error| ConnectorError::io(error.into());
            let answer = asked.send().await.map_err(failed)?;
            let status = answer.status().as_u16();
            let bytes = answer.bytes().await.map_err(failed)?;
            Ok(HttpResponse::new(
                status.try_into().unwrap(),
                SdkBody::from(bytes),
            ))
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[derive(Debug)]
struct Moto {
    url: String,
    client: Client,
}

impl Moto {
    /// The moto server that `cargo xtask test` starts.
    #[expect(
        clippy::print_stdout,
        reason = "a test that skips itself says so, and is counted by this line"
    )]
    fn find() -> Option<Self> {
        let url = std::env::var("WINDLASS_TEST_MOTO")
            .ok()
            .filter(|url| !url.is_empty());
        let Some(url) = url else {
            println!("skipped: WINDLASS_TEST_MOTO is not set");
            return None;
        };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let config = aws_sdk_ecr::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&url)
            .credentials_provider(Keys::new("testing", "testing", None, None, "test"))
            .http_client(Connector(http))
            .build();
        let client = Client::from_conf(config);
        Some(Self { url, client })
    }

    fn admin(&self) -> EcrAdmin {
        EcrAdmin::new(self.client.clone())
    }

    /// Makes the next scans of a repository's images answer this.
    async fn seed_scan(&self, repository: &Repository, answer: Value) {
        let mut answer = answer;
        answer["registryId"] = "123456789012".into();
        answer["repositoryName"] = repository.path().into();
        answer["imageId"] = json!({});
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/moto-api/static/ecr/scan-finding-results", self.url);
        let body = json!({"results": [answer], "region": "us-east-1"}).to_string();
        let answered = http
            .post(url)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        assert!(answered.status().is_success(), "{answered:?}");
    }

    async fn start_scan(&self, repository: &Repository, digest: &Digest) {
        let image = ImageIdentifier::builder().image_digest(digest.as_str());
        let request = self
            .client
            .start_image_scan()
            .repository_name(repository.path());
        request.image_id(image.build()).send().await.unwrap();
    }
}

#[async_trait::async_trait]
impl PutImage for Moto {
    async fn put_image(&self, repository: &Repository, manifest: &Manifest, tag: Option<&Tag>) {
        self.client
            .put_image()
            .repository_name(repository.path())
            .image_manifest(std::str::from_utf8(manifest.bytes()).unwrap())
            .image_manifest_media_type(manifest.media_type().as_str())
            .image_digest(manifest.digest().as_str())
            .set_image_tag(tag.map(ToString::to_string))
            .send()
            .await
            .unwrap();
    }
}

/// A repository that no other test has.
fn unique(name: &str) -> Repository {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    format!("{HOST}/{name}-{}", now.as_nanos()).parse().unwrap()
}

fn image(name: &str) -> Manifest {
    let text = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(name.as_bytes()), "size": 1},
        "layers": [],
    });
    Manifest::new(text.to_string().into_bytes(), None).unwrap()
}

fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

async fn created(moto: &Moto, name: &str) -> Repository {
    let repository = unique(name);
    let options = RepositoryOptions::default();
    moto.admin()
        .create_repository(&repository, &options)
        .await
        .unwrap();
    repository
}

#[tokio::test]
async fn ecr_keeps_the_contract() {
    let Some(moto) = Moto::find() else { return };
    repository_admin_contract(&moto.admin(), &moto, &unique("contract")).await;
}

#[tokio::test]
async fn the_token_is_ecrs() {
    let Some(moto) = Moto::find() else { return };
    let credentials = EcrCredentials::new(moto.client.clone());
    let credential = credentials.credential(HOST).await.unwrap().unwrap();
    assert_eq!(credential.username(), "AWS");
    assert!(!credential.secret().is_empty());
}

#[tokio::test]
async fn a_repository_has_the_settings_it_was_created_with() {
    let Some(moto) = Moto::find() else { return };
    let repository = unique("settings");
    let tags = TagMutability::immutable_except([tag("latest").into()]).unwrap();
    let options = RepositoryOptions::default().tags(tags);
    let admin = moto.admin();
    admin
        .create_repository(&repository, &options)
        .await
        .unwrap();
    let request = moto.client.describe_repositories();
    let output = request
        .repository_names(repository.path())
        .send()
        .await
        .unwrap();
    let found = &output.repositories()[0];
    assert_eq!(
        found.image_tag_mutability().map(|found| found.as_str()),
        Some("IMMUTABLE_WITH_EXCLUSION")
    );
    assert_eq!(
        found.image_tag_mutability_exclusion_filters()[0].filter(),
        "latest"
    );
    assert!(found.image_scanning_configuration().unwrap().scan_on_push());
}

#[tokio::test]
async fn the_lifecycle_policy_is_taken_as_it_is() {
    let Some(moto) = Moto::find() else { return };
    let repository = created(&moto, "lifecycle").await;
    let retention = RetentionPolicy::default().protect("v*".parse().unwrap());
    let policy = LifecyclePolicy::for_retention(&retention).unwrap();
    moto.admin()
        .put_lifecycle_policy(&repository, &policy)
        .await
        .unwrap();
    let request = moto.client.get_lifecycle_policy();
    let output = request
        .repository_name(repository.path())
        .send()
        .await
        .unwrap();
    let stored: Value = serde_json::from_str(output.lifecycle_policy_text().unwrap()).unwrap();
    assert_eq!(stored, serde_json::to_value(&policy).unwrap());
}

#[tokio::test]
async fn a_retention_plan_is_made_and_applied() {
    let Some(moto) = Moto::find() else { return };
    let repository = created(&moto, "retention").await;
    let (old, running, new) = (image("old"), image("running"), image("new"));
    // moto counts in seconds, and these are all of one: none is the newest, so one is kept by its tag.
    for (image, name) in [(&old, "v1"), (&running, "v2"), (&new, "latest")] {
        moto.put_image(&repository, image, Some(&tag(name))).await;
    }
    moto.put_image(&repository, &image("untagged"), None).await;
    let policy = RetentionPolicy::default().keep_last(1.try_into().unwrap());
    let in_use = InUse::new().image(running.digest().clone().into(), Some("service web"));
    let now = Timestamp::now() + SignedDuration::from_hours(24 * 15);
    let admin = moto.admin();
    let first = plan(&admin, &repository, &policy, &in_use, now)
        .await
        .unwrap();
    let receipt = apply(&admin, &first, &in_use, &|_| {}).await.unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    assert_eq!(receipt.deleted(), first.deletions.len());
    assert!(first.deletions.contains(image("untagged").digest()));
    let left = admin.images(&repository).await.unwrap();
    let has = |image: &Manifest| left.iter().any(|left| left.digest == *image.digest());
    assert!(has(&running) && has(&new) && !has(&image("untagged")));
    let second = plan(&admin, &repository, &policy, &in_use, now)
        .await
        .unwrap();
    assert_eq!(second.deletions, []);
}

#[tokio::test]
async fn scan_findings_are_read_and_judged() {
    let Some(moto) = Moto::find() else { return };
    let repository = created(&moto, "scan").await;
    let image = image("scanned");
    moto.put_image(&repository, &image, Some(&tag("v1"))).await;
    let answer = json!({
        "imageScanStatus": {"status": "COMPLETE", "description": "The scan was completed successfully."},
        "imageScanFindings": {
            "findingSeverityCounts": {"CRITICAL": 1, "LOW": 1},
            "findings": [
                {"name": "CVE-2026-1", "severity": "LOW", "attributes": []},
                {"name": "CVE-2026-2", "severity": "CRITICAL", "uri": "https://example.com/2",
                 "attributes": [{"key": "package_name", "value": "openssl"}, {"key": "package_version", "value": "3.0.1"}]},
            ],
        },
    });
    moto.seed_scan(&repository, answer).await;
    moto.start_scan(&repository, image.digest()).await;
    let admin = moto.admin();
    let options = WaitOptions::default();
    let report = wait(&admin, &repository, image.digest(), &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(report.status, ScanStatus::Complete);
    assert_eq!(report.counts.get(&Severity::Critical), Some(&1));
    assert_eq!(
        report.findings[0].to_string(),
        "CVE-2026-2 (critical) in openssl 3.0.1"
    );
    let judged = judge(&report, Severity::High);
    assert_eq!(judged.verdict, Verdict::Failed, "{judged:?}");
}
