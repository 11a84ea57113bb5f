//! Code that the fuzz targets and the tests share. Each test target has its own folder beside this file.

pub mod any_bytes;
