use crate::nearest::did_you_mean;

/// The parameters of transforms, and the expressions that replace them. The transformer sets the settings with
/// `set_config`. So values never become SQL, and parameters work in statements that have none in PostgreSQL, such as
/// `create table as`.
const PARAMETERS: [(&str, &str); 2] = [
    (":run_date", "(current_setting('penstock.run_date')::date)"),
    (":run_id", "(current_setting('penstock.run_id')::bigint)"),
];

/// Returns the expression that replaces a parameter. `name` includes the colon.
pub(super) fn parameter(name: &str) -> Result<&'static str, String> {
    PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, expression)| *expression).ok_or_else(|| {
        let nearest = did_you_mean(name, PARAMETERS.iter().map(|(known, _)| *known));
        let nearest = if nearest.is_empty() { "; expected :run_date or :run_id".to_owned() } else { nearest };
        format!("unknown parameter `{name}`{nearest}")
    })
}
