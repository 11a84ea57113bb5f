//! Tests across crates live beside this file, one target a folder. The library is what several of them share.

pub mod any_bytes;
