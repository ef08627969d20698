//! What a refresh asks, remembers and publishes.

use cost_exporter::sim::{SimBill, SimFault, SimForecast, SimSink, SimSource};
use cost_exporter::{
    AlertPart, Amount, AwsBudget, Basis, Budget, BudgetKeeper, Error, Event, Item, Label, Metric,
    Options, Period, day,
};

use crate::stage::{
    NOON, amount, at, bill, by, forecast, ledger, run, run_plainly, source, sum, values,
};

#[tokio::test(start_paused = true)]
async fn one_query_and_a_forecast_give_everything() {
    let source = source(bill()).forecasts(forecast("200", "180.5", "230"));
    let (ledger, sink) = (ledger(), SimSink::snapshot());
    let outcome = run_plainly(&source, &ledger, &[&sink], NOON).await.ok();
    assert_eq!(source.requests(), 2);
    assert_eq!(outcome.spending.requests, 2);
    assert_eq!(outcome.spending.dollars.to_string(), "0.02");
    assert!(outcome.complete());
    let samples = sink.samples();
    let main = (Label::Basis, "unblended");
    assert_eq!(sum(&samples, Metric::Today, &[main]), amount("10.01"));
    assert_eq!(
        sum(
            &samples,
            Metric::Yesterday,
            &[main, (Label::Environment, "prod")]
        ),
        amount("8")
    );
    assert_eq!(sum(&samples, Metric::MonthToDate, &[main]), amount("100.1"));
    assert_eq!(
        sum(&samples, Metric::PreviousMonth, &[main]),
        amount("280.28")
    );
    assert_eq!(
        values(
            &samples,
            Metric::PerHour,
            &[main, (Label::Service, "Amazon S3")]
        ),
        [amount("0.0416666667")]
    );
    // Nine whole days and the forecast of the others; what today has cost so far is in the forecast.
    let projected = outcome.projected.unwrap();
    assert_eq!(
        [projected.lower, projected.mean, projected.upper],
        ["270.59", "290.09", "320.09"].map(amount)
    );
    assert_eq!(
        values(&samples, Metric::ProjectedMonth, &[main]),
        [amount("290.09")]
    );
    for basis in Basis::ALL {
        assert_eq!(
            sum(
                &samples,
                Metric::MonthToDate,
                &[(Label::Basis, basis.as_str())]
            ),
            amount("100.1"),
            "{basis}"
        );
    }
    assert_eq!(
        values(&samples, Metric::ExporterCost, &[]),
        [amount("0.02")]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_estimated_and_what_is_final_stand_apart_and_add_up() {
    let source = source(bill());
    let (ledger, sink) = (ledger(), SimSink::snapshot());
    let outcome = run_plainly(&source, &ledger, &[&sink], NOON).await.ok();
    assert_eq!(outcome.estimated_days, 10);
    let month = |finality| {
        sum(
            &sink.samples(),
            Metric::MonthToDate,
            &[(Label::Basis, "amortized"), (Label::Finality, finality)],
        )
    };
    assert_eq!(
        (month("final"), month("estimated")),
        (Amount::ZERO, amount("100.1"))
    );
    // Seen from the last day of it, all of February is final; what shows the present is left as it is.
    let february = Period::new(day("2026-02-01").unwrap(), day("2026-03-01").unwrap()).unwrap();
    let options = Options::default().period(february);
    let before = sink.samples();
    let ran = run(&source, &ledger, &[&sink], &options, NOON).await;
    assert!(
        ran.events
            .iter()
            .any(|event| matches!(event, Event::LeftAlone { .. }))
    );
    let outcome = ran.ok();
    assert_eq!(outcome.estimated_days, 0);
    let amortized = |month: &&cost_exporter::MonthTotal| month.basis == Basis::Amortized;
    let month = outcome.month.iter().find(amortized).unwrap();
    assert_eq!(
        (month.is_final, month.estimated),
        (amount("280.28"), Amount::ZERO)
    );
    assert!(outcome.complete() && outcome.sinks[0].left_alone);
    assert_eq!(sink.samples(), before);
}

#[tokio::test(start_paused = true)]
async fn yesterday_read_too_early_is_corrected() {
    let source = source(bill()).lag(jiff::SignedDuration::from_hours(36));
    let (ledger, sink, additive) = (ledger(), SimSink::snapshot(), SimSink::additive());
    let sinks: [&dyn cost_exporter::MetricSink; 2] = [&sink, &additive];
    run_plainly(&source, &ledger, &sinks, "2026-03-10T01:00:00Z")
        .await
        .ok();
    let yesterday = |sink: &SimSink| {
        sum(
            &sink.samples(),
            Metric::Yesterday,
            &[(Label::Basis, "unblended")],
        )
    };
    assert_eq!(yesterday(&sink), Amount::ZERO);
    let ran = run_plainly(&source, &ledger, &sinks, "2026-03-10T13:00:00Z").await;
    assert_eq!(yesterday(&sink), amount("10.01"));
    // Its first numbers are no correction; a refund that comes days later is one.
    assert!(ran.outcome.unwrap().corrected.is_empty());
    source.change(|bill| {
        bill.add(
            day("2026-03-09").unwrap(),
            "Amazon EC2",
            "prod",
            Basis::Unblended,
            amount("-6.5"),
        )
    });
    let ran = run_plainly(&source, &ledger, &sinks, "2026-03-10T19:00:00Z").await;
    assert!(ran.events.contains(&Event::Corrected {
        date: day("2026-03-09").unwrap(),
        revision: 1
    }));
    assert_eq!(ran.outcome.unwrap().corrected, [day("2026-03-09").unwrap()]);
    assert_eq!(yesterday(&sink), amount("3.51"));
    let ninth: Vec<Amount> = additive
        .days()
        .iter()
        .filter(|((date, labels), _)| {
            *date == day("2026-03-09").unwrap() && labels.get(Label::Basis) == Some("unblended")
        })
        .map(|(_, amount)| *amount)
        .collect();
    assert_eq!(Amount::sum(ninth).unwrap(), amount("3.51"));
}

#[tokio::test(start_paused = true)]
async fn a_second_run_in_the_same_period_puts_nothing_again() {
    let source = source(bill());
    let (ledger, sink) = (ledger(), SimSink::additive());
    run_plainly(&source, &ledger, &[&sink], NOON).await.ok();
    run_plainly(&source, &ledger, &[&sink], "2026-03-10T12:59:00Z")
        .await
        .ok();
    assert_eq!(sink.publications().len(), 1);
    run_plainly(&source, &ledger, &[&sink], "2026-03-10T13:00:00Z")
        .await
        .ok();
    let second = &sink.publications()[1];
    assert!(second.days.is_empty() && !second.samples.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_did_not_take_comes_again_and_what_it_may_have_taken_does_not() {
    let source = source(bill());
    let (ledger, sink) = (ledger(), SimSink::additive());
    sink.fail_next();
    let outcome = run_plainly(&source, &ledger, &[&sink], NOON).await.ok();
    assert!(!outcome.complete() && outcome.sinks[0].error.is_some());
    sink.reject_next(Item::Day(0), true);
    let outcome = run_plainly(&source, &ledger, &[&sink], "2026-03-10T12:10:00Z")
        .await
        .ok();
    assert!(!outcome.complete());
    assert!(outcome.sinks[0].days > 100);
    let outcome = run_plainly(&source, &ledger, &[&sink], "2026-03-10T12:20:00Z")
        .await
        .ok();
    assert_eq!(outcome.sinks[0].days, 1);
    source.change(|bill| {
        bill.add(
            day("2026-03-05").unwrap(),
            "Tax",
            "",
            Basis::Unblended,
            amount("1"),
        )
    });
    sink.reject_next(Item::Day(0), false);
    run_plainly(&source, &ledger, &[&sink], "2026-03-10T12:30:00Z")
        .await
        .ok();
    let outcome = run_plainly(&source, &ledger, &[&sink], "2026-03-10T12:40:00Z")
        .await
        .ok();
    assert_eq!(outcome.sinks[0].days, 0);
}

#[tokio::test(start_paused = true)]
async fn a_forecast_that_fails_fails_nothing() {
    for (forecast, part) in [
        (SimForecast::Unavailable, "there is no data"),
        (SimForecast::Denied, "ce:GetCostForecast"),
    ] {
        let source = source(bill()).forecasts(forecast);
        let sink = SimSink::snapshot();
        let ran = run_plainly(&source, &ledger(), &[&sink], "2026-03-31T23:30:00Z").await;
        let told = ran.events.iter().find_map(|event| match event {
            Event::NoForecast { reason, hint } => Some(format!("{reason} {hint:?}")),
            _ => None,
        });
        assert!(told.unwrap().contains(part));
        let outcome = ran.ok();
        assert!(outcome.complete() && outcome.projected.is_none() && outcome.no_forecast.is_some());
        assert_eq!(values(&sink.samples(), Metric::ProjectedMonth, &[]), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_month_with_days_missing_is_not_projected() {
    let source = source(bill()).forecasts(forecast("200", "180", "230"));
    let outcome = run_plainly(&source, &ledger(), &[], "2026-03-20T12:00:00Z")
        .await
        .ok();
    assert_eq!(outcome.projected, None);
    assert!(outcome.no_forecast.unwrap().contains("9 of its 19 days"));
}

#[tokio::test(start_paused = true)]
async fn on_the_first_of_a_month_nothing_was_spent_and_yesterday_is_known() {
    let source = source(bill())
        .lag(jiff::SignedDuration::from_hours(12))
        .forecasts(forecast("310", "300", "320"));
    let (ledger, sink) = (ledger(), SimSink::snapshot());
    let outcome = run_plainly(&source, &ledger, &[&sink], "2026-03-01T00:05:00Z")
        .await
        .ok();
    let samples = sink.samples();
    let main = [(Label::Basis, "unblended")];
    assert_eq!(sum(&samples, Metric::Yesterday, &main), amount("10.01"));
    assert_eq!(
        values(&samples, Metric::MonthToDate, &main),
        vec![Amount::ZERO; 4]
    );
    assert_eq!(
        sum(&samples, Metric::PreviousMonth, &main),
        amount("280.28")
    );
    assert_eq!(outcome.projected.unwrap().mean, amount("310"));
}

#[tokio::test(start_paused = true)]
async fn the_month_before_is_asked_for_until_it_is_final() {
    let source = source(bill());
    let ledger = ledger();
    let ask = async |now| {
        run_plainly(&source, &ledger, &[], now)
            .await
            .ok()
            .period
            .start()
            .to_string()
    };
    // Nothing is known: the whole month before is wanted.
    assert_eq!(ask("2026-03-03T12:00:00Z").await, "2026-02-01");
    // It is known and estimated.
    assert_eq!(ask("2026-03-04T12:00:00Z").await, "2026-02-01");
    // From the fifth on it is final, which the first question of that day tells.
    assert_eq!(ask("2026-03-05T00:00:00Z").await, "2026-02-01");
    assert_eq!(ask("2026-03-05T06:00:00Z").await, "2026-03-01");
}

#[tokio::test(start_paused = true)]
async fn pages_are_read_to_the_end_and_each_counts() {
    let paged = source(bill()).page_size(50);
    let (whole, sink, other) = (source(bill()), SimSink::snapshot(), SimSink::snapshot());
    let options = Options::default().requests(50, 100);
    let outcome = run(&paged, &ledger(), &[&sink], &options, NOON).await.ok();
    run(&whole, &ledger(), &[&other], &options, NOON).await.ok();
    assert_eq!(outcome.spending.requests, 5);
    assert_eq!(paged.requests(), 5);
    let main = [(Label::Basis, "unblended")];
    assert_eq!(
        sum(&sink.samples(), Metric::PreviousMonth, &main),
        sum(&other.samples(), Metric::PreviousMonth, &main)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_changes_while_it_is_read_is_read_anew_once() {
    let source = source(bill());
    source.fault(SimFault::PagesChanged);
    assert!(
        run_plainly(&source, &ledger(), &[], NOON)
            .await
            .outcome
            .is_ok()
    );
    source.fault(SimFault::PagesChanged);
    source.fault(SimFault::PagesChanged);
    let ran = run_plainly(&source, &ledger(), &[], NOON).await;
    assert!(matches!(
        ran.outcome.unwrap_err(),
        Error::PagesChanged { .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn costs_that_cannot_be_read_clear_nothing() {
    let source = source(bill());
    let (ledger, sink) = (ledger(), SimSink::snapshot());
    run_plainly(&source, &ledger, &[&sink], NOON).await.ok();
    let before = sink.samples();
    for (fault, part) in [
        (SimFault::Denied, "ce:GetCostAndUsage"),
        (SimFault::DataUnavailable, "there is no data to read costs"),
    ] {
        source.fault(fault);
        let error = run_plainly(&source, &ledger, &[&sink], "2026-03-10T13:00:00Z")
            .await
            .outcome
            .unwrap_err();
        assert!(
            format!("{error} {:?}", error.hint()).contains(part),
            "{error}"
        );
    }
    assert_eq!(sink.samples(), before);
}

#[tokio::test(start_paused = true)]
async fn budgets_of_the_configuration_and_of_aws_alert_at_their_thresholds() {
    let usd = || "USD".parse().unwrap();
    let source = source(bill())
        .forecasts(forecast("200", "180", "230"))
        .with_budgets(vec![AwsBudget {
            name: "org".parse().unwrap(),
            limit: amount("50"),
            actual: amount("50"),
            forecast: None,
            currency: usd(),
        }]);
    let options = Options::default().budgets(vec![
        Budget::new("all".parse().unwrap(), amount("125.125"), usd()),
        Budget::new("dev".parse().unwrap(), amount("40"), usd())
            .environment("dev".into())
            .thresholds(vec![50, 51], vec![100]),
    ]);
    let sink = SimSink::snapshot();
    let outcome = run(&source, &ledger(), &[&sink], &options, NOON).await.ok();
    let reached = |name: &str| {
        let budget = outcome
            .budgets
            .iter()
            .find(|budget| budget.name.as_str() == name)
            .unwrap();
        budget
            .alerts
            .iter()
            .map(|alert| (alert.part, alert.threshold, alert.reached))
            .collect::<Vec<_>>()
    };
    use AlertPart::{Actual, Projected};
    assert_eq!(
        reached("all"),
        [
            (Actual, 80, Some(true)),
            (Actual, 100, Some(false)),
            (Projected, 100, Some(true))
        ]
    );
    // The forecast is one of everything, and says nothing of an environment.
    assert_eq!(
        reached("dev"),
        [
            (Actual, 50, Some(true)),
            (Actual, 51, Some(false)),
            (Projected, 100, None)
        ]
    );
    assert_eq!(
        reached("org"),
        [(Actual, 100, Some(true)), (Projected, 100, None)]
    );
    assert_eq!(outcome.budgets[2].keeper, BudgetKeeper::Aws);
    let samples = sink.samples();
    let alert = |budget, threshold| {
        values(
            &samples,
            Metric::BudgetAlert,
            &[
                (Label::Budget, budget),
                (Label::Part, "actual"),
                (Label::Threshold, threshold),
            ],
        )
    };
    assert_eq!(
        (alert("all", "80"), alert("all", "100")),
        (vec![amount("1")], vec![Amount::ZERO])
    );
    assert_eq!(
        values(
            &samples,
            Metric::BudgetAlert,
            &[(Label::Budget, "dev"), (Label::Part, "projected")]
        ),
        []
    );
    assert_eq!(
        values(&samples, Metric::BudgetUsed, &[(Label::Budget, "dev")]),
        [amount("0.5")]
    );
}

#[tokio::test(start_paused = true)]
async fn the_chargeback_bears_all_costs() {
    let (ledger, sink) = (ledger(), SimSink::snapshot());
    run_plainly(&source(bill()), &ledger, &[&sink], NOON)
        .await
        .ok();
    let shares = by(
        &sink.samples(),
        Metric::Chargeback,
        "unblended",
        Label::Environment,
    );
    // Of 0.1 without a tag, 80 parts of 100 go to prod and 20 to dev.
    assert_eq!(
        shares,
        [
            ("dev".to_owned(), amount("20")),
            ("prod".to_owned(), amount("80.1"))
        ]
        .into()
    );
}

#[tokio::test(start_paused = true)]
async fn days_longer_ago_than_a_sink_takes_are_counted_and_left_out() {
    let (ledger, sink) = (ledger(), SimSink::additive());
    let outcome = run_plainly(&source(bill()), &ledger, &[&sink], NOON)
        .await
        .ok();
    let oldest = sink.days().into_keys().map(|(date, _)| date).min().unwrap();
    // A day's point lies at its beginning: that of 24 February is 14.5 days ago.
    assert_eq!(oldest, day("2026-02-25").unwrap());
    assert_eq!(outcome.sinks[0].too_old, 24 * 20);
}

#[tokio::test(start_paused = true)]
async fn history_gets_corrections_as_later_revisions() {
    let source = source(bill());
    let (ledger, sink) = (ledger(), SimSink::history());
    run_plainly(&source, &ledger, &[&sink], NOON).await.ok();
    source.change(|bill| bill.remove(day("2026-03-01").unwrap(), "Tax", ""));
    run_plainly(&source, &ledger, &[&sink], "2026-03-10T18:00:00Z")
        .await
        .ok();
    let last = sink.publications().pop().unwrap();
    let of = |date: &str| {
        last.days
            .iter()
            .filter(|sample| sample.date == day(date).unwrap())
            .collect::<Vec<_>>()
    };
    assert!(of("2026-03-01").iter().all(|sample| sample.revision == 1));
    assert!(of("2026-03-02").iter().all(|sample| sample.revision == 0));
    let tax = of("2026-03-01")
        .into_iter()
        .find(|sample| sample.labels.get(Label::Service) == Some("Tax"))
        .unwrap();
    assert_eq!(
        tax.value,
        Amount::ZERO,
        "what is gone is there with nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn the_tags_holes_are_untagged() {
    let source = SimSource::new(
        SimBill::new().charge("2026-03-10", "Amazon EC2", "", "1"),
        at(NOON),
    );
    let sink = SimSink::snapshot();
    run_plainly(&source, &ledger(), &[&sink], NOON).await.ok();
    assert_eq!(
        values(
            &sink.samples(),
            Metric::Today,
            &[(Label::Environment, "untagged"), (Label::Basis, "blended")]
        ),
        [amount("1")]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_asked_for_is_left_as_it_was() {
    use cost_exporter::{Grouping, MetricSink};

    let source = source(bill());
    let ledger = ledger();
    let wide = SimSink::additive().groupings(vec![Grouping::Total, Grouping::Service]);
    let narrow = SimSink::additive().groupings(vec![Grouping::Total]);
    let sinks: [&dyn MetricSink; 1] = [&wide];
    let now = NOON;
    run_plainly(&source, &ledger, &sinks, now).await.ok();
    // Fewer bases and fewer ways of adding up are a change of the configuration, and no correction of the past.
    let options = Options::default().bases(vec![Basis::Unblended]);
    let outcome = run(&source, &ledger, &[&narrow], &options, now).await.ok();
    assert_eq!(outcome.sinks[0].days, 0, "{:?}", narrow.publications());
}
