//! Amounts for people.

/// Bytes in MB of a million, as registries and networks count; small ones in bytes.
pub(crate) fn bytes(bytes: u64) -> String {
    if bytes < 100_000 {
        return match bytes {
            1 => "1 byte".to_owned(),
            bytes => format!("{bytes} bytes"),
        };
    }
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A number of things, `1 request` or `2 requests`.
pub(crate) fn count(number: u64, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_readable() {
        assert_eq!(bytes(0), "0 bytes");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(99_999), "99999 bytes");
        assert_eq!(bytes(300_100_000), "300.1 MB");
        assert_eq!(count(1, "request"), "1 request");
        assert_eq!(count(0, "request"), "0 requests");
    }
}
