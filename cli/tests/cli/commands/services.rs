//! Services with a state directory of systemd: where they record, and the errors for other users
//! and after a change of the service's user. These tests need the right to give files away and to
//! run as another user.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{err, out};

/// The user of the service, and its user after a change.
const SERVICE: u32 = 4321;
const OTHER: u32 = 4322;

/// The state directories of a machine with one service. Its own is a link, as with `DynamicUser=`.
struct ServiceMachine(tempfile::TempDir);

impl ServiceMachine {
    /// Returns `None` if the test does not have the rights that it needs.
    fn new() -> Option<Self> {
        let machine = Self(tempfile::tempdir().unwrap());
        let set_mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        set_mode(machine.0.path(), 0o755);
        let private = machine.0.path().join("private");
        std::fs::create_dir_all(private.join("myapp")).unwrap();
        set_mode(&private.join("myapp"), 0o700);
        symlink("private/myapp", machine.state()).unwrap();
        if lchown(private.join("myapp"), Some(SERVICE), Some(SERVICE)).is_err() {
            println!("skipped: this needs the right to give files away");
            return None;
        }
        let version = machine.localtel(Some(SERVICE), &["--version"]);
        if !version.status.success() {
            println!("skipped: this cannot run as another user: {version:?}");
            return None;
        }
        Some(machine)
    }

    /// The first directory in `STATE_DIRECTORY`.
    fn state(&self) -> PathBuf {
        self.0.path().join("myapp")
    }

    fn telemetry(&self) -> PathBuf {
        self.state().join("myapp/telemetry")
    }

    /// Runs the command as a user, or as root without one.
    fn localtel(&self, user: Option<u32>, words: &[&str]) -> Output {
        let mut before = Vec::new();
        if let Some(user) = user {
            before.extend(["setpriv".to_owned(), format!("--reuid={user}")]);
            before.extend([format!("--regid={user}"), "--clear-groups".to_owned()]);
        }
        before.push(env!("CARGO_BIN_EXE_localtel").to_owned());
        Command::new(&before[0])
            .args(&before[1..])
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.0.path())
            .env(
                "STATE_DIRECTORY",
                format!("{}:/nowhere", self.state().display()),
            )
            .current_dir("/")
            .output()
            .unwrap()
    }

    /// Enables telemetry and records an event as the service.
    fn record(&self) {
        for words in [&["enable"][..], &["record", "started"]] {
            let words: Vec<&str> = ["--app", "myapp"].iter().chain(words).copied().collect();
            let output = self.localtel(Some(SERVICE), &words);
            assert!(output.status.success(), "{output:?}");
        }
    }

    fn doctor(&self, user: Option<u32>) -> String {
        let output = self.localtel(user, &["--app", "myapp", "doctor", "--full-at", "100"]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        out(&output)
    }
}

/// Changes the owner of a path and of everything below it, except entries named `but`.
fn give(path: &Path, user: u32, but: &str) {
    lchown(path, Some(user), Some(user)).unwrap();
    if path.is_symlink() || !path.is_dir() {
        return;
    }
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != but {
            give(&entry.path(), user, but);
        }
    }
}

#[test]
fn a_service_records_in_its_first_state_directory() {
    let Some(machine) = ServiceMachine::new() else {
        return;
    };
    machine.record();
    let below = machine.0.path().join("private/myapp/myapp");
    for path in [&below, &below.join("telemetry")] {
        let found = path.metadata().unwrap();
        assert_eq!((found.uid(), found.mode() & 0o7777), (SERVICE, 0o700));
    }
    let shown = machine.localtel(Some(SERVICE), &["show", "event=started"]);
    assert!(out(&shown).contains("started"), "{shown:?}");
    let doctor = machine.localtel(Some(SERVICE), &["doctor", "--full-at", "100"]);
    assert!(
        out(&doctor).starts_with("no problems found\n"),
        "{doctor:?}"
    );
}

