//! A run that is killed in any of its stages, and the next one, which finishes what that one began.

use std::time::Duration;

use deploy_notifier::testing::SlackFault;
use health_checker::quality_gate::Level;

use super::monorepo::ORDER;
use super::world::{World, until};
use crate::repo::{all, verdicts};

/// What the change of each round affects.
const AFFECTED: [&str; 1] = ["skill-service"];

/// A stage that can be stopped in.
struct Stage {
    name: &'static str,
    /// Keeps runs from getting through it.
    close: fn(&World),
    /// Whether a run is in it.
    reached: fn(&World) -> bool,
    /// Lets runs through again.
    open: fn(&World),
    /// Whether the run had got everything done before it was killed; `None` if ECS may or may not have ended by itself what
    /// the run had begun.
    is_done: Option<bool>,
}

const STAGES: [Stage; 6] = [
    Stage {
        name: "build",
        close: |world| std::fs::write(world.build_hold(), "").unwrap(),
        reached: |world| world.build_hold().with_extension("reached").exists(),
        open: |world| std::fs::remove_file(world.build_hold()).unwrap(),
        is_done: Some(false),
    },
    Stage {
        name: "gate",
        close: |_| {},
        reached: |world| world.has_told("gate-checking"),
        open: |world| world.analysed(&world.repo.head(), "91.3", Level::Ok),
        is_done: Some(false),
    },
    Stage {
        name: "push",
        close: |world| world.wire.hold(true),
        reached: |world| world.wire.reached(),
        open: |world| world.wire.hold(false),
        is_done: Some(false),
    },
    Stage {
        name: "deploy",
        close: |world| world.tasks.hold(true),
        reached: |world| world.has_told("deployment-started"),
        open: |world| world.tasks.hold(false),
        is_done: None,
    },
    Stage {
        name: "health",
        close: |world| world.entrance.close(true),
        reached: |world| world.has_told("\"watching\":false"),
        open: |world| world.entrance.close(false),
        is_done: Some(true),
    },
    Stage {
        name: "notify",
        // The message that it begins goes through, and the answer to the one that it ended does not come.
        close: |world| world.tasks.hold(true),
        reached: |world| {
            if world.has_told("deployment-started") && !world.has_told("\"event\":\"ended\"") {
                world.tasks.hold(false);
            }
            world.has_told("\"event\":\"ended\"")
        },
        open: |_| {},
        is_done: Some(true),
    },
];

#[test]
fn a_run_that_is_killed_in_any_stage_is_finished_by_the_next() {
    let Some(world) = World::open() else { return };
    let (document, code) = world.json(&["run", "-e", "dev"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&ORDER, "deployed"), 0),
        "{document:#}"
    );
    for stage in STAGES {
        let name = stage.name;
        let source = "skill-service/src/main/java/Main.java";
        world
            .repo
            .write(source, &format!("class Main {{}} // {name}\n"));
        let title = format!("Be killed in {name}");
        let head = match name {
            "gate" => {
                let head = world.repo.commit(&title);
                world.under_analysis(&head);
                head
            }
            _ => world.commit(&title),
        };
        (stage.close)(&world);
        let mut run = world.start_run();
        if name == "notify" {
            until("the start is told", || world.has_told("notified"));
            world.slack.fault(SlackFault::Slow(Duration::from_secs(60)));
        }
        until(name, || (stage.reached)(&world));
        run.kill().unwrap();
        let status = run.wait().unwrap();
        assert_eq!(status.code(), None, "killed in {name}, not ended");
        (stage.open)(&world);

        let (document, code) = world.json(&["run", "-e", "dev"]);
        assert_eq!(code, 0, "killed in {name}: {document:#}");
        let nothing = document["nothing"].is_string();
        match stage.is_done {
            None => {}
            Some(true) => assert!(nothing, "killed in {name}: {document:#}"),
            Some(false) => assert_eq!(
                verdicts(&document),
                all(&AFFECTED, "deployed"),
                "killed in {name}: {document:#}"
            ),
        }
        world.assert_runs("dev", &[("skill-service", head.as_str())]);
        let latest = world.tag("dev", "skill-service", "latest");
        let tagged = world.tag("dev", "skill-service", &format!("sha-{head}"));
        assert_eq!(latest, tagged, "killed in {name}");
        let status = world.windlass(&["status", "-e", "dev", "--health"]);
        assert_eq!(status.code, 0, "killed in {name}: {status:?}");
        assert!(!status.stdout.contains("not completed"), "{status:?}");
    }
    world.messages(&mut 0);
}
