//! The output of `<SOURCE>_TELEMETRY_DEBUG` and `Builder::debug_output`: each record when it is
//! created, and the reason if it is not recorded.

use serde_json::Value;

use crate::child;
use crate::policy::owner;
use crate::support::TestPlace;

/// Returns the lines that a child prints for its one event, recorded with these variables.
fn shown(place: &TestPlace, variables: &[(&str, &str)]) -> Vec<String> {
    shown_by("open and print", place, variables)
}

fn shown_by(role: &str, place: &TestPlace, variables: &[(&str, &str)]) -> Vec<String> {
    let mut command = child::command(role, &place.path());
    command
        .env_remove("DO_NOT_TRACK")
        .envs(variables.iter().copied());
    let output = child::succeed(command);
    let shown = String::from_utf8(output.stderr).unwrap();
    shown.lines().map(str::to_owned).collect()
}

fn event(line: &str) -> Value {
    let (_, json) = line.split_once(": {").unwrap();
    serde_json::from_str(&format!("{{{json}")).unwrap()
}

#[test]
fn nothing_is_shown_unless_requested() {
    for variables in [
        &[][..],
        &[("TESTAPP_TELEMETRY_DEBUG", "0")],
        &[("OTHER_TELEMETRY_DEBUG", "1")],
    ] {
        assert_eq!(
            shown(&TestPlace::new(), variables),
            [""; 0],
            "{variables:?}"
        );
    }
}

#[test]
fn each_record_is_shown_when_created_and_still_recorded() {
    let place = TestPlace::new();
    let shown = shown(&place, &[("TESTAPP_TELEMETRY_DEBUG", "1")]);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    assert!(
        shown[0].starts_with("testapp telemetry: recorded: {"),
        "{}",
        shown[0]
    );
    let mut recorded = place.events().remove(0);
    let recorded = recorded.as_object_mut().unwrap();
    recorded.remove("session");
    recorded.remove("seq");
    assert_eq!(&event(&shown[0]), &Value::Object(recorded.clone()));
}

#[test]
fn debug_output_works_without_recording_and_creates_nothing() {
    let place = TestPlace::new();
    let debug = ("TESTAPP_TELEMETRY_DEBUG", "yes");
    let shown = shown(&place, &[debug, ("DO_NOT_TRACK", "1")]);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    let beginning = "testapp telemetry: refused: disabled by DO_NOT_TRACK=1: {";
    assert!(shown[0].starts_with(beginning), "{}", shown[0]);
    assert_eq!(event(&shown[0])["message"], "from a child");
    assert!(!place.path().exists());
}

#[test]
fn events_that_the_policy_excludes_are_shown_as_refused() {
    let place = TestPlace::new();
    owner(&place, "level = \"error\"");
    let shown = shown(&place, &[("TESTAPP_TELEMETRY_DEBUG", "1")]);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    let beginning = "testapp telemetry: refused by the policy: {";
    assert!(shown[0].starts_with(beginning), "{}", shown[0]);
    assert_eq!(event(&shown[0])["message"], "from a child");
    assert!(place.events().is_empty());
}

#[test]
fn an_application_can_enable_debug_output() {
    let by_code = "open with debug output";
    let place = TestPlace::new();
    for variables in [&[][..], &[("TESTAPP_TELEMETRY_DEBUG", "0")]] {
        let shown = shown_by(by_code, &place, variables);
        assert_eq!(shown.len(), 1, "{shown:#?}");
        let beginning = "testapp telemetry: recorded: {";
        assert!(shown[0].starts_with(beginning), "{}", shown[0]);
        assert_eq!(event(&shown[0])["properties"]["host"], "[masked]");
    }
    assert_eq!(place.events().len(), 2);

    let place = TestPlace::new();
    let shown = shown_by(by_code, &place, &[("DO_NOT_TRACK", "1")]);
    assert_eq!(shown.len(), 1, "{shown:#?}");
    let beginning = "testapp telemetry: refused: disabled by DO_NOT_TRACK=1: {";
    assert!(shown[0].starts_with(beginning), "{}", shown[0]);
    assert!(!place.path().exists());
}

#[test]
fn debug_output_works_where_the_directory_cannot_be_used() {
    let place = TestPlace::new();
    std::fs::write(place.path(), "a file").unwrap();
    let by_variable = shown(&place, &[("TESTAPP_TELEMETRY_DEBUG", "1")]);
    let by_code = shown_by("open with debug output", &place, &[]);
    for shown in [&by_variable, &by_code] {
        assert_eq!(shown.len(), 1, "{shown:#?}");
        let beginning = "testapp telemetry: refused: ";
        assert!(shown[0].starts_with(beginning), "{}", shown[0]);
    }
    assert_eq!(event(&by_variable[0])["message"], "from a child");
    assert_eq!(event(&by_code[0])["properties"]["host"], "[masked]");
}

#[test]
fn debug_output_works_where_opening_fails() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = TestPlace::new();
    std::fs::create_dir(place.path()).unwrap();
    std::fs::write(place.path().join("theirs"), "").unwrap();
    let open_to_all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(place.path(), open_to_all).unwrap();
    for shown in [
        shown(&place, &[("TESTAPP_TELEMETRY_DEBUG", "1")]),
        shown_by("open with debug output", &place, &[]),
    ] {
        assert_eq!(shown.len(), 1, "{shown:#?}");
        let beginning = "testapp telemetry: refused: ";
        assert!(shown[0].starts_with(beginning), "{}", shown[0]);
    }
}
