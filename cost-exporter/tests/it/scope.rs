//! Whose costs a ledger has, by which tag, in which bases.

use cost_exporter::sim::{SimBill, SimSink, SimSource};
use cost_exporter::{
    Amount, Basis, Budget, DaySample, Error, Event, Label, Metric, MetricSink, Options,
    Publication, day,
};

use crate::stage::{
    NOON, amount, at, bill, forecast, ledger, run, run_plainly, source, sum, values,
};

#[tokio::test(start_paused = true)]
async fn a_ledger_is_of_one_bill_by_one_tag() {
    let ledger = ledger();
    let of = |name: &str| source(bill()).of(name.parse().unwrap());
    let options = Options::default();
    // What is not known contradicts nothing.
    run(&source(bill()), &ledger, &[], &options, NOON)
        .await
        .ok();
    run(&of("account 1"), &ledger, &[], &options, NOON)
        .await
        .ok();
    run(&source(bill()), &ledger, &[], &options, NOON)
        .await
        .ok();
    let other = of("account 2");
    let ran = run(&other, &ledger, &[], &options, NOON).await;
    let error = ran.outcome.unwrap_err();
    assert!(
        matches!(error, Error::ForeignLedger { .. }) && error.is_usage(),
        "{error}"
    );
    assert!(error.to_string().contains("account 1"), "{error}");
    let options = Options::default().tag("Team".parse().unwrap());
    let ran = run(&other, &ledger, &[], &options, NOON).await;
    assert!(matches!(
        ran.outcome.unwrap_err(),
        Error::ForeignLedger { .. }
    ));
    let ran = run(&of("account 1"), &ledger, &[], &options, NOON).await;
    let error = ran.outcome.unwrap_err().to_string();
    assert!(
        error.contains("`Environment`") && error.contains("`Team`"),
        "{error}"
    );
    assert_eq!(
        other.requests(),
        0,
        "it is refused before it costs anything"
    );
}

#[tokio::test(start_paused = true)]
async fn a_basis_that_is_added_later_is_whole_and_corrects_nothing() {
    let source = source(bill()).final_on(1);
    let (ledger, sink) = (ledger(), SimSink::snapshot());
    let narrow = Options::default().bases(vec![Basis::Unblended]);
    run(&source, &ledger, &[&sink], &narrow, NOON).await.ok();
    let wide = Options::default().bases(vec![Basis::Unblended, Basis::Amortized]);
    let ran = run(&source, &ledger, &[&sink], &wide, "2026-03-10T18:00:00Z").await;
    let outcome = ran.ok();
    // All of last month is read anew, though it is final.
    assert_eq!(outcome.period.start(), day("2026-02-01").unwrap());
    assert!(outcome.corrected.is_empty(), "{:?}", outcome.corrected);
    for basis in ["unblended", "amortized"] {
        let samples = sink.samples();
        let of = [(Label::Basis, basis)];
        assert_eq!(
            sum(&samples, Metric::PreviousMonth, &of),
            amount("280.28"),
            "{basis}"
        );
        assert_eq!(
            sum(&samples, Metric::MonthToDate, &of),
            amount("100.1"),
            "{basis}"
        );
    }
    // A month of which only some days are known in a basis has no sum in it.
    let days = cost_exporter::Period::new(day("2026-02-20").unwrap(), day("2026-03-11").unwrap());
    let third = Options::default()
        .bases(vec![Basis::Unblended, Basis::Blended])
        .period(days.unwrap());
    run(&source, &ledger, &[&sink], &third, "2026-03-10T19:00:00Z")
        .await
        .ok();
    let samples = sink.samples();
    assert_eq!(
        values(
            &samples,
            Metric::PreviousMonth,
            &[(Label::Basis, "blended")]
        ),
        []
    );
    assert_eq!(
        sum(
            &samples,
            Metric::PreviousMonth,
            &[(Label::Basis, "unblended")]
        ),
        amount("280.28")
    );
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_watches_nothing_says_so_and_not_that_all_is_well() {
    let budget = |name: &str, currency: &str| {
        Budget::new(
            name.parse().unwrap(),
            amount("1"),
            currency.parse().unwrap(),
        )
    };
    let options = Options::default().budgets(vec![
        budget("typo", "USD").environment("prdo".into()),
        budget("euro", "EUR"),
        budget("service", "USD").service("Amazon EC3".parse().unwrap()),
        budget("fine", "USD").environment("prod".into()),
    ]);
    let sink = SimSink::snapshot();
    let ran = run(&source(bill()), &ledger(), &[&sink], &options, NOON).await;
    let told: Vec<String> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            Event::BudgetUnknown { budget, reason } => Some(format!("{budget}: {reason}")),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 3);
    assert!(
        told[0].starts_with("typo: ") && told[0].contains("`prdo`"),
        "{told:?}"
    );
    assert!(
        told[1].contains("EUR") && told[2].contains("`Amazon EC3`"),
        "{told:?}"
    );
    let outcome = ran.ok();
    for budget in &outcome.budgets[..3] {
        assert!(
            budget.alerts.iter().all(|alert| alert.reached.is_none()),
            "{budget:?}"
        );
        assert_eq!((budget.used(), budget.alerting()), (None, false));
        let of = [(Label::Budget, budget.name.as_str())];
        assert_eq!(values(&sink.samples(), Metric::BudgetAlert, &of), []);
        assert_eq!(values(&sink.samples(), Metric::BudgetUsed, &of), []);
    }
    assert!(outcome.budgets[3].alerting());
}

