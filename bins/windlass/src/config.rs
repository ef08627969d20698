//! `windlass.toml`: what the file may say, and what is wrong with it when it says something else.

mod keys;
mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use change_detect::ModuleName;
use serde::{Deserialize, Deserializer};
use windlass_cli::{Failure, nearest};

pub(crate) use template::Template;

use crate::names::Names;

/// The name of the file that [`Config::load`] looks for at the root of the repository.
pub(crate) const FILE_NAME: &str = "windlass.toml";

/// The environment that exists without being configured.
pub(crate) const LOCAL: &str = "local";

/// The whole of `windlass.toml`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Config {
    pub(crate) detect: Detect,
    pub(crate) build: Build,
    pub(crate) gate: Option<Gate>,
    pub(crate) deploy: Deploy,
    pub(crate) health: Health,
    pub(crate) environments: BTreeMap<String, Environment>,
    pub(crate) notify: Notify,
}

/// `[detect]`: how services are found and what affects them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Detect {
    pub(crate) layout: Option<String>,
    pub(crate) services: Vec<String>,
    pub(crate) global: Vec<String>,
    pub(crate) ignore: Vec<String>,
    pub(crate) on_unknown: OnUnknown,
}

/// What to do when a service's base cannot be compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnUnknown {
    /// Stop with an error.
    #[default]
    Fail,
    /// Take every service as affected.
    All,
}

/// `[build]`: how an image comes to be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Build {
    pub(crate) command: Option<Template>,
    pub(crate) image: Option<Template>,
    pub(crate) max_parallel: usize,
}

impl Default for Build {
    /// As many commands at once as the machine has processors.
    fn default() -> Self {
        Self {
            command: None,
            image: None,
            max_parallel: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

/// `[gate]`: what SonarQube must say of the build before it is pushed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Gate {
    /// Where the scanner leaves its report; with a placeholder, one for each service.
    pub(crate) report: Template,
    /// The only server that reports may name.
    #[serde(default)]
    pub(crate) server: Option<String>,
    #[serde(default)]
    pub(crate) token_env: Option<String>,
    #[serde(default)]
    pub(crate) strict: bool,
    #[serde(default)]
    pub(crate) rules: Vec<String>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub(crate) timeout: Option<Duration>,
}

/// `[deploy]`: in what order, and what happens to a failed rollout.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Deploy {
    pub(crate) order: Vec<Vec<String>>,
    pub(crate) on_failure: OnFailure,
    #[serde(deserialize_with = "optional_duration")]
    pub(crate) timeout: Option<Duration>,
    /// How often a rollout is looked at; the provider's own tempo if not set.
    #[serde(deserialize_with = "optional_duration")]
    pub(crate) poll: Option<Duration>,
    pub(crate) max_parallel: usize,
}

impl Default for Deploy {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            on_failure: OnFailure::default(),
            timeout: None,
            poll: None,
            max_parallel: 8,
        }
    }
}

/// What happens to a service whose rollout or health check failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnFailure {
    /// The revision that ran before is brought back.
    #[default]
    Rollback,
    /// The service is left as it is, for somebody to look at.
    Keep,
}

/// `[health]`: when a service counts as serving the new build. What is not set depends on the provider.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Health {
    pub(crate) successes: Option<u32>,
    #[serde(deserialize_with = "optional_duration")]
    pub(crate) interval: Option<Duration>,
    #[serde(deserialize_with = "optional_duration")]
    pub(crate) timeout: Option<Duration>,
    #[serde(deserialize_with = "optional_duration")]
    pub(crate) latency_ceiling: Option<Duration>,
}

/// Where services are deployed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Provider {
    /// Amazon ECS and an OCI registry.
    Aws,
    /// OCI layouts on disk and the simulated cluster.
    Local,
}

/// `[environments.NAME]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Environment {
    pub(crate) provider: Provider,
    #[serde(default)]
    pub(crate) region: Option<String>,
    #[serde(default)]
    pub(crate) cluster: Option<String>,
    #[serde(default)]
    pub(crate) service: Option<Template>,
    #[serde(default)]
    pub(crate) repository: Option<Template>,
    #[serde(default)]
    pub(crate) health: Option<Template>,
    #[serde(default)]
    pub(crate) insecure_http: bool,
    #[serde(default)]
    pub(crate) desired_count: Option<u32>,
    #[serde(default)]
    pub(crate) speed: Option<f64>,
    /// Changed by hand only with `--yes`.
    #[serde(default)]
    pub(crate) protected: bool,
    /// Where the lock is that all machines see: `s3://BUCKET/PREFIX`.
    #[serde(default)]
    pub(crate) lock: Option<String>,
}

