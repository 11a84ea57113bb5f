use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use pipeline::Definition;

/// A time on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeArgument {
    /// Without an offset: in the time zone of the pipeline, or in UTC for commands without one.
    Local(NaiveDateTime),
    Instant(DateTime<Utc>),
}

impl TimeArgument {
    /// Returns the time in the time zone of the pipeline.
    pub(crate) fn local(self, definition: &Definition) -> NaiveDateTime {
        match self {
            Self::Local(local) => local,
            Self::Instant(instant) => definition.local(instant),
        }
    }

    /// Returns the time. A time without an offset is in UTC.
    pub(crate) fn utc(self) -> DateTime<Utc> {
        match self {
            Self::Local(local) => local.and_utc(),
            Self::Instant(instant) => instant,
        }
    }
}

impl FromStr for TimeArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMATS: [&str; 4] = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"];
        let local = |text: &str| FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let offset = |format: &str| DateTime::parse_from_str(text, &format!("{format}%z")).ok();
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
        if let Some(instant) = text.strip_suffix('Z').and_then(local) {
            return Ok(Self::Instant(instant.and_utc()));
        }
        local(text)
            .or_else(day)
            .map(Self::Local)
            .or_else(|| FORMATS.iter().find_map(|format| offset(format)).map(|time| Self::Instant(time.to_utc())))
            .ok_or_else(|| {
                "expected a time such as 2024-05-01, 2024-05-01T09:15 or 2024-05-01T09:15:00+02:00".to_owned()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_time_is_rejected() {
        for text in ["yesterday", "2024-13-01", "09:15", ""] {
            assert!(text.parse::<TimeArgument>().is_err(), "{text}");
        }
    }
}
