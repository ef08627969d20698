//! Text that is escaped once and never longer than Slack allows.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::clean::{fitted, one_line, truncated, utf16_len};

/// Text as Slack expects it, at most `N` UTF-16 units with the entities that stand for `&`, `<` and `>`.
///
/// Counting what is sent is stricter than counting what is shown, and safe whichever of the two Slack counts.
/// Source of the escapes: <https://docs.slack.dev/messaging/formatting-message-text/#escaping>.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Escaped<const N: usize> {
    text: String,
    units: usize,
}

impl<const N: usize> Escaped<N> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The length in UTF-16 units.
    pub(crate) fn units(&self) -> usize {
        self.units
    }

    /// Whether nothing would be seen; Slack refuses such text.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Adds our own words and markup, which need no escape; all of it, or nothing when it does not fit.
    pub(crate) fn markup(&mut self, markup: &'static str) -> bool {
        self.append(markup)
    }

    /// Adds a stranger's text on one line, at most `cap` units of it.
    pub(crate) fn text(&mut self, raw: &str, cap: usize) {
        let line = defused(&one_line(raw));
        let text = fitted(
            line.chars().map(|c| (c, entity(c))),
            cap.min(N - self.units),
        );
        self.append(&text);
    }

    /// Adds a stranger's text as code, at most `cap` units with its two marks.
    pub(crate) fn code(&mut self, raw: &str, cap: usize) {
        let line = defused(&one_line(raw)).replace('`', "'");
        let room = cap.min(N - self.units).saturating_sub(2);
        let text = fitted(line.chars().map(|c| (c, entity(c))), room);
        if !text.is_empty() {
            self.append(&format!("`{text}`"));
        }
    }

    /// Adds a link whose label is a stranger's text of at most `cap` units; only the label when the URL cannot be one
    /// or does not fit.
    pub(crate) fn link(&mut self, url: &str, label: &str, cap: usize) {
        let label = one_line(label);
        let Some(url) = link_target(url).filter(|_| !label.is_empty()) else {
            return self.text(&label, cap);
        };
        // A bar would end the label, and so would a raw `>`, which the escape takes care of.
        let shown = defused(&label).replace('|', "¦");
        let label_units = fitted(shown.chars().map(|c| (c, entity(c))), cap);
        let link = format!("<{url}|{label_units}>");
        if !self.append(&link) {
            self.text(&label, cap);
        }
    }

    /// Adds another text whole, or nothing when it does not fit.
    #[must_use = "the text may not fit"]
    pub(crate) fn append_escaped<const M: usize>(&mut self, other: &Escaped<M>) -> bool {
        self.append(&other.text)
    }

    fn append(&mut self, escaped: &str) -> bool {
        let units = utf16_len(escaped);
        if self.units + units > N {
            return false;
        }
        self.text.push_str(escaped);
        self.units += units;
        true
    }
}

impl<const N: usize> Serialize for Escaped<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// A text object of type `plain_text`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlainText<const N: usize>(pub(crate) Escaped<N>);

impl<const N: usize> Serialize for PlainText<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("PlainText", 3)?;
        object.serialize_field("type", "plain_text")?;
        object.serialize_field("text", &self.0)?;
        object.serialize_field("emoji", &true)?;
        object.end()
    }
}

/// A text object of type `mrkdwn`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mrkdwn<const N: usize>(pub(crate) Escaped<N>);

impl<const N: usize> Serialize for Mrkdwn<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Mrkdwn", 3)?;
        object.serialize_field("type", "mrkdwn")?;
        object.serialize_field("text", &self.0)?;
        // Without it Slack looks for names and mentions in plain words.
        object.serialize_field("verbatim", &true)?;
        object.end()
    }
}

