//! Measurements in child processes of this program.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes from outside"
)]

use std::process::Command;

use crate::Result;

/// The first argument of a child process. The name of the part follows, then its own arguments.
pub(crate) const WORD: &str = "measure";

/// Runs one measurement of a part in a child process, and returns its output.
pub(crate) fn measure(part: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .args([WORD, part])
        .args(arguments)
        .env_remove("DO_NOT_TRACK")
        .output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(format!("measuring {part} {}: {stderr}", arguments.join(" ")).into())
    }
}