impl Environment {
    fn local() -> Self {
        Self {
            provider: Provider::Local,
            region: None,
            cluster: None,
            service: None,
            repository: None,
            health: None,
            insecure_http: false,
            desired_count: None,
            speed: None,
            protected: false,
            lock: None,
        }
    }
}

/// `[notify]`: whom to tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Notify {
    pub(crate) slack: Option<Slack>,
    pub(crate) webhook: Option<Webhook>,
}

/// `[notify.slack]`: an incoming webhook, its URL in an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Slack {
    pub(crate) webhook_env: String,
}

/// `[notify.webhook]`: the report as JSON to any URL, which stands in an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Webhook {
    pub(crate) url_env: String,
}

impl Config {
    /// Reads `explicit`, or `windlass.toml` in `root` if there is one; without a file everything has its default.
    pub(crate) fn load(root: &Path, explicit: Option<&Path>) -> Result<Self, Failure> {
        let path = explicit.map_or_else(|| root.join(FILE_NAME), PathBuf::from);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && explicit.is_none() => {
                Ok(Self::default())
            }
            Err(error) => Err(Failure::usage(format!(
                "cannot read the configuration `{}`",
                path.display()
            ))
            .caused_by(&error)
            .hint("check the path that --config names, and that the file is UTF-8 text")),
        }
    }

    /// Parses the text of a file; `path` is only named in errors.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        keys::check(text, path)?;
        let config: Self = toml::from_str(text).map_err(|error| {
            let place = error
                .span()
                .map_or_else(String::new, |span| keys::place(text, span.start));
            Failure::usage(format!(
                "`{}`{place}: {}",
                path.display(),
                error.message().trim()
            ))
            .hint("the keys and their values are listed in the README under windlass.toml")
        })?;
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), Failure> {
        let wrong = |key: &str, problem: String, hint: &str| {
            Err(Failure::usage(format!("`{}`: {key}: {problem}", path.display())).hint(hint))
        };
        if self.deploy.max_parallel == 0 {
            return wrong(
                "deploy.max-parallel",
                "0 would deploy nothing".into(),
                "set 1 or more",
            );
        }
        if self.deploy.poll.is_some_and(|poll| poll.is_zero()) {
            return wrong(
                "deploy.poll",
                "0 would ask without a pause".into(),
                "write a duration, for example \"5s\"",
            );
        }
        if let (Some(poll), Some(timeout)) = (self.deploy.poll, self.deploy.timeout)
            && poll >= timeout
        {
            return wrong(
                "deploy.poll",
                "a rollout would be looked at once, when its time is over".into(),
                "write less than deploy.timeout",
            );
        }
        if self.build.max_parallel == 0 {
            return wrong(
                "build.max-parallel",
                "0 would build nothing".into(),
                "set 1 or more",
            );
        }
        if self.health.successes == Some(0) {
            return wrong(
                "health.successes",
                "0 would pass without a check".into(),
                "set 1 or more",
            );
        }
        for (key, duration) in [
            ("deploy.timeout", self.deploy.timeout),
            ("health.interval", self.health.interval),
            ("health.timeout", self.health.timeout),
            ("health.latency-ceiling", self.health.latency_ceiling),
            (
                "gate.timeout",
                self.gate.as_ref().and_then(|gate| gate.timeout),
            ),
        ] {
            if duration.is_some_and(|duration| duration.is_zero()) {
                return wrong(
                    key,
                    "no time at all lets nothing pass".into(),
                    "write for example \"90s\" or \"15m\", or leave it away for the default",
                );
            }
        }
        let slack = self.notify.slack.as_ref().map(|slack| &slack.webhook_env);
        let webhook = self.notify.webhook.as_ref().map(|webhook| &webhook.url_env);
        let token = self.gate.as_ref().and_then(|gate| gate.token_env.as_ref());
        for (key, variable) in [
            ("notify.slack.webhook-env", slack),
            ("notify.webhook.url-env", webhook),
            ("gate.token-env", token),
        ] {
            if let Some(variable) = variable.filter(|variable| !is_variable(variable)) {
                return wrong(
                    key,
                    format!("`{variable}` cannot be the name of an environment variable"),
                    "name the variable that holds the secret, for example \"SLACK_WEBHOOK_URL\"; the secret itself never stands here",
                );
            }
        }
        if let Some(command) = &self.build.command {
            command.check("build.command", &["module", "service", "path"], path)?;
            match shlex::split(command.as_str()) {
                Some(words) if words.first().is_some_and(|word| !word.is_empty()) => {}
                Some(_) => {
                    return wrong(
                        "build.command",
                        "it is empty".into(),
                        "name a program, or leave the key away if nothing is to be built",
                    );
                }
                None => {
                    return wrong(
                        "build.command",
                        format!("`{command}` has a quote that is not closed"),
                        "quote with '…' or \"…\" as in a shell",
                    );
                }
            }
        }
        if let Some(image) = &self.build.image {
            image.check("build.image", &["module", "service", "path"], path)?;
            if !image.as_str().starts_with("oci:") {
                return wrong(
                    "build.image",
                    format!("`{}` is not an OCI image layout", image.as_str()),
                    "write it as `oci:FOLDER`, for example `oci:{path}/target/image`",
                );
            }
        }
        if let Some(gate) = &self.gate {
            gate.report
                .check("gate.report", &["module", "service", "path"], path)?;
            if gate.token_env.is_some() && gate.server.is_none() {
                return wrong(
                    "gate",
                    "`token-env` without `server` would send the token to whatever server a report names".into(),
                    "set gate.server to the address of your SonarQube, for example \"https://sonar.example.com\"",
                );
            }
        }
        for (name, environment) in &self.environments {
            if !is_environment_name(name) {
                return wrong(
                    "environments",
                    format!("`{name}` cannot be an environment's name"),
                    "use up to 64 letters, digits, - and _, beginning with a letter or digit",
                );
            }
            let keys = [
                ("service", &environment.service),
                ("repository", &environment.repository),
                ("health", &environment.health),
            ];
            for (key, template) in keys {
                if let Some(template) = template {
                    template.check(
                        &format!("environments.{name}.{key}"),
                        &["service", "environment"],
                        path,
                    )?;
                }
            }
            // Whatever the services are called: what is wrong with one of these is wrong with all.
            let names = Names::new(name, environment)?;
            let any: ModuleName = "service".parse().expect("the word is a module's name");
            names.service(&any)?;
            names.repository(&any)?;
            names.health(&any)?;
            if environment.provider == Provider::Aws {
                for (key, missing) in [
                    ("cluster", environment.cluster.is_none()),
                    ("repository", environment.repository.is_none()),
                ] {
                    if missing {
                        return wrong(
                            &format!("environments.{name}"),
                            format!("`{key}` is missing"),
                            "provider \"aws\" needs cluster and repository; region, service and health are optional",
                        );
                    }
                }
            }
            if let Some(lock) = environment
                .lock
                .as_deref()
                .filter(|lock| !is_lock_place(lock))
            {
                return wrong(
                    &format!("environments.{name}.lock"),
                    format!("`{lock}` is no place for a lock"),
                    "write it as s3://BUCKET/PREFIX, or leave it away for a lock on this machine",
                );
            }
            if environment.desired_count == Some(0) {
                let hint = "set 1 or more tasks per service";
                return wrong(
                    &format!("environments.{name}.desired-count"),
                    "0 tasks serve nothing".into(),
                    hint,
                );
            }
            if let Some(speed) = environment
                .speed
                .filter(|speed| !(1.0..=1000.0).contains(speed))
            {
                let hint = "1 is the pace of Fargate, 50 the default, 1000 the fastest";
                return wrong(
                    &format!("environments.{name}.speed"),
                    format!("{speed} is out of range"),
                    hint,
                );
            }
        }
        Ok(())
    }

    /// The environment of this name; `local` exists without being configured.
    pub(crate) fn environment(&self, name: &str) -> Result<Environment, Failure> {
        if let Some(environment) = self.environments.get(name) {
            return Ok(environment.clone());
        }
        if name == LOCAL {
            return Ok(Environment::local());
        }
        let mut known: Vec<&str> = self.environments.keys().map(String::as_str).collect();
        if !known.contains(&LOCAL) {
            known.push(LOCAL);
        }
        let hint = nearest(name, known.iter().copied()).map_or_else(
            || {
                format!(
                    "there are: {}; add [environments.{name}] to {FILE_NAME} for another",
                    known.join(", ")
                )
            },
            |near| format!("did you mean `{near}`? there are: {}", known.join(", ")),
        );
        Err(Failure::usage(format!("no environment named `{name}`")).hint(hint))
    }
}

