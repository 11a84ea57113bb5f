use crate::nearest::did_you_mean;

/// What a transform may name, and the expression that stands in its place. The settings are made by whoever runs the
/// statements, with `set_config`, so that the values never become SQL; and they hold where PostgreSQL takes no
/// parameters, as in `create table as`.
const PARAMETERS: [(&str, &str); 2] = [
    (":run_date", "(current_setting('penstock.run_date')::date)"),
    (":run_id", "(current_setting('penstock.run_id')::bigint)"),
];

/// What stands for a parameter; `name` has its colon.
pub(super) fn parameter(name: &str) -> Result<&'static str, String> {
    PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, expression)| *expression).ok_or_else(|| {
        let nearest = did_you_mean(name, PARAMETERS.iter().map(|(known, _)| *known));
        let nearest = if nearest.is_empty() { "; known are :run_date and :run_id".to_owned() } else { nearest };
        format!("unknown parameter `{name}`{nearest}")
    })
}
