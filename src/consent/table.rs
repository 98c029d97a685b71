//! The decision as a table: every accepted word in three spellings from every source, every pair of
//! sources in conflict, damaged input of each kind, opt-outs, names of executables, and graces. The
//! texts of a decision are tested in `tests`.

use super::Consent::{Disabled, Enabled, Undecided};
use super::*;
use crate::store::segment::FileName;

/// All sources as texts; a source that is not named has no decision.
#[derive(Debug, Clone, Copy, Default)]
struct Case {
    executable: &'static str,
    do_not_track: Option<&'static str>,
    flag: &'static str,
    variable: Option<&'static str>,
    /// The contents of `consent.json`.
    own: Option<&'static str>,
    /// The contents of `consent.all.json`.
    all: Option<&'static str>,
    when_undecided: WhenUndecided,
    now: i64,
}

impl Case {
    fn decide(&self) -> Decision {
        let variable = self.variable.map(|value| Variable {
            name: "MYAPP_TELEMETRY".to_owned(),
            value: value.to_owned(),
        });
        let stored = |text: Option<&str>, file| {
            text.map_or(StoredConsent::Missing, |text| {
                StoredConsent::parse(text.as_bytes(), file)
            })
        };
        let inputs = Inputs {
            executables: &[self.executable.to_owned()],
            do_not_track: self.do_not_track,
            flag: self.flag.parse().unwrap(),
            variable: variable.as_ref(),
            stored: &stored(self.own, FileName::Consent),
            stored_for_all: &stored(self.all, FileName::ConsentForAll),
            when_undecided: self.when_undecided,
            policy_problem: None,
            directory_problem: None,
        };
        decide(
            &inputs,
            OffsetDateTime::from_unix_timestamp(self.now).unwrap(),
        )
    }
}

macro_rules! case {
    ($($field:ident: $value:expr),* $(,)?) => {
        Case { $($field: $value,)* ..Case::default() }
    };
}

