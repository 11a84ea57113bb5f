//! Tests of the encoder together with the decoder, and with a decoder written from PostgreSQL's documentation.

use proptest::prelude::*;

use super::{Numeric, NumericBounds, encode};
use crate::reject::RejectReason;
use crate::tests::decode;

#[track_caller]
fn check(text: &str, expected: &str, unscaled: Option<(u8, i128)>) {
    let mut field = Vec::new();
    assert_eq!(encode(text.as_bytes(), NumericBounds::new(None), &mut field), Ok(()));
    let sent = &field[4..];
    let number = Numeric::parse(sent).unwrap();
    assert_eq!(number.to_string(), expected, "{text:?}");
    assert_eq!(decode::numeric(sent), expected, "{text:?}");
    if let Some((scale, unscaled)) = unscaled {
        assert_eq!(number.unscaled(scale), Some(unscaled), "{text:?}");
    }
}

#[test]
fn encoded_numeric_decodes_to_same_text() {
    check("0", "0", Some((0, 0)));
    check("-0.00", "0.00", Some((2, 0)));
    check("1.50", "1.50", Some((4, 15_000)));
    check("-12.34", "-12.34", Some((4, -123_400)));
    check("10002.3", "10002.3", Some((1, 100_023)));
    check("0.00000001", "0.00000001", Some((8, 1)));
    check("1e131071", &format!("1{}", "0".repeat(131_071)), None);
    check(&i128::MAX.to_string(), &i128::MAX.to_string(), Some((0, i128::MAX)));
    let finest = format!("0.{}1", "0".repeat(16_382));
    check(&finest, &finest, None);
}

#[test]
fn special_value_is_not_encoded() {
    for text in ["NaN", "Infinity", "-Infinity"] {
        assert_eq!(
            encode(text.as_bytes(), NumericBounds::new(None), &mut Vec::new()),
            Err(RejectReason::NotFinite),
            "{text}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn unscaled_number_is_its_digits(digits in any::<i64>(), scale in 0_usize..30) {
        let padded = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
        let (integer, fraction) = padded.split_at(padded.len() - scale);
        let sign = if digits < 0 { "-" } else { "" };
        let text = if scale == 0 { format!("{sign}{integer}") } else { format!("{sign}{integer}.{fraction}") };
        check(&text, &text, Some((u8::try_from(scale).unwrap(), i128::from(digits))));
    }
}
