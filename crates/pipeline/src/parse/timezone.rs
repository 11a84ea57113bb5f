use chrono_tz::{TZ_VARIANTS, Tz};

use super::error_list::ErrorList;
use super::toml_table::TomlEntry;
use crate::nearest::did_you_mean;

/// Parses an IANA time zone.
pub(super) fn timezone(entry: &TomlEntry<'_, '_>, errors: &mut ErrorList<'_>) -> Option<Tz> {
    let name = entry.string(errors)?;
    let timezone = name.parse().map_err(|_| {
        let nearest = did_you_mean(name, TZ_VARIANTS.iter().map(|zone| zone.name()));
        format!("`{name}` is not an IANA time zone{nearest}")
    });
    entry.accept(timezone, errors)
}