/// A stranger's text on one line, cut so that it takes at most `cap` units once it is escaped, and how many it takes.
/// For texts that are put together before they are escaped.
pub(crate) fn cut(raw: &str, cap: usize) -> (String, usize) {
    let line = one_line(raw);
    (1..=cap)
        .rev()
        .map(|limit| {
            let text = truncated(&line, limit);
            let units = units(&text);
            (text, units)
        })
        .find(|(_, units)| *units <= cap)
        .unwrap_or_default()
}

/// How many units a text takes once it is escaped.
fn units(line: &str) -> usize {
    defused(line)
        .chars()
        .map(|c| utf16_len(entity(c)).max(c.len_utf16()))
        .sum()
}

/// What stands for a character, or nothing when it stands for itself.
fn entity(character: char) -> &'static str {
    match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        _ => "",
    }
}

/// Takes the meaning from what Slack reads in plain words: `@here` and its like call people, and three backticks open a
/// block that would swallow the lines after it.
fn defused(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.replace("```", "'''");
    while let Some(at) = rest.find('@') {
        let after = rest.split_off(at + 1);
        out.push_str(&rest);
        let calls = ["here", "channel", "everyone", "group"];
        if calls.iter().any(|call| {
            after
                .get(..call.len())
                .is_some_and(|word| word.eq_ignore_ascii_case(call))
        }) {
            // A word joiner has no width: the word looks the same and names nobody.
            out.push('\u{2060}');
        }
        rest = after;
    }
    out.push_str(&rest);
    out
}

