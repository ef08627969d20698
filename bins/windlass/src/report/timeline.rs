//! The timeline, drawn: a row for each module or service, its stages one after the other.

use std::fmt::Write as _;

use super::html::{cut, escape};
use super::seconds;
use crate::timeline::{Span, SpanState, Stage};

const LABEL_WIDTH: f64 = 190.0;
const CHART_WIDTH: f64 = 760.0;
const ROW_HEIGHT: usize = 26;
const BAR_HEIGHT: usize = 16;
const AXIS_HEIGHT: usize = 30;
const LEGEND_HEIGHT: usize = 30;
/// What is shorter is drawn as long as this, to be seen.
const LEAST_WIDTH: f64 = 2.0;

const STAGES: [Stage; 9] = [
    Stage::Lock,
    Stage::Detect,
    Stage::Source,
    Stage::Build,
    Stage::Gate,
    Stage::Push,
    Stage::Rollout,
    Stage::Health,
    Stage::Rollback,
];

/// The timeline as SVG.
pub(super) fn svg(spans: &[Span], total: f64) -> String {
    let mut rows: Vec<&str> = Vec::new();
    for span in spans {
        if !rows.contains(&span.subject.as_str()) {
            rows.push(&span.subject);
        }
    }
    let total = spans
        .iter()
        .map(|span| span.end)
        .fold(total, f64::max)
        .max(0.001);
    let height = AXIS_HEIGHT + rows.len() * ROW_HEIGHT + LEGEND_HEIGHT;
    let width = LABEL_WIDTH + CHART_WIDTH + 60.0;
    let mut svg = format!(
        "<svg role=\"img\" aria-label=\"Timeline\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n"
    );
    axis(&mut svg, total, rows.len());
    for (row, subject) in rows.iter().enumerate() {
        let y = AXIS_HEIGHT + row * ROW_HEIGHT;
        let name = if subject.is_empty() {
            "the whole"
        } else {
            subject
        };
        writeln!(
            svg,
            "<text class=\"label\" x=\"0\" y=\"{}\">{}</text>",
            y + 17,
            escape(&cut(name, 26))
        )
        .expect("writing to a String cannot fail");
        for span in spans.iter().filter(|span| span.subject == **subject) {
            bar(&mut svg, span, y + (ROW_HEIGHT - BAR_HEIGHT) / 2, total);
        }
    }
    legend(&mut svg, spans, height);
    svg.push_str("</svg>\n");
    svg
}

fn x(at: f64, total: f64) -> f64 {
    LABEL_WIDTH + (at / total).clamp(0.0, 1.0) * CHART_WIDTH
}

fn bar(svg: &mut String, span: &Span, y: usize, total: f64) {
    let left = x(span.begin, total);
    let width = (x(span.end, total) - left).max(LEAST_WIDTH);
    let (class, words) = match span.state {
        SpanState::Ok => ("", ""),
        SpanState::Failed => (" failed", ", failed"),
        SpanState::Open => (" open", ", not ended"),
    };
    write!(
        svg,
        "<g class=\"bar {}{class}\"><title>{} {}: {}{words}</title>\
         <rect x=\"{left:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\"/>",
        span.stage.word(),
        span.stage.word(),
        escape(&span.subject),
        seconds(span.end - span.begin)
    )
    .expect("writing to a String cannot fail");
    if span.state == SpanState::Failed {
        // Beside a bar that is too short for it; a longer one's end is the next stage's begin.
        let (class, at) = if width < 18.0 {
            ("cross", left + width + 2.0)
        } else {
            ("cross within", left + width / 2.0)
        };
        write!(
            svg,
            "<text class=\"{class}\" x=\"{at:.1}\" y=\"{}\">✕</text>",
            y + 13
        )
        .expect("writing to a String cannot fail");
    }
    svg.push_str("</g>\n");
}

fn axis(svg: &mut String, total: f64, rows: usize) {
    let step = step(total);
    let bottom = AXIS_HEIGHT + rows * ROW_HEIGHT;
    let mut at = 0.0;
    while at <= total {
        let x = x(at, total);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{AXIS_HEIGHT}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"18\">{}</text>",
            tick(at, step)
        )
        .expect("writing to a String cannot fail");
        at += step;
    }
}

/// A round step that gives at most nine marks.
fn step(total: f64) -> f64 {
    let mut power = 0.001;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if total / (power * factor) <= 8.0 {
                return power * factor;
            }
        }
        power *= 10.0;
    }
}

fn tick(at: f64, step: f64) -> String {
    if step < 1.0 {
        format!("{at:.1} s")
    } else {
        format!("{at:.0} s")
    }
}

fn legend(svg: &mut String, spans: &[Span], height: usize) {
    let mut left = LABEL_WIDTH;
    for stage in STAGES {
        if !spans.iter().any(|span| span.stage == stage) {
            continue;
        }
        writeln!(
            svg,
            "<g class=\"bar {0}\"><rect x=\"{left}\" y=\"{1}\" width=\"14\" height=\"14\" rx=\"2\"/>\
             <text class=\"label\" x=\"{2}\" y=\"{3}\">{0}</text></g>",
            stage.word(),
            height - 20,
            left + 19.0,
            height - 8
        )
        .expect("writing to a String cannot fail");
        left += 92.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_few_round_marks() {
        for total in [0.001, 0.3, 1.0, 7.9, 42.0, 3_600.0, 90_000.0] {
            let marks = (total / step(total)).floor() + 1.0;
            assert!(
                (2.0..=9.0).contains(&marks) || total <= 0.001,
                "{total}: {marks}"
            );
        }
    }

    #[test]
    fn a_failed_stage_is_told_by_more_than_its_colour() {
        let span = Span {
            stage: Stage::Rollout,
            subject: "<b>".to_owned(),
            begin: 0.0,
            end: 2.0,
            state: SpanState::Failed,
        };
        let svg = svg(&[span], 2.0);
        assert!(
            svg.contains("✕") && svg.contains("rollout &lt;b&gt;: 2.0 s, failed"),
            "{svg}"
        );
        assert!(!svg.contains("<b>"));
    }
}
