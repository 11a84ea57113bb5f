use chrono::NaiveDateTime;

/// The values of a template's placeholders in one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    texts: Vec<(String, String)>,
    times: Vec<(String, NaiveDateTime)>,
}

impl Captures {
    /// Returns the text of a placeholder without format.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// Returns the time of a placeholder with a format, in the pipeline's zone. A format without a time of day gives
    /// midnight, without a day the first of the month, and without a month January.
    pub fn time(&self, name: &str) -> Option<NaiveDateTime> {
        self.times.iter().find(|(known, _)| known == name).map(|(_, time)| *time)
    }

    /// Sets the text of `name`.
    #[must_use]
    pub fn with_text(mut self, name: &str, text: &str) -> Self {
        self.texts.retain(|(known, _)| known != name);
        self.texts.push((name.to_owned(), text.to_owned()));
        self.texts.sort();
        self
    }

    /// Sets the time of `name`.
    #[must_use]
    pub fn with_time(mut self, name: &str, time: NaiveDateTime) -> Self {
        self.times.retain(|(known, _)| known != name);
        self.times.push((name.to_owned(), time));
        self.times.sort();
        self
    }
}
