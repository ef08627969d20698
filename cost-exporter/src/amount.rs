//! Money without rounding.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The most digits after the point that an amount can have.
const MOST_DIGITS: u32 = 28;

/// An amount of money in some currency, as exact as it was read. Adding is exact or fails; it never rounds.
///
/// ```
/// use cost_exporter::Amount;
///
/// let parts = ["0.1", "0.2", "-0.0000000001", "1.5E-7"].map(|text| text.parse::<Amount>().unwrap());
/// assert_eq!(Amount::sum(parts)?.to_string(), "0.3000001499");
/// # Ok::<(), cost_exporter::Inexact>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(Decimal);

/// A text is no amount of money, or has more digits than can be kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no amount of at most 28 digits")]
pub struct InvalidAmount(String);

/// A result has more digits than can be kept, so that it would have to be rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the result has more than 28 digits and would have to be rounded")]
pub struct Inexact;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// A whole number of units, each of ten to the power of minus `digits`.
    ///
    /// # Errors
    /// When it has too many digits.
    pub fn of_units(units: i128, digits: u32) -> Result<Self, Inexact> {
        Decimal::try_from_i128_with_scale(units, digits)
            .map(|decimal| Self(decimal.normalize()))
            .map_err(|_| Inexact)
    }

    /// How many units of ten to the power of minus `digits` it is; `None` when it is no whole number of them.
    pub fn units(self, digits: u32) -> Option<i128> {
        let more = digits.checked_sub(self.digits())?;
        self.0.mantissa().checked_mul(10_i128.checked_pow(more)?)
    }

    /// Digits after the point, without zeros at the end.
    pub fn digits(self) -> u32 {
        self.0.scale()
    }

    /// The exact sum of two amounts.
    ///
    /// # Errors
    /// When it has too many digits.
    pub fn plus(self, other: Self) -> Result<Self, Inexact> {
        let digits = self.digits().max(other.digits());
        let (a, b) = (self.units(digits), other.units(digits));
        let sum = a
            .zip(b)
            .and_then(|(a, b)| a.checked_add(b))
            .ok_or(Inexact)?;
        // The sum may end in zeros that the parts did not have.
        let (mut units, mut digits) = (sum, digits);
        while digits > 0 && units % 10 == 0 {
            (units, digits) = (units / 10, digits - 1);
        }
        Self::of_units(units, digits)
    }

    /// The exact difference of two amounts.
    ///
    /// # Errors
    /// When it has too many digits.
    pub fn minus(self, other: Self) -> Result<Self, Inexact> {
        self.plus(Self(-other.0))
    }

    /// The exact sum of many amounts.
    ///
    /// # Errors
    /// When it, or the sum of the first few, has too many digits.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, Inexact> {
        amounts.into_iter().try_fold(Self::ZERO, Self::plus)
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Whether it is a credit or a refund.
    pub fn is_negative(self) -> bool {
        self.0 < Decimal::ZERO
    }

    /// The amount without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// The quotient, rounded half to even to ten digits after the point; `None` when the divisor is zero. This and
    /// [`Amount::rounded`] are the only places where anything is rounded.
    pub fn over(self, divisor: Self) -> Option<Self> {
        let quotient = self.0.checked_div(divisor.0)?;
        Some(Self(quotient.round_dp(10).normalize()))
    }

    /// The amount with at most so many digits after the point, rounded half to even: for people.
    #[must_use]
    pub fn rounded(self, digits: u32) -> Self {
        Self(self.0.round_dp(digits).normalize())
    }

    /// The text with exactly so many digits after the point, rounded half to even: for people.
    pub fn fixed(self, digits: u32) -> String {
        let width = usize::try_from(digits).unwrap_or(usize::MAX);
        format!("{:.width$}", self.0.round_dp(digits))
    }

    /// The nearest number that a computer's arithmetic has, for systems that know no decimals.
    pub fn to_f64(self) -> f64 {
        // The text goes through the standard library's parser, which finds the nearest number; every decimal has one.
        self.to_string().parse().unwrap_or_default()
    }

    /// Reads an estimate, of which digits past the 20th after the point may go: a forecast has no exact value.
    #[cfg(any(test, feature = "aws"))]
    pub(crate) fn estimate(text: &str) -> Result<Self, InvalidAmount> {
        if let Ok(amount) = text.parse() {
            return Ok(amount);
        }
        Decimal::from_str(text)
            .map(|decimal| Self(decimal.round_dp(20).normalize()))
            .map_err(|_| InvalidAmount(text.chars().take(80).collect()))
    }
}

