//! Reads JSON files, record by record: one object per line, or one array of objects.

mod array;
mod lines;
mod object;

pub(crate) use array::read_array;
pub(crate) use lines::read_lines;
