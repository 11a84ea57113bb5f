//! Three mornings of a water works: what its pumps moved and how full its reservoirs were, each quarter of an hour
//! announced by a trigger file. The same seed and day give the same bytes.

use chrono::{DateTime, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use protocol::FailureName;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::feed::{DroppedFile, Expected};

const DAYS: u64 = 3;
const QUARTERS_A_DAY: i32 = 4;
const PUMPS: u32 = 8;
const RESERVOIRS: usize = 5;
/// What a metre of level holds.
const VOLUME_M3_PER_M: u32 = 27_500;

/// What arrives, in three parts, because their order is what the pipeline is about.
pub(crate) struct Morning {
    /// Data files, there before their triggers.
    pub(crate) data: Vec<DroppedFile>,
    pub(crate) triggers: Vec<DroppedFile>,
    /// The data file that its trigger, one of the above, runs ahead of.
    pub(crate) late: DroppedFile,
}

#[derive(Clone, Copy)]
enum Dataset {
    PumpFlow,
    ReservoirLevels,
}

impl Dataset {
    fn name(self) -> &'static str {
        match self {
            Self::PumpFlow => "pump_flow",
            Self::ReservoirLevels => "reservoir_levels",
        }
    }
}

/// The three days before `today`.
pub(crate) fn files(seed: u64, today: NaiveDate) -> Morning {
    let mut works = Works::new(seed);
    let mut data = Vec::new();
    let mut triggers = Vec::new();
    for scheduled in quarters(today) {
        for dataset in [Dataset::PumpFlow, Dataset::ReservoirLevels] {
            let first = data.is_empty();
            let (file, expected) = works.measurements(dataset, scheduled, first);
            data.push(file);
            triggers.push(works.trigger(dataset, "Succeeded", scheduled, expected));
        }
    }
    let next = morning(today - Days::new(1)) + quarter(QUARTERS_A_DAY);
    let failed = Expected::Failed(FailureName::UpstreamFailed);
    triggers.push(works.trigger(Dataset::PumpFlow, "Failed", next, failed));
    let (late, expected) = works.measurements(Dataset::ReservoirLevels, next, false);
    triggers.push(works.trigger(Dataset::ReservoirLevels, "Succeeded", next, expected));
    Morning { data, triggers, late }
}

/// The hours that the measurements are from.
pub(crate) fn hours(today: NaiveDate) -> impl Iterator<Item = DateTime<Utc>> {
    let mut hours: Vec<_> = quarters(today).filter_map(|quarter| Some(quarter.with_minute(0)?.and_utc())).collect();
    hours.dedup();
    hours.into_iter()
}

/// Asks what [`balance`] says.
pub(crate) fn balanced_query(today: NaiveDate) -> String {
    let first = today - Days::new(DAYS);
    format!(
        "select count(*) || ' hours, ' || sum(quarters) || ' quarters' from analytics.water_balance
         where hour >= '{first}T00:00Z' and hour < '{today}T00:00Z'"
    )
}

/// Of each morning all quarters but the first, which has no level before it.
pub(crate) fn balance(today: NaiveDate) -> String {
    let quarters = quarters(today).count() - mornings(today).count();
    format!("{} hours, {quarters} quarters", hours(today).count())
}

fn quarters(today: NaiveDate) -> impl Iterator<Item = NaiveDateTime> {
    mornings(today).flat_map(|morning| (0..QUARTERS_A_DAY).map(move |index| morning + quarter(index)))
}

fn mornings(today: NaiveDate) -> impl Iterator<Item = NaiveDateTime> {
    (1..=DAYS).rev().map(move |ago| morning(today - Days::new(ago)))
}

fn morning(day: NaiveDate) -> NaiveDateTime {
    day.and_time(NaiveTime::MIN) + Duration::minutes(8 * 60 + 15)
}

fn quarter(index: i32) -> Duration {
    Duration::minutes(15) * index
}

/// What measures, and what it measures.
struct Works {
    rng: StdRng,
    volumes_m3: [u32; RESERVOIRS],
}

