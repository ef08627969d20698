//! Reports in JUnit's XML, which every CI server shows.

use std::path::Path;
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use windlass_cli::Failure;

/// One line of the report.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) result: CaseResult,
}

/// What became of a case.
#[derive(Debug)]
pub(crate) enum CaseResult {
    Passed,
    /// It was judged, and is not good.
    Failed {
        kind: String,
        message: String,
    },
    /// It could not be judged.
    Errored {
        kind: String,
        message: String,
    },
}

/// Writes cases as one suite.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(path: &Path, suite: &str, cases: &[Case]) -> Result<(), Failure> {
    std::fs::write(path, document(suite, cases)).map_err(|error| {
        Failure::unreachable(format!(
            "cannot write the JUnit report to `{}`",
            path.display()
        ))
        .caused_by(&error)
        .hint("give --junit a file in a folder that exists and may be written")
    })
}

fn document(suite: &str, cases: &[Case]) -> Vec<u8> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    render(&mut writer, suite, cases).expect("writing to memory does not fail");
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    bytes
}

fn render(writer: &mut Writer<Vec<u8>>, suite: &str, cases: &[Case]) -> std::io::Result<()> {
    let count = |wanted: fn(&CaseResult) -> bool| {
        cases
            .iter()
            .filter(|case| wanted(&case.result))
            .count()
            .to_string()
    };
    let failures = count(|result| matches!(result, CaseResult::Failed { .. }));
    let errors = count(|result| matches!(result, CaseResult::Errored { .. }));
    let total = cases.len().to_string();
    let longest = cases.iter().map(|case| case.took).max().unwrap_or_default();
    let took = seconds(longest);
    let suite = allowed(suite);
    let totals = [
        ("name", suite.as_str()),
        ("tests", &total),
        ("failures", &failures),
        ("errors", &errors),
        ("time", &took),
    ];
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer
        .create_element("testsuites")
        .with_attributes(totals)
        .write_inner_content(|writer| {
            writer
                .create_element("testsuite")
                .with_attributes(totals)
                .write_inner_content(|writer| {
                    cases.iter().try_for_each(|case| one(writer, &suite, case))
                })
                .map(drop)
        })
        .map(drop)
}

fn one(writer: &mut Writer<Vec<u8>>, suite: &str, case: &Case) -> std::io::Result<()> {
    let (name, took) = (allowed(&case.name), seconds(case.took));
    let element = writer.create_element("testcase").with_attributes([
        ("classname", suite),
        ("name", &name),
        ("time", &took),
    ]);
    let (tag, kind, message) = match &case.result {
        CaseResult::Passed => return element.write_empty().map(drop),
        CaseResult::Failed { kind, message } => ("failure", kind, message),
        CaseResult::Errored { kind, message } => ("error", kind, message),
    };
    let message = allowed(message);
    element
        .write_inner_content(|writer| {
            writer
                .create_element(tag)
                .with_attributes([("type", kind.as_str()), ("message", &message)])
                .write_text_content(BytesText::new(&message))
                .map(drop)
        })
        .map(drop)
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// XML 1.0 has no place at all for most control characters, escaped or not.
fn allowed(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' => ' ',
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, result: CaseResult) -> Case {
        Case {
            name: name.to_owned(),
            took: Duration::from_millis(1500),
            result,
        }
    }

    #[test]
    fn good_bad_and_unknown_are_told_apart_and_counted() {
        let cases = [
            case("users", CaseResult::Passed),
            case(
                "tasks",
                CaseResult::Failed {
                    kind: "stale".to_owned(),
                    message: "only the old build answers".to_owned(),
                },
            ),
            case(
                "mail",
                CaseResult::Errored {
                    kind: "inconclusive".to_owned(),
                    message: "refused".to_owned(),
                },
            ),
        ];
        let text = String::from_utf8(document("health", &cases)).unwrap();
        let totals = r#"name="health" tests="3" failures="1" errors="1" time="1.500""#;
        assert_eq!(
            text,
            format!(
                r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites {totals}>
  <testsuite {totals}>
    <testcase classname="health" name="users" time="1.500"/>
    <testcase classname="health" name="tasks" time="1.500">
      <failure type="stale" message="only the old build answers">only the old build answers</failure>
    </testcase>
    <testcase classname="health" name="mail" time="1.500">
      <error type="inconclusive" message="refused">refused</error>
    </testcase>
  </testsuite>
</testsuites>
"#
            )
        );
    }

    #[test]
    fn text_from_outside_stays_text() {
        let hostile = "\"/><x y='\u{1b}[2J'>&\n]]>";
        let cases = [case(
            hostile,
            CaseResult::Failed {
                kind: "unhealthy".to_owned(),
                message: hostile.to_owned(),
            },
        )];
        let bytes = document("health", &cases);
        let mut reader = quick_xml::Reader::from_reader(bytes.as_slice());
        let mut tags = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    tags.push(start.name().as_ref().to_owned());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(tags, ["testsuites", "testsuite", "testcase", "failure"]);
        assert!(!bytes.contains(&0x1b));
    }

    #[test]
    fn nothing_is_a_suite_too() {
        let text = String::from_utf8(document("health", &[])).unwrap();
        assert!(text.contains(r#"tests="0""#), "{text}");
    }
}
