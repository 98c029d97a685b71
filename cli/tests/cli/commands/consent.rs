//! `status`, `enable`, `disable`, `reset` and `profiles` as a user runs them. Most tests are named
//! after a flaw in the telemetry of another program.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Output;

use super::CommandHome;
use crate::program::copy_program;

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

impl CommandHome {
    fn stdout(&self, arguments: &[&str]) -> String {
        text(self.localtel().args(arguments).output().unwrap())
    }

    fn stdout_with(&self, variable: (&str, &str), arguments: &[&str]) -> String {
        let mut command = self.localtel();
        command.env(variable.0, variable.1).args(arguments);
        text(command.output().unwrap())
    }

    fn store(&self, text: &str) {
        std::fs::create_dir_all(self.telemetry()).unwrap();
        std::fs::write(self.telemetry().join("consent.json"), text).unwrap();
    }

    fn stored(&self) -> serde_json::Value {
        let bytes = std::fs::read(self.telemetry().join("consent.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn segments(&self) -> usize {
        let names = names(&self.telemetry());
        names
            .iter()
            .filter(|name| name.starts_with("events.0"))
            .count()
    }
}

// FerretDB.

#[test]
fn an_opt_out_by_environment_is_not_remembered() {
    let home = CommandHome::enabled();
    let before = home.stored();
    let status = home.stdout_with(("DO_NOT_TRACK", "1"), &["status"]);
    assert!(status.starts_with("status: disabled\n"), "{status}");
    home.localtel()
        .env("DO_NOT_TRACK", "1")
        .args(["record", "x"])
        .output()
        .unwrap();
    home.localtel()
        .env("MYAPP_TELEMETRY", "off")
        .args(["record", "x"])
        .output()
        .unwrap();
    assert_eq!(home.stored(), before);
    assert!(home.stdout(&["status"]).starts_with("status: enabled\n"));
}

#[test]
fn an_opt_in_by_environment_is_not_remembered() {
    let home = CommandHome::new();
    home.stdout_with(("MYAPP_TELEMETRY", "on"), &["record", "x"]);
    assert!(home.stdout(&["status"]).starts_with("status: undecided\n"));
    assert!(home.stored()["consent"].is_null());
}

#[test]
fn an_unknown_do_not_track_value_disables_without_an_error() {
    let home = CommandHome::enabled();
    for odd in ["maybe", "forbid", "-1", "disable"] {
        let status = home.stdout_with(("DO_NOT_TRACK", odd), &["status"]);
        assert!(status.starts_with("status: disabled\n"), "{odd}: {status}");
        assert!(status.contains("\nlocked: yes\n"), "{odd}: {status}");
    }
}

#[test]
fn forbid_never_enables() {
    let home = CommandHome::new();
    let status = home.stdout_with(("MYAPP_TELEMETRY", "Forbid "), &["status"]);
    assert!(status.starts_with("status: disabled\n"), "{status}");
}

#[test]
fn undecided_never_becomes_enabled_by_itself() {
    let home = CommandHome::new();
    let output = home.localtel().args(["record", "x"]).output().unwrap();
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("consent is undecided")
    );
    assert!(names(home.path()).is_empty());
}

#[test]
fn a_damaged_file_never_loses_an_opt_out() {
    let home = CommandHome::new();
    let torn = r#"{"format":1,"consent":"disabl"#;
    home.store(torn);
    home.localtel().args(["record", "x"]).output().unwrap();
    assert!(home.stdout(&["status"]).starts_with("status: disabled\n"));
    assert!(
        !home
            .localtel()
            .arg("reset")
            .output()
            .unwrap()
            .status
            .success()
    );
    let kept = std::fs::read_to_string(home.telemetry().join("consent.json")).unwrap();
    assert_eq!(kept, torn);
    assert_eq!(home.segments(), 0);
}

#[test]
fn a_parent_directory_named_donottrack_locks_nothing() {
    let home = CommandHome::enabled();
    let directory = home.path().join("donottrack");
    std::fs::create_dir(&directory).unwrap();
    let copy = directory.join("tool");
    copy_program(env!("CARGO_BIN_EXE_localtel").as_ref(), &copy);
    let record = |program: &Path, event: &str| {
        let mut command = std::process::Command::new(program);
        command.env_clear().env("XDG_STATE_HOME", home.path());
        command.args(["--app", "myapp", "record", event]);
        assert!(command.output().unwrap().status.success());
        home.records(event).len()
    };
    assert_eq!(record(&copy, "above"), 1);
    let link = home.path().join("tool-DoNotTrack");
    std::os::unix::fs::symlink(&copy, &link).unwrap();
    assert_eq!(record(&link, "named"), 0);
}

// Go.

#[test]
fn junk_in_the_stored_choice_never_enables() {
    for word in ["OFF ", "bogus", "enabled!", "2", "on off", "yes please"] {
        let home = CommandHome::new();
        home.store(&serde_json::json!({"format": 1, "consent": word}).to_string());
        let status = home.stdout(&["status"]);
        assert!(status.starts_with("status: disabled\n"), "{word}: {status}");
        home.localtel().args(["record", "x"]).output().unwrap();
        assert_eq!(home.segments(), 0, "{word}");
    }
}

#[test]
fn disable_in_a_new_home_stores_only_the_choice() {
    let home = CommandHome::new();
    assert_eq!(
        home.stdout(&["disable"]),
        "disabled for myapp (profile default): saved\n"
    );
    assert_eq!(names(&home.telemetry()), ["consent.json", "lock"]);
    let stored = home.stored();
    let mut keys: Vec<&String> = stored.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["by", "consent", "decided", "format", "profile", "source"]
    );
    assert_eq!(stored["source"], "myapp");
    assert_eq!(stored["profile"], "default");
    assert_eq!(
        std::fs::metadata(home.telemetry().join("lock"))
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn enabling_again_does_not_rewrite_the_file() {
    let home = CommandHome::enabled();
    let before = std::fs::metadata(home.telemetry().join("consent.json")).unwrap();
    let again = home.stdout(&["enable"]);
    assert_eq!(
        again,
        "enabled for myapp (profile default): already enabled\n"
    );
    let after = std::fs::metadata(home.telemetry().join("consent.json")).unwrap();
    assert_eq!(
        (before.ino(), before.mtime_nsec()),
        (after.ino(), after.mtime_nsec())
    );
}

// TiUP.

#[test]
fn a_reset_renews_the_salt() {
    let home = CommandHome::enabled();
    home.stdout(&["record", "x"]);
    let before = home.stored();
    let printed = home.stdout(&["reset"]);
    let between = home.stored();
    home.stdout(&["record", "x"]);
    let after = home.stored();
    for key in ["installation", "salt", "host"] {
        assert!(between[key].is_null(), "{key}");
        assert!(after[key].is_string() && after[key] != before[key], "{key}");
    }
    for key in ["consent", "decided", "by"] {
        assert_eq!(between[key], before[key], "{key}");
        assert_eq!(after[key], before[key], "{key}");
    }
    assert_eq!(printed.lines().next().unwrap(), "uuid: none");
    assert!(!printed.contains(before["installation"].as_str().unwrap()));
}

#[test]
fn disabling_removes_the_ids_and_recording_creates_new_ones() {
    let home = CommandHome::enabled();
    home.stdout(&["record", "x"]);
    let before = home.stored();
    home.stdout(&["disable"]);
    for words in [&["status"] as &[&str], &["reset"], &["reset"]] {
        home.stdout(words);
        let stored = home.stored();
        for key in ["installation", "salt", "host", "made"] {
            assert!(stored[key].is_null(), "{words:?}: {stored}");
        }
        assert_eq!(stored["consent"], "disabled");
    }
    home.localtel().args(["record", "x"]).output().unwrap();
    assert!(home.stored()["installation"].is_null());
    home.stdout(&["enable"]);
    assert!(home.stored()["installation"].is_null());
    home.stdout(&["record", "x"]);
    let after = home.stored();
    for key in ["installation", "salt", "host"] {
        assert!(after[key].is_string() && after[key] != before[key], "{key}");
    }
}

#[test]
fn disabling_all_profiles_removes_the_ids_of_those_it_disables() {
    let home = CommandHome::new();
    home.stdout(&["--profile", "work", "enable"]);
    for profile in ["default", "work", "play"] {
        let record = ["--profile", profile, "record", "x"];
        home.stdout_with(("MYAPP_TELEMETRY", "on"), &record);
    }
    home.stdout(&["disable", "--all-profiles"]);
    let document: serde_json::Value =
        serde_json::from_str(&home.stdout(&["profiles", "--json"])).unwrap();
    let rows = &document["profiles"];
    let ids: Vec<_> = (0..3)
        .map(|row| {
            (
                rows[row]["profile"].as_str().unwrap(),
                !rows[row]["uuid"].is_null(),
            )
        })
        .collect();
    assert_eq!(ids, [("default", false), ("play", false), ("work", true)]);
}

#[test]
fn the_status_of_a_new_home_is_undecided() {
    let home = CommandHome::new();
    assert!(
        home.stdout(&["status"])
            .starts_with("status: undecided\nuuid: none\n")
    );
}

// ticloud.

#[test]
fn an_invalid_consent_value_is_refused_with_a_list() {
    let home = CommandHome::enabled();
    for word in ["tRuE!", "enabeld", "si"] {
        let status = home.stdout_with(("MYAPP_TELEMETRY", word), &["status"]);
        assert!(status.starts_with("status: disabled\n"), "{word}: {status}");
        let problem = status
            .lines()
            .find(|line| line.starts_with("problem: "))
            .unwrap();
        assert!(
            problem.contains(&format!("`{word}`")) && problem.contains("opt-in"),
            "{problem}"
        );
    }
    assert_eq!(
        "yes".parse::<localtel::Consent>().unwrap(),
        localtel::Consent::Enabled
    );
    assert!(
        "enabeld"
            .parse::<localtel::Consent>()
            .unwrap_err()
            .to_string()
            .contains("enable,")
    );
}

#[test]
fn disabling_all_profiles_takes_one_command() {
    let home = CommandHome::new();
    home.stdout(&["--profile", "work", "enable"]);
    let printed = home.stdout(&["disable", "--all-profiles"]);
    assert_eq!(
        printed,
        "disabled for myapp (all profiles): saved\nprofile work: recording: yes, because enabled by the stored choice; next: `localtel --app myapp --profile work disable`\n"
    );
    let status = home.stdout(&["--profile", "home", "status"]);
    assert!(status.starts_with("status: disabled\n"), "{status}");
    let forced = home.stdout_with(("MYAPP_TELEMETRY", "on"), &["disable", "--all-profiles"]);
    assert!(!forced.contains("next: "), "{forced}");
    let others = "\nother profiles: default, work; see `localtel --app myapp profiles`\n";
    assert!(status.contains(others), "{status}");
    assert!(
        status.contains("decided by: the stored choice for all profiles (localtel disable, "),
        "{status}"
    );
    let both = home
        .localtel()
        .args(["--profile", "work", "disable", "--all-profiles"])
        .output()
        .unwrap();
    assert_eq!(both.status.code(), Some(2));
}

// Features that those programs do not have.

#[test]
fn disabling_with_clear_removes_what_was_recorded() {
    let home = CommandHome::enabled();
    home.stdout(&["record", "x"]);
    let unconfirmed = home
        .localtel()
        .args(["disable", "--clear"])
        .output()
        .unwrap();
    assert_eq!(unconfirmed.status.code(), Some(2), "{unconfirmed:?}");
    assert!(
        home.stdout(&["status"]).starts_with("status: disabled\n"),
        "the choice was not stored first"
    );
    assert_eq!(home.records("x").len(), 1);
    let printed = home.stdout(&["disable", "--clear", "--yes"]);
    assert!(printed.contains("\nremoved 1 segment, "), "{printed}");
    assert_eq!(home.records("x").len(), 0);
    let alone = home.localtel().args(["disable", "--yes"]).output().unwrap();
    assert_eq!(alone.status.code(), Some(2));
}

#[test]
fn a_changed_choice_prints_the_previous_one() {
    let home = CommandHome::enabled();
    assert_eq!(
        home.stdout(&["disable"]),
        "disabled for myapp (profile default): saved, was enabled\n"
    );
}

#[test]
fn the_remaining_grace_is_shown_and_exact_in_json() {
    let home = CommandHome::new();
    let future = r#"{"format":1,"first_seen":"2999-01-01T00:00:00.000000Z","grace_seconds":2520}"#;
    home.store(future);
    let status = home.stdout(&["status"]);
    assert!(status.starts_with("status: undecided\n"), "{status}");
    assert!(status.contains("\ngrace: 42m left\n"), "{status}");
    let status: serde_json::Value =
        serde_json::from_str(&home.stdout(&["status", "--json"])).unwrap();
    assert_eq!(status["grace_left_seconds"], 2520);
    assert_eq!(status["first_seen"], "2999-01-01T00:00:00.000000Z");
    home.store(&future.replace("2999", "2020"));
    let status = home.stdout(&["status"]);
    assert!(status.contains("\ngrace: over, "), "{status}");
}

#[test]
fn a_copied_home_is_reported_with_the_next_step() {
    let home = CommandHome::enabled();
    home.stdout(&["record", "x"]);
    assert!(!home.stdout(&["status"]).contains("copied: "));
    let mut elsewhere = home.stored();
    elsewhere["host"] = "f".repeat(64).into();
    home.store(&elsewhere.to_string());
    let status = home.stdout(&["status"]);
    assert!(
        status.contains("\ncopied: this directory was created on another machine or by another user; `localtel --app myapp reset`"),
        "{status}"
    );
    home.stdout(&["reset"]);
    assert!(!home.stdout(&["status"]).contains("copied: "));
}

#[test]
fn profiles_lists_the_consent_and_storage_of_each_profile() {
    let home = CommandHome::new();
    assert_eq!(
        home.localtel().arg("profiles").output().unwrap().stdout,
        b""
    );
    assert!(names(home.path()).is_empty());
    home.stdout(&["enable"]);
    home.stdout(&["record", "x"]);
    home.stdout(&["--profile", "work", "disable"]);
    let listed = home.stdout(&["profiles"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    let first: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(first[..2], ["default", "enabled"], "{listed}");
    assert!(first.last().unwrap().starts_with("202"), "{listed}");
    let second: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(
        second,
        ["work", "disabled", "no", "none", "0", "B", "none"],
        "{listed}"
    );
    let document: serde_json::Value =
        serde_json::from_str(&home.stdout(&["profiles", "--json"])).unwrap();
    let json = &document["profiles"];
    assert_eq!(json[0]["uuid"], home.stored()["installation"]);
    assert_eq!(json[1]["decided_by"]["kind"], "choice");
}
