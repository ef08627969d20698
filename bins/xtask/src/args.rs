//! The command line.

use std::path::PathBuf;

use crate::bench;
use crate::hold::Held;
use crate::release;
use crate::stack;
use crate::suite::Options;
use crate::task::Error;

/// What `--help` prints, and what an unknown task is answered with.
pub(crate) const HELP: &str = "\
Usage: cargo xtask TASK

Tasks:
  test           install what the tests need, start the servers, run everything, count what ran
                   -p, --package NAME   only this package (may be repeated); without the guards
                   --no-servers         neither install nor start servers; their tests are skipped and counted
  test stack     the reference deployment, the actions and the workflows alone, with the Terraform command that TERRAFORM names
                   --full               also plant the errors whose tests take longest, and hold dev against the policies
                   --only TEXT          only the checks whose names hold it, such as `dashboards` or `modules/ecs`
  lint           formatting, clippy and the documentation, warnings being errors
  guard          what the dependency graph must not hold, and what the top folder may hold
  bench detect   time change detection beside other tools, on repositories made for it; a Markdown table
                   --runs N             runs of each (15); what takes seconds gets 3
                   --keep DIR           make the repositories there, leave them and take them again
                   --only NAME…         only these of the repositories maven npm reactor, and only these beside ours:
                                        git seed turbo nx mvn
                   --ours FILE          measure this binary instead of a release build of change-detect
                   --json FILE          write the results there too
  bench push     push images beside skopeo: requests by the registry's log, bytes, seconds, memory; a Markdown table
                   --keep DIR           make the images there, leave them and take them again
                   --ours FILE          measure this binary instead of a release build of image-tagger
  bench deploy   verdicts on failing deployments beside the AWS CLI and ecs-deploy, on a simulated ECS; a Markdown table
                   --ours FILE          measure this binary instead of a release build of ecs-deployer
                   --simulator FILE     measure with this binary instead of a release build of ecs-simulator
  bench pipeline deploy one changed service of twelve beside the shell pipeline that windlass replaces: requests, calls, time
                 per stage; a Markdown table
                   --ours FILE          measure this binary instead of a release build of windlass
                   --simulator FILE     measure with this binary instead of a release build of ecs-simulator
  bench logs     archive a million events from a CloudWatch Logs on loopback, beside a script with boto3: CPU, memory, seconds
                   --events N           how many (1000000)
                   --ours FILE          measure this binary instead of a release build of log-exporter
                   --python FILE        the Python that has boto3; otherwise an environment is made with it
  bench health   check 12 and 200 services beside curl, hurl and wait-on: seconds, memory; a Markdown table
                   --runs N             runs of each (11); what takes seconds gets 3
                   --ours FILE          measure this binary instead of a release build of health-checker
  bench lambda   start cost-exporter-lambda and log-exporter-lambda, each beside a handler in Python with boto3, under the same
                 Runtime API: time to the first poll, memory, size; a Markdown table
                   --ours FILE          measure this cost-exporter-lambda instead of a build with the profile lambda (minutes)
                   --logs FILE          measure this log-exporter-lambda instead, likewise
  release-check  whether each crate that is published can be: manifests, files, licences, documentation, least Rust, a build of
                 each package, and semantic versions and public API since the last release
                   --quick              manifests and files alone
                   --strict             what this machine has no tool for is a failure, not skipped
  help           this text

Exit codes: 0 all is well, 1 something failed, 2 usage, or something is missing on this machine.";

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Test(Options),
    Stack(stack::Options),
    Lint,
    Guard,
    Bench(bench::Options),
    BenchPush(bench::push::Options),
    BenchDeploy(bench::deploy::Options),
    BenchPipeline(bench::pipeline::Options),
    BenchLogs(bench::logs::Options),
    BenchHealth(bench::health::Options),
    BenchLambda(bench::lambda::Options),
    ReleaseCheck(release::Options),
    /// Not for people: keeps a server for `test`, see [`crate::hold`].
    Hold(Held),
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: Vec<String>) -> Result<Command, Error> {
    let mut rest = arguments.into_iter();
    let Some(task) = rest.next() else {
        return Err(usage("no task is named"));
    };
    let command = match task.as_str() {
        "help" | "--help" | "-h" => Command::Help,
        "test" => return test(rest),
        "bench" => return bench(rest),
        "lint" => Command::Lint,
        "guard" => Command::Guard,
        "release-check" => return release_check(rest),
        "hold" => return held(rest),
        other => return Err(usage(&format!("there is no task `{other}`"))),
    };
    match rest.next().as_deref() {
        None => Ok(command),
        Some("--help" | "-h") => Ok(Command::Help),
        Some(extra) => Err(usage(&format!("`{task}` takes no argument `{extra}`"))),
    }
}

