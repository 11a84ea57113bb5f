//! Checks for any bytes. Each function parses the bytes as its input, and panics if a promise is broken.
//! The property tests call them with bytes that resemble valid input, the fuzz targets with bytes that reach new code.

#![allow(clippy::panic, reason = "a broken promise is message by a panic, to proptest and to the fuzzer")]

mod conversion;
mod csv;
mod definition;
mod event;
mod json;
mod template;

pub use conversion::{Conversion, convert};
pub use csv::csv;
pub use definition::definition;
pub use event::{event, event_of_key};
pub use json::json;
pub use template::template;
