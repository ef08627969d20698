//! The outside systems that the flags name.

use std::time::Duration;

use cost_exporter::{
    BudgetSource, CostSource, GatewayUrl, InvalidName, Ledger, MetricSink, OpenMetricsFile,
    Options, Pushgateway, SavedSource, SinkName, TextFile, WriterSink,
};
use jiff::Timestamp;
use jiff::civil::Date;
use windlass_cli::Failure;

use crate::args::{DaysArgs, FromArgs};
use crate::place::Place;
use crate::{config, failures};

const SINKS: &str = "the sinks are cloudwatch[=NAMESPACE], prometheus-textfile=FILE, pushgateway=URL, openmetrics=FILE and stdout";

/// Everything a refresh needs.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) options: Options,
    pub(crate) source: Box<dyn CostSource>,
    pub(crate) budgets: Option<Box<dyn BudgetSource>>,
    pub(crate) ledger: Box<dyn Ledger>,
    pub(crate) sinks: Vec<Box<dyn MetricSink>>,
    /// The last day of saved costs.
    pub(crate) last: Option<Date>,
}

/// A sink as it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    CloudWatch(Option<String>),
    TextFile(String),
    Gateway(String),
    OpenMetrics(String),
    Stdout,
}

fn named(text: &str) -> Result<Named, Failure> {
    let (kind, value) = text
        .split_once('=')
        .map_or((text, None), |(kind, value)| (kind, Some(value.to_owned())));
    let value = value.filter(|value| !value.is_empty());
    let bad = |reason: &str| {
        let shown = if kind == "pushgateway" { kind } else { text };
        Err(Failure::usage(format!("`{shown}` is no sink: {reason}")).hint(SINKS))
    };
    match (kind, value) {
        ("cloudwatch", namespace) => Ok(Named::CloudWatch(namespace)),
        ("stdout", None) => Ok(Named::Stdout),
        ("stdout", Some(_)) => bad("stdout takes no value"),
        ("prometheus-textfile", Some(path)) => Ok(Named::TextFile(path)),
        ("pushgateway", Some(url)) => Ok(Named::Gateway(url)),
        ("openmetrics", Some(path)) => Ok(Named::OpenMetrics(path)),
        ("prometheus-textfile" | "pushgateway" | "openmetrics", None) => bad("it needs a value"),
        _ => match windlass_cli::nearest(
            kind,
            [
                "cloudwatch",
                "prometheus-textfile",
                "pushgateway",
                "openmetrics",
                "stdout",
            ],
        ) {
            Some(near) => bad(&format!("did you mean `{near}`?")),
            None => bad("there is no such kind"),
        },
    }
}

/// Whether the metrics themselves go to stdout.
pub(crate) fn takes_stdout(sinks: &[String]) -> bool {
    sinks.iter().any(|sink| sink == "stdout")
}