fn test(rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut rest = rest.peekable();
    if rest.next_if(|word| word == "stack").is_some() {
        return test_stack(rest);
    }
    let mut options = Options::default();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--no-servers" => options.servers = false,
            "-p" | "--package" => match rest.next() {
                Some(name) => options.packages.push(name),
                None => return Err(usage(&format!("`{argument}` needs the name of a package"))),
            },
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(usage(&format!("`test` takes no argument `{other}`"))),
        }
    }
    Ok(Command::Test(options))
}

fn release_check(rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = release::Options::default();
    for argument in rest {
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--strict" => options.strict = true,
            "--help" | "-h" => return Ok(Command::Help),
            other => {
                return Err(usage(&format!(
                    "`release-check` takes no argument `{other}`"
                )));
            }
        }
    }
    Ok(Command::ReleaseCheck(options))
}

fn test_stack(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = stack::Options::default();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--full" => options.full = true,
            "--only" => match rest.next() {
                Some(text) => options.only = Some(text),
                None => return Err(usage("`--only` needs a part of a check's name")),
            },
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(usage(&format!("`test stack` takes no argument `{other}`"))),
        }
    }
    Ok(Command::Stack(options))
}

fn bench(rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut rest = rest.peekable();
    match rest.next().as_deref() {
        Some("detect") => {}
        Some("push") => return bench_push(rest),
        Some("deploy") => return bench_deploy(rest),
        Some("pipeline") => return bench_pipeline(rest),
        Some("logs") => return bench_logs(rest),
        Some("health") => return bench_health(rest),
        Some("lambda") => return bench_lambda(rest),
        Some("--help" | "-h") => return Ok(Command::Help),
        Some(other) => return Err(usage(&format!("there is no bench `{other}`"))),
        None => return Err(usage("`bench` needs the name of a bench")),
    }
    let mut options = bench::Options::default();
    while let Some(argument) = rest.next() {
        let mut value = |what: &str| {
            rest.next()
                .ok_or_else(|| usage(&format!("`{argument}` needs {what}")))
        };
        match argument.as_str() {
            "--runs" => options.runs = number_of_runs(&value("a number")?)?,
            "--keep" => options.keep = Some(PathBuf::from(value("a folder")?)),
            "--ours" => options.ours = Some(PathBuf::from(value("a file")?)),
            "--json" => options.json = Some(PathBuf::from(value("a file")?)),
            "--only" => {
                let first = value("a name")?;
                let more = std::iter::from_fn(|| rest.next_if(|word| !word.starts_with('-')));
                for name in std::iter::once(first).chain(more) {
                    let known = bench::REPOSITORIES.iter().chain(&bench::CONTENDERS);
                    if !known.into_iter().any(|known| *known == name) {
                        return Err(usage(&format!("`--only` knows no `{name}`")));
                    }
                    options.only.push(name);
                }
            }
            "--help" | "-h" => return Ok(Command::Help),
            other => {
                return Err(usage(&format!(
                    "`bench detect` takes no argument `{other}`"
                )));
            }
        }
    }
    Ok(Command::Bench(options))
}

fn bench_push(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = bench::push::Options::default();
    while let Some(argument) = rest.next() {
        let target = match argument.as_str() {
            "--keep" => &mut options.keep,
            "--ours" => &mut options.ours,
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(usage(&format!("`bench push` takes no argument `{other}`"))),
        };
        let path = rest
            .next()
            .ok_or_else(|| usage(&format!("`{argument}` needs a path")))?;
        *target = Some(PathBuf::from(path));
    }
    Ok(Command::BenchPush(options))
}

