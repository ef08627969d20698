//! What an AWS account has besides ECS.

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use aws_sdk_ssm::types::ParameterStringFilter;

use super::failure::{Call, has_code};
use super::logs::CloudWatchLogs;
use crate::{AccountLookUp, AlarmState, Error};

/// How many alarms one `DescribeAlarms` takes.
const ALARMS_PER_CALL: usize = 100;

const ROLE: Call = Call {
    operation: "look up a role",
    action: "iam:GetRole",
};
const SECRET: Call = Call {
    operation: "look up a secret",
    action: "secretsmanager:DescribeSecret",
};
const PARAMETER: Call = Call {
    operation: "look up a parameter",
    action: "ssm:DescribeParameters",
};
const ALARMS: Call = Call {
    operation: "describe alarms",
    action: "cloudwatch:DescribeAlarms",
};

/// IAM, CloudWatch, Secrets Manager and Systems Manager as an [`AccountLookUp`]. Values of secrets are never read.
#[derive(Debug, Clone)]
pub struct AwsAccount {
    logs: CloudWatchLogs,
    alarms: aws_sdk_cloudwatch::Client,
    secrets: aws_sdk_secretsmanager::Client,
    parameters: aws_sdk_ssm::Client,
    roles: aws_sdk_iam::Client,
}

impl AwsAccount {
    /// The account behind these clients.
    pub const fn new(
        logs: CloudWatchLogs,
        alarms: aws_sdk_cloudwatch::Client,
        secrets: aws_sdk_secretsmanager::Client,
        parameters: aws_sdk_ssm::Client,
        roles: aws_sdk_iam::Client,
    ) -> Self {
        Self {
            logs,
            alarms,
            secrets,
            parameters,
            roles,
        }
    }
}

impl AwsAccount {
    async fn has_secret(&self, id: String, region: Option<String>) -> Result<bool, Error> {
        let mut config = self.secrets.config().to_builder();
        if let Some(region) = region {
            config = config.region(aws_sdk_secretsmanager::config::Region::new(region));
        }
        let client = aws_sdk_secretsmanager::Client::from_conf(config.build());
        match client.describe_secret().secret_id(id).send().await {
            // One that is on its way out can no longer be fetched.
            Ok(secret) => Ok(secret.deleted_date().is_none()),
            Err(error) if has_code(&error, &["ResourceNotFoundException"]) => Ok(false),
            Err(error) => Err(SECRET.failed(error)),
        }
    }

