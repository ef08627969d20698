//! A report for a terminal: few lines, whatever it holds.

use crate::card::{Card, CommitLine, Item};
use crate::clean::{one_line, truncated};
use crate::report::Report;

/// The longest text and the longest name taken from a report for one line, in UTF-16 units.
const VALUE: usize = 200;
const NAME: usize = 40;
/// How many names, and how many lines about single things, are shown before the rest is counted.
const NAMES: usize = 12;
const ITEMS: usize = 10;

/// The report as plain lines without a trailing newline: the title first, not indented, all others indented by two.
///
/// Control characters, line breaks and direction overrides in the report's texts become spaces, so that nothing in it
/// can move the cursor or pretend to be another line; long texts are cut and long lists counted.
///
/// ```
/// use deploy_notifier::{Deployment, Report, ServiceResult, ServiceStatus, text};
///
/// let deployment = Deployment::new("dev".parse()?)
///     .commit("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12".parse()?)
///     .title("Fix login")
///     .author("Ada")
///     .service(ServiceResult::new("user-service", ServiceStatus::RolledBack).reason("no task became healthy"))
///     .seconds(190.0);
/// assert_eq!(
///     text(&Report::RolledBack(deployment)),
///     "Deployment to dev rolled back (3m 10s)\n  \
///        Services: user-service\n  \
///        Status: Rolled back\n  \
///        Commit: 2fd4e1c Fix login, by Ada\n  \
///        user-service: rolled back: no task became healthy"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn text(report: &Report) -> String {
    let card = Card::new(report);
    let mut title = line(&card.title);
    if let Some(duration) = &card.duration {
        title.push_str(&format!(" ({duration})"));
    }
    let mut lines = vec![title];
    let (label, names) = &card.subject;
    if !names.is_empty() {
        lines.push(format!("  {label}: {}", list(names)));
    }
    if !card.status.is_empty() {
        lines.push(format!("  Status: {}", card.status));
    }
    for (label, value) in &card.extra {
        let value = line(value);
        if !value.is_empty() {
            lines.push(format!("  {label}: {value}"));
        }
    }
    if let Some(commit) = card.commit.as_ref().and_then(commit) {
        lines.push(format!("  Commit: {commit}"));
    }
    lines.extend(
        card.items
            .iter()
            .take(ITEMS)
            .map(|it| format!("  {}", item(it))),
    );
    if card.items.len() > ITEMS {
        lines.push(format!("  … and {} more", card.items.len() - ITEMS));
    }
    if let Some((label, url)) = card.link {
        lines.push(format!("  {label}: {}", line(url)));
    }
    lines.join("\n")
}

fn line(text: &str) -> String {
    truncated(&one_line(text), VALUE)
}

fn list(names: &[&str]) -> String {
    let mut list = names
        .iter()
        .take(NAMES)
        .map(|name| truncated(&one_line(name), NAME))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMES {
        list.push_str(&format!(" and {} more", names.len() - NAMES));
    }
    list
}

fn commit(commit: &CommitLine<'_>) -> Option<String> {
    let label = truncated(&commit.label(), VALUE);
    let author = commit
        .author
        .map(|author| truncated(&one_line(author), NAME))
        .filter(|author| !author.is_empty());
    match (label.is_empty(), author) {
        (true, None) => None,
        (true, Some(author)) => Some(format!("by {author}")),
        (false, None) => Some(label),
        (false, Some(author)) => Some(format!("{label}, by {author}")),
    }
}

fn item(item: &Item<'_>) -> String {
    let detail = item.detail.as_deref().map(line).unwrap_or_default();
    let image = item.image.map(line).unwrap_or_default();
    let image = if image.is_empty() {
        image
    } else {
        format!("({image})")
    };
    // What is not known leaves no gap behind.
    let name = truncated(&one_line(item.name), NAME);
    let parts = [name.as_str(), item.status, detail.as_str()];
    let said = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(": ");
    [said, image]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        Deployment, InfrastructureChange, InfrastructureStatus, ServiceResult, ServiceStatus,
    };
    use crate::testing;

    #[test]
    fn every_report_is_a_few_lines_of_harmless_text() {
        for report in testing::reports() {
            let text = text(&report);
            assert!(text.lines().count() <= 16, "{text}");
            assert!(
                text.lines().all(|line| line.chars().count() < 700),
                "{text}"
            );
            assert!(
                !text
                    .chars()
                    .any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')),
                "{text:?}"
            );
            let (first, rest) = text.split_once('\n').unwrap();
            assert!(first.starts_with(&report.title()), "{text}");
            assert!(
                rest.lines()
                    .all(|line| line.starts_with("  ") && line.trim_end() == line),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let report = Report::DeploymentStarted(Deployment::new("dev".parse().unwrap()));
        assert_eq!(
            text(&report),
            "Deployment to dev started\n  Status: In progress"
        );
        let report = Report::InfrastructureChange(
            InfrastructureChange::new("dev".parse().unwrap(), InfrastructureStatus::Failed)
                .counts(0, 2, 1)
                .reason("quota\nexceeded")
                .author("Ada"),
        );
        assert_eq!(
            text(&report),
            "Infrastructure change in dev failed\n  Status: Failed: 0 added, 2 changed, 1 destroyed\n  Commit: by Ada\n  Why: quota exceeded"
        );
    }

    #[test]
    fn long_lists_are_counted_and_the_most_urgent_comes_first() {
        let services = (0..30).map(|index| {
            let status = if index == 29 {
                ServiceStatus::Failed
            } else {
                ServiceStatus::NotStarted
            };
            ServiceResult::new(format!("s{index}"), status)
        });
        let text = text(&Report::DeploymentFailed(
            Deployment::new("dev".parse().unwrap()).services(services),
        ));
        assert!(
            text.contains(
                "Services: s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11 and 18 more\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("  Status: Failed\n  s29: failed\n  s0: not started\n"),
            "{text}"
        );
        assert!(text.ends_with("  … and 20 more"), "{text}");
    }
}
