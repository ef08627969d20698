//! Whatever the bill and whatever happens to it, what is published adds up to what the source says, to the last digit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cost_exporter::sim::{SimBill, SimFault, SimSink, SimSource};
use cost_exporter::{
    Amount, Basis, Grouping, Label, Metric, MetricSink, Options, SeriesCap, SharedCosts, SharedRule,
};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use crate::stage::{at, by, ledger, sum};

/// Something that happens to the bill.
#[derive(Debug, Clone)]
struct Entry {
    /// So many days before the first refresh; negative: after it.
    day: i64,
    service: u8,
    environment: u8,
    /// In each basis.
    amounts: [Amount; 5],
}

/// What happens before a refresh.
#[derive(Debug, Clone)]
struct Step {
    hours: i64,
    entries: Vec<Entry>,
    /// A series of a day vanishes.
    removed: Option<(i64, u8, u8)>,
    fault: Option<SimFault>,
    sink_fails: bool,
    /// The run is cut off, in the midst of putting or while it reads, and another one follows in the same hour.
    cut: Cut,
    /// A run comes while another one is at work.
    overlap: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    No,
    Reading,
    Putting,
}

/// A sink that takes everything and then, when it is told to, says nothing.
#[derive(Debug)]
struct Mute<'a> {
    sink: &'a SimSink,
    mute: AtomicBool,
}

#[async_trait::async_trait]
impl MetricSink for Mute<'_> {
    fn name(&self) -> &cost_exporter::SinkName {
        self.sink.name()
    }

    fn style(&self) -> cost_exporter::SinkStyle {
        self.sink.style()
    }

    async fn publish(
        &self,
        publication: &cost_exporter::Publication,
    ) -> Result<cost_exporter::Published, cost_exporter::Error> {
        let published = self.sink.publish(publication).await;
        if self.mute.swap(false, Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        published
    }
}

fn amounts() -> impl Strategy<Value = Amount> {
    // Up to a hundred million, with up to sixteen digits after the point; credits and refunds too.
    (-10_i64.pow(17)..10_i64.pow(18), 0_u32..17).prop_map(|(units, digits)| {
        let units = i128::from(units) / 10_i128.pow(10_u32.saturating_sub(digits).min(17));
        Amount::of_units(units, digits).unwrap()
    })
}

fn entries(days: std::ops::Range<i64>) -> impl Strategy<Value = Entry> {
    (days, 0_u8..9, 0_u8..6, prop::array::uniform5(amounts())).prop_map(
        |(day, service, environment, amounts)| Entry {
            day,
            service,
            environment,
            amounts,
        },
    )
}

fn steps() -> impl Strategy<Value = Step> {
    let fault = prop::option::weighted(
        0.2,
        prop::sample::select(vec![
            SimFault::Throttled,
            SimFault::Denied,
            SimFault::PagesChanged,
        ]),
    );
    let removed = prop::option::weighted(0.3, (-2_i64..20, 0_u8..9, 0_u8..6));
    (
        1_i64..60,
        prop::collection::vec(entries(-6..20), 0..6),
        removed,
        fault,
        any::<bool>(),
        prop::sample::select(vec![Cut::No, Cut::No, Cut::Reading, Cut::Putting]),
        any::<bool>(),
    )
        .prop_map(
            |(hours, entries, removed, fault, sink_fails, cut, overlap)| Step {
                hours,
                entries,
                removed,
                fault,
                sink_fails,
                cut,
                overlap,
            },
        )
}

/// Moments at which months and years begin and end, a leap day comes, and clocks on walls are changed.
fn moments() -> impl Strategy<Value = Timestamp> {
    prop::sample::select(vec![
        "2026-03-01T00:00:00Z",
        "2026-02-28T23:59:59Z",
        "2028-02-29T12:00:00Z",
        "2028-03-01T00:30:00Z",
        "2026-04-30T18:00:00Z",
        "2026-01-31T06:00:00Z",
        "2026-03-29T01:30:00Z",
        "2026-10-25T00:30:00Z",
        "2026-11-01T06:30:00Z",
        "2026-12-31T23:00:00Z",
        "2027-01-01T00:00:00Z",
        "2026-07-15T12:00:00Z",
    ])
    .prop_map(at)
}

fn service(number: u8) -> String {
    format!("Service {number}")
}

/// One in six has no tag, and one a name that is not ASCII.
fn environment(number: u8) -> String {
    match number {
        0 => String::new(),
        1 => "prüfung".to_owned(),
        number => format!("env-{number}"),
    }
}

fn date(now: Timestamp, days: i64) -> Date {
    jiff::tz::TimeZone::UTC
        .to_datetime(now)
        .date()
        .checked_sub(days.days())
        .unwrap()
}