#[tokio::test(start_paused = true)]
async fn a_day_without_costs_is_a_known_one() {
    let mut bill = bill();
    for (service, environment) in [
        ("Amazon EC2", "prod"),
        ("Amazon EC2", "dev"),
        ("Amazon S3", "prod"),
        ("Tax", ""),
    ] {
        bill.remove(day("2026-03-08").unwrap(), service, environment);
    }
    let source = source(bill).forecasts(forecast("200", "180.5", "230"));
    let outcome = run_plainly(&source, &ledger(), &[], NOON).await.ok();
    assert_eq!(outcome.projected.unwrap().mean, amount("280.08"));
    assert_eq!(outcome.no_forecast, None);
}

#[tokio::test(start_paused = true)]
async fn the_latest_day_with_costs_may_be_last_months() {
    let source = source(bill()).lag(jiff::SignedDuration::from_hours(24));
    let sink = SimSink::snapshot();
    run_plainly(&source, &ledger(), &[&sink], "2026-03-01T06:00:00Z")
        .await
        .ok();
    let latest = at("2026-02-28T00:00:00Z").as_second();
    assert_eq!(
        values(&sink.samples(), Metric::LatestDay, &[]),
        [Amount::of_units(latest.into(), 0).unwrap()]
    );
}

fn timed(publication: &Publication) -> Vec<(i64, Amount)> {
    let second = |sample: &DaySample| i64::from(sample.revision);
    let total = publication
        .days
        .iter()
        .filter(|sample| sample.date == day("2026-03-01").unwrap());
    total.map(|sample| (second(sample), sample.value)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_correction_contradicts_no_file_of_another_name_however_late() {
    let bill = SimBill::new().charge("2026-03-01", "Tax", "", "1");
    let source = SimSource::new(bill, at(NOON));
    let ledger = ledger();
    let file = |name: &str| SimSink::new(name.parse().unwrap(), cost_exporter::SinkKind::History);
    let options = Options::default()
        .bases(vec![Basis::Unblended])
        .forecast(false);
    let first = cost_exporter::Period::new(day("2026-03-01").unwrap(), day("2026-03-02").unwrap());
    let past = options.clone().period(first.unwrap());
    let told = async |name: &str, options: &Options, now: &str| {
        let sink = file(name);
        let sinks: [&dyn MetricSink; 1] = [&sink];
        run(&source, &ledger, &sinks, options, now).await.ok();
        timed(&sink.publications()[0])
    };
    assert_eq!(told("r1.om", &past, NOON).await, [(0, amount("1"))]);
    let change = || {
        source.change(|bill| {
            bill.add(
                day("2026-03-01").unwrap(),
                "Tax",
                "",
                Basis::Unblended,
                amount("1"),
            )
        });
    };
    change();
    assert_eq!(told("r2.om", &past, NOON).await, [(1, amount("2"))]);
    assert_eq!(told("r1.om", &past, NOON).await, [(1, amount("2"))]);
    // Months later the day itself is forgotten, and what was told of it is not.
    run(&source, &ledger, &[], &options, "2026-09-10T12:00:00Z")
        .await
        .ok();
    assert!(
        !ledger
            .state()
            .unwrap()
            .days
            .contains_key(&day("2026-03-01").unwrap())
    );
    change();
    assert_eq!(
        told("r3.om", &past, "2026-09-10T13:00:00Z").await,
        [(2, amount("3"))]
    );
}
