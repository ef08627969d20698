//! Texts of the server cannot be more than text.

use health_checker::quality_gate::{Comparator, Condition, GateStatus, Level, Task, TaskStatus};
use quick_xml::events::Event;

use super::{Site, name};
use crate::run::Ended;

const HOSTILE: &str =
    "a|b <!channel> @here `x` \u{1b}[31m\u{202e}\r\n::set-output name=x::y <img src=x>";

fn run(site: &Site) -> Ended {
    let path = |name: &str| site.place.path().join(name);
    let output = site
        .command(&["--poll", "5ms", "--junit", "gate.xml"])
        .env("GITHUB_OUTPUT", path("outputs"))
        .env("GITHUB_STEP_SUMMARY", path("summary"))
        .output()
        .unwrap();
    Ended::of(output)
}

fn assert_harmless(site: &Site, ended: &Ended) {
    let summary = site.place.read("summary");
    let outputs = site.place.read("outputs");
    for text in [&ended.stdout, &ended.stderr, &summary, &outputs] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("::")), "{text:?}");
    }
    assert!(
        !summary.contains("<!channel>") && !summary.contains("<img"),
        "{summary}"
    );
    assert!(!summary.contains("@here"), "{summary}");
    let junit = site.place.read("gate.xml");
    let mut reader = quick_xml::Reader::from_str(&junit);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name();
                let known = ["testsuites", "testsuite", "testcase", "failure", "error"];
                assert!(known.contains(&name.as_ref()), "{junit}");
            }
            Event::Eof => break,
            _ => {}
        }
    }
}

#[test]
fn a_hostile_measure_stays_in_its_cell() {
    let condition = Condition::new(
        Level::Error,
        name("a|b<!channel>"),
        Comparator::Less,
        HOSTILE,
    )
    .actual(HOSTILE);
    let site = Site::with(GateStatus::new(Level::Error, vec![condition]));
    let ended = run(&site);
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert_harmless(&site, &ended);
    let summary = site.place.read("summary");
    let row = summary
        .lines()
        .find(|line| line.ends_with("| failed |"))
        .unwrap();
    let bars = row.replace("\\|", "").matches('|').count();
    assert_eq!(bars, 7, "{row}");
    assert_eq!(ended.stdout.lines().count(), 5, "{ended:#?}");
}

#[test]
fn a_hostile_error_of_a_task_stays_on_its_line() {
    let site = Site::new();
    let task = site.report("users|<!channel>", "");
    let failed = Task::new(TaskStatus::Failed)
        .error(HOSTILE)
        .warning(HOSTILE);
    site.stub.sonar().add_task(task, [failed]);
    let ended = run(&site);
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert_harmless(&site, &ended);
    assert!(
        ended.stdout.contains("::set-output"),
        "it is shown: {ended:#?}"
    );
}

#[test]
fn a_hostile_answer_of_another_kind_is_told_as_such() {
    let site = Site::new();
    let task = site.report("users", "");
    let odd = Task::new(TaskStatus::Other(HOSTILE.to_owned()));
    site.stub.sonar().add_task(task, [odd]);
    let ended = run(&site);
    assert_eq!(ended.code, 3, "{ended:#?}");
    assert_harmless(&site, &ended);
}
