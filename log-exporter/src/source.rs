//! Where logs are read.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Error, Home, LogEvent, LogGroup, Millis, Place, Span};

/// The place where the next page begins; opaque, and good for 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageToken(String);

impl PageToken {
    /// A token as the source gave it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventPage {
    /// The events: at most 10,000 of at most 1 MB together, in no order that can be relied on. There may be none although more
    /// pages follow.
    pub events: Vec<LogEvent>,
    /// Where to go on; it is the last page only if there is none.
    pub next: Option<PageToken>,
}

/// A page of groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupPage {
    /// The groups.
    pub groups: Vec<GroupInfo>,
    /// Where to go on, if there are more.
    pub next: Option<PageToken>,
}

/// What kind of group it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GroupClass {
    /// Everything works.
    Standard,
    /// No subscriptions and no export task.
    InfrequentAccess,
    /// It keeps events for a day, and cannot be read.
    Delivery,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GroupInfo {
    /// Its name and where it is.
    pub place: Place,
    /// When it was made. Events may be 14 days older.
    pub created: Millis,
    /// How long it keeps events, in days; for ever if none.
    pub retention_days: Option<u32>,
    /// What kind it is.
    pub class: GroupClass,
    /// What it holds, in bytes, as CloudWatch Logs counts it; that may lag behind by a day.
    pub stored_bytes: u64,
}

impl GroupInfo {
    /// A group of the standard class that keeps events for ever.
    pub const fn new(place: Place, created: Millis) -> Self {
        Self {
            place,
            created,
            retention_days: None,
            class: GroupClass::Standard,
            stored_bytes: 0,
        }
    }

    /// The group's name.
    pub const fn group(&self) -> &LogGroup {
        &self.place.group
    }
}

/// Where logs are read: CloudWatch Logs, or a simulator of it.
///
/// All calls only read and may be repeated at will. Implementations do not retry: a passing error
/// ([`Error::is_passing`]) is retried by the engine, in one place.
#[async_trait]
pub trait LogSource: Debug + Send + Sync {
    /// The groups whose names begin with `prefix`, page by page, by name.
    ///
    /// # Errors
    /// None for a prefix that no group has: the page is empty.
    async fn groups<'a>(
        &self,
        prefix: Option<&'a str>,
        token: Option<&'a PageToken>,
    ) -> Result<GroupPage, Error>;

    /// The events of a group whose timestamps are in `span`, of all its streams, page by page.
    ///
    /// The span's end is not part of it (FilterLogEvents' `endTime` is: an implementation asks for the millisecond before). A
    /// page may be empty, a token may come twice, and an event may be told more than once; it was the last page only if
    /// it names no next one. What is received while pages are read may or may not be told. An event has the same
    /// fields whenever it is read.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`] when the group is not there, or is deleted between two pages; [`Error::TokenExpired`] when a
    /// token is not accepted any more.
    async fn events<'a>(
        &self,
        group: &LogGroup,
        span: Span,
        token: Option<&'a PageToken>,
    ) -> Result<EventPage, Error>;

    /// Whose logs these are: no group of another account or region is seen. `None` if there is no group to tell by.
    async fn home(&self) -> Result<Option<Home>, Error> {
        let page = self.groups(None, None).await?;
        Ok(page.groups.first().map(|info| Home::of(&info.place)))
    }
}

/// How an export task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "message")]
#[non_exhaustive]
pub enum TaskState {
    /// It waits for its turn.
    Pending,
    /// It works, or is about to stop.
    Running,
    /// It is done.
    Completed,
    /// It has failed, with AWS's message.
    Failed(String),
    /// It was cancelled.
    Cancelled,
}

impl TaskState {
    /// Whether it has come to its end, whatever that is.
    pub const fn is_over(&self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// An export task that CloudWatch Logs shall run by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportTask {
    /// The group.
    pub group: LogGroup,
    /// Which events. The end is not part of it (CreateExportTask's `to` is).
    pub span: Span,
    /// The bucket, in the same region.
    pub bucket: String,
    /// What the keys begin with.
    pub prefix: String,
}

/// What changes things in CloudWatch Logs: retention, and export tasks.
#[async_trait]
pub trait LogAdmin: Debug + Send + Sync {
    /// Sets for how many days a group keeps its events. It may be repeated. What is older goes within 72 hours, for good.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`]; [`Error::Refused`] for days that CloudWatch Logs does not take.
    async fn set_retention(&self, group: &LogGroup, days: u32) -> Result<(), Error>;

    /// Starts an export task and returns its id. Not to be repeated when the answer is lost: the task may run.
    ///
    /// # Errors
    /// [`Error::ExportBusy`] when one of the account is running.
    async fn start_export(&self, task: &ExportTask) -> Result<String, Error>;

    /// The id of an export task of just this group, time and destination that has not come to its end; `None` if there is none.
    async fn find_export(&self, task: &ExportTask) -> Result<Option<String>, Error>;

    /// How an export task stands; `None` if there is no such task.
    async fn export_state(&self, id: &str) -> Result<Option<TaskState>, Error>;
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<T: LogSource + ?Sized> LogSource for $pointer<T> {
            async fn groups<'a>(
                &self,
                prefix: Option<&'a str>,
                token: Option<&'a PageToken>,
            ) -> Result<GroupPage, Error> {
                (**self).groups(prefix, token).await
            }

            async fn events<'a>(
                &self,
                group: &LogGroup,
                span: Span,
                token: Option<&'a PageToken>,
            ) -> Result<EventPage, Error> {
                (**self).events(group, span, token).await
            }

            async fn home(&self) -> Result<Option<Home>, Error> {
                (**self).home().await
            }
        }
    )*};
}
forward!(Arc, Box);
