//! Secrets in every field that takes a text, also in hostile texts: no part of them is in any byte
//! under the directory. The tests of the rules cover which texts contain a secret.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use localtel::policy::Action;
use localtel::recording::Outcome;
use localtel::{Event, Policy};
use serde_json::{Value, json};
use tracing::{error, error_span, info};
use tracing_subscriber::prelude::*;

use crate::policy::holds;
use crate::support::TestPlace;

const TEXT: &str = "password=hunter2 x";

/// An error with a secret in each link of its chain.
#[derive(Debug)]
struct Chain(Option<Box<Self>>);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TEXT)
    }
}

impl Error for Chain {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.0.as_deref()?;
        Some(source)
    }
}

fn chain() -> Chain {
    Chain(Some(Box::new(Chain(Some(Box::new(Chain(None)))))))
}

#[derive(Debug)]
#[expect(dead_code, reason = "its `Debug` reads the fields")]
struct Login {
    user: &'static str,
    password: &'static str,
}

#[test]
fn no_field_that_takes_a_text_records_a_secret() {
    let place = TestPlace::new();
    let policy = Policy::new().property("*", Action::Redact);
    let telemetry = place.builder().policy(policy).try_open().unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    let chain = chain();
    let login = Login {
        user: "anna",
        password: "hunter2",
    };
    tracing::subscriber::with_default(subscriber, || {
        let span = error_span!(
            "span",
            opened = TEXT,
            shown = %TEXT,
            password = "hunter2",
            later = tracing::field::Empty,
            cause = &chain as &(dyn Error + 'static)
        );
        span.record("later", tracing::field::display(TEXT));
        let _entered = span.enter();
        error!(
            text = TEXT,
            shown = %TEXT,
            debugged = ?login,
            api_key = "hunter2",
            cause = &chain as &(dyn Error + 'static),
            boxed = format!("{:?}", vec![TEXT, TEXT]),
            "{login:?} {TEXT}"
        );
    });
    let event = Event::new("event")
        .message(TEXT)
        .property(
            "deep",
            json!([{"a": [TEXT, {"b": TEXT}], "password": "hunter2"}]),
        )
        .property("secret", json!({"any": ["hunter2"]}));
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    drop(telemetry);
    assert!(!holds(&place.path(), "hunter2"), "{:#?}", place.events());
    let chain = ["password=[secret] x"; 3].join(": ");
    assert_eq!(place.events()[0]["properties"]["cause"], chain);
    assert_eq!(place.events()[0]["spans"][0]["properties"]["cause"], chain);
    let deep = json!([{"a": ["password=[secret] x", {"b": "password=[secret] x"}], "password": "[secret]"}]);
    assert_eq!(place.events()[1]["properties"]["deep"], deep);
    assert_eq!(place.events()[1]["properties"]["secret"], "[masked]");
}

#[test]
fn errors_messages_and_panics_are_redacted_by_default() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    let chain = chain();
    tracing::subscriber::with_default(subscriber, || {
        let panicked = std::panic::catch_unwind(|| panic!("{TEXT}")).unwrap_err();
        let message = panicked.downcast_ref::<String>().unwrap();
        let _span = error_span!("span", error = %chain).entered();
        error!(
            panic = message.as_str(),
            anything = &chain as &(dyn Error + 'static),
            err = ?chain,
            "{message}"
        );
    });
    telemetry.command("x").failure(&chain);
    let event = Event::new("event").property("error", json!({"why": [TEXT], "token": "hunter2"}));
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    drop(telemetry);
    assert_eq!(place.events().len(), 2);
    assert_eq!(place.own("command").len(), 1);
    assert!(!holds(&place.path(), "hunter2"), "{:#?}", place.values());
}

#[test]
fn counts_in_a_report_are_kept_whatever_their_names() {
    let place = TestPlace::new();
    let policy = Policy::new().property("*", Action::Redact);
    let telemetry = place.builder().policy(policy).try_open().unwrap();
    telemetry.error_counter("bad_password").add(1);
    telemetry.error_counter("bad_password").add(1);
    let _outcome = telemetry.report_now();
    drop(telemetry);
    let report = &place.own("report")[0];
    assert_eq!(
        report["properties"]["errors"]["bad_password"], 2,
        "{report}"
    );
}

#[test]
fn redaction_keeps_numbers_and_masks_secret_names() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let errors = json!({"bad_password": 2, "token": true, "secret": "hunter2", "pass": "x1y2z3"});
    let event = Event::new("event").property("errors", errors);
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    drop(telemetry);
    let redacted =
        json!({"bad_password": 2, "token": true, "secret": "[secret]", "pass": "[secret]"});
    assert_eq!(place.events()[0]["properties"]["errors"], redacted);
}

#[test]
fn an_error_kind_is_kept_and_its_message_redacted() {
    for (kind, message, expected) in [
        ("InvalidPassword", "nope", "InvalidPassword: nope"),
        ("auth::Token", "nope", "auth::Token: nope"),
        (
            "InvalidToken",
            "password=hunter2",
            "InvalidToken: password=[secret]",
        ),
        (
            "Config",
            "Invalid password: hunter2",
            "Config: Invalid password: [secret]",
        ),
        ("password", "hunter2", "password: [secret]"),
        ("Password", "hunter2", "Password: [secret]"),
        ("BadPassword", "", "BadPassword"),
    ] {
        let place = TestPlace::new();
        let telemetry = place.builder().try_open().unwrap();
        telemetry.command("x").failure_of(kind, &message);
        drop(telemetry);
        assert_eq!(place.own("command")[0]["properties"]["error"], expected);
        assert!(!holds(&place.path(), "hunter2"));
    }
}

#[test]
fn an_error_kind_counts_towards_the_limit_of_its_message() {
    let limits = localtel::Limits {
        string_bytes_max: 64,
        ..localtel::Limits::default()
    };
    for length in 30..64 {
        let place = TestPlace::new();
        let telemetry = place.builder().limits(limits.clone()).try_open().unwrap();
        let message = format!("{} password=hunter2 {}", "x".repeat(length), "y".repeat(64));
        telemetry.command("x").failure_of("InvalidToken", &message);
        drop(telemetry);
        let error = place.own("command")[0]["properties"]["error"].clone();
        let error = error.as_str().unwrap();
        assert!(error.starts_with("InvalidToken: xxx") && error.ends_with('…'));
        assert!(error.len() <= 64 + '…'.len_utf8(), "{error}");
        assert!(!holds(&place.path(), "hunter2") && !holds(&place.path(), "=h"));
    }
}

#[test]
fn any_word_of_a_name_can_mark_an_error_text() {
    let place = TestPlace::new();
    place.record(|| {
        info!(
            error_message = TEXT,
            err_msg = TEXT,
            error.text = TEXT,
            last_error = TEXT,
            errorDetails = TEXT,
            "x"
        );
    });
    assert!(!holds(&place.path(), "hunter2"), "{:#?}", place.events());
}

#[test]
fn a_secret_is_masked_wherever_the_limit_cuts_it() {
    let place = TestPlace::new();
    let limits = localtel::Limits {
        string_bytes_max: 64,
        ..localtel::Limits::default()
    };
    let records = place.record_with(place.builder().limits(limits), || {
        for before in 0..80 {
            let text = "é ".repeat(before / 3) + &"x".repeat(before % 3);
            info!(
                error = text,
                "{text} password=hunter2 {}",
                "y".repeat(before)
            );
            info!(error = %format!("{text} https://anna:hunter2@host/"), "x");
        }
    });
    assert_eq!(records.len(), 160);
    for part in ["hunter2", "hunte", "=h"] {
        assert!(!holds(&place.path(), part), "{part}");
    }
}

#[test]
fn long_texts_are_scanned_only_as_far_as_recorded() {
    let place = TestPlace::new();
    let started = Instant::now();
    place.record(|| {
        let secrets = "password=hunter2 ".repeat(10 * 1024 * 1024 / 17);
        let plain = "=:@/ ".repeat(2 * 1024 * 1024);
        for text in [&secrets, &plain] {
            info!(error = text.as_str(), "{text}");
        }
        info!(error = ?secrets);
    });
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    assert!(!holds(&place.path(), "hunter2"));
    let text = place.events()[0]["message"].as_str().unwrap().to_owned();
    assert!(text.starts_with("password=[secret] password=[secret] "));
    assert!(
        text.ends_with('…') && text.len() < 17 * 1024,
        "{}",
        text.len()
    );
}

#[test]
fn a_panicking_value_leaves_no_trace_under_any_action() {
    struct Bomb;
    impl fmt::Display for Bomb {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(TEXT)?;
            panic!("from a value")
        }
    }
    let place = TestPlace::new();
    let policy = Policy::new()
        .property("redacted", Action::Redact)
        .property("hashed", Action::Hash)
        .property("masked", Action::Mask)
        .property("dropped", Action::Drop);
    place.record_with(place.builder().policy(policy), || {
        let _span = error_span!("span", redacted = %Bomb, hashed = %Bomb).entered();
        info!(redacted = %Bomb, hashed = %Bomb, masked = %Bomb, dropped = %Bomb, after = 1, "{Bomb}");
        info!("next");
    });
    let events = place.events();
    assert_eq!(events.len(), 2);
    let properties = &events[0]["properties"];
    assert_eq!(properties["redacted"], "<formatting panicked>");
    assert!(
        properties["hashed"].as_str().unwrap().starts_with("p-"),
        "{properties}"
    );
    assert_eq!(properties["masked"], "[masked]");
    assert_eq!(
        (&properties["dropped"], &properties["after"]),
        (&Value::Null, &json!(1))
    );
    assert_eq!(events[0]["message"], "<formatting panicked>");
    assert!(!holds(&place.path(), "hunter2"));
}

#[test]
fn a_partly_scanned_secret_is_not_in_the_kept_text() {
    let place = TestPlace::new();
    place.record(|| {
        // A long token with a short mask, and half a secret at the end of the part that is scanned.
        let mut text = format!("Authorization: Bearer {} ", "a1B2".repeat(2000));
        while text.len() < 16 * 1024 + 4096 - 40 {
            text.push_str("x ");
        }
        text.truncate(16 * 1024 + 4096 - 40);
        text.push_str(" postgres://admin:hunter2isverysecretxxxxxxxxxxxxxxxxxx@db.example.com/x");
        info!("{text}");
    });
    let line = place.only_line();
    assert!(line.contains("[token]") && !line.contains("hunter2"));
}
