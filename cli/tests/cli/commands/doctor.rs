//! `doctor` prints a line with the next step for each problem, and nothing else.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::CommandHome;

impl CommandHome {
    /// Returns the exit code, the output, and the kinds of the findings.
    fn doctor(&self) -> (i32, String, Vec<String>) {
        let run = |arguments: &[&str]| {
            self.localtel()
                .args(["doctor", "--full-at", "100"])
                .args(arguments)
                .output()
                .unwrap()
        };
        let output = run(&[]);
        let json = run(&["--json"]);
        assert_eq!(output.status, json.status);
        let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let kind = |finding: &serde_json::Value| finding["kind"].as_str().unwrap().to_owned();
        let text = String::from_utf8(output.stdout).unwrap();
        let code = output.status.code().unwrap();
        let (text, answer) = text.trim_end().rsplit_once('\n').unwrap();
        let (text, answer) = (format!("{text}\n"), answer.to_owned());
        let expected = report["recording"].as_str().unwrap();
        assert!(
            answer.starts_with(&format!("recording: {expected}, because ")),
            "{answer}"
        );
        if code == 3 {
            assert_eq!(text.lines().count(), findings.len(), "{text}");
            assert!(text.lines().all(|line| line.contains("; next: ")), "{text}");
        }
        (code, text, findings.iter().map(kind).collect())
    }

    fn finds(&self, kinds: &[&str]) -> String {
        let (code, text, found) = self.doctor();
        assert_eq!(
            (code, found),
            (3, kinds.iter().map(ToString::to_string).collect()),
            "{text}"
        );
        text
    }

    fn recorded() -> Self {
        let home = Self::enabled();
        assert!(
            home.localtel()
                .args(["record", "x"])
                .output()
                .unwrap()
                .status
                .success()
        );
        home
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.telemetry()).unwrap();
        std::fs::write(self.telemetry().join(name), text).unwrap();
        self.set_mode(name, 0o600);
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(self.telemetry(), mode).unwrap();
    }

    fn set_mode(&self, name: &str, mode: u32) {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.telemetry().join(name), mode).unwrap();
    }
}

#[test]
fn doctor_is_clean_and_read_only() {
    let new = CommandHome::new();
    assert_eq!(new.doctor().0, 0);
    assert!(!new.telemetry().exists());
    let (code, text, _) = CommandHome::recorded().doctor();
    assert_eq!((code, text.as_str()), (0, "no problems found\n"));
}

#[test]
fn a_segment_that_cannot_be_decompressed_is_a_finding() {
    let home = CommandHome::recorded();
    let lock = format!("{:016} {:016}\n", 2, 1);
    let segment = std::fs::read(home.telemetry().join("events.000001.jsonl")).unwrap();
    home.put(
        "events.000002.jsonl",
        std::str::from_utf8(&segment).unwrap(),
    );
    std::fs::remove_file(home.telemetry().join("events.000001.jsonl")).unwrap();
    home.put("events.000001.jsonl.zst", "not compressed");
    home.put("lock", &lock);
    let text = home.finds(&["unreadable"]);
    let damage = "events.000001.jsonl.zst: everything from line 1 on cannot be decompressed: ";
    assert!(text.contains(damage), "{text}");
    let shown = home.localtel().arg("show").output().unwrap();
    let stderr = String::from_utf8(shown.stderr).unwrap();
    let summary = "1 part of compressed segments that cannot be decompressed\n";
    assert!(stderr.starts_with(summary), "{stderr}");
}

