//! Resolves the key of a data file or trigger to one next step: load an object version, wait for it, or do nothing.
//!
//! The decision is pure ([`resolve_key`], [`SourceLookup::resolve`]). [`Resolver`] adds the definitions bucket and a HEAD
//! request. [`followers`] returns the runs that follow a run.

mod error;
mod followers;
mod head;
mod request;
mod resolve;
mod resolver;

pub use error::ResolveError;
pub use followers::followers;
pub use head::ObjectHead;
pub use request::{ResolverRequest, ResolverResponse};
pub use resolve::{KeyResolution, SourceLookup, resolve_ignored, resolve_key};
pub use resolver::Resolver;
