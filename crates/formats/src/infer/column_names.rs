use pipeline::limits::IDENTIFIER_BYTES_MAX;
use pipeline::{Column, ColumnName, RESCUED_COLUMN};

/// Assigns unique column names within one table.
pub(super) struct ColumnNames {
    taken: Vec<String>,
}

impl ColumnNames {
    pub(super) fn new(known: &[Column]) -> Self {
        Self { taken: known.iter().map(|column| column.name.as_str().to_owned()).collect() }
    }

    /// Returns the header as the column's name, or a changed form if that name is not valid or not unique.
    pub(super) fn name(&mut self, header: &str, position: usize) -> ColumnName {
        let spelled = spelled(header, position);
        let numbered = (1_usize..).map(|number| match number {
            1 => shortened(&spelled, ""),
            _ => shortened(&spelled, &format!("_{number}")),
        });
        let free = numbered.filter(|name| name != RESCUED_COLUMN && !self.taken.contains(name));
        // A name in this form, also with a number appended, is valid.
        let mut valid = free.filter_map(|name| ColumnName::parse(&name).ok());
        loop {
            if let Some(name) = valid.next() {
                self.taken.push(name.as_str().to_owned());
                return name;
            }
        }
    }
}

fn spelled(header: &str, position: usize) -> String {
    let printable: String = header.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
    if printable.is_empty() {
        format!("column_{position}")
    } else if ColumnName::parse(&shortened(&printable, "")).is_err() {
        format!("column_{printable}")
    } else {
        printable
    }
}

fn shortened(name: &str, ending: &str) -> String {
    let mut end = name.len().min(IDENTIFIER_BYTES_MAX - ending.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &name[..end])
}
