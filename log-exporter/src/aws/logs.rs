//! Amazon CloudWatch Logs.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::retry::RetryConfig;
use aws_sdk_cloudwatchlogs::types::{
    ExportTask as Exported, ExportTaskStatusCode, FilteredLogEvent, LogGroup as Described,
    LogGroupClass,
};

use super::failure::Call;
use crate::{
    Error, EventPage, ExportTask, GroupClass, GroupInfo, GroupPage, Home, LogAdmin, LogEvent,
    LogGroup, LogSource, Millis, PageToken, Place, Span, TaskState,
};

const GROUPS: Call = Call {
    operation: "list log groups",
    action: "logs:DescribeLogGroups",
};
const EVENTS: Call = Call {
    operation: "read log events",
    action: crate::error::READ_ACTION,
};
const RETENTION: Call = Call {
    operation: "set the retention",
    action: "logs:PutRetentionPolicy",
};
const START: Call = Call {
    operation: "start an export task",
    action: "logs:CreateExportTask",
};
const LOOK: Call = Call {
    operation: "look at an export task",
    action: "logs:DescribeExportTasks",
};

/// CloudWatch Logs of the client's account and region.
#[derive(Debug, Clone)]
pub struct CloudWatchLogs {
    client: Client,
    /// Asked for once: it stays what it is.
    home: Arc<OnceLock<Home>>,
}

impl CloudWatchLogs {
    /// Through this client, which brings region and credentials; its retries are turned off.
    pub fn new(client: &Client) -> Self {
        let config = client.config().to_builder();
        let config = config.retry_config(RetryConfig::disabled()).build();
        Self {
            client: Client::from_conf(config),
            home: Arc::default(),
        }
    }
}

#[async_trait]
impl LogSource for CloudWatchLogs {
    async fn groups<'a>(
        &self,
        prefix: Option<&'a str>,
        token: Option<&'a PageToken>,
    ) -> Result<GroupPage, Error> {
        let request = self
            .client
            .describe_log_groups()
            .set_log_group_name_prefix(prefix.map(str::to_owned))
            .set_next_token(token.map(|token| token.as_str().to_owned()))
            .limit(50);
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => return Err(GROUPS.failed(GROUPS.said(error)?)),
        };
        let groups = output.log_groups().iter().map(info);
        Ok(GroupPage {
            groups: groups
                .collect::<Result<_, String>>()
                .map_err(|problem| GROUPS.lost(problem))?,
            next: output.next_token().map(PageToken::new),
        })
    }

    async fn events<'a>(
        &self,
        group: &LogGroup,
        span: Span,
        token: Option<&'a PageToken>,
    ) -> Result<EventPage, Error> {
        let request = self
            .client
            .filter_log_events()
            .log_group_name(group.as_str())
            .start_time(span.from().epoch())
            // It is part of what is told.
            .end_time(span.last().epoch())
            .limit(10_000)
            .set_next_token(token.map(|token| token.as_str().to_owned()));
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => {
                let said = EVENTS.said(error)?;
                return Err(match said.code.as_deref() {
                    Some("ResourceNotFoundException") => Error::GroupNotFound {
                        group: group.clone(),
                    },
                    Some("InvalidParameterException") if token.is_some() => Error::TokenExpired {
                        group: group.clone(),
                    },
                    _ => EVENTS.failed(said),
                });
            }
        };
        let events = output.events.unwrap_or_default().into_iter().map(event);
        Ok(EventPage {
            events: events
                .collect::<Option<_>>()
                .ok_or_else(|| EVENTS.lost("an event has no timestamp, no stream or no id"))?,
            next: output.next_token.map(PageToken::new),
        })
    }

    async fn home(&self) -> Result<Option<Home>, Error> {
        if let Some(home) = self.home.get() {
            return Ok(Some(home.clone()));
        }
        let page = self.groups(None, None).await?;
        let Some(info) = page.groups.first() else {
            return Ok(None);
        };
        Ok(Some(
            self.home.get_or_init(|| Home::of(&info.place)).clone(),
        ))
    }
}

#[async_trait]
impl LogAdmin for CloudWatchLogs {
    async fn set_retention(&self, group: &LogGroup, days: u32) -> Result<(), Error> {
        let request = self
            .client
            .put_retention_policy()
            .log_group_name(group.as_str())
            .retention_in_days(i32::try_from(days).unwrap_or(i32::MAX));
        let Err(error) = request.send().await else {
            return Ok(());
        };
        let said = RETENTION.said(error)?;
        Err(match said.code.as_deref() {
            Some("ResourceNotFoundException") => Error::GroupNotFound {
                group: group.clone(),
            },
            _ => RETENTION.failed(said),
        })
    }