#[test]
fn invalid_choices_are_found_in_both_files() {
    let home = CommandHome::new();
    home.put("consent.json", r#"{"format":1,"consent":"perhaps"}"#);
    home.put("consent.all.json", r#"{"format":7}"#);
    let text = home.finds(&["consent", "consent"]);
    assert!(
        text.contains("`perhaps`")
            && text.contains("next: decide again: `localtel --app myapp enable`"),
        "{text}"
    );
    assert!(text.contains("consent.all.json has format 7"), "{text}");
    assert!(
        text.contains("next: install the localtel that wrote it"),
        "{text}"
    );
}

#[test]
fn a_segment_that_cannot_be_removed_is_found_with_the_reason() {
    let home = CommandHome::recorded();
    let segment = home.telemetry().join("events.000001.jsonl");
    let later = home.telemetry().join("events.000004.jsonl");
    std::fs::rename(&segment, &later).unwrap();
    // Below the floor, and still there.
    std::fs::create_dir(&segment).unwrap();
    home.put("lock", "0000000000000004 0000000000000004\n");
    let (code, text, found) = home.doctor();
    assert_eq!(code, 3);
    assert!(found.contains(&"unremovable".to_owned()), "{text}");
    let expected = format!(
        "cannot be removed: {}; it is not a regular file, and counts towards the total; next: move it away: {}",
        segment.display(),
        segment.display()
    );
    assert!(text.contains(&expected), "{text}");
}

#[test]
fn an_immutable_segment_is_found_before_its_removal() {
    let home = CommandHome::recorded();
    let segment = home.telemetry().join("events.000001.jsonl");
    let chattr = |flag: &str| {
        let run = std::process::Command::new("chattr")
            .arg(flag)
            .arg(&segment)
            .output();
        run.is_ok_and(|output| output.status.success())
    };
    if !chattr("+i") {
        eprintln!("skipped: this user or file system cannot make a file immutable");
        return;
    }
    let (code, text, found) = home.doctor();
    std::fs::write(home.telemetry().join("events.000002.jsonl"), "junk\n").unwrap();
    let cleared = home.localtel().args(["clear", "--yes"]).output().unwrap();
    assert!(chattr("-i"));
    assert_eq!(cleared.status.code(), Some(1));
    let hint = "\nhint: `localtel --app myapp clear --dry-run` lists the segments that are left\n";
    assert!(super::err(&cleared).ends_with(hint), "{cleared:?}");
    assert_eq!((code, found), (3, vec!["unremovable".to_owned()]), "{text}");
    let file = segment.display();
    assert!(
        text.contains(&format!(
            "it is immutable, and counts towards the total; next: chattr -i {file}"
        )),
        "{text}"
    );
}

#[test]
fn records_dated_in_the_future_are_found() {
    let home = CommandHome::recorded();
    let segment = home.telemetry().join("events.000001.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    let line = text.lines().last().unwrap();
    let year = line.get(..18).unwrap();
    let later = line.replacen(year, "{\"timestamp\":\"2940", 1);
    std::fs::write(&segment, format!("{text}{later}\n")).unwrap();
    let text = home.finds(&["clock"]);
    assert!(text.starts_with("dated in the future (2940-"), "{text}");
    assert!(
        text.contains(": 1 record, at events.000001.jsonl:"),
        "{text}"
    );
    assert!(!text.contains("clear"), "{text}");
}

#[test]
fn a_directory_that_others_may_read_or_write_is_found() {
    let home = CommandHome::recorded();
    let set = |mode| {
        std::fs::set_permissions(home.telemetry(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o755);
    let text = home.finds(&["permission"]);
    assert!(text.contains("(mode 0755); next: chmod 700 "), "{text}");
    set(0o770);
    let text = home.finds(&["directory"]);
    let step = format!("; next: chmod 700 {}\n", home.telemetry().display());
    assert!(text.ends_with(&step), "{text}");
}

#[test]
fn a_file_that_others_may_read_or_write_is_found() {
    let home = CommandHome::recorded();
    home.put("policy.toml", "");
    assert_eq!(home.doctor().0, 0);
    home.set_mode("policy.toml", 0o666);
    let text = home.finds(&["permission"]);
    let file = home.telemetry().join("policy.toml");
    let step = format!("; next: chmod go= {}\n", file.display());
    assert!(text.ends_with(&step), "{text}");
    home.set_mode("events.000001.jsonl", 0o644);
    let text = home.finds(&["permission"]);
    assert!(
        text.contains(&format!("events.000001.jsonl, {}; ", file.display())),
        "{text}"
    );
    assert!(text.ends_with("policy.toml\n"), "{text}");
    let (_, text) = home.run("--app myapp explain");
    assert!(text.contains("\n  But open to other users: /"), "{text}");
}

#[test]
fn data_closed_to_its_owner_is_found_with_the_chmod() {
    let home = CommandHome::recorded();
    for (name, mode, kind, step) in [
        ("events.000001.jsonl", 0o000, "unreadable", "chmod u+r"),
        ("consent.json", 0o000, "consent", "as its owner: chmod u+rw"),
        (
            "lock",
            0o400,
            "lock",
            "if it is a regular file of yours, chmod 600",
        ),
        ("", 0o000, "directory", "chmod u+rwx"),
    ] {
        let file = home.telemetry().join(name);
        home.set_mode(name, mode);
        if std::fs::File::options().append(true).open(&file).is_ok() {
            eprintln!("skipped: this user may open every file");
            return;
        }
        let text = home.finds(&[kind]);
        home.set_mode(name, 0o700);
        assert!(text.contains(&format!("; next: {step} /")), "{text}");
    }
}

#[test]
fn something_else_under_a_name_of_ours_is_to_be_moved_away() {
    for (name, kind) in [
        ("events.000001.jsonl", "unreadable"),
        ("consent.json", "consent"),
    ] {
        let home = CommandHome::recorded();
        let file = home.telemetry().join(name);
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        let text = home.finds(&[kind]);
        assert!(text.contains("move it away"), "{text}");
    }
}

#[test]
fn a_last_line_that_was_cut_is_found() {
    let home = CommandHome::recorded();
    let file = home.telemetry().join("events.000001.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    for (put, bytes) in [
        (text[..text.len() - 30].to_owned(), text.len() - 30),
        (text.clone() + &"\0".repeat(300), 300),
    ] {
        home.put("events.000001.jsonl", &put);
        let text = home.finds(&["unreadable"]);
        assert!(
            text.starts_with("the last line is incomplete, at events.000001.jsonl:"),
            "{text}"
        );
        assert!(text.contains(&format!("({bytes} bytes); next: ")), "{text}");
    }
}

#[test]
fn sessions_of_an_earlier_installation_are_not_findings() {
    let home = CommandHome::recorded();
    let id = |of: &str| format!(r#""installation":"{of}""#);
    let stored = std::fs::read_to_string(home.telemetry().join("consent.json")).unwrap();
    let own: serde_json::Value = serde_json::from_str(&stored).unwrap();
    home.add_own("session", &id("01936f0e-0000-4000-8000-000000000000"));
    assert_eq!(home.doctor().0, 0);
    home.add_own("session", &id(own["installation"].as_str().unwrap()));
    let text = home.finds(&["sessions"]);
    assert!(text.starts_with("1 session without an end"), "{text}");
    assert_eq!(home.run("--app myapp disable").0, 0);
    assert_eq!(home.doctor().0, 0);
}

#[test]
fn a_symlink_or_file_at_the_directory_path_is_found() {
    let home = CommandHome::new();
    std::fs::create_dir_all(home.path().join("myapp")).unwrap();
    symlink("/tmp", home.telemetry()).unwrap();
    assert!(home.finds(&["directory"]).contains("symbolic link"));
    std::fs::remove_file(home.telemetry()).unwrap();
    std::fs::write(home.telemetry(), "").unwrap();
    assert!(home.finds(&["directory"]).contains("it is a file"));
}

#[test]
fn a_held_or_invalid_lock_is_found() {
    let home = CommandHome::recorded();
    let lock = std::fs::File::open(home.telemetry().join("lock")).unwrap();
    lock.lock().unwrap();
    assert!(home.finds(&["lock"]).contains("does not release it"));
    drop(lock);
    assert_eq!(home.doctor().0, 0);
    std::fs::remove_file(home.telemetry().join("lock")).unwrap();
    symlink("/etc/passwd", home.telemetry().join("lock")).unwrap();
    assert!(home.finds(&["lock"]).contains("cannot be locked"));
}

#[test]
fn unreadable_lines_and_missing_segments_are_found() {
    let home = CommandHome::recorded();
    home.put("events.000003.jsonl", "junk\n{\"a\":1}\n");
    let text = home.finds(&["missing", "unreadable"]);
    assert!(text.contains("events.000002.jsonl"), "{text}");
    assert!(
        text.contains("2 unreadable lines, the first at events.000003.jsonl:1"),
        "{text}"
    );
    let (_, status) = home.run("--app myapp status");
    let damage = "\ndamage: 3 unreadable or missing items\n";
    assert!(status.contains(damage), "{status}");
    let step = "; next: no action is needed: all other lines can be read; `localtel --app myapp show` prints";
    assert!(text.contains(step) && !text.contains("clear"), "{text}");
}

#[test]
fn records_removed_from_a_segment_are_found() {
    let home = CommandHome::recorded();
    let path = home.telemetry().join("events.000001.jsonl");
    let once = std::fs::read_to_string(&path).unwrap();
    let session = "01936f0e-0000-7000-8000-000000000000";
    let line = |event: &str, seq: u8| {
        format!(
            r#"{{"timestamp":"2026-01-01T00:00:00.000000Z","level":"INFO","source":"myapp","target":"localtel","event":"{event}","session":"{session}","seq":{seq}}}"#
        ) + "\n"
    };
    let lines: Vec<String> = (0..9).map(|seq| line("session", seq)).collect();
    let put = |lines: &[String]| {
        home.put(
            "events.000001.jsonl",
            &(once.clone() + &lines.concat() + &line("session.end", 9)),
        );
    };
    put(&lines);
    assert_eq!(home.doctor().0, 0);
    put(&[&lines[..3], &lines[5..]].concat());
    let text = home.finds(&["missing"]);
    let expected = format!(
        "missing, and not removed by localtel: 2 records of session {session} between events.000001.jsonl:4 and events.000001.jsonl:5; next: "
    );
    assert!(text.starts_with(&expected), "{text}");
    put(&lines[1..]);
    let text = home.finds(&["missing"]);
    let expected = format!(
        "missing, and not removed by localtel: 1 record of session {session} before events.000001.jsonl:2; next: "
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn a_copied_home_and_a_first_use_in_the_future_are_found() {
    let home = CommandHome::recorded();
    let path = home.telemetry().join("consent.json");
    let mut stored: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    stored["host"] = "0".repeat(64).into();
    stored["first_seen"] = "2999-01-01T00:00:00Z".into();
    stored["grace_seconds"] = 60.into();
    std::fs::write(&path, stored.to_string()).unwrap();
    let text = home.finds(&["clock", "copied"]);
    assert!(
        text.contains("next: `localtel --app myapp reset`"),
        "{text}"
    );
}

#[test]
fn an_invalid_consent_variable_is_found() {
    let home = CommandHome::enabled();
    let output = home
        .localtel()
        .env("MYAPP_TELEMETRY", "perhaps")
        .arg("doctor")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("MYAPP_TELEMETRY: ") && text.contains("or unset it"),
        "{text}"
    );
}

#[test]
fn sessions_without_an_end_and_dropped_events_are_findings() {
    let home = CommandHome::recorded();
    let segment = home.telemetry().join("events.000001.jsonl");
    let recorded = std::fs::read_to_string(&segment).unwrap();
    let session = recorded
        .lines()
        .find_map(|line| line.split_once(r#""session":""#))
        .map(|(_, rest)| &rest[..36])
        .unwrap();
    // One session without an end, as after a kill, and one that ended.
    let line = |session: &str, event: &str, properties: &str| {
        format!(
            r#"{{"timestamp":"2026-01-01T00:00:00.000000Z","level":"INFO","source":"testapp","target":"localtel","event":"{event}","session":"{session}","seq":0,"properties":{{{properties}}}}}"#
        ) + "\n"
    };
    let killed = session.replace(&session[..8], "00000000");
    let counts = r#""recorded":0,"dropped":5,"refused":0,"failed":0"#;
    let more = [
        line(
            &killed,
            "consent",
            r#""state":"enabled","decided_by":"choice""#,
        ),
        line(
            &session.replace(&session[..8], "11111111"),
            "session.end",
            counts,
        ),
    ];
    std::fs::set_permissions(&segment, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&segment, recorded + &more.concat()).unwrap();
    let text = home.finds(&["sessions", "dropped"]);
    assert!(text.contains("1 session without an end"), "{text}");
    assert!(text.contains("5 events dropped"), "{text}");
    assert!(text.contains("`Overflow::Block`"), "{text}");
    assert!(text.contains("`Limits::buffer_bytes_max`"), "{text}");
    let status = home.localtel().arg("status").output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("0 running, 1 without an end"), "{status}");
    assert!(status.contains("`Overflow::Block`"), "{status}");
}

impl CommandHome {
    /// Appends an internal record in a session of its own.
    fn add_own(&self, event: &str, properties: &str) {
        let segment = self.telemetry().join("events.000001.jsonl");
        let recorded = std::fs::read_to_string(&segment).unwrap();
        let line = format!(
            r#"{{"timestamp":"2026-01-01T00:00:00.000000Z","level":"INFO","source":"myapp","target":"localtel","event":"{event}","session":"01936f0e-0000-7000-8000-000000000000","seq":0,"properties":{{{properties}}}}}"#
        );
        self.set_mode("events.000001.jsonl", 0o600);
        std::fs::write(&segment, format!("{recorded}{line}\n")).unwrap();
    }

    /// Returns the exit code and the output.
    fn run(&self, words: &str) -> (i32, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_localtel"));
        let command = command.env_clear().envs(self.variables());
        let output = command.args(words.split(' ')).output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    }
}

#[test]
fn events_that_could_not_be_written_are_found() {
    let home = CommandHome::recorded();
    let counts = r#""recorded":1,"dropped":0,"refused":7,"failed":3"#;
    home.add_own("session.end", counts);
    let text = home.finds(&["failed"]);
    assert!(
        text.starts_with("3 events lost because they could not be written; next: "),
        "{text}"
    );
}

#[test]
fn refused_events_are_not_a_finding() {
    let home = CommandHome::recorded();
    home.add_own(
        "session.end",
        r#""recorded":1,"dropped":0,"refused":7,"failed":0"#,
    );
    assert_eq!(home.doctor().0, 0);
}

#[test]
fn records_of_a_newer_format_are_found() {
    let home = CommandHome::recorded();
    home.add_own("session", r#""format":7,"pid":1,"resumed":false"#);
    home.add_own(
        "session.end",
        r#""recorded":0,"dropped":0,"refused":0,"failed":0"#,
    );
    let text = home.finds(&["newer"]);
    assert!(text.contains("1 record, at events.000001.jsonl:"), "{text}");
    assert!(
        text.contains("; next: install the localtel that wrote it\n"),
        "{text}"
    );
}

#[test]
fn a_mistyped_application_or_profile_is_found() {
    let home = CommandHome::recorded();
    for (words, next) in [
        (
            "--app myap doctor",
            "did you mean `localtel --app myapp doctor`?",
        ),
        (
            "--app MyApp doctor",
            "did you mean `localtel --app myapp doctor`?",
        ),
        (
            "--app myapp --profile defalt doctor",
            "did you mean `localtel --app myapp doctor`?",
        ),
    ] {
        let (code, out) = home.run(words);
        assert_eq!(code, 3, "{words}: {out}");
        assert!(
            out.starts_with("no choice and no records for "),
            "{words}: {out}"
        );
        assert!(out.contains(&format!("; next: {next}\n")), "{words}: {out}");
        let (code, json) = home.run(&format!("{words} --json"));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (code, &json["findings"][0]["kind"]),
            (3, &"name".into()),
            "{words}"
        );
        assert_eq!(json["directory_exists"], false);
    }
}

#[test]
fn an_application_without_telemetry_is_not_a_finding() {
    let home = CommandHome::recorded();
    for words in ["--app other doctor", "--app myapp --profile work doctor"] {
        let (code, out) = home.run(words);
        assert_eq!(code, 0, "{words}: {out}");
        assert!(
            out.starts_with("no choice and no records for "),
            "{words}: {out}"
        );
        assert!(!out.contains("no problems found"), "{words}: {out}");
    }
}

#[test]
fn all_commands_serialise_one_status() {
    let home = CommandHome::recorded();
    home.put("policy.toml", "level = \"loud\"\nx = 1\n");
    let json = |words: &str| -> serde_json::Value {
        let (_, out) = home.run(&format!("--app myapp {words} --json"));
        let mut document: serde_json::Value = serde_json::from_str(&out).unwrap();
        let version = document.as_object_mut().unwrap().remove("document_version");
        assert_eq!(version, Some(1.into()), "{words}");
        document
    };
    let (status, explain) = (json("status"), json("explain"));
    assert_eq!(json("profiles")["profiles"][0], status);
    let doctor = json("doctor");
    for key in ["recording", "because", "directory_exists"] {
        assert_eq!(doctor[key], status[key], "{key}");
    }
    let shared = status.as_object().unwrap().iter();
    let differing: Vec<&String> = shared
        .filter(|(key, value)| explain.get(key.as_str()) != Some(value))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(differing, [""; 0]);
}

#[test]
fn each_command_reports_each_policy_mistake_once() {
    let home = CommandHome::recorded();
    home.put(
        "policy.toml",
        "level = \"loud\"\nx = 1\n[targets]\na = \"hide\"\n",
    );
    let mistakes = [
        "line 1: level: `loud`",
        "line 2: unknown field `x`",
        "line 4: targets: a: ",
    ];
    for words in [
        "policy",
        "status",
        "doctor",
        "explain",
        "policy property user drop",
    ] {
        let output = home.localtel().args(words.split(' ')).output().unwrap();
        let printed = super::out(&output) + &super::err(&output);
        for mistake in mistakes {
            assert_eq!(
                printed.matches(mistake).count(),
                1,
                "{words}: {mistake}: {printed}"
            );
        }
    }
}

#[test]
fn next_steps_are_quoted_for_a_shell() {
    let home = CommandHome::recorded();
    let spaced = home.path().join("my app");
    std::fs::rename(home.telemetry(), &spaced).unwrap();
    for (name, mode) in [(".", 0o755), ("events.000001.jsonl", 0o644)] {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(spaced.join(name), mode).unwrap();
    }
    let dir = spaced.display();
    let output = home
        .localtel()
        .arg("--dir")
        .arg(&spaced)
        .arg("doctor")
        .output()
        .unwrap();
    let text = super::out(&output);
    assert!(
        text.contains(&format!("next: chmod 700 '{dir}'\n")),
        "{text}"
    );
    assert!(
        text.contains(&format!("next: chmod go= '{dir}/events.000001.jsonl'\n")),
        "{text}"
    );
}

#[test]
fn a_file_system_that_is_nearly_full_is_found() {
    let home = CommandHome::recorded();
    let doctor = |full_at: &str| {
        let words = ["doctor", "--json", "--full-at", full_at];
        let output = home.localtel().args(words).output().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let kind = report["findings"][0]["kind"].as_str().map(str::to_owned);
        (output.status.code(), kind)
    };
    assert_eq!(doctor("0"), (Some(3), Some("full".to_owned())));
    assert_eq!(doctor("100"), (Some(0), None));
    assert_eq!(doctor("101").0, Some(2));
    assert_eq!(doctor("many").0, Some(2));
}

impl CommandHome {
    /// Writes a segment of that size for each of the last ten days, with a record at its start.
    fn record_daily(&self, bytes: usize) {
        let now = std::time::SystemTime::now();
        for days_ago in (1..=10u64).rev() {
            let number = 11 - days_ago;
            let time = now - std::time::Duration::from_secs(days_ago * 24 * 60 * 60 - 60);
            let time = localtel::read::Timestamp::from(time);
            let line = |message: &str| {
                format!(
                    "{{\"timestamp\":\"{time}\",\"level\":\"INFO\",\"source\":\"myapp\",\"target\":\"myapp\",\"event\":\"e\",\"message\":\"{message}\",\"session\":\"01936f0e-0000-7000-8000-0000000000{number:02}\",\"seq\":0}}\n"
                )
            };
            let message = "x".repeat(bytes - line("").len());
            self.put(&format!("events.{number:06}.jsonl"), &line(&message));
        }
    }
}

#[test]
fn limits_that_remove_by_size_before_the_age_are_found() {
    let home = CommandHome::enabled();
    home.record_daily(100 << 10);
    let line = |words: &str, beginning: &str| {
        let output = home.localtel().args(words.split(' ')).output().unwrap();
        let text = super::out(&output);
        let found = text.lines().find(|line| line.starts_with(beginning));
        found.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let usual = "days: 256 MiB last about 2621 days at today's rate of 100.0 KiB a day; records are kept for about 90 days";
    assert_eq!(line("status", "days: "), usual);
    let found = |text: &str| text.lines().any(|line| line.contains("removed by size"));
    assert!(!found(&home.doctor().1));
    let run = |words: &[&str]| {
        let output = home.localtel().args(words).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(&["policy", "storage", "age_max", "400 days"]);
    assert!(!found(&home.doctor().1));
    run(&["policy", "storage", "total_bytes_max", "4 MiB"]);
    let (code, text, kinds) = home.doctor();
    assert_eq!(code, 3, "{text}");
    assert!(kinds.contains(&"limits".to_owned()), "{kinds:?}");
    let of_limits = "at today's rate of 100 KiB a day, the total of 4096 KiB lasts about 40 days, so records are removed by size before their greatest age of 400d; ";
    assert!(text.contains(of_limits), "{text}");
    assert_eq!(
        line("status", "limits: "),
        "limits: 4 MiB, 400 days (owner)"
    );
    assert!(
        line("explain", "  4 MiB last about 40 days").contains("; records are kept for about 40")
    );
    // The command that it prints is enough.
    let (_, after) = text.split_once("total_bytes_max '").unwrap();
    let (suggested, _) = after.split_once('\'').unwrap();
    run(&["policy", "storage", "total_bytes_max", suggested]);
    assert!(!found(&home.doctor().1), "{suggested}");
}
