//! Commands of an application: their results are recorded with the properties of `ticloud`, and the
//! commands of one process tree share an id.

use std::collections::HashSet;
use std::io;

use localtel::consent::WhenUndecided;
use localtel::read::Record;
use localtel::recording::{Delivery, Watching};
use localtel::{Command, Consent, Level, Telemetry};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::child::{self, ChildTask};
use crate::support::{TestPlace, eventually, lines_in, terminal};

const ID: &str = "01936f0e-7d5c-7a51-9b63-3c1f0a9d2e4b";
const COMMAND_ID: &str = "LOCALTEL_COMMAND_ID";

/// Returns the records of commands, which localtel writes on behalf of the application.
fn commands(place: &TestPlace) -> Vec<Record> {
    let mut records = place.all_records();
    records.retain(|record| record.event.as_deref() == Some("command"));
    records
}

/// Measures a command of an application with a version, and returns the level and the properties of
/// its record, without those that differ in each run.
fn measured(work: impl FnOnce(Command<'_>)) -> (Level, Value) {
    let place = TestPlace::new();
    let telemetry = place
        .builder()
        .version("v0.0.1")
        .delivery(Delivery::Inline)
        .open();
    work(telemetry.command("ticloud-project-list"));
    drop(telemetry);
    let records = commands(&place);
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0].event.as_deref(), Some("command"));
    let mut properties = serde_json::to_value(&records[0].properties).unwrap();
    for (name, is_valid) in [
        ("duration", Value::is_u64 as fn(&Value) -> bool),
        ("command.id", |id| {
            id.as_str().is_some_and(|id| id.parse::<Uuid>().is_ok())
        }),
    ] {
        let value = properties.as_object_mut().unwrap().remove(name);
        assert!(value.as_ref().is_some_and(is_valid), "{name}: {value:?}");
    }
    // Present only if the tests run at a terminal.
    properties.as_object_mut().unwrap().remove("terminal");
    (records[0].level, properties)
}

fn error_of(work: impl FnOnce(Command<'_>)) -> Value {
    let (level, properties) = measured(work);
    assert_eq!(level, Level::Error);
    assert_eq!(properties["result"], "ERROR");
    properties["error"].clone()
}

#[test]
fn a_bare_command_has_only_the_properties_always_known() {
    let (level, properties) = measured(|command| {
        command.success();
    });
    assert_eq!(level, Level::Info);
    assert_eq!(
        properties,
        json!({
            "arch": std::env::consts::ARCH,
            "command": "ticloud-project-list",
            "os": std::env::consts::OS,
            "result": "SUCCESS",
            "version": "v0.0.1",
        })
    );
}

#[test]
fn a_full_command_has_all_properties_in_their_order() {
    let place = TestPlace::new();
    child::run("measure a command", &place);
    let record = &commands(&place)[0];
    let names: Vec<&str> = record.properties.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "alias",
            "arch",
            "auth_method",
            "command",
            "duration",
            "error",
            "flags",
            "interactive",
            "os",
            "project_id",
            "result",
            "version",
            "command.id",
            "exit_code",
            "tag"
        ]
    );
    let mut properties = serde_json::to_value(&record.properties).unwrap();
    let properties = properties.as_object_mut().unwrap();
    properties.remove("duration");
    properties.remove("command.id");
    assert_eq!(
        Value::Object(properties.clone()),
        json!({
            "alias": "ls",
            "arch": std::env::consts::ARCH,
            "auth_method": "api_key",
            "command": "ticloud-project-list",
            "error": "PermissionDenied: you do not have permission",
            "flags": ["debug", "output"],
            "interactive": false,
            "os": std::env::consts::OS,
            "project_id": "43511",
            "result": "ERROR",
            "version": "v0.0.1",
            "exit_code": 3,
            "tag": "nightly",
        })
    );
}

/// Runs in a child, for `a_full_command_has_all_properties_in_their_order`.
pub(crate) fn measure_a_command(task: &ChildTask) {
    let telemetry = task.builder().version("v0.0.1").open();
    let mut command = telemetry.command("ticloud-project-list");
    command
        .alias("ls")
        .auth_method("api_key")
        .interactive(false)
        .flags(["--output=json", "debug", "--debug", "--", "=x"])
        .project_id("43511")
        .property("exit_code", 1)
        .property("tag", "nightly")
        .property("exit_code", 3)
        .property("result", "SUCCESS")
        .property("command.id", "mine");
    command.failure(&io::Error::new(
        io::ErrorKind::PermissionDenied,
        "you do not have permission\nto access this project",
    ));
}

#[test]
fn only_a_terminal_is_recorded_as_terminal() {
    let place = TestPlace::new();
    child::run("measure a command", &place);
    let Some((_ours, theirs)) = terminal() else {
        return;
    };
    let mut at_terminal = child::command("measure a command", &place.path());
    let status = at_terminal.stdout(theirs).status().unwrap();
    assert!(status.success());
    let terminals: Vec<Option<Value>> = commands(&place)
        .iter()
        .map(|record| record.properties.get("terminal").cloned())
        .collect();
    assert_eq!(terminals, [None, Some(json!("tty"))]);
}

#[test]
fn a_result_determines_how_a_command_is_finished() {
    let (level, properties) = measured(|command| command.finish(&Ok::<_, io::Error>(7)));
    assert_eq!(
        (level, &properties["result"]),
        (Level::Info, &json!("SUCCESS"))
    );
    let error = error_of(|command| command.finish(&"x".parse::<u8>()));
    assert_eq!(error, "ParseIntError: invalid digit found in string");
}

#[test]
fn a_failure_has_the_kind_and_message_of_the_application() {
    let error =
        error_of(|command| command.failure_of("Api", &format_args!("{} {}", 403, "refused")));
    assert_eq!(error, "Api: 403 refused");
}

