//! Policies: that of the application, the owner's restrictions, and that dropped or masked values
//! are in no byte under the directory.

use std::path::Path;
use std::time::{Duration, Instant};

use localtel::policy::Action;
use localtel::recording::{Delivery, Outcome};
use localtel::{Builder, Event, Level, Policy};
use proptest::prelude::*;
use serde_json::json;
use tracing::{debug, error, info, info_span, warn};
use tracing_subscriber::prelude::*;

use crate::support::TestPlace;

fn with(place: &TestPlace, policy: Policy) -> Builder {
    place.builder().policy(policy)
}

/// Writes the owner's policy before anything is recorded.
pub(crate) fn owner(place: &TestPlace, text: &str) {
    let path = place.path();
    make_private(&path);
    std::fs::write(path.join("policy.toml"), text).unwrap();
}

fn make_private(path: &Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).unwrap();
}

/// Returns the names and contents of all files in a directory.
fn bytes_in(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        bytes.extend_from_slice(entry.file_name().as_encoded_bytes());
        if entry.file_type().unwrap().is_file() {
            bytes.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    bytes
}

pub(crate) fn holds(path: &Path, text: &str) -> bool {
    let bytes = bytes_in(path);
    let escaped = serde_json::to_string(text).unwrap();
    let escaped = escaped.trim_matches('"').as_bytes();
    let finds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    finds(text.as_bytes()) || finds(escaped)
}

#[test]
fn each_action_applies_to_tracing_events_spans_and_by_hand() {
    let place = TestPlace::new();
    let policy = Policy::new()
        .property("kept", Action::Keep)
        .property("redacted", Action::Redact)
        .property("masked", Action::Mask)
        .property("dropped", Action::Drop);
    let telemetry = with(&place, policy).try_open().unwrap();
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!("request", kept = 1, masked = 2, dropped = 3);
        let _entered = span.enter();
        info!(
            kept = "a",
            redacted = "password=hunter2 x",
            masked = "b",
            dropped = "c"
        );
    });
    let event = Event::new("event")
        .property("kept", 1)
        .property("redacted", json!({"deep": ["password=hunter2"]}))
        .property("masked", json!({"x": 1}))
        .property("dropped", 5);
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    drop(telemetry);
    let events = place.events();
    let expected = json!({"kept": "a", "redacted": "password=[secret] x", "masked": "[masked]"});
    assert_eq!(events[0]["properties"], expected);
    let expected = json!({"kept": 1, "masked": "[masked]"});
    assert_eq!(events[0]["spans"][0]["properties"], expected);
    let expected =
        json!({"kept": 1, "redacted": {"deep": ["password=[secret]"]}, "masked": "[masked]"});
    assert_eq!(events[1]["properties"], expected);
}

#[test]
fn equal_values_have_equal_hashes_until_a_reset() {
    let place = TestPlace::new();
    let policy = || Policy::new().property("user", Action::Hash);
    let once = |user: &str| {
        place.record_with(with(&place, policy()), || {
            let _span = info_span!("request", user).entered();
            info!(user);
        });
        let events = place.events();
        let last = events.last().unwrap();
        let hash = last["properties"]["user"].as_str().unwrap().to_owned();
        assert_eq!(last["spans"][0]["properties"]["user"], hash.as_str());
        hash
    };
    let first = once("alice");
    assert!(first.starts_with("p-") && first.len() == 18, "{first}");
    assert_eq!(once("alice"), first);
    assert_ne!(once("bob"), first);
    std::fs::remove_file(place.path().join("consent.json")).unwrap();
    assert_ne!(once("alice"), first, "another installation has another key");
    assert!(!holds(&place.path(), "alice"));
}

#[test]
fn a_number_and_its_text_have_the_same_hash() {
    let place = TestPlace::new();
    let policy = Policy::new().property("id", Action::Hash);
    place.record_with(with(&place, policy), || {
        info!(id = 42);
        info!(id = "42");
    });
    let events = place.events();
    assert_eq!(events[0]["properties"], events[1]["properties"]);
}

#[test]
fn an_allow_list_records_only_what_it_names() {
    let place = TestPlace::new();
    let policy = Policy::allow_list()
        .allow_event("command")
        .allow_target("testapp::listed")
        .property("duration", Action::Keep);
    place.record_with(with(&place, policy), || {
        let _span = info_span!("request", id = 7, duration = 1).entered();
        info!(name: "command", duration = 5, user = "alice", "listed alice's projects");
        info!(name: "other", duration = 6);
        info!(duration = 7);
        info!(target: "testapp::listed::below", duration = 8);
    });
    let durations: Vec<_> = place
        .events()
        .iter()
        .map(|event| event["properties"].clone())
        .collect();
    assert_eq!(durations, [json!({"duration": 5}), json!({"duration": 8})]);
    assert!(place.events()[0].get("message").is_none());
    assert_eq!(
        place.events()[0]["spans"][0]["properties"],
        json!({"duration": 1})
    );
    assert!(!holds(&place.path(), "alice"));
}