#[test]
fn a_state_directory_of_another_user_is_not_changed() {
    let Some(machine) = ServiceMachine::new() else {
        return;
    };
    let target = machine.0.path().join("private/myapp");
    let mode = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(&target, mode).unwrap();
    for user in [Some(OTHER), None] {
        let output = machine.localtel(user, &["--app", "myapp", "enable"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let printed = err(&output);
        assert!(
            printed.contains("belongs to another user (uid 4321)"),
            "{printed}"
        );
        assert!(
            printed.contains("sudo -u '#4321' localtel --dir "),
            "{printed}"
        );
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0);
    }
}

#[test]
fn root_gets_the_command_to_run_as_the_service() {
    let Some(machine) = ServiceMachine::new() else {
        return;
    };
    machine.record();
    let dir = machine.telemetry();
    let dir = dir.to_str().unwrap();
    let before = format!("`sudo -u '#4321' localtel --dir {dir} ");
    for (words, expected) in [
        (&["--app", "myapp", "disable"][..], "--app myapp disable`"),
        (&["clear", "--yes"], "clear --yes`"),
        (
            &["policy", "event", "a b", "drop"],
            "policy event 'a b' drop`",
        ),
        (&["reset"], "reset`"),
        (&["record", "login", "password=hunter2"], "record ...`"),
    ] {
        let output = machine.localtel(None, words);
        let printed = err(&output);
        assert!(!output.status.success(), "{words:?}: {printed}");
        let expected = format!("hint: {before}{expected}");
        assert!(printed.contains(&expected), "{words:?}: {printed}");
        assert!(
            !printed.contains("or correct") && !printed.contains("hunter2"),
            "{printed}"
        );
        let typed: Vec<&str> = ["--dir", dir].iter().chain(words).copied().collect();
        let printed = err(&machine.localtel(None, &typed));
        assert!(printed.contains(&before), "{typed:?}: {printed}");
    }
    // As below `/var/lib/private`.
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(machine.0.path(), closed).unwrap();
    let printed = err(&machine.localtel(None, &["reset"]));
    let inside = format!("`nsenter -t PID -m -S 4321 -G 4321 localtel --dir {dir} reset`");
    assert!(
        printed.contains(&before) && printed.contains(&inside),
        "{printed}"
    );
    // Root may read.
    let shown = machine.localtel(None, &["show", "event=started"]);
    assert!(out(&shown).contains("started"), "{shown:?}");
    let status = machine.localtel(None, &["status"]);
    assert!(out(&status).contains("status: enabled"), "{status:?}");
    assert!(!out(&status).contains("copied"), "{status:?}");
    let doctor = machine.doctor(None);
    assert_eq!(doctor.lines().count(), 2, "{doctor}");
    assert!(
        doctor.contains("\nrecording: yes, because enabled"),
        "{doctor}"
    );
    assert!(
        doctor.contains(&format!("next: {before}doctor` checks as that user")),
        "{doctor}"
    );
}

#[test]
fn another_user_gets_an_error_with_the_owner_of_the_data() {
    let Some(machine) = ServiceMachine::new() else {
        return;
    };
    machine.record();
    for words in [
        &["--app", "myapp", "show"][..],
        &["--app", "myapp", "tail"],
        &["--app", "myapp", "enable"],
    ] {
        let output = machine.localtel(Some(OTHER), words);
        let printed = err(&output);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        assert!(
            printed.contains("belongs to another user (uid 4321), and this is uid 4322"),
            "{printed}"
        );
        assert!(
            printed.contains("hint: `sudo -u '#4321' localtel --dir "),
            "{printed}"
        );
    }
}

#[test]
fn after_a_change_of_user_doctor_prints_the_next_step() {
    let Some(machine) = ServiceMachine::new() else {
        return;
    };
    machine.record();
    let (state, ours) = (machine.state(), machine.telemetry());
    let application = ours.parent().unwrap().display().to_string();
    let ours_shown = ours.display().to_string();
    // The state directory has its new owner; its contents still have the old one.
    let real = state.canonicalize().unwrap();
    give(&real, OTHER, "myapp");
    let found = machine.doctor(Some(OTHER));
    let unnamed = err(&machine.localtel(Some(OTHER), &["doctor"]));
    assert!(
        unnamed.contains("hint: `localtel --app myapp doctor`"),
        "{unnamed}"
    );
    assert!(
        found.contains(&format!(
            "{application} belongs to another user (uid 4321), and this is uid 4322"
        )),
        "{found}"
    );
    assert!(
        found.contains(&format!("as root: `chown -R 4322 {application}`")),
        "{found}"
    );
    give(&real, OTHER, "telemetry");
    let found = machine.doctor(Some(OTHER));
    assert!(
        found.contains(&format!("as root: `chown -R 4322 {ours_shown}`")),
        "{found}"
    );
    let refused = machine.localtel(Some(OTHER), &["--app", "myapp", "record", "x"]);
    assert!(err(&refused).contains("`chown -R 4322 "), "{refused:?}");
    assert!(
        err(&refused).contains("belongs to another user (uid 4321)"),
        "{refused:?}"
    );
    // Only some of the files belong to the new user.
    give(&real, OTHER, "events.000001.jsonl");
    let found = machine.doctor(Some(OTHER));
    assert!(
        found.starts_with(&format!(
            "in {ours_shown}, which belongs to uid 4322, other files belong to uid 4321: events.000001.jsonl; \
             next: as root: `chown -R 4322 {ours_shown}`"
        )),
        "{found}"
    );
    let foreign = |name: &str| lchown(ours.join(name), Some(SERVICE), None).unwrap();
    give(&real, OTHER, "");
    foreign("consent.json");
    let refused = err(&machine.localtel(Some(OTHER), &["--app", "myapp", "record", "x"]));
    assert!(
        refused.contains(&format!("hint: as root: `chown -R 4322 {ours_shown}`")),
        "{refused}"
    );
    give(&real, OTHER, "");
    foreign("lock");
    let refused = err(&machine.localtel(Some(OTHER), &["--app", "myapp", "reset"]));
    assert!(
        refused.contains(&format!("hint: as root: `chown -R 4322 {ours_shown}`")),
        "{refused}"
    );
    let done = Command::new("chown")
        .args(["-R", "4322", &ours_shown])
        .status()
        .unwrap();
    assert!(done.success());
    let recorded = machine.localtel(Some(OTHER), &["--app", "myapp", "record", "x"]);
    assert!(recorded.status.success(), "{recorded:?}");
    let output = machine.localtel(Some(OTHER), &["doctor"]);
    assert!(!out(&output).contains("belong"), "{output:?}");
}
