//! PostgreSQL's binary format of `numeric`: the encoder of COPY fields, and the decoder of query results.
//!
//! The format is `numeric_send` in
//! <https://github.com/postgres/postgres/blob/REL_17_STABLE/src/backend/utils/adt/numeric.c>: the count of base-10000
//! digits, the weight of the first digit, the sign, the display scale, and the digits. Every field is 16 bits wide.

mod decimal;
mod decode;
mod encode;
#[cfg(test)]
mod round_trip;

pub use decode::Numeric;

pub(crate) use decimal::Decimal;
pub(crate) use encode::{NumericBounds, encode};
