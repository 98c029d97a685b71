//! Child processes: this very binary, started again to do one thing in a process of its own.

use crate::child_process::{ChildTask, write_with_threads};
pub(crate) use crate::child_process::{command, writer};

/// Not a test: what a child does.
#[test]
#[ignore = "started by other tests"]
fn entry() {
    let Some((role, task)) = ChildTask::of_process() else {
        return;
    };
    match role.as_str() {
        "write with threads" => write_with_threads(&task),
        "measure what was parsed" => crate::command_line::measure_what_was_parsed(&task),
        role => panic!("no child does {role:?}"),
    }
}
