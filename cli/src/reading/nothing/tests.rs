//! Tests of the reasons, for directories that are written by hand.

use clap::Parser;

use super::*;
use crate::screen::OutputKind;
use localtel::read::{Reader, SegmentNumber};

#[derive(Debug, Parser)]
struct SelectionLine {
    #[command(flatten)]
    args: MatchArgs,
}

/// Returns a line with an event and more members.
fn line(seq: usize, level: &str, event: &str, rest: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T08:15:{:02}.000000Z","level":"{level}","source":"billing","target":"billing::net::http","event":"{event}","session":"01936f0e-0000-7000-8000-00000000000{}","seq":{seq}{rest}}}"#,
        seq % 60,
        seq % 3,
    ) + "\n"
}

/// Requests with their status, and two events of other kinds.
fn lines() -> String {
    let mut lines = String::new();
    let statuses = [200, 200, 200, 404, 404, 500, 502, 301, 302, 201];
    for (seq, status) in statuses.into_iter().enumerate() {
        let rest = format!(
            r#","properties":{{"status":{status},"duration":{},"project_id":"prj-{seq}","flags":["debug","x"],"version":"1.10.{seq}"}},"spans":[{{"name":"request","properties":{{"tenant":"acme"}}}}]"#,
            seq * 10
        );
        lines += &line(seq, "INFO", "request", &rest);
    }
    for seq in 10..30 {
        let rest = format!(r#","properties":{{"size":{seq},"a=b":1}}"#);
        lines += &line(seq, "WARN", "pool.wait", &rest);
    }
    lines
}

fn reasons_in(text: &str, words: &[&str]) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(SegmentNumber::FIRST.file_name());
    std::fs::write(path, text).unwrap();
    let typed = std::iter::once("show").chain(words.iter().copied());
    let args = SelectionLine::try_parse_from(typed).unwrap().args;
    let now = ::time::OffsetDateTime::from_unix_timestamp(1_795_248_000).unwrap();
    let filter = args.filter(Zone::UTC, OutputKind::Pipe, now).unwrap();
    let selection = EmptySelection::new(&args, Zone::UTC, &filter);
    let mut whole = selection.fold();
    let mut reader = Reader::open(home.path()).unwrap();
    let folded = reader.fold(&mut whole, || selection.fold(), |_| Ok::<(), Error>(()));
    folded.unwrap();
    reason::reasons(&whole)
}

fn reason_for(words: &[&str]) -> String {
    reasons_in(&lines(), words).join("\n")
}

#[test]
fn a_key_that_no_record_has_is_named_with_similar_ones() {
    for (words, expected) in [
        (
            &["staus=500"] as &[&str],
            "the key `staus`; did you mean `status`?",
        ),
        (&["LEVEL=warn"], "the key `LEVEL`; did you mean `level`?"),
        (
            &["properties.durration>1"],
            "the key `durration`; did you mean `duration`?",
        ),
        (
            &["tennant=acme"],
            "the key `tennant`; did you mean `tenant`?",
        ),
        (
            &["request.tennant=acme"],
            "the key `request.tennant`; did you mean `request.tenant`?",
        ),
        (
            &["--has", "staus"],
            "the key `staus`; did you mean `status`?",
        ),
        (&["\"a=c\"=1"], "the key `a=c`; did you mean `'\"a=b\"'`?"),
        (&["xyzzy=1"], "no record has the key `xyzzy`"),
        (&["--lacks", "level"], "every record has the key `level`"),
    ] {
        let reason = reason_for(words);
        assert!(reason.contains(expected), "{words:?}: {reason}");
        assert_eq!(reason.lines().count(), 1, "{words:?}: {reason}");
    }
}

