//! What the demo prints of runs: which there were, what they built, and what they wrote to the curated bucket.

use std::path::Path;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::report::heading;
use super::water;
use crate::cloud::Cloud;
use crate::history::{Exported, History, Run, print_missing, print_runs};
use crate::local::Pipelines;
use crate::numbers::grouped;
use crate::table::{print, say};
use crate::{Error, Result};

const SAMPLE_ROWS: usize = 3;
const REJECTS_SHOWN: usize = 12;
const RUNS_MAX: u32 = 1_000;
/// Wider tables of one row are shown upright.
const COLUMNS_ACROSS_MAX: usize = 8;
const EXPORT_LINES_SHOWN: usize = 3;

/// Prints how many rows each staging table has, the first few of each, and the rejects.
pub(crate) async fn staged(history: &History, pipelines: &Path) -> Result<()> {
    let catalog = Pipelines::read(pipelines)?.catalog;
    for dataset in catalog.definitions().iter().flat_map(|definition| &definition.datasets) {
        show(history, &dataset.table.to_string(), &dataset.table.quoted(), &format!("limit {SAMPLE_ROWS}")).await?;
    }
    heading("Rejects");
    let rejects = format!(
        r#"select table_name as "table", line, "column", reason, left(regexp_replace(raw, '\s+', ' ', 'g'), 60) as record
           from penstock.reject join penstock.load using (load_id) order by load_id, line limit {REJECTS_SHOWN}"#
    );
    print_texts(history.texts(&rejects).await?);
    Ok(())
}

/// Prints the runs after `earlier`, and gives them, the newest first.
pub(crate) async fn runs(history: &History, earlier: i64) -> Result<Vec<Run>> {
    let mut runs = history.runs(None, false, RUNS_MAX).await?;
    runs.retain(|run| run.run_id > earlier);
    heading("Runs");
    print_runs(&runs);
    let missing = history.missing(None).await?;
    if !missing.is_empty() {
        heading("Missing");
        print_missing(&missing);
    }
    Ok(runs)
}

/// Gives the periods that have not run, and the latest runs that have not succeeded or have exported nothing.
pub(crate) fn surprises(runs: &[Run], today: NaiveDate) -> Vec<String> {
    let mut expected = vec![("retail", today.and_time(NaiveTime::MIN).and_utc())];
    expected.extend(water::hours(today).map(|hour| ("water", hour)));
    let latest = |(pipeline, at): &(&str, DateTime<Utc>)| {
        runs.iter().find(|run| run.pipeline == *pipeline && run.logical_at == *at)
    };
    let surprise = |period: &(&str, DateTime<Utc>)| match latest(period) {
        None => Some(format!("{} of {} has not run", period.0, period.1)),
        Some(run) if run.state == "Succeeded" && run.exports > 0 => None,
        Some(run) => Some(format!(
            "run {} of {}, {}: {} with {} exports",
            run.run_id, run.pipeline, run.logical_at, run.state, run.exports
        )),
    };
    expected.iter().filter_map(surprise).collect()
}

/// Prints every table that transforms have built, and gives what is not as the files have it.
pub(crate) async fn analytics(history: &History, today: NaiveDate) -> Result<Option<String>> {
    let tables = "select table_name, quote_ident(table_name) from information_schema.tables
                  where table_schema = 'analytics' order by 1";
    let (_, tables) = history.texts(tables).await?;
    for table in &tables {
        if let [Some(name), Some(quoted)] = table.as_slice() {
            let name = format!("analytics.{name}");
            show(history, &name, &format!("analytics.{quoted}"), "order by 1").await?;
        }
    }
    let found = one(history, &water::balanced_query(today)).await?;
    let expected = water::balance(today);
    Ok((found != expected).then(|| format!("water is balanced over {found}, and not over {expected}")))
}

/// Prints what the runs have exported, with the first lines of each pipeline's latest; gives what is not in the bucket as
/// its run says.
pub(crate) async fn exports(history: &History, cloud: &Cloud, runs: &[Run]) -> Result<Vec<String>> {
    let mut exports = Vec::new();
    for run in runs.iter().rev() {
        exports.extend(history.exports(run.run_id).await?);
    }
    heading("Exports");
    let cells = |it: &Exported| vec![format!("s3://{}/{}", it.bucket, it.key), grouped(it.rows), grouped(it.bytes)];
    print(&["key", "rows", "bytes"], &exports.iter().map(cells).collect::<Vec<_>>());
    let latest = |pipeline: &str| runs.iter().find(|run| run.pipeline == pipeline && run.exports > 0);
    let mut surprises = Vec::new();
    for run in ["retail", "water"].into_iter().filter_map(latest) {
        for export in history.exports(run.run_id).await? {
            surprises.extend(show_export(cloud, &export).await?);
        }
    }
    Ok(surprises)
}

