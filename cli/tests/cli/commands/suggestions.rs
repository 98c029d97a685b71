//! Suggestions for a name that is not valid: the nearest valid one, or the equivalent of a word of
//! another tool.

use std::process::{Command, Output};

use super::{CommandHome, err, out};

/// Returns the command lines of `localtel` that a text contains in backquotes.
fn lines_in(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter_map(|line| line.strip_prefix("localtel "))
        .collect()
}

/// Runs `localtel` without `--app`.
fn run(home: &CommandHome, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localtel"));
    command.env_clear().envs(home.variables());
    command.args(words).output().unwrap()
}

/// Runs a command line without quoted arguments.
fn run_line(home: &CommandHome, line: &str) -> Output {
    run(home, &line.split(' ').collect::<Vec<_>>())
}

#[test]
fn words_of_other_tools_get_the_equivalent_command() {
    let home = CommandHome::enabled();
    run_line(&home, "--app myapp record start n=1");
    for (line, expected) in [
        ("grep timeout", "show --grep timeout"),
        ("search timeout -i", "show --grep timeout"),
        ("find", "show --grep TEXT"),
        ("query", "show key=value"),
        ("filter", "show key=value"),
        ("logs", "show"),
        ("log", "show"),
        ("cat", "show"),
        ("ls", "show"),
        ("list", "profiles"),
        ("follow", "tail"),
        ("watch", "tail"),
        ("delete", "explain"),
        ("rm -rf", "explain"),
        ("remove", "explain"),
        ("purge", "explain"),
        ("clean", "explain"),
        ("claer", "explain"),
        ("uninstall", "disable"),
        ("off", "disable"),
        ("on", "enable"),
        ("info", "status"),
        ("config", "policy --help"),
        ("stats", "explain"),
        ("check", "doctor"),
        ("export", "show --json"),
        ("version", "--version"),
        ("policy list", "policy show"),
        ("policy delete", "policy unset --help"),
        ("policy deny", "policy property NAME drop"),
    ] {
        let output = run_line(&home, &format!("--app myapp {line}"));
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        assert_eq!(out(&output), "", "{line}");
        let said = err(&output);
        assert!(!said.contains(" clear"), "{line}: {said}");
        let lines = lines_in(&said);
        let expected = format!("--app myapp {expected}");
        assert!(lines.contains(&expected.as_str()), "{line}: {said}");
        for line in lines {
            // `tail` would not end.
            let line = line.replace("tail", "tail --help");
            let output = run_line(&home, &line);
            assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        }
    }
}