impl Setup {
    /// Opens what the flags name; nothing is asked of anybody yet.
    pub(crate) async fn open(args: &FromArgs, sinks: &[String]) -> Result<Self, Failure> {
        let (config, mut options) = config::load(args)?;
        let named: Vec<Named> = sinks
            .iter()
            .map(|sink| self::named(sink))
            .collect::<Result<_, _>>()?;
        let saved = match args.source.as_str() {
            "cost-explorer" => None,
            text => match text.strip_prefix("file:") {
                Some(path) => Some(saved(path, &options)?),
                None => {
                    return Err(Failure::usage(format!("`{text}` is no source"))
                        .hint("the sources are cost-explorer and file:PATH"));
                }
            },
        };
        if saved.is_some() {
            // Saved costs have no future.
            options = options.forecast(false);
        }
        let place = Place::find(config.ledger.as_deref(), saved.is_some())?;
        if place == Place::Nowhere
            && named
                .iter()
                .any(|sink| matches!(sink, Named::CloudWatch(_)))
        {
            return Err(Failure::usage(
                "CloudWatch adds up what it is given, so what was put has to be remembered",
            )
            .hint("name a ledger with --ledger FILE or --ledger s3://BUCKET/KEY"));
        }
        let local = place.local()?;
        let last = saved.as_ref().and_then(SavedSource::last_day);
        let aws = saved.is_none()
            || local.is_none()
            || named
                .iter()
                .any(|sink| matches!(sink, Named::CloudWatch(_)));
        let aws = match aws {
            true => Some(aws::Aws::load(args, &config).await?),
            false => None,
        };
        let need = || aws.as_ref().expect("it was loaded, because it is needed");
        let mut opened = Vec::with_capacity(named.len());
        for sink in named {
            opened.push(match sink {
                Named::CloudWatch(namespace) => need().cloudwatch(namespace.as_deref(), &config)?,
                other => open(&other)?,
            });
        }
        let mut names: Vec<&str> = opened.iter().map(|sink| sink.name().as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Failure::usage(format!(
                "the sink `{}` is named twice",
                twice[0]
            )));
        }
        Ok(Self {
            budgets: match &aws {
                Some(aws) => aws.budgets(&config)?,
                None => None,
            },
            source: match saved {
                Some(saved) => Box::new(saved),
                None => need().source(),
            },
            ledger: match local {
                Some(ledger) => ledger,
                None => need().ledger(&place),
            },
            sinks: opened,
            options,
            last,
        })
    }

    /// The options for the wanted days, and the moment they are read at: of saved costs that is the end of their last day.
    pub(crate) fn days(
        &self,
        args: &DaysArgs,
        wall: Timestamp,
    ) -> Result<(Options, Timestamp), Failure> {
        let now = match self.last {
            Some(last) if midnight(last) < wall => {
                let noon = midnight(last).saturating_add(jiff::SignedDuration::from_hours(12));
                noon.unwrap_or(wall).min(wall)
            }
            _ => wall,
        };
        let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
        if args.from.is_none() && args.to.is_none() {
            return Ok((self.options.clone(), now));
        }
        let to = args.to.unwrap_or(today).min(today);
        let from = args.from.unwrap_or_else(|| to.first_of_month());
        if from > today {
            return Err(Failure::usage(format!(
                "`{from}` lies in the future: the last day there are costs of is {today}"
            )));
        }
        let end = to.tomorrow().unwrap_or(to);
        let period = cost_exporter::Period::new(from, end).map_err(|_| {
            Failure::usage(format!("--from `{from}` lies after --to `{to}`"))
                .hint("both days belong to the period")
        })?;
        Ok((self.options.clone().period(period), now))
    }
}

fn midnight(day: Date) -> Timestamp {
    let zone = jiff::tz::TimeZone::UTC;
    zone.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
        .unwrap_or(Timestamp::MAX)
}

fn saved(path: &str, options: &Options) -> Result<SavedSource, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read the saved costs `{path}`")).caused_by(&error)
    })?;
    SavedSource::from_json(&text, &options.tag).map_err(|error| failures::cost(&error))
}

fn open(sink: &Named) -> Result<Box<dyn MetricSink>, Failure> {
    let name = |text: String| -> Result<SinkName, Failure> {
        text.parse().map_err(|error: InvalidName| {
            Failure::usage("a sink cannot be named so").caused_by(&error)
        })
    };
    let folder = |path: &str| {
        let folder = std::path::Path::new(path)
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        match folder {
            Some(folder) if !folder.is_dir() => Err(Failure::usage(format!(
                "the folder of `{path}` is not there"
            ))),
            _ => Ok(()),
        }
    };
    Ok(match sink {
        Named::TextFile(path) => {
            folder(path)?;
            Box::new(TextFile::new(
                name(format!("prometheus-textfile={path}"))?,
                path,
            ))
        }
        Named::OpenMetrics(path) => {
            folder(path)?;
            Box::new(OpenMetricsFile::new(
                name(format!("openmetrics={path}"))?,
                path,
            ))
        }
        Named::Gateway(url) => {
            let url: GatewayUrl =
                url.parse()
                    .map_err(|error: cost_exporter::InvalidGatewayUrl| {
                        Failure::usage("the value of --sink pushgateway= cannot be used")
                            .caused_by(&error)
                    })?;
            let sink = Pushgateway::new(
                name(format!("pushgateway={url}"))?,
                url,
                Duration::from_secs(20),
            );
            Box::new(sink.map_err(|error| failures::cost(&error))?)
        }
        Named::Stdout | Named::CloudWatch(_) => Box::new(WriterSink::new(
            name("stdout".to_owned())?,
            std::io::stdout(),
        )),
    })
}

#[cfg(feature = "aws")]
mod aws {
    //! AWS, with the configuration of its own tools.

    use cost_exporter::aws::{
        AwsBudgets, CloudWatchSink, CostExplorer, InvalidAccountId, InvalidNamespace, S3Ledger,
    };
    use cost_exporter::{BudgetSource, Config, CostSource, Ledger, MetricSink};
    use windlass_cli::Failure;

    use crate::args::FromArgs;
    use crate::place::Place;

    /// Where Cost Explorer and Budgets are.
    const HOME: &str = "us-east-1";
    const NAMESPACE: &str = "Windlass/Costs";

