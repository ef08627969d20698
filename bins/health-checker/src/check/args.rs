//! What `check` is told.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgGroup;
use health_checker::Revision;
use health_checker::deployment::Expected;

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").args(["urls", "targets", "services", "ecs_service"]).required(true).multiple(true))]
pub(crate) struct CheckArgs {
    /// What to ask: URL or NAME=URL, with http, https, tcp, redis, rediss, amqp, amqps or mongodb.
    #[arg(value_name = "URL", conflicts_with_all = ["targets", "services"])]
    pub(crate) urls: Vec<String>,

    /// A JSON array of URLs and objects with `url`, `name` and more; `-` for stdin. Only an explicit `[]` means that there is
    /// nothing to check.
    #[arg(long, value_name = "FILE", conflicts_with = "services")]
    pub(crate) targets: Option<PathBuf>,

    /// The services to check, a JSON array of their names as change-detect gives it.
    #[arg(long, value_name = "JSON", requires = "url_template")]
    pub(crate) services: Option<String>,

    /// Where a service's health is, with `{service}` for its name.
    #[arg(long, value_name = "URL", requires = "services")]
    pub(crate) url_template: Option<String>,

    #[command(flatten)]
    pub(crate) pace: PaceArgs,

    #[command(flatten)]
    pub(crate) demands: DemandArgs,

    #[command(flatten)]
    pub(crate) asking: AskingArgs,

    #[command(flatten)]
    pub(crate) deployment: DeploymentArgs,

    /// Write the report to FILE in JUnit's XML too.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

/// How often and how long is asked.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// Successes in a row, each on a connection of its own, that make a target healthy.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) successes: u32,

    /// From the start of one probe of a target to the start of its next.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    pub(crate) interval: Duration,

    /// By how much the interval is lengthened at most, differently for each target. Default: a tenth of it.
    #[arg(long, value_name = "TIME", value_parser = any_time)]
    pub(crate) jitter: Option<Duration>,

    /// When the verdict is given, however far things have come.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time)]
    pub(crate) timeout: Duration,

    /// When one probe is given up.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    pub(crate) try_timeout: Duration,

    /// How many probes are under way at a time.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = parallel)]
    pub(crate) max_parallel: usize,
}

/// What a good answer is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What a good answer is")]
pub(crate) struct DemandArgs {
    /// The commit that HTTP targets must answer from, as `/actuator/info` names it: 7 digits or more.
    #[arg(long, value_name = "SHA")]
    pub(crate) expect_revision: Option<Revision>,

    /// The header of the health answer that names the commit, in place of `/actuator/info`.
    #[arg(long, value_name = "NAME", requires = "expect_revision")]
    pub(crate) revision_header: Option<String>,

    /// The longest that a good answer may take.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    pub(crate) latency_ceiling: Duration,

    /// How long the successes in a row must last besides their number; it catches what comes up once and falls over.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = any_time)]
    pub(crate) dwell: Duration,

    /// Take any 2xx of HTTP targets for good, not only an actuator's UP.
    #[arg(long, conflicts_with_all = ["accept_unknown", "accept_down_components", "require_component"])]
    pub(crate) plain: bool,

    /// Take an actuator's status UNKNOWN for good.
    #[arg(long)]
    pub(crate) accept_unknown: bool,

    /// Take an actuator that is UP as a whole for good although a component is DOWN or OUT_OF_SERVICE, as with a status
    /// aggregator of its own.
    #[arg(long)]
    pub(crate) accept_down_components: bool,

    /// A component that an actuator must show, and as UP, such as `db`; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) require_component: Vec<String>,

    /// A path of each HTTP target that must not be healthy: where it is, something answers whatever it is asked.
    #[arg(long, value_name = "PATH")]
    pub(crate) canary_path: Option<String>,

    /// Follow redirects, up to 5. Otherwise a redirect is a failure.
    #[arg(long)]
    pub(crate) follow_redirects: bool,
}

/// What goes along with a question.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How it is asked")]
pub(crate) struct AskingArgs {
    /// A header for HTTP targets, `Name: value`; may be repeated.
    #[arg(long, value_name = "HEADER")]
    // Read later: a complaint of clap's would repeat what may be a secret.
    pub(crate) header: Vec<String>,

    /// A header for HTTP targets whose value is in the variable VAR; may be repeated.
    #[arg(long, value_name = "NAME=VAR")]
    pub(crate) header_env: Vec<String>,

    /// The variable that holds the password of all targets with a user name, of all Redis targets, or of the target NAME;
    /// may be repeated.
    #[arg(long, value_name = "[NAME=]VAR")]
    pub(crate) password_env: Vec<String>,

    /// The management API of RabbitMQ targets, such as http://mq:15672: no alarm may be in effect.
    #[arg(long, value_name = "URL")]
    pub(crate) alarms_url: Option<String>,

    /// The variable that holds `user:password` for --alarms-url.
    #[arg(long, value_name = "VAR", requires = "alarms_url")]
    pub(crate) alarms_credentials_env: Option<String>,

    /// Take ADDRESS for an address of HOST, and ask no name server for it; may be repeated.
    #[arg(long, value_name = "HOST=ADDRESS", value_parser = resolution)]
    pub(crate) resolve: Vec<(String, IpAddr)>,
}

/// Which deployment must serve before anything is asked.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Deployment on Amazon ECS")]
pub(crate) struct DeploymentArgs {
    /// The cluster, by name or ARN.
    #[arg(long, value_name = "CLUSTER", requires = "ecs_service")]
    pub(crate) ecs_cluster: Option<String>,

    /// The service whose deployment must serve first: complete, with its tasks, and no others, healthy in its target groups.
    #[arg(long, value_name = "SERVICE", requires = "ecs_cluster")]
    pub(crate) ecs_service: Option<String>,

    /// The deployment, `ecs-svc/…`, or its task definition, `family:revision`. Default: whichever is primary at first.
    #[arg(long, value_name = "ID", requires = "ecs_service")]
    pub(crate) deployment: Option<Expected>,

    /// The time from one look at the deployment to the next.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time, requires = "ecs_service")]
    pub(crate) ecs_poll: Duration,

    /// The AWS region, if not that of the surroundings.
    #[arg(long, value_name = "REGION", requires = "ecs_service")]
    pub(crate) region: Option<String>,
}

/// A time to wait for something; in no time nothing answers.
fn time(text: &str) -> Result<Duration, String> {
    match any_time(text)? {
        Duration::ZERO => Err("it must be longer than nothing, such as 1s".to_owned()),
        time => Ok(time),
    }
}

fn any_time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a time such as 500ms, 30s or 5m"))
}

fn parallel(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("it must be a number from 1 on".to_owned()),
        Ok(count) => Ok(count),
    }
}

fn resolution(text: &str) -> Result<(String, IpAddr), String> {
    let remedy = "write a host and one of its addresses, such as shop.example.com=10.0.0.7";
    let (host, address) = text.split_once('=').ok_or(remedy)?;
    let address = address.parse().map_err(|_| remedy)?;
    match host.is_empty() {
        true => Err(remedy.to_owned()),
        false => Ok((host.to_owned(), address)),
    }
}
