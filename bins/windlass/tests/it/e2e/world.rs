//! All that a pipeline meets, on loopback: the repository, the registry, the clusters with their tasks, the balancer, Slack
//! and SonarQube.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use deploy_notifier::slack_problems;
use deploy_notifier::testing::SlackStub;
use ecs_deployer::sim::server::EcsServer;
use ecs_deployer::sim::{Clock, ScriptedRuntime, ServiceSpec, SimCluster, Timings};
use ecs_deployer::{ControlPlane, ServiceName, TaskDefinition};
use health_checker::quality_gate::sim::SimSonar;
use health_checker::quality_gate::testing::SonarStub;
use health_checker::quality_gate::{
    Analysis, Comparator, Condition, GateStatus, Level, Line, ProjectKey, Task, TaskStatus,
};
use image_tagger::{HttpRegistry, Reference, Registry, Repository};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::entrance::Entrance;
use super::monorepo::{self, ORDER, SERVICES};
use super::tasks::Tasks;
use super::wire::Wire;
use crate::repo::{Ended, Repo};

/// Seconds of the clusters' time in one of ours: the eleven minutes that ECS takes to give up become two seconds.
const FACTOR: f64 = 300.0;

/// How long something may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The environments, both in one account.
pub(crate) const ENVIRONMENTS: [&str; 2] = ["dev", "staging"];

/// Both environments with nothing deployed: the services are there, as Terraform leaves them, and their first images are not.
pub(crate) struct World {
    pub(crate) repo: Repo,
    pub(crate) wire: Wire,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) slack: SlackStub,
    pub(crate) sonar: SonarStub,
    clusters: BTreeMap<&'static str, SimCluster>,
    registry: Arc<HttpRegistry>,
    prefix: String,
    server: EcsServer,
    runtime: Runtime,
    scratch: TempDir,
}

