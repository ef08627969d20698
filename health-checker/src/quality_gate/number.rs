//! Measures and limits, compared exactly.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::text;

/// A decimal number as the server or a rule writes it. `79.95` is less than `80`, and `80.0` is `80`: nothing is
/// rounded and no binary fraction comes in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(Decimal);

/// Why a text is no [`Number`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no decimal number of at most 28 digits")]
pub struct InvalidNumber {
    text: String,
}

impl FromStr for Number {
    type Err = InvalidNumber;

    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        let plain = !text.contains('_') && !text.is_empty();
        // The server is written in Java, which writes 0.0001 as `1.0E-4`.
        let read = if text.contains(['e', 'E']) {
            exact_scientific(text)
        } else {
            Decimal::from_str_exact(text).ok()
        };
        read.filter(|_| plain)
            .map(Self)
            .ok_or_else(|| InvalidNumber {
                text: text::clean(text, 40),
            })
    }
}

/// The library's own reading of exponents rounds what does not fit; here it counts as unreadable.
fn exact_scientific(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let mut value = Decimal::from_str_exact(mantissa).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    for _ in 0..exponent.unsigned_abs().min(60) {
        value = if exponent < 0 {
            let scale = value.scale().checked_add(1)?;
            if value.is_zero() {
                return Some(value);
            }
            Decimal::try_from_i128_with_scale(value.mantissa(), scale).ok()?
        } else {
            value.checked_mul(Decimal::TEN)?
        };
    }
    Some(value)
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.normalize().fmt(f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_compared_as_they_are_written() {
        assert!(number("79.95") < number("80"));
        assert!(number("79.999999999999999999999999") < number("80"));
        assert_eq!(number("80.0"), number("80"));
        assert_eq!(number("80.0").to_string(), "80");
        assert_eq!(number("1.0E-4"), number("0.0001"));
        assert_eq!(number("1.25E+2"), number("125"));
        assert_eq!(number("0E-90"), number("0"));
        // As binary fractions these two are one.
        assert!(number("0.1") < number("0.10000000000000000000000001"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for bad in [
            "",
            " 1",
            "1 ",
            "NaN",
            "Infinity",
            "1_000",
            "1,5",
            "--1",
            "A",
            "80%",
            "1e",
            "1e99",
            "1e-99",
            "0x10",
            // One digit more than can be held exactly.
            "0.12345678901234567890123456789",
        ] {
            assert!(bad.parse::<Number>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn decimals_compare_as_integers_of_one_scale(a in -10_000_000_i64..10_000_000, b in -10_000_000_i64..10_000_000, scale in 0_u32..6) {
            let write = |n: i64| {
                let unit = 10_i64.pow(scale);
                let sign = if n < 0 { "-" } else { "" };
                match scale {
                    0 => n.to_string(),
                    _ => format!("{sign}{}.{:0width$}", n.abs() / unit, n.abs() % unit, width = scale as usize),
                }
            };
            let (x, y) = (number(&write(a)), number(&write(b)));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(number(&x.to_string()), x);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", digits in "[-+0-9.eE]{0,40}") {
            let _ = text.parse::<Number>();
            let _ = digits.parse::<Number>();
        }
    }
}
