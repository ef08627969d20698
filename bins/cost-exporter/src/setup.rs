//! The outside systems that the flags name.

use std::time::Duration;

use cost_exporter::{
    BudgetSource, CostSource, GatewayUrl, InvalidName, Ledger, MetricSink, OpenMetricsFile,
    Options, Pushgateway, SavedSource, SinkKind, SinkName, TextFile, WriterSink,
};
use jiff::Timestamp;
use jiff::civil::Date;
use windlass_cli::{Failure, Printer};

use crate::args::{DaysArgs, FromArgs};
use crate::place::{Place, replaceable};
use crate::{aws, config, failures};

const SINKS: &str = "the sinks are cloudwatch[=NAMESPACE], prometheus-textfile=FILE, pushgateway=URL, openmetrics=FILE and stdout";

/// The sink that writes to stdout.
pub(crate) const STDOUT: &str = "stdout";

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
    // What is not a kind may be anything, with a password in it.
    let shown: String = kind
        .chars()
        .take_while(|sign| sign.is_alphanumeric() || *sign == '-' || *sign == '_')
        .take(40)
        .collect();
    let bad =
        |reason: &str| Err(Failure::usage(format!("`{shown}` is no sink: {reason}")).hint(SINKS));
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
    sinks.iter().any(|sink| sink == STDOUT)
}

/// Whether the days end before the moment they are read at.
pub(crate) fn is_past(options: &Options, now: Timestamp) -> bool {
    let today = jiff::tz::TimeZone::UTC.to_datetime(now).date();
    options.period.is_some_and(|period| period.end() <= today)
}

impl Setup {
    /// Opens what the flags name; nothing is asked yet but whose credentials these are.
    pub(crate) async fn open(
        args: &FromArgs,
        sinks: &[String],
        printer: &Printer,
    ) -> Result<Self, Failure> {
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
            // A ledger that lasts no longer than this run is nobody else's.
            true => {
                let ask = saved.is_none() && place != Place::Nowhere && !args.offline;
                Some(aws::Aws::load(args, &config, ask, printer).await?)
            }
            false => None,
        };
        let need = || aws.as_ref().expect("it was loaded, because it is needed");
        let mut opened = Vec::with_capacity(named.len());
        for sink in named {
            opened.push(match sink {
                Named::CloudWatch(namespace) => {
                    need().cloudwatch(namespace.as_deref(), &config, args.timeout)?
                }
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
                None => need().source(args.timeout),
            },
            ledger: match local {
                Some(ledger) => ledger,
                None => need().ledger(&place)?,
            },
            sinks: opened,
            options,
            last,
        })
    }

    /// Refuses past days for sinks that show the present.
    pub(crate) fn refuse_the_present(&self) -> Result<(), Failure> {
        let mut sinks = self.sinks.iter();
        match sinks.find(|sink| sink.style().kind == SinkKind::Snapshot) {
            None => Ok(()),
            Some(sink) => Err(Failure::usage(format!(
                "the sink `{}` shows the present, and these days are past",
                sink.name()
            ))
            .hint("leave --to out, or use --sink openmetrics=FILE, --sink cloudwatch or `report` for past days")),
        }
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
        let options = self.options.clone().clock(wall);
        if args.from.is_none() && args.to.is_none() {
            return Ok((options, now));
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
        Ok((options.period(period), now))
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
            _ => replaceable(std::path::Path::new(path)),
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
        Named::Stdout | Named::CloudWatch(_) => {
            Box::new(WriterSink::new(name(STDOUT.to_owned())?, std::io::stdout()))
        }
    })
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
            (
                "push-gateway=http://u:hunter2@h/",
                "`push-gateway` is no sink",
            ),
            ("http://u:hunter2@h/", "`http` is no sink"),
        ] {
            let failure = named(text).unwrap_err().to_string();
            assert!(
                !failure.contains("hunter2")
                    && failure.contains(part)
                    && failure.contains("hint: the sinks are"),
                "{failure}"
            );
        }
        assert_eq!(
            named("cloudwatch=A=B").unwrap(),
            Named::CloudWatch(Some("A=B".to_owned()))
        );
    }
}