#[test]
fn excluded_levels_targets_and_events_leave_no_trace() {
    let place = TestPlace::new();
    let policy = Policy::new()
        .level(Level::Info)
        .deny_target("noisy")
        .allow_target("noisy::but_this")
        .deny_event("heart*");
    let telemetry = with(&place, policy).try_open().unwrap();
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
    tracing::subscriber::with_default(subscriber, || {
        debug!("too fine");
        info!(target: "noisy", "excluded");
        info!(target: "noisy::below", "excluded");
        info!(target: "noisy_neighbour", "kept 1");
        info!(target: "noisy::but_this", "kept 2");
        info!(name: "heartbeat", "excluded");
        warn!("kept 3");
        let _span = info_span!(target: "noisy", "hidden", secret = 1).entered();
        info!("kept 4");
    });
    let heartbeat = telemetry.record(&Event::new("heartbeat"));
    assert_eq!(heartbeat, Outcome::Refused);
    drop(telemetry);
    let messages: Vec<_> = place
        .events()
        .iter()
        .map(|event| event["message"].clone())
        .collect();
    assert_eq!(messages, ["kept 1", "kept 2", "kept 3", "kept 4"]);
    assert!(!holds(&place.path(), "hidden"));
}

#[test]
fn secrets_in_messages_and_errors_are_masked_by_default() {
    let failure = || std::io::Error::other("password=hunter2 was wrong");
    let work = move || {
        error!(
            error = %failure(),
            cause = &failure() as &(dyn std::error::Error + 'static),
            plain = "password=hunter2",
            "login with password=hunter2 failed"
        );
    };
    let place = TestPlace::new();
    let records = place.record(work);
    let text = records[0].message.clone().unwrap();
    assert_eq!(text, "login with password=[secret] failed");
    let properties = place.events()[0]["properties"].clone();
    assert_eq!(properties["error"], "password=[secret] was wrong");
    assert_eq!(properties["cause"], "password=[secret] was wrong");
    assert_eq!(properties["plain"], "password=hunter2");

    let place = TestPlace::new();
    place.record_with(with(&place, Policy::new().keep_secrets()), work);
    let properties = place.events()[0]["properties"].clone();
    assert_eq!(properties["error"], "password=hunter2 was wrong");
}

#[test]
fn a_secret_at_the_length_limit_is_masked_whole() {
    let place = TestPlace::new();
    let limits = localtel::Limits {
        string_bytes_max: 64,
        ..localtel::Limits::default()
    };
    place.record_with(place.builder().limits(limits), || {
        let text = format!("{} password=hunter2hunter2", "x".repeat(50));
        info!("{text}");
        info!("{}", "y".repeat(20_000));
    });
    let message = place.events()[0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("xxx") && message.ends_with('…'),
        "{message}"
    );
    assert!(!holds(&place.path(), "hunter2"));
    let message = place.events()[1]["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "y".repeat(64) + "…");
}

#[test]
fn an_owner_can_narrow_a_policy_and_not_widen_it() {
    let place = TestPlace::new();
    owner(
        &place,
        r#"
        level = "info"
        [targets]
        "testapp::sql" = "drop"
        [events]
        heartbeat = "drop"
        [properties]
        user = "mask"
        query = "drop"
        hidden = "keep"
        "#,
    );
    let policy = Policy::new()
        .property("hidden", Action::Drop)
        .property("user", Action::Hash);
    place.record_with(with(&place, policy), || {
        debug!("too fine");
        info!(target: "testapp::sql", "excluded");
        info!(name: "heartbeat", "excluded");
        info!(user = "alice", query = "select", hidden = 1, kept = 2);
    });
    let events = place.events();
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(
        events[0]["properties"],
        json!({"user": "[masked]", "kept": 2})
    );
}

#[test]
fn with_a_damaged_policy_nothing_is_recorded() {
    for text in [
        "level = \"loud\"",
        "properties = 5",
        "[properties]\nuser = \"hide\"",
        "[propertys]\nuser = \"drop\"",
        "[properties]\n\"a*b\" = \"drop\"",
        "[properties]\nhttp.url = \"drop\"",
        "unnamed = true",
        "\u{0}",
        "[[[",
    ] {
        let place = TestPlace::new();
        owner(&place, text);
        let telemetry = place.builder().open();
        let reason = telemetry.status().off_because.unwrap();
        assert!(
            reason.contains("policy.toml") && reason.contains("nothing is recorded"),
            "{text:?}: {reason}"
        );
        let subscriber =
            tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
        tracing::subscriber::with_default(subscriber, || info!("lost"));
        assert_eq!(telemetry.record(&Event::new("lost")), Outcome::Refused);
        drop(telemetry);
        assert!(place.lines().is_empty(), "{text:?}");
    }
}

#[test]
fn a_running_process_applies_a_new_policy_to_open_spans() {
    for delivery in [Delivery::Background, Delivery::Inline] {
        let place = TestPlace::new();
        let telemetry = place.builder().delivery(delivery).try_open().unwrap();
        let subscriber =
            tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
        tracing::subscriber::with_default(subscriber, || {
            let span = info_span!("request", user = "alice", path = "/secret", id = 7);
            let _entered = span.enter();
            let event = |step: u64| info!(name: "step", step, user = "bob", noise = step);
            event(1);
            let text = "[properties]\nuser = \"drop\"\npath = \"mask\"\n[events]\nnoisy = \"drop\"";
            std::fs::write(place.path().join("policy.toml"), text).unwrap();
            let wait = Instant::now() + Duration::from_secs(5);
            loop {
                event(2);
                telemetry.flush().unwrap();
                let last = place.events().pop().unwrap();
                if last["properties"].get("user").is_none() {
                    break;
                }
                assert!(Instant::now() < wait, "the policy never applied");
                std::thread::sleep(Duration::from_millis(20));
            }
            let first = place.events().remove(0);
            assert_eq!(first["properties"]["user"], "bob");
            info!(name: "noisy", "excluded");
            event(3);
        });
        drop(telemetry);
        let last = place.events().pop().unwrap();
        assert_eq!(last["properties"], json!({"step": 3, "noise": 3}));
        let expected = json!({"path": "[masked]", "id": 7});
        assert_eq!(last["spans"][0]["properties"], expected);
        assert!(!place.events().iter().any(|event| event["event"] == "noisy"));
    }
}

#[test]
fn events_that_a_changed_policy_allows_are_recorded_again() {
    let place = TestPlace::new();
    owner(&place, "[events]\nstep = \"drop\"");
    let telemetry = place.builder().try_open().unwrap();
    let subscriber =
        tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
    tracing::subscriber::with_default(subscriber, || {
        let wait = Instant::now() + Duration::from_secs(5);
        for round in 0.. {
            if round == 1 {
                std::fs::write(place.path().join("policy.toml"), "").unwrap();
            }
            info!(name: "step", round);
            info!(name: "other", round);
            telemetry.flush().unwrap();
            if place.events().iter().any(|event| event["event"] == "step") {
                break;
            }
            assert!(Instant::now() < wait, "still excluded");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    drop(telemetry);
    assert_eq!(place.events()[0]["event"], "other");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A value that is masked, dropped or hashed, in any field, is in no byte of any file.
    #[test]
    fn a_forbidden_value_is_in_no_byte_under_the_directory(
        value in "[a-zA-Z0-9 \"\\\\\u{e9}\u{1b}\n]{12,400}",
        action in prop::sample::select(vec![Action::Mask, Action::Drop, Action::Hash]),
        by_owner: bool,
        delivery in prop::sample::select(vec![Delivery::Inline, Delivery::Background]),
    ) {
        // Long and unusual enough not to occur by chance.
        let value = format!("{value}q7zKx");
        let place = TestPlace::new();
        let policy = if by_owner {
            let rule = format!("[properties]\n\"private.*\" = \"{action}\"\nmessage = \"{action}\"\n");
            owner(&place, &rule);
            Policy::new()
        } else {
            Policy::new().property("private.*", action).property("message", action)
        };
        let builder = with(&place, policy).delivery(delivery);
        let telemetry = builder.try_open().unwrap();
        let subscriber = tracing_subscriber::registry().with(telemetry.layer().with_filter(telemetry.filter()));
        tracing::subscriber::with_default(subscriber, || {
            let failure = std::io::Error::other(value.clone());
            let span = info_span!("request", private.a = value.as_str(), private.late = tracing::field::Empty);
            span.record("private.late", value.as_str());
            let _entered = span.enter();
            info!(
                private.text = value.as_str(),
                private.shown = %value,
                private.debugged = ?value,
                private.bytes = value.as_bytes(),
                private.error = &failure as &(dyn std::error::Error + 'static),
                "{value}"
            );
        });
        let event = Event::new("event")
            .message(value.clone())
            .property("private.text", value.clone())
            .property("private.deep", json!({"deep": [value.clone()]}));
        prop_assert_eq!(telemetry.record(&event), Outcome::Recorded);
        drop(telemetry);
        prop_assert_eq!(place.events().len(), 2);
        prop_assert!(!holds(&place.path(), &value));
        prop_assert!(!holds(&place.path(), "q7zKx"));
        // "q7zKx" as bytes are written.
        prop_assert!(!holds(&place.path(), "71377a4b78"));
    }
}