    async fn start_export(&self, task: &ExportTask) -> Result<String, Error> {
        let request = self
            .client
            .create_export_task()
            .log_group_name(task.group.as_str())
            .from(task.span.from().epoch())
            // It is part of what is exported.
            .to(task.span.last().epoch())
            .destination(&task.bucket)
            .destination_prefix(&task.prefix);
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => {
                let said = START.said(error)?;
                return Err(match said.code.as_deref() {
                    Some("ResourceNotFoundException") => Error::GroupNotFound {
                        group: task.group.clone(),
                    },
                    Some("LimitExceededException") => Error::ExportBusy,
                    _ => START.failed(said),
                });
            }
        };
        match output.task_id() {
            Some(id) => Ok(id.to_owned()),
            None => Err(START.lost("the answer names no task")),
        }
    }

    async fn find_export(&self, task: &ExportTask) -> Result<Option<String>, Error> {
        // An account has one at a time: each list is short.
        for code in [ExportTaskStatusCode::Running, ExportTaskStatusCode::Pending] {
            let mut token = None;
            loop {
                let request = self
                    .client
                    .describe_export_tasks()
                    .status_code(code.clone())
                    .set_next_token(token);
                let output = match request.send().await {
                    Ok(output) => output,
                    Err(error) => return Err(LOOK.failed(LOOK.said(error)?)),
                };
                let found = output.export_tasks().iter().find(|other| is(other, task));
                if let Some(id) = found.and_then(|other| other.task_id()) {
                    return Ok(Some(id.to_owned()));
                }
                token = output.next_token;
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(None)
    }

    async fn export_state(&self, id: &str) -> Result<Option<TaskState>, Error> {
        let request = self.client.describe_export_tasks().task_id(id);
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => return Err(LOOK.failed(LOOK.said(error)?)),
        };
        Ok(output.export_tasks().first().map(state))
    }
}

fn state(task: &Exported) -> TaskState {
    let status = task.status();
    match status.and_then(|status| status.code()) {
        Some(ExportTaskStatusCode::Pending) => TaskState::Pending,
        Some(ExportTaskStatusCode::Completed) => TaskState::Completed,
        Some(ExportTaskStatusCode::Failed) => {
            let message = status.and_then(|status| status.message());
            TaskState::Failed(message.unwrap_or("no reason is given").to_owned())
        }
        Some(ExportTaskStatusCode::Cancelled) => TaskState::Cancelled,
        _ => TaskState::Running,
    }
}

/// Whether it is just this task, and under way.
fn is(other: &Exported, task: &ExportTask) -> bool {
    other.log_group_name() == Some(task.group.as_str())
        && other.from() == Some(task.span.from().epoch())
        && other.to() == Some(task.span.last().epoch())
        && other.destination() == Some(task.bucket.as_str())
        && other.destination_prefix() == Some(task.prefix.as_str())
        && !state(other).is_over()
}

fn info(group: &Described) -> Result<GroupInfo, String> {
    let name = group.log_group_name().ok_or("a log group has no name")?;
    let bad = |error: &dyn std::fmt::Display| format!("of the log group `{name}`, {error}");
    // arn:aws:logs:us-east-1:123456789012:log-group:/ecs/web:*
    let arn = group.arn().or(group.log_group_arn());
    let parts: Vec<&str> = arn.unwrap_or_default().split(':').collect();
    let [_, _, _, region, account, ..] = parts[..] else {
        return Err(bad(&"the ARN names no account and no region"));
    };
    let place = Place::new(
        account.parse().map_err(|error| bad(&error))?,
        region.parse().map_err(|error| bad(&error))?,
        name.parse().map_err(|error| bad(&error))?,
    );
    let mut info = GroupInfo::new(
        place,
        Millis::from_epoch(group.creation_time().unwrap_or(0)),
    );
    info.retention_days = group
        .retention_in_days()
        .and_then(|days| u32::try_from(days).ok());
    info.stored_bytes = u64::try_from(group.stored_bytes().unwrap_or(0)).unwrap_or(0);
    info.class = match group.log_group_class() {
        Some(LogGroupClass::Delivery) => GroupClass::Delivery,
        Some(LogGroupClass::InfrequentAccess) => GroupClass::InfrequentAccess,
        _ => GroupClass::Standard,
    };
    Ok(info)
}

fn event(event: FilteredLogEvent) -> Option<LogEvent> {
    Some(LogEvent {
        timestamp: event.timestamp?,
        ingestion: event.ingestion_time.unwrap_or(0),
        stream: event.log_stream_name?,
        id: event.event_id?,
        message: event.message.unwrap_or_default(),
    })
}
