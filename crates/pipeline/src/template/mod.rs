//! Key templates: match the keys of a dataset, and build them.

mod captures;
mod check;
mod error;
mod key_template;
mod overlap;
mod prefix_match;
mod segment;
mod template_token;
mod time_format;

#[cfg(test)]
mod tests;

pub use captures::Captures;
pub use error::TemplateError;
pub(crate) use key_template::PLACEHOLDER;
pub use key_template::{KeyTemplate, Placeholder};
pub(crate) use overlap::sample_times;
pub(crate) use prefix_match::PrefixMatch;