const ON: Option<&str> = Some(r#"{"format":1,"consent":"enabled"}"#);
const OFF: Option<&str> = Some(r#"{"format":1,"consent":"disabled"}"#);
const OPEN: Option<&str> = Some(r#"{"format":1}"#);
/// A first use at the second 1000, by an application that then waited for an hour.
const SEEN: Option<&str> =
    Some(r#"{"format":1,"first_seen":"1970-01-01T00:16:40.000000Z","grace_seconds":3600}"#);
const HOUR: WhenUndecided = WhenUndecided::RecordAfter(Duration::from_hours(1));

/// The source that decides in a case, its decision, and the sources that are overruled.
type Conflict = (
    Case,
    &'static str,
    Consent,
    &'static [(&'static str, Consent)],
);

/// Each accepted word as typed, in upper case, and with surrounding space.
const WORDS: [(&str, &str, &str, Consent); 26] = [
    ("1", "1\n", " 1 ", Enabled),
    ("t", "T", " t ", Enabled),
    ("true", "TRUE", "\ttrue", Enabled),
    ("y", "Y", " y", Enabled),
    ("yes", "YES", "yes\n", Enabled),
    ("on", "ON", " on ", Enabled),
    ("enable", "ENABLE", " enable", Enabled),
    ("enabled", "ENABLED", "enabled ", Enabled),
    ("optin", "OPTIN", " optin ", Enabled),
    ("opt-in", "OPT-IN", "opt-in\t", Enabled),
    ("allow", "ALLOW", " allow\r\n", Enabled),
    ("local", "Local", " local\n", Enabled),
    ("basic", "BASIC", "\tbasic", Enabled),
    ("0", "0\n", " 0 ", Disabled),
    ("f", "F", " f ", Disabled),
    ("false", "FALSE", "\tfalse", Disabled),
    ("n", "N", " n", Disabled),
    ("no", "NO", "no\n", Disabled),
    ("off", "OFF", " off ", Disabled),
    ("disable", "DISABLE", " disable", Disabled),
    ("disabled", "DISABLED", "disabled ", Disabled),
    ("optout", "OPTOUT", " optout ", Disabled),
    ("opt-out", "OPT-OUT", "opt-out\t", Disabled),
    ("disallow", "DISALLOW", " disallow\r\n", Disabled),
    ("forbid", "FORBID", "  forbid", Disabled),
    ("undecided", "UNDECIDED", " undecided ", Undecided),
];

#[test]
fn every_spelling_means_the_same_from_every_source() {
    for (typed, upper, spaced, meant) in WORDS {
        for word in [typed, upper, spaced] {
            let file = serde_json::json!({ "format": 1, "consent": word }).to_string();
            let stored = StoredConsent::parse(file.as_bytes(), FileName::Consent);
            assert_eq!(stored.consent(), meant, "stored {word:?}");
            assert_eq!(stored.problem(), None, "stored {word:?}");
            for (by, case) in [
                ("flag", case!(flag: word)),
                ("variable", case!(variable: Some(word))),
            ] {
                let decision = case.decide();
                let by = if meant == Undecided { "default" } else { by };
                assert_eq!(decision.state, meant, "{by} {word:?}");
                assert_eq!(decision.decided_by.kind(), by, "{word:?}");
                assert_eq!(decision.is_locked, meant != Undecided, "{word:?}");
                assert!(decision.problems.is_empty());
            }
        }
    }
}

#[test]
fn an_empty_word_is_undecided_only_in_flag_or_variable() {
    for empty in ["", " ", "\t\n"] {
        for case in [case!(flag: empty), case!(variable: Some(empty))] {
            let decision = case.decide();
            assert_eq!(decision.decided_by, DecidedBy::Default, "{empty:?}");
            assert!(decision.problems.is_empty(), "{empty:?}");
        }
        let file = serde_json::json!({ "format": 1, "consent": empty }).to_string();
        let stored = StoredConsent::parse(file.as_bytes(), FileName::Consent);
        assert_eq!(stored.consent(), Disabled, "{empty:?}");
    }
}

#[test]
#[rustfmt::skip]
fn the_stronger_source_wins_and_the_weaker_is_listed() {
    let exe = "myapp-donottrack";
    let dnt = Some("1");
    let (on, off) = (Some("on"), Some("off"));
    let table: [Conflict; 32] = [
        (case!(executable: exe, do_not_track: dnt), "executable", Disabled, &[]),
        (case!(executable: exe, flag: "on"), "executable", Disabled, &[("flag", Enabled)]),
        (case!(executable: exe, variable: on), "executable", Disabled, &[("variable", Enabled)]),
        (case!(executable: exe, own: ON), "executable", Disabled, &[("choice", Enabled)]),
        (case!(executable: exe, all: ON), "executable", Disabled, &[("choice_for_all", Enabled)]),
        (case!(executable: exe, when_undecided: WhenUndecided::Record), "executable", Disabled, &[]),
        (case!(executable: exe, when_undecided: HOUR, own: SEEN, now: 9999), "executable", Disabled, &[]),
        (case!(do_not_track: dnt, flag: "on"), "do_not_track", Disabled, &[("flag", Enabled)]),
        (case!(do_not_track: dnt, variable: on), "do_not_track", Disabled, &[("variable", Enabled)]),
        (case!(do_not_track: dnt, own: ON), "do_not_track", Disabled, &[("choice", Enabled)]),
        (case!(do_not_track: dnt, all: ON), "do_not_track", Disabled, &[("choice_for_all", Enabled)]),
        (case!(do_not_track: dnt, when_undecided: WhenUndecided::Record), "do_not_track", Disabled, &[]),
        (case!(do_not_track: dnt, when_undecided: HOUR, own: SEEN, now: 9999), "do_not_track", Disabled, &[]),
        (case!(flag: "on", variable: off), "flag", Enabled, &[("variable", Disabled)]),
        (case!(flag: "off", variable: on), "flag", Disabled, &[("variable", Enabled)]),
        (case!(flag: "on", own: OFF), "flag", Enabled, &[("choice", Disabled)]),
        (case!(flag: "off", own: ON), "flag", Disabled, &[("choice", Enabled)]),
        (case!(flag: "on", all: OFF), "flag", Enabled, &[("choice_for_all", Disabled)]),
        (case!(flag: "off", all: ON), "flag", Disabled, &[("choice_for_all", Enabled)]),
        (case!(flag: "off", when_undecided: WhenUndecided::Record), "flag", Disabled, &[]),
        (case!(variable: on, own: OFF), "variable", Enabled, &[("choice", Disabled)]),
        (case!(variable: off, own: ON), "variable", Disabled, &[("choice", Enabled)]),
        (case!(variable: on, all: OFF), "variable", Enabled, &[("choice_for_all", Disabled)]),
        (case!(variable: off, all: ON), "variable", Disabled, &[("choice_for_all", Enabled)]),
        (case!(variable: off, when_undecided: WhenUndecided::Record), "variable", Disabled, &[]),
        (case!(own: ON, all: OFF), "choice", Enabled, &[("choice_for_all", Disabled)]),
        (case!(own: OFF, all: ON), "choice", Disabled, &[("choice_for_all", Enabled)]),
        (case!(own: OFF, when_undecided: WhenUndecided::Record), "choice", Disabled, &[]),
        (case!(own: OPEN, all: ON), "choice_for_all", Enabled, &[]),
        (case!(all: OFF, when_undecided: WhenUndecided::Record), "choice_for_all", Disabled, &[]),
        (case!(flag: "on", variable: off, own: OFF, all: ON), "flag", Enabled,
            &[("variable", Disabled), ("choice", Disabled)]),
        (case!(executable: exe, do_not_track: dnt, flag: "on", variable: on, own: ON, all: ON), "executable", Disabled,
            &[("flag", Enabled), ("variable", Enabled), ("choice", Enabled), ("choice_for_all", Enabled)]),
    ];
    for (case, by, state, overruled) in table {
        let decision = case.decide();
        let named: Vec<_> = decision.overruled.iter().map(|one| (one.by.kind(), one.wanted)).collect();
        assert_eq!((decision.decided_by.kind(), decision.state), (by, state), "{case:?}");
        assert_eq!(named, overruled, "{case:?}");
        assert_eq!(decision.is_recording, state == Enabled, "{case:?}");
        assert_eq!(decision.is_locked, !by.starts_with("choice"), "{case:?}");
        assert_eq!(decision.grace_left, None, "{case:?}");
    }
}

/// Damaged files, each with a word that the reason must contain.
const DAMAGED: [(&str, &str); 27] = [
    ("", "empty"),
    (" ", "EOF"),
    ("\0\0\0\0", "expected value"),
    ("null", "invalid type"),
    ("{}", "format"),
    ("[]", "list"),
    ("disabled", "expected value"),
    (r#"{"format":1,"consent":"dis"#, "EOF"),
    (r#"{"format":1,"consent":"enabled"}}"#, "trailing"),
    (
        r#"{"format":1,"consent":"enabled"}{"format":1}"#,
        "trailing",
    ),
    (
        r#"{"format":0,"consent":"enabled"}"#,
        "unsupported format version 0",
    ),
    (r#"{"format":-1,"consent":"enabled"}"#, "-1"),
    (r#"{"format":"1","consent":"enabled"}"#, "string"),
    (r#"{"format":1,"consent":true}"#, "boolean"),
    (r#"{"format":1,"consent":1}"#, "integer"),
    (r#"{"format":1,"consent":null}"#, "null"),
    (r#"{"format":1,"consent":""}"#, "`consent` is empty"),
    (r#"{"format":1,"consent":" \t"}"#, "`consent` is empty"),
    (r#"{"format":1,"Consent":"disabled"}"#, "`Consent`"),
    (r#"{"format":1,"consent":"anything"}"#, "`anything`"),
    (r#"{"format":1,"consent":"bogus"}"#, "`bogus`"),
    (r#"{"format":1,"consent":"enabled d"}"#, "`enabled d`"),
    (
        r#"{"format":1,"consent":"enabled","consent":"disabled"}"#,
        "duplicate",
    ),
    (
        r#"{"format":1,"consent":"enabled","decided":"yesterday"}"#,
        "time",
    ),
    (r#"{"format":1,"consent":"enabled","salt":"00"}"#, "salt"),
    (
        r#"{"format":1,"consent":"enabled","installation":"x"}"#,
        "UUID",
    ),
    (
        r#"{"format":1,"consent":"enabled","grace_seconds":5}"#,
        "grace",
    ),
];

#[test]
fn invalid_input_disables_and_yields_to_stronger_sources() {
    for (text, word) in DAMAGED {
        for (by, case) in [
            ("choice", case!(own: Some(text), all: ON)),
            ("choice_for_all", case!(own: OPEN, all: Some(text))),
        ] {
            let recording = Case {
                when_undecided: WhenUndecided::Record,
                ..case
            };
            let decision = recording.decide();
            assert_eq!(decision.state, Disabled, "{text:?}");
            assert!(!decision.is_recording, "{text:?}");
            assert_eq!(decision.decided_by.kind(), by, "{text:?}");
            assert_eq!(decision.problems.len(), 1, "{text:?}");
            assert!(decision.problems[0].contains(word), "{decision:?}");
            assert!(decision.reason().contains(word), "{text:?}");
        }
        let flagged = case!(flag: "on", own: Some(text)).decide();
        assert_eq!((flagged.state, flagged.problems.len()), (Enabled, 1));
    }
    let newer = r#"{"format":2,"consent":{"until":"2027"}}"#;
    for case in [case!(own: Some(newer)), case!(all: Some(newer))] {
        let decision = case.decide();
        assert_eq!(decision.state, Disabled);
        assert!(
            decision.problems[0].contains("newer localtel"),
            "{decision:?}"
        );
    }
}

#[test]
fn an_invalid_variable_disables_and_lists_valid_values() {
    for word in [
        "maybe",
        "2",
        "-1",
        "enable d",
        "tru",
        "yess",
        "\u{1b}[2J",
        "null",
        "01",
        "1.0",
    ] {
        let decision = case!(variable: Some(word), own: ON).decide();
        assert_eq!(decision.state, Disabled, "{word:?}");
        assert_eq!(decision.decided_by.kind(), "variable", "{word:?}");
        assert!(decision.problems[0].contains("opt-out"), "{decision:?}");
    }
}

#[test]
fn do_not_track_forbids_unless_it_is_a_plain_no() {
    let no = [
        "", " ", "\n", "0", " 0 ", "f", "F", "false", "False", "FALSE", "n", "N", "no", "NO",
        "No ", "off", "OFF", "\toff",
    ];
    let yes = [
        "1",
        "t",
        "true",
        "TRUE",
        "y",
        "yes",
        "on",
        "enable",
        "2",
        "00",
        "-0",
        "0.0",
        "maybe",
        "none",
        "nope",
        "nein",
        "disable",
        "disabled",
        "forbid",
        "undecided",
        "opt-out",
        "falsee",
        "o ff",
        "\0",
        "\u{fffd}",
        "=0",
    ];
    for value in no {
        let decision = case!(do_not_track: Some(value), own: ON).decide();
        assert_eq!(
            (decision.state, decision.is_locked),
            (Enabled, false),
            "{value:?}"
        );
    }
    for value in yes {
        let decision = case!(do_not_track: Some(value), own: ON, flag: "on").decide();
        assert_eq!(
            (decision.state, decision.is_locked),
            (Disabled, true),
            "{value:?}"
        );
        assert_eq!(decision.problems, Vec::<String>::new(), "{value:?}");
    }
}

#[test]
fn an_executable_opts_out_by_a_whole_word_in_its_name() {
    let yes = [
        "donottrack",
        "DONOTTRACK",
        "DoNotTrack",
        "myapp-donottrack",
        "donottrack-myapp",
        "myapp.donottrack.exe",
        "xdonottrackx",
        "MyAppDoNotTrack2",
    ];
    let no = [
        "",
        "myapp",
        "do-not-track",
        "do_not_track",
        "donotrack",
        "donottrac",
        "dontrack",
        "notrack",
        "don ottrack",
    ];
    for name in yes {
        let decision = case!(executable: name, own: ON).decide();
        assert_eq!(
            (decision.state, decision.is_locked),
            (Disabled, true),
            "{name:?}"
        );
        assert!(decision.reason().contains(name), "{name:?}");
    }
    for name in no {
        let decision = case!(executable: name, own: ON).decide();
        assert_eq!(
            (decision.state, decision.is_locked),
            (Enabled, false),
            "{name:?}"
        );
    }
}

#[test]
#[rustfmt::skip]
fn undecided_records_only_by_choice_and_after_the_grace() {
    let refuse = WhenUndecided::Refuse;
    let record = WhenUndecided::Record;
    let at_once = WhenUndecided::RecordAfter(Duration::ZERO);
    let table: [(Case, bool, Option<u64>); 17] = [
        (case!(when_undecided: refuse), false, None),
        (case!(when_undecided: refuse, own: SEEN, now: 999_999), false, None),
        (case!(when_undecided: record), true, None),
        (case!(when_undecided: record, own: OPEN), true, None),
        (case!(when_undecided: record, own: SEEN, now: 1000), true, None),
        (case!(when_undecided: at_once), true, None),
        (case!(when_undecided: HOUR), false, Some(3600)),
        (case!(when_undecided: HOUR, now: 999_999), false, Some(3600)),
        (case!(when_undecided: HOUR, own: OPEN, now: 999_999), false, Some(3600)),
        (case!(when_undecided: HOUR, own: SEEN, now: 1000), false, Some(3600)),
        (case!(when_undecided: HOUR, own: SEEN, now: 1001), false, Some(3599)),
        (case!(when_undecided: HOUR, own: SEEN, now: 4599), false, Some(1)),
        (case!(when_undecided: HOUR, own: SEEN, now: 4600), true, None),
        (case!(when_undecided: HOUR, own: SEEN, now: 999_999), true, None),
        (case!(when_undecided: HOUR, own: SEEN, now: 999), false, Some(3600)),
        (case!(when_undecided: HOUR, own: SEEN, now: -999_999), false, Some(3600)),
        // A first use stored for all profiles is ignored: each profile has its own.
        (case!(when_undecided: HOUR, all: SEEN, now: 999_999), false, Some(3600)),
    ];
    for (case, is_recording, seconds_left) in table {
        let decision = case.decide();
        assert_eq!(decision.state, Undecided, "{case:?}");
        assert_eq!(decision.decided_by, DecidedBy::Default, "{case:?}");
        assert_eq!(decision.is_recording, is_recording, "{case:?}");
        assert_eq!(decision.grace_left, seconds_left.map(Duration::from_secs), "{case:?}");
    }
}

#[test]
fn the_remaining_grace_is_rounded_up_in_a_fitting_unit() {
    let table = [
        (1, "1s"),
        (90, "90s"),
        (120, "2m"),
        (121, "3m"),
        (2520, "42m"),
        (3600, "60m"),
        (7200, "2h"),
        (86_400, "24h"),
        (172_801, "3d"),
    ];
    for (seconds, text) in table {
        assert_eq!(duration_text(Duration::from_secs(seconds)), text);
    }
    assert_eq!(duration_text(Duration::from_millis(1)), "1s");
    let reason = case!(when_undecided: HOUR, own: SEEN, now: 2080)
        .decide()
        .reason();
    assert_eq!(
        reason,
        "consent is undecided, and nothing is recorded for another 42m"
    );
}
