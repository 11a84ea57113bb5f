//! Tests of the real loader process.

// A panic is a failed test. The tests of `load` use more of the fixture than these.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code)]

#[path = "../../../load/tests/promises/bucket.rs"]
mod bucket;
mod canary;
#[path = "../../../load/tests/promises/fixture.rs"]
mod fixture;