/// Whether the bill of a day's month is made: then nothing of it changes.
fn closed(now: Timestamp, days: i64) -> bool {
    let made = date(now, days)
        .last_of_month()
        .tomorrow()
        .unwrap()
        .with()
        .day(5)
        .build()
        .unwrap();
    date(now, 0) >= made
}

fn apply(bill: &mut SimBill, now: Timestamp, entry: &Entry) {
    for (basis, amount) in Basis::ALL.into_iter().zip(entry.amounts) {
        bill.add(
            date(now, entry.day),
            &service(entry.service),
            &environment(entry.environment),
            basis,
            amount,
        );
    }
}

/// What a day costs, by the source's own word.
fn total(bill: &SimBill, basis: Basis, day: Date) -> Amount {
    bill.sum(basis, |date, _| date == day)
}

fn label(basis: Basis) -> (Label, &'static str) {
    (Label::Basis, basis.as_str())
}

/// Everything that was published against everything that the source says.
#[expect(
    clippy::too_many_arguments,
    reason = "all there is, against all there is"
)]
fn check(
    source: &SimSource,
    snapshot: &SimSink,
    additive: &SimSink,
    history: &SimSink,
    now: Timestamp,
    start: Date,
    cap: SeriesCap,
    bases: &[Basis],
) {
    let bill = source.bill();
    let today = date(now, 0);
    let samples = snapshot.samples();
    for basis in bases.iter().copied() {
        let month = |day: Date| day >= today.first_of_month() && day <= today;
        let whole = bill.sum(basis, |day, _| month(day));
        assert_eq!(
            sum(&samples, Metric::MonthToDate, &[label(basis)]),
            whole,
            "{basis} {today}"
        );
        assert_eq!(
            sum(&samples, Metric::Today, &[label(basis)]),
            total(&bill, basis, today)
        );
        assert_eq!(
            sum(&samples, Metric::Yesterday, &[label(basis)]),
            total(&bill, basis, date(now, 1))
        );
        let before = today.first_of_month().yesterday().unwrap().first_of_month();
        let previous = bill.sum(basis, |day, _| {
            day >= before && day < today.first_of_month()
        });
        assert_eq!(
            sum(&samples, Metric::PreviousMonth, &[label(basis)]),
            previous
        );
        // What has a name has its own sum; the others share what is left.
        for (kind, most) in [
            (Label::Service, cap.services),
            (Label::Environment, cap.environments),
        ] {
            let sums = by(&samples, Metric::MonthToDate, basis.as_str(), kind);
            assert!(sums.len() <= most + 1, "{sums:?}");
            for (name, published) in sums.iter().filter(|(name, _)| *name != "other") {
                let of = bill.sum(basis, |day, key| {
                    month(day)
                        && if kind == Label::Service {
                            key.service.as_str() == name
                        } else {
                            key.environment.as_str() == name
                        }
                });
                assert_eq!(*published, of, "{basis} {name}");
            }
        }
        // Each way of adding up has the whole of each day, in every sink that keeps days.
        for day in date_range(start, today) {
            let whole = total(&bill, basis, day);
            let mut groupings = BTreeMap::<(bool, bool), Amount>::new();
            for ((_, labels), amount) in additive.days().iter().filter(|((date, labels), _)| {
                *date == day && labels.get(Label::Basis) == Some(basis.as_str())
            }) {
                let kind = (
                    labels.get(Label::Service).is_some(),
                    labels.get(Label::Environment).is_some(),
                );
                let sum = groupings.entry(kind).or_default();
                *sum = sum.plus(*amount).unwrap();
            }
            assert!(
                groupings.values().all(|sum| *sum == whole),
                "{basis} {day}: {groupings:?}, not {whole}"
            );
            assert!(whole.is_zero() || groupings.len() == 4, "{groupings:?}");
            let kept = history.days();
            let kept = kept.iter().filter(|((date, labels), _)| {
                *date == day && labels.get(Label::Basis) == Some(basis.as_str())
            });
            assert_eq!(
                Amount::sum(kept.map(|(_, amount)| *amount)).unwrap(),
                whole,
                "{basis} {day}"
            );
        }
    }
    let main = bill.sum(Basis::Unblended, |day, _| {
        day >= today.first_of_month() && day <= today
    });
    assert_eq!(sum(&samples, Metric::Chargeback, &[]), main);
}

fn date_range(start: Date, end: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(start), |day| day.tomorrow().ok()).take_while(move |day| *day <= end)
}

/// What two weeks back means for a sink that adds up, kept long enough for all steps here.
const REACH: SignedDuration = SignedDuration::from_hours(24 * 120);

