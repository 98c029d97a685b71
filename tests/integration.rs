//! The integration tests, linked once, with a file for each capability. Shared code is in
//! `support`, and the parts that run in child processes start in `child`.
#![cfg_attr(
    not(feature = "off"),
    expect(
        clippy::disallowed_methods,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unwrap_used,
        reason = "tests access files directly, start processes, and fail by panicking"
    )
)]
// With the feature `off` there is nothing to test here; `tests/off.rs` covers it.
#![cfg(not(feature = "off"))]

#[path = "integration/child.rs"]
mod child;
#[path = "integration/child_process.rs"]
mod child_process;
#[path = "integration/disk.rs"]
mod disk;
#[path = "integration/support.rs"]
mod support;

#[path = "integration/any_event.rs"]
mod any_event;
#[path = "integration/asking.rs"]
mod asking;
#[path = "integration/bridges.rs"]
mod bridges;
#[path = "integration/composition.rs"]
mod composition;
#[path = "integration/consent.rs"]
mod consent;
#[path = "integration/events.rs"]
mod events;
#[path = "integration/hostile_values.rs"]
mod hostile_values;
#[path = "integration/levels.rs"]
mod levels;
#[path = "integration/measured.rs"]
mod measured;
#[path = "integration/recorded_events.rs"]
mod recorded_events;
#[path = "integration/spans.rs"]
mod spans;
#[path = "integration/timed_spans.rs"]
mod timed_spans;
#[path = "integration/times.rs"]
mod times;

#[path = "integration/comments.rs"]
mod comments;
#[path = "integration/debugging.rs"]
mod debugging;
#[path = "integration/fixtures.rs"]
mod fixtures;
#[path = "integration/hostile_reports.rs"]
mod hostile_reports;
#[path = "integration/module_cycles.rs"]
mod module_cycles;
#[path = "integration/names.rs"]
mod names;
#[path = "integration/policy.rs"]
mod policy;
#[path = "integration/policy_changes.rs"]
mod policy_changes;
#[path = "integration/reports.rs"]
mod reports;
#[path = "integration/secret_names.rs"]
mod secret_names;
#[path = "integration/secrets.rs"]
mod secrets;

#[path = "integration/compression.rs"]
mod compression;
#[path = "integration/endings.rs"]
mod endings;
#[path = "integration/file_limits.rs"]
mod file_limits;
#[path = "integration/full_disk.rs"]
mod full_disk;
#[path = "integration/host.rs"]
mod host;
#[path = "integration/processes.rs"]
mod processes;
#[path = "integration/recorder.rs"]
mod recorder;
#[path = "integration/strangers.rs"]
mod strangers;
#[path = "integration/surface.rs"]
mod surface;

#[path = "integration/schema.rs"]
mod schema;
