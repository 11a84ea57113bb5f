use std::path::PathBuf;

use crate::output::Output;

/// Options of [`crate::run`].
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The program `penstock`.
    pub program: PathBuf,
    /// State folder of the temporary stack.
    pub state: PathBuf,
    /// Seeds of the planned failures. The demo runs once more for each of them.
    pub seeds: Vec<u32>,
    /// Prints on stdout.
    pub output: Output,
}