async fn story(
    first: Timestamp,
    bill: Vec<Entry>,
    steps: Vec<Step>,
    page: usize,
    cap: SeriesCap,
    rule: SharedRule,
    narrow: bool,
) {
    let mut start = SimBill::new();
    bill.iter()
        .for_each(|entry| apply(&mut start, first, entry));
    let source = SimSource::new(start, first).page_size(page);
    let ledger = ledger();
    let kind = cost_exporter::SinkKind::Additive {
        reach: REACH,
        every: SignedDuration::from_hours(1),
    };
    let additive = SimSink::new("additive".parse().unwrap(), kind).groupings(vec![
        Grouping::Total,
        Grouping::Environment,
        Grouping::Service,
        Grouping::ServiceEnvironment,
    ]);
    let (snapshot, history) = (SimSink::snapshot(), SimSink::history());
    let mute = Mute {
        sink: &additive,
        mute: AtomicBool::new(false),
    };
    let sinks: [&dyn MetricSink; 3] = [&snapshot, &mute, &history];
    let shared = SharedCosts {
        rule,
        ..SharedCosts::default()
    };
    let options = Options::default()
        .cap(cap)
        .shared(shared)
        .requests(10_000, u64::MAX);
    let from = date(first, 0).first_of_month();
    let mut now = first;
    for (number, step) in steps.into_iter().enumerate() {
        // Some bases are asked for from the second refresh on only.
        let options = match number {
            0 if narrow => options.clone().bases(vec![Basis::Unblended]),
            _ => options.clone(),
        };
        let text = now.to_string();
        source.change(|bill| {
            step.entries
                .iter()
                .filter(|entry| !closed(now, entry.day))
                .for_each(|entry| apply(bill, now, entry));
            if let Some((day, service, environment)) =
                step.removed.as_ref().filter(|(day, ..)| !closed(now, *day))
            {
                bill.remove(
                    date(now, *day),
                    &self::service(*service),
                    &self::environment(*environment),
                );
            }
        });
        if step.cut != Cut::No {
            match step.cut {
                Cut::Reading => source.fault(SimFault::Silent),
                _ => mute.mute.store(true, Ordering::Relaxed),
            }
            let cut = crate::stage::run(&source, &ledger, &sinks, &options, &text);
            let left = tokio::time::timeout(Duration::from_secs(50), cut).await;
            mute.mute.store(false, Ordering::Relaxed);
            let (spent, run) = (source.requests(), ledger.state().unwrap().run);
            if step.overlap && left.is_err() && run.is_some() {
                // Nobody else asks or puts anything until its time is over.
                let ran = crate::stage::run(&source, &ledger, &sinks, &options, &text).await;
                assert!(ran.outcome.is_err() && source.requests() == spent);
            }
            if let Some(run) = run {
                cost_exporter::abandon(&ledger, &run.id).await.unwrap();
            }
        }
        if let Some(fault) = step.fault {
            source.fault(fault);
        }
        // What fails while nobody hears of it is taken as put: that loss is the price, and no matter here.
        if step.sink_fails && step.cut != Cut::Putting {
            additive.fail_next();
        }
        // Faults may fail this refresh; the next one must make good whatever it left undone.
        for _ in 0..3 {
            let ran = crate::stage::run(&source, &ledger, &sinks, &options, &text).await;
            if ran.outcome.is_ok_and(|outcome| outcome.complete()) {
                break;
            }
        }
        let bases = &options.bases;
        check(
            &source, &snapshot, &additive, &history, now, from, cap, bases,
        );
        // Each request that arrived was counted, whatever became of it.
        let counted: u64 = ledger.state().unwrap().requests.values().sum();
        assert_eq!(counted, source.requests());
        // And each number of the present was put once an hour at most.
        let publications = additive.publications();
        let mut hours: Vec<i64> = publications
            .iter()
            .filter(|part| !part.samples.is_empty())
            .map(|part| part.at.as_second().div_euclid(3600))
            .collect();
        let count = hours.len();
        hours.dedup();
        assert_eq!(hours.len(), count, "{publications:?}");
        now = now.checked_add(step.hours.hours()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_published_adds_up_to_what_the_source_says(
        first in moments(),
        bill in prop::collection::vec(entries(-3..70), 0..40),
        steps in prop::collection::vec(steps(), 1..5),
        page in prop::sample::select(vec![1_usize, 3, 17, 5000]),
        services in 1_usize..10,
        environments in 1_usize..7,
        even in any::<bool>(),
        narrow in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let rule = if even { SharedRule::Even } else { SharedRule::Proportional };
        runtime.block_on(story(first, bill, steps, page, SeriesCap { services, environments }, rule, narrow));
    }
}
