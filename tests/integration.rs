//! The integration tests, linked once. A file for each capability; what they share is `support`.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests look at the disk from outside, start processes, and fail by panicking"
)]

#[path = "integration/support.rs"]
mod support;

#[path = "integration/events.rs"]
mod events;

#[cfg(feature = "cli")]
#[path = "integration/processes.rs"]
mod processes;

#[cfg(feature = "cli")]
#[path = "integration/documents.rs"]
mod documents;
