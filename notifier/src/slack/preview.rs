//! The card as Slack would draw it, as a page for a browser.

mod mrkdwn;

use self::mrkdwn::{inline, plain};
use super::blocks::Block;
use super::message::{Body, SlackMessage};

/// Light and dark follow the reader's settings; the measures are close to those of Slack's own page.
const STYLE: &str = include_str!("preview/style.css");

impl SlackMessage {
    /// The message as a page of HTML that needs nothing else and looks as Slack would draw it, for people to look at
    /// before it is sent. It holds no script and loads nothing, and every stranger's text in it is escaped.
    ///
    /// ```
    /// use deploy_notifier::{Deployment, Report, slack};
    ///
    /// let report = Report::DeploymentStarted(Deployment::new("dev".parse()?).title("<script>alert(1)</script>"));
    /// let page = slack(&report).preview();
    /// assert!(page.starts_with("<!DOCTYPE html>"));
    /// assert!(page.contains("Deployment to dev started") && !page.contains("<script"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn preview(&self) -> String {
        let attachment = &self.attachments[0];
        let card = match &attachment.body {
            Body::Blocks(blocks) => blocks.iter().map(block).collect(),
            Body::Fields(fields) => {
                let cells: String = fields
                    .iter()
                    .map(|field| {
                        let class = if field.short { "field short" } else { "field" };
                        format!(
                            "<div class=\"{class}\"><b>{}</b><br>{}</div>\n",
                            inline(field.title.as_str()),
                            inline(field.value.as_str())
                        )
                    })
                    .collect();
                format!("<div class=\"fields\">\n{cells}</div>\n")
            }
        };
        // Slack shows the text itself only where there are no blocks; else it is what a notification says.
        let text = match self.blocks.is_empty() {
            true => format!("<div class=\"section\">{}</div>\n", inline(self.text())),
            false => String::new(),
        };
        let blocks: String = self.blocks.iter().map(block).collect();
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
             <div class=\"notification\"><span>Notification</span> {notification}</div>\n\
             <div class=\"message\">\n<div class=\"avatar\">▲</div>\n<div class=\"content\">\n\
             <div class=\"sender\"><b>windlass</b> <span class=\"app\">APP</span></div>\n\
             {text}{blocks}<div class=\"attachment {color}\">\n{card}</div>\n</div>\n</div>\n</body>\n</html>\n",
            title = plain(self.text()),
            notification = plain(self.text()),
            color = color_class(attachment.color),
        )
    }
}

fn block(block: &Block) -> String {
    match block {
        Block::Header { text } => format!("<h1>{}</h1>\n", plain(text.0.as_str())),
        Block::Section { text, fields } => {
            let mut html = String::new();
            if let Some(text) = text {
                html.push_str(&format!(
                    "<div class=\"section\">{}</div>\n",
                    inline(text.0.as_str())
                ));
            }
            if !fields.is_empty() {
                let cells: String = fields
                    .iter()
                    .map(|field| {
                        format!(
                            "<div class=\"field short\">{}</div>\n",
                            inline(field.0.as_str())
                        )
                    })
                    .collect();
                html.push_str(&format!("<div class=\"fields\">\n{cells}</div>\n"));
            }
            html
        }
        Block::Context { elements } => {
            let [element] = elements;
            format!(
                "<div class=\"context\">{}</div>\n",
                inline(element.0.as_str())
            )
        }
    }
}

fn color_class(color: &str) -> &'static str {
    match color {
        "good" => "good",
        "warning" => "warning",
        "danger" => "danger",
        _ => "info",
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;
    use crate::{SlackLayout, slack_with};

    #[test]
    fn a_page_holds_nothing_that_runs_or_loads() {
        for report in testing::reports() {
            for layout in [SlackLayout::Blocks, SlackLayout::Fields] {
                let page = slack_with(&report, layout).preview();
                let lower = page.to_ascii_lowercase();
                for part in [
                    "<script",
                    "<img",
                    "<link",
                    "<iframe",
                    "=\"javascript:",
                    " src=",
                    " onerror",
                    "<!channel",
                ] {
                    assert!(!lower.contains(part), "{part} in {page}");
                }
                assert_eq!(page.matches("<div").count(), page.matches("</div>").count());
                assert_eq!(page.matches("<a ").count(), page.matches("</a>").count());
            }
        }
    }

    #[test]
    fn the_colour_and_the_fields_show() {
        let report = &testing::reports()[2];
        let blocks = slack_with(report, SlackLayout::Blocks).preview();
        assert!(blocks.contains("class=\"attachment danger\""));
        assert!(
            blocks.contains("<div class=\"field short\"><b>Environment</b><br>dev</div>"),
            "{blocks}"
        );
        assert!(blocks.contains("<h1>❌ Deployment to dev failed</h1>"));
        let fields = slack_with(report, SlackLayout::Fields).preview();
        assert!(
            fields.contains("<div class=\"field short\"><b>Environment</b><br>dev</div>"),
            "{fields}"
        );
    }
}
