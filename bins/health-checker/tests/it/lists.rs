//! Where targets come from, and what is no list of them.

use serde_json::json;

use crate::run::{PATIENT, Place, QUICK};
use crate::server::Server;

#[test]
fn the_output_of_a_step_for_two_services_leads_to_two_probes() {
    let (place, server) = (Place::new(), Server::up());
    let template = server.url("/api/{service}/actuator/health");
    for services in [
        r#"["user-service","task-service"]"#,
        r#"services=["user-service","task-service"]"#,
    ] {
        let before = server.heads().len();
        let arguments = [
            "--services",
            services,
            "--url-template",
            &template,
            "--successes",
            "1",
            "--format",
            "json",
        ];
        let ended = place.check(&arguments, PATIENT);
        assert_eq!(ended.code, 0, "{ended:#?}");
        let mut asked: Vec<String> = server.heads()[before..]
            .iter()
            .map(|head| head.split(' ').nth(1).unwrap().to_owned())
            .collect();
        asked.sort();
        assert_eq!(
            asked,
            [
                "/api/task-service/actuator/health",
                "/api/user-service/actuator/health"
            ]
        );
        assert_eq!(ended.json()["targets"][0]["name"], "user-service");
    }
}

#[test]
fn only_a_file_that_says_so_is_an_empty_list() {
    let place = Place::new();
    place.write("none.json", " [] \n");
    let ended = place.check(&["--targets", "none.json", "--format", "json"], &[]);
    ended.assert_said(0, &["nothing to check"]);
    assert_eq!(ended.json(), json!({"verdict": null, "targets": []}));
    place
        .pipe("[]", &["check", "--targets", "-"])
        .assert_said(0, &["nothing to check"]);
    for (text, parts) in [
        ("", ["only an empty text", "write `[]`"]),
        ("null", ["only `null`", "write `[]`"]),
        ("{}", ["this is an object", "JSON list"]),
        (
            "[user-service,task-service]",
            ["cannot be read", "the quotes are gone"],
        ),
        ("[\"http://h/\"", ["cannot be read", "JSON list"]),
        (
            "[\"user-service\"]",
            ["item 1", "http://host:8080/actuator/health"],
        ),
        (
            "[\"http://h/\", \"http://h/\"]",
            ["two targets are called `h`", "give them a `name` each"],
        ),
        (
            "[{\"url\": \"http://h/\", \"nmae\": \"x\"}]",
            ["nmae", "may have `name`"],
        ),
    ] {
        place.write("targets.json", text);
        place
            .check(&["--targets", "targets.json"], QUICK)
            .assert_said(2, &parts);
        place
            .pipe(text, &["check", "--targets", "-"])
            .assert_said(2, &parts);
    }
    place
        .check(&["--targets", "no/such.json"], &[])
        .assert_said(
            2,
            &["cannot read the targets in `no/such.json`", "explicit `[]`"],
        );
    place
        .check(&["--targets", "."], &[])
        .assert_said(2, &["cannot read the targets in `.`"]);
}

#[test]
fn services_are_never_none() {
    let place = Place::new();
    for (services, part) in [
        ("[]", "an empty list"),
        ("null", "`null`"),
        ("", "an empty text"),
        ("services=", "an empty text"),
        ("[user-service,task-service]", "the shell took the quotes"),
        ("user-service", "write for example"),
    ] {
        place
            .check(
                &[
                    "--services",
                    services,
                    "--url-template",
                    "http://127.0.0.1:9/{service}",
                ],
                QUICK,
            )
            .assert_said(2, &[part]);
    }
    place
        .check(
            &[
                "--services",
                "[\"a\"]",
                "--url-template",
                "http://127.0.0.1:9/",
            ],
            &[],
        )
        .assert_said(2, &["holds no `{service}`"]);
    place
        .check(&["--services", "[\"a\"]"], &[])
        .assert_said(2, &["--url-template"]);
}

#[test]
fn a_file_says_for_each_target_how_it_is_asked() {
    let (place, server) = (
        Place::new(),
        Server::start(|_, path| {
            crate::server::body(
                200,
                match path {
                    "/page" => "<html>",
                    _ => crate::server::UP,
                },
            )
        }),
    );
    let targets = json!([
        server.url("/actuator/health"),
        {"url": server.url("/page"), "name": "page", "kind": "plain", "headers": {"X-Key": "k"}},
        {"url": format!("tcp://127.0.0.1:{}", server.port()), "name": "port"},
    ]);
    place.write("targets.json", &targets.to_string());
    let ended = place.check(&["--targets", "targets.json", "--format", "json"], PATIENT);
    assert_eq!(ended.code, 0, "{ended:#?}");
    let names: Vec<_> = ended.json()["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| target["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names[1..], ["page", "port"]);
    let with_key = server
        .heads()
        .iter()
        .filter(|head| head.contains("x-key: k"))
        .count();
    assert_eq!(with_key, 3);
}

#[test]
fn one_way_to_name_targets_is_enough() {
    let place = Place::new();
    place
        .check(&[], &[])
        .assert_said(2, &["--targets", "--services"]);
    place
        .check(&["http://h/", "--targets", "x.json"], &[])
        .assert_said(2, &["cannot be used with"]);
}