async fn show_export(cloud: &Cloud, export: &Exported) -> Result<Option<String>> {
    let Exported { bucket, key, rows, bytes } = export;
    let failed = || Error::cloud(format!("reading s3://{bucket}/{key}"));
    let object = cloud.s3.get_object().bucket(bucket).key(key).send().await.map_err(|error| failed()(error.into()))?;
    let body = object.body.collect().await.map_err(|error| failed()(error.into()))?.into_bytes();
    let text = String::from_utf8_lossy(&body);
    heading(key);
    text.lines().take(EXPORT_LINES_SHOWN).for_each(say);
    let found = (text.lines().skip(1).count(), body.len());
    let as_told = (usize::try_from(*rows).ok(), usize::try_from(*bytes).ok()) == (Some(found.0), Some(found.1));
    Ok((!as_told).then(|| format!("{key} has {} rows in {} bytes, not {rows} in {bytes}", found.0, found.1)))
}

/// The rows that `select * from … {which}` gives.
async fn show(history: &History, name: &str, quoted: &str, which: &str) -> Result<()> {
    let count = one(history, &format!("select count(*) from {quoted}")).await?;
    let rows = if count == "1" { "row" } else { "rows" };
    heading(&format!("{name}: {} {rows}", count.parse::<i64>().map_or_else(|_| count.clone(), grouped)));
    print_texts(history.texts(&format!("select * from {quoted} {which}")).await?);
    Ok(())
}

/// The one value that a query gives.
async fn one(history: &History, query: &str) -> Result<String> {
    let (_, rows) = history.texts(query).await?;
    Ok(rows.into_iter().flatten().flatten().next().unwrap_or_default())
}

fn print_texts((names, rows): (Vec<String>, Vec<Vec<Option<String>>>)) {
    let cells = |row: Vec<Option<String>>| row.into_iter().map(|cell| cell.unwrap_or_else(|| "∅".to_owned()));
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|row| cells(row).collect()).collect();
    match rows.as_mut_slice() {
        [] => say("(none)"),
        [row] if names.len() > COLUMNS_ACROSS_MAX => {
            let pairs: Vec<Vec<String>> = names.into_iter().zip(row.drain(..)).map(|(a, b)| vec![a, b]).collect();
            print(&["column", "value"], &pairs);
        }
        rows => print(&names.iter().map(String::as_str).collect::<Vec<_>>(), rows),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(run_id: i64, pipeline: &str, logical_at: &str, state: &str) -> Run {
        let run = json!({
            "run_id": run_id, "pipeline": pipeline, "logical_at": logical_at, "state": state,
            "datasets_needed": 2, "datasets_arrived": 2, "loads": 2, "rows_loaded": 9, "rows_rejected": 0, "exports": 1,
            "started_at": logical_at,
        });
        serde_json::from_value(run).unwrap()
    }

    #[test]
    fn every_period_has_run_and_its_latest_run_counts() {
        let today = NaiveDate::from_ymd_opt(2024, 5, 4).unwrap();
        let mut runs = vec![run(9, "retail", "2024-05-04T00:00:00Z", "Succeeded")];
        for day in ["2024-05-01", "2024-05-02", "2024-05-03"] {
            for hour in ["08", "09"] {
                runs.push(run(8, "water", &format!("{day}T{hour}:00:00Z"), "Succeeded"));
            }
        }
        assert_eq!(surprises(&runs, today), [""; 0]);
        // An earlier attempt of the day.
        runs.push(run(1, "retail", "2024-05-04T00:00:00Z", "Failed"));
        assert_eq!(surprises(&runs, today), [""; 0]);
        runs[0].state = "Failed".to_owned();
        runs.remove(6);
        let expected = [
            "run 9 of retail, 2024-05-04 00:00:00 UTC: Failed with 1 exports",
            "water of 2024-05-03 09:00:00 UTC has not run",
        ];
        assert_eq!(surprises(&runs, today), expected);
    }
}