fn bench_deploy(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = bench::deploy::Options::default();
    while let Some(argument) = rest.next() {
        let target = match argument.as_str() {
            "--ours" => &mut options.ours,
            "--simulator" => &mut options.simulator,
            "--help" | "-h" => return Ok(Command::Help),
            other => {
                return Err(usage(&format!(
                    "`bench deploy` takes no argument `{other}`"
                )));
            }
        };
        let path = rest
            .next()
            .ok_or_else(|| usage(&format!("`{argument}` needs a path")))?;
        *target = Some(PathBuf::from(path));
    }
    Ok(Command::BenchDeploy(options))
}

fn bench_pipeline(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = bench::pipeline::Options::default();
    while let Some(argument) = rest.next() {
        let target = match argument.as_str() {
            "--ours" => &mut options.ours,
            "--simulator" => &mut options.simulator,
            "--help" | "-h" => return Ok(Command::Help),
            other => {
                return Err(usage(&format!(
                    "`bench pipeline` takes no argument `{other}`"
                )));
            }
        };
        let path = rest
            .next()
            .ok_or_else(|| usage(&format!("`{argument}` needs a path")))?;
        *target = Some(PathBuf::from(path));
    }
    Ok(Command::BenchPipeline(options))
}

fn bench_logs(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = bench::logs::Options::default();
    while let Some(argument) = rest.next() {
        let mut value = || {
            rest.next()
                .ok_or_else(|| usage(&format!("`{argument}` needs a value")))
        };
        match argument.as_str() {
            "--events" => {
                let events = value()?;
                options.events = events
                    .parse()
                    .ok()
                    .filter(|events| (1_000..=3_000_000).contains(events))
                    .ok_or_else(|| {
                        usage(&format!(
                            "`{events}` is not a number of events: it takes 1000 to 3000000"
                        ))
                    })?;
            }
            "--ours" => options.ours = Some(PathBuf::from(value()?)),
            "--python" => options.python = Some(PathBuf::from(value()?)),
            "--help" | "-h" => return Ok(Command::Help),
            other => return Err(usage(&format!("`bench logs` takes no argument `{other}`"))),
        }
    }
    Ok(Command::BenchLogs(options))
}

fn bench_health(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = bench::health::Options::default();
    while let Some(argument) = rest.next() {
        let mut value = |what: &str| {
            rest.next()
                .ok_or_else(|| usage(&format!("`{argument}` needs {what}")))
        };
        match argument.as_str() {
            "--runs" => options.runs = number_of_runs(&value("a number")?)?,
            "--ours" => options.ours = Some(PathBuf::from(value("a file")?)),
            "--help" | "-h" => return Ok(Command::Help),
            other => {
                return Err(usage(&format!(
                    "`bench health` takes no argument `{other}`"
                )));
            }
        }
    }
    Ok(Command::BenchHealth(options))
}

fn bench_lambda(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    let mut options = bench::lambda::Options::default();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--ours" => {
                let path = rest.next().ok_or_else(|| usage("`--ours` needs a path"))?;
                options.ours = Some(PathBuf::from(path));
            }
            "--logs" => {
                let path = rest.next().ok_or_else(|| usage("`--logs` needs a path"))?;
                options.logs = Some(PathBuf::from(path));
            }
            "--help" | "-h" => return Ok(Command::Help),
            other => {
                return Err(usage(&format!(
                    "`bench lambda` takes no argument `{other}`"
                )));
            }
        }
    }
    Ok(Command::BenchLambda(options))
}

fn number_of_runs(text: &str) -> Result<usize, Error> {
    text.parse()
        .ok()
        .filter(|runs| (1..=10_000).contains(runs))
        .ok_or_else(|| {
            usage(&format!(
                "`{text}` is not a number of runs: it takes 1 to 10000"
            ))
        })
}

fn held(mut rest: impl Iterator<Item = String>) -> Result<Command, Error> {
    match (rest.next(), rest.next()) {
        (Some(scratch), Some(program)) => Ok(Command::Hold(Held {
            scratch: PathBuf::from(scratch),
            program: PathBuf::from(program),
            arguments: rest.collect(),
        })),
        _ => Err(usage("`hold` needs a folder and a program")),
    }
}

