//! The report as Markdown: the step summary in GitHub Actions.

use std::fmt::Write as _;

use windlass_cli::markdown_cell;

use super::{seconds, title, verdict};
use crate::outcome::RunOutcome;
use crate::timeline::{Span, SpanState};

/// How wide the timeline's bars are, in characters.
const WIDTH: usize = 40;

/// Longer timelines are cut: GitHub shows summaries up to 1 MiB.
const MAX_SPANS: usize = 200;

/// The report. Text from outside is escaped: it renders as text.
pub(crate) fn markdown(outcome: &RunOutcome) -> String {
    let mut text = format!(
        "### {} — {}\n\n",
        markdown_cell(&title(outcome)),
        verdict(outcome)
    );
    if let Some(head) = &outcome.head {
        line(
            &mut text,
            &format!(
                "{} ({})",
                markdown_cell(&head.title),
                markdown_cell(&head.author)
            ),
        );
    }
    if let Some(reason) = &outcome.nothing {
        line(
            &mut text,
            &format!("Nothing to do: {}.", markdown_cell(reason)),
        );
        warnings(&mut text, outcome);
        removed(&mut text, outcome);
        return text;
    }
    warnings(&mut text, outcome);
    if let Some(error) = &outcome.error {
        line(
            &mut text,
            &format!("**It ended with an error:** {}", markdown_cell(error)),
        );
    }
    if let Some(signal) = &outcome.interrupted {
        line(
            &mut text,
            &format!("**It was interrupted by {}.**", markdown_cell(signal)),
        );
    }
    services(&mut text, outcome);
    removed(&mut text, outcome);
    for gate in &outcome.gates {
        let why = gate.reason().map_or("", |finding| &finding.message);
        line(
            &mut text,
            &format!(
                "Quality gate of {}: {} {}",
                markdown_cell(&gate.project.to_string()),
                gate.verdict,
                markdown_cell(why)
            ),
        );
    }
    timeline(&mut text, &outcome.timeline, outcome.seconds);
    if let Some(logs) = &outcome.logs {
        line(
            &mut text,
            &format!(
                "The build's logs are in {}.",
                markdown_cell(&logs.display().to_string())
            ),
        );
    }
    for notification in &outcome.notifications {
        if let Some(error) = &notification.error {
            line(
                &mut text,
                &format!(
                    "The message to {} did not arrive: {}",
                    markdown_cell(&notification.channel),
                    markdown_cell(error)
                ),
            );
        }
    }
    text
}

fn warnings(text: &mut String, outcome: &RunOutcome) {
    for warning in &outcome.warnings {
        line(text, &format!("**Warning:** {}", markdown_cell(warning)));
    }
}

fn removed(text: &mut String, outcome: &RunOutcome) {
    for module in &outcome.removed {
        let module = markdown_cell(module.as_str());
        line(
            text,
            &format!("{module} is deployed and no longer in the repository: it was left alone."),
        );
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push_str("\n\n");
}

fn services(text: &mut String, outcome: &RunOutcome) {
    if outcome.services.is_empty() {
        return;
    }
    text.push_str(
        "| service | verdict | commit | time | why | what happened |\n|---|---|---|---|---|---|\n",
    );
    for service in &outcome.services {
        let happened = service
            .reason
            .as_deref()
            .or_else(|| service.digest())
            .unwrap_or_default();
        let commit = service.commit.as_ref().map_or("", |commit| commit.short());
        row(
            text,
            &[
                &markdown_cell(service.plan.module.as_str()),
                service.verdict.word(),
                commit,
                &seconds(service.seconds),
                &markdown_cell(&service.plan.why),
                &markdown_cell(happened),
            ],
        );
    }
    text.push('\n');
}

fn row(text: &mut String, cells: &[&str]) {
    writeln!(text, "| {} |", cells.join(" | ")).expect("writing to a String cannot fail");
}

/// Bars in a code block, which renders the same everywhere.
fn timeline(text: &mut String, spans: &[Span], total: f64) {
    if spans.is_empty() {
        return;
    }
    writeln!(
        text,
        "<details><summary>Timeline, {}</summary>\n\n```text",
        seconds(total)
    )
    .expect("writing to a String cannot fail");
    let shown = &spans[..spans.len().min(MAX_SPANS)];
    let label = |span: &Span| {
        let words = format!("{} {}", span.stage.word(), span.subject);
        // A fence in a module's name must not end the block.
        windlass_cli::printable(words.trim_end())
            .replace('`', "'")
            .replace('\n', " ")
    };
    let width = shown
        .iter()
        .map(|span| label(span).chars().count())
        .max()
        .unwrap_or(0);
    for span in shown {
        let note = match span.state {
            SpanState::Ok => "",
            SpanState::Failed => " failed",
            SpanState::Open => " not ended",
        };
        writeln!(
            text,
            "{:width$}  |{}| {:.1} s{note}",
            label(span),
            bar(span, total),
            span.end - span.begin
        )
        .expect("writing to a String cannot fail");
    }
    if spans.len() > shown.len() {
        writeln!(text, "and {} more", spans.len() - shown.len())
            .expect("writing to a String cannot fail");
    }
    text.push_str("```\n\n</details>\n\n");
}

fn bar(span: &Span, total: f64) -> String {
    let cell = |at: f64| {
        let share = if total > 0.0 { at / total } else { 0.0 };
        // Between 0 and WIDTH, whatever the clock says.
        (share.clamp(0.0, 1.0) * WIDTH as f64) as usize
    };
    let begin = cell(span.begin).min(WIDTH - 1);
    let end = cell(span.end).clamp(begin + 1, WIDTH);
    let mark = match span.state {
        SpanState::Ok => "█",
        SpanState::Failed => "▒",
        SpanState::Open => "░",
    };
    format!(
        "{}{}{}",
        " ".repeat(begin),
        mark.repeat(end - begin),
        " ".repeat(WIDTH - end)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Stage;

    #[test]
    fn a_bar_is_never_empty_and_never_too_long() {
        for (begin, end, total) in [
            (0.0, 0.0, 0.0),
            (9.99, 10.0, 10.0),
            (0.0, 99.0, 10.0),
            (5.0, 5.0, 10.0),
        ] {
            let span = Span {
                stage: Stage::Push,
                subject: "a".to_owned(),
                begin,
                end,
                state: SpanState::Ok,
            };
            let bar = bar(&span, total);
            assert_eq!(bar.chars().count(), WIDTH);
            assert!(bar.contains('█'));
        }
    }
}
