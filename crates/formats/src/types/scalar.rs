//! Booleans, varchar and UUIDs.

use pipeline::BooleanWords;

use crate::reject::RejectReason;

#[inline]
pub(super) fn boolean(text: &[u8]) -> Result<bool, RejectReason> {
    match text {
        b"1" | b"t" | b"T" => Ok(true),
        b"0" | b"f" | b"F" => Ok(false),
        _ if text.eq_ignore_ascii_case(b"true") => Ok(true),
        _ if text.eq_ignore_ascii_case(b"false") => Ok(false),
        _ => Err(RejectReason::NotABoolean),
    }
}

pub(super) fn boolean_word(text: &[u8], words: &BooleanWords) -> Result<bool, RejectReason> {
    let is_in = |words: &[String]| words.iter().any(|word| word.as_bytes() == text);
    match (is_in(&words.true_words), is_in(&words.false_words)) {
        (true, _) => Ok(true),
        (false, true) => Ok(false),
        (false, false) => Err(RejectReason::NotABooleanWord),
    }
}

/// Checks the length in code points, as PostgreSQL does.
#[inline]
pub(super) fn varchar(text: &[u8], chars_max: u32) -> Result<&[u8], RejectReason> {
    let chars_limit = chars_max as usize;
    // A text never has more characters than bytes, so most texts need no count.
    if text.len() > chars_limit && text.iter().filter(|byte| !is_continuation(**byte)).count() > chars_limit {
        return Err(RejectReason::TooLong { chars_max });
    }
    Ok(text)
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// Accepts 8-4-4-4-12 or 32 hexadecimal digits, in upper or lower case.
pub(super) fn uuid(text: &[u8]) -> Result<[u8; 16], RejectReason> {
    let hyphenated = match text.len() {
        32 => false,
        36 if [8, 13, 18, 23].iter().all(|position| text[*position] == b'-') => true,
        _ => return Err(RejectReason::NotAUuid),
    };
    let mut bytes = [0; 16];
    let mut at = 0;
    for (index, byte) in bytes.iter_mut().enumerate() {
        if hyphenated && matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        *byte = hex(text[at])? << 4 | hex(text[at + 1])?;
        at += 2;
    }
    Ok(bytes)
}

#[inline]
fn hex(digit: u8) -> Result<u8, RejectReason> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(RejectReason::NotAUuid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boolean_parses_six_words() {
        for text in ["true", "TRUE", "True", "t", "T", "1"] {
            assert_eq!(boolean(text.as_bytes()), Ok(true), "{text:?}");
        }
        for text in ["false", "FALSE", "fAlSe", "f", "F", "0"] {
            assert_eq!(boolean(text.as_bytes()), Ok(false), "{text:?}");
        }
        for text in ["", "yes", "no", "on", "off", "y", "2", " true", "tru", "truee", "-1", "01"] {
            assert_eq!(boolean(text.as_bytes()), Err(RejectReason::NotABoolean), "{text:?}");
        }
    }

    fn check_varchar(text: &str, chars_max: u32, fits: bool) {
        let expected = if fits { Ok(text.as_bytes()) } else { Err(RejectReason::TooLong { chars_max }) };
        assert_eq!(varchar(text.as_bytes(), chars_max), expected, "{text:?}");
    }

    #[test]
    fn varchar_counts_characters() {
        check_varchar("", 1, true);
        check_varchar("abc", 3, true);
        check_varchar("abcd", 3, false);
        check_varchar("äöü", 3, true);
        check_varchar("äöüx", 3, false);
        check_varchar("😀😀😀", 3, true);
        check_varchar("abc ", 3, false);
    }

    #[test]
    fn uuid_parses_two_forms() {
        let expected = *b"\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00";
        for text in [
            "123e4567-e89b-12d3-a456-426614174000",
            "123E4567-E89B-12D3-A456-426614174000",
            "123e4567e89b12d3a456426614174000",
        ] {
            assert_eq!(uuid(text.as_bytes()), Ok(expected), "{text:?}");
        }
        for text in [
            "",
            "123e4567-e89b-12d3-a456-42661417400",
            "123e4567-e89b-12d3-a456-4266141740000",
            "{123e4567-e89b-12d3-a456-426614174000}",
            "123e4567e-89b-12d3-a456-426614174000",
            "g23e4567-e89b-12d3-a456-426614174000",
            "123e4567-e89b-12d3-a456-42661417400-",
            "123e4567e89b12d3a45642661417400-",
        ] {
            assert_eq!(uuid(text.as_bytes()), Err(RejectReason::NotAUuid), "{text:?}");
        }
    }
}