impl Works {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let volumes_m3 = std::array::from_fn(|_| rng.random_range(33_000..260_000));
        Self { rng, volumes_m3 }
    }

    /// The data file of a quarter, and what loading it must give. With `broken_sensor` one value is a word.
    fn measurements(
        &mut self,
        dataset: Dataset,
        scheduled: NaiveDateTime,
        broken_sensor: bool,
    ) -> (DroppedFile, Expected) {
        let measured_at = scheduled.and_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let mut rows: Vec<Value> = match dataset {
            Dataset::PumpFlow => (1..=PUMPS).map(|pump| self.pump_flow(pump, &measured_at)).collect(),
            Dataset::ReservoirLevels => {
                (0..RESERVOIRS).map(|index| self.reservoir_level(index, &measured_at)).collect()
            }
        };
        if broken_sensor {
            rows[0]["flow_m3_per_h"] = json!("ERR");
        }
        let rejected = u64::from(broken_sensor);
        let expected = Expected::Loaded { rows: rows.len() as u64 - rejected, rejected };
        let name = dataset.name();
        let key = format!(
            "raw_data/{name}/{}/{name}-{}.json",
            scheduled.format("%Y/%m/%d"),
            scheduled.format("%Y-%m-%d-%H:%M:%S")
        );
        let body = format!("{:#}\n", Value::Array(rows)).into_bytes();
        (DroppedFile { key, body, expected: Expected::Ignored }, expected)
    }

    fn pump_flow(&mut self, pump: u32, measured_at: &str) -> Value {
        let running = self.rng.random_ratio(4, 5);
        // A pump that stands still has no pressure to measure.
        let (flow, pressure) = if running {
            (hundredths(self.rng.random_range(8_000..42_000)), hundredths(self.rng.random_range(250..780)))
        } else {
            (json!(0), Value::Null)
        };
        json!({
            "pump_id": format!("P-{pump:02}"),
            "measured_at": measured_at,
            "flow_m3_per_h": flow,
            "pressure_bar": pressure,
            "running": running,
        })
    }

    /// In a quarter a reservoir gains or loses about as much as a pump moves.
    fn reservoir_level(&mut self, index: usize, measured_at: &str) -> Value {
        let volume = self.volumes_m3[index] + self.rng.random_range(0..180) - 60;
        self.volumes_m3[index] = volume;
        json!({
            "reservoir_id": format!("R-{:02}", index + 1),
            "measured_at": measured_at,
            "level_m": hundredths(volume * 100 / VOLUME_M3_PER_M),
            "volume_m3": volume,
        })
    }

    /// An empty file that says all by its name; its process may start some seconds late.
    fn trigger(&mut self, dataset: Dataset, status: &str, scheduled: NaiveDateTime, expected: Expected) -> DroppedFile {
        const FORMAT: &str = "%Y-%m-%d_%H:%M:%S";
        let actual = scheduled + Duration::seconds(self.rng.random_range(0..90));
        let (scheduled, actual) = (scheduled.format(FORMAT), actual.format(FORMAT));
        let key = format!("triggers/{}/{status}_{scheduled}_{actual}.trig", dataset.name());
        DroppedFile { key, body: Vec::new(), expected }
    }
}

fn hundredths(value: u32) -> Value {
    json!(f64::from(value) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 2).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let bytes = |seed| {
            let Morning { data, triggers, late } = files(seed, day());
            data.into_iter().chain(triggers).chain([late]).map(|file| (file.key, file.body)).collect::<Vec<_>>()
        };
        assert_eq!(bytes(7), bytes(7));
        assert_ne!(bytes(7), bytes(8));
    }

    #[test]
    fn keys_are_those_of_the_pipeline() {
        let Morning { data, triggers, late } = files(1, day());
        assert_eq!(data[0].key, "raw_data/pump_flow/2025/12/30/pump_flow-2025-12-30-08:15:00.json");
        assert!(triggers[1].key.starts_with("triggers/reservoir_levels/Succeeded_2025-12-30_08:15:00_2025-12-30_08:1"));
        assert_eq!(late.key, "raw_data/reservoir_levels/2026/01/01/reservoir_levels-2026-01-01-09:15:00.json");
        assert_eq!((data.len(), triggers.len()), (24, 26));
    }

    #[test]
    fn reservoirs_change_little_in_a_quarter() {
        let Morning { data, .. } = files(1, day());
        let volume = |file: &DroppedFile| -> i64 {
            let rows: Vec<Value> = serde_json::from_slice(&file.body).unwrap();
            rows[0]["volume_m3"].as_i64().unwrap()
        };
        let volumes: Vec<i64> = data.iter().filter(|file| file.key.contains("reservoir")).map(volume).collect();
        assert!(volumes.windows(2).all(|pair| (-60..120).contains(&(pair[1] - pair[0]))), "{volumes:?}");
    }

    #[test]
    fn triggers_are_empty_one_has_failed_and_one_value_is_broken() {
        let Morning { data, triggers, .. } = files(1, day());
        assert!(triggers.iter().all(|trigger| trigger.body.is_empty()));
        assert_eq!(triggers.iter().filter(|trigger| matches!(trigger.expected, Expected::Failed(_))).count(), 1);
        let broken: Vec<&DroppedFile> =
            data.iter().filter(|file| String::from_utf8_lossy(&file.body).contains("ERR")).collect();
        assert_eq!(broken.len(), 1);
        assert_eq!(triggers[0].expected, Expected::Loaded { rows: 7, rejected: 1 });
    }
}
