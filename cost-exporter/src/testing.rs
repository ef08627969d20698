//! The contracts of [`CostSource`], [`Ledger`] and [`MetricSink`], as checks that every implementation passes, and
//! an AWS on loopback.

#[cfg(feature = "testing")]
mod cloudwatch_stub;
#[cfg(feature = "testing")]
mod cost_explorer_stub;
#[cfg(feature = "testing")]
mod http_stub;
#[cfg(feature = "testing")]
mod s3_stub;
#[cfg(feature = "testing")]
mod stub;

#[cfg(feature = "testing")]
pub use cloudwatch_stub::Point;
#[cfg(feature = "testing")]
pub use stub::AwsStub;

use jiff::civil::Date;

use crate::{
    Amount, Basis, CostPage, CostQuery, CostSource, Error, Item, Label, Labels, Ledger, LedgerDay,
    LedgerState, LedgerVersion, Metric, MetricSink, Period, Publication, Sample, TagKey,
};

/// Checks a source that has costs on some of these days: pages end, hold the days that were asked for, and together are what
/// a query for each day alone gives.
///
/// # Panics
/// When the implementation breaks the contract; the message says where.
pub async fn cost_source_contract(source: &dyn CostSource, period: Period, tag: &TagKey) {
    let query = |period| CostQuery {
        period,
        bases: vec![Basis::Unblended, Basis::Amortized],
        tag: tag.clone(),
    };
    let whole = pages(source, &query(period)).await;
    assert!(
        whole
            .iter()
            .any(|page| page.days.iter().any(|day| !day.cells.is_empty())),
        "costs were promised"
    );
    let parts = || whole.iter().flat_map(|page| &page.days);
    for day in parts() {
        assert!(period.contains(day.date), "{} was not asked for", day.date);
        for cell in &day.cells {
            let bases: Vec<Basis> = cell.amounts.keys().copied().collect();
            assert_eq!(
                bases,
                [Basis::Unblended, Basis::Amortized],
                "the bases that were asked for, and no others"
            );
        }
    }
    let mut seen: Vec<(Date, String)> = parts()
        .flat_map(|day| {
            day.cells.iter().map(|cell| {
                (
                    day.date,
                    format!("{}\n{}\n{}", cell.service, cell.environment, cell.currency),
                )
            })
        })
        .collect();
    seen.sort();
    let count = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), count, "a cell stands on one page only");
    for date in period.days() {
        let day = Period::new(date, date.tomorrow().expect("not the end of time"))
            .expect("a day is a period");
        let alone = pages(source, &query(day)).await;
        let sum = |pages: &[CostPage]| {
            let cells = pages
                .iter()
                .flat_map(|page| &page.days)
                .filter(|part| part.date == date)
                .flat_map(|part| &part.cells);
            Amount::sum(cells.map(|cell| cell.amounts[&Basis::Unblended])).expect("an exact sum")
        };
        assert_eq!(sum(&alone), sum(&whole), "{date} alone and among others");
    }
}

async fn pages(source: &dyn CostSource, query: &CostQuery) -> Vec<CostPage> {
    let mut pages: Vec<CostPage> = Vec::new();
    loop {
        let next = pages.last().and_then(|page| page.next.clone());
        let page = source
            .costs(query, next.as_ref())
            .await
            .expect("costs that can be read");
        let last = page.next.is_none();
        pages.push(page);
        if last {
            return pages;
        }
        assert!(pages.len() < 1000, "pages end");
    }
}

/// Checks a ledger that is empty: what is saved is loaded, and only the version that was read can be replaced.
///
/// # Panics
/// When the implementation breaks the contract; the message says where.
pub async fn ledger_contract(ledger: &dyn Ledger) {
    let (empty, absent) = ledger.load().await.expect("an empty ledger");
    assert_eq!(
        (empty, &absent),
        (LedgerState::default(), &LedgerVersion::ABSENT)
    );
    let mut state = LedgerState::default();
    state.days.insert(
        Date::constant(2028, 2, 29),
        LedgerDay {
            estimated: true,
            revision: 3,
            bases: [Basis::Blended].into(),
            cells: Vec::new(),
        },
    );
    let first = ledger.save(&state, &absent).await.expect("a first save");
    assert_eq!(
        ledger.load().await.expect("a ledger"),
        (state.clone(), first.clone())
    );
    let late = ledger.save(&LedgerState::default(), &absent).await;
    assert!(
        matches!(late, Err(Error::LedgerConflict)),
        "a second first save: {late:?}"
    );
    state.days.clear();
    let second = ledger
        .save(&state, &first)
        .await
        .expect("a save over what was read");
    let late = ledger.save(&LedgerState::default(), &first).await;
    assert!(
        matches!(late, Err(Error::LedgerConflict)),
        "a save over what is gone: {late:?}"
    );
    assert_eq!(ledger.load().await.expect("a ledger"), (state, second));
}

/// Checks that a sink takes hard values and names, none of which costs another: everything that it rejects is named by its
/// place, and what is left is something.
///
/// # Panics
/// When the implementation breaks the contract; the message says where.
pub async fn metric_sink_contract(sink: &dyn MetricSink) {
    let names = [
        "plain",
        "with \"quotes\" and \\",
        "prüfung/テスト",
        " ",
        "line\nbreak",
        ":colon",
        &"long".repeat(70),
    ];
    let values = [
        "0",
        "-12.5",
        "0.0000000000000000000000000001",
        "79228162514264337593543950335",
    ];
    let labels = |name: &str| {
        Labels::default()
            .with(Label::Basis, "unblended")
            .with(Label::Environment, name)
    };
    let samples: Vec<Sample> = names
        .iter()
        .zip(values.iter().cycle())
        .map(|(name, value)| Sample {
            metric: Metric::MonthToDate,
            labels: labels(name),
            value: value.parse().expect("an amount"),
        })
        .collect();
    let at = jiff::Timestamp::now();
    let publication = Publication {
        at,
        samples,
        days: Vec::new(),
    };
    let published = sink
        .publish(&publication)
        .await
        .expect("something to be taken");
    for rejected in &published.rejected {
        let Item::Sample(index) = rejected.item else {
            panic!("no days were given: {rejected:?}")
        };
        assert!(
            index < names.len() && !rejected.reason.is_empty(),
            "{rejected:?}"
        );
    }
    assert!(published.rejected.len() < names.len(), "{published:?}");
}
