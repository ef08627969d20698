//! `report-task.txt`, which the scanner leaves behind.

use std::str::FromStr;

use serde::Serialize;
use url::Url;

use super::name::{InvalidName, ProjectKey, TaskId};
use super::server::{InvalidServerUrl, ServerUrl, ServerVersion};
use crate::text;

/// Where scanners leave the report, below the folder of a module: Maven, Gradle, and the scanner of its own.
pub const REPORT_PLACES: [&str; 3] = [
    "target/sonar/report-task.txt",
    "build/sonar/report-task.txt",
    ".scannerwork/report-task.txt",
];

/// What the scanner says of the analysis that it handed to the server.
///
/// The scanner writes lines of `key=value` and escapes nothing, so a line is cut at its first `=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ReportTask {
    /// The project.
    pub project: ProjectKey,
    /// The server that has the analysis.
    pub server: ServerUrl,
    /// The server's version, if the report has one that can be read.
    #[serde(skip)]
    pub version: Option<ServerVersion>,
    /// The page for people.
    pub dashboard: Option<Url>,
    /// The task in which the server works the analysis up.
    pub task: TaskId,
}

/// Why a text is no [`ReportTask`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidReportTask {
    /// There is nothing in it.
    #[error("the report is empty")]
    Empty,
    /// A line is no `key=value`.
    #[error("line {line} of the report is no `key=value`: `{text}`")]
    Line {
        /// Which one, counted from 1.
        line: usize,
        /// What it holds.
        text: String,
    },
    /// A key is there twice with different values.
    #[error("the report has `{key}` twice, with different values")]
    Twice {
        /// The key.
        key: String,
    },
    /// A key is not there, or has no value.
    #[error("the report has no `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value is no name.
    #[error("the report's `{key}` cannot be used")]
    Name {
        /// The key.
        key: &'static str,
        /// Why not.
        #[source]
        source: InvalidName,
    },
    /// The server's address cannot be used.
    #[error("the report's `serverUrl` cannot be used")]
    Server(#[source] InvalidServerUrl),
    /// The task is said to be on another server than the project, and a token must not go there.
    #[error("the report's `ceTaskUrl` leads to another place than its `serverUrl`, {server}")]
    OtherOrigin {
        /// Where the server is.
        server: String,
    },
}

impl InvalidReportTask {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Empty | Self::Missing { .. } => {
                "run the scanner to its end: it writes the report when the server has taken the analysis"
            }
            Self::Line { .. } | Self::Twice { .. } | Self::Name { .. } => {
                "give the `report-task.txt` of the scanner itself, such as `target/sonar/report-task.txt`"
            }
            Self::Server(InvalidServerUrl::Credentials { .. }) => {
                "take user and password out of `sonar.host.url` and give a token instead"
            }
            Self::Server(_) => "set `sonar.host.url`, or the server's base URL, to its address",
            Self::OtherOrigin { .. } => {
                "the report was put together by hand or changed; run the scanner again"
            }
        };
        Some(text.to_owned())
    }
}

impl FromStr for ReportTask {
    type Err = InvalidReportTask;

    fn from_str(written: &str) -> Result<Self, InvalidReportTask> {
        let lines = Lines::read(written)?;
        let server: ServerUrl = lines
            .need("serverUrl")?
            .parse()
            .map_err(InvalidReportTask::Server)?;
        let project = lines.name("projectKey", lines.need("projectKey")?)?;
        let task_url = lines.get("ceTaskUrl").map(Url::parse);
        if let Some(url) = &task_url
            && !url.as_ref().is_ok_and(|url| server.is_origin_of(url))
        {
            let server = server.origin();
            return Err(InvalidReportTask::OtherOrigin { server });
        }
        let in_url = task_url.and_then(Result::ok).and_then(|url| {
            url.query_pairs()
                .find_map(|(key, value)| (key == "id").then(|| value.into_owned()))
        });
        let task = match (lines.get("ceTaskId"), in_url) {
            (Some(id), _) => lines.name("ceTaskId", id)?,
            (None, Some(id)) => lines.name("ceTaskUrl", &id)?,
            (None, None) => return Err(InvalidReportTask::Missing { key: "ceTaskId" }),
        };
        // It is shown to people only: one that leads elsewhere is left out rather than shown.
        let dashboard = lines
            .get("dashboardUrl")
            .and_then(|url| Url::parse(url).ok())
            .filter(|url| server.is_origin_of(url) && url.password().is_none());
        Ok(Self {
            project,
            version: lines
                .get("serverVersion")
                .and_then(|text| text.parse().ok()),
            server,
            dashboard,
            task,
        })
    }
}

