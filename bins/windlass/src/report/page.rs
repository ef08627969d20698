//! The report as a page: one file, without a script and without anything from elsewhere.

use std::fmt::Write as _;

use super::html::{escape, link};
use super::{graph, seconds, timeline, title, verdict};
use crate::outcome::{RunOutcome, ServiceRun};

/// Nothing may be loaded, run or sent from the page, whatever gets into it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = include_str!("page.css");

/// The page.
pub(super) fn page(outcome: &RunOutcome) -> String {
    let title = escape(&title(outcome));
    let tone = if outcome.exit == windlass_cli::Exit::Done {
        "good"
    } else {
        "bad"
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<main>\n<h1>{title}</h1>\n<p class=\"verdict {tone}\">{} <span>exit code {}, {}</span></p>\n",
        verdict(outcome),
        outcome.exit_code,
        seconds(outcome.seconds)
    );
    if let Some(head) = &outcome.head {
        let id = match &head.url {
            Some(url) => link(url, head.id.short()),
            None => escape(head.id.short()),
        };
        paragraph(
            &mut page,
            &format!(
                "{id} {} <span>by {}</span>",
                escape(&head.title),
                escape(&head.author)
            ),
        );
    }
    if let Some(url) = &outcome.run_url {
        paragraph(&mut page, &link(url, "the run in GitHub Actions"));
    }
    if let Some(reason) = &outcome.nothing {
        paragraph(&mut page, &format!("Nothing to do: {}.", escape(reason)));
    }
    for warning in &outcome.warnings {
        paragraph(&mut page, &format!("Warning: {}", escape(warning)));
    }
    if let Some(error) = &outcome.error {
        page.push_str(&format!("<pre class=\"error\">{}</pre>\n", escape(error)));
    }
    if let Some(signal) = &outcome.interrupted {
        paragraph(
            &mut page,
            &format!("It was interrupted by {}.", escape(signal)),
        );
    }
    services(&mut page, &outcome.services);
    if !outcome.timeline.is_empty() {
        section(
            &mut page,
            "Timeline",
            &timeline::svg(&outcome.timeline, outcome.seconds),
        );
    }
    if let Some(modules) = &outcome.graph {
        section(&mut page, "Modules", &graph::svg(modules, outcome));
    }
    ends(&mut page, outcome);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn paragraph(page: &mut String, html: &str) {
    writeln!(page, "<p>{html}</p>").expect("writing to a String cannot fail");
}

fn section(page: &mut String, heading: &str, svg: &str) {
    write!(
        page,
        "<h2>{heading}</h2>\n<div class=\"drawing\">\n{svg}</div>\n"
    )
    .expect("writing to a String cannot fail");
}

fn services(page: &mut String, services: &[ServiceRun]) {
    if services.is_empty() {
        return;
    }
    page.push_str(
        "<h2>Services</h2>\n<div class=\"drawing\"><table>\n<tr><th>service<th>verdict<th>from<th>to<th>time<th>why<th>what happened</tr>\n",
    );
    for service in services {
        let tone = if service.verdict.is_good() {
            "good"
        } else {
            "bad"
        };
        let short = |commit: &Option<change_detect::CommitId>| {
            commit
                .as_ref()
                .map_or_else(|| "–".to_owned(), |commit| commit.short().to_owned())
        };
        let happened = service
            .reason
            .as_deref()
            .or_else(|| service.digest())
            .unwrap_or_default();
        writeln!(
            page,
            "<tr><td>{}<td class=\"{tone}\">{}<td><code>{}</code><td><code>{}</code><td>{}<td>{}<td>{}</tr>",
            escape(service.plan.module.as_str()),
            service.verdict.word(),
            short(&service.plan.from_commit),
            short(&service.commit),
            seconds(service.seconds),
            escape(&service.plan.why),
            escape(happened)
        )
        .expect("writing to a String cannot fail");
    }
    page.push_str("</table></div>\n");
}

fn ends(page: &mut String, outcome: &RunOutcome) {
    for module in &outcome.removed {
        paragraph(
            page,
            &format!(
                "{} is deployed and no longer in the repository: it was left alone.",
                escape(module.as_str())
            ),
        );
    }
    for gate in &outcome.gates {
        let why = gate.reason().map_or("", |finding| &finding.message);
        let project = gate.project.to_string();
        let project = gate
            .dashboard
            .as_ref()
            .map_or_else(|| escape(&project), |url| link(url.as_str(), &project));
        paragraph(
            page,
            &format!(
                "Quality gate of {project}: {} {}",
                gate.verdict,
                escape(why)
            ),
        );
    }
    if let Some(logs) = &outcome.logs {
        paragraph(
            page,
            &format!(
                "The build's logs: <code>{}</code>",
                escape(&logs.display().to_string())
            ),
        );
    }
    for notification in &outcome.notifications {
        let channel = escape(&notification.channel);
        paragraph(
            page,
            &match &notification.error {
                None => format!("Told: {channel}."),
                Some(error) => {
                    format!("The message to {channel} did not arrive: {}", escape(error))
                }
            },
        );
    }
}