    async fn has_parameter(
        &self,
        names: Vec<String>,
        region: Option<String>,
    ) -> Result<bool, Error> {
        let mut config = self.parameters.config().to_builder();
        if let Some(region) = region {
            config = config.region(aws_sdk_ssm::config::Region::new(region));
        }
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("Equals")
            .set_values(Some(names))
            .build()
            .map_err(|error| PARAMETER.garbled(error.into()))?;
        let mut pages = aws_sdk_ssm::Client::from_conf(config.build())
            .describe_parameters()
            .parameter_filters(filter)
            .into_paginator()
            .send();
        // A page may be empty and not the last one.
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| PARAMETER.failed(error))?;
            if !page.parameters().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl AccountLookUp for AwsAccount {
    async fn role(&self, arn: &str) -> Result<bool, Error> {
        // A role may have a path, and goes by the name behind it. One without an ARN is a name already.
        let name = arn.rsplit('/').next().unwrap_or(arn);
        match self.roles.get_role().role_name(name).send().await {
            Ok(_) => Ok(true),
            Err(error) if has_code(&error, &["NoSuchEntity", "NoSuchEntityException"]) => Ok(false),
            Err(error) => Err(ROLE.failed(error)),
        }
    }

    async fn log_group(&self, name: &str, region: Option<&str>) -> Result<bool, Error> {
        self.logs.group_exists(name, region).await
    }

    async fn secret(&self, value_from: &str) -> Result<bool, Error> {
        match place(value_from) {
            Place::Secret { id, region } => self.has_secret(id, region).await,
            Place::Parameter { names, region } => self.has_parameter(names, region).await,
        }
    }

    async fn registry_secret(&self, secret: &str) -> Result<bool, Error> {
        match place(secret) {
            Place::Secret { id, region } => self.has_secret(id, region).await,
            Place::Parameter { .. } => self.has_secret(secret.to_owned(), None).await,
        }
    }

    async fn alarms(&self, names: &[String]) -> Result<Vec<Option<AlarmState>>, Error> {
        let mut states = Vec::with_capacity(names.len());
        for batch in names.chunks(ALARMS_PER_CALL) {
            let found = self
                .alarms
                .describe_alarms()
                .set_alarm_names(Some(batch.to_vec()))
                .set_alarm_types(Some(vec![
                    AlarmType::MetricAlarm,
                    AlarmType::CompositeAlarm,
                ]))
                .max_records(100)
                .send()
                .await
                .map_err(|error| ALARMS.failed(error))?;
            let metric = found
                .metric_alarms()
                .iter()
                .map(|alarm| (alarm.alarm_name(), alarm.state_value()));
            let composite = found
                .composite_alarms()
                .iter()
                .map(|alarm| (alarm.alarm_name(), alarm.state_value()));
            let known: Vec<(Option<&str>, Option<&StateValue>)> = metric.chain(composite).collect();
            states.extend(batch.iter().map(|name| {
                let (_, state) = known.iter().find(|(known, _)| *known == Some(name))?;
                Some(match state {
                    Some(StateValue::Alarm) => AlarmState::Alarm,
                    Some(StateValue::Ok) => AlarmState::Ok,
                    _ => AlarmState::InsufficientData,
                })
            }));
        }
        Ok(states)
    }
}

/// Where a task definition's `valueFrom` leads.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Secret {
        id: String,
        region: Option<String>,
    },
    /// One of these names.
    Parameter {
        names: Vec<String>,
        region: Option<String>,
    },
}

/// An ARN of Secrets Manager may be followed by a JSON key, a stage and a version; one of Systems Manager has the name of the
/// parameter behind a slash, and says of a name without further ones not whether it begins with one itself.
fn place(value_from: &str) -> Place {
    let parts: Vec<&str> = value_from.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "secretsmanager", region, _, "secret", ..] => Place::Secret {
            id: parts[..parts.len().min(7)].join(":"),
            region: Some((*region).to_owned()),
        },
        ["arn", _, "ssm", region, _, rest, ..] => {
            let path = rest.strip_prefix("parameter").unwrap_or(rest);
            let name = path.strip_prefix('/').unwrap_or(path);
            let names = if name.contains('/') {
                vec![path.to_owned()]
            } else {
                vec![name.to_owned(), format!("/{name}")]
            };
            Place::Parameter {
                names,
                region: Some((*region).to_owned()).filter(|region| !region.is_empty()),
            }
        }
        _ => Place::Parameter {
            names: vec![value_from.to_owned()],
            region: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_from_leads_to_a_secret_or_a_parameter() {
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";
        for text in [secret.to_owned(), format!("{secret}:password::")] {
            let region = Some("eu-west-1".to_owned());
            assert_eq!(
                place(&text),
                Place::Secret {
                    id: secret.to_owned(),
                    region
                },
                "{text}"
            );
        }
        let there = Some("eu-west-1");
        for (text, names, region) in [
            (
                "arn:aws:ssm:eu-west-1:123456789012:parameter/key",
                &["key", "/key"][..],
                there,
            ),
            (
                "arn:aws:ssm:eu-west-1:123456789012:parameter/prod/db/key",
                &["/prod/db/key"],
                there,
            ),
            ("/prod/key", &["/prod/key"], None),
            ("/key", &["/key"], None),
            ("key", &["key"], None),
        ] {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let region = region.map(str::to_owned);
            assert_eq!(place(text), Place::Parameter { names, region }, "{text}");
        }
    }
}
