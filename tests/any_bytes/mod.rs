//! What holds for any bytes: a function takes them, reads of them what it needs, and panics when a promise is broken.
//! The property tests give it bytes that look like what it reads, the fuzz targets those that reach new code.

#![allow(clippy::panic, reason = "a broken promise is told by a panic, to proptest and to the fuzzer")]

mod converted;
mod csv;
mod definition;
mod event;
mod json;
mod template;

pub use converted::{Converted, convert};
pub use csv::csv;
pub use definition::definition;
pub use event::{event, event_of_key};
pub use json::json;
pub use template::template;
