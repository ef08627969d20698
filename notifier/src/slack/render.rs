//! Drawing the card.

use serde::{Deserialize, Serialize};

use super::blocks::{Blocks, Budget, FIELD, HEADER, SECTION};
use super::escaped::{Escaped, cut};
use super::message::{Attachment, Body, Field, SlackMessage, color};
use crate::card::{Card, CommitLine, Item};
use crate::clean::one_line;
use crate::report::{Report, Severity};

/// The most of one value, of one line about one thing, and of a name, in UTF-16 units: people read a card at a glance.
const VALUE: usize = 300;
const LINE: usize = 500;
const NAME: usize = 80;
const DETAIL: usize = 240;
const IMAGE: usize = 120;
/// How many things get a line before the rest is counted.
const ITEMS: usize = 10;

/// How the card is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SlackLayout {
    /// A header, and blocks in a coloured attachment.
    #[default]
    Blocks,
    /// A coloured attachment of fields, the older format. Services that imitate Slack's webhooks know it best.
    Fields,
}

/// The report as a Slack message: a header, and an attachment in the colour of its urgency with the fields Environment,
/// Services (or what else it is about), Status and Duration, the commit, a line for each thing that someone has to
/// look at, and a link to the run.
///
/// Whatever the report holds, the message is within Slack's limits: long texts are cut, long lists counted.
pub fn slack(report: &Report) -> SlackMessage {
    slack_with(report, SlackLayout::default())
}

/// The same in the layout asked for.
pub fn slack_with(report: &Report, layout: SlackLayout) -> SlackMessage {
    let card = Card::new(report);
    let mut budget = Budget::new();
    let text = headline(&card);
    let fallback = headline(&card);
    // The constants above keep both far below the budget; they are counted all the same, as everything is.
    budget.take(text.units() + fallback.units(), 0);
    let mut blocks = Blocks::default();
    let body = match layout {
        SlackLayout::Blocks => {
            let mut title = Escaped::new();
            title.markup(mark(&card));
            title.text(&card.title, HEADER);
            blocks.header(title, &mut budget);
            Body::Blocks(draw_blocks(&card, &mut budget))
        }
        SlackLayout::Fields => Body::Fields(draw_fields(&card, &mut budget)),
    };
    SlackMessage {
        text,
        blocks,
        attachments: [Attachment {
            color: color(card.severity),
            fallback,
            body,
        }],
    }
}

/// The title and whom it concerns: all that a notification on a phone shows.
pub(super) fn headline<const N: usize>(card: &Card<'_>) -> Escaped<N> {
    let mut text = Escaped::new();
    text.text(&card.title, VALUE);
    let concerned = card.concerned();
    if !concerned.is_empty() {
        text.markup(": ");
        text.text(&names(&concerned), VALUE);
    }
    text
}

fn draw_blocks(card: &Card<'_>, budget: &mut Budget) -> Blocks {
    let mut blocks = Blocks::default();
    let fields = facts(card).into_iter().map(|(label, value)| {
        let mut field = Escaped::<FIELD>::new();
        field.markup("*");
        field.markup(label);
        field.markup("*\n");
        field.text(&value, VALUE);
        field
    });
    blocks.fields(fields.collect(), budget);
    if let Some(commit) = &card.commit {
        blocks.section(commit_line(commit), budget);
    }
    let mut lines = Escaped::<SECTION>::new();
    let mut shown = 0;
    for item in card.items.iter().take(ITEMS) {
        let line = item_line(item);
        // Room stays for saying how many were left out.
        if lines.units() + line.units() + 1 > (SECTION - 30).min(budget.units()) {
            break;
        }
        if shown > 0 {
            lines.markup("\n");
        }
        if !lines.append_escaped(&line) {
            break;
        }
        shown += 1;
    }
    if card.items.len() > shown {
        if shown > 0 {
            lines.markup("\n");
        }
        lines.text(&format!("… and {} more", card.items.len() - shown), NAME);
    }
    blocks.section(lines, budget);
    if let Some((label, url)) = card.link {
        let mut small = Escaped::new();
        small.link(url, label, NAME);
        blocks.context(small, budget);
    }
    // Of a notice nothing but the title may be known, and an attachment without content is none.
    if blocks.is_empty() {
        let mut title = Escaped::new();
        title.text(&card.title, VALUE);
        blocks.section(title, budget);
    }
    blocks
}

