//! The text and the JSON of `explain` in each situation.
#![expect(clippy::disallowed_methods, reason = "tests make the files themselves")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::*;
use crate::cells::width;
use crate::sanitize::tests::{HOSTILE, is_safe};
use crate::screen::{Memory, OutputKind};
use localtel::admin::{Environment, Selection};
use localtel::consent::WhenUndecided;
use localtel::policy::Action;
use localtel::{Builder, Limits, Telemetry};

/// The telemetry of `myapp` in its own directory.
struct ExplainHome {
    dir: tempfile::TempDir,
    variables: Vec<(&'static str, &'static str)>,
    builder: Option<Builder>,
}

impl ExplainHome {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            builder: None,
        }
    }

    fn embedded(when_undecided: WhenUndecided) -> Self {
        let builder = Telemetry::builder("myapp")
            .when_undecided(when_undecided)
            .limits(Limits {
                total_bytes_max: 64 << 20,
                ..Limits::default()
            })
            .policy(Policy::new().property("user", Action::Hash));
        Self {
            builder: Some(builder),
            ..Self::new()
        }
    }

    fn with(self, file: &str, text: &str) -> Self {
        let location = self.location();
        fs::create_dir_all(location.path()).unwrap();
        fs::set_permissions(location.path(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(location.path().join(file), text).unwrap();
        self
    }

    fn location(&self) -> Location {
        let directory = self.dir.path().join("telemetry");
        let directory = directory.to_str().unwrap();
        let mut variables = self.variables.clone();
        variables.push(("LOCALTEL_DIR", directory));
        let environment = Environment::for_test("myapp", &variables);
        if let Some(builder) = &self.builder {
            return Location::of_application(builder, &environment).unwrap();
        }
        let selection = Selection {
            application: Some("myapp".parse().unwrap()),
            ..Selection::default()
        };
        Location::find(&selection, &environment).unwrap().unwrap()
    }

    fn run(&self, args: &ExplainArgs, sink: OutputKind) -> String {
        let mut memory = Memory::default();
        let exit = memory.with(|screen| {
            screen.sink = sink;
            run(&self.location(), args, screen).unwrap()
        });
        assert_eq!((exit, memory.err()), (Exit::Done, String::new()));
        memory.out()
    }

    fn text(&self) -> String {
        self.run(&args(false), OutputKind::Pipe)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.run(&args(true), OutputKind::Pipe)).unwrap()
    }
}

fn args(json: bool) -> ExplainArgs {
    ExplainArgs {
        all: false,
        json,
        schema: false,
        zone: ZoneArgs::default(),
    }
}

fn line(target: &str, rest: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T08:15:30.000000Z","level":"INFO","source":"myapp","target":{target},{rest},"session":"01936f0e-0000-7000-8000-000000000000","seq":0}}"#
    ) + "\n"
}

const SEGMENT: &str = "events.000001.jsonl";
const ENABLED: &str = r#"{"format":1,"consent":"enabled","by":"myapp asked","decided":"2026-11-21T08:15:30.000000Z"}"#;

#[test]
fn explain_without_telemetry_creates_nothing() {
    let home = ExplainHome::new();
    let text = home.text();
    assert!(
        text.contains("Recording now: unknown, because consent is undecided,"),
        "{text}"
    );
    assert!(text.contains("(does not exist yet)"), "{text}");
    assert!(
        text.ends_with("\nWhat was recorded so far\n  Nothing.\n"),
        "{text}"
    );
    let json = home.json();
    assert_eq!(json["recording"], "unknown");
    assert_eq!(json["events"], Value::Array(Vec::new()));
    assert_eq!(fs::read_dir(home.dir.path()).unwrap().count(), 0);
}

#[test]
fn an_application_that_was_only_named_is_not_known() {
    let unknown = "Nothing is known of myapp:";
    let text = ExplainHome::new().text();
    assert!(
        text.starts_with(&format!("What is recorded\n  {unknown}")),
        "{text}"
    );
    for known in [
        ExplainHome::new().with("consent.json", ENABLED),
        ExplainHome::new().with(SEGMENT, ""),
        ExplainHome::embedded(WhenUndecided::Refuse),
    ] {
        let text = known.text();
        assert!(!text.contains(unknown), "{text}");
    }
}

#[test]
fn a_choice_that_forbids_recording_leads_to_enable() {
    let disabled = ENABLED.replace("enabled", "disabled");
    for (file, stored, command) in [
        ("consent.json", ENABLED, "disable"),
        ("consent.json", &disabled, "enable"),
        ("consent.all.json", &disabled, "enable"),
    ] {
        let mut home = ExplainHome::new().with(file, stored);
        for variables in [vec![], vec![("DO_NOT_TRACK", "1")]] {
            home.variables = variables;
            let text = home.text();
            let (_, stop) = text.split_once("How to stop it\n").unwrap();
            let first = stop.lines().next().unwrap();
            assert!(
                first.contains(&format!(" {command}`")),
                "{file} {stored}: {first}"
            );
        }
    }
}

