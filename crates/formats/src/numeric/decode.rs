use std::fmt;

pub(super) const SIGN_POSITIVE: u16 = 0x0000;
pub(super) const SIGN_NEGATIVE: u16 = 0x4000;
const SIGN_NAN: u16 = 0xC000;
const SIGN_INFINITY: u16 = 0xD000;
const SIGN_NEGATIVE_INFINITY: u16 = 0xF000;

/// A `numeric` from a query result. [`Display`](fmt::Display) writes it as PostgreSQL does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numeric {
    sign: NumericSign,
    /// Power of 10000 of the first digit.
    weight: i32,
    /// Decimal digits shown after the point.
    scale: usize,
    /// Base-10000 digits.
    digits: Vec<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumericSign {
    Positive,
    Negative,
    /// NaN or an infinity, with its name.
    Special(&'static str),
}

impl Numeric {
    /// Parses the binary format. Returns `None` if `raw` has another format.
    pub fn parse(raw: &[u8]) -> Option<Self> {
        let mut words = raw.chunks(2).map(|pair| pair.try_into().ok().map(u16::from_be_bytes));
        let count: usize = words.next()??.into();
        let weight = i32::from(words.next()??.cast_signed());
        let sign = match words.next()?? {
            SIGN_POSITIVE => NumericSign::Positive,
            SIGN_NEGATIVE => NumericSign::Negative,
            SIGN_NAN => NumericSign::Special("NaN"),
            SIGN_INFINITY => NumericSign::Special("Infinity"),
            SIGN_NEGATIVE_INFINITY => NumericSign::Special("-Infinity"),
            _ => return None,
        };
        let scale = words.next()??.into();
        let digits: Vec<u16> = words.collect::<Option<_>>()?;
        (digits.len() == count).then_some(Self { sign, weight, scale, digits })
    }

    /// Returns the number multiplied by `10^scale`. `scale` must be at least the number's own scale.
    ///
    /// Returns `None` for NaN, an infinity, and a result above 128 bits.
    pub fn unscaled(&self, scale: u8) -> Option<i128> {
        let mut sum: i128 = 0;
        for (digit, position) in self.digits.iter().zip(0..) {
            let exponent = 4 * (self.weight - position) + i32::from(scale);
            let digit = i128::from(*digit);
            let part = match u32::try_from(exponent) {
                Ok(exponent) => 10_i128.checked_pow(exponent)?.checked_mul(digit)?,
                // The digits that the division drops are zeros.
                Err(_) => digit / 10_i128.checked_pow(exponent.unsigned_abs())?,
            };
            sum = sum.checked_add(part)?;
        }
        match self.sign {
            NumericSign::Positive => Some(sum),
            NumericSign::Negative => Some(-sum),
            NumericSign::Special(_) => None,
        }
    }

    fn digit(&self, weight: i32) -> u16 {
        let position = usize::try_from(self.weight - weight).ok();
        position.and_then(|position| self.digits.get(position)).copied().unwrap_or(0)
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sign {
            NumericSign::Special(name) => return f.write_str(name),
            NumericSign::Negative => f.write_str("-")?,
            NumericSign::Positive => {}
        }
        let first = self.weight.max(0);
        write!(f, "{}", self.digit(first))?;
        for weight in (0..first).rev() {
            write!(f, "{:04}", self.digit(weight))?;
        }
        if self.scale == 0 {
            return Ok(());
        }
        let fraction: String =
            (1..).take(self.scale.div_ceil(4)).map(|position| format!("{:04}", self.digit(-position))).collect();
        write!(f, ".{}", fraction.get(..self.scale).unwrap_or(&fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `words`: count, weight, sign, scale, digits.
    fn numeric(words: &[u16]) -> Numeric {
        let raw: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        Numeric::parse(&raw).unwrap()
    }

    #[test]
    fn sent_numeric_prints_as_in_postgresql() {
        let check = |words: &[u16], text: &str, at_four: Option<i128>| {
            assert_eq!(numeric(words).to_string(), text);
            assert_eq!(numeric(words).unscaled(4), at_four, "{text}");
        };
        check(&[0, 0, 0, 0], "0", Some(0));
        check(&[0, 0, 0, 2], "0.00", Some(0));
        check(&[2, 0, 0, 2, 1, 5000], "1.50", Some(15_000));
        check(&[2, 0, 0x4000, 2, 12, 3400], "-12.34", Some(-123_400));
        check(&[1, 1, 0, 0, 1], "10000", Some(100_000_000));
        check(&[3, 1, 0, 1, 1, 2, 3000], "10002.3", Some(100_023_000));
        check(&[1, 0xFFFF, 0, 4, 1], "0.0001", Some(1));
        check(&[1, 0xFFFF, 0, 4, 1200], "0.1200", Some(1200));
        check(&[1, 0xFFFE, 0, 8, 1], "0.00000001", Some(0));
        check(&[0, 0, 0xC000, 0], "NaN", None);
        check(&[0, 0, 0xD000, 0], "Infinity", None);
        check(&[0, 0, 0xF000, 0], "-Infinity", None);
        check(&[1, 10, 0, 0, 1], &format!("1{}", "0000".repeat(10)), None);
    }

    #[test]
    fn malformed_numeric_is_none() {
        let check = |raw: &[u8]| assert_eq!(Numeric::parse(raw), None, "{raw:?}");
        check(&[]);
        check(&[0, 1, 0, 0, 0, 0, 0, 0]);
        check(&[0, 1, 0, 0, 0, 0, 0, 0, 7]);
        check(&[0, 0, 0, 0, 0x10, 0, 0, 0]);
    }
}
