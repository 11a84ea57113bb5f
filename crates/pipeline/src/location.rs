use std::fmt;

use crate::template::{Captures, KeyTemplate, TemplateError};

/// A key template in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// `None` is the landing bucket.
    pub bucket: Option<String>,
    pub template: KeyTemplate,
}

/// The bucket that a key is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyBucket<'a> {
    /// The landing bucket, with its name where it is known. Without the name, a location that names its bucket never
    /// matches.
    Landing(Option<&'a str>),
    Other(&'a str),
}

impl<'a> KeyBucket<'a> {
    pub fn of(bucket: &'a str, landing_bucket: &'a str) -> Self {
        if bucket == landing_bucket { Self::Landing(Some(landing_bucket)) } else { Self::Other(bucket) }
    }

    /// Returns the name as locations write it: `None` is the landing bucket.
    pub(crate) fn declared(self) -> Option<&'a str> {
        match self {
            Self::Landing(_) => None,
            Self::Other(bucket) => Some(bucket),
        }
    }
}

impl Location {
    /// Parses `s3://BUCKET/TEMPLATE`, or `TEMPLATE` in the landing bucket.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let Some(rest) = text.strip_prefix("s3://") else {
            return Ok(Self { bucket: None, template: KeyTemplate::parse(text)? });
        };
        let (bucket, template) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_bucket(bucket) {
            return Err(TemplateError::Bucket(bucket.to_owned()));
        }
        Ok(Self { bucket: Some(bucket.to_owned()), template: KeyTemplate::parse(template)? })
    }

    /// Returns the location with every value of `captures` filled in, as [`KeyTemplate::fill_in`] does.
    pub fn fill_in(&self, captures: &Captures) -> String {
        format!("{}{}", self.prefix(), self.template.fill_in(captures))
    }

    /// `s3://BUCKET/`; empty in the landing bucket.
    fn prefix(&self) -> String {
        self.bucket.as_ref().map(|bucket| format!("s3://{bucket}/")).unwrap_or_default()
    }

    /// Returns true if keys of `bucket` can match.
    pub fn is_in(&self, bucket: KeyBucket<'_>) -> bool {
        match (self.bucket.as_deref(), bucket) {
            (None, KeyBucket::Landing(_)) => true,
            (None, KeyBucket::Other(_)) => false,
            (Some(own), KeyBucket::Landing(landing)) => landing == Some(own),
            (Some(own), KeyBucket::Other(bucket)) => own == bucket,
        }
    }
}

/// Checks length and characters of a bucket name.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn is_bucket(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = |c: char| edge(c) || c == '.' || c == '-';
    (3..=63).contains(&name.len()) && name.chars().all(inner) && name.starts_with(edge) && name.ends_with(edge)
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.prefix(), self.template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_parse() {
        let check = |text: &str, expected: Result<(Option<&str>, &str), &str>| {
            let found = Location::parse(text).map_err(|error| error.to_string());
            let found = found.as_ref().map(|l| (l.bucket.as_deref(), l.template.to_string()));
            let expected = expected.map(|(bucket, template)| (bucket, template.to_owned()));
            assert_eq!(found.map_err(String::as_str), expected, "{text}");
        };
        check("raw/a.csv", Ok((None, "raw/a.csv")));
        check("s3://other-bucket/raw/*.csv", Ok((Some("other-bucket"), "raw/*.csv")));
        check("s3://other-bucket/", Err("the template is empty"));
        check("s3://other-bucket", Err("the template is empty"));
        check(
            "s3://Other/x",
            Err("`Other` is not a bucket name; expected 3 to 63 characters of a-z, 0-9, `.` and `-`"),
        );
        check("s3://{a}/x", Err("`{a}` is not a bucket name; expected 3 to 63 characters of a-z, 0-9, `.` and `-`"));
        check("s3:///x", Err("`` is not a bucket name; expected 3 to 63 characters of a-z, 0-9, `.` and `-`"));
    }
}
