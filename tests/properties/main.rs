//! Properties of any rows, bytes and texts. `PROPTEST_CASES` sets the number of cases per property, 256 by default. A
//! failure prints the seed that repeats it.

// A test that cannot continue has failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod any_bytes;
mod postgresql;
mod round_trip;
mod rows;
mod values;

use std::hash::{BuildHasher, RandomState};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Checks the property with many values. A failure shows the smallest value that breaks it.
#[track_caller]
fn check_property<S: Strategy>(values: S, property: impl Fn(S::Value)) {
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
