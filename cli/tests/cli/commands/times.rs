//! Valid times outside the years 0 to 9999, which no line can contain: no command panics.

use super::{CommandHome, err, out};
use crate::support::{NOT_IN_UTC, line_at};

/// Runs a command, which must not panic, in a time zone; returns its exit code and its output.
fn run(home: &CommandHome, zone: &str, words: &[&str]) -> (i32, String) {
    let mut command = home.localtel();
    let output = command.env("TZ", zone).args(words).output().unwrap();
    let printed = err(&output);
    assert!(!printed.contains("panicked"), "{words:?}: {printed}");
    let code = output.status.code().unwrap();
    assert_ne!(code, 101, "{words:?}: {printed}");
    (code, out(&output) + &printed)
}

const ZONES: [&str; 3] = ["UTC0", "EAST-14", "WEST+11:30"];

#[test]
fn a_time_outside_the_years_0_to_9999_is_refused() {
    let home = CommandHome::enabled();
    run(&home, "UTC0", &["record", "one"]);
    let mut typed: Vec<&str> = NOT_IN_UTC.to_vec();
    typed.extend([
        "99999999999d",
        "99999999999999999999y",
        "584554530871y",
        "9000y",
        "@99999999999999",
        "@-99999999999999",
        "@9223372036854775807",
        "@253402300800",
        "@-62167219201",
    ]);
    for zone in ZONES {
        for text in &typed {
            for words in [
                &["show", "--since", text] as &[&str],
                &["show", "--until", text],
                &["show", "--local", "--until", text],
                &["show", "--local", "--since", text, "-r"],
                &["clear", "--before", text],
                &["clear", "--dry-run", "--before", text],
            ] {
                let (code, printed) = run(&home, zone, words);
                assert_eq!(code, 2, "{words:?}: {printed}");
            }
            let term = format!("timestamp<{text}");
            assert_eq!(run(&home, zone, &["show", &term]).0, 2, "{term}");
        }
    }
    assert_eq!(home.records("one").len(), 1);
}

#[test]
fn an_empty_range_of_times_is_refused() {
    let home = CommandHome::enabled();
    for words in [
        &["show", "-S", "08:00", "-U", "04:00"] as &[&str],
        &["show", "-S", "now", "-U", "yesterday", "--local"],
        &["tail", "-S", "-1h", "-U", "-2h"],
    ] {
        let (code, printed) = run(&home, "EAST-14", words);
        assert_eq!(code, 2, "{words:?}: {printed}");
        assert!(printed.contains("the range is empty"), "{printed}");
    }
    let words = ["show", "-S", "today", "-U", "today"];
    assert_eq!(run(&home, "UTC0", &words).0, 0);
}

#[test]
fn a_local_time_at_an_end_of_the_range_is_refused_or_used() {
    let home = CommandHome::enabled();
    run(&home, "UTC0", &["record", "one"]);
    for zone in ZONES {
        for text in [
            "9999-12-31",
            "9999-12-31 23:59:59",
            "0000-01-01",
            "0000-01-01 00:00",
        ] {
            for option in ["--since", "--until"] {
                let (code, printed) = run(&home, zone, &["show", "--local", option, text]);
                assert!(code == 0 || code == 2, "{zone} {text}: {printed}");
            }
        }
    }
}

#[test]
fn a_line_at_an_end_of_the_range_is_shown_or_damage() {
    for zone in ZONES {
        let home = CommandHome::enabled();
        run(&home, "UTC0", &["record", "one"]);
        let mut lines = String::new();
        for text in NOT_IN_UTC {
            lines += &line_at(text);
        }
        for text in ["9999-12-31T23:59:59.999999Z", "0000-01-01T00:00:00.000000Z"] {
            lines += &line_at(text);
        }
        let segment = home.telemetry().join("events.000002.jsonl");
        std::fs::write(segment, lines).unwrap();
        for words in [
            &["show", "-n", "100"] as &[&str],
            &["show", "--local", "-n", "100", "-r"],
            &["show", "--local", "-o", "pretty"],
            &["show", "-o", "csv"],
            &["show", "timestamp>2026-01-01"],
            &["show", "--local", "--since", "0000-01-02"],
            &["status"],
            &["status", "--json"],
            &["explain"],
            &["explain", "--json"],
            &["profiles"],
            &["doctor"],
            &["clear", "--dry-run", "--before", "2026-01-01"],
        ] {
            let (code, printed) = run(&home, zone, words);
            assert!(code == 0 || code == 3, "{words:?}: {code} {printed}");
        }
        let (_, shown) = run(
            &home,
            zone,
            &["show", "--local", "-n", "100", "-o", "short"],
        );
        assert!(
            shown.contains("9999-12-31T") && shown.contains("0000-01-01T"),
            "{shown}"
        );
        assert_eq!(run(&home, zone, &["clear", "--yes"]).0, 0);
    }
}

#[test]
fn consent_with_an_invalid_time_is_disabled_and_replaceable() {
    for word in ["disable", "enable", "reset"] {
        let home = CommandHome::enabled();
        run(&home, "UTC0", &["record", "one"]);
        let path = home.telemetry().join("consent.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replacen(
            "\"decided\":\"2",
            "\"decided\":\"9999-12-31T23:59:59-10:00\",\"was\":\"2",
            1,
        );
        assert!(text.contains("-10:00"), "{text}");
        std::fs::write(&path, text).unwrap();
        let (_, printed) = run(&home, "UTC0", &["status"]);
        assert!(
            printed.contains("disabled") && printed.contains("is not 0 to 9999"),
            "{printed}"
        );
        let (code, printed) = run(&home, "UTC0", &[word]);
        assert_eq!(code, i32::from(word == "reset"), "{printed}");
        let (_, printed) = run(&home, "UTC0", &["status"]);
        assert_eq!(
            printed.contains("enabled"),
            word == "enable",
            "{word}: {printed}"
        );
    }
}
