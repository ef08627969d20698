//! Costs as bars of text.

use std::collections::BTreeMap;

use cost_exporter::{Amount, Basis, Currency, Period};
use jiff::civil::Date;
use windlass_cli::printable;

/// How wide the longest bar is.
const WIDTH: u32 = 40;
/// How many services and environments have a line of their own.
const MOST: usize = 20;
const NAME: usize = 40;

/// Sums to draw.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Each day's sum, and whether it may still change.
    pub(crate) days: BTreeMap<Date, (Amount, bool)>,
    pub(crate) services: BTreeMap<String, Amount>,
    pub(crate) environments: BTreeMap<String, Amount>,
    pub(crate) total: Amount,
}

/// The page as lines for a terminal.
pub(crate) fn lines(page: &Page, period: Period, basis: Basis, currency: &Currency) -> Vec<String> {
    let mut lines = vec![format!(
        "{period}: {} {currency}, {basis}",
        page.total.fixed(2)
    )];
    let estimated = page
        .days
        .values()
        .filter(|(_, estimated)| *estimated)
        .count();
    if estimated > 0 {
        lines.push(format!(
            "{estimated} of {} days are estimated (~) and may still change",
            page.days.len()
        ));
    }
    let days = page.days.iter().map(|(date, (amount, estimated))| {
        let mark = if *estimated { "~" } else { " " };
        (format!("{date} {mark}"), *amount)
    });
    lines.extend(chart("by day", days.collect(), None));
    lines.extend(trend(&page.days));
    lines.extend(chart(
        "by service",
        largest(&page.services),
        Some(page.total),
    ));
    lines.extend(chart(
        "by environment",
        largest(&page.environments),
        Some(page.total),
    ));
    lines
}

/// The largest first; what is too much for the page together.
fn largest(sums: &BTreeMap<String, Amount>) -> Vec<(String, Amount)> {
    let mut order: Vec<(String, Amount)> = sums
        .iter()
        .map(|(name, sum)| (name.clone(), *sum))
        .collect();
    order.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    let rest = order.split_off(order.len().min(MOST));
    if !rest.is_empty() {
        let sum = Amount::sum(rest.iter().map(|(_, sum)| *sum)).unwrap_or_default();
        order.push((format!("{} others", rest.len()), sum));
    }
    order
}

fn chart(title: &str, rows: Vec<(String, Amount)>, total: Option<Amount>) -> Vec<String> {
    let rows: Vec<(String, Amount)> = rows
        .into_iter()
        .map(|(name, sum)| (short(&name), sum))
        .collect();
    let names = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let sums = rows
        .iter()
        .map(|(_, sum)| sum.fixed(2).len())
        .max()
        .unwrap_or(0);
    let top = rows
        .iter()
        .map(|(_, sum)| sum.abs())
        .max()
        .unwrap_or_default();
    let mut lines = vec![String::new(), title.to_owned()];
    for (name, sum) in rows {
        let part = total
            .and_then(|total| percent(sum, total))
            .unwrap_or_default();
        let line = format!(
            "  {name:names$}  {:>sums$}{part}  {}",
            sum.fixed(2),
            bar(sum, top)
        );
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// A name on one line that fits, with nothing in it that a terminal would obey.
fn short(name: &str) -> String {
    let name = printable(name).replace('\n', " ");
    match name.chars().count() > NAME {
        true => name.chars().take(NAME - 1).chain(['…']).collect(),
        false => name,
    }
}

fn percent(part: Amount, total: Amount) -> Option<String> {
    let percent = part.over(total)?.over(Amount::of_units(1, 2).ok()?)?;
    Some(format!("  {:>6} %", percent.fixed(1)))
}

/// A bar in eighths of a character; credits are drawn with another one.
fn bar(sum: Amount, top: Amount) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    if top.is_zero() {
        return String::new();
    }
    let share = sum.abs().over(top).map_or(0.0, Amount::to_f64);
    let eighths = (share * f64::from(WIDTH) * 8.0).round() as usize;
    if sum.is_negative() {
        return "░".repeat(eighths.div_ceil(8));
    }
    let mut bar = "█".repeat(eighths / 8);
    match (EIGHTHS[eighths % 8], sum.is_zero()) {
        (' ', false) if bar.is_empty() => bar.push('▏'),
        (' ', _) => {}
        (part, _) => bar.push(part),
    }
    bar
}

/// The last seven whole days against the seven before: the last day of a page may have only begun, so it does not count.
fn trend(days: &BTreeMap<Date, (Amount, bool)>) -> Option<String> {
    let mut whole: Vec<Amount> = days.values().map(|(amount, _)| *amount).collect();
    whole.pop();
    let (last, before) = (whole.rchunks(7).next()?, whole.rchunks(7).nth(1)?);
    if before.len() < 7 {
        return None;
    }
    let mean = |days: &[Amount]| Amount::sum(days.iter().copied()).ok()?.over(7_u32.into());
    let (now, then) = (mean(last)?, mean(before)?);
    let change = percent(now.minus(then).ok()?, then.abs())
        .map(|change| format!(", {}{}", if now >= then { "+" } else { "" }, change.trim()))
        .unwrap_or_default();
    Some(format!(
        "  trend: {} a day in the last 7 whole days, {} in the 7 before{change}",
        now.fixed(2),
        then.fixed(2)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_bar_is_full_and_the_least_cost_is_seen() {
        assert_eq!(bar(amount("3"), amount("3")).chars().count(), 40);
        assert_eq!(bar(amount("0.00001"), amount("3")), "▏");
        assert_eq!(bar(Amount::ZERO, amount("3")), "");
        assert_eq!(bar(amount("-3"), amount("3")), "░".repeat(40));
        assert_eq!(bar(amount("1.5"), amount("3")).chars().count(), 20);
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let lines = chart("x", vec![("a\u{1b}[2Jb\nc".to_owned(), amount("1"))], None);
        assert!(!lines.join("|").contains(['\u{1b}', '\n']), "{lines:?}");
    }

    #[test]
    fn the_trend_is_that_of_two_weeks_of_whole_days() {
        let day = |number: i8| Date::constant(2026, 3, number);
        let mut days: BTreeMap<_, _> = (1..=14)
            .map(|number| {
                (
                    day(number),
                    (amount(if number > 7 { "3" } else { "2" }), false),
                )
            })
            .collect();
        assert_eq!(trend(&days), None);
        days.insert(day(15), (amount("0.01"), true));
        assert_eq!(
            trend(&days).unwrap(),
            "  trend: 3.00 a day in the last 7 whole days, 2.00 in the 7 before, +50.0 %"
        );
    }
}
