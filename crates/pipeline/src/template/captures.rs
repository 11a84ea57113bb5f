use chrono::NaiveDateTime;

/// What the names of a template stand for in one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    texts: Vec<(String, String)>,
    times: Vec<(String, NaiveDateTime)>,
}

impl Captures {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// In the pipeline's zone. A format without a time of day gives midnight, one without a day the first of the month,
    /// one without a month the first of January.
    pub fn time(&self, name: &str) -> Option<NaiveDateTime> {
        self.times.iter().find(|(known, _)| known == name).map(|(_, time)| *time)
    }

    /// What `{date}` or `{scheduled}` says: the time that the data is about, in the pipeline's zone.
    pub fn logical_time(&self) -> Option<NaiveDateTime> {
        self.time("scheduled").or_else(|| self.time("date"))
    }

    /// For building a key by hand: with `name` standing for `text`.
    #[must_use]
    pub fn with_text(mut self, name: &str, text: &str) -> Self {
        self.texts.retain(|(known, _)| known != name);
        self.texts.push((name.to_owned(), text.to_owned()));
        self.texts.sort();
        self
    }

    /// For building a key by hand: with `name` standing for `time`.
    #[must_use]
    pub fn with_time(mut self, name: &str, time: NaiveDateTime) -> Self {
        self.times.retain(|(known, _)| known != name);
        self.times.push((name.to_owned(), time));
        self.times.sort();
        self
    }
}
