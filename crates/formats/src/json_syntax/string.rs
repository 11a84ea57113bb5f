use crate::reject::RejectReason;

/// Appends the text of a JSON string. `string` is well-formed and has no enclosing quotes.
pub(crate) fn unescape(string: &[u8], out: &mut Vec<u8>) -> Result<(), RejectReason> {
    decode(string, |bytes| out.extend_from_slice(bytes))
}

/// Checks that PostgreSQL can store the text of a JSON string.
pub(crate) fn check_unescaped(string: &[u8]) -> Result<(), RejectReason> {
    decode(string, |_| {})
}

fn decode(string: &[u8], mut emit: impl FnMut(&[u8])) -> Result<(), RejectReason> {
    let mut rest = string;
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        emit(&rest[..plain]);
        rest = &rest[plain + 1..];
        let Some((&letter, after)) = rest.split_first() else { break };
        rest = after;
        match letter {
            b'u' => emit(code_point(&mut rest)?.encode_utf8(&mut [0; 4]).as_bytes()),
            b'b' => emit(b"\x08"),
            b'f' => emit(b"\x0c"),
            b'n' => emit(b"\n"),
            b'r' => emit(b"\r"),
            b't' => emit(b"\t"),
            itself => emit(&[itself]),
        }
    }
    emit(rest);
    Ok(())
}

/// Parses the four digits after `\u`, and the second half of a surrogate pair.
fn code_point(rest: &mut &[u8]) -> Result<char, RejectReason> {
    let first = four_digits(rest).ok_or(RejectReason::JsonLoneSurrogate)?;
    let code = match first {
        0 => return Err(RejectReason::JsonNul),
        0xD800..0xDC00 => {
            let after = rest.strip_prefix(b"\\u").ok_or(RejectReason::JsonLoneSurrogate)?;
            *rest = after;
            let second = four_digits(rest).filter(|second| (0xDC00..0xE000).contains(second));
            let second = second.ok_or(RejectReason::JsonLoneSurrogate)?;
            0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        }
        code => code,
    };
    char::from_u32(code).ok_or(RejectReason::JsonLoneSurrogate)
}

fn four_digits(rest: &mut &[u8]) -> Option<u32> {
    let (digits, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn append_quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(string: &str, expected: Result<&str, RejectReason>) {
        let mut out = Vec::new();
        let text = unescape(string.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap());
        assert_eq!(text, expected.map(str::to_owned), "{string:?}");
    }

    #[test]
    fn escapes_become_their_text() {
        check("", Ok(""));
        check("plain é", Ok("plain é"));
        check(r#"\"\\\/\b\f\n\r\t"#, Ok("\"\\/\u{8}\u{c}\n\r\t"));
        check(r"\u0041b\u00e9\u20ac", Ok("Abé€"));
        check(r"a\ud83d\ude00b", Ok("a😀b"));
        check(r"\\u0000", Ok("\\u0000"));
        check(r"\u0000", Err(RejectReason::JsonNul));
        for string in [r"\ud83d", r"\ud83dx", r"\ud83d\n", r"\ud83d\u0041", r"\ude00", r"\ud83d\ud83d"] {
            check(string, Err(RejectReason::JsonLoneSurrogate));
        }
    }
}