fn draw_fields(card: &Card<'_>, budget: &mut Budget) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut push = |field: Field| {
        if !field.value.is_blank() && budget.take(field.title.units() + field.value.units(), 0) {
            fields.push(field);
        }
    };
    for (label, text) in facts(card) {
        let mut value = Escaped::new();
        value.text(&text, VALUE);
        push(field(label, value, true));
    }
    if let Some(commit) = &card.commit {
        push(field("Commit", commit_line(commit), false));
    }
    for item in card.items.iter().take(ITEMS) {
        let mut title = Escaped::new();
        title.text(item.name, NAME);
        if title.is_blank() {
            title.markup("Message");
        }
        push(Field {
            title,
            value: item_text(item),
            short: false,
        });
    }
    if card.items.len() > ITEMS {
        let mut value = Escaped::new();
        value.text(&format!("… and {}", card.items.len() - ITEMS), VALUE);
        push(field("More", value, false));
    }
    if let Some((label, url)) = card.link {
        let mut value = Escaped::new();
        value.link(url, url, VALUE);
        push(field(label, value, false));
    }
    if fields.is_empty() {
        let mut title = Escaped::new();
        title.text(&card.title, VALUE);
        fields.push(field("Message", title, false));
    }
    fields
}

fn field(label: &'static str, value: Escaped<FIELD>, short: bool) -> Field {
    let mut title = Escaped::new();
    title.markup(label);
    Field {
        title,
        value,
        short,
    }
}

/// The short facts in their order; what is not known is left out.
fn facts(card: &Card<'_>) -> Vec<(&'static str, String)> {
    let subject = match card.subject.1.is_empty() {
        true => card.no_names.map(str::to_owned),
        false => Some(names(&card.subject.1)),
    };
    let status = (!card.status.is_empty()).then(|| card.status.clone());
    let facts = [
        ("Environment", card.environment.map(str::to_owned)),
        (card.subject.0, subject),
        ("Status", status),
        ("Duration", card.duration.clone()),
    ];
    let extra = card
        .extra
        .iter()
        .map(|(label, value)| (*label, Some((*value).to_owned())));
    facts
        .into_iter()
        .chain(extra)
        .filter_map(|(label, value)| Some((label, value?)))
        .filter(|(_, value)| !one_line(value).is_empty())
        .collect()
}

/// The names on one line; as many as fit, and how many more there are.
fn names(names: &[&str]) -> String {
    // Room stays for saying how many were left out.
    const ROOM: usize = VALUE - 30;
    let mut line = String::new();
    let mut units = 0;
    for (index, name) in names.iter().enumerate() {
        let (name, takes) = cut(name, NAME);
        let more = names.len() - index;
        if index > 0 && units + takes + 2 > ROOM {
            line.push_str(&format!(" and {more} more"));
            break;
        }
        if index > 0 {
            line.push_str(", ");
            units += 2;
        }
        line.push_str(&name);
        units += takes;
    }
    line
}

/// The commit and who made it; without its link when that leaves no room for both.
fn commit_line<const N: usize>(commit: &CommitLine<'_>) -> Escaped<N> {
    let label = commit.label();
    let author = commit.author.map(one_line).unwrap_or_default();
    let with = |link: Option<&str>| {
        let mut line = Escaped::new();
        match link {
            Some(url) => line.link(url, &label, VALUE),
            None => line.text(&label, VALUE),
        }
        let mut by = Escaped::<{ NAME + 8 }>::new();
        if !author.is_empty() {
            by.markup(if line.is_blank() { "by " } else { ", by " });
            by.text(&author, NAME);
        }
        line.append_escaped(&by).then_some(line)
    };
    with(commit.url).or_else(|| with(None)).unwrap_or_default()
}

/// A line about one thing: its name as code, then what there is to say.
pub(super) fn item_line(item: &Item<'_>) -> Escaped<LINE> {
    let mut line = Escaped::new();
    line.code(item.name, NAME);
    let said = item_text::<{ LINE - NAME - 2 }>(item);
    if !said.is_blank() {
        line.markup(if line.is_blank() { "" } else { ": " });
        let fits = line.append_escaped(&said);
        debug_assert!(fits, "the limits of the parts add up to the line's");
    }
    line
}

/// What there is to say about one thing, without its name.
fn item_text<const N: usize>(item: &Item<'_>) -> Escaped<N> {
    let mut line = Escaped::new();
    line.markup(item.status);
    let detail = item.detail.as_deref().map(one_line).unwrap_or_default();
    if !detail.is_empty() {
        line.markup(if line.is_blank() { "" } else { ": " });
        line.text(&detail, DETAIL);
    }
    let image = item.image.map(one_line).unwrap_or_default();
    if !image.is_empty() {
        line.markup(if line.is_blank() { "" } else { " " });
        line.code(&image, IMAGE);
    }
    line
}

