//! Deployment notifications for Slack and webhooks that cannot be malformed.
//!
//! A [`Report`] says what happened: a deployment started, completed, failed or was rolled back, builds were promoted,
//! health checks ran, a quality gate answered, infrastructure changed, an alarm went off. Every string in it may come from strangers (a commit title, a
//! reason out of a container), so nothing in it is trusted: [`slack`] draws a card whose texts are escaped once,
//! kept to one line where a line is meant, and cut before Slack's limits; [`text`] draws the same for a terminal.
//! A [`Channel`] delivers a report and says honestly what came of it: delivered, refused, or not known.
//!
//! ```
//! use deploy_notifier::{Deployment, Report, ServiceResult, ServiceStatus, slack, text};
//!
//! let deployment = Deployment::new("dev".parse()?)
//!     .commit("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12".parse()?)
//!     .title("Fix \"login\" <script> & more\n<!channel>")
//!     .service(ServiceResult::new("user-service", ServiceStatus::Deployed))
//!     .service(ServiceResult::new("task-service", ServiceStatus::Failed).reason("container `app` exited with code 137"))
//!     .seconds(332.0);
//! let report = Report::DeploymentFailed(deployment);
//!
//! let message = serde_json::to_value(slack(&report))?;
//! assert_eq!(message["attachments"][0]["color"], "danger");
//! assert!(!message.to_string().contains("<!channel>"));
//! assert_eq!(text(&report).lines().next(), Some("Deployment to dev failed (5m 32s)"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! `http` (default) brings `SlackWebhook`, `SlackApi` and `Webhook`; `tls` (default) lets them speak https. Without either,
//! rendering, [`WriterChannel`], [`Fanout`] and the simulated channel remain. `testing` exports the contract checks and a
//! Slack on loopback.

mod card;
mod channel;
mod clean;
mod error;
mod fanout;
mod names;
mod observer;
mod options;
mod report;
mod retry;
mod slack;
mod sns;
mod text;
mod time_left;
mod writer;

#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod live_cards;
#[cfg(test)]
#[cfg(feature = "http")]
mod loopback;
#[cfg(feature = "http")]
mod secret_url;
#[cfg(feature = "http")]
mod slack_api;
#[cfg(feature = "http")]
mod slack_token;
#[cfg(feature = "http")]
mod slack_webhook;
#[cfg(feature = "http")]
mod webhook;

pub mod sim;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use channel::{Channel, Delivery};
pub use error::{Answer, Error};
pub use fanout::{ChannelOutcome, Fanout, FanoutOutcome};
#[cfg(feature = "http")]
pub use live_cards::LiveCards;
pub use names::{Commit, Environment, InvalidCommit, InvalidEnvironment};
pub use observer::{Event, Observer};
pub use options::DeliveryOptions;
pub use report::{
    Alarm, AlarmState, Deployment, GateCondition, GateStatus, HealthResult, HealthResults,
    HealthVerdict, InfrastructureChange, InfrastructureStatus, Notice, Promotion, PromotionStatus,
    QualityGate, Report, ServiceResult, ServiceStatus, Severity,
};
#[cfg(feature = "http")]
pub use secret_url::{InvalidSecretUrl, SecretUrl};
pub use slack::{
    SlackLayout, SlackMessage, SlackProblem, slack, slack_details, slack_problems, slack_with,
};
#[cfg(feature = "http")]
pub use slack_api::SlackApi;
#[cfg(feature = "http")]
pub use slack_token::{InvalidSlackConversation, InvalidSlackToken, SlackConversation, SlackToken};
#[cfg(feature = "http")]
pub use slack_webhook::SlackWebhook;
pub use sns::{InvalidSnsEvent, SnsOrigin, SnsRecord, sns_records, sns_report};
pub use text::text;
pub use time_left::within;
#[cfg(feature = "http")]
pub use webhook::Webhook;
pub use writer::WriterChannel;

#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
mod readme {}
