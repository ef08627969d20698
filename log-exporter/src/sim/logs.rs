//! CloudWatch Logs in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::chance::Chance;
use crate::{
    Clock, Error, EventPage, ExportTask, GroupInfo, GroupPage, Home, LogAdmin, LogEvent, LogGroup,
    LogSource, PageToken, Span, TaskState,
};

/// What the simulated CloudWatch Logs can be told to do wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceFault {
    /// Requests come too fast.
    Throttled,
    /// The connection is lost before anything has happened.
    Unreachable,
    /// The connection is lost after all has happened.
    LostAnswer,
    /// A page without an event, although there are more.
    EmptyPage,
    /// A page without an event and with the token that was sent.
    SameToken,
    /// Some events of the page before are told again.
    Repeat,
    /// The token is not accepted any more.
    TokenExpired,
    /// The answer takes ten seconds.
    Slow,
    /// The credentials lack the permission.
    Denied,
}

/// CloudWatch Logs in memory. Clones share what it holds.
///
/// It tells events by time, with pages that may be empty and tokens that may repeat; an event is seen from its ingestion on; two
/// streams may use the same id.
#[derive(Debug, Clone)]
pub struct SimLogs {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    groups: BTreeMap<LogGroup, Group>,
    /// That of the first group; it stays when the group goes.
    home: Option<Home>,
    page_events: usize,
    page_bytes: usize,
    faults: VecDeque<SourceFault>,
    chance: Option<(Chance, u64)>,
    requests: u64,
    tokens: u64,
    delete_after: Option<(LogGroup, u64)>,
    tasks: Vec<Task>,
    next_task: VecDeque<TaskState>,
}

#[derive(Debug)]
struct Task {
    of: ExportTask,
    /// How it stands, and how it will at each later look.
    states: VecDeque<TaskState>,
}

impl Task {
    fn is_over(&self) -> bool {
        self.states.front().is_none_or(TaskState::is_over)
    }

    /// Time goes on.
    fn go_on(&mut self) {
        if self.states.len() > 1 {
            self.states.pop_front();
        }
    }
}

#[derive(Debug)]
struct Group {
    info: GroupInfo,
    /// By timestamp and the order of their coming.
    events: BTreeMap<(i64, u64), LogEvent>,
}

impl SimLogs {
    /// No groups, pages of 10,000 events or 1 MB, no faults.
    pub fn new(clock: Clock) -> Self {
        let state = State {
            groups: BTreeMap::new(),
            home: None,
            page_events: 10_000,
            page_bytes: 1 << 20,
            faults: VecDeque::new(),
            chance: None,
            requests: 0,
            tokens: 0,
            delete_after: None,
            tasks: Vec::new(),
            next_task: VecDeque::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            clock,
        }
    }

    /// Adds a group.
    pub fn create_group(&self, info: GroupInfo) {
        let group = Group {
            info: info.clone(),
            events: BTreeMap::new(),
        };
        let mut state = self.lock();
        state.home.get_or_insert_with(|| Home::of(&info.place));
        state.groups.insert(info.place.group, group);
    }

    /// Deletes a group with its events.
    pub fn delete_group(&self, group: &LogGroup) {
        self.lock().groups.remove(group);
    }

    /// Deletes a group after so many more requests.
    pub fn delete_group_after(&self, group: &LogGroup, requests: u64) {
        let mut state = self.lock();
        state.delete_after = Some((group.clone(), state.requests + requests));
    }

    /// Adds events to a group; each is seen from its ingestion on.
    pub fn put(&self, group: &LogGroup, events: impl IntoIterator<Item = LogEvent>) {
        let mut state = self.lock();
        let Some(group) = state.groups.get_mut(group) else {
            return;
        };
        for event in events {
            let number = group.events.len() as u64;
            group.events.insert((event.timestamp, number), event);
        }
    }

    /// All events of a group, seen or not: the truth.
    pub fn truth(&self, group: &LogGroup) -> Vec<LogEvent> {
        let state = self.lock();
        let group = state.groups.get(group);
        group.map_or_else(Vec::new, |group| group.events.values().cloned().collect())
    }

    /// Pages hold at most so many events.
    pub fn page_events(&self, events: usize) {
        self.lock().page_events = events.max(1);
    }

