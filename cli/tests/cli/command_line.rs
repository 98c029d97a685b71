//! Commands recorded from the matches that clap parsed.

use localtel::read::Record;
use localtel::recording::Delivery;
use serde_json::json;

use crate::child;
use crate::child_process::ChildTask;
use crate::support::TestPlace;

fn commands(place: &TestPlace) -> Vec<Record> {
    let mut records = place.all_records();
    records.retain(|record| record.event.as_deref() == Some("command"));
    records
}

#[test]
fn help_and_version_are_not_failed_commands() {
    let place = TestPlace::new();
    let telemetry = place.builder().delivery(Delivery::Inline).open();
    let application = clap::Command::new("myapp").version("1");
    let parsed = application.clone().try_get_matches_from(["myapp"]).unwrap();
    for word in ["--help", "--version", "--secret"] {
        let command = localtel_cli::command_of(&telemetry, &application, &parsed);
        command.finish(&application.clone().try_get_matches_from(["myapp", word]));
    }
    drop(telemetry);
    let records = commands(&place);
    assert_eq!(records.len(), 1);
    let error = records[0].properties.get("error").unwrap();
    assert_eq!(error, "UnknownArgument: unexpected argument found");
}

#[test]
fn a_parsed_command_is_recorded_without_any_value() {
    let place = TestPlace::new();
    let output = child::command("measure what was parsed", &place.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let record = &commands(&place)[0];
    let property = |name: &str| record.properties.get(name).cloned();
    assert_eq!(property("command"), Some(json!("libtest-entry")));
    assert_eq!(property("alias"), Some(json!("child::entry")));
    assert_eq!(
        property("flags"),
        Some(json!(["exact", "ignored", "nocapture", "test-threads"]))
    );
    assert_eq!(property("result"), Some(json!("SUCCESS")));
}

/// Runs in the child of the test above: parses the arguments of the child process itself.
pub(crate) fn measure_what_was_parsed(task: &ChildTask) {
    use clap::arg;
    let mut application = clap::Command::new("libtest")
        .args([
            arg!(--exact).global(true),
            arg!(--ignored),
            arg!(--include),
            arg!(--nocapture).global(true),
            arg!(--"test-threads" <COUNT>).required(false).global(true),
        ])
        .subcommand(clap::Command::new("entry").alias("child::entry"));
    let matches = application.get_matches_mut();
    let telemetry = task.builder().try_open().unwrap();
    localtel_cli::command_of(&telemetry, &application, &matches).success();
}
