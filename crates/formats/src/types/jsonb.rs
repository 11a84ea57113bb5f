use crate::copy;
use crate::json_syntax::{JsonKind, JsonLexer, check_unescaped};
use crate::numeric::Decimal;
use crate::reject::RejectReason;

/// Version byte of the format of `jsonb_recv`. JSON text follows it.
const VERSION: u8 = 1;

/// Appends a JSON value without changing its text. PostgreSQL would abort the whole COPY for a value that it cannot
/// store.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) -> Result<(), RejectReason> {
    validate(text)?;
    out.extend_from_slice(&copy::length(1 + text.len()));
    out.push(VERSION);
    out.extend_from_slice(text);
    Ok(())
}

/// Checks that `text` is JSON that PostgreSQL can store.
pub(crate) fn validate(text: &[u8]) -> Result<(), RejectReason> {
    let mut lexer = JsonLexer::new(text);
    // Valid JSON can hold tokens that PostgreSQL cannot store.
    let mut unkept = None;
    lexer.document(&mut |kind, token: &[u8]| {
        let kept = match kind {
            JsonKind::String { escaped: true } => check_unescaped(token),
            JsonKind::Number => check_number(token),
            _ => Ok(()),
        };
        if let Err(reason) = kept {
            unkept.get_or_insert(reason);
        }
    })?;
    unkept.map_or(Ok(()), Err)
}

fn check_number(token: &[u8]) -> Result<(), RejectReason> {
    if Decimal::parse(token)?.fits_json() { Ok(()) } else { Err(RejectReason::OutOfRange("a number in jsonb")) }
}