#[test]
fn the_deciding_choice_has_its_time_and_command() {
    let home = ExplainHome::new().with("consent.json", ENABLED);
    let text = home.text();
    let on = "  Recording now: yes, because enabled by the stored choice.\n  \
        Decided by the stored choice (myapp asked, 2026-11-21T08:15:30.000000Z).\n";
    assert!(text.contains(on), "{text}");
    assert_eq!(home.json()["recording"], "yes");
    assert_eq!(home.json()["decided_by"]["kind"], "choice");
}

#[test]
fn records_are_still_listed_while_recording_is_off() {
    let mut home = ExplainHome::new()
        .with("consent.json", ENABLED)
        .with(SEGMENT, &line("\"a\"", r#""event":"hello""#));
    home.variables.push(("DO_NOT_TRACK", "1"));
    let text = home.text();
    assert!(
        text.contains("Recording now: no, because disabled by DO_NOT_TRACK=1."),
        "{text}"
    );
    assert!(
        text.contains("the stored choice (enabled) is overruled."),
        "{text}"
    );
    assert!(text.contains("\n  hello (a): 1 record\n"), "{text}");
    assert_eq!(home.json()["recording"], "no");
}

#[test]
fn the_list_names_the_rules_that_its_actions_follow() {
    let record = line("\"a\"", r#""properties":{"user":"p-1"}"#);
    let outside = ExplainHome::new().with(SEGMENT, &record);
    let text = outside.text();
    assert!(text.contains("the action of your policy on it"), "{text}");
    assert!(
        text.contains("The rules of myapp itself are not known here, and may be stricter."),
        "{text}"
    );
    assert_eq!(outside.json()["verdicts_known_from"], "default");

    let embedded = ExplainHome::embedded(WhenUndecided::Record).with(SEGMENT, &record);
    let text = embedded.text();
    assert!(text.contains("the action of the policies on it"), "{text}");
    assert!(!text.contains("not known here"), "{text}");
    assert_eq!(embedded.json()["verdicts_known_from"], "application");
}

#[test]
fn embedded_explain_has_the_applications_limits() {
    let home = ExplainHome::embedded(WhenUndecided::Record);
    let text = home.text();
    assert!(
        text.contains("  At most 64 MiB and 90 days are kept: set by myapp."),
        "{text}"
    );
    let because = "because consent is undecided, and the application records until it is disabled.";
    assert!(text.contains(because), "{text}");
    assert!(text.contains("`myapp telemetry clear` removes"), "{text}");
    assert!(!text.contains("localtel"), "{text}");
    assert_eq!(home.json()["limits"]["known_from"], "application");
    assert_eq!(home.json()["limits"]["total_bytes_max"], 64 << 20);
    let text = ExplainHome::new().text();
    let usual = "Unless the application sets other limits, at most 256 MiB and 90 days are kept.";
    assert!(text.contains(usual), "{text}");
}

#[test]
fn on_a_terminal_every_line_fits_80_columns_but_paths() {
    let home = ExplainHome::new().with(
        SEGMENT,
        &line("\"a\"", r#""properties":{"漢字":"漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字","other":"x"}"#),
    );
    let text = home.run(&args(false), OutputKind::Terminal);
    for line in text.lines().filter(|line| !line.contains("/tmp")) {
        assert!(width(line) <= 80, "{line}");
    }
    let cells_before_action = |name: &str| {
        let row = text.lines().find(|line| line.contains(name)).unwrap();
        width(row.split_once("keep").unwrap().0)
    };
    assert_eq!(
        cells_before_action("  漢字 "),
        cells_before_action("  other ")
    );
}

#[test]
fn an_application_that_asks_first_records_nothing_before() {
    let text = ExplainHome::embedded(WhenUndecided::Refuse).text();
    assert!(
        text.contains(
            "Recording now: no, because consent is undecided, and nothing is recorded until it is enabled."
        ),
        "{text}"
    );
    assert!(
        text.contains("Before you agree there is no record, no id and no directory.\n"),
        "{text}"
    );
}

#[test]
fn a_directory_open_to_others_is_reported() {
    let home = ExplainHome::new().with(SEGMENT, "");
    assert!(!home.text().contains("But other users"));
    assert_eq!(home.json()["is_open_to_others"], false);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(home.location().path(), mode).unwrap();
    let text = home.text();
    assert!(
        text.contains("But other users may enter the directory: `chmod 700 "),
        "{text}"
    );
    assert_eq!(home.json()["is_open_to_others"], true);
}

#[test]
fn an_unreadable_directory_is_reported_without_failure() {
    let home = ExplainHome::new();
    fs::write(home.location().path(), "").unwrap();
    let text = home.text();
    assert!(text.contains("\n  It cannot be read: "), "{text}");
    assert!(home.json()["storage_problem"].is_string());
}

#[test]
fn every_record_of_localtel_is_described() {
    let own = [
        "session",
        "session.end",
        "dropped",
        "consent",
        "report",
        "version",
        "command",
    ];
    let lines = own.map(|event| line("\"localtel\"", &format!(r#""event":"{event}""#)));
    let text = ExplainHome::new().with(SEGMENT, &lines.concat()).text();
    assert!(!text.contains("unknown to this one"), "{text}");
    let newer = line("\"localtel\"", r#""event":"seal""#);
    let text = ExplainHome::new().with(SEGMENT, &newer).text();
    assert!(text.contains("unknown to this one"), "{text}");
}

#[test]
fn recorded_values_never_act_on_the_terminal() {
    for hostile in HOSTILE {
        let text = Value::from(hostile).to_string();
        let rest = format!(
            r#""event":{text},"message":{text},"properties":{{{text}:{text},"list":[{text}]}},"spans":[{{"name":{text},"properties":{{{text}:1}}}}]"#
        );
        let home = ExplainHome::new().with(SEGMENT, &line(&text, &rest));
        let lines = ExplainHome::new().with(SEGMENT, &line("\"a\"", r#""event":"e","message":"m","properties":{"p":"q","list":[1]},"spans":[{"name":"s","properties":{"t":1}}]"#));
        let expected = lines.text().matches('\n').count();
        let shown = home.text();
        assert!(is_safe(&shown, expected), "{shown:?}");
        assert!(is_safe(&home.run(&args(true), OutputKind::Pipe), 1));
        assert_eq!(home.json()["events"][0]["event"], hostile);
    }
}

#[test]
fn damage_is_counted_and_hides_nothing() {
    let segment = format!("junk\n{}\0\0\n", line("\"a\"", r#""event":"hello""#));
    let home = ExplainHome::new().with(SEGMENT, &segment);
    let text = home.text();
    assert!(text.contains("2 items could not be read;"), "{text}");
    assert!(text.contains("hello (a): 1 record"), "{text}");
    assert_eq!(home.json()["storage"]["damage"], 2);
}

/// An event with a message, properties of its own and in a span.
const EVENT: &str = r#""event":"e","message":"m","properties":{"p":1,"user":"x"},"spans":[{"name":"s","properties":{"p":2}}]"#;

fn rows(home: &ExplainHome) -> Vec<(String, String)> {
    let event = &home.json()["events"][0];
    let word = |values: &Value| values["verdict"].as_str().unwrap().to_owned();
    let mut rows = vec![("(message)".to_owned(), word(&event["message"]))];
    for property in event["properties"].as_array().unwrap() {
        rows.push((
            property["name"].as_str().unwrap().to_owned(),
            word(property),
        ));
    }
    rows
}

fn expect_rows(home: &ExplainHome, expected: [&str; 4]) {
    let expected = ["(message)", "p", "user", "p"]
        .map(str::to_owned)
        .into_iter()
        .zip(expected.map(str::to_owned));
    assert_eq!(rows(home), expected.collect::<Vec<_>>());
}

#[test]
fn from_outside_explain_applies_the_default_and_owner_policy() {
    let home = ExplainHome::new().with(SEGMENT, &line("\"a\"", EVENT));
    expect_rows(&home, ["redact", "keep", "keep", "keep"]);
    let home = home.with("policy.toml", "[properties]\np = \"mask\"\nuser = \"drop\"");
    expect_rows(&home, ["redact", "mask", "drop", "mask"]);
    let text = home.text();
    let rows = "\n    (message)  1  redact  m\n    p          1  mask    1\n    user       1  drop    x\n    s.p        1  mask    2\n";
    assert!(text.contains(rows), "{text}");
    assert!(
        text.contains("\n    Recorded neither with value nor name: `user`.\n"),
        "{text}"
    );
    assert!(
        text.contains("Unless myapp sets other rules:\n    Log events and spans below INFO"),
        "{text}"
    );
}

#[test]
fn embedded_explain_applies_both_policies() {
    let home = ExplainHome::embedded(WhenUndecided::Record).with(SEGMENT, &line("\"a\"", EVENT));
    expect_rows(&home, ["redact", "keep", "hash", "keep"]);
    let home = home.with(
        "policy.toml",
        "[properties]\nmessage = \"drop\"\nuser = \"keep\"",
    );
    expect_rows(&home, ["drop", "keep", "hash", "keep"]);
    let text = home.text();
    assert!(text.contains("By the rules of myapp:\n"), "{text}");
    assert!(
        text.contains("keyed hash in place of the value: `user`."),
        "{text}"
    );
    assert!(!text.contains("Unless"), "{text}");
    assert!(!text.contains("localtel"), "{text}");
}

#[test]
fn filtered_out_events_are_not_recorded_any_more() {
    for rule in [
        "[events]\ne = \"drop\"",
        "[targets]\na = \"drop\"",
        "level = \"warn\"",
        "unnamed = \"drop\"",
    ] {
        let home = ExplainHome::new()
            .with(SEGMENT, &line("\"a\"", EVENT))
            .with("policy.toml", rule);
        expect_rows(&home, ["not recorded"; 4]);
        assert!(home.text().contains("  not recorded  "), "{rule}");
    }
}

#[test]
fn the_policy_applies_to_records_of_the_application() {
    let home = ExplainHome::new()
        .with(
            SEGMENT,
            &[
                line("\"localtel\"", r#""event":"session","properties":{"p":1}"#),
                line("\"localtel\"", r#""event":"command","properties":{"p":1}"#),
            ]
            .concat(),
        )
        .with("policy.toml", "[properties]\np = \"mask\"");
    let json = home.json();
    assert_eq!(json["events"][0]["event"], "command");
    assert_eq!(json["events"][0]["properties"][0]["verdict"], "mask");
    assert_eq!(json["events"][1]["properties"][0]["verdict"], "keep");
}

#[test]
fn rules_for_reports_apply_to_session_counts() {
    let end = r#""event":"session.end","properties":{"recorded":1,"counters":{},"errors":{}}"#;
    let verdicts = |policy: &str| {
        let home = ExplainHome::new()
            .with(SEGMENT, &line("\"localtel\"", end))
            .with("policy.toml", policy);
        let json = home.json();
        let properties = json["events"][0]["properties"].as_array().unwrap();
        let verdict = |it: &Value| it["verdict"].as_str().unwrap().to_owned();
        properties.iter().map(verdict).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(verdicts(""), "keep keep redact");
    assert_eq!(verdicts("[events]\nreport = \"drop\""), "keep drop drop");
    assert_eq!(verdicts("level = \"error\""), "keep drop drop");
    let some = "[properties]\ncounters = \"mask\"\nrecorded = \"drop\"";
    assert_eq!(verdicts(some), "keep drop redact");
}

#[test]
fn explain_reports_off_under_a_damaged_policy() {
    for choice in [r#"{"format":1}"#, ENABLED] {
        let home = ExplainHome::new()
            .with("consent.json", choice)
            .with(SEGMENT, &line("\"a\"", EVENT))
            .with("policy.toml", "level = \"loud\"");
        let text = home.text();
        let off = "Recording now: no, because policy.toml is invalid: line 1: level: `loud` is not one of";
        assert!(text.contains(off), "{text}");
        assert!(
            text.contains("nothing at all is recorded until it is fixed"),
            "{text}"
        );
        expect_rows(&home, ["not recorded"; 4]);
        let json = home.json();
        assert_eq!(json["recording"], "no");
        assert_eq!(json["policy"]["owner"], "damaged");
        assert!(json["policy"]["problem"].is_string());
    }
}

#[test]
fn the_json_has_stable_keys() {
    let home = ExplainHome::new().with(SEGMENT, &line("\"a\"", r#""properties":{"p":1}"#));
    let json = home.json();
    let mut keys: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    let expected = [
        "because",
        "copied",
        "decided_by",
        "directory",
        "directory_exists",
        "document_version",
        "events",
        "first_seen",
        "grace_left_seconds",
        "is_open_to_others",
        "level",
        "limits",
        "locked",
        "overdue_compression",
        "overruled",
        "policy",
        "problems",
        "profile",
        "rate",
        "record_and_run",
        "recording",
        "records_of_other_events",
        "secret_names",
        "source",
        "status",
        "storage",
        "storage_problem",
        "stored",
        "stored_for_all",
        "update",
        "update_problem",
        "uuid",
        "verdicts_known_from",
    ];
    assert_eq!(keys, expected);
    let expected = serde_json::json!([{
        "event": null,
        "target": "a",
        "records": 1,
        "message": null,
        "properties": [
            {"name": "p", "records": 1, "kinds": ["number"], "example": "1", "verdict": "keep"},
        ],
        "values_of_other_properties": 0,
    }]);
    assert_eq!(json["events"], expected);
}
