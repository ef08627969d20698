//! Amounts for people.

use std::time::Duration;

/// Bytes in kB, MB and GB of thousands.
pub(crate) fn bytes(bytes: u64) -> String {
    let amount = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", amount / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", amount / 1e6),
        _ => format!("{:.2} GB", amount / 1e9),
    }
}

/// A number of things, `1 event` or `2 events`.
pub(crate) fn count(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{} {one}s", grouped(number)),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time to the second.
pub(crate) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{}:{:02} min", whole / 60, whole % 60),
        _ => format!("{}:{:02} h", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_readable() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(553_000_000), "553.0 MB");
        assert_eq!(count(1, "event"), "1 event");
        assert_eq!(count(1_234_567, "event"), "1,234,567 events");
        assert_eq!(count(123, "event"), "123 events");
        assert_eq!(seconds(Duration::from_secs(61)), "1:01 min");
    }
}
