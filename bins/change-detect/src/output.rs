//! The forms in which other programs read the result.

use change_detect::{Choice, Confidence, Detection, Layout, Method, ModuleKind};
use serde::Serialize;
use serde_json::json;
use windlass_cli::Failure;

/// The document on stdout.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Document<'a> {
    #[serde(flatten)]
    pub(crate) detection: &'a Detection,
    selection: Selection<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pl: Option<String>,
}

/// How the base was chosen.
#[derive(Debug, Clone, Serialize)]
struct Selection<'a> {
    method: Method,
    reason: &'a str,
}

impl<'a> Document<'a> {
    pub(crate) fn new(detection: &'a Detection, choice: &'a Choice) -> Self {
        Self {
            detection,
            selection: Selection {
                method: choice.method,
                reason: &choice.reason,
            },
            pl: (detection.layout == Layout::Maven).then(|| detection.maven_projects()),
        }
    }

    /// Outputs of a step of GitHub Actions. All but `has_changes`, `base`, `head` and `confidence` are JSON.
    pub(crate) fn outputs(&self) -> Vec<(&'static str, String)> {
        let detection = self.detection;
        let services = detection
            .modules
            .iter()
            .filter(|module| module.kind == ModuleKind::Service);
        let include: Vec<_> = services
            .map(|module| json!({"service": module.name, "path": module.path, "change": module.change}))
            .collect();
        let text = |value: serde_json::Value| value.to_string();
        let mut outputs = vec![
            ("services", text(json!(detection.services))),
            ("has_changes", (!detection.services.is_empty()).to_string()),
            ("count", detection.services.len().to_string()),
            ("matrix", text(json!({"include": include}))),
            ("waves", text(json!(detection.waves))),
            ("removed", text(json!(detection.removed))),
            (
                "base",
                detection
                    .base
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            ),
            ("head", detection.head.to_string()),
            ("confidence", detection.confidence.to_string()),
            ("reason", detection.reason.clone().unwrap_or_default()),
        ];
        outputs.extend(self.pl.clone().map(|pl| ("pl", pl)));
        outputs
    }

    /// The list for `mvn -pl`, empty for other layouts.
    pub(crate) fn pl(&self) -> &str {
        self.pl.as_deref().unwrap_or_default()
    }
}

/// What stands in place of the document when it cannot be told what changed. It has no list that could be taken for an
/// empty one.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Unknown {
    schema: u32,
    confidence: Confidence,
    reason: String,
}

impl Unknown {
    pub(crate) fn new(failure: &Failure) -> Self {
        Self {
            schema: 1,
            confidence: Confidence::Unknown,
            reason: failure.message().to_owned(),
        }
    }

    pub(crate) fn outputs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("confidence", self.confidence.to_string()),
            ("reason", self.reason.clone()),
        ]
    }
}
