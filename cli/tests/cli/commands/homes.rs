//! The directories that are created above a telemetry directory, and where none are created.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::{Command, Output};

const OTHER_USER: u32 = 4321;

/// Enables telemetry in a home, run through a prefix command such as `setpriv`.
fn enable_in(home: &str, before: &[&str]) -> Output {
    let mut words = before.iter().chain(&[env!("CARGO_BIN_EXE_localtel")]);
    Command::new(words.next().unwrap())
        .args(words)
        .args(["--app", "myapp", "enable"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .current_dir("/")
        .output()
        .unwrap()
}

/// Returns a home that belongs to another user, or `None` if this test may not create one.
fn home_of_other_user() -> Option<tempfile::TempDir> {
    let home = tempfile::tempdir().unwrap();
    if chown(home.path(), Some(OTHER_USER), Some(OTHER_USER)).is_err() {
        println!("skipped: this needs the right to give files away");
        return None;
    }
    Some(home)
}

fn names_in(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

fn stderr_of_failure(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn root_creates_nothing_in_the_home_of_another_user() {
    let Some(home) = home_of_other_user() else {
        return;
    };
    let path = home.path().to_str().unwrap();
    let message = stderr_of_failure(&enable_in(path, &[]));
    let expected = format!("{path} belongs to another user (uid {OTHER_USER})");
    assert!(message.contains(&expected), "{message}");
    assert_eq!(names_in(home.path()), 0);

    std::fs::create_dir(home.path().join(".local")).unwrap();
    let local = home.path().join(".local");
    chown(&local, Some(OTHER_USER), Some(OTHER_USER)).unwrap();
    let message = stderr_of_failure(&enable_in(path, &[]));
    let expected = format!("{path}/.local belongs to another user");
    assert!(message.contains(&expected), "{message}");
    assert_eq!(names_in(&local), 0);
}

#[test]
fn a_user_creates_nothing_in_the_home_of_another_user() {
    let Some(home) = home_of_other_user() else {
        return;
    };
    // The mode lets every user write, so only the owner of the directory forbids it.
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let path = home.path().to_str().unwrap();
    let before = ["setpriv", "--reuid=4322", "--regid=4322", "--clear-groups"];
    let message = stderr_of_failure(&enable_in(path, &before));
    if message.contains("setpriv") {
        println!("skipped: {message}");
        return;
    }
    let expected = format!("{path} belongs to another user (uid {OTHER_USER})");
    assert!(message.contains(&expected), "{message}");
    assert_eq!(names_in(home.path()), 0);
}

#[test]
fn missing_parents_are_private_under_any_umask() {
    let as_other_user = [
        "setpriv",
        "--reuid=4321",
        "--regid=4321",
        "--clear-groups",
        "sh",
        "-c",
    ];
    for umask in ["000", "022", "777"] {
        for before in [&as_other_user[4..], &as_other_user[..]] {
            let is_other_user = before.len() > 2;
            let home = if is_other_user {
                let Some(home) = home_of_other_user() else {
                    return;
                };
                home
            } else {
                tempfile::tempdir().unwrap()
            };
            let script = format!("umask {umask} && exec \"$0\" \"$@\"");
            let before: Vec<&str> = before.iter().copied().chain([script.as_str()]).collect();
            let output = enable_in(home.path().to_str().unwrap(), &before);
            if is_other_user && output.status.code() == Some(127) {
                println!("skipped: setpriv is missing");
                return;
            }
            assert!(output.status.success(), "umask {umask}: {output:?}");
            let mut path = home.path().to_owned();
            for name in [".local", "state", "myapp", "telemetry"] {
                path.push(name);
                let mode = path.metadata().unwrap().mode() & 0o7777;
                assert_eq!(mode, 0o700, "{}, umask {umask}", path.display());
            }
        }
    }
}

#[test]
fn an_invalid_home_is_reported_and_nothing_is_created() {
    let place = tempfile::tempdir().unwrap();
    let missing = place.path().join("missing");
    let file = place.path().join("file");
    std::fs::write(&file, "").unwrap();
    let cases = [
        ("rel", "`rel` is not an absolute path"),
        ("/", "`/` is not the home of a user"),
        (missing.to_str().unwrap(), "there is no directory"),
        (file.to_str().unwrap(), "there is no directory"),
    ];
    for (home, expected) in cases {
        let message = stderr_of_failure(&enable_in(home, &[]));
        assert!(message.contains("HOME"), "{home}: {message}");
        assert!(message.contains(expected), "{home}: {message}");
    }
    assert_eq!(names_in(place.path()), 1, "only the file");
    assert!(!Path::new("/rel").exists() && !Path::new("/.local").exists());
}

#[test]
fn a_state_directory_that_is_a_broken_link_is_reported() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".local")).unwrap();
    let state = home.path().join(".local/state");
    std::os::unix::fs::symlink("/nonexistent/state", &state).unwrap();
    let message = stderr_of_failure(&enable_in(home.path().to_str().unwrap(), &[]));
    let expected = format!("{} is a symbolic link", state.display());
    assert!(message.contains(&expected), "{message}");
}
