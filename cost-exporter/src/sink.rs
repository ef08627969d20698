//! The trait for what costs are published to.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{Basis, DaySample, Error, Sample, SinkName};

/// Where costs are published.
///
/// # Contract
///
/// - **All or part.** `Ok` means that everything but the items in [`Published::rejected`] was taken. One bad item never costs
///   another one. `Err` means that certainly nothing was taken.
/// - **Replacing.** A [`SinkKind::Snapshot`] holds exactly the samples of the last publication that succeeded; it shows the
///   old ones until the new ones are whole. A [`SinkKind::Additive`] adds [`DaySample::change`] to what it has of that day.
///   A [`SinkKind::History`] takes [`DaySample::value`] as the newest word on that day.
/// - **Retries** of what certainly was not taken are the implementation's, bounded; what may have been taken is never sent
///   again but rejected with `known: false`.
/// - **Values** are published as they are; where the other side knows no decimals, as the nearest number.
#[async_trait]
pub trait MetricSink: Debug + Send + Sync {
    /// The name under which the ledger remembers what the sink was given.
    fn name(&self) -> &SinkName;

    /// What it takes.
    fn style(&self) -> SinkStyle;

    /// Publishes.
    ///
    /// # Errors
    /// When nothing could be published.
    async fn publish(&self, publication: &Publication) -> Result<Published, Error>;
}

/// How a sink deals with what it was given before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkKind {
    /// It shows the present and forgets the rest.
    Snapshot,
    /// It adds up what it is given for a day, as CloudWatch does.
    Additive {
        /// How far back it takes days.
        reach: SignedDuration,
        /// How often it takes the present: once in each such time.
        every: SignedDuration,
    },
    /// It keeps days, and a later sample of one outdoes the former.
    History,
}

/// By what costs are added up.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Grouping {
    /// All together.
    Total,
    /// By environment.
    Environment,
    /// By service.
    Service,
    /// By service and environment: the others can be made of it.
    ServiceEnvironment,
}

/// What a sink takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkStyle {
    /// How it deals with what it was given before.
    pub kind: SinkKind,
    /// By what costs are added up for it.
    pub groupings: Vec<Grouping>,
    /// The bases it takes; all of them if there is none.
    pub bases: Vec<Basis>,
}

/// What to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Publication {
    /// When the numbers were read.
    pub at: Timestamp,
    /// The present.
    pub samples: Vec<Sample>,
    /// The days that the sink has not, or not as they are now.
    pub days: Vec<DaySample>,
}

/// What became of a publication.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Published {
    /// How many requests it took.
    pub requests: u32,
    /// What was not taken.
    pub rejected: Vec<Rejected>,
}

/// Something that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// What.
    pub item: Item,
    /// Its series, for people.
    pub series: String,
    /// Why.
    pub reason: String,
    /// Whether it is certain that it was not taken.
    pub known: bool,
}

/// A place in a [`Publication`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// In [`Publication::samples`].
    Sample(usize),
    /// In [`Publication::days`].
    Day(usize),
}

macro_rules! forward {
    ($pointer:ident) => {
        #[async_trait]
        impl<T: MetricSink + ?Sized> MetricSink for $pointer<T> {
            fn name(&self) -> &SinkName {
                (**self).name()
            }

            fn style(&self) -> SinkStyle {
                (**self).style()
            }

            async fn publish(&self, publication: &Publication) -> Result<Published, Error> {
                (**self).publish(publication).await
            }
        }
    };
}

forward!(Arc);
forward!(Box);
