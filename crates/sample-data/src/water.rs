//! Three mornings of measurements from a waterworks: pump flows and reservoir levels. A trigger file announces each
//! quarter of an hour.

use chrono::{DateTime, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use protocol::FailureName;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::sample_file::{ExpectedResult, SampleFile};

const DAYS: u64 = 3;
const QUARTERS_PER_DAY: i32 = 4;
const PUMPS: u32 = 8;
const RESERVOIRS: usize = 5;
const VOLUME_M3_PER_M: u32 = 27_500;

/// The files in three parts, because the order of their upload matters.
#[derive(Debug)]
pub struct WaterFiles {
    /// Data files, to upload before the triggers.
    pub data: Vec<SampleFile>,
    pub triggers: Vec<SampleFile>,
    /// A data file that arrives after its trigger, which is in `triggers`.
    pub late: SampleFile,
}

#[derive(Clone, Copy)]
enum Measurement {
    PumpFlow,
    ReservoirLevels,
}

impl Measurement {
    fn name(self) -> &'static str {
        match self {
            Self::PumpFlow => "pump_flow",
            Self::ReservoirLevels => "reservoir_levels",
        }
    }
}

/// Generates the files of the three days before `today`.
pub fn files(seed: u64, today: NaiveDate) -> WaterFiles {
    let mut works = Waterworks::new(seed);
    let mut data = Vec::new();
    let mut triggers = Vec::new();
    for scheduled in quarters(today) {
        for dataset in [Measurement::PumpFlow, Measurement::ReservoirLevels] {
            let first = data.is_empty();
            let (file, expected) = works.measurements(dataset, scheduled, first);
            data.push(file);
            triggers.push(works.trigger(dataset, "Succeeded", scheduled, expected));
        }
    }
    let next = morning(today - Days::new(1)) + quarter(QUARTERS_PER_DAY);
    let failed = ExpectedResult::Failed(FailureName::UpstreamFailed);
    triggers.push(works.trigger(Measurement::PumpFlow, "Failed", next, failed));
    let (late, expected) = works.measurements(Measurement::ReservoirLevels, next, false);
    triggers.push(works.trigger(Measurement::ReservoirLevels, "Succeeded", next, expected));
    WaterFiles { data, triggers, late }
}

/// Returns the hours of the measurements.
pub fn hours(today: NaiveDate) -> impl Iterator<Item = DateTime<Utc>> {
    let mut hours: Vec<_> = quarters(today).filter_map(|quarter| Some(quarter.with_minute(0)?.and_utc())).collect();
    hours.dedup();
    hours.into_iter()
}

/// Returns the first day of the measurements.
pub fn first_day(today: NaiveDate) -> NaiveDate {
    today - Days::new(DAYS)
}

/// Returns how many quarters of an hour have a water balance. The first of each morning has none, because no level
/// precedes it.
pub fn balanced_quarters(today: NaiveDate) -> usize {
    quarters(today).count() - mornings(today).count()
}