impl From<Decimal> for Amount {
    fn from(decimal: Decimal) -> Self {
        Self(decimal.normalize())
    }
}

impl From<Amount> for Decimal {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl From<u32> for Amount {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}

impl FromStr for Amount {
    type Err = InvalidAmount;

    /// Reads plain decimals and those with an exponent, both of which Cost Explorer writes.
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let invalid = || InvalidAmount(text.chars().take(80).collect());
        let (number, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((number, exponent)) => (number, exponent.parse::<i32>().map_err(|_| invalid())?),
        };
        // `_` is a separator for rust_decimal, and none for anybody who writes amounts.
        if number.contains('_') {
            return Err(invalid());
        }
        // Zeros at the end say nothing, and must not count as digits that cannot be kept.
        let number = match number.contains('.') {
            true => number.trim_end_matches('0').trim_end_matches('.'),
            false => number,
        };
        let number = if matches!(number, "" | "-" | "+") && text.contains('0') {
            "0"
        } else {
            number
        };
        let decimal = Decimal::from_str_exact(number)
            .map_err(|_| invalid())?
            .normalize();
        let digits = i64::from(decimal.scale()) - i64::from(exponent);
        let (units, digits) = match u32::try_from(digits) {
            Ok(digits) => (Some(decimal.mantissa()), digits),
            Err(_) => {
                let power = u32::try_from(-digits)
                    .ok()
                    .and_then(|power| 10_i128.checked_pow(power));
                (
                    power.and_then(|power| decimal.mantissa().checked_mul(power)),
                    0,
                )
            }
        };
        match units {
            Some(0) => Ok(Self::ZERO),
            Some(units) if digits <= MOST_DIGITS => {
                Self::of_units(units, digits).map_err(|_| invalid())
            }
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Amount {
    /// As a string: numbers of JSON are read as floating point by most.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn each_form_that_cost_explorer_writes_is_read_as_it_is() {
        for (text, read) in [
            ("0", "0"),
            ("0.0000000000", "0"),
            ("-0.0", "0"),
            ("12.30", "12.3"),
            ("1E-7", "0.0000001"),
            ("-4.26e-8", "-0.0000000426"),
            ("1.5E3", "1500"),
            (
                "0.0000000000000000000000000001",
                "0.0000000000000000000000000001",
            ),
            (
                "123456789.12345678900000000000000000000000",
                "123456789.123456789",
            ),
        ] {
            assert_eq!(amount(text).to_string(), read, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_kept_exactly_is_refused() {
        for text in [
            "",
            ".",
            "x",
            "1_000",
            "1e",
            "NaN",
            "1E40",
            "1E-40",
            "1,5",
            "--1",
            "0.00000000000000000000000000001",
            "123456789012345678901234567890",
        ] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_sum_that_would_have_to_be_rounded_is_refused() {
        let large = amount("79228162514264337593543950335");
        assert_eq!(large.plus(amount("0.1")), Err(Inexact));
        assert_eq!(large.plus(amount("1")), Err(Inexact));
        assert_eq!(large.minus(large), Ok(Amount::ZERO));
    }

    #[test]
    fn an_estimate_may_lose_what_no_one_can_know() {
        let text = "12.3456789012345678901234567890123456";
        assert!(text.parse::<Amount>().is_err());
        assert_eq!(
            Amount::estimate(text).unwrap(),
            amount("12.34567890123456789012")
        );
        assert!(Amount::estimate("x").is_err());
    }

    #[test]
    fn the_nearest_number_is_found() {
        assert_eq!(amount("0.1").to_f64(), 0.1);
        assert_eq!(
            amount("1234567.0000000001").to_f64(),
            1_234_567.000_000_000_1
        );
    }

    proptest! {
        #[test]
        fn adding_and_taking_away_gives_back_the_same(a in any::<i64>(), b in any::<i64>(), x in 0_u32..9, y in 0_u32..9) {
            let (a, b) = (Amount::of_units(a.into(), x).unwrap(), Amount::of_units(b.into(), y).unwrap());
            prop_assert_eq!(a.plus(b).unwrap().minus(b).unwrap(), a);
            prop_assert_eq!(a.to_string().parse::<Amount>().unwrap(), a);
        }
    }
}
