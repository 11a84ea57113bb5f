use crate::copy;
use crate::json_syntax::{JsonKind, JsonLexer, check_unescaped};
use crate::numeric::Decimal;
use crate::reject::RejectReason;

/// The version of the format that `jsonb_recv` reads; the JSON text follows it.
const VERSION: u8 = 1;

/// Any JSON value, its text kept as it is. PostgreSQL would end the whole COPY over one that it cannot keep.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) -> Result<(), RejectReason> {
    validate(text)?;
    out.extend_from_slice(&copy::length(1 + text.len()));
    out.push(VERSION);
    out.extend_from_slice(text);
    Ok(())
}

/// Whether it is JSON, and such as PostgreSQL can keep.
pub(crate) fn validate(text: &[u8]) -> Result<(), RejectReason> {
    let mut lexer = JsonLexer::new(text);
    // What is valid JSON and yet nothing that PostgreSQL can keep is looked for token by token.
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
