//! Child processes: this test binary, started again for one task in its own process.

use crate::child_process::{ChildTask, write_with_threads};
pub(crate) use crate::child_process::{command, writer};

/// Not a test: runs the task of a child process.
#[test]
#[ignore = "started by other tests"]
fn entry() {
    let Some((role, task)) = ChildTask::of_process() else {
        return;
    };
    match role.as_str() {
        "write with threads" => write_with_threads(&task),
        "measure what was parsed" => crate::command_line::measure_what_was_parsed(&task),
        role => panic!("unknown role {role:?}"),
    }
}
