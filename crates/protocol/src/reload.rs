//! Reloads: a version of a file is loaded again, in place of an earlier load.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Asks to load a file again, in place of an earlier load. `penstock reload` adds it to the event of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// The load to replace. A load is replaced only once, so a repeated event reloads once.
    pub load_id: i64,
    /// The times in the name of the first load's trigger. The key of the data file may lack them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_at: Option<DateTime<Utc>>,
}
