//! Times in real zones, and the zone that is selected. Valid times outside the years 0 to 9999,
//! which no line can contain: no command panics.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use super::{CommandHome, err, out};
use crate::support::{NOT_IN_UTC, line_at, terminal};

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

/// Returns a home with a record of each time.
fn home_with(times: &[&str]) -> CommandHome {
    let home = CommandHome::enabled();
    let lines: String = times.iter().map(|time| line_at(time)).collect();
    std::fs::write(home.telemetry().join("events.000001.jsonl"), lines).unwrap();
    home
}

/// Returns the times of the records that `show` shows in a zone.
fn times_shown(home: &CommandHome, zone: &str, range: &[&str]) -> Vec<String> {
    let words = [&["show", "--local", "-o", "json"], range].concat();
    let mut command = home.localtel();
    let output = command.env("TZ", zone).args(&words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", err(&output));
    let shown = out(&output);
    let lines = shown.lines();
    lines
        .map(|line| line.split('"').nth(3).unwrap().to_owned())
        .collect()
}

fn has_zones() -> bool {
    let has = Path::new("/usr/share/zoneinfo/Pacific/Apia").exists();
    if !has {
        println!("skipped: this needs the data of time zones");
    }
    has
}

#[test]
fn an_hour_that_occurs_twice_is_wholly_in_the_range() {
    if !has_zones() {
        return;
    }
    for (zone, lines, since, until) in [
        (
            "Europe/Berlin",
            [
                "2026-10-24T23:59:59.000000Z",
                "2026-10-25T00:00:00.000000Z",
                "2026-10-25T01:59:59.000000Z",
                "2026-10-25T02:00:00.000000Z",
            ],
            "2026-10-25 02:00",
            "2026-10-25 02:59:59",
        ),
        (
            "America/New_York",
            [
                "2026-11-01T04:59:59.000000Z",
                "2026-11-01T05:30:00.000000Z",
                "2026-11-01T06:30:00.000000Z",
                "2026-11-01T07:00:00.000000Z",
            ],
            "2026-11-01 1:30",
            "2026-11-01 1:30",
        ),
    ] {
        let home = home_with(&lines);
        let shown = times_shown(&home, zone, &["-S", since, "-U", until]);
        assert_eq!(shown, lines[1..3], "{zone}");
    }
}

#[test]
fn a_time_that_the_clocks_skip_is_the_change() {
    if !has_zones() {
        return;
    }
    for (zone, before, after, skipped) in [
        (
            "Europe/Berlin",
            "2026-03-29T00:59:59.999999Z",
            "2026-03-29T01:00:00.000001Z",
            ["2026-03-29 02:00", "2026-03-29 02:59"],
        ),
        (
            "America/New_York",
            "2026-03-08T06:59:59.999999Z",
            "2026-03-08T07:00:00.000001Z",
            ["2026-03-08 02:00", "2026-03-08 02:30"],
        ),
        // Samoa had no 30 December in 2011.
        (
            "Pacific/Apia",
            "2011-12-30T09:59:59.999999Z",
            "2011-12-30T10:00:00.000001Z",
            ["2011-12-30", "2011-12-30 23:00"],
        ),
    ] {
        let home = home_with(&[before, after]);
        for time in skipped {
            let since = times_shown(&home, zone, &["-S", time]);
            assert_eq!(since, [after], "{zone} since {time}");
            let until = times_shown(&home, zone, &["-U", time]);
            assert_eq!(until, [before], "{zone} until {time}");
        }
    }
}

#[test]
fn an_offset_of_quarter_hours_is_read_as_it_is_shown() {
    if !has_zones() {
        return;
    }
    let line = "2026-11-21T08:15:30.123456Z";
    let home = home_with(&[line]);
    let local = "2026-11-21T14:00:30.123456+05:45";
    let profiles = ["2026-11-21T14:00:30+05:45", "2026-11-21T08:15:30Z"];
    for (command, [local, utc]) in [
        ("status", [local, line]),
        ("profiles", profiles),
        ("explain", [local, line]),
    ] {
        let (_, shown) = run(&home, "Asia/Kathmandu", &[command, "--local"]);
        assert!(shown.contains(local), "{shown}");
        let (_, shown) = run(&home, "Asia/Kathmandu", &[command]);
        assert!(shown.contains(utc), "{shown}");
    }
    for time in [local, "2026-11-21 14:00:30,123456"] {
        let shown = times_shown(&home, "Asia/Kathmandu", &["-S", time, "-U", time]);
        assert_eq!(shown, [line], "{time}");
    }
}

/// Returns the first time that `status` prints, into a pipe and on a terminal.
fn first_times(home: &CommandHome, variable: Option<&str>, words: &[&str]) -> [Option<String>; 2] {
    let command = || -> Command {
        let mut command = home.localtel();
        command.env("TZ", "EAST-2").arg("status").args(words);
        command.envs(variable.map(|zone| ("LOCALTEL_ZONE", zone)));
        command
    };
    let piped = out(&command().output().unwrap());
    let (ours, theirs) = terminal().unwrap();
    let mut with_terminal = command();
    assert!(with_terminal.stdout(theirs).status().unwrap().success());
    drop(with_terminal);
    let mut shown = Vec::new();
    // It ends with an error where the last handle of the other end is closed.
    let _end = std::fs::File::from(ours).read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    [piped, shown].map(|text| {
        let first = text.lines().find_map(|line| line.strip_prefix("first: "));
        first.map(|time| time.trim_end().to_owned())
    })
}

#[test]
fn times_are_local_on_a_terminal_and_utc_elsewhere() {
    let home = home_with(&["2026-11-21T08:15:30.000000Z"]);
    let utc = "2026-11-21T08:15:30.000000Z";
    let local = "2026-11-21T10:15:30.000000+02:00";
    let west = "2026-11-21T05:15:30.000000-03:00";
    for (variable, words, expected) in [
        (None, &[] as &[&str], [utc, local]),
        (Some("local"), &[], [local, local]),
        (Some("utc"), &[], [utc, utc]),
        (Some("-03:00"), &[], [west, west]),
        (Some("-03:00"), &["--local"], [local, local]),
        (Some("nonsense"), &["--utc"], [utc, utc]),
    ] {
        let shown = first_times(&home, variable, words);
        assert_eq!(
            shown,
            expected.map(|time| Some(time.to_owned())),
            "{variable:?} {words:?}"
        );
    }
}

#[test]
fn an_invalid_zone_in_the_environment_is_refused() {
    let home = CommandHome::enabled();
    for words in [&["show"] as &[&str], &["status"], &["clear", "--dry-run"]] {
        let mut command = home.localtel();
        let output = command
            .env("LOCALTEL_ZONE", "Europe/Berlin")
            .args(words)
            .output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let printed = err(&output);
        assert!(
            printed.contains("LOCALTEL_ZONE") && printed.contains("TZ"),
            "{printed}"
        );
    }
}

#[test]
fn clear_reads_a_time_in_the_zone_in_which_it_prints() {
    let home = home_with(&["2026-11-21T08:15:30.000000Z"]);
    let dry = ["clear", "--dry-run", "--before"];
    for (time, zone, is_removed) in [
        ("2026-11-21 10:15:30", "--local", false),
        ("2026-11-21 10:15:31", "--local", true),
        ("2026-11-21 08:15:31", "--local", false),
        ("2026-11-21 08:15:31", "--utc", true),
    ] {
        let words = [&dry[..], &[time, zone]].concat();
        let (code, printed) = run(&home, "EAST-2", &words);
        assert_eq!(code, 0, "{printed}");
        let expected = if zone == "--local" {
            "T10:15:30.000000+02:00"
        } else {
            "T08:15:30.000000Z"
        };
        assert!(printed.contains(expected), "{printed}");
        assert_eq!(printed.contains("will remove"), is_removed, "{printed}");
    }
}