#[test]
fn a_value_that_never_occurs_is_named_with_those_that_do() {
    for (words, expected) in [
        (
            &["status=599"] as &[&str],
            "no record has `status=599`; values of `status`: 200, 404, 201 and 4 more",
        ),
        (
            &["status=598,599"],
            "no record has `status=598,599`; values of `status`: 200, ",
        ),
        (
            &["duration>1m"],
            "no record has `duration>1m`; values of `duration`: 0 to 90",
        ),
        (
            &["size>1000"],
            "no record has `size>1000`; values of `size`: 10 to 29",
        ),
        (
            &["tenant=Acme"],
            "no record has `tenant=Acme`; did you mean `tenant=acme`?",
        ),
        (
            &["tenant!=acme"],
            "no record has `tenant!=acme`; values of `tenant`: acme",
        ),
        (
            &["flags~^z"],
            "no record has `flags~^z`; values of `flags`: debug, x",
        ),
        (&["flags=debgu"], "did you mean `flags=debug`?"),
        (
            &["span=qery"],
            "no record has `span=qery`; values of `span`: request",
        ),
        (&["event=reqest"], "did you mean `event=request`?"),
        (
            &["source=biling"],
            "no record has `source=biling`; did you mean `source=billing`?",
        ),
        (
            &["level=error"],
            "no record has `level=error`; values of `level`: WARN, INFO",
        ),
        (
            &["-l", "error"],
            "no record matches `-l error`; levels of records: WARN, INFO",
        ),
        (
            &["version<1.9"],
            "no record has `version<1.9`; values of `version`: 1.10.0, ",
        ),
        (
            &["project_id>43010"],
            "no record has `project_id>43010`: its values (prj-0, prj-1, prj-2 and 7 more) are not \
             numbers; to compare text",
        ),
    ] {
        let reason = reason_for(words);
        assert!(reason.contains(expected), "{words:?}: {reason}");
        assert_eq!(reason.lines().count(), 1, "{words:?}: {reason}");
    }
}

#[test]
fn an_event_a_target_or_a_session_that_never_occurs_is_named() {
    for (words, expected) in [
        (
            &["-e", "reqest"] as &[&str],
            "the event `reqest`; did you mean `-e request`?",
        ),
        (
            &["-e", "xyzzy"],
            "the event `xyzzy`; events: pool.wait, request",
        ),
        (
            &["-e", "pool*"],
            "names are not patterns: write `'event~^pool'`",
        ),
        (&["-e", "*.wait"], r"write `'event~\.wait$'`"),
        (&["-e", "p?ol.*t"], r"write `'event~^p.ol\..*t$'`"),
        (
            &["-t", "biling"],
            "the target `biling`; did you mean `-t billing`?",
        ),
        (&["-t", "biling::net"], "did you mean `-t billing::net`?"),
        (
            &["-t", "xyzzy"],
            "the target `xyzzy`; targets: billing::net::http",
        ),
        (
            &["-t", "billing::*"],
            "the target `billing::*`; `-t billing` includes the modules below it",
        ),
        (&["-t", "bil*::net"], "write `'target~^bil.*::net$'`"),
        (
            &["--session", "zzz"],
            "no session begins with `zzz`; the newest is `01936f0e-0000-7000-8000-000000000002`",
        ),
        (
            &["--session", "01936f0d"],
            "did you mean `--session 01936f0e`?",
        ),
        (
            &["-g", "Timeout"],
            "no record matches `-g Timeout`; a pattern in lower case ignores case",
        ),
        (&["-g", "timeout"], "no record matches `-g timeout`"),
    ] {
        let reason = reason_for(words);
        assert!(reason.contains(expected), "{words:?}: {reason}");
        assert_eq!(reason.lines().count(), 1, "{words:?}: {reason}");
    }
    let both = reason_for(&["-e", "reqest", "-e", "xyzzy"]);
    assert_eq!(both.lines().count(), 2, "{both}");
}

