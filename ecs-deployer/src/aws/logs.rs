//! CloudWatch Logs.

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::config::Region;

use super::failure::{Call, has_code};
use crate::{Error, LogPage, LogStream, TaskLogs};

const READ: Call = Call {
    operation: "read the containers' logs",
    action: "logs:GetLogEvents",
};
const GROUPS: Call = Call {
    operation: "look up a log group",
    action: "logs:DescribeLogGroups",
};

/// CloudWatch Logs as [`TaskLogs`].
#[derive(Debug, Clone)]
pub struct CloudWatchLogs {
    client: Client,
}

impl CloudWatchLogs {
    /// The logs behind this client. Streams that name another region are read there.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    fn in_region(&self, region: Option<&str>) -> Client {
        let own = self.client.config().region().map(AsRef::as_ref);
        match region.filter(|region| Some(*region) != own) {
            None => self.client.clone(),
            Some(region) => {
                let region = Region::new(region.to_owned());
                Client::from_conf(self.client.config().to_builder().region(region).build())
            }
        }
    }

    /// Whether a log group exists.
    pub(super) async fn group_exists(
        &self,
        name: &str,
        region: Option<&str>,
    ) -> Result<bool, Error> {
        let mut pages = self
            .in_region(region)
            .describe_log_groups()
            .log_group_name_prefix(name)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| GROUPS.failed(error))?;
            if page
                .log_groups()
                .iter()
                .any(|group| group.log_group_name() == Some(name))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read(
        &self,
        stream: &LogStream,
        from_head: bool,
        limit: Option<usize>,
        position: Option<&str>,
    ) -> Result<LogPage, Error> {
        let answer = self
            .in_region(stream.region.as_deref())
            .get_log_events()
            .log_group_name(&stream.group)
            .log_stream_name(&stream.stream)
            .start_from_head(from_head)
            .set_limit(limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX).min(10_000)))
            .set_next_token(position.map(str::to_owned))
            .send()
            .await;
        let page = match answer {
            Ok(page) => page,
            // The stream comes into being with its first line.
            Err(error) if has_code(&error, &["ResourceNotFoundException"]) => {
                return Ok(LogPage::default());
            }
            Err(error) => return Err(READ.failed(error)),
        };
        let lines = page
            .events()
            .iter()
            .filter_map(|event| event.message())
            .flat_map(str::lines)
            .map(str::to_owned)
            .collect();
        Ok(LogPage::new(
            lines,
            page.next_forward_token().map(str::to_owned),
        ))
    }
}

#[async_trait]
impl TaskLogs for CloudWatchLogs {
    async fn last_lines(&self, stream: &LogStream, limit: usize) -> Result<Vec<String>, Error> {
        let mut lines = self
            .read(stream, false, Some(limit.max(1)), None)
            .await?
            .lines;
        lines.drain(..lines.len().saturating_sub(limit));
        Ok(lines)
    }

    async fn lines_after(
        &self,
        stream: &LogStream,
        position: Option<&str>,
    ) -> Result<LogPage, Error> {
        self.read(stream, true, None, position).await
    }
}
