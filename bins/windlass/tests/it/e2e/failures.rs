//! What goes wrong is caught where it goes wrong, and what ran before runs on.

use health_checker::quality_gate::Level;
use serde_json::Value;

use super::monorepo::{EVENT_USERS, ORDER};
use super::world::World;
use crate::repo::{all, verdicts};

/// A service on which no other depends.
const ALONE: &str = "skill-service";

/// A service on which one other depends, so that two are deployed when it changes.
const NEEDED: &str = "user-service";
const DEPENDENT: &str = "task-service";

fn deployed(world: &World) -> String {
    let (document, code) = world.json(&["run", "-e", "dev"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&ORDER, "deployed"), 0),
        "{document:#}"
    );
    world.repo.head()
}

/// Commits a change that makes the tasks of a service behave in this way; empty: well.
fn behave(world: &World, service: &str, manner: &str) -> String {
    world.repo.write(&format!("{service}/manner"), manner);
    world.commit(&format!("Behave: {manner}"))
}

/// Runs, and checks that the service was rolled back to what ran before, with the reason told to all.
fn rolled_back(world: &World, good: &str, seen: &mut usize) -> (Value, String) {
    let (document, code) = world.json(&["run", "-e", "dev"]);
    assert_eq!(
        (verdicts(&document), code),
        (all(&[ALONE], "rolled-back"), 5),
        "{document:#}"
    );
    assert_eq!(document["exit_code"], 5);
    world.assert_runs("dev", &[(ALONE, good)]);
    let messages = world.messages(seen);
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[1].contains("olled back"), "{}", messages[1]);
    let service = document["services"][0].clone();
    let reason = service["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains(&good[..7]), "who answers again: {reason}");
    (service, reason)
}

#[test]
fn each_way_to_fail_is_caught_and_the_old_build_serves_on() {
    let Some(world) = World::open() else { return };
    let good = deployed(&world);
    let mut seen = 0;
    world.messages(&mut seen);

    world.tasks.lose_image_of(&format!("sdt-dev-{ALONE}"));
    let bad = behave(&world, ALONE, "\n");
    let (_, reason) = rolled_back(&world, &good, &mut seen);
    assert!(reason.contains("CannotPullContainerError"), "{reason}");
    assert_eq!(world.tag("dev", ALONE, &format!("sha-{bad}")), None);

    behave(&world, ALONE, "crash");
    let (_, reason) = rolled_back(&world, &good, &mut seen);
    assert!(reason.contains("exit code 1"), "{reason}");

    behave(&world, ALONE, "unhealthy");
    let (_, reason) = rolled_back(&world, &good, &mut seen);
    assert!(reason.contains("503"), "{reason}");

    behave(&world, ALONE, &format!("stale {good}"));
    let (service, _) = rolled_back(&world, &good, &mut seen);
    assert_eq!(service["health"]["verdict"], "stale", "{service:#}");
    assert!(service["rollback"].is_object());

    // What was repaired is deployed as if nothing had happened, and of two services one may fail alone.
    world.repo.write(&format!("{ALONE}/manner"), "");
    let partial = behave(&world, NEEDED, "crash");
    let (document, code) = world.json(&["run", "-e", "dev"]);
    let expected = [
        (ALONE, "deployed"),
        (DEPENDENT, "deployed"),
        (NEEDED, "rolled-back"),
    ];
    let expected = expected.map(|(service, verdict)| (service.to_owned(), verdict.to_owned()));
    assert_eq!(
        (verdicts(&document), code),
        (expected.to_vec(), 4),
        "{document:#}"
    );
    let runs = [(ALONE, &*partial), (DEPENDENT, &*partial), (NEEDED, &*good)];
    world.assert_runs("dev", &runs);
}

#[test]
fn a_red_gate_ends_the_run_before_the_push() {
    let Some(world) = World::open() else { return };
    let good = deployed(&world);
    let mut seen = 0;
    world.messages(&mut seen);
    world
        .repo
        .write(super::monorepo::EVENT, "class Event {}\n\n");
    let red = world.repo.commit("Test less");
    world.analysed(&red, "79.9", Level::Error);
    let (tags, connections) = (world.tags("dev"), world.wire.connections());
    let updates = world.calls("UpdateService");
    let ended = world.windlass(&["run", "-e", "dev", "--format", "json"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(verdicts(&ended.json()), all(&EVENT_USERS, "not-started"));
    assert!(
        ended.stderr.contains("the quality gate is red") && ended.stderr.contains("79.9"),
        "{ended:?}"
    );
    assert_eq!(world.wire.connections(), connections, "nothing was pushed");
    assert_eq!(world.calls("UpdateService"), updates);
    assert_eq!(world.tags("dev"), tags);
    world.assert_all_run("dev", &good);
    let messages = world.messages(&mut seen);
    assert!(messages[1].contains("quality gate"), "{messages:?}");
}

#[test]
fn a_build_that_fails_ends_the_run_with_its_log() {
    let Some(world) = World::open() else { return };
    world.repo.write("user-service/does-not-compile", "");
    world.commit("Break the build");
    let ended = world.windlass(&["run", "-e", "dev"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("cannot find symbol") && ended.stderr.contains("user-service.log"),
        "{ended:?}"
    );
    assert_eq!(world.wire.connections(), 0, "nothing was pushed");
    assert_eq!(world.calls("UpdateService"), 0);
    assert_eq!(world.messages(&mut 0).len(), 2);
}
