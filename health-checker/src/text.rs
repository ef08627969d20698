//! Words for people: durations, and text from outside made safe to show.

use std::time::Duration;

/// `250 ms`, `5 s`: the unit that needs no fraction.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis > 0 && millis.is_multiple_of(1000) {
        format!("{} s", millis / 1000)
    } else {
        format!("{millis} ms")
    }
}

/// Text of a server on one line of at most `most` characters, in which nothing moves a cursor or turns the reading
/// direction.
pub(crate) fn clean(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == most {
            out.push('…');
            break;
        }
        let hostile = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        out.push(if hostile { '\u{fffd}' } else { c });
    }
    out
}

/// An error and everything beneath it in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let message = source.to_string();
        // Some libraries repeat their source in their own message.
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        next = source.source();
    }
    clean(&text, 300)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_without_fractions() {
        assert_eq!(duration(Duration::from_secs(5)), "5 s");
        assert_eq!(duration(Duration::from_millis(1500)), "1500 ms");
        assert_eq!(duration(Duration::ZERO), "0 ms");
    }

    #[test]
    fn text_from_outside_cannot_move_the_cursor_or_grow() {
        assert_eq!(
            clean("a\u{1b}[31mb\nc\u{202e}", 20),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}"
        );
        assert_eq!(clean("abcd", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
    }
}