#[test]
fn an_unknown_word_gets_the_help() {
    let home = CommandHome::new();
    for line in ["xyzzy", "policy xyzzy", "help xyzzy", "xyzzy --app myapp"] {
        let output = run_line(&home, line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        let said = err(&output);
        let help = lines_in(&said);
        assert!(said.contains("xyzzy` is not a command\nhint: "), "{said}");
        let output = run_line(&home, help[0]);
        assert_eq!(output.status.code(), Some(0), "{said}: {output:?}");
    }
    assert!(!home.telemetry().exists());
}

#[test]
fn a_misspelt_command_or_flag_gets_the_nearest_one() {
    let home = CommandHome::enabled();
    for (line, expected) in [
        ("shwo -n 1", "show -n 1"),
        ("Show", "show"),
        ("stat --json", "status --json"),
        ("--app myapp stauts", "--app myapp status"),
        ("stauts --app myapp", "--app myapp status"),
        ("policy proprety", "policy property --help"),
        ("help shwo", "show --help"),
        ("show --evnt x", "show --event x"),
        ("show --evnt=x -n 1", "show --event=x -n 1"),
        ("show --limit 3", "show --lines 3"),
        ("show --n 3", "show -n 3"),
        ("--ap myapp show", "--app myapp show"),
        ("--grep x", "show --grep x"),
        ("status --jsn", "status --json"),
        ("record --levl warn a", "record --level warn a"),
        ("explain --shema", "explain --schema"),
        ("report --jsno", "report --json"),
        ("profiles --jsno", "profiles --json"),
        ("doctor --josn", "doctor --json"),
        ("enable --all-profile", "enable --all-profiles"),
        ("--verison", "--version"),
        ("run --nmae a -- true", "run --name a -- true"),
        ("run --nmae=a true", "run --name=a true"),
        ("man shwo", "man show"),
    ] {
        let output = run_line(&home, line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        let said = err(&output);
        assert_eq!(lines_in(&said).last(), Some(&expected), "{line}: {said}");
        let output = run_line(&home, expected);
        assert_eq!(output.status.code(), Some(0), "{expected}: {output:?}");
    }
}

#[test]
fn an_unknown_flag_gets_the_help_of_its_command() {
    let home = CommandHome::enabled();
    for (command, flag) in [
        ("show", "--delete"),
        ("show", "--raw"),
        ("disable", "--clean"),
        ("disable", "--purge"),
        ("disable", "--claer"),
        ("--app myapp status", "-x"),
        ("run", "-x"),
    ] {
        let said = err(&run_line(&home, &format!("{command} {flag}")));
        let help = format!("hint: `localtel {command} --help` lists the flags\n");
        assert!(said.ends_with(&help), "{command} {flag}: {said}");
        assert!(!said.contains("clear"), "{command} {flag}: {said}");
    }
}

#[test]
fn a_misspelt_application_or_profile_gets_the_nearest_one() {
    let home = CommandHome::new();
    for line in [
        "--app billing enable",
        "--app billing --profile work enable",
        "--app shop enable",
        "--app billing record a",
        "--app billing --profile work record a",
    ] {
        let output = run_line(&home, line);
        assert!(output.status.success(), "{output:?}");
    }
    let reading = [
        "show -n 3",
        "status",
        "explain",
        "report",
        "profiles",
        "doctor",
    ];
    // These must change nothing in the telemetry whose name is only similar.
    let writing = [
        "clear --yes",
        "reset",
        "record a",
        "policy",
        "policy level warn",
        "disable --clear --yes",
        "enable",
    ];
    for (typed, meant) in [
        ("--app biling", "--app billing"),
        ("--app=BILLING", "--app=billing"),
        ("--app bill", "--app billing"),
        (
            "--app billing --profile wrok",
            "--app billing --profile work",
        ),
    ] {
        let lines = reading.map(|words| (words, words));
        for (words, suggested) in lines
            .into_iter()
            .chain(writing.map(|words| (words, "status")))
        {
            let said = err(&run_line(&home, &format!("{typed} {words}")));
            let line = format!("{meant} {suggested}");
            assert_eq!(
                lines_in(&said).last(),
                Some(&line.as_str()),
                "{typed} {words}: {said}"
            );
            let output = run_line(&home, &line);
            assert!(output.status.success(), "{line}: {output:?}");
            for made in [
                "biling",
                "BILLING",
                "bill",
                "billing/telemetry/profiles/wrok",
            ] {
                let _removed = std::fs::remove_dir_all(home.path().join(made));
            }
        }
    }
}

#[test]
fn known_and_dissimilar_names_get_no_suggestion() {
    let home = CommandHome::enabled();
    run_line(&home, "--app myapp2 enable");
    let path = home.telemetry();
    let path = path.to_str().unwrap();
    for line in [
        "--app myapp status",
        "--app myapp2 status",
        "--app myapp --profile default status",
        "--app myapp --profile work status",
        "--app xyzzy status",
        "--app xyzzy show",
        "--app mypap run -- true",
        &format!("--dir {path} status"),
        &format!("--dir {path}2 --app mypap status"),
    ] {
        let said = err(&run_line(&home, line));
        assert!(!said.contains("did you mean"), "{line}: {said}");
    }
}

#[test]
fn a_rule_for_an_unseen_name_gets_the_nearest_one() {
    let home = CommandHome::enabled();
    let record = [
        "--app",
        "myapp",
        "record",
        "command",
        "duration=5",
        "os.kernel=6",
    ];
    assert!(run(&home, &record).status.success());
    for (line, expected) in [
        ("event comand drop", "event command drop"),
        ("event Command keep", "event command keep"),
        ("property duraton mask", "property duration mask"),
        ("property mesage drop", "property message drop"),
        ("target mypap drop", "target myapp drop"),
    ] {
        let output = run_line(&home, &format!("--app myapp policy {line}"));
        assert!(output.status.success(), "{line}: {output:?}");
        let said = err(&output);
        let expected = format!("--app myapp policy {expected}");
        assert_eq!(lines_in(&said), [&expected], "{line}: {said}");
        assert!(said.starts_with("no recent record has the "), "{said}");
        let output = run_line(&home, &expected);
        assert_eq!(err(&output), "", "{expected}: {output:?}");
    }
    for line in [
        "event comm* drop",
        "event xyzzy drop",
        "property DURATION mask",
        "property os.kernel drop",
        "property message keep",
        "target myapp keep",
        "level info",
        "unset property duration",
    ] {
        let output = run_line(&home, &format!("--app myapp policy {line}"));
        assert!(output.status.success(), "{line}: {output:?}");
        assert_eq!(err(&output), "", "{line}");
    }
}

#[test]
fn a_hint_repeats_the_flags_in_any_position() {
    let home = CommandHome::new();
    let nowhere = home.path().join("no where");
    let nowhere = nowhere.to_str().unwrap();
    let quoted = format!("'{nowhere}'");
    for words in [&["show"] as &[&str], &["clear"], &["tail"]] {
        for (place, shown) in [
            (&["--app", "xyz"] as &[&str], "--app xyz"),
            (
                &["--app=xyz", "--profile", "work"],
                "--app xyz --profile work",
            ),
            (&["--dir", nowhere], &format!("--dir {quoted}")),
        ] {
            for line in [[place, words].concat(), [words, place].concat()] {
                let said = err(&run(&home, &line));
                let hint = format!("`localtel {shown} status` says");
                assert!(said.contains(&hint), "{line:?}: {said}");
            }
        }
    }
}

#[test]
fn a_misspelt_level_gets_the_nearest_one() {
    let home = CommandHome::enabled();
    for (line, expected) in [
        ("show -l wran", "warn"),
        ("show -l WARNNING", "warn"),
        ("show -l =eror", "=error"),
        ("show -l dbug..wran", "debug..warn"),
        ("show level>=inf", "level>=info"),
        ("tail -l errors", "error"),
        ("record -l wran x", "warn"),
        ("policy level trce", "trace"),
    ] {
        let output = run_line(&home, line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        let said = err(&output);
        let expected = format!("did you mean `{expected}`?");
        assert!(said.contains(&expected), "{line}: {said}");
    }
    for line in [
        "show -l loud",
        "show -l ..",
        "show -l",
        "show level=loud",
        "show -l warn..info",
    ] {
        let said = err(&run_line(&home, line));
        assert!(!said.contains("did you mean"), "{line}: {said}");
    }
}
