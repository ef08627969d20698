//! Text on its way into HTML and SVG.

/// Escapes text for the content of an element and for a quoted attribute; control characters become visible.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in windlass_cli::printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A link if the URL is one that a browser may follow, else the text.
pub(super) fn link(url: &str, text: &str) -> String {
    if url.starts_with("https://") || url.starts_with("http://") {
        format!(
            "<a href=\"{}\" rel=\"noreferrer\">{}</a>",
            escape(url),
            escape(text)
        )
    } else {
        escape(text)
    }
}

/// Text cut to a number of characters, with a mark where it was cut.
pub(crate) fn cut(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(characters.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_text() {
        assert_eq!(
            escape("<script>alert('1')</script> & \"x\"\u{1b}"),
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;\\u{1b}"
        );
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert!(
            link("https://example.com/\"x", "x")
                .starts_with("<a href=\"https://example.com/&quot;x\"")
        );
        assert_eq!(link("javascript:alert(1)", "x"), "x");
    }

    proptest::proptest! {
        #[test]
        fn no_text_opens_a_tag_or_ends_an_attribute(text in ".{0,200}") {
            let escaped = escape(&text);
            proptest::prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        }
    }
}
