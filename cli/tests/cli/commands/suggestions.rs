//! Suggestions for a name that is not valid: the nearest valid one, or the equivalent of a word of
//! another tool.

use std::process::{Command, Output};

use super::{CommandHome, err, out};

/// Returns the quoted commands and flags in tips of the parser.
fn tips_in(text: &str) -> Vec<&str> {
    let tips = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("tip: "));
    tips.flat_map(|tip| tip.split(['`', '\'']).skip(1).step_by(2))
        .collect()
}

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
        ("grep timeout", "show --grep TEXT"),
        ("search timeout -i", "show --grep TEXT"),
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
        ("statistics", "stats"),
        ("check", "doctor"),
        ("save", "show --json"),
        ("backup", "export --help"),
        ("merge", "import --help"),
        ("version", "--version"),
        ("policy list", "show"),
        ("policy delete", "unset --help"),
        ("policy deny", "property NAME drop"),
    ] {
        let output = run_line(&home, &format!("--app myapp {line}"));
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        assert_eq!(out(&output), "", "{line}");
        let printed = err(&output);
        let tips = tips_in(&printed);
        assert!(tips.contains(&expected), "{line}: {printed}");
        let parent = if line.starts_with("policy") {
            "policy "
        } else {
            ""
        };
        for tip in tips {
            assert!(!tip.contains("clear"), "{line}: {printed}");
            // `tail` would not end.
            let tip = tip.replace("tail", "tail --help");
            let tip = tip.replace("doctor", "doctor --full-at 100");
            let output = run_line(&home, &format!("--app myapp {parent}{tip}"));
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
        let printed = err(&output);
        assert!(
            printed.starts_with("localtel: unrecognized subcommand 'xyzzy'\n"),
            "{printed}"
        );
        assert!(printed.ends_with("try '--help'.\n"), "{printed}");
    }
    assert!(!home.telemetry().exists());
}