#[test]
fn a_dropped_command_is_recorded_as_an_error() {
    assert_eq!(
        error_of(|command| drop(command)),
        "unfinished: dropped before it ended"
    );
}

#[test]
fn a_panicking_command_is_recorded_as_an_error() {
    let place = TestPlace::new();
    let output = child::command("measure a command that panics", &place.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let record = &commands(&place)[0];
    assert_eq!(record.level, Level::Error);
    let error = record.properties.get("error").unwrap();
    assert_eq!(error, "panic: the message is not known here");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "the panic\n");
}

/// Runs in a child, for the test above.
pub(crate) fn measure_a_command_that_panics(task: &ChildTask) {
    std::panic::set_hook(Box::new(|_| eprintln!("the panic")));
    let telemetry = task.builder().open();
    let _command = telemetry.command("myapp");
    panic!("secret");
}

#[test]
fn hostile_values_change_nothing_but_their_own_record() {
    let hostile = [
        "\u{1b}[2J\n{\"seq\":0}\u{202e}".to_owned(),
        "x".repeat(10 << 20),
    ];
    let place = TestPlace::new();
    let telemetry = place.builder().delivery(Delivery::Inline).open();
    for value in &hostile {
        let mut command = telemetry.command(value);
        command
            .alias(value)
            .auth_method(value)
            .flags([value])
            .project_id(value)
            .property(value, value.as_str());
        command.failure_of(value, value);
        telemetry.command("myapp-next").success();
    }
    drop(telemetry);
    let mut lines = place.lines();
    lines.retain(|line| line.contains("\"event\":\"command\""));
    assert_eq!(lines.len(), 4);
    for line in &lines {
        assert!(line.len() <= 256 * 1024, "{}", line.len());
        assert!(!line.contains(['\u{1b}', '\u{202e}']));
    }
    assert!(lines[3].contains("myapp-next"));
}

#[test]
fn without_telemetry_nothing_is_measured_and_no_id_created() {
    let place = TestPlace::new();
    child::run("measure nothing", &place);
    let mut inheriting = child::command("measure nothing", &place.path());
    inheriting.env(COMMAND_ID, ID);
    child::succeed(inheriting);
    assert!(!place.path().exists());
}

/// Runs in a child, for the test above.
pub(crate) fn measure_nothing() {
    let inherited: Option<Uuid> = std::env::var(COMMAND_ID).ok().map(|id| id.parse().unwrap());
    let telemetry = Telemetry::builder("testapp").open();
    let mut command = telemetry.command("myapp");
    command.alias("x").property("x", 1);
    assert_eq!(command.id(), inherited);
    let variable = inherited.map(|id| (COMMAND_ID, id.to_string()));
    assert_eq!(command.environment(), variable);
    command.failure_of("Panicking", &Panicking);
    drop(telemetry.command("dropped"));
}

#[test]
fn a_command_that_began_before_consent_has_no_id() {
    let place = TestPlace::new();
    child::run("measure a command across a choice", &place);
    let records = commands(&place);
    let ids: Vec<bool> = records
        .iter()
        .map(|record| record.properties.get("command.id").is_some())
        .collect();
    assert_eq!(ids, [false, true]);
}

/// Runs in a child, for the test above.
pub(crate) fn measure_a_command_across_a_choice(task: &ChildTask) {
    let telemetry = task
        .builder()
        .when_undecided(WhenUndecided::Refuse)
        .watching(Watching::Always)
        .open();
    let command = telemetry.command("early");
    assert_eq!(command.environment(), None);
    telemetry.set_consent(Consent::Enabled).unwrap();
    eventually("recording", || telemetry.status().is_recording);
    command.success();
    telemetry.command("late").success();
}

/// A value that must not be formatted.
struct Panicking;

impl std::fmt::Display for Panicking {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a value is formatted although nothing is recorded")
    }
}

#[test]
fn commands_of_one_process_tree_share_an_id() {
    let place = TestPlace::new();
    let role = "measure a command and its child";
    child::run(role, &place);
    child::run(role, &place);
    let ids = ids_in(&place);
    assert_eq!(ids.len(), 4);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[2], ids[3]);
    assert_ne!(ids[0], ids[2]);
    let sessions: HashSet<Uuid> = commands(&place)
        .iter()
        .map(|record| record.session)
        .collect();
    assert_eq!(sessions.len(), 4);
}

/// Runs in a child, for the test above.
pub(crate) fn measure_a_command_and_its_child(task: &ChildTask) {
    let telemetry = task.builder().open();
    let command = telemetry.command("outer");
    let directory = telemetry.directory().unwrap();
    let mut inner = child::command("measure a command", directory);
    inner.envs(command.environment());
    child::succeed(inner);
    command.success();
}

#[test]
fn only_a_valid_inherited_id_is_continued() {
    let place = TestPlace::new();
    // Linux limits one variable of the environment to 128 KiB.
    for value in [ID, "nonsense", "\u{1b}[2J\n", &"0".repeat(100_000)] {
        let mut command = child::command("measure a command", &place.path());
        command.env(COMMAND_ID, value);
        child::succeed(command);
    }
    let ids = ids_in(&place);
    assert_eq!(ids[0], ID);
    let made: HashSet<&String> = ids[1..].iter().collect();
    assert_eq!(made.len(), 3);
    assert!(
        ids[1..]
            .iter()
            .all(|id| id.parse::<Uuid>().unwrap().get_version_num() == 7)
    );
}

/// Returns the ids of the recorded commands, in file order.
fn ids_in(place: &TestPlace) -> Vec<String> {
    let id = |line: &String| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["properties"]["command.id"].as_str().map(str::to_owned)
    };
    lines_in(&place.path()).iter().filter_map(id).collect()
}
