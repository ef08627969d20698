//! Making strangers' text fit to show: one line, no control characters, no direction overrides, a length.

/// Whether a character does not stand for itself on a line: controls, line separators, and the invisible characters
/// that reorder what follows them (a title must not rewrite the line it is shown on).
pub(crate) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text on one line: runs of white space and of characters that cannot be shown become one space, and none is
/// left at the ends.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(4096));
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() || is_unprintable(character) {
            gap = true;
            continue;
        }
        if gap && !line.is_empty() {
            line.push(' ');
        }
        gap = false;
        line.push(character);
    }
    line
}

/// At most `limit` UTF-16 units of the text; what was cut is marked with `…`, which counts.
pub(crate) fn truncated(text: &str, limit: usize) -> String {
    fitted(text.chars().map(|character| (character, "")), limit)
}

/// Joins pieces until `limit` UTF-16 units; a piece is a character, or the text that stands for it. A piece is taken
/// whole or not at all, so that neither a surrogate pair nor an entity such as `&amp;` is ever cut in two.
pub(crate) fn fitted<'a>(pieces: impl Iterator<Item = (char, &'a str)>, limit: usize) -> String {
    let mut out = String::new();
    let (mut units, mut last_cut) = (0, 0);
    for (character, stands_for) in pieces {
        let width = if stands_for.is_empty() {
            character.len_utf16()
        } else {
            utf16_len(stands_for)
        };
        if units + width > limit {
            out.truncate(last_cut);
            // A joiner without its second half would draw a broken glyph before the mark.
            out.truncate(out.trim_end_matches(['\u{200d}', ' ']).len());
            if limit > 0 {
                out.push('…');
            }
            return out;
        }
        if stands_for.is_empty() {
            out.push(character);
        } else {
            out.push_str(stands_for);
        }
        units += width;
        // The mark takes one unit.
        if units < limit {
            last_cut = out.len();
        }
    }
    out
}

/// The length in UTF-16 code units, which is how Slack counts.
pub(crate) fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// A duration in seconds as people write it: `0.4s`, `42s`, `5m 32s`, `2h 05m`. None when it is no duration.
pub(crate) fn duration(seconds: f64) -> Option<String> {
    // Thirty years and more is a clock gone wrong.
    if !(0.0..1e9).contains(&seconds) {
        return None;
    }
    if seconds < 9.95 {
        return Some(format!("{seconds:.1}s"));
    }
    let whole = seconds.round() as u64;
    Some(match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{}m {:02}s", whole / 60, whole % 60),
        _ => format!("{}h {:02}m", whole / 3600, whole % 3600 / 60),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_loses_breaks_controls_and_direction_overrides() {
        assert_eq!(
            one_line("  a\r\n\tb\u{2028}c\u{1b}[31md\u{202e}e\u{85}f \u{a0}"),
            "a b c [31md e f"
        );
        assert_eq!(one_line(" \n\u{0}"), "");
        assert_eq!(one_line("عربي 👩\u{200d}🚀"), "عربي 👩\u{200d}🚀");
    }

    #[test]
    fn text_at_the_limit_is_whole_and_one_past_it_is_marked() {
        assert_eq!(truncated("abcde", 5), "abcde");
        assert_eq!(truncated("abcdef", 5), "abcd…");
        assert_eq!(truncated("abc", 1), "…");
        assert_eq!(truncated("abc", 0), "");
        assert_eq!(truncated("", 0), "");
    }

    #[test]
    fn a_surrogate_pair_counts_two_and_is_never_cut() {
        assert_eq!(truncated("🚀🚀", 4), "🚀🚀");
        assert_eq!(truncated("🚀🚀", 3), "🚀…");
        assert_eq!(truncated("🚀🚀", 2), "…");
    }

    #[test]
    fn a_cut_leaves_no_dangling_joiner() {
        assert_eq!(truncated("👩\u{200d}🚀!", 4), "👩…");
    }

    #[test]
    fn durations_read_as_people_write_them() {
        for (seconds, shown) in [
            (0.0, "0.0s"),
            (0.44, "0.4s"),
            (9.94, "9.9s"),
            (9.96, "10s"),
            (59.4, "59s"),
            (59.6, "1m 00s"),
            (332.0, "5m 32s"),
            (3600.0, "1h 00m"),
            (7500.0, "2h 05m"),
        ] {
            assert_eq!(duration(seconds).as_deref(), Some(shown), "{seconds}");
        }
        for seconds in [-1.0, 1e9, f64::NAN, f64::INFINITY] {
            assert_eq!(duration(seconds), None, "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_line_that_cannot_move_the_cursor(text in any::<String>()) {
            let line = one_line(&text);
            prop_assert!(!line.chars().any(is_unprintable));
            prop_assert_eq!(line.trim(), line.as_str());
            prop_assert_eq!(one_line(&line), line);
        }

        #[test]
        fn a_cut_text_fits_and_an_uncut_one_is_unchanged(text in any::<String>(), limit in 0_usize..40) {
            let cut = truncated(&text, limit);
            prop_assert!(utf16_len(&cut) <= limit);
            if utf16_len(&text) <= limit {
                prop_assert_eq!(cut, text);
            } else if limit > 0 {
                prop_assert!(cut.ends_with('…'));
            }
        }
    }
}
