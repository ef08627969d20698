//! The management of ECR's repositories against replayed answers: what goes over the wire, and what is made of what comes
//! back.

use std::fmt;
use std::sync::{Arc, Mutex};

use aws_sdk_ecr::config::http::HttpRequest;
use aws_sdk_ecr::config::retry::RetryConfig;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use image_tagger::aws::EcrAdmin;
use image_tagger::retention::RetentionPolicy;
use image_tagger::scan::{ScanStatus, Severity, Verdict, judge};
use image_tagger::{
    Created, DeleteOutcome, Digest, Error, LifecyclePolicy, MediaType, Repository, RepositoryAdmin,
    RepositoryOptions, TagMutability,
};
use serde_json::{Value, json};

type Answer = (u16, String);
type Answers = dyn Fn(&str, &Value) -> Answer + Send + Sync;

/// Answers by operation and body, and keeps what it was asked.
#[derive(Clone)]
struct Replay {
    answer: Arc<Answers>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Debug, Clone)]
struct Asked {
    operation: String,
    host: String,
    body: Value,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replay")
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap();
        let operation = target.rsplit('.').next().unwrap().to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let (status, text) = (self.answer)(&operation, &body);
        self.asked.lock().unwrap().push(Asked {
            operation,
            host: request.uri().to_owned(),
            body,
        });
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(text));
        response
            .headers_mut()
            .insert("x-amzn-requestid", "request-7");
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for Replay {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Replay {
    fn new(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            asked: Arc::default(),
        }
    }

    fn admin(&self) -> EcrAdmin {
        let config = aws_sdk_ecr::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "none", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone())
            .build();
        EcrAdmin::new(aws_sdk_ecr::Client::from_conf(config))
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn ok(body: &Value) -> Answer {
    (200, body.to_string())
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    (
        status,
        json!({"__type": code, "message": message}).to_string(),
    )
}

fn repository() -> Repository {
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/dev/app"
        .parse()
        .unwrap()
}

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

#[tokio::test]
async fn images_come_from_every_page_and_indexes_with_what_they_list() {
    let replay = Replay::new(|operation, body| match operation {
        "DescribeImages" if body.get("nextToken").is_none() => ok(&json!({
            "nextToken": "2",
            "imageDetails": [{
                "imageDigest": digest("index"), "imageTags": ["v1", "latest"], "imagePushedAt": 1_774_958_400.5,
                "imageSizeInBytes": 42, "imageManifestMediaType": MediaType::OCI_INDEX,
            }, {"imageDigest": digest("gone"), "imageManifestMediaType": MediaType::DOCKER_LIST}],
        })),
        "DescribeImages" => ok(&json!({"imageDetails": [
            {"imageDigest": digest("child"), "imageManifestMediaType": MediaType::OCI_MANIFEST},
            {"imageDigest": digest("sig"), "imageManifestMediaType": MediaType::OCI_MANIFEST, "subjectManifestDigest": digest("child")},
        ]})),
        _ => ok(&json!({
            "images": [{
                "imageId": {"imageDigest": digest("index")},
                "imageManifest": json!({"manifests": [{"digest": digest("child")}], "subject": {"digest": digest("x")}}).to_string(),
            }],
            "failures": [{"imageId": {"imageDigest": digest("gone")}, "failureCode": "ImageNotFound"}],
        })),
    });
    let images = replay.admin().images(&repository()).await.unwrap();
    assert_eq!(images.len(), 3, "one went between two calls: {images:?}");
    let find = |name: &str| images.iter().find(|image| image.digest == digest(name));
    let index = find("index").unwrap();
    assert_eq!(index.children, [digest("child")]);
    assert_eq!(index.subject, Some(digest("x")));
    assert_eq!(index.size, Some(42));
    assert_eq!(
        index.pushed_at.unwrap().to_string(),
        "2026-03-31T12:00:00.5Z"
    );
    let tags: Vec<&str> = index.tags.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(tags, ["latest", "v1"]);
    assert_eq!(find("sig").unwrap().subject, Some(digest("child")));
    assert_eq!(find("child").unwrap().pushed_at, None);

    let asked = replay.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].body["repositoryName"], "dev/app");
    assert_eq!(asked[0].body["registryId"], "123456789012");
    assert_eq!(asked[0].body["maxResults"], 1000);
    let ids = asked[2].body["imageIds"].as_array().unwrap();
    assert_eq!(ids.len(), 2, "only indexes are read: {ids:?}");
}

