//! Reads numbers with a declared decimal separator, separators of thousands, and texts to strip.

use pipeline::{Column, NumberFormat};

use crate::reject::RejectReason;

/// Digits between two separators of thousands.
const GROUP: usize = 3;

#[derive(Debug)]
pub(crate) struct NumberReader {
    format: NumberFormat,
}

impl NumberReader {
    /// Returns `None` for a column with the default syntax.
    pub(super) fn new(column: &Column) -> Option<Self> {
        let format = &column.values.number;
        if !column.kind.is_number() || *format == NumberFormat::default() {
            return None;
        }
        Some(Self { format: format.clone() })
    }

    /// Returns the number with a decimal point and without separators. The caller checks the rest of its syntax.
    pub(super) fn plain_text(&self, text: &[u8]) -> Result<String, RejectReason> {
        let text = std::str::from_utf8(text).map_err(|_| RejectReason::InvalidUtf8)?;
        let stripped = self.stripped(text);
        let (sign, unsigned) = match stripped.strip_prefix('-') {
            // A currency may stand between the sign and the digits.
            Some(unsigned) => ("-", self.stripped(unsigned)),
            None => ("", stripped),
        };
        let mut plain = String::with_capacity(text.len());
        plain.push_str(sign);
        // Digits after the last separator of thousands; `None` before the first one.
        let mut group: Option<usize> = None;
        let mut digits = 0;
        let mut is_integer_part = true;
        for character in unsigned.chars() {
            let ends_group = group.is_none_or(|group| group == GROUP);
            match character {
                '0'..='9' => {
                    plain.push(character);
                    digits += 1;
                    group = group.filter(|_| is_integer_part).map(|group| group + 1);
                }
                _ if character == self.format.decimal && is_integer_part => {
                    if !ends_group {
                        return Err(RejectReason::MisplacedThousands);
                    }
                    plain.push('.');
                    (group, is_integer_part) = (None, false);
                }
                _ if Some(character) == self.format.thousands => {
                    let begins_well = if group.is_none() { (1..=GROUP).contains(&digits) } else { ends_group };
                    if !is_integer_part || !begins_well {
                        return Err(RejectReason::MisplacedThousands);
                    }
                    group = Some(0);
                }
                // The point is no decimal point here.
                '.' => return Err(RejectReason::NotANumber),
                _ => {
                    if !ends_group {
                        return Err(RejectReason::MisplacedThousands);
                    }
                    plain.push(character);
                    (group, is_integer_part) = (None, false);
                }
            }
        }
        if group.is_some_and(|group| group != GROUP) {
            return Err(RejectReason::MisplacedThousands);
        }
        Ok(plain)
    }

    /// Removes the declared texts from both ends.
    fn stripped<'t>(&self, text: &'t str) -> &'t str {
        let mut rest = text;
        let mut is_stripped = true;
        while is_stripped {
            is_stripped = false;
            for ignored in &self.format.strip {
                let shorter = rest.strip_prefix(ignored.as_str()).or_else(|| rest.strip_suffix(ignored.as_str()));
                if let Some(shorter) = shorter {
                    (rest, is_stripped) = (shorter, true);
                }
            }
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::{self, NumericBounds};

    #[track_caller]
    fn check(number: &NumberFormat, text: &str, expected: Result<&str, RejectReason>) {
        let mut column = crate::tests::column("v numeric");
        column.values.number = number.clone();
        let reader = NumberReader::new(&column).unwrap();
        let mut out = Vec::new();
        let encode = |plain: String| numeric::encode(plain.as_bytes(), NumericBounds::new(None), &mut out);
        let encoded = reader.plain_text(text.as_bytes()).and_then(encode);
        let encoded = encoded.map(|()| crate::tests::decode::numeric(&out[4..]));
        assert_eq!(encoded, expected.map(str::to_owned), "{text:?}");
    }

    fn format(decimal: char, thousands: Option<char>, strip: &[&str]) -> NumberFormat {
        NumberFormat { decimal, thousands, strip: strip.iter().map(|text| (*text).to_owned()).collect() }
    }

    #[test]
    fn number_is_read_as_declared() {
        let german = format(',', Some('.'), &["€", "%", " "]);
        check(&german, "1.234,50", Ok("1234.50"));
        check(&german, "-1.234.567,5 €", Ok("-1234567.5"));
        check(&german, "€ -5", Ok("-5"));
        check(&german, "-€5", Ok("-5"));
        check(&german, "2,5", Ok("2.5"));
        check(&german, " 12 %", Ok("12"));
        check(&german, "1234,5", Ok("1234.5"));
        check(&german, "1,5e3", Ok("1500"));
        for text in ["5.00", "1.23", "1234.567", "1.234.56", "1.2345", ".123", "1,234.567", "1..234", "1.", "1.23e3"] {
            check(&german, text, Err(RejectReason::MisplacedThousands));
        }
        for text in ["", "€", "-", "1 2", "1,2,3", "$5", "--5", "x", ","] {
            check(&german, text, Err(RejectReason::NotANumber));
        }
        check(&german, "NaN", Err(RejectReason::NotFinite));
        let english = format('.', Some(','), &["$"]);
        check(&english, "$1,234.50", Ok("1234.50"));
        check(&english, "1234.50", Ok("1234.50"));
        check(&english, "1,23", Err(RejectReason::MisplacedThousands));
        let french = format(',', Some('\u{202f}'), &[]);
        check(&french, "1\u{202f}234,5", Ok("1234.5"));
        check(&french, "1.5", Err(RejectReason::NotANumber));
    }
}
