//! Tests across crates live beside this file, one target a folder.
