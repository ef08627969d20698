//! Wrong usage is told with its remedy, and asks nothing.

use crate::run::Place;
use crate::server::Server;

#[test]
fn what_is_no_target_is_refused_by_name_and_without_its_password() {
    let place = Place::new();
    place
        .run(&["check", "[user-service,task-service]"])
        .assert_said(
            2,
            &[
                "`[user-service,task-service]` is not a URL",
                "--services in single quotes",
            ],
        );
    place.run(&["check", "user-service"]).assert_said(
        2,
        &[
            "`user-service` is not a URL",
            "http://host:8080/actuator/health",
        ],
    );
    place
        .run(&["check", "http://u:hunter2@:1/"])
        .assert_said(2, &["is not a URL"]);
    place
        .run(&["check", "http://h/", "http://h/"])
        .assert_said(2, &["two targets are called `h`"]);
}

#[test]
fn nothing_is_asked_before_all_is_known_to_be_right() {
    let (place, server) = (Place::new(), Server::up());
    place
        .run(&["check", &server.url("/"), "gopher://h/"])
        .assert_said(2, &["`gopher`"]);
    place
        .run(&["check", &server.url("/"), "--events", "no/such/events"])
        .assert_said(2, &["cannot write events"]);
    assert_eq!(server.heads().len(), 0);
}

#[test]
fn numbers_and_times_are_what_they_can_be() {
    let place = Place::new();
    for (arguments, part) in [
        (["--successes", "0"], "1.."),
        (["--interval", "0s"], "longer than nothing"),
        (["--timeout", "soon"], "write a time such as 500ms"),
        (["--max-parallel", "0"], "from 1 on"),
        (["--revision-header", "X"], "--expect-revision"),
    ] {
        let all = [&["check", "http://h/"], &arguments[..]].concat();
        place.run(&all).assert_said(2, &[part]);
    }
    for no_actuator in [&["--accept-unknown"][..], &["--require-component", "db"]] {
        let all = [&["check", "http://h/", "--plain"], no_actuator].concat();
        place.run(&all).assert_said(2, &["cannot be used with"]);
    }
}