impl World {
    /// `None` when there is no registry to be used, which is printed.
    #[expect(
        clippy::print_stdout,
        reason = "a test that skips itself says so, and is counted by this line"
    )]
    pub(crate) fn open() -> Option<Self> {
        let address = std::env::var("WINDLASS_TEST_REGISTRY").ok();
        let Some(address) = address.filter(|address| !address.is_empty()) else {
            println!("skipped: WINDLASS_TEST_REGISTRY is not set");
            return None;
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let inside = runtime.enter();
        let wire = Wire::to(&address);
        let registry = HttpRegistry::builder().insecure_http(true).build();
        let registry = Arc::new(registry.unwrap());
        let entrance = runtime.block_on(Entrance::open());
        let route = (wire.host(), address);
        let tasks = Tasks::new(Arc::clone(&registry), route, Arc::clone(&entrance));
        let timings = Timings::fargate();
        let clock = Clock::scaled(FACTOR);
        let name = |environment| format!("sdt-{environment}").parse().unwrap();
        let dev = SimCluster::with_clock(name("dev"), timings, tasks.clone(), clock);
        let staging = dev.another(name("staging"));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        // Nobody plays a part here: the tasks are real.
        let nobody = Arc::new(ScriptedRuntime::new(timings));
        let server = EcsServer::builder(dev.clone(), nobody).epoch(since.as_millis() as u64);
        let server = runtime.block_on(server.start()).unwrap();
        let moving = dev.clone();
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                moving.advance();
            }
        });
        drop(inside);
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let number = WORLDS.fetch_add(1, Ordering::SeqCst);
        let world = Self {
            repo: Repo::empty(),
            // The registry is shared by all tests.
            prefix: format!("e2e-{}-{}-{number}", since.as_nanos(), std::process::id()),
            wire,
            tasks,
            entrance,
            slack: SlackStub::start(),
            sonar: SonarStub::start(Arc::new(SimSonar::new()), "25.1"),
            clusters: BTreeMap::from([("dev", dev), ("staging", staging)]),
            registry,
            server,
            runtime,
            scratch: tempfile::tempdir().unwrap(),
        };
        world.infrastructure();
        monorepo::write(&world.repo);
        world.repo.write("windlass.toml", &world.config());
        world.commit("Lay out the skill tracker");
        Some(world)
    }

    fn config(&self) -> String {
        let (registry, prefix) = (self.wire.host(), &self.prefix);
        let (balancer, sonar) = (self.entrance.host(), self.sonar.url());
        let environments: String = ENVIRONMENTS
            .iter()
            .map(|name| {
                format!(
                    "[environments.{name}]\nprovider = \"aws\"\nregion = \"us-east-1\"\ncluster = \"sdt-{name}\"\n\
                     service = \"sdt-{{environment}}-{{service}}\"\n\
                     repository = \"{registry}/{prefix}/{{environment}}/{{service}}\"\n\
                     health = \"http://{balancer}/sdt-{{environment}}-{{service}}/actuator/health\"\n\
                     insecure-http = true\n\n"
                )
            })
            .collect();
        format!(
            "[detect]\nlayout = \"maven\"\nignore = [\"**/*.md\"]\n\n\
             [build]\ncommand = \"python3 tools/build.py {{path}} {{service}}\"\nimage = \"oci:{{path}}/target/image\"\n\n\
             [gate]\nreport = \"{{path}}/target/sonar/report-task.txt\"\nserver = \"{sonar}\"\ntoken-env = \"SONAR_TOKEN\"\n\
             rules = [\"coverage > 80\"]\n\n\
             [deploy]\norder = [[\"config-server\"], [\"api-gateway\"]]\npoll = \"100ms\"\n\n\
             [health]\nsuccesses = 2\ninterval = \"30ms\"\ntimeout = \"5s\"\n\n\
             {environments}[notify.slack]\nwebhook-env = \"SLACK_WEBHOOK_URL\"\n"
        )
    }

    /// What Terraform makes: services whose task definitions name images that nobody has pushed yet.
    fn infrastructure(&self) {
        for (environment, cluster) in &self.clusters {
            for (module, _) in SERVICES {
                let service = self.service(environment, module);
                let image = format!("{}:latest", self.repository(environment, module));
                let definition = TaskDefinition::new(json!({
                    "family": service,
                    "networkMode": "awsvpc",
                    "requiresCompatibilities": ["FARGATE"],
                    "cpu": "256",
                    "memory": "512",
                    "containerDefinitions": [{
                        "name": "app",
                        "image": image,
                        "essential": true,
                        "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
                        "secrets": [{"name": "DB_PASSWORD", "valueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:db"}],
                    }],
                }));
                let arn = cluster.register(&definition).unwrap();
                let spec = ServiceSpec::new(service, arn, 1)
                    .health_check(true)
                    .circuit_breaker_rollback();
                cluster.create_service(spec).unwrap();
            }
        }
    }

    /// A service's name in ECS.
    pub(crate) fn service(&self, environment: &str, module: &str) -> ServiceName {
        format!("sdt-{environment}-{module}").parse().unwrap()
    }

    fn repository(&self, environment: &str, module: &str) -> Repository {
        let (host, prefix) = (self.wire.host(), &self.prefix);
        format!("{host}/{prefix}/{environment}/{module}")
            .parse()
            .unwrap()
    }

    /// Commits everything; the analysis of each service will say that the coverage is 91.3 %.
    pub(crate) fn commit(&self, title: &str) -> String {
        let head = self.repo.commit(title);
        self.analysed(&head, "91.3", Level::Ok);
        head
    }

    /// Lets the analysis of each service at a commit say this.
    pub(crate) fn analysed(&self, head: &str, coverage: &str, level: Level) {
        for (module, _) in SERVICES {
            let metric = "coverage".parse().unwrap();
            let condition = Condition::new(level.clone(), metric, Comparator::Less, "80");
            let status = GateStatus::new(level.clone(), vec![condition.actual(coverage)]);
            let task = format!("{module}-{head}").parse().unwrap();
            let analysis = Analysis::new(
                format!("analysis-{module}-{head}").parse().unwrap(),
                Some(head.to_owned()),
            );
            let project: ProjectKey = module.parse().unwrap();
            let done = Task::new(TaskStatus::Success)
                .project(project.clone())
                .analysis(analysis.id.clone());
            let sonar = self.sonar.sonar();
            sonar.add_task(task, [done]);
            sonar.add_analysis(project, Line::Main, analysis, status);
        }
    }

    /// Lets the analysis of each service at a commit be waited for.
    pub(crate) fn under_analysis(&self, head: &str) {
        for (module, _) in SERVICES {
            let project = module.parse().unwrap();
            let task = Task::new(TaskStatus::Pending).project(project);
            let id = format!("{module}-{head}").parse().unwrap();
            self.sonar.sonar().add_task(id, [task]);
        }
    }

    /// The binary in the repository, with this world around it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.repo.command(arguments);
        for name in ["CI", "GITHUB_ACTIONS", "AWS_ENDPOINT_URL_S3"] {
            command.env_remove(name);
        }
        command
            .env("AWS_ENDPOINT_URL_ECS", self.server.url())
            // Whatever else is asked of AWS finds nobody.
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "not-a-secret-of-anyones")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("DOCKER_CONFIG", self.scratch.path())
            .env("SLACK_WEBHOOK_URL", self.slack.webhook())
            .env("SONAR_TOKEN", SonarStub::TOKEN)
            .env("E2E_SONAR", self.sonar.url())
            .env("E2E_HOLD_BUILD", self.build_hold());
        command
    }

    /// While this file is there, builds wait.
    pub(crate) fn build_hold(&self) -> PathBuf {
        self.scratch.path().join("hold-build")
    }

    /// Runs the binary with `--format json` and returns its document and its exit code.
    pub(crate) fn json(&self, arguments: &[&str]) -> (Value, i32) {
        let ended = self.windlass(&[arguments, &["--format", "json"]].concat());
        (ended.json(), ended.code)
    }

    /// Runs the binary. None of its secrets may show, and every message must be one that Slack takes.
    pub(crate) fn windlass(&self, arguments: &[&str]) -> Ended {
        let ended = Ended::of(self.command(arguments).output().unwrap());
        for secret in [
            SlackStub::SECRET,
            SonarStub::TOKEN,
            "not-a-secret-of-anyones",
        ] {
            assert!(
                !ended.stdout.contains(secret) && !ended.stderr.contains(secret),
                "{ended:?}"
            );
        }
        ended
    }

    /// Starts `run --environment dev`, with its events in [`events`](Self::events).
    pub(crate) fn start_run(&self) -> Child {
        let events = self.events();
        let _ = std::fs::remove_file(&events);
        let arguments = ["run", "-e", "dev", "--events", events.to_str().unwrap()];
        self.command(&arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub(crate) fn events(&self) -> PathBuf {
        self.scratch.path().join("events")
    }

    /// Whether the run that was started has told this.
    pub(crate) fn has_told(&self, text: &str) -> bool {
        let events = std::fs::read_to_string(self.events());
        events.is_ok_and(|events| events.contains(text))
    }

    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// The messages since the last call of this, each checked against Slack's rules, as their texts with everything in them.
    pub(crate) fn messages(&self, seen: &mut usize) -> Vec<String> {
        let all = self.slack.messages();
        let new = all[*seen..].iter().map(|message| {
            let problems = slack_problems(&message.body);
            assert!(problems.is_empty(), "{problems:?} in {}", message.body);
            let blocks = &message.body["attachments"][0]["blocks"];
            let blocks = blocks.as_array().or(message.body["blocks"].as_array());
            assert!(
                blocks.is_some_and(|blocks| !blocks.is_empty()),
                "{}",
                message.body
            );
            message.body.to_string()
        });
        let new = new.collect();
        *seen = all.len();
        new
    }

    /// The digest that a tag names in the registry.
    pub(crate) fn tag(&self, environment: &str, module: &str, tag: &str) -> Option<String> {
        let repository = self.repository(environment, module);
        let reference = Reference::Tag(tag.parse().unwrap());
        let found = self.registry.resolve(&repository, &reference);
        let found = self.runtime.block_on(found).unwrap();
        found.map(|descriptor| descriptor.digest.to_string())
    }

    /// All tags of an environment's repositories with their digests.
    pub(crate) fn tags(&self, environment: &str) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (module, _) in SERVICES {
            let repository = self.repository(environment, module);
            let tags = self.runtime.block_on(self.registry.tags(&repository));
            for tag in tags.unwrap() {
                let digest = self.tag(environment, module, tag.as_str());
                all.insert(format!("{module}:{tag}"), digest.unwrap_or_default());
            }
        }
        all
    }

    /// The images of the tasks that run, one for each service whose tasks agree.
    pub(crate) fn running(&self, environment: &str) -> BTreeMap<String, String> {
        let cluster = &self.clusters[environment];
        let mut running = BTreeMap::new();
        for (module, _) in SERVICES {
            let tasks = cluster.tasks(&self.service(environment, module));
            let definitions: BTreeSet<_> = tasks
                .iter()
                .filter(|task| task.status == "RUNNING")
                .map(|task| task.task_definition.clone())
                .collect();
            let [definition] = &*definitions.into_iter().collect::<Vec<_>>() else {
                continue;
            };
            let described = cluster.describe_task_definition(definition);
            let described = self.runtime.block_on(described).unwrap();
            let (_, image) = described.containers().remove(0);
            running.insert(module.to_owned(), image.to_string());
        }
        running
    }

    /// Asserts that the services of an environment run the image that a commit's tag names in the registry.
    pub(crate) fn assert_runs(&self, environment: &str, commits: &[(&str, &str)]) {
        let running = self.running(environment);
        for (module, commit) in commits {
            let tag = format!("sha-{commit}");
            let digest = self.tag(environment, module, &tag);
            let digest = digest.unwrap_or_else(|| panic!("there is no {module}:{tag}"));
            let image = running.get(*module).map(String::as_str).unwrap_or_default();
            assert!(
                image.ends_with(&format!(":{tag}@{digest}")),
                "{module} runs `{image}`"
            );
        }
    }

    /// The same commit for all services.
    pub(crate) fn assert_all_run(&self, environment: &str, commit: &str) {
        let all: Vec<(&str, &str)> = ORDER.iter().map(|module| (*module, commit)).collect();
        self.assert_runs(environment, &all);
    }

    /// How often an action of ECS was called so far.
    pub(crate) fn calls(&self, action: &str) -> u64 {
        let calls = self.clusters["dev"].api_calls();
        calls.get(action).copied().unwrap_or(0)
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
