//! Measurements in processes of their own, which are this program once more.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes from outside"
)]

use std::process::Command;

use crate::Result;

/// The first argument of a process that does one measurement; the part's name follows, then its own words.
pub(crate) const WORD: &str = "measure";

/// Does one measurement of a part in a process of its own and returns what it printed.
pub(crate) fn measure(part: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .args([WORD, part])
        .args(arguments)
        .env_remove("DO_NOT_TRACK")
        .output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("measuring {part} {}: {said}", arguments.join(" ")).into())
    }
}
