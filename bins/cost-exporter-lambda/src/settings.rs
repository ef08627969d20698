//! The function's settings, out of its environment.

use std::fmt;

use aws_config::{BehaviorVersion, Region};
use cost_exporter::aws::{AccountId, AwsBudgets, CloudWatchSink, CostExplorer, S3Ledger};
use cost_exporter::{Config, Options};

use crate::handler::Handler;

const CONFIG: &str = "COST_EXPORTER_CONFIG";
const LEDGER: &str = "COST_EXPORTER_LEDGER";
/// Where Cost Explorer and Budgets are.
const HOME: &str = "us-east-1";

/// What is wrong with the settings, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    fn of(variable: &str, error: &dyn fmt::Display, hint: &str) -> Self {
        Self {
            message: format!("the variable `{variable}` cannot be used: {error}"),
            hint: Some(hint.to_owned()),
        }
    }
}

/// What the variables say, checked.
#[derive(Debug)]
struct Settings {
    config: Config,
    options: Options,
    bucket: String,
    key: String,
}

fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Fault> {
    let value = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    const HINT: &str =
        "write the configuration of cost-exporter as JSON, such as {\"tag\":\"Environment\"}";
    let config: Config = match value(CONFIG) {
        None => Config::default(),
        Some(text) => {
            serde_json::from_str(&text).map_err(|error| Fault::of(CONFIG, &error, HINT))?
        }
    };
    let options = config
        .options()
        .map_err(|error| Fault::of(CONFIG, &error, HINT))?;
    let ledger = value(LEDGER).or_else(|| config.ledger.clone());
    let place = ledger
        .as_deref()
        .and_then(|text| text.trim().strip_prefix("s3://")?.split_once('/'));
    let Some((bucket, key)) = place.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
    else {
        // The function's own disk goes with it, and CloudWatch would add up what was put before.
        let hint = "set it to s3://BUCKET/KEY: what was put has to be remembered, because CloudWatch adds up";
        return Err(Fault::of(LEDGER, &"it names no object of S3", hint));
    };
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    Ok(Settings {
        config,
        options,
        bucket,
        key,
    })
}

/// The handler that the variables describe.
pub(crate) async fn handler(
    variable: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<Handler, Fault> {
    let Settings {
        config,
        options,
        bucket,
        key,
    } = read(variable)?;
    let hint = "see the configuration of cost-exporter";
    let parsed = |text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => text
            .parse::<AccountId>()
            .map(Some)
            .map_err(|error| Fault::of(CONFIG, &error, hint)),
    };
    let account = parsed(&config.aws.account)?;
    let budgets = parsed(&config.aws.budgets_account)?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &config.cloudwatch.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let regional = loader.load().await;
    let home = regional
        .clone()
        .into_builder()
        .region(Region::new(HOME))
        .build();
    let client = aws_sdk_cloudwatch::Client::new(&regional);
    let sink = CloudWatchSink::of_config(client, None, &config)
        .map_err(|error| Fault::of(CONFIG, &error, hint))?;
    Ok(Handler {
        source: CostExplorer::new(aws_sdk_costexplorer::Client::new(&home)),
        account,
        budgets: budgets
            .map(|account| AwsBudgets::new(aws_sdk_budgets::Client::new(&home), account)),
        ledger: S3Ledger::new(aws_sdk_s3::Client::new(&regional), bucket, key),
        sink,
        options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Settings, Fault> {
        read(&|name| {
            variables
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_ledger_in_s3_is_all_that_is_needed() {
        let settings = of(&[(LEDGER, "s3://costs/a/ledger.json")]).unwrap();
        assert_eq!(
            (settings.bucket.as_str(), settings.key.as_str()),
            ("costs", "a/ledger.json")
        );
        let settings = of(&[(CONFIG, r#"{"ledger":"s3://b/k","tag":"Stage"}"#)]).unwrap();
        assert_eq!(settings.options.tag.as_str(), "Stage");
    }

    #[test]
    fn what_is_wrong_is_named_with_a_remedy() {
        for (variables, part) in [
            (&[][..], "COST_EXPORTER_LEDGER"),
            (&[(LEDGER, "ledger.json")], "no object of S3"),
            (
                &[(LEDGER, "s3://b/k"), (CONFIG, "tag=x")],
                "COST_EXPORTER_CONFIG",
            ),
            (
                &[(LEDGER, "s3://b/k"), (CONFIG, r#"{"tags":"x"}"#)],
                "`tags`",
            ),
            (
                &[(LEDGER, "s3://b/k"), (CONFIG, r#"{"level":3}"#)],
                "51 to 99",
            ),
        ] {
            let fault = of(variables).unwrap_err();
            assert!(
                fault.message.contains(part) && fault.hint.is_some(),
                "{fault:?}"
            );
        }
    }
}