fn quarters(today: NaiveDate) -> impl Iterator<Item = NaiveDateTime> {
    mornings(today).flat_map(|morning| (0..QUARTERS_PER_DAY).map(move |index| morning + quarter(index)))
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

/// The state of the waterworks between two measurements.
struct Waterworks {
    rng: StdRng,
    volumes_m3: [u32; RESERVOIRS],
}

impl Waterworks {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let volumes_m3 = std::array::from_fn(|_| rng.random_range(33_000..260_000));
        Self { rng, volumes_m3 }
    }

    /// Returns the data file of a quarter and the expected result of its load. With `broken_sensor`, one value is a word.
    fn measurements(
        &mut self,
        dataset: Measurement,
        scheduled: NaiveDateTime,
        broken_sensor: bool,
    ) -> (SampleFile, ExpectedResult) {
        let measured_at = scheduled.and_utc().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let mut rows: Vec<Value> = match dataset {
            Measurement::PumpFlow => (1..=PUMPS).map(|pump| self.pump_flow(pump, &measured_at)).collect(),
            Measurement::ReservoirLevels => {
                (0..RESERVOIRS).map(|index| self.reservoir_level(index, &measured_at)).collect()
            }
        };
        if broken_sensor {
            rows[0]["flow_m3_per_h"] = json!("ERR");
        }
        let rejected = u64::from(broken_sensor);
        let expected = ExpectedResult::Loaded { rows: rows.len() as u64 - rejected, rejected };
        let name = dataset.name();
        let key = format!(
            "raw_data/{name}/{}/{name}-{}.json",
            scheduled.format("%Y/%m/%d"),
            scheduled.format("%Y-%m-%d-%H:%M:%S")
        );
        let body = format!("{:#}\n", Value::Array(rows)).into_bytes();
        (SampleFile { key, body, expected: ExpectedResult::Ignored }, expected)
    }

    fn pump_flow(&mut self, pump: u32, measured_at: &str) -> Value {
        let running = self.rng.random_ratio(4, 5);
        // A stopped pump has no pressure.
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

    /// A reservoir changes by about the flow of one pump per quarter.
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

    /// Returns an empty file; its name has all information. The actual time is up to 90 s after the scheduled time.
    fn trigger(
        &mut self,
        dataset: Measurement,
        status: &str,
        scheduled: NaiveDateTime,
        expected: ExpectedResult,
    ) -> SampleFile {
        const FORMAT: &str = "%Y-%m-%d_%H:%M:%S";
        let actual = scheduled + Duration::seconds(self.rng.random_range(0..90));
        let (scheduled, actual) = (scheduled.format(FORMAT), actual.format(FORMAT));
        let key = format!("triggers/{}/{status}_{scheduled}_{actual}.trig", dataset.name());
        SampleFile { key, body: Vec::new(), expected }
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
    fn water_bytes_depend_on_the_seed_only() {
        let bytes = |seed| {
            let WaterFiles { data, triggers, late } = files(seed, day());
            data.into_iter().chain(triggers).chain([late]).map(|file| (file.key, file.body)).collect::<Vec<_>>()
        };
        assert_eq!(bytes(7), bytes(7));
        assert_ne!(bytes(7), bytes(8));
    }

    #[test]
    fn keys_match_the_pipeline_templates() {
        let WaterFiles { data, triggers, late } = files(1, day());
        assert_eq!(data[0].key, "raw_data/pump_flow/2025/12/30/pump_flow-2025-12-30-08:15:00.json");
        assert!(triggers[1].key.starts_with("triggers/reservoir_levels/Succeeded_2025-12-30_08:15:00_2025-12-30_08:1"));
        assert_eq!(late.key, "raw_data/reservoir_levels/2026/01/01/reservoir_levels-2026-01-01-09:15:00.json");
        assert_eq!((data.len(), triggers.len()), (24, 26));
    }

    #[test]
    fn reservoir_volume_changes_slowly() {
        let WaterFiles { data, .. } = files(1, day());
        let volume = |file: &SampleFile| -> i64 {
            let rows: Vec<Value> = serde_json::from_slice(&file.body).unwrap();
            rows[0]["volume_m3"].as_i64().unwrap()
        };
        let volumes: Vec<i64> = data.iter().filter(|file| file.key.contains("reservoir")).map(volume).collect();
        assert!(volumes.windows(2).all(|pair| (-60..120).contains(&(pair[1] - pair[0]))), "{volumes:?}");
    }

    #[test]
    fn one_trigger_fails_and_one_value_is_malformed() {
        let WaterFiles { data, triggers, .. } = files(1, day());
        assert!(triggers.iter().all(|trigger| trigger.body.is_empty()));
        assert_eq!(triggers.iter().filter(|trigger| matches!(trigger.expected, ExpectedResult::Failed(_))).count(), 1);
        let broken: Vec<&SampleFile> =
            data.iter().filter(|file| String::from_utf8_lossy(&file.body).contains("ERR")).collect();
        assert_eq!(broken.len(), 1);
        assert_eq!(triggers[0].expected, ExpectedResult::Loaded { rows: 7, rejected: 1 });
    }
}
