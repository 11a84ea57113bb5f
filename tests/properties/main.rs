//! What holds for any rows, any bytes and any text. `PROPTEST_CASES` says how many of each are tried, 256 when it is
//! not set; a failure tells the seed with which it comes again.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod any_bytes;
mod postgresql;
mod round_trip;
mod rows;
mod values;

use std::hash::{BuildHasher, RandomState};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Tries the property on many values, and tells of the smallest that breaks it.
#[track_caller]
fn holds<S: Strategy>(values: S, property: impl Fn(S::Value)) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one(()),
    };
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..config });
    let run = runner.run(&values, |value| {
        property(value);
        Ok(())
    });
    if let Err(failure) = run {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        panic!("{failure}\nonce more: PROPTEST_RNG_SEED={seed} cargo test --workspace --test properties {test}");
    }
}
