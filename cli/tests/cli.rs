//! The tests of the commands, linked once, with a file for each capability. `support` is shared
//! with the tests of the library; `child` is what tests run in child processes.
#![cfg_attr(
    not(feature = "off"),
    expect(
        clippy::disallowed_methods,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unwrap_used,
        reason = "tests access the disk directly, start processes, and fail by panicking"
    )
)]
// With the feature `off` there is nothing to test here; see the test `off`.
#![cfg(not(feature = "off"))]

#[path = "cli/child.rs"]
mod child;
#[path = "../../tests/integration/child_process.rs"]
#[expect(dead_code, reason = "shared with the tests of the library")]
mod child_process;
#[path = "../../tests/integration/disk.rs"]
#[expect(dead_code, reason = "shared with the tests of the library")]
mod disk;
#[path = "cli/program.rs"]
mod program;
#[path = "../../tests/integration/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the library")]
mod support;
#[path = "cli/terminal.rs"]
mod terminal;

#[path = "cli/command_line.rs"]
mod command_line;
#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/cursors.rs"]
mod cursors;
#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/exports.rs"]
mod exports;
#[path = "cli/file_limits.rs"]
mod file_limits;
#[path = "cli/followers.rs"]
mod followers;
#[path = "cli/full_disk.rs"]
mod full_disk;
#[path = "cli/imports.rs"]
mod imports;
#[path = "cli/live.rs"]
mod live;
#[path = "cli/offline.rs"]
mod offline;
#[path = "cli/packages.rs"]
mod packages;
#[path = "cli/questions.rs"]
mod questions;
#[path = "cli/strangers.rs"]
mod strangers;
#[path = "cli/trees.rs"]
mod trees;