    /// The next requests go wrong like this, in this order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = SourceFault>) {
        self.lock().faults.extend(faults);
    }

    /// One in so many requests goes wrong in some passing way; the seed says which and how.
    pub fn fail_at_random(&self, seed: u64, one_in: u64) {
        self.lock().chance = Some((Chance::new(seed), one_in));
    }

    /// No more faults.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.chance = None;
        state.faults.clear();
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// The states that the next export task goes through, one at each look; the last one stays.
    pub fn next_export(&self, states: impl IntoIterator<Item = TaskState>) {
        self.lock().next_task = states.into_iter().collect();
    }

    /// The export tasks that were created, in order.
    pub fn exports(&self) -> Vec<ExportTask> {
        let state = self.lock();
        state.tasks.iter().map(|task| task.of.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request and says what goes wrong with it.
    fn request(&self, has_token: bool) -> Option<SourceFault> {
        let mut state = self.lock();
        state.requests += 1;
        if let Some((group, at)) = state.delete_after.take() {
            if state.requests > at {
                state.groups.remove(&group);
            } else {
                state.delete_after = Some((group, at));
            }
        }
        let fault = match state.faults.pop_front() {
            Some(fault) => Some(fault),
            None => state.chance.as_mut().and_then(|(chance, one_in)| {
                chance.one_in(*one_in).then(|| {
                    let all = [
                        SourceFault::Throttled,
                        SourceFault::Unreachable,
                        SourceFault::EmptyPage,
                        SourceFault::SameToken,
                        SourceFault::Repeat,
                        SourceFault::TokenExpired,
                        SourceFault::Slow,
                    ];
                    all[chance.below(all.len() as u64) as usize]
                })
            }),
        };
        // What is about tokens needs one.
        fault.filter(|fault| {
            has_token || !matches!(fault, SourceFault::SameToken | SourceFault::TokenExpired)
        })
    }

    fn page(
        &self,
        group: &LogGroup,
        span: Span,
        token: Option<&PageToken>,
        fault: Option<SourceFault>,
    ) -> Result<EventPage, Error> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.tokens += 1;
        let nonce = state.tokens;
        let (most, most_bytes) = (state.page_events, state.page_bytes);
        let Some(group_state) = state.groups.get(group) else {
            return Err(Error::GroupNotFound {
                group: group.clone(),
            });
        };
        let expired = || Error::TokenExpired {
            group: group.clone(),
        };
        let at = match token {
            None => (span.from().epoch(), 0),
            Some(token) => parse(token).ok_or_else(expired)?,
        };
        let name = |at: (i64, u64)| PageToken::new(format!("{}/{}/{nonce}", at.0, at.1));
        match fault {
            Some(SourceFault::EmptyPage) => {
                return Ok(EventPage {
                    events: Vec::new(),
                    next: Some(name(at)),
                });
            }
            Some(SourceFault::SameToken) => {
                return Ok(EventPage {
                    events: Vec::new(),
                    next: token.cloned(),
                });
            }
            _ => {}
        }
        let mut page = EventPage::default();
        if fault == Some(SourceFault::Repeat) {
            let from = (span.from().epoch(), 0);
            let before = group_state.events.range(from.min(at)..at).rev().take(2);
            page.events.extend(
                before
                    .map(|(_, event)| event.clone())
                    .filter(|event| event.ingestion <= now.epoch()),
            );
        }
        let end = (span.to().epoch(), 0);
        let (mut count, mut bytes) = (0, 0);
        for (key, event) in group_state.events.range(at.min(end)..end) {
            if event.ingestion > now.epoch() {
                continue;
            }
            if count > 0 && (count >= most || bytes + event.message.len() > most_bytes) {
                page.next = Some(name(*key));
                break;
            }
            count += 1;
            bytes += event.message.len();
            page.events.push(event.clone());
        }
        Ok(page)
    }
}

