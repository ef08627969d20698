//! The numbers of the present, for a sink.

use std::collections::BTreeMap;

use crate::period::midnight;
use crate::statement::{Series, Statement};
use crate::{
    Amount, BudgetState, Error, Grouping, Inexact, Label, Labels, Metric, Options, Projection,
    Sample, SinkKind, SinkStyle, Spending, chargeback,
};

/// What is known beside the costs.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) projected: Option<&'a Projection>,
    pub(crate) budgets: &'a [BudgetState],
    pub(crate) spending: Spending,
}

/// The numbers of the present in a sink's style, in order.
pub(crate) fn present(
    statement: &Statement<'_>,
    style: &SinkStyle,
    options: &Options,
    facts: &Facts<'_>,
) -> Result<Vec<Sample>, Error> {
    let mut samples = Samples::default();
    for grouping in &style.groupings {
        costs(&mut samples, statement, style, *grouping)?;
    }
    if let Some(projected) = facts.projected {
        let labels = Labels::default()
            .with(Label::Basis, projected.basis.as_str())
            .with(Label::Currency, projected.currency.as_str());
        samples.add(Metric::ProjectedMonth, labels.clone(), projected.mean);
        samples.add(Metric::ProjectedMonthLower, labels.clone(), projected.lower);
        samples.add(Metric::ProjectedMonthUpper, labels, projected.upper);
    }
    charges(&mut samples, statement, options)?;
    facts
        .budgets
        .iter()
        .for_each(|budget| self::budget(&mut samples, budget));
    let estimated = statement.month().filter(|(_, day)| day.estimated).count();
    samples.add(
        Metric::EstimatedDays,
        Labels::default(),
        u32::try_from(estimated).unwrap_or(u32::MAX).into(),
    );
    if let Some(date) = statement.latest() {
        let second = Amount::of_units(midnight(date).as_second().into(), 0).unwrap_or_default();
        samples.add(Metric::LatestDay, Labels::default(), second);
    }
    samples.add(
        Metric::Requests,
        Labels::default(),
        facts.spending.requests.into(),
    );
    samples.add(
        Metric::ExporterCost,
        Labels::default(),
        facts.spending.month_dollars,
    );
    samples
        .0
        .sort_by(|a, b| (a.metric, &a.labels).cmp(&(b.metric, &b.labels)));
    Ok(samples.0)
}

#[derive(Debug, Default)]
struct Samples(Vec<Sample>);

impl Samples {
    fn add(&mut self, metric: Metric, labels: Labels, value: Amount) {
        self.0.push(Sample {
            metric,
            labels,
            value,
        });
    }

    fn series(&mut self, metric: Metric, series: Series) {
        for (labels, value) in series {
            self.add(metric, labels, value);
        }
    }
}

fn costs(
    samples: &mut Samples,
    statement: &Statement<'_>,
    style: &SinkStyle,
    grouping: Grouping,
) -> Result<(), Error> {
    // A sink that adds up has each day's series; there every further series has its price.
    let sparse = matches!(style.kind, SinkKind::Additive { .. });
    let bases = style.bases.as_slice();
    let (today, yesterday) = (statement.today(), statement.yesterday());
    let day = |date| statement.day(date, grouping, bases);
    if !sparse {
        samples.series(Metric::Today, day(today)?.unwrap_or_default());
        samples.series(Metric::Yesterday, day(yesterday)?.unwrap_or_default());
    }
    if !sparse || grouping == Grouping::Total {
        if let Some(month) = statement.previous_month(grouping, bases)? {
            samples.series(Metric::PreviousMonth, month);
        }
        for (labels, value) in day(yesterday)?.unwrap_or_default() {
            let value = value.over(24_u32.into()).unwrap_or_default();
            samples.add(Metric::PerHour, labels, value);
        }
    }
    let [is_final, mut estimated] = statement.month_to_date(grouping, bases)?;
    if is_final.is_empty() && estimated.is_empty() {
        // The month has only begun: nothing was spent of it, which is not the same as nothing being known.
        let series = day(yesterday)?.unwrap_or_default();
        estimated = series
            .into_keys()
            .map(|labels| (labels, Amount::ZERO))
            .collect();
    }
    if sparse {
        let mut whole = is_final.clone();
        for (labels, value) in &estimated {
            let sum = whole.entry(labels.clone()).or_default();
            *sum = sum.plus(*value).map_err(Error::inexact("the month"))?;
        }
        samples.series(Metric::MonthToDate, whole);
    }
    if !sparse || grouping == Grouping::Total {
        for (finality, series) in [("final", is_final), ("estimated", estimated)] {
            for (labels, value) in series {
                samples.add(
                    Metric::MonthToDate,
                    labels.with(Label::Finality, finality),
                    value,
                );
            }
        }
    }
    Ok(())
}

/// Each environment's own costs and its share, under the names that the cap leaves.
fn charges(
    samples: &mut Samples,
    statement: &Statement<'_>,
    options: &Options,
) -> Result<(), Error> {
    let failed = |error: Inexact| Error::inexact("the chargeback")(error);
    for (currency, costs) in statement.month_by_environment(options.main_basis)? {
        let mut sums = BTreeMap::<Labels, Amount>::new();
        for (environment, charge) in chargeback(&costs, &options.shared).map_err(failed)? {
            for (part, value) in [("own", charge.own), ("shared", charge.shared)] {
                let labels = Labels::default()
                    .with(Label::Basis, options.main_basis.as_str())
                    .with(Label::Currency, currency.as_str())
                    .with(Label::Environment, statement.environment_name(&environment))
                    .with(Label::Part, part);
                let sum = sums.entry(labels).or_default();
                *sum = sum.plus(value).map_err(failed)?;
            }
        }
        samples.series(Metric::Chargeback, sums);
    }
    Ok(())
}

fn budget(samples: &mut Samples, budget: &BudgetState) {
    let labels = Labels::default()
        .with(Label::Budget, budget.name.as_str())
        .with(Label::Source, budget.keeper.as_str());
    let money = labels
        .clone()
        .with(Label::Currency, budget.currency.as_str());
    samples.add(Metric::BudgetLimit, money, budget.limit);
    for (metric, ratio) in [
        (Metric::BudgetUsed, budget.used()),
        (Metric::BudgetProjected, budget.projected_ratio()),
    ] {
        if let Some(ratio) = ratio {
            samples.add(metric, labels.clone(), ratio);
        }
    }
    for alert in &budget.alerts {
        // What cannot be told is not published: 0 would say that all is well.
        if let Some(reached) = alert.reached {
            let labels = labels
                .clone()
                .with(Label::Part, alert.part.as_str())
                .with(Label::Threshold, alert.threshold.to_string());
            samples.add(Metric::BudgetAlert, labels, u32::from(reached).into());
        }
    }
}
