//! Slack's markup as HTML.

/// Text without markup, such as a header's: its entities are those of HTML already.
pub(super) fn plain(text: &str) -> String {
    escaped(text)
}

/// Marked up text: links, code, bold, italic, struck through, and line breaks.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while let Some(at) = rest.find(['<', '`']) {
        html.push_str(&styled(&rest[..at]));
        let marked = &rest[at..];
        let taken = match marked.as_bytes()[0] {
            b'`' => code(marked, &mut html),
            _ => link(marked, &mut html),
        };
        if taken == 0 {
            html.push_str(&escaped(&marked[..1]));
        }
        rest = &marked[taken.max(1)..];
    }
    html.push_str(&styled(rest));
    html
}

/// Takes `` `code` `` from the front; says how many bytes it is long, 0 if there is none.
fn code(text: &str, html: &mut String) -> usize {
    let Some(end) = text[1..]
        .find(['`', '\n'])
        .filter(|end| *end > 0 && text.as_bytes()[end + 1] == b'`')
    else {
        return 0;
    };
    html.push_str(&format!("<code>{}</code>", escaped(&text[1..=end])));
    end + 2
}

/// Takes `<url|label>` from the front; says how many bytes it is long, 0 if there is none.
fn link(text: &str, html: &mut String) -> usize {
    let Some((inner, _)) = text[1..].split_once('>') else {
        return 0;
    };
    let (url, label) = inner.split_once('|').unwrap_or((inner, inner));
    if !(url.starts_with("https://") || url.starts_with("http://")) || inner.contains('<') {
        return 0;
    }
    html.push_str(&format!(
        "<a href=\"{}\" rel=\"noreferrer noopener\">{}</a>",
        escaped(url),
        escaped(label)
    ));
    inner.len() + 2
}

/// Bold, italic and struck through text, as Slack sees it: the marks stand at the edges of words, on one line.
fn styled(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    // Where the text begins that is not written yet.
    let mut begun = 0;
    let mut before = None;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let after = at + character.len_utf8();
        let tag = match character {
            '*' => "b",
            '_' => "i",
            '~' => "s",
            _ => "",
        };
        let opens = !tag.is_empty() && before.is_none_or(|c: char| !c.is_alphanumeric());
        before = Some(character);
        let Some(end) = opens.then(|| closing(&text[after..], character)).flatten() else {
            at = after;
            continue;
        };
        html.push_str(&escaped(&text[begun..at]));
        html.push_str(&format!(
            "<{tag}>{}</{tag}>",
            styled(&text[after..after + end])
        ));
        at = after + end + 1;
        begun = at;
    }
    html.push_str(&escaped(&text[begun..]));
    html
}

/// Where the mark that was opened is closed again.
fn closing(text: &str, mark: char) -> Option<usize> {
    let line = text.lines().next().unwrap_or_default();
    if line.starts_with([mark, ' ']) {
        return None;
    }
    line.match_indices(mark).map(|(at, _)| at).find(|at| {
        let inner = &line[..*at];
        let next = line[at + 1..].chars().next();
        !inner.is_empty() && !inner.ends_with(' ') && next.is_none_or(|c| !c.is_alphanumeric())
    })
}

/// Text in HTML, in which the entities that Slack's escape has made already stay what they are.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let entity = ["&amp;", "&lt;", "&gt;"]
            .into_iter()
            .find(|entity| rest.starts_with(entity));
        if let Some(entity) = entity {
            html.push_str(entity);
            rest = &rest[entity.len()..];
            continue;
        }
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' => html.push_str("<br>"),
            c => html.push(c),
        }
        rest = &rest[character.len_utf8()..];
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markup_becomes_elements() {
        for (text, html) in [
            ("*Status*\nFailed", "<b>Status</b><br>Failed"),
            ("`a &lt;b` c", "<code>a &lt;b</code> c"),
            (
                "<https://x.example/?a=1&amp;b=2|go \"on\">, by Ada",
                "<a href=\"https://x.example/?a=1&amp;b=2\" rel=\"noreferrer noopener\">go &quot;on&quot;</a>, by Ada",
            ),
            (
                "_so_ ~no~ a*b*c 2 * 3 * 4",
                "<i>so</i> <s>no</s> a*b*c 2 * 3 * 4",
            ),
            (
                "snake_case_name *_both_*",
                "snake_case_name <b><i>both</i></b>",
            ),
            ("a ` b", "a ` b"),
            ("&lt;!channel&gt; -&gt;", "&lt;!channel&gt; -&gt;"),
        ] {
            assert_eq!(inline(text), html, "{text}");
        }
    }

    #[test]
    fn nothing_but_the_web_becomes_a_link() {
        assert_eq!(
            inline("<javascript:alert(1)|x>"),
            "&lt;javascript:alert(1)|x&gt;"
        );
        assert_eq!(inline("<!channel>"), "&lt;!channel&gt;");
        assert_eq!(inline("<https://x"), "&lt;https://x");
    }

    proptest! {
        #[test]
        fn no_text_makes_an_element_of_its_own(text in "[<>&|`*_~\"' a-c\\n🚀]{0,60}|.{0,40}") {
            let mut html = inline(&text);
            for ours in ["<b>", "</b>", "<i>", "</i>", "<s>", "</s>", "<code>", "</code>", "<br>", "</a>"] {
                html = html.replace(ours, "");
            }
            while let Some(at) = html.find("<a href=\"http") {
                let end = html[at..].find("rel=\"noreferrer noopener\">").unwrap();
                html.replace_range(at..at + end + "rel=\"noreferrer noopener\">".len(), "");
            }
            prop_assert!(!html.contains(['<', '>', '"']), "{html}");
        }
    }
}
