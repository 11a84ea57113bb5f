use clap::Args;
use demo::{DemoOptions, Output};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::output::{grouped, print_line, print_table};

/// Load both example pipelines on a temporary stack and print the results
///
/// Starts a stack in `.local/demo`, drops generated files, prints tables, runs, exports and notices, and stops the
/// stack. Exits with status 1 if a result is not the expected one.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Run the demo again with planned failures, and compare the tables. Separate several seeds with commas. The same
    /// seed plans the same failures. Ignores DATABASE_URL
    #[arg(long, value_name = "SEED", value_delimiter = ',')]
    chaos: Vec<u32>,
}

pub(crate) async fn run(args: DemoArgs, context: &Context) -> Result<bool> {
    let options = DemoOptions {
        program: std::env::current_exe().map_err(Error::file("find", "penstock".as_ref()))?,
        state: context.state_folder()?.join("demo"),
        seeds: args.chaos,
        output: Output { print_line, print_table, grouped: |number| grouped(number) },
    };
    Ok(demo::run(&options).await?)
}