fn usage(what: &str) -> Error {
    Error::Setup(format!("{what}\n\n{HELP}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bench_of_logs_takes_a_number_within_its_limits() {
        match parsed("bench logs --events 1000 --python py") {
            Ok(Command::BenchLogs(options)) => {
                assert_eq!((options.events, options.python), (1000, Some("py".into())));
            }
            other => panic!("{other:?}"),
        }
        for bad in ["--events 999", "--events x", "--events", "--runs 3"] {
            assert!(matches!(
                parsed(&format!("bench logs {bad}")),
                Err(Error::Setup(_))
            ));
        }
    }

    fn parsed(line: &str) -> Result<Command, Error> {
        parse(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn an_unknown_task_is_answered_with_the_list_and_exit_code_2() {
        match parsed("benchmark") {
            Err(Error::Setup(text)) => assert!(
                text.contains("no task `benchmark`") && text.contains("release-check"),
                "{text}"
            ),
            other => panic!("{other:?}"),
        }
        assert!(matches!(parsed(""), Err(Error::Setup(_))));
    }

    #[test]
    fn test_runs_everything_with_servers_unless_told_otherwise() {
        assert_eq!(
            parsed("test").unwrap(),
            Command::Test(Options {
                packages: vec![],
                servers: true
            })
        );
        assert_eq!(
            parsed("test -p image-tagger --package windlass --no-servers").unwrap(),
            Command::Test(Options {
                packages: vec!["image-tagger".into(), "windlass".into()],
                servers: false
            })
        );
    }

    #[test]
    fn the_stack_is_tested_by_name() {
        assert_eq!(
            parsed("test stack --full --only dashboards").unwrap(),
            Command::Stack(stack::Options {
                full: true,
                only: Some("dashboards".into()),
            })
        );
        assert!(matches!(
            parsed("test -p windlass stack"),
            Err(Error::Setup(_))
        ));
    }

    #[test]
    fn the_bench_takes_several_names_after_one_flag() {
        assert_eq!(
            parsed("bench detect").unwrap(),
            Command::Bench(bench::Options::default())
        );
        assert_eq!(
            parsed("bench detect --only npm turbo --runs 3 --keep /tmp/x --only ours").unwrap(),
            Command::Bench(bench::Options {
                runs: 3,
                keep: Some("/tmp/x".into()),
                only: vec!["npm".into(), "turbo".into(), "ours".into()],
                ours: None,
                json: None,
            })
        );
    }

    #[test]
    fn each_function_of_the_bench_can_be_named() {
        assert_eq!(
            parsed("bench lambda --logs /tmp/l --ours /tmp/c").unwrap(),
            Command::BenchLambda(bench::lambda::Options {
                ours: Some("/tmp/c".into()),
                logs: Some("/tmp/l".into()),
            })
        );
    }

    #[test]
    fn an_argument_that_would_be_ignored_is_an_error() {
        for line in [
            "lint --fix",
            "test --all",
            "test stack --no-servers",
            "test stack --only",
            "test -p",
            "guard x",
            "hold",
            "hold /tmp/x",
            "bench",
            "bench rollout",
            "bench deploy --runs 3",
            "bench deploy --ours",
            "bench pipeline --runs 3",
            "bench pipeline --simulator",
            "bench push --runs 3",
            "bench push --keep",
            "bench health --keep /tmp/x",
            "bench health --runs 0",
            "bench lambda --runs 3",
            "bench lambda --ours",
            "bench lambda --logs",
            "bench detect --runs",
            "bench detect --runs 0",
            "bench detect --only",
            "bench detect --only lerna",
            "bench detect npm",
        ] {
            assert!(matches!(parsed(line), Err(Error::Setup(_))), "{line}");
        }
    }

    #[test]
    fn each_task_can_be_asked_for_help() {
        for line in [
            "help",
            "--help",
            "-h",
            "test --help",
            "lint -h",
            "bench --help",
            "bench detect -h",
        ] {
            assert_eq!(parsed(line).unwrap(), Command::Help, "{line}");
        }
    }
}