#[tokio::test]
async fn what_cannot_be_read_whole_is_an_error_and_no_shorter_list() {
    let index =
        json!({"imageDigest": digest("index"), "imageManifestMediaType": MediaType::OCI_INDEX});
    let unread = |answer: Value| {
        let index = index.clone();
        Replay::new(move |operation, _| match operation {
            "DescribeImages" => ok(&json!({"imageDetails": [index]})),
            _ => ok(&answer),
        })
    };
    for answer in [
        json!({}),
        json!({"failures": [{"imageId": {"imageDigest": digest("index")}, "failureCode": "KmsError", "failureReason": "no key"}]}),
        json!({"images": [{"imageId": {"imageDigest": digest("index")}, "imageManifest": "[]"}]}),
    ] {
        let error = unread(answer.clone()).admin().images(&repository()).await;
        let Err(Error::Refused { source, .. }) = error else {
            panic!("{answer}: {error:?}")
        };
        assert!(source.to_string().contains(digest("index").as_str()));
    }
    // A tag that is no tag would make its image look untagged.
    let long = "a".repeat(129);
    let tagged = json!({"imageDigest": digest("a"), "imageTags": [long], "imageManifestMediaType": MediaType::OCI_MANIFEST});
    let replay = Replay::new(move |_, _| ok(&json!({"imageDetails": [tagged]})));
    let error = replay.admin().images(&repository()).await;
    assert!(matches!(error, Err(Error::Refused { .. })), "{error:?}");
}