/// The URL as it may stand in a link, or None when it is not one that people should be sent to. The characters that
/// end a link are percent-encoded.
fn link_target(url: &str) -> Option<String> {
    const LONGEST: usize = 2000;
    let url = url.trim();
    let scheme = url
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) || url.chars().any(|c| c.is_control()) {
        return None;
    }
    let mut target = String::with_capacity(url.len());
    for character in truncated(url, LONGEST + 1).chars() {
        match character {
            '<' => target.push_str("%3C"),
            '>' => target.push_str("%3E"),
            '|' => target.push_str("%7C"),
            '"' => target.push_str("%22"),
            '`' => target.push_str("%60"),
            // In a path it means the same; before a host it would make one site look like another.
            '@' => target.push_str("%40"),
            '&' => target.push_str("&amp;"),
            c if c.is_whitespace() || crate::clean::is_unprintable(c) => target.push_str("%20"),
            c => target.push(c),
        }
    }
    // A cut URL leads elsewhere, so one that is too long is none.
    (utf16_len(&target) <= LONGEST).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text<const N: usize>(raw: &str) -> String {
        let mut escaped = Escaped::<N>::new();
        escaped.text(raw, N);
        escaped.as_str().to_owned()
    }

    fn link(url: &str, label: &str) -> String {
        let mut escaped = Escaped::<3000>::new();
        escaped.link(url, label, 100);
        escaped.as_str().to_owned()
    }

    #[test]
    fn the_three_control_characters_are_escaped_once() {
        assert_eq!(
            text::<100>("a < b && c -> \"d\" &amp;"),
            "a &lt; b &amp;&amp; c -&gt; \"d\" &amp;amp;"
        );
        assert_eq!(
            text::<100>("<!channel> <@U123> <#C1|x>"),
            "&lt;!channel&gt; &lt;@U123&gt; &lt;#C1|x&gt;"
        );
    }

    #[test]
    fn words_that_call_people_call_nobody() {
        assert_eq!(
            text::<100>("@here @Channel, x@everyone @ada"),
            "@\u{2060}here @\u{2060}Channel, x@\u{2060}everyone @ada"
        );
        assert_eq!(text::<100>("@"), "@");
        assert_eq!(text::<100>("@é"), "@é");
    }

    #[test]
    fn backticks_cannot_open_a_block_or_leave_code() {
        assert_eq!(text::<100>("```rm"), "'''rm");
        let mut escaped = Escaped::<100>::new();
        escaped.code("a`b <c>", 50);
        assert_eq!(escaped.as_str(), "`a'b &lt;c&gt;`");
    }

    #[test]
    fn an_entity_counts_whole_and_is_never_cut() {
        assert_eq!(text::<5>("&"), "&amp;");
        assert_eq!(text::<4>("&"), "…");
        assert_eq!(text::<8>("ab&c"), "ab&amp;c");
        assert_eq!(text::<7>("ab&c"), "ab…");
    }

    #[test]
    fn markup_fits_whole_or_not_at_all() {
        let mut escaped = Escaped::<4>::new();
        assert!(escaped.markup("*ab*"));
        assert!(!escaped.markup("\n"));
        assert_eq!((escaped.as_str(), escaped.units()), ("*ab*", 4));
    }

    #[test]
    fn a_label_cannot_end_its_link() {
        assert_eq!(
            link("https://x.example/c?a=1&b=2", "a -> b | c\nd"),
            "<https://x.example/c?a=1&amp;b=2|a -&gt; b ¦ c d>"
        );
    }

    #[test]
    fn a_url_cannot_end_its_link_and_only_the_web_is_linked() {
        assert_eq!(
            link("https://x.example/a|b>c <d", "go"),
            "<https://x.example/a%7Cb%3Ec%20%3Cd|go>"
        );
        assert_eq!(
            link("https://github.com@evil.example/@here", "go"),
            "<https://github.com%40evil.example/%40here|go>"
        );
        for url in [
            "javascript:alert(1)",
            "!channel",
            "",
            "ftp://x",
            "https://x/\n<!here>",
        ] {
            assert_eq!(link(url, "go"), "go", "{url}");
        }
        let longest = format!("https://x.example/{}", "a".repeat(2000 - 18));
        assert_eq!(link(&longest, "go"), format!("<{longest}|go>"));
        assert_eq!(link(&format!("{longest}a"), "go"), "go");
    }

    #[test]
    fn a_link_that_does_not_fit_leaves_its_label() {
        let mut escaped = Escaped::<20>::new();
        escaped.link("https://x.example/long", "label", 10);
        assert_eq!(escaped.as_str(), "label");
    }

    #[test]
    fn a_cut_counts_what_the_escape_takes() {
        assert_eq!(cut("a&b", 7), ("a&b".to_owned(), 7));
        assert_eq!(cut("a&b", 6), ("a…".to_owned(), 2));
        assert_eq!(cut("&", 4), (String::new(), 0));
        assert_eq!(cut("@here", 6).1, 6);
    }

    proptest! {
        #[test]
        fn a_cut_is_as_long_as_its_text(raw in any::<String>(), hostile in "[<>&|@a-c\\n\u{202e}🚀]{0,90}") {
            for raw in [raw, hostile] {
                let (cut, units) = cut(&raw, 40);
                let mut escaped = Escaped::<1000>::new();
                escaped.text(&cut, 1000);
                prop_assert_eq!(escaped.units(), units);
                prop_assert!(units <= 40);
            }
        }

        #[test]
        fn no_text_escapes_or_outgrows_its_place(raw in any::<String>(), label in "[<>&|@a-c\\n\u{202e}🚀]{0,40}") {
            let mut escaped = Escaped::<60>::new();
            escaped.text(&raw, 30);
            escaped.link(&raw, &label, 20);
            escaped.code(&raw, 20);
            escaped.text(&label, 60);
            prop_assert!(utf16_len(escaped.as_str()) == escaped.units() && escaped.units() <= 60);
            let open = escaped.as_str().matches('<').count();
            prop_assert!(open <= 1 && open == escaped.as_str().matches('>').count());
            for (at, _) in escaped.as_str().match_indices('&') {
                let entity = &escaped.as_str()[at..];
                prop_assert!(["&amp;", "&lt;", "&gt;"].iter().any(|known| entity.starts_with(known)), "{entity}");
            }
        }
    }
}