/// The lines of a report, by key.
struct Lines<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Lines<'a> {
    fn read(written: &'a str) -> Result<Self, InvalidReportTask> {
        let mut lines: Vec<(&str, &str)> = Vec::new();
        let written = written.strip_prefix('\u{feff}').unwrap_or(written);
        for (index, line) in written.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return Err(InvalidReportTask::Line {
                    line: index + 1,
                    text: text::clean(line, 60),
                });
            };
            let (key, value) = (key.trim(), value.trim());
            match lines.iter().find(|(known, _)| *known == key) {
                Some((_, same)) if *same == value => {}
                Some(_) => {
                    let key = text::clean(key, 60);
                    return Err(InvalidReportTask::Twice { key });
                }
                None => lines.push((key, value)),
            }
        }
        if lines.is_empty() {
            return Err(InvalidReportTask::Empty);
        }
        Ok(Self(lines))
    }

    fn get(&self, wanted: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(key, value)| *key == wanted && !value.is_empty())
            .map(|(_, value)| *value)
    }

    fn need(&self, key: &'static str) -> Result<&'a str, InvalidReportTask> {
        self.get(key).ok_or(InvalidReportTask::Missing { key })
    }

    fn name<N: FromStr<Err = InvalidName>>(
        &self,
        key: &'static str,
        value: &str,
    ) -> Result<N, InvalidReportTask> {
        value
            .parse()
            .map_err(|source| InvalidReportTask::Name { key, source })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPORT: &str = "projectKey=org.example:user-service\n\
        serverUrl=https://sonar.example.com\n\
        serverVersion=10.4.1.88267\n\
        dashboardUrl=https://sonar.example.com/dashboard?id=org.example%3Auser-service&branch=dev\n\
        ceTaskId=AY0_zlLbn3ZJIgHwGQAU\n\
        ceTaskUrl=https://sonar.example.com/api/ce/task?id=AY0_zlLbn3ZJIgHwGQAU\n";

    fn without(key: &str) -> String {
        REPORT
            .lines()
            .filter(|line| !line.starts_with(&format!("{key}=")))
            .map(|line| format!("{line}\r\n"))
            .collect()
    }

    #[test]
    fn a_report_is_read_at_the_first_equals_sign() {
        let report: ReportTask = REPORT.parse().unwrap();
        assert_eq!(report.project.as_str(), "org.example:user-service");
        assert_eq!(report.version, Some(ServerVersion::new(10, 4)));
        assert_eq!(report.task.as_str(), "AY0_zlLbn3ZJIgHwGQAU");
        let dashboard = report.dashboard.unwrap();
        assert_eq!(
            dashboard.query(),
            Some("id=org.example%3Auser-service&branch=dev")
        );
    }

    #[test]
    fn windows_line_ends_a_byte_order_mark_and_comments_do_no_harm() {
        let report = format!("\u{feff}# made by hand\r\n\r\n{}", without("nothing"));
        assert_eq!(report.parse::<ReportTask>(), REPORT.parse());
    }

    #[test]
    fn the_task_is_taken_from_its_url_if_need_be() {
        let report: ReportTask = without("ceTaskId").parse().unwrap();
        assert_eq!(report.task.as_str(), "AY0_zlLbn3ZJIgHwGQAU");
        let neither = without("ceTaskId").replace("?id=", "?no=");
        assert_eq!(
            neither.parse::<ReportTask>(),
            Err(InvalidReportTask::Missing { key: "ceTaskId" })
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        for key in ["projectKey", "serverUrl"] {
            let error = without(key).parse::<ReportTask>().unwrap_err();
            assert_eq!(error, InvalidReportTask::Missing { key });
            assert!(error.hint().is_some());
        }
        assert_eq!("\n \n".parse::<ReportTask>(), Err(InvalidReportTask::Empty));
        let error = "<html>\u{1b}[2J".parse::<ReportTask>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1 of the report is no `key=value`: `<html>\u{fffd}[2J`"
        );
    }

    #[test]
    fn a_task_on_another_server_is_refused() {
        for elsewhere in [
            "https://evil.example.com",
            "http://sonar.example.com",
            "nonsense",
        ] {
            let report = REPORT.replace(
                "ceTaskUrl=https://sonar.example.com",
                &format!("ceTaskUrl={elsewhere}"),
            );
            let error = report.parse::<ReportTask>().unwrap_err();
            assert!(
                matches!(error, InvalidReportTask::OtherOrigin { .. }),
                "{error}"
            );
        }
        let two = format!("{REPORT}serverUrl=https://evil.example.com\n");
        assert!(matches!(
            two.parse::<ReportTask>(),
            Err(InvalidReportTask::Twice { .. })
        ));
        let dashboard = REPORT.replace("dashboardUrl=https://sonar", "dashboardUrl=https://evil");
        assert_eq!(dashboard.parse::<ReportTask>().unwrap().dashboard, None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}", lines in proptest::collection::vec("(projectKey|serverUrl|ceTaskId|x)=?\\PC{0,20}", 0..8)) {
            let _ = text.parse::<ReportTask>();
            let _ = lines.join("\n").parse::<ReportTask>();
        }

        #[test]
        fn values_keep_their_equals_signs_and_order_does_not_matter(
            key in "[a-zA-Z0-9:=._-]{1,60}",
            task in "[a-zA-Z0-9=_-]{1,40}",
            order in Just([0, 1, 2]).prop_shuffle(),
        ) {
            let lines = [
                format!("projectKey={key}"),
                "serverUrl=http://127.0.0.1:9000/sonar".to_owned(),
                format!("ceTaskId={task}"),
            ];
            let text: String = order.iter().map(|place| format!("{}\n", lines[*place])).collect();
            let report: ReportTask = text.parse().unwrap();
            prop_assert_eq!(report.project.as_str(), key);
            prop_assert_eq!(report.task.as_str(), task);
        }
    }
}