#[test]
fn a_range_without_records_is_named_with_that_of_the_records() {
    let there =
        "; there are records from 2026-11-21T08:15:00.000000Z to 2026-11-21T08:15:29.000000Z";
    for (words, expected) in [
        (
            &["-S", "2026-11-22"] as &[&str],
            "no record is from 2026-11-22T00:00:00.000000Z on",
        ),
        (
            &["-U", "2026-11-20"],
            "no record is until 2026-11-20T00:00:00.000000Z",
        ),
        (
            &[
                "-S",
                "2026-11-21T08:15:00.5Z",
                "-U",
                "2026-11-21T08:15:00.6Z",
            ],
            "no record is from 2026-11-21T08:15:00.500000Z to 2026-11-21T08:15:00.600000Z",
        ),
    ] {
        assert_eq!(reason_for(words), format!("{expected}{there}"), "{words:?}");
    }
}

#[test]
fn conditions_that_never_hold_together_are_counted() {
    assert_eq!(
        reason_for(&["-l", "warn", "status=200", "duration<100"]),
        "each condition matches records, but no record matches all of them: `-l warn` 20, \
         `status=200` 3, `duration<100` 10; without `-l warn`, 3 records would match"
    );
    assert_eq!(
        reason_for(&["-l", "warn", "status=200", "size=10", "tenant=acme"]),
        "each condition matches records, but no record matches all of them: `-l warn` 20, \
         `status=200` 3, `size=10` 1, `tenant=acme` 10"
    );
}

#[test]
fn two_values_of_one_key_are_advised_as_a_list() {
    let reason = reason_for(&["status=500", "status=502"]);
    assert!(
        reason.ends_with("has one value of `status`; for either value, write `status=500,502`"),
        "{reason}"
    );
    let reason = reason_for(&["level=info", "level=warn"]);
    assert!(reason.contains("write `level=info,warn`"), "{reason}");
    let reason = reason_for(&["status=500", "status!=500"]);
    assert!(!reason.contains("either"), "{reason}");
}

#[test]
fn at_most_four_reasons_are_given_names_first() {
    let words = [
        "-g",
        "nowhere",
        "-S",
        "2026-11-22",
        "status=1",
        "-l",
        "error",
        "-e",
        "x",
        "y=1",
    ];
    let reasons = reasons_in(&lines(), &words);
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert!(reasons[0].contains("the event `x`"), "{reasons:?}");
    assert!(reasons[1].contains("the key `y`"), "{reasons:?}");
}

#[test]
fn there_is_no_reason_without_a_selection_or_with_matches() {
    assert_eq!(reason_for(&[]), "");
    assert_eq!(reason_for(&["status=200"]), "");
    assert_eq!(reasons_in("", &["status=200"]), ["there are no records"]);
    assert_eq!(reasons_in("", &[]), ["there are no records"]);
}

#[test]
fn nothing_of_a_record_reaches_the_terminal_unescaped() {
    let rest = r#","properties":{"st\u001batus":"\u001b[2Jx","text":"\u001b[2J"}"#;
    let text = line(0, "INFO", r"comma\u001bnd", rest);
    for words in [["-e", "command"], ["-e", "xyzzy"], ["-g", "\u{1b}]"]] {
        let reasons = reasons_in(&text, &words).join("");
        assert!(
            !reasons.is_empty() && !reasons.contains('\u{1b}'),
            "{reasons:?}"
        );
    }
    for word in ["status=1", "text=x", "text=\u{1b}[2K"] {
        let reasons = reasons_in(&text, &[word]).join("");
        assert!(
            !reasons.is_empty() && !reasons.contains('\u{1b}'),
            "{reasons:?}"
        );
    }
}

#[test]
fn reasons_are_the_same_in_many_parts() {
    let text: String = (0..20_000)
        .map(|seq| {
            let rest = format!(
                r#","properties":{{"id":"prj-{seq}","kind":"k{}"}}"#,
                seq % 7
            );
            line(seq, "INFO", "request", &rest)
        })
        .collect();
    let reasons = |word: &str| reasons_in(&text, &[word]).join("\n");
    assert_eq!(
        reasons("kind=other"),
        "no record has `kind=other`; values of `kind`: k0, k1, k2 and 4 more"
    );
    assert!(reasons("id=prj-19999x").contains("did you mean `id=prj-19999`"));
    assert!(reasons("id=xyzzy").ends_with(" and others"));
}
