//! The integration tests, linked once. A file for each capability; what they share is `support`.
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests look at the disk from outside, start processes, and fail by panicking"
)]

#[path = "integration/support.rs"]
mod support;

#[cfg(feature = "cli")]
#[path = "integration/documents.rs"]
mod documents;
#[path = "integration/events.rs"]
mod events;
#[cfg(feature = "cli")]
#[path = "integration/examples.rs"]
mod examples;
#[path = "integration/offline.rs"]
mod offline;
#[cfg(feature = "cli")]
#[path = "integration/processes.rs"]
mod processes;