    #[derive(Debug)]
    pub(super) struct Aws {
        home: windlass_cli::aws::SdkConfig,
        regional: windlass_cli::aws::SdkConfig,
    }

    impl Aws {
        pub(super) async fn load(args: &FromArgs, config: &Config) -> Result<Self, Failure> {
            let region = args
                .region
                .as_deref()
                .or(config.cloudwatch.region.as_deref());
            let regional = windlass_cli::aws::load(region).await?;
            let home = regional
                .clone()
                .into_builder()
                .region(aws_sdk_costexplorer::config::Region::new(HOME))
                .build();
            Ok(Self { home, regional })
        }

        pub(super) fn source(&self) -> Box<dyn CostSource> {
            Box::new(CostExplorer::new(aws_sdk_costexplorer::Client::new(
                &self.home,
            )))
        }

        pub(super) fn budgets(
            &self,
            config: &Config,
        ) -> Result<Option<Box<dyn BudgetSource>>, Failure> {
            let Some(account) = &config.aws.budgets_account else {
                return Ok(None);
            };
            let account = account.parse().map_err(|error: InvalidAccountId| {
                Failure::usage("`aws.budgets-account` cannot be used").caused_by(&error)
            })?;
            Ok(Some(Box::new(AwsBudgets::new(
                aws_sdk_budgets::Client::new(&self.home),
                account,
            ))))
        }

        pub(super) fn ledger(&self, place: &Place) -> Box<dyn Ledger> {
            let Place::S3 { bucket, key } = place else {
                unreachable!("the others are on this machine");
            };
            Box::new(S3Ledger::new(
                aws_sdk_s3::Client::new(&self.regional),
                bucket,
                key,
            ))
        }

        pub(super) fn cloudwatch(
            &self,
            namespace: Option<&str>,
            config: &Config,
        ) -> Result<Box<dyn MetricSink>, Failure> {
            let namespace = namespace
                .or(config.cloudwatch.namespace.as_deref())
                .unwrap_or(NAMESPACE);
            let name = format!("cloudwatch={namespace}");
            let namespace = namespace.parse().map_err(|error: InvalidNamespace| {
                Failure::usage("the namespace cannot be used").caused_by(&error)
            })?;
            let client = aws_sdk_cloudwatch::Client::new(&self.regional);
            let mut sink = CloudWatchSink::new(
                name.parse().expect("a namespace has no control characters"),
                client,
                namespace,
            );
            if !config.cloudwatch.groupings.is_empty() {
                sink = sink.groupings(config.cloudwatch.groupings.clone());
            }
            if !config.cloudwatch.bases.is_empty() {
                sink = sink.bases(config.cloudwatch.bases.clone());
            }
            Ok(Box::new(sink))
        }
    }
}

#[cfg(not(feature = "aws"))]
mod aws {
    //! A build that knows nothing of AWS.

    use cost_exporter::{BudgetSource, Config, CostSource, Ledger, MetricSink};
    use windlass_cli::Failure;

    use crate::args::FromArgs;
    use crate::place::Place;

    #[derive(Debug)]
    pub(super) enum Aws {}

    impl Aws {
        pub(super) async fn load(_args: &FromArgs, _config: &Config) -> Result<Self, Failure> {
            Err(
                Failure::usage("this build was made without AWS (feature `aws`)")
                    .hint("use --source file:PATH and a ledger on this machine"),
            )
        }

        pub(super) fn source(&self) -> Box<dyn CostSource> {
            match *self {}
        }

        pub(super) fn budgets(
            &self,
            _config: &Config,
        ) -> Result<Option<Box<dyn BudgetSource>>, Failure> {
            match *self {}
        }

        pub(super) fn ledger(&self, _place: &Place) -> Box<dyn Ledger> {
            match *self {}
        }

        pub(super) fn cloudwatch(
            &self,
            _namespace: Option<&str>,
            _config: &Config,
        ) -> Result<Box<dyn MetricSink>, Failure> {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_that_is_none_is_named_with_those_there_are() {
        for (text, part) in [
            ("cloudwach", "did you mean `cloudwatch`?"),
            ("prometheus-textfile", "it needs a value"),
            ("pushgateway=", "it needs a value"),
            ("stdout=x", "takes no value"),
            ("kafka=x", "no such kind"),
        ] {
            let failure = named(text).unwrap_err().to_string();
            assert!(
                failure.contains(part) && failure.contains("hint: the sinks are"),
                "{failure}"
            );
        }
        assert_eq!(
            named("cloudwatch=A=B").unwrap(),
            Named::CloudWatch(Some("A=B".to_owned()))
        );
    }
}
