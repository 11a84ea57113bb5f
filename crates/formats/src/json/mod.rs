//! JSON files: one object a line, or one array of objects. Both are read record by record, never as a whole.

mod array;
mod lines;
mod object;

pub(crate) use array::read_array;
pub(crate) use lines::read_lines;