fn parse(token: &PageToken) -> Option<(i64, u64)> {
    let mut parts = token.as_str().split('/');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn refuse(
    fault: Option<SourceFault>,
    operation: &'static str,
    action: &'static str,
) -> Result<(), Error> {
    match fault {
        Some(SourceFault::Throttled) => Err(Error::Throttled {
            operation,
            request_id: None,
        }),
        Some(SourceFault::Unreachable | SourceFault::LostAnswer) => Err(Error::Unreachable {
            operation,
            source: "the connection was lost".into(),
        }),
        Some(SourceFault::Denied) => Err(Error::Denied {
            operation,
            action,
            code: Some("AccessDeniedException".to_owned()),
            message: None,
            request_id: None,
        }),
        _ => Ok(()),
    }
}

#[async_trait]
impl LogSource for SimLogs {
    async fn groups<'a>(
        &self,
        prefix: Option<&'a str>,
        token: Option<&'a PageToken>,
    ) -> Result<GroupPage, Error> {
        yield_now().await;
        let fault = self.request(token.is_some());
        refuse(fault, "list log groups", "logs:DescribeLogGroups")?;
        if fault == Some(SourceFault::SameToken) {
            return Ok(GroupPage {
                groups: Vec::new(),
                next: token.cloned(),
            });
        }
        let page = {
            let state = self.lock();
            let mut groups = state
                .groups
                .values()
                .map(|group| group.info.clone())
                .filter(|info| {
                    prefix.is_none_or(|prefix| info.group().as_str().starts_with(prefix))
                })
                .filter(|info| token.is_none_or(|token| info.group().as_str() > token.as_str()))
                .collect::<Vec<_>>();
            let more = groups.len() > 50;
            groups.truncate(50);
            let next = groups.last().filter(|_| more);
            let next = next.map(|info| PageToken::new(info.group().as_str()));
            GroupPage { groups, next }
        };
        yield_now().await;
        Ok(page)
    }

    async fn events<'a>(
        &self,
        group: &LogGroup,
        span: Span,
        token: Option<&'a PageToken>,
    ) -> Result<EventPage, Error> {
        yield_now().await;
        let fault = self.request(token.is_some());
        refuse(fault, "read log events", crate::error::READ_ACTION)?;
        if fault == Some(SourceFault::TokenExpired) {
            return Err(Error::TokenExpired {
                group: group.clone(),
            });
        }
        if fault == Some(SourceFault::Slow) {
            sleep(Duration::from_secs(10)).await;
        }
        let page = self.page(group, span, token, fault);
        yield_now().await;
        page
    }

    async fn home(&self) -> Result<Option<Home>, Error> {
        yield_now().await;
        Ok(self.lock().home.clone())
    }
}

#[async_trait]
impl LogAdmin for SimLogs {
    async fn set_retention(&self, group: &LogGroup, days: u32) -> Result<(), Error> {
        yield_now().await;
        let fault = self.request(false);
        refuse(fault, "set the retention", "logs:PutRetentionPolicy")?;
        let mut state = self.lock();
        match state.groups.get_mut(group) {
            Some(group) => {
                group.info.retention_days = Some(days);
                Ok(())
            }
            None => Err(Error::GroupNotFound {
                group: group.clone(),
            }),
        }
    }

    async fn start_export(&self, task: &ExportTask) -> Result<String, Error> {
        const OPERATION: &str = "start an export task";
        const ACTION: &str = "logs:CreateExportTask";
        yield_now().await;
        let fault = self.request(false);
        let lost = fault == Some(SourceFault::LostAnswer);
        refuse(fault.filter(|_| !lost), OPERATION, ACTION)?;
        let id = {
            let mut state = self.lock();
            if !state.groups.contains_key(&task.group) {
                return Err(Error::GroupNotFound {
                    group: task.group.clone(),
                });
            }
            if let Some(busy) = state.tasks.iter_mut().find(|task| !task.is_over()) {
                busy.go_on();
                return Err(Error::ExportBusy);
            }
            let mut states = std::mem::take(&mut state.next_task);
            if states.is_empty() {
                states = [TaskState::Pending, TaskState::Running, TaskState::Completed].into();
            }
            let of = task.clone();
            state.tasks.push(Task { of, states });
            format!("task-{}", state.tasks.len())
        };
        yield_now().await;
        refuse(fault, OPERATION, ACTION).map(|()| id)
    }

    async fn find_export(&self, task: &ExportTask) -> Result<Option<String>, Error> {
        yield_now().await;
        let fault = self.request(false);
        refuse(fault, "look for an export task", "logs:DescribeExportTasks")?;
        let state = self.lock();
        let index = state
            .tasks
            .iter()
            .position(|other| other.of == *task && !other.is_over());
        Ok(index.map(|index| format!("task-{}", index + 1)))
    }

    async fn export_state(&self, id: &str) -> Result<Option<TaskState>, Error> {
        yield_now().await;
        let fault = self.request(false);
        refuse(fault, "look at an export task", "logs:DescribeExportTasks")?;
        let index = id.strip_prefix("task-").and_then(|n| n.parse().ok());
        let index = index.and_then(|number: usize| number.checked_sub(1));
        let mut state = self.lock();
        let Some(task) = index.and_then(|index| state.tasks.get_mut(index)) else {
            return Ok(None);
        };
        let now = task.states.front().cloned();
        task.go_on();
        Ok(now)
    }
}