#[tokio::test]
async fn deletions_go_by_the_hundred_and_each_has_its_outcome() {
    let replay = Replay::new(|_, body| {
        let ids = body["imageIds"].as_array().unwrap();
        let failures: Vec<Value> = ids
            .iter()
            .filter_map(|id| {
                let (code, reason) = [
                    ("0", "ImageNotFound", ""),
                    ("1", "ImageReferencedByManifestList", "by sha256:1"),
                    ("150", "OfNextYear", "why"),
                ]
                .into_iter()
                .find(|(name, ..)| id["imageDigest"] == digest(name).as_str())
                .map(|(_, code, reason)| (code, reason))?;
                Some(json!({"imageId": id, "failureCode": code, "failureReason": reason}))
            })
            .collect();
        ok(&json!({"imageIds": [], "failures": failures}))
    });
    let digests: Vec<Digest> = (0..201).map(|n| digest(&n.to_string())).collect();
    let admin = replay.admin();
    let outcomes = admin.delete_images(&repository(), &digests).await.unwrap();
    let sizes: Vec<usize> = replay
        .asked()
        .iter()
        .map(|asked| asked.body["imageIds"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [100, 100, 1]);
    assert_eq!(outcomes.len(), 201);
    assert_eq!(outcomes[0], DeleteOutcome::NotFound);
    let message = "by sha256:1".to_owned();
    assert_eq!(outcomes[1], DeleteOutcome::Referenced { message });
    let (code, message) = ("OfNextYear".to_owned(), "why".to_owned());
    assert_eq!(outcomes[150], DeleteOutcome::Refused { code, message });
    assert_eq!(outcomes[200], DeleteOutcome::Deleted);
}

#[tokio::test]
async fn a_batch_that_fails_does_not_hide_the_one_before() {
    let digests: Vec<Digest> = (0..150).map(|n| digest(&n.to_string())).collect();
    let replay = Replay::new(|_, body| {
        if body["imageIds"].as_array().unwrap().len() == 100 {
            ok(&json!({}))
        } else {
            refused(400, "ThrottlingException", "Rate exceeded")
        }
    });
    let admin = replay.admin();
    let outcomes = admin.delete_images(&repository(), &digests).await.unwrap();
    assert_eq!(outcomes[99], DeleteOutcome::Deleted);
    assert!(
        matches!(&outcomes[100], DeleteOutcome::Unknown { message } if message.contains("Rate exceeded (request request-7)")),
        "{:?}",
        outcomes[100]
    );
    assert_eq!(outcomes.len(), 150);
    let replay = Replay::new(|_, _| refused(400, "ThrottlingException", "Rate exceeded"));
    let failed = replay.admin().delete_images(&repository(), &digests).await;
    assert!(
        matches!(failed, Err(Error::Unreachable { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_repository_is_created_as_asked() {
    let replay = Replay::new(|_, _| ok(&json!({})));
    let admin = replay.admin();
    let except = TagMutability::immutable_except(["latest".parse().unwrap()]).unwrap();
    for tags in [TagMutability::Mutable, TagMutability::Immutable, except] {
        let options = RepositoryOptions::default().tags(tags);
        let created = admin.create_repository(&repository(), &options).await;
        assert_eq!(created.unwrap(), Created::New);
    }
    let asked = replay.asked();
    assert_eq!(
        asked[0].body,
        json!({
            "registryId": "123456789012", "repositoryName": "dev/app", "imageTagMutability": "MUTABLE",
            "imageScanningConfiguration": {"scanOnPush": true},
        })
    );
    assert_eq!(asked[1].body["imageTagMutability"], "IMMUTABLE");
    assert_eq!(
        asked[2].body["imageTagMutability"],
        "IMMUTABLE_WITH_EXCLUSION"
    );
    assert_eq!(
        asked[2].body["imageTagMutabilityExclusionFilters"],
        json!([{"filterType": "WILDCARD", "filter": "latest"}])
    );
    let replay = Replay::new(|_, _| refused(400, "RepositoryAlreadyExistsException", "there"));
    let options = RepositoryOptions::default();
    let again = replay
        .admin()
        .create_repository(&repository(), &options)
        .await;
    assert_eq!(again.unwrap(), Created::Existing);
}

#[tokio::test]
async fn account_and_region_are_those_of_the_host() {
    let replay = Replay::new(|_, _| ok(&json!({})));
    let admin = replay.admin();
    for host in [
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "999999999999.dkr.ecr.us-east-2.amazonaws.com",
    ] {
        let repository = format!("{host}/app").parse().unwrap();
        assert!(admin.repository_exists(&repository).await.unwrap());
    }
    let asked = replay.asked();
    assert_eq!(asked[0].operation, "DescribeRepositories");
    assert!(asked[0].host.contains("eu-west-1"), "{asked:?}");
    assert!(asked[1].host.contains("us-east-2"), "{asked:?}");
    assert_eq!(asked[1].body["registryId"], "999999999999");

    let elsewhere: Repository = "ghcr.io/dev/app".parse().unwrap();
    let error = admin.images(&elsewhere).await.unwrap_err();
    assert!(matches!(error, Error::NotManaged { .. }), "{error:?}");
    assert!(error.is_usage() && error.to_string().contains("`ghcr.io/dev/app`"));
    assert_eq!(replay.asked().len(), 2, "nothing was asked");
    let any = replay.admin().any_host(true);
    assert!(any.repository_exists(&elsewhere).await.unwrap());
    assert_eq!(replay.asked()[2].body.get("registryId"), None);
}

#[tokio::test]
async fn what_aws_says_reaches_the_user() {
    let with = |answer: Answer| async move {
        let replay = Replay::new(move |_, _| answer.clone());
        replay.admin().images(&repository()).await.unwrap_err()
    };
    let source = |error: &Error| std::error::Error::source(error).unwrap().to_string();
    let denied = with(refused(400, "AccessDeniedException", "User: x is not")).await;
    assert!(matches!(denied, Error::ActionDenied { .. }), "{denied:?}");
    assert!(denied.hint().unwrap().contains("`ecr:DescribeImages`"));
    assert_eq!(
        source(&denied),
        "AccessDeniedException: User: x is not (request request-7)"
    );
    assert!(
        !denied.to_string().contains("User"),
        "the chain says why: {denied}"
    );
    let expired = with(refused(400, "ExpiredTokenException", "expired")).await;
    assert!(
        expired.hint().unwrap().contains("log in again"),
        "{expired:?}"
    );
    let missing = with(refused(400, "RepositoryNotFoundException", "none")).await;
    assert!(
        matches!(missing, Error::RepositoryNotFound { .. }),
        "{missing:?}"
    );
    let other = with(refused(400, "InvalidParameterException", "no")).await;
    assert!(matches!(other, Error::Refused { .. }), "{other:?}");
    // Trouble at ECR or on the way to it is no judgement of the request.
    for trouble in [
        refused(400, "ThrottlingException", "Rate exceeded"),
        refused(500, "ServerException", "sorry"),
        (503, "<html>busy</html>".to_owned()),
        (200, "<html>captive portal</html>".to_owned()),
    ] {
        let error = with(trouble.clone()).await;
        assert!(
            matches!(error, Error::Unreachable { .. }),
            "{trouble:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn each_denied_call_names_its_action() {
    let replay = Replay::new(|_, _| refused(400, "AccessDeniedException", "no"));
    let admin = replay.admin();
    let (repository, digest) = (repository(), digest("a"));
    let policy = LifecyclePolicy::for_retention(&RetentionPolicy::default()).unwrap();
    let options = RepositoryOptions::default();
    let digests = std::slice::from_ref(&digest);
    for (error, action) in [
        (
            admin.delete_images(&repository, digests).await.unwrap_err(),
            "ecr:BatchDeleteImage",
        ),
        (
            admin.repository_exists(&repository).await.unwrap_err(),
            "ecr:DescribeRepositories",
        ),
        (
            admin
                .create_repository(&repository, &options)
                .await
                .unwrap_err(),
            "ecr:CreateRepository",
        ),
        (
            admin
                .put_lifecycle_policy(&repository, &policy)
                .await
                .unwrap_err(),
            "ecr:PutLifecyclePolicy",
        ),
        (
            admin.scan_findings(&repository, &digest).await.unwrap_err(),
            "ecr:DescribeImageScanFindings",
        ),
    ] {
        let hint = error.hint().unwrap();
        assert!(hint.contains(&format!("`{action}`")), "{error:?}");
    }
}

#[tokio::test]
async fn findings_come_from_every_page_of_both_kinds_of_scan() {
    let replay = Replay::new(|_, body| {
        let status =
            json!({"status": "ACTIVE", "description": "Continuous scan is selected for image."});
        if body.get("nextToken").is_none() {
            ok(
                &json!({"nextToken": "2", "imageScanStatus": status, "imageScanFindings": {
                    "findingSeverityCounts": {"HIGH": 1, "CRITICAL": 1, "UNTRIAGED": 2},
                    "findings": [{
                        "name": "CVE-1", "severity": "HIGH", "uri": "https://example.com/CVE-1",
                        "attributes": [{"key": "package_name", "value": "openssl"}, {"key": "package_version", "value": "3.0.1"}],
                    }],
                }}),
            )
        } else {
            ok(&json!({"imageScanStatus": status, "imageScanFindings": {
                "findingSeverityCounts": {"HIGH": 1, "CRITICAL": 1, "UNTRIAGED": 2},
                "enhancedFindings": [{
                    "severity": "CRITICAL", "title": "CVE-2 - curl, libcurl",
                    "packageVulnerabilityDetails": {
                        "vulnerabilityId": "CVE-2", "sourceUrl": "https://example.com/CVE-2",
                        "vulnerablePackages": [
                            {"name": "curl", "version": "8.1", "fixedInVersion": "8.2"},
                            {"name": "libcurl", "version": "8.1", "fixedInVersion": "NotAvailable"},
                        ],
                    },
                }],
            }}))
        }
    });
    let admin = replay.admin();
    let report = admin
        .scan_findings(&repository(), &digest("a"))
        .await
        .unwrap();
    assert_eq!(report.status, ScanStatus::Complete);
    let texts: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "CVE-2 (critical) in curl, libcurl 8.1, fixed in 8.2",
            "CVE-1 (high) in openssl 3.0.1",
        ]
    );
    assert_eq!(
        report.findings[1].uri.as_deref(),
        Some("https://example.com/CVE-1")
    );
    let counts: Vec<(Severity, u64)> = report.counts.into_iter().collect();
    assert_eq!(
        counts,
        [
            (Severity::Undefined, 2),
            (Severity::High, 1),
            (Severity::Critical, 1)
        ]
    );
    assert_eq!(
        replay.asked()[0].body["imageId"],
        json!({"imageDigest": digest("a")})
    );
}

#[tokio::test]
async fn no_state_of_a_scan_but_a_complete_one_is_clean() {
    for (word, status) in [
        ("COMPLETE", ScanStatus::Complete),
        ("ACTIVE", ScanStatus::Complete),
        ("IN_PROGRESS", ScanStatus::InProgress),
        ("PENDING", ScanStatus::InProgress),
        ("FAILED", ScanStatus::Failed),
        ("LIMIT_EXCEEDED", ScanStatus::Failed),
        ("UNSUPPORTED_IMAGE", ScanStatus::Unsupported),
        ("SCAN_ELIGIBILITY_EXPIRED", ScanStatus::Unavailable),
        ("FINDINGS_UNAVAILABLE", ScanStatus::Unavailable),
        ("OF_NEXT_YEAR", ScanStatus::Unavailable),
    ] {
        let body = json!({"imageScanStatus": {"status": word, "description": "because"}});
        let replay = Replay::new(move |_, _| ok(&body));
        let report = replay
            .admin()
            .scan_findings(&repository(), &digest("a"))
            .await;
        let report = report.unwrap();
        assert_eq!(report.status, status, "{word}");
        let is_clean = judge(&report, Severity::High).verdict == Verdict::Passed;
        assert_eq!(is_clean, status == ScanStatus::Complete, "{word}");
        if !is_clean {
            assert_eq!(report.detail, Some(format!("{word}: because")));
        }
    }
    let replay = Replay::new(|_, _| refused(400, "ScanNotFoundException", "no scan"));
    let report = replay
        .admin()
        .scan_findings(&repository(), &digest("a"))
        .await;
    assert_eq!(report.unwrap().status, ScanStatus::Missing);
    let replay = Replay::new(|_, _| refused(400, "ImageNotFoundException", "no image"));
    let missing = replay
        .admin()
        .scan_findings(&repository(), &digest("a"))
        .await;
    assert!(
        matches!(missing, Err(Error::ImageNotFound { .. })),
        "{missing:?}"
    );
    // An answer without a status says nothing.
    let replay = Replay::new(|_, _| ok(&json!({})));
    let report = replay
        .admin()
        .scan_findings(&repository(), &digest("a"))
        .await;
    assert_eq!(report.unwrap().status, ScanStatus::Unavailable);
}
