//! Consent and identity as an application uses them: grace periods, one id for many processes,
//! copied and unwritable homes. The commands are tested in `commands`, the decision itself in a
//! table of the library.

use std::path::Path;
use std::time::Duration;

use localtel::consent::{DecidedBy, WhenUndecided};
use localtel::{Consent, Telemetry};
use serde_json::Value;

use crate::child;
use crate::support::{TestPlace, dispatch, log};

const HOUR: WhenUndecided = WhenUndecided::RecordAfter(Duration::from_hours(1));

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn stored(place: &TestPlace) -> Value {
    let bytes = std::fs::read(place.path().join("consent.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn store(place: &TestPlace, value: &Value) {
    std::fs::write(place.path().join("consent.json"), value.to_string()).unwrap();
}

#[test]
fn nothing_is_recorded_before_the_grace_is_over() {
    let place = TestPlace::new();
    let telemetry = place.builder().when_undecided(HOUR).try_open().unwrap();
    log(&dispatch(&telemetry), 3);
    let status = telemetry.status();
    drop(telemetry);
    assert!(!status.is_recording);
    let left = status.grace_left.unwrap();
    assert!(left <= Duration::from_hours(1) && left > Duration::from_mins(59));
    assert!(status.off_because.unwrap().contains("60m"));
    assert_eq!(names(&place.path()), ["consent.json", "lock"]);
    let stored = stored(&place);
    let mut keys: Vec<&String> = stored.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        ["first_seen", "format", "grace_seconds", "profile", "source"]
    );
}

#[test]
fn after_the_grace_events_are_recorded_until_a_decision() {
    let place = TestPlace::new();
    let builder = || place.builder().when_undecided(HOUR);
    drop(builder().try_open().unwrap());
    let mut past = stored(&place);
    past["first_seen"] = "2026-01-01T00:00:00.000000Z".into();
    store(&place, &past);
    let telemetry = builder().try_open().unwrap();
    let status = telemetry.status();
    assert!(status.is_recording && status.grace_left.is_none());
    assert_eq!(status.decision.unwrap().state, Consent::Undecided);
    log(&dispatch(&telemetry), 3);
    drop(telemetry);
    assert_eq!(place.records().len(), 3);
    let mut kept = stored(&place);
    assert_eq!(kept["first_seen"], past["first_seen"]);
    kept["consent"] = "disabled".into();
    store(&place, &kept);
    assert!(!builder().try_open().unwrap().status().is_recording);
}

#[test]
fn a_first_use_in_the_future_never_starts_recording() {
    let place = TestPlace::new();
    let builder = || place.builder().when_undecided(HOUR);
    drop(builder().try_open().unwrap());
    let mut future = stored(&place);
    future["first_seen"] = "2999-01-01T00:00:00.000000Z".into();
    store(&place, &future);
    let status = builder().try_open().unwrap().status();
    assert!(!status.is_recording);
    assert_eq!(status.grace_left, Some(Duration::from_hours(1)));
    assert_eq!(stored(&place), future);
}

#[test]
fn a_flag_applies_and_stores_no_first_use() {
    let place = TestPlace::new();
    let builder = place.builder().when_undecided(HOUR).flag(Consent::Disabled);
    assert!(!builder.try_open().unwrap().status().is_recording);
    assert!(!place.path().exists());
}

#[test]
fn thirty_two_first_processes_agree_on_one_id() {
    let place = TestPlace::new();
    let start = || child::command("open and print the id", &place.path()).spawn();
    let children: Vec<_> = (0..32).map(|_| start().unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    std::fs::write(place.path().with_file_name("go"), "").unwrap();
    let ids: Vec<String> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let printed = String::from_utf8(output.stdout).unwrap();
            let id = printed.lines().find_map(|line| line.strip_prefix("id "));
            id.unwrap_or_else(|| panic!("{printed}")).to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 32);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(stored(&place)["installation"], ids[0]);
}

#[test]
fn a_stored_choice_without_a_valid_word_never_records() {
    for text in [
        r#"{"format":1,"consent":""}"#,
        r#"{"format":1,"consent":" "}"#,
        r#"{"format":1,"consent":"perhaps"}"#,
        r#"{"format":1,"consent":null}"#,
        r#"{"format":1,"Consent":"disabled"}"#,
        "",
    ] {
        for file in ["consent.json", "consent.all.json"] {
            let place = TestPlace::new();
            std::fs::create_dir(place.path()).unwrap();
            std::fs::write(place.path().join(file), text).unwrap();
            let status = place.builder().open().status();
            assert!(!status.is_recording, "{file}: {text}");
            let decision = status.decision.unwrap();
            assert_eq!(decision.state, Consent::Disabled, "{file}: {text}");
            assert_eq!(decision.problems.len(), 1, "{file}: {text}");
        }
    }
}

/// Opens the directory as another application or profile, checks that this fails, and returns the
/// reason.
fn refused(builder: localtel::Builder) -> String {
    let error = builder.clone().try_open().unwrap_err();
    assert!(
        matches!(error.kind(), localtel::ErrorKind::Foreign { .. }),
        "{error}"
    );
    let telemetry = builder.open();
    log(&dispatch(&telemetry), 3);
    let reason = telemetry.status().off_because.unwrap();
    assert_eq!(reason, error.to_string());
    assert!(telemetry.set_consent(Consent::Enabled).is_err());
    reason
}

#[test]
fn an_application_is_off_in_the_directory_of_another() {
    let place = TestPlace::new();
    let other = || {
        Telemetry::builder("other")
            .dir(place.path())
            .when_undecided(WhenUndecided::Record)
    };
    drop(place.builder().try_open().unwrap());
    for builder in [
        other(),
        other().flag(Consent::Enabled),
        other().when_undecided(HOUR),
        other().when_undecided(WhenUndecided::Refuse),
        other().watching(localtel::recording::Watching::Always),
        other().profile("work"),
        Telemetry::builder("Testapp").dir(place.path()),
    ] {
        let reason = refused(builder);
        assert!(reason.contains("`testapp` (profile "), "{reason}");
    }
    drop(place.builder().profile("work").try_open().unwrap());
    let work = place.path().join("profiles/work");
    let reason = refused(place.builder().dir(&work));
    assert!(reason.contains("`testapp` (profile work)"), "{reason}");
    assert!(place.builder().try_open().unwrap().status().is_recording);
    let all = place.path().join("consent.all.json");
    std::fs::write(&all, r#"{"format":1,"source":"other","consent":"enabled"}"#).unwrap();
    let reason = refused(place.builder());
    assert!(reason.contains("belongs to `other`"), "{reason}");
    assert!(place.records().is_empty());
}

#[test]
fn a_process_stops_when_its_directory_is_reassigned() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let dispatch = dispatch(&telemetry);
    log(&dispatch, 1);
    telemetry.flush().unwrap();
    std::fs::remove_dir_all(place.path()).unwrap();
    let other = Telemetry::builder("other")
        .dir(place.path())
        .when_undecided(WhenUndecided::Record)
        .try_open()
        .unwrap();
    crate::support::eventually("recording stops", || !telemetry.status().is_recording);
    let reason = telemetry.status().off_because.unwrap();
    assert!(reason.contains("`other`"), "{reason}");
    log(&dispatch, 3);
    drop((telemetry, dispatch, other));
    assert!(place.records().is_empty());
}

#[test]
fn a_copied_home_is_detected_and_recording_continues() {
    let place = TestPlace::new();
    let opened = || place.builder().try_open().unwrap().status();
    let first = opened();
    assert!(!first.is_copied);
    assert!(!opened().is_copied);
    let mut elsewhere = stored(&place);
    elsewhere["host"] = "0".repeat(64).into();
    store(&place, &elsewhere);
    let copied = opened();
    assert!(copied.is_copied && copied.is_recording);
    assert_eq!(copied.installation, first.installation);
    assert_eq!(stored(&place), elsewhere, "opening changes nothing");
}

#[test]
fn nothing_of_the_host_is_stored_unhashed() {
    let place = TestPlace::new();
    drop(place.builder().try_open().unwrap());
    let text = std::fs::read_to_string(place.path().join("consent.json")).unwrap();
    assert_eq!(stored(&place)["host"].as_str().unwrap().len(), 64);
    if let Ok(machine) = std::fs::read_to_string("/etc/machine-id") {
        assert!(machine.trim().is_empty() || !text.contains(machine.trim()));
    }
}

#[test]
fn telemetry_in_an_unwritable_home_is_off_with_a_reason() {
    for path in ["/proc/localtel-test", "/dev/null/telemetry"] {
        for when in [WhenUndecided::Record, HOUR] {
            let telemetry = Telemetry::builder("testapp")
                .dir(path)
                .when_undecided(when)
                .open();
            log(&dispatch(&telemetry), 3);
            let status = telemetry.status();
            assert!(!status.is_recording, "{path}");
            let reason = status.off_because.unwrap();
            assert!(
                reason.contains("could not") || reason.contains("cannot"),
                "{reason}"
            );
            telemetry.flush().unwrap();
        }
    }
}

#[test]
fn the_choice_for_all_profiles_is_a_fallback() {
    let place = TestPlace::new();
    std::fs::create_dir_all(place.path().join("profiles/night")).unwrap();
    let all = place.path().join("consent.all.json");
    std::fs::write(&all, r#"{"format":1,"consent":"disabled"}"#).unwrap();
    let open = |profile| place.builder().profile(profile).try_open().unwrap();
    for profile in ["default", "night", "new"] {
        let decision = open(profile).status().decision.unwrap();
        assert_eq!(decision.state, Consent::Disabled, "{profile}");
        assert_eq!(decision.decided_by, DecidedBy::ChoiceForAll, "{profile}");
    }
    assert!(!place.path().join("profiles/new").exists());
    let own = place.path().join("profiles/night/consent.json");
    std::fs::write(own, r#"{"format":1,"consent":"enabled"}"#).unwrap();
    assert!(open("night").status().is_recording);
    assert!(!open("default").status().is_recording);
}
