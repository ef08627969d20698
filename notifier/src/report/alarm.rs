//! An alarm that changed its state.

use serde::{Deserialize, Serialize};

use super::Severity;

/// An alarm of a monitoring system, such as Amazon CloudWatch, that changed its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Alarm {
    /// The alarm as people call it.
    pub name: String,
    /// The state it is in now.
    pub state: AlarmState,
    /// The state it was in before.
    pub previous: Option<AlarmState>,
    /// What the alarm is for, as whoever made it wrote.
    pub description: Option<String>,
    /// Why it changed its state.
    pub reason: Option<String>,
    /// What it watches: a metric with its dimensions, an expression, or a rule over other alarms.
    pub watches: Option<String>,
    /// When it goes off, in words, such as `Average > 80 for 3 of 5 periods of 60 s`.
    pub condition: Option<String>,
    /// The account it belongs to.
    pub account: Option<String>,
    /// The region it belongs to, as its code, such as `eu-central-1`.
    pub region: Option<String>,
    /// When it changed, as the monitoring system writes it.
    pub at: Option<String>,
    /// Where it can be looked at; only `http` and `https` become links.
    pub url: Option<String>,
}

/// The state of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AlarmState {
    /// What it watches is as it should be.
    Ok,
    /// What it watches is not as it should be.
    Alarm,
    /// It cannot be told, because nothing was measured.
    InsufficientData,
}

impl Alarm {
    /// An alarm of which nothing but its name and state is known.
    pub fn new(name: impl Into<String>, state: AlarmState) -> Self {
        Self {
            name: name.into(),
            state,
            previous: None,
            description: None,
            reason: None,
            watches: None,
            condition: None,
            account: None,
            region: None,
            at: None,
            url: None,
        }
    }

    /// Says in which state it was before.
    #[must_use]
    pub fn previous(mut self, state: AlarmState) -> Self {
        self.previous = Some(state);
        self
    }

    /// Says what the alarm is for; any text will do.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Says why it changed its state; any text will do.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Says what it watches.
    #[must_use]
    pub fn watches(mut self, what: impl Into<String>) -> Self {
        self.watches = Some(what.into());
        self
    }

    /// Says when it goes off.
    #[must_use]
    pub fn condition(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    /// Names the account and the region it belongs to.
    #[must_use]
    pub fn place(mut self, account: impl Into<String>, region: impl Into<String>) -> Self {
        (self.account, self.region) = (Some(account.into()), Some(region.into()));
        self
    }

    /// Says where it can be looked at.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }
}

impl AlarmState {
    /// How urgent the state is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Ok => Severity::Good,
            Self::Alarm => Severity::Danger,
            Self::InsufficientData => Severity::Warning,
        }
    }

    /// The state as CloudWatch writes it: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}