/// What a shell can set; a value that was pasted into its place is none.
fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Names become folders, parts of image names and words in messages.
fn is_environment_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_lock_place(text: &str) -> bool {
    text.strip_prefix("s3://")
        .is_some_and(|place| !place.is_empty() && !place.starts_with('/'))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| {
        serde::de::Error::custom(format!(
            "`{text}` is not a duration ({error}); write for example \"90s\" or \"15m\""
        ))
    })
}

fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("windlass.toml")).map_err(|failure| {
            assert_eq!(failure.exit(), windlass_cli::Exit::Usage);
            failure.to_string()
        })
    }

    #[test]
    fn reads_the_documented_file() {
        let config = parse(include_str!("../tests/data/windlass.toml")).unwrap();
        assert_eq!(config.deploy.order.len(), 3);
        let dev = config.environment("dev").unwrap();
        assert_eq!(dev.provider, Provider::Aws);
        assert_eq!(dev.cluster.as_deref(), Some("sdt-dev"));
        assert_eq!(
            config.notify.slack.unwrap().webhook_env,
            "SLACK_WEBHOOK_URL"
        );
    }

    #[test]
    fn local_needs_no_configuration() {
        assert_eq!(
            Config::default().environment("local").unwrap().provider,
            Provider::Local
        );
    }

    #[test]
    fn an_unknown_environment_names_the_nearest() {
        let config = parse("[environments.staging]\nprovider = \"local\"\n").unwrap();
        let failure = config.environment("stagin").unwrap_err().to_string();
        assert!(
            failure.contains("no environment named `stagin`"),
            "{failure}"
        );
        assert!(failure.contains("did you mean `staging`?"), "{failure}");
    }

    #[test]
    fn an_unknown_key_names_the_nearest_and_its_line() {
        let failure = parse("[detect]\nlayout = \"maven\"\nglobals = []\n").unwrap_err();
        assert!(failure.contains("line 3"), "{failure}");
        assert!(
            failure.contains("unknown key `detect.globals`"),
            "{failure}"
        );
        assert!(failure.contains("did you mean `global`?"), "{failure}");
    }

    #[test]
    fn every_known_key_is_read() {
        fn leaves(table: &toml::Table, prefix: &[String], out: &mut Vec<Vec<String>>) {
            for (key, value) in table {
                let path = [prefix, std::slice::from_ref(key)].concat();
                match value {
                    toml::Value::Table(inner) => leaves(inner, &path, out),
                    _ => out.push(path),
                }
            }
        }
        fn remove(table: &mut toml::Table, path: &[String]) {
            match path {
                [last] => drop(table.remove(last)),
                [first, rest @ ..] => {
                    remove(table.get_mut(first).unwrap().as_table_mut().unwrap(), rest)
                }
                [] => unreachable!(),
            }
        }
        let text = include_str!("../tests/data/every-key.toml");
        let whole = parse(text).unwrap();
        let table: toml::Table = toml::from_str(text).unwrap();
        let mut paths = Vec::new();
        leaves(&table, &[], &mut paths);
        assert!(paths.len() > 20);
        for path in paths {
            let mut without = table.clone();
            remove(&mut without, &path);
            // A key whose absence is an error is read as well.
            let parsed = parse(&toml::to_string(&without).unwrap());
            assert!(
                parsed.as_ref() != Ok(&whole),
                "`{}` is accepted but not read",
                path.join(".")
            );
        }
    }

    #[test]
    fn a_wrong_type_names_its_line() {
        let failure = parse("[deploy]\nmax-parallel = \"many\"\n").unwrap_err();
        assert!(failure.contains("line 2"), "{failure}");
    }

    #[test]
    fn a_wrong_duration_names_the_value() {
        let failure = parse("[deploy]\ntimeout = \"soon\"\n").unwrap_err();
        assert!(failure.contains("`soon` is not a duration"), "{failure}");
    }

    #[test]
    fn refuses_values_that_would_do_nothing() {
        for text in [
            "[deploy]\nmax-parallel = 0\n",
            "[health]\nsuccesses = 0\n",
            "[environments.x]\nprovider = \"local\"\ndesired-count = 0\n",
            "[environments.x]\nprovider = \"local\"\nspeed = 0.0\n",
            "[environments.x]\nprovider = \"aws\"\nregion = \"us-east-1\"\n",
            "[environments.\"../up\"]\nprovider = \"local\"\n",
            "[build]\nimage = \"docker:{path}\"\n",
            "[build]\nimage = \"oci:{folder}/image\"\n",
            "[build]\ncommand = \"\"\n",
            "[build]\ncommand = \"mvn 'x\"\n",
            "[health]\ntimeout = \"0s\"\n",
            "[health]\ninterval = \"0s\"\n",
            "[deploy]\ntimeout = \"0s\"\n",
            "[notify.slack]\nwebhook-env = \"\"\n",
            "[notify.webhook]\nurl-env = \"https://example.com/hook\"\n",
            "[gate]\nreport = \"report-task.txt\"\ntoken-env = \"SONAR_TOKEN\"\n",
            "[environments.x]\nprovider = \"local\"\nhealth = \"nourl/{service}\"\n",
            "[environments.x]\nprovider = \"local\"\nhealth = \"ftp://example.com/{service}\"\n",
            "[environments.x]\nprovider = \"local\"\nservice = \"a service {service}\"\n",
            "[environments.x]\nprovider = \"local\"\ncluster = \"no cluster\"\n",
        ] {
            let failure = parse(text).unwrap_err();
            assert!(failure.contains("hint:"), "{text}: {failure}");
        }
    }
}
