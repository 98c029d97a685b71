//! The programs of this workspace, for tests that run them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the cargo that runs the tests, in the directory of the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo
}

/// Returns the path of a program of this workspace, beside that of this test. `cargo test` builds
/// all of them; if only this test was built, the program is built now.
pub(crate) fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.parent().and_then(Path::parent).unwrap();
    let path = profile.join(name);
    if !path.exists() {
        let mut cargo = cargo();
        cargo.args(["build", "--quiet", "--locked", "--workspace", "--bin", name]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "{name} cannot be built");
    }
    path
}

/// Copies a program. Another process does it: if this one held the copy open for writing, a child
/// that another test starts meanwhile would hold it too, and the copy could not be executed.
pub(crate) fn copy_program(from: &Path, to: &Path) {
    let status = Command::new("cp").args([from, to]).status();
    assert!(status.unwrap().success(), "cannot copy {}", from.display());
}
