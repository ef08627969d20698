//! Durations in words.

use std::time::Duration;

/// `45 s`, `5 min`, `3 h 20 min`, `2 d 4 h`: the two greatest units that are not nothing.
pub(super) fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return format!("{} ms", duration.as_millis());
    }
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (size, unit) in units {
        let count = left / size;
        left %= size;
        if count > 0 {
            parts.push(format!("{count} {unit}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_are_enough() {
        for (seconds, words) in [
            (1, "1 s"),
            (60, "1 min"),
            (61, "1 min 1 s"),
            (3600, "1 h"),
            (3601, "1 h"),
            (12_000, "3 h 20 min"),
            (190_000, "2 d 4 h"),
        ] {
            assert_eq!(rough(Duration::from_secs(seconds)), words);
        }
        assert_eq!(rough(Duration::from_millis(250)), "250 ms");
    }
}
