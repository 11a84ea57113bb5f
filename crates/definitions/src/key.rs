/// The prefix of all keys in the definitions bucket.
pub const PREFIX: &str = "pipelines/";

/// The file name of a definition.
pub const FILE: &str = "pipeline.toml";

/// Returns the key of one file of a pipeline.
pub fn key(pipeline: &str, file: &str) -> String {
    format!("{PREFIX}{pipeline}/{file}")
}

/// Returns the folder name in `pipelines/NAME/pipeline.toml`, or `None` for another key.
///
/// The name is not checked here: [`pipeline::Definition::parse`] rejects a wrong one with a reason.
pub fn pipeline_of(key: &str) -> Option<&str> {
    let name = key.strip_prefix(PREFIX)?.strip_suffix(FILE)?.strip_suffix('/')?;
    (!name.contains('/')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_a_definition_names_its_pipeline() {
        for (key, expected) in [
            ("pipelines/retail/pipeline.toml", Some("retail")),
            ("pipelines/Retail/pipeline.toml", Some("Retail")),
            ("pipelines//pipeline.toml", Some("")),
            ("pipelines/retail/agg.sql", None),
            ("pipelines/retail/old-pipeline.toml", None),
            ("pipelines/pipeline.toml", None),
            ("pipelines/a/b/pipeline.toml", None),
            ("retail/pipeline.toml", None),
        ] {
            assert_eq!(pipeline_of(key), expected, "{key}");
        }
        assert_eq!(pipeline_of(&key("retail", FILE)), Some("retail"));
    }
}
