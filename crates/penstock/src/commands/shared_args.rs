//! Arguments that several commands have.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct PipelinesArg {
    /// Folder of the pipelines, with one folder per pipeline [default: pipelines in the project]
    #[arg(long, env = "PIPELINES", value_name = "DIR")]
    pub(crate) pipelines: Option<PathBuf>,
}

/// Parses a rate from 0 to 1.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_from_0_to_1() {
        fn check(text: &str, is_valid: bool) {
            assert_eq!(parse_rate(text).is_ok(), is_valid, "{text}");
        }
        check("0", true);
        check("0.5", true);
        check("1", true);
        check("1.1", false);
        check("-0.1", false);
        check("NaN", false);
    }
}
