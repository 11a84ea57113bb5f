use std::time::{Duration, Instant};

use chrono::Utc;
use local_stack::AwsClients;

use crate::command::Penstock;
use crate::comparison::print_comparison;
use crate::database::Database;
use crate::error::Result;
use crate::options::DemoOptions;
use crate::output::{Output, heading};
use crate::result::DemoResult;
use crate::stack::DemoStack;
use crate::{checksums, exports, files, notices, planned_failures, runs, stack, tables};

/// Runs the demo. Returns false if a result is not the expected one.
pub async fn run(options: &DemoOptions) -> Result<bool> {
    let started = Instant::now();
    let calm = run_once(options, None).await?;
    let mut is_as_expected = calm.is_as_expected();
    for &seed in options.seeds.iter().take_while(|_| calm.is_as_expected()) {
        let failing = run_once(options, Some(seed)).await?;
        is_as_expected &= print_comparison(seed, &calm, &failing, &options.output);
    }
    options.output.line(&format!("\ntotal time: {:.1} s", started.elapsed().as_secs_f64()));
    Ok(is_as_expected)
}

/// Runs one demo on a new stack.
async fn run_once(options: &DemoOptions, seed: Option<u32>) -> Result<DemoResult> {
    let started = Instant::now();
    let penstock = Penstock::new(&options.program, &options.state);
    let stack = DemoStack::start(&penstock, options, seed)?;
    let shown = show(&penstock, &stack, options, seed).await;
    stack.stop()?;
    eprintln!("the stack is stopped");
    let result = DemoResult { duration: started.elapsed(), ..shown? };
    if result.is_as_expected() {
        stack::remove(&options.state)?;
    } else {
        eprintln!("the logs are in {}", options.state.join("log").display());
    }
    Ok(result)
}

async fn show(penstock: &Penstock, stack: &DemoStack, options: &DemoOptions, seed: Option<u32>) -> Result<DemoResult> {
    let output = &options.output;
    let env = &stack.env;
    let clients = AwsClients::of(env).await;
    let database = Database::connect(env.database_url.as_deref().unwrap_or_default()).await?;
    let today = Utc::now().date_naive();
    // A database of the user may have runs of an earlier demo.
    let earlier = runs::latest_run_id(penstock)?;
    let dropped = files::drop_all(penstock, &options.state, today)?;
    let mut latest = dropped.executions.clone();
    let mut report = runs::wait_for_end(penstock)?;
    let mut failures = Vec::new();
    if seed.is_some() {
        failures = planned_failures::occurred(&clients, &dropped.executions, &report).await?;
        stack.remove_fault_plan()?;
        heading(output, "The planned failures have ended: failed files and runs are started again");
        latest = planned_failures::replay_failed_files(penstock, &dropped.executions)?;
        planned_failures::repeat_failed_runs(penstock)?;
        report = runs::wait_for_end(penstock)?;
    }
    report.runs.retain(|run| run.run_id > earlier);
    let mut problems = files::problems(&dropped.files, &latest);

    heading(output, "Runs and files");
    penstock.show(&["runs", "--limit", runs::LIMIT])?;
    tables::print_schema(&database, "staging", &format!("limit {}", tables::SAMPLE_ROWS), output).await?;
    tables::print_rejects(&database, output).await?;
    tables::print_schema(&database, "analytics", "order by 1", output).await?;
    problems.extend(tables::water_balance_problem(&database, today).await?);
    problems.extend(exports::print(&database, &clients, &report.runs, output).await?);
    if earlier == 0 {
        problems.extend(runs::problems(&report.runs, today));
    }
    if let Some(queue) = &env.notifications_queue_url {
        let executions: Vec<_> = dropped.executions.iter().chain(&latest).collect();
        let notices = notices::receive(&clients, queue, &executions, &report.runs).await?;
        notices::print(&notices, output);
        problems.extend(planned_failures::notice_problem(&executions, &report, &notices));
    }
    let tables = checksums::of_tables(&database).await?;
    checksums::print(&tables, output);
    print_problems(&problems, output);
    Ok(DemoResult { problems, tables, failures, duration: Duration::ZERO })
}

fn print_problems(problems: &[String], output: &Output) {
    if problems.is_empty() {
        output.line("\nEvery file, run and export has its expected result.");
        return;
    }
    heading(output, "Unexpected results");
    for problem in problems {
        output.line(problem);
    }
}
