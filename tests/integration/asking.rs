//! The answer of a user whom the application asked: it is stored for one profile, decides the next
//! opening, and can be withdrawn.

use localtel::consent::DecidedBy;
use localtel::{Consent, Telemetry};
use tempfile::TempDir;

#[test]
fn an_answer_decides_the_next_opening_and_can_be_withdrawn() {
    let home = TempDir::new().unwrap();
    assert_eq!(state(&home, "default"), Consent::Undecided);
    for answer in [Consent::Enabled, Consent::Disabled, Consent::Undecided] {
        open(&home, "default").set_consent(answer).unwrap();
        assert_eq!(state(&home, "default"), answer);
        assert_eq!(
            open(&home, "default").status().is_recording,
            answer == Consent::Enabled
        );
    }
}

#[test]
fn the_status_follows_an_answer_for_the_next_start() {
    let home = TempDir::new().unwrap();
    let telemetry = open(&home, "default");
    let reason = || telemetry.status().off_because.unwrap();
    assert!(reason().starts_with("consent is undecided"), "{}", reason());
    let by_another_process = open(&home, "default");
    for (answer, expected) in [
        (
            Consent::Enabled,
            "enabled by the stored choice; this process started before that, and records from its next start",
        ),
        (Consent::Disabled, "disabled by the stored choice"),
        (
            Consent::Undecided,
            "consent is undecided, and nothing is recorded until it is enabled",
        ),
    ] {
        by_another_process.set_consent(answer).unwrap();
        let status = telemetry.status();
        assert!(!status.is_recording);
        assert_eq!(status.decision.unwrap().state, answer);
        assert_eq!(status.off_because.unwrap(), expected);
        assert!(telemetry.report().to_string().contains(expected));
    }
}

#[test]
fn an_answer_applies_to_its_profile_only() {
    let home = TempDir::new().unwrap();
    open(&home, "work").set_consent(Consent::Enabled).unwrap();
    assert_eq!(state(&home, "work"), Consent::Enabled);
    assert_eq!(state(&home, "default"), Consent::Undecided);
}

#[test]
fn an_answer_is_stored_although_the_flag_overrules_it() {
    let home = TempDir::new().unwrap();
    let refusing = Telemetry::builder("myapp")
        .dir(home.path().join("telemetry"))
        .flag(Consent::Disabled);
    refusing
        .clone()
        .open()
        .set_consent(Consent::Enabled)
        .unwrap();
    let decision = refusing.open().status().decision.unwrap();
    assert_eq!(decision.state, Consent::Disabled);
    assert_eq!(decision.decided_by, DecidedBy::Flag);
    assert_eq!(decision.overruled[0].by, DecidedBy::Choice);
    assert_eq!(state(&home, "default"), Consent::Enabled);
}

#[test]
fn an_answer_without_a_valid_directory_is_an_error() {
    let telemetry = Telemetry::builder("../elsewhere").open();
    let error = telemetry.set_consent(Consent::Enabled).unwrap_err();
    assert!(error.to_string().contains("../elsewhere"), "{error}");
}

fn open(home: &TempDir, profile: &str) -> Telemetry {
    Telemetry::builder("myapp")
        .dir(home.path().join("telemetry"))
        .profile(profile)
        .open()
}

fn state(home: &TempDir, profile: &str) -> Consent {
    open(home, profile).status().decision.unwrap().state
}
