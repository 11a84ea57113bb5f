//! Finds the time in a key that is the logical time.

use crate::template::KeyTemplate;

/// The names of the logical time in a template with several times. The first name precedes the second.
const PREFERRED: [&str; 2] = ["date", "scheduled"];

/// An error: a template has several times, and none has a preferred name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AmbiguousTime {
    /// The names of the times.
    pub(crate) names: Vec<String>,
}

/// Returns the names of the times in a template, each once.
pub(crate) fn names(template: &KeyTemplate) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in template.time_names() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Returns the name of the logical time without the key `logical_time`: the only time of the template, else `date`,
/// else `scheduled`. `None` for a template without times.
pub(crate) fn default_name(template: &KeyTemplate) -> Result<Option<&str>, AmbiguousTime> {
    let names = names(template);
    match names.as_slice() {
        [] => Ok(None),
        [name] => Ok(Some(name)),
        _ => match PREFERRED.into_iter().find(|name| names.contains(name)) {
            Some(name) => Ok(Some(name)),
            None => Err(AmbiguousTime { names: names.into_iter().map(str::to_owned).collect() }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_is_the_only_or_the_preferred_time() {
        let check = |template: &str, expected: Result<Option<&str>, &[&str]>| {
            let template = KeyTemplate::parse(template).unwrap();
            let found = default_name(&template);
            let expected = expected.map_err(|names| AmbiguousTime { names: names.iter().map(|&n| n.into()).collect() });
            assert_eq!(found, expected, "{template}");
        };
        check("a/{shop}/*.csv", Ok(None));
        check("a/{day:%F}.csv", Ok(Some("day")));
        check("a/{ts:%Y}/{ts:%m-%d}.csv", Ok(Some("ts")));
        check("a/{actual:%F}/{date:%F}.csv", Ok(Some("date")));
        check("a/{scheduled:%F}/{actual:%F}.csv", Ok(Some("scheduled")));
        check("a/{scheduled:%F}/{date:%F}.csv", Ok(Some("date")));
        check("a/{from:%F}/{to:%F}/{from:%F}.csv", Err(&["from", "to"]));
    }
}