#[test]
fn a_misspelt_command_or_flag_gets_the_nearest_one() {
    let home = CommandHome::enabled();
    for (line, expected) in [
        ("shwo -n 1", "show"),
        ("Show", "show"),
        ("stat --json", "stats"),
        ("--app myapp sttaus", "status"),
        ("sttaus --app myapp", "status"),
        ("policy proprety", "property"),
        ("level=warn", "show level=warn"),
        ("show --evnt x", "--event"),
        ("show --evnt=x -n 1", "--event"),
        ("show --limit 3", "--lines"),
        ("show --n 3", "--lines"),
        ("show --severity warn", "--level"),
        ("--app myapp show --path /tmp", "--dir"),
        ("--ap myapp show", "--app"),
        ("--grep x", "show --grep"),
        ("status --jsn", "--json"),
        ("record --levl warn a", "--level"),
        ("explain --shema", "--schema"),
        ("report --jsno", "--json"),
        ("profiles --jsno", "--json"),
        ("doctor --josn", "--json"),
        ("enable --all-profile", "--all-profiles"),
        ("--verison", "--version"),
        ("run --nmae a -- true", "--name"),
        ("run --nmae=a true", "--name"),
    ] {
        let output = run_line(&home, line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        let printed = err(&output);
        assert!(tips_in(&printed).contains(&expected), "{line}: {printed}");
    }
    let printed = err(&run_line(&home, "man shwo"));
    assert_eq!(lines_in(&printed), ["man show"], "{printed}");
}

#[test]
fn an_unknown_flag_gets_no_dissimilar_name_and_never_clear() {
    let home = CommandHome::enabled();
    for (command, flag) in [
        ("show", "--delete"),
        ("show", "--raw"),
        ("disable", "--clean"),
        ("disable", "--purge"),
        ("disable", "--claer"),
        ("--claer", "disable"),
        ("--app myapp", "--claer"),
        ("status", "--limit"),
        ("--app myapp status", "-x"),
        ("run", "-x"),
    ] {
        let printed = err(&run_line(&home, &format!("{command} {flag}")));
        assert!(
            printed.ends_with("try '--help'.\n"),
            "{command} {flag}: {printed}"
        );
        assert!(!printed.contains("similar"), "{command} {flag}: {printed}");
        assert!(!printed.contains("clear"), "{command} {flag}: {printed}");
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
    for (typed, meant) in [
        ("--app biling", "--app billing"),
        ("--app=BILLING", "--app billing"),
        ("--app bill", "--app billing"),
        (
            "--app billing --profile wrok",
            "--app billing --profile work",
        ),
    ] {
        // No command may change the telemetry with the similar name.
        for words in [
            "show -n 3",
            "status",
            "explain",
            "report",
            "profiles",
            "doctor",
            "clear --yes",
            "reset",
            "record a",
            "policy",
            "policy level warn",
            "disable --clear --yes",
            "enable",
        ] {
            let output = run_line(&home, &format!("{typed} {words}"));
            let printed = [out(&output), err(&output)].concat();
            assert_eq!(printed.matches("did you mean").count(), 1, "{printed}");
            // Only a choice is suggested for the other name, and never a removal.
            let command = match words {
                "doctor" | "enable" => words,
                "disable --clear --yes" => "disable",
                _ => "status",
            };
            let line = format!("{meant} {command}");
            assert!(
                lines_in(&printed).contains(&line.as_str()),
                "{typed} {words}: {printed}"
            );
            let undo = format!("{} disable` withdraws", typed.replace('=', " "));
            assert_eq!(
                printed.contains(&undo),
                words == "enable",
                "{typed} {words}: {printed}"
            );
            let line = line.replace("doctor", "doctor --full-at 100");
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
fn a_choice_for_all_profiles_of_a_wrong_name_can_be_undone() {
    let home = CommandHome::enabled();
    let printed = err(&run_line(&home, "--app mypap enable --all-profiles"));
    let expected = [
        "--app myapp enable --all-profiles",
        "--app mypap disable --all-profiles",
    ];
    assert_eq!(lines_in(&printed), expected, "{printed}");
    let printed = err(&run_line(&home, "--app mapyp disable --all-profiles"));
    assert_eq!(
        lines_in(&printed),
        ["--app myapp disable --all-profiles"],
        "{printed}"
    );
}

#[test]
fn an_invalid_level_or_time_leads_to_the_property() {
    let home = CommandHome::enabled();
    for (condition, property) in [
        ("level=x", "`properties.level`"),
        ("level>=3", "`properties.level`"),
        ("timestamp<later", "`properties.timestamp`"),
    ] {
        let printed = err(&run_line(&home, &format!("show {condition}")));
        assert!(printed.contains(property), "{condition}: {printed}");
        let output = run_line(&home, &format!("show properties.{condition}"));
        let is_text = !condition.contains('<');
        assert_eq!(output.status.success(), is_text, "{condition}: {output:?}");
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
        let printed = err(&run_line(&home, line));
        assert!(!printed.contains("did you mean"), "{line}: {printed}");
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
        let printed = err(&output);
        let expected = format!("--app myapp policy {expected}");
        assert_eq!(lines_in(&printed), [&expected], "{line}: {printed}");
        assert!(
            printed.starts_with("no recent record has the "),
            "{printed}"
        );
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
    for words in [&["show"] as &[&str], &["clear"]] {
        for (place, shown) in [
            (&["--app", "xyz"] as &[&str], "--app xyz"),
            (
                &["--app=xyz", "--profile", "work"],
                "--app xyz --profile work",
            ),
            (&["--dir", nowhere], &format!("--dir {quoted}")),
        ] {
            for line in [[place, words].concat(), [words, place].concat()] {
                let printed = err(&run(&home, &line));
                let hint = format!("`localtel {shown} status` shows");
                assert!(printed.contains(&hint), "{line:?}: {printed}");
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
        ("show -l =eror", "error"),
        ("show -l dbug..wran", "debug"),
        ("show level>=inf", "info"),
        ("tail -l errors", "error"),
        ("record -l wran x", "warn"),
        ("policy level trce", "trace"),
    ] {
        let output = run_line(&home, line);
        assert_eq!(output.status.code(), Some(2), "{line}: {output:?}");
        let printed = err(&output);
        let expected = format!("did you mean `{expected}`?");
        assert!(printed.contains(&expected), "{line}: {printed}");
    }
    for line in [
        "show -l loud",
        "show -l ..",
        "show -l",
        "show level=loud",
        "show -l warn..info",
    ] {
        let printed = err(&run_line(&home, line));
        assert!(!printed.contains("did you mean"), "{line}: {printed}");
    }
}