/// A mark before the title, so that the meaning is not in the colour alone.
fn mark(card: &Card<'_>) -> &'static str {
    match card.severity {
        Severity::Info if card.environment.is_none() => "ℹ️ ",
        Severity::Info => "🚀 ",
        Severity::Good => "✅ ",
        Severity::Warning => "⚠️ ",
        Severity::Danger => "❌ ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        Deployment, InfrastructureChange, InfrastructureStatus, Notice, ServiceResult,
        ServiceStatus,
    };
    use crate::testing;
    use serde_json::{Value, json};

    fn failed() -> Report {
        Report::DeploymentFailed(
            Deployment::new("dev".parse().unwrap())
                .commit("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12".parse().unwrap())
                .title("Fix A -> B & \"C\"")
                .author("Ada")
                .url("https://github.com/acme/shop/commit/2fd4e1c")
                .service(ServiceResult::new("user-service", ServiceStatus::Deployed))
                .service(
                    ServiceResult::new("task-service", ServiceStatus::Failed)
                        .reason("container `app` exited with code 137")
                        .image("registry.example/task@sha256:0a"),
                )
                .seconds(332.0)
                .run_url("https://github.com/acme/shop/actions/runs/7"),
        )
    }

    #[test]
    fn a_failed_deployment_is_a_red_card_with_the_reason() {
        let mrkdwn = |text: &str| json!({"type": "mrkdwn", "text": text, "verbatim": true});
        assert_eq!(
            serde_json::to_value(slack(&failed())).unwrap(),
            json!({
                "text": "Deployment to dev failed: task-service",
                "blocks": [
                    {"type": "header", "text": {"type": "plain_text", "text": "❌ Deployment to dev failed", "emoji": true}},
                ],
                "attachments": [{
                    "color": "danger",
                    "fallback": "Deployment to dev failed: task-service",
                    "blocks": [
                        {"type": "section", "fields": [
                            mrkdwn("*Environment*\ndev"),
                            mrkdwn("*Services*\nuser-service, task-service"),
                            mrkdwn("*Status*\nFailed"),
                            mrkdwn("*Duration*\n5m 32s"),
                        ]},
                        {"type": "section", "text": mrkdwn(
                            "<https://github.com/acme/shop/commit/2fd4e1c|2fd4e1c Fix A -&gt; B &amp; \"C\">, by Ada"
                        )},
                        {"type": "section", "text": mrkdwn(
                            "`task-service`: failed: container `app` exited with code 137 `registry.example/task@sha256:0a`"
                        )},
                        {"type": "context", "elements": [mrkdwn("<https://github.com/acme/shop/actions/runs/7|Run>")]},
                    ],
                }],
            })
        );
    }

    #[test]
    fn the_layout_of_fields_holds_the_four_short_fields_on_one_line_each() {
        let message = serde_json::to_value(slack_with(&failed(), SlackLayout::Fields)).unwrap();
        assert!(message.get("blocks").is_none());
        let fields = &message["attachments"][0]["fields"];
        assert_eq!(
            fields.as_array().unwrap()[..4],
            [
                json!({"title": "Environment", "value": "dev", "short": true}),
                json!({"title": "Services", "value": "user-service, task-service", "short": true}),
                json!({"title": "Status", "value": "Failed", "short": true}),
                json!({"title": "Duration", "value": "5m 32s", "short": true}),
            ]
        );
        assert_eq!(fields[5]["title"], "task-service");
        for report in testing::reports() {
            let message = serde_json::to_value(slack_with(&report, SlackLayout::Fields)).unwrap();
            for field in message["attachments"][0]["fields"].as_array().unwrap() {
                assert!(!field["value"].as_str().unwrap().contains('\n'), "{field}");
            }
        }
    }

    #[test]
    fn the_colour_follows_the_urgency() {
        let colors: Vec<String> = testing::reports()
            .iter()
            .map(|report| slack(report).color().to_owned())
            .collect();
        assert_eq!(
            colors,
            [
                "#439FE0", "good", "danger", "warning", "danger", "danger", "good", "good",
                "danger", "warning", "danger"
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let services = (0..40).map(|index| {
            ServiceResult::new(format!("service-number-{index}"), ServiceStatus::Failed)
        });
        let report =
            Report::DeploymentFailed(Deployment::new("dev".parse().unwrap()).services(services));
        let message = serde_json::to_value(slack(&report)).unwrap();
        let blocks = &message["attachments"][0]["blocks"];
        let services = blocks[0]["fields"][1]["text"].as_str().unwrap();
        let (shown, more) = services
            .trim_start_matches("*Services*\n")
            .rsplit_once(" and ")
            .unwrap();
        assert_eq!(format!("{} more", 40 - shown.split(", ").count()), more);
        let lines = blocks[1]["text"]["text"].as_str().unwrap();
        assert!(lines.ends_with("\n… and 30 more"), "{lines}");
        let fields = serde_json::to_value(slack_with(&report, SlackLayout::Fields)).unwrap();
        let last = fields["attachments"][0]["fields"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone();
        assert_eq!(
            last,
            json!({"title": "More", "value": "… and 30", "short": false})
        );
    }

    #[test]
    fn a_commit_whose_link_does_not_fit_is_shown_without_it() {
        let field = |length: usize, author: &str| {
            let deployment = Deployment::new("dev".parse().unwrap())
                .commit("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12".parse().unwrap())
                .title("t".repeat(250))
                .author(author)
                .url(format!("https://x.example/{}", "a".repeat(length)));
            let report = Report::DeploymentFailed(deployment);
            let message = serde_json::to_value(slack_with(&report, SlackLayout::Fields)).unwrap();
            let fields = message["attachments"][0]["fields"].as_array().unwrap();
            let commit = fields.iter().find(|field| field["title"] == "Commit");
            commit.unwrap()["value"].as_str().unwrap().to_owned()
        };
        assert!(field(1000, "Ada").starts_with("<https://x.example/"));
        for length in 1600..1800 {
            let value = field(length, "Ada");
            assert!(value.contains("2fd4e1c"), "{length}: {value}");
            assert!(
                value.ends_with("t, by Ada") || value.ends_with(">, by Ada"),
                "{value}"
            );
        }
        let whole = field(1900, "Ada");
        assert!(
            !whole.contains("https") && whole.starts_with("2fd4e1c"),
            "{whole}"
        );
    }

    #[test]
    fn how_many_more_there_are_is_never_cut_off() {
        for name in [
            "&".repeat(80),
            "<a>&".repeat(10),
            "@here@here".to_owned(),
            "ä".repeat(70),
        ] {
            let services = (0..4000).map(|_| ServiceResult::new(&name, ServiceStatus::Failed));
            let deployment = Deployment::new("dev".parse().unwrap()).services(services);
            let report = Report::DeploymentFailed(deployment);
            let message = serde_json::to_value(slack(&report)).unwrap();
            for text in [
                &message["text"],
                &message["attachments"][0]["blocks"][0]["fields"][1]["text"],
            ] {
                let text = text.as_str().unwrap();
                let (shown, more) = text.rsplit_once(" and ").unwrap();
                let shown = shown.split(", ").count();
                assert_eq!(more, format!("{} more", 4000 - shown), "{text}");
            }
        }
    }

    #[test]
    fn resources_that_were_not_named_are_not_called_none() {
        let change =
            InfrastructureChange::new("dev".parse().unwrap(), InfrastructureStatus::Planned)
                .counts(3, 0, 0);
        let message = serde_json::to_value(slack(&Report::InfrastructureChange(change))).unwrap();
        let fields = &message["attachments"][0]["blocks"][0]["fields"];
        assert_eq!(
            fields[1]["text"],
            "*Status*\nPlanned: 3 added, 0 changed, 0 destroyed"
        );
    }

    #[test]
    fn a_notice_of_a_title_alone_still_has_content() {
        let report = Report::Notice(Notice::new("Done", " \n"));
        let blocks = serde_json::to_value(slack(&report)).unwrap();
        assert_eq!(
            blocks["attachments"][0]["blocks"][0]["text"]["text"],
            "Done"
        );
        let fields = serde_json::to_value(slack_with(&report, SlackLayout::Fields)).unwrap();
        assert_eq!(
            fields["attachments"][0]["fields"],
            json!([{"title": "Message", "value": "Done", "short": false}])
        );
    }

    #[test]
    fn nothing_known_still_makes_a_whole_card() {
        let report = Report::DeploymentCompleted(
            Deployment::new("dev".parse().unwrap())
                .title("")
                .author(" \n")
                .url("x")
                .run_url("not a url"),
        );
        let message = serde_json::to_value(slack(&report)).unwrap();
        let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
        assert_eq!(
            blocks[0]["fields"][1]["text"],
            Value::from("*Services*\nnone")
        );
        assert!(!message.to_string().contains("not a url|"), "{message}");
    }
}
