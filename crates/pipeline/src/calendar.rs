//! Converts local times of a pipeline's time zone, across changes to and from daylight saving time.
//!
//! A local time in a key that occurs twice is the first of the two. A skipped local time moves forward by the gap.
//! Periods are different: at the end of daylight saving time, each repeated hour is a separate period. A period with a
//! skipped start begins at the first instant after the gap.

use chrono::offset::LocalResult;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::GapInfo;

use crate::definition::Definition;
use crate::run::Per;

impl Definition {
    /// Returns the instant of a local time in the pipeline's zone. A local time that occurs twice is the first of the
    /// two; a skipped local time moves forward by the gap.
    pub fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        match self.timezone.from_local_datetime(&local) {
            LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => instant.to_utc(),
            LocalResult::None => {
                // In every zone one day earlier is before the gap, and has the offset that the gap ends.
                let before = local.checked_sub_signed(TimeDelta::days(1)).unwrap_or(local);
                let offset = self.timezone.offset_from_utc_datetime(&before).fix();
                local.checked_sub_offset(offset).unwrap_or(local).and_utc()
            }
        }
    }

    /// Returns the local time of an instant in the pipeline's zone.
    pub fn local(&self, instant: DateTime<Utc>) -> NaiveDateTime {
        instant.with_timezone(&self.timezone).naive_local()
    }

    /// Returns the start of the period of `logical_at`: of its hour, day or month in the pipeline's zone. With
    /// `per = "file"` it is `logical_at` itself. Never after `logical_at`.
    pub fn period(&self, logical_at: DateTime<Utc>) -> DateTime<Utc> {
        let local = self.local(logical_at);
        let day = local.date();
        let begins = match self.run.per {
            Per::File => return logical_at,
            Per::Hour => day.and_hms_opt(local.hour(), 0, 0),
            Per::Day => Some(day.and_time(NaiveTime::MIN)),
            Per::Month => day.with_day(1).map(|first| first.and_time(NaiveTime::MIN)),
        };
        begins.map_or(logical_at, |begins| self.beginning(begins, logical_at))
    }

    /// Returns the day of a run in the pipeline's zone; `:run_date` in transforms.
    pub fn run_date(&self, logical_at: DateTime<Utc>) -> NaiveDate {
        self.local(logical_at).date()
    }

    /// Returns the name of a run's period in the pipeline's zone: `2024-05-01 09:00`, `2024-05-01` or `2024-05`. With
    /// `per = "file"` it is the logical time without trailing zeros.
    pub fn period_name(&self, logical_at: DateTime<Utc>) -> String {
        let local = self.local(logical_at);
        let format = match self.run.per {
            Per::Month => "%Y-%m",
            Per::Day => "%Y-%m-%d",
            Per::Hour => "%Y-%m-%d %H:%M",
            Per::File if local.time() == NaiveTime::MIN => "%Y-%m-%d",
            Per::File if local.second() == 0 => "%Y-%m-%d %H:%M",
            Per::File => "%Y-%m-%d %H:%M:%S",
        };
        local.format(format).to_string()
    }

    /// Returns the first instant of the period that begins at the local time and contains `within`.
    fn beginning(&self, local: NaiveDateTime, within: DateTime<Utc>) -> DateTime<Utc> {
        match self.timezone.from_local_datetime(&local) {
            LocalResult::Single(instant) => instant.to_utc(),
            LocalResult::Ambiguous(_, second) if self.run.per == Per::Hour && second <= within => second.to_utc(),
            LocalResult::Ambiguous(first, _) => first.to_utc(),
            LocalResult::None => {
                let after_gap = GapInfo::new(&local, &self.timezone).and_then(|gap| gap.end);
                after_gap.map_or(within, |end| end.to_utc())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;

    const FORMAT: &str = "%Y-%m-%d %H:%M";

    #[test]
    fn period_names_are_in_the_local_zone() {
        let check = |per: &str, logical_at: &str, expected: &str| {
            let name = definition(Tz::Europe__Amsterdam, per).period_name(logical_at.parse().unwrap());
            assert_eq!(name, expected, "{per} {logical_at}");
        };
        check("day", "2024-04-30T22:00:00Z", "2024-05-01");
        check("month", "2024-04-30T22:00:00Z", "2024-05");
        check("hour", "2024-05-01T07:00:00Z", "2024-05-01 09:00");
        check("file", "2024-04-30T22:00:00Z", "2024-05-01");
        check("file", "2024-05-01T07:15:00Z", "2024-05-01 09:15");
        check("file", "2024-05-01T07:15:30Z", "2024-05-01 09:15:30");
    }

    fn definition(timezone: Tz, per: &str) -> Definition {
        let text = format!(
            "timezone = '{timezone}'\n[run]\nwhen = 'all'\nper = '{per}'\n[datasets.x]\nsource = 'x'\ntable = 'x'\n"
        );
        Definition::parse("p", "pipeline.toml", &text).unwrap()
    }

    fn utc(text: &str) -> DateTime<Utc> {
        NaiveDateTime::parse_from_str(text, FORMAT).unwrap().and_utc()
    }

    #[test]
    fn local_times_map_to_instants() {
        let check = |timezone: Tz, local: &str, instant: &str| {
            let local = NaiveDateTime::parse_from_str(local, FORMAT).unwrap();
            let found = definition(timezone, "file").instant(local);
            assert_eq!(found.format(FORMAT).to_string(), instant, "{timezone} {local}");
        };
        check(Tz::UTC, "2024-03-31 02:30", "2024-03-31 02:30");
        // Skipped: 02:00 to 03:00.
        check(Tz::Europe__Berlin, "2024-03-31 01:59", "2024-03-31 00:59");
        check(Tz::Europe__Berlin, "2024-03-31 02:00", "2024-03-31 01:00");
        check(Tz::Europe__Berlin, "2024-03-31 02:30", "2024-03-31 01:30");
        check(Tz::Europe__Berlin, "2024-03-31 03:00", "2024-03-31 01:00");
        // Repeated: 02:00 to 03:00.
        check(Tz::Europe__Berlin, "2024-10-27 01:59", "2024-10-26 23:59");
        check(Tz::Europe__Berlin, "2024-10-27 02:00", "2024-10-27 00:00");
        check(Tz::Europe__Berlin, "2024-10-27 02:30", "2024-10-27 00:30");
        check(Tz::Europe__Berlin, "2024-10-27 03:00", "2024-10-27 02:00");
        // Skipped: 02:00 to 03:00.
        check(Tz::America__New_York, "2024-03-10 01:59", "2024-03-10 06:59");
        check(Tz::America__New_York, "2024-03-10 02:30", "2024-03-10 07:30");
        check(Tz::America__New_York, "2024-03-10 03:00", "2024-03-10 07:00");
        // Repeated: 01:00 to 02:00.
        check(Tz::America__New_York, "2024-11-03 00:59", "2024-11-03 04:59");
        check(Tz::America__New_York, "2024-11-03 01:30", "2024-11-03 05:30");
        check(Tz::America__New_York, "2024-11-03 02:00", "2024-11-03 07:00");
        // A gap of half an hour, and one of a whole day.
        check(Tz::Australia__Lord_Howe, "2024-10-06 02:15", "2024-10-05 15:45");
        check(Tz::Pacific__Apia, "2011-12-30 12:00", "2011-12-30 22:00");
    }

    #[test]
    fn periods_across_daylight_saving() {
        let check = |timezone: Tz, per: &str, instant: &str, period: &str, run_date: &str| {
            let definition = definition(timezone, per);
            let found = definition.period(utc(instant));
            assert_eq!(found.format(FORMAT).to_string(), period, "{timezone} {per} {instant}");
            assert_eq!(definition.run_date(utc(instant)).to_string(), run_date, "{timezone} {instant}");
            assert!(found <= utc(instant));
            assert_eq!(definition.period(found), found, "a period's start is in the period");
        };
        check(Tz::UTC, "file", "2024-02-29 13:45", "2024-02-29 13:45", "2024-02-29");
        check(Tz::UTC, "hour", "2024-02-29 13:45", "2024-02-29 13:00", "2024-02-29");
        check(Tz::UTC, "day", "2024-02-29 13:45", "2024-02-29 00:00", "2024-02-29");
        check(Tz::UTC, "month", "2024-02-29 13:45", "2024-02-01 00:00", "2024-02-29");

        // 02:00 becomes 03:00 at 01:00 UTC: the day has 23 hours; the month began in standard time.
        check(Tz::Europe__Berlin, "hour", "2024-03-31 00:59", "2024-03-31 00:00", "2024-03-31");
        check(Tz::Europe__Berlin, "hour", "2024-03-31 01:00", "2024-03-31 01:00", "2024-03-31");
        check(Tz::Europe__Berlin, "hour", "2024-03-31 01:30", "2024-03-31 01:00", "2024-03-31");
        check(Tz::Europe__Berlin, "day", "2024-03-31 12:00", "2024-03-30 23:00", "2024-03-31");
        check(Tz::Europe__Berlin, "day", "2024-03-31 22:00", "2024-03-31 22:00", "2024-04-01");
        check(Tz::Europe__Berlin, "month", "2024-03-31 12:00", "2024-02-29 23:00", "2024-03-31");
        // 03:00 becomes 02:00 at 01:00 UTC: two hours with one name; the day has 25 hours.
        check(Tz::Europe__Berlin, "hour", "2024-10-27 00:30", "2024-10-27 00:00", "2024-10-27");
        check(Tz::Europe__Berlin, "hour", "2024-10-27 01:30", "2024-10-27 01:00", "2024-10-27");
        check(Tz::Europe__Berlin, "hour", "2024-10-27 02:30", "2024-10-27 02:00", "2024-10-27");
        check(Tz::Europe__Berlin, "day", "2024-10-27 22:59", "2024-10-26 22:00", "2024-10-27");
        check(Tz::Europe__Berlin, "day", "2024-10-27 23:00", "2024-10-27 23:00", "2024-10-28");
        check(Tz::Europe__Berlin, "month", "2024-10-27 12:00", "2024-09-30 22:00", "2024-10-27");

        check(Tz::America__New_York, "hour", "2024-03-10 07:15", "2024-03-10 07:00", "2024-03-10");
        check(Tz::America__New_York, "day", "2024-03-11 03:59", "2024-03-10 05:00", "2024-03-10");
        check(Tz::America__New_York, "hour", "2024-11-03 05:59", "2024-11-03 05:00", "2024-11-03");
        check(Tz::America__New_York, "hour", "2024-11-03 06:59", "2024-11-03 06:00", "2024-11-03");
        check(Tz::America__New_York, "day", "2024-11-04 04:59", "2024-11-03 04:00", "2024-11-03");

        // 02:00 becomes 02:30 at 15:30 UTC: the next hour has 30 minutes.
        check(Tz::Australia__Lord_Howe, "hour", "2024-10-05 15:29", "2024-10-05 14:30", "2024-10-06");
        check(Tz::Australia__Lord_Howe, "hour", "2024-10-05 15:45", "2024-10-05 15:30", "2024-10-06");
        check(Tz::Australia__Lord_Howe, "day", "2024-10-06 12:00", "2024-10-05 13:30", "2024-10-06");
        // 02:00 becomes 01:30 at 15:00 UTC: the hour has one start and 90 minutes.
        check(Tz::Australia__Lord_Howe, "hour", "2024-04-06 14:50", "2024-04-06 14:00", "2024-04-07");
        check(Tz::Australia__Lord_Howe, "hour", "2024-04-06 15:20", "2024-04-06 14:00", "2024-04-07");
        check(Tz::Australia__Lord_Howe, "hour", "2024-04-06 15:30", "2024-04-06 15:30", "2024-04-07");

        // 00:00 becomes 01:00 at 22:00 UTC: the day begins at 01:00.
        check(Tz::Africa__Cairo, "day", "2024-04-25 21:59", "2024-04-24 22:00", "2024-04-25");
        check(Tz::Africa__Cairo, "day", "2024-04-25 22:00", "2024-04-25 22:00", "2024-04-26");
        check(Tz::Africa__Cairo, "hour", "2024-04-25 22:40", "2024-04-25 22:00", "2024-04-26");
        // 01:00 becomes 00:00 at 05:00 UTC: the day has two midnights and begins at the first.
        check(Tz::America__Havana, "day", "2024-11-03 05:30", "2024-11-03 04:00", "2024-11-03");
        check(Tz::America__Havana, "hour", "2024-11-03 04:30", "2024-11-03 04:00", "2024-11-03");
        check(Tz::America__Havana, "hour", "2024-11-03 05:30", "2024-11-03 05:00", "2024-11-03");
        // 00:01 becomes 01:01 at 03:31 UTC: the hour of 01:00 begins one minute late.
        check(Tz::America__St_Johns, "hour", "2010-03-14 03:30", "2010-03-14 03:30", "2010-03-14");
        check(Tz::America__St_Johns, "hour", "2010-03-14 03:40", "2010-03-14 03:31", "2010-03-14");
        // The 30th of December 2011 did not exist there.
        check(Tz::Pacific__Apia, "day", "2011-12-30 09:59", "2011-12-29 10:00", "2011-12-29");
        check(Tz::Pacific__Apia, "day", "2011-12-30 10:00", "2011-12-30 10:00", "2011-12-31");
    }
}
