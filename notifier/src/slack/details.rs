//! What belongs into the thread below a card: a line for each thing, without the card's limit of ten.

use super::blocks::{Blocks, Budget, SECTION};
use super::escaped::Escaped;
use super::message::{Attachment, Body, SlackMessage, color};
use super::render::{headline, item_line};
use crate::card::Card;
use crate::report::Report;

/// What stays free for saying how many were left out, and the blocks that it takes.
const REST: usize = 40;

/// What a report says of single things (services, targets, conditions) as a message of its own, for the thread below its
/// card; nothing when there is nothing to say. The lines are split over as many sections as Slack takes, and those that do
/// not fit into the whole message are counted.
pub fn slack_details(report: &Report) -> Option<SlackMessage> {
    let card = Card::new(report);
    let mut budget = Budget::new();
    let text = headline(&card);
    let fallback = headline(&card);
    budget.take(text.units() + fallback.units() + REST, 1);
    let mut blocks = Blocks::default();
    let mut section = Escaped::<SECTION>::new();
    let mut shown = 0;
    for item in &card.items {
        let line = item_line(item);
        if section.units() + line.units() + 1 > SECTION {
            blocks.section(std::mem::take(&mut section), &mut budget);
        }
        if section.units() + line.units() + 1 > budget.units() {
            break;
        }
        if !section.is_blank() {
            section.markup("\n");
        }
        if !section.append_escaped(&line) {
            break;
        }
        shown += 1;
    }
    blocks.section(section, &mut budget);
    if shown < card.items.len() {
        let mut rest = Escaped::new();
        rest.text(&format!("… and {} more", card.items.len() - shown), REST);
        budget.give_back(REST, 1);
        blocks.section(rest, &mut budget);
    }
    (!blocks.is_empty()).then(|| SlackMessage {
        text,
        blocks: Blocks::default(),
        attachments: [Attachment {
            color: color(card.severity),
            fallback,
            body: Body::Blocks(blocks),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Deployment, ServiceResult, ServiceStatus};

    fn failed(services: usize, reason: &str) -> Report {
        let services = (0..services).map(|index| {
            ServiceResult::new(format!("service-{index}"), ServiceStatus::Failed).reason(reason)
        });
        Report::DeploymentFailed(Deployment::new("dev".parse().unwrap()).services(services))
    }

    fn sections(report: &Report) -> Vec<String> {
        let message = serde_json::to_value(slack_details(report).unwrap()).unwrap();
        let blocks = message["attachments"][0]["blocks"]
            .as_array()
            .unwrap()
            .clone();
        blocks
            .iter()
            .map(|block| block["text"]["text"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn every_service_has_its_line_as_long_as_there_is_room() {
        let sections = sections(&failed(40, &"no task became healthy; ".repeat(6)));
        assert!(sections.len() > 1, "{sections:?}");
        assert_eq!(
            sections.iter().flat_map(|section| section.lines()).count(),
            40
        );
    }

    #[test]
    fn what_does_not_fit_into_the_whole_message_is_counted() {
        let sections = sections(&failed(300, &"&".repeat(100)));
        let lines: Vec<&str> = sections
            .iter()
            .flat_map(|section| section.lines())
            .collect();
        let (last, shown) = lines.split_last().unwrap();
        assert_eq!(*last, format!("… and {} more", 300 - shown.len()));
        let units: usize = sections
            .iter()
            .map(|section| section.encode_utf16().count())
            .sum();
        assert!((8000..=9000).contains(&units), "{units}");
    }

    #[test]
    fn a_report_without_lines_has_no_details() {
        let report = Report::DeploymentCompleted(Deployment::new("dev".parse().unwrap()));
        assert_eq!(slack_details(&report), None);
    }
}
