//! Reading scenarios.

use std::path::Path;

use ecs_deployer::sim::Scenario;
use windlass_cli::{Failure, nearest};

/// The scenario of this name, or the one in this file.
pub(crate) fn read(given: Option<&str>) -> Result<Scenario, Failure> {
    let Some(given) = given else {
        let name = "default".parse().expect("letters make a name");
        return Ok(Scenario::new(name));
    };
    if let Some(scenario) = Scenario::built_in(given) {
        return Ok(scenario);
    }
    let path = Path::new(given);
    if path.extension().is_none() && !path.exists() {
        return Err(unknown(given));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read the scenario `{given}`"))
            .caused_by(&error)
            .hint("name a file, or one of the scenarios that `--list-scenarios` lists")
    })?;
    if path.extension().is_some_and(|ending| ending == "json") {
        json(given, &text)
    } else {
        toml(given, &text)
    }
}

fn unknown(given: &str) -> Failure {
    let names = Scenario::BUILT_IN.map(|(name, _)| name);
    let failure = Failure::usage(format!(
        "there is no scenario `{given}`, and no file of this name"
    ));
    match nearest(given, names) {
        Some(close) => failure.hint(format!("did you mean `{close}`?")),
        None => failure.hint(format!("there are {}", names.join(", "))),
    }
}

fn json(given: &str, text: &str) -> Result<Scenario, Failure> {
    // The error says the line and the column itself.
    serde_json::from_str(text).map_err(|error| malformed(given, &error.to_string()))
}

fn toml(given: &str, text: &str) -> Result<Scenario, Failure> {
    ::toml::from_str(text).map_err(|error| {
        let place = error.span().map_or_else(String::new, |span| {
            let before = text.as_bytes().get(..span.start).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!(" at line {line}")
        });
        malformed(given, &format!("{}{place}", error.message()))
    })
}

fn malformed(given: &str, problem: &str) -> Failure {
    Failure::usage(format!(
        "the scenario `{given}` is not understood: {problem}"
    ))
    .hint("the keys are in the README of ecs-simulator; durations are seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_the_same_in_both_forms() {
        let text = r#"
            cluster = "test"
            [[services]]
            name = "web"
            image = "h/web:1"
            circuit-breaker = "rollback"
            threshold = { type = "COUNT", value = 2 }
            strategy = { kind = "CANARY", percent = 10.0, bake = 60.0 }
            [faults.images]
            "h/web:2" = { kind = "crash-after", running = 30.0, exit-code = 3 }
            [faults.logs]
            "h/web:2" = ["one", "two"]
            [[faults.happenings]]
            at = 60.0
            service = "web"
            what = { kind = "scale", desired = 4 }
        "#;
        let scenario = toml("x.toml", text).unwrap();
        assert_eq!(scenario.services.len(), 1);
        assert_eq!(scenario.faults.happenings.len(), 1);
        let text = serde_json::to_string(&scenario).unwrap();
        assert_eq!(json("x.json", &text).unwrap(), scenario);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let text = "cluster = \"dev\"\n[[services]]\nname = \"web\"\nimagge = \"h/web:1\"\n";
        let failure = toml("x.toml", text).unwrap_err().to_string();
        assert!(
            failure.contains("imagge") && failure.contains("line 4"),
            "{failure}"
        );
        let failure = json("x.json", "{\n\"clutser\": 1}")
            .unwrap_err()
            .to_string();
        assert!(
            failure.contains("clutser") && failure.contains("line 2"),
            "{failure}"
        );
    }

    #[test]
    fn a_name_that_is_nearly_one_is_put_right() {
        let failure = read(Some("breaker-rolback")).unwrap_err().to_string();
        assert!(
            failure.contains("did you mean `breaker-rollback`?"),
            "{failure}"
        );
        let failure = read(Some("no-such.toml")).unwrap_err().to_string();
        assert!(
            failure.contains("cannot read the scenario `no-such.toml`"),
            "{failure}"
        );
    }
}
