//! Properties with names of secrets, and arguments of commands: their texts are masked in every
//! field, unless the application or the owner keeps them by name.

use std::error::Error;
use std::fmt;
use std::process::Command;

use localtel::policy::Action;
use localtel::recording::Outcome;
use localtel::{Event, Policy};
use serde_json::{Value, json};
use tracing::{error, error_span, info, info_span};
use tracing_subscriber::prelude::*;

use crate::policy::{holds, owner};
use crate::support::TestPlace;

const SECRET: &str = "correct-horse";

#[derive(Debug)]
struct DisplayFailing;

impl fmt::Display for DisplayFailing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SECRET)
    }
}

impl Error for DisplayFailing {}

fn properties(place: &TestPlace) -> Value {
    place.events()[0]["properties"].clone()
}

#[test]
fn a_text_named_like_a_secret_is_masked_by_default() {
    let place = TestPlace::new();
    place.record(|| {
        let span = info_span!(
            "request",
            token = SECRET,
            later.password = tracing::field::Empty
        );
        span.record("later.password", SECRET);
        let _entered = span.enter();
        let bytes: &[u8] = SECRET.as_bytes();
        info!(
            password = SECRET,
            db_passwd = %SECRET,
            apiKey = ?SECRET,
            "http.request.header.authorization" = SECRET,
            "set-cookie" = ?vec![SECRET],
            client_secret = bytes,
            credentials = &DisplayFailing as &(dyn Error + 'static),
            access_token = u128::MAX,
            private_key = ?Some(SECRET),
            "signed in"
        );
    });
    assert!(!holds(&place.path(), SECRET), "{:#?}", place.events());
    assert!(!holds(&place.path(), "636f7272656374"), "in hexadecimal");
    let properties = properties(&place);
    assert_eq!(properties.as_object().unwrap().len(), 9);
    for (name, value) in properties.as_object().unwrap() {
        assert_eq!(value, "[masked]", "{name}");
    }
    let span = &place.events()[0]["spans"][0]["properties"];
    assert_eq!(
        span,
        &json!({"token": "[masked]", "later.password": "[masked]"})
    );
}

#[test]
fn numbers_booleans_and_names_about_secrets_stay() {
    let place = TestPlace::new();
    place.record(|| {
        info!(
            password = true,
            token = 5,
            token_count = "7",
            max_tokens = ?Some(4096),
            secret_name = "db/main",
            password_changed_at = "2026-11-01",
            cookie_consent = "necessary",
            author = "anna",
            secretary = "bob",
            "x"
        );
    });
    let expected = json!({
        "password": true, "token": 5, "token_count": "7", "max_tokens": "Some(4096)",
        "secret_name": "db/main", "password_changed_at": "2026-11-01",
        "cookie_consent": "necessary", "author": "anna", "secretary": "bob"
    });
    assert_eq!(properties(&place), expected);
}

#[test]
fn nested_values_are_masked_by_their_path() {
    let place = TestPlace::new();
    let telemetry = place.builder().try_open().unwrap();
    let event = Event::new("event")
        .property("password", SECRET)
        .property(
            "tokens",
            json!({"prompt": 12, "answer": SECRET, "list": [SECRET, 5]}),
        )
        .property(
            "login",
            json!({"user": "anna", "password": SECRET, "deep": [{"api": {"key": SECRET}}]}),
        )
        .property(
            "token",
            json!({"type": "Bearer", "value": SECRET, "is_valid": true}),
        );
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    drop(telemetry);
    assert!(!holds(&place.path(), SECRET), "{:#?}", place.events());
    let masked = "[masked]";
    let expected = json!({
        "password": masked,
        "tokens": {"prompt": 12, "answer": masked, "list": [masked, 5]},
        "login": {"user": "anna", "password": masked, "deep": [{"api": {"key": masked}}]},
        "token": {"type": "Bearer", "value": masked, "is_valid": true},
    });
    assert_eq!(properties(&place), expected);
}

#[test]
fn a_rule_can_keep_a_secret_by_its_name() {
    let record = |application: Policy, of_owner: &str| {
        let place = TestPlace::new();
        if !of_owner.is_empty() {
            owner(&place, of_owner);
        }
        let telemetry = place.builder().policy(application).try_open().unwrap();
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        tracing::subscriber::with_default(subscriber, || {
            let _span = info_span!("span", token = "t").entered();
            info!(token = "t", password = "p");
        });
        let event = Event::new("event").property("x", json!({"token": "t"}));
        assert_eq!(telemetry.record(&event), Outcome::Recorded);
        drop(telemetry);
        place.events()
    };
    let kept = json!({"token": "t", "password": "[masked]"});
    let masked = json!({"token": "[masked]", "password": "[masked]"});
    let by_name = || {
        Policy::new()
            .property("token", Action::Keep)
            .property("x.token", Action::Keep)
    };
    for (application, of_owner, expected) in [
        (by_name(), "", &kept),
        (
            Policy::new(),
            "[properties]\ntoken = \"keep\"\n\"x.token\" = \"keep\"",
            &kept,
        ),
        (Policy::new().property("tok*", Action::Keep), "", &masked),
        (Policy::new().property("*", Action::Keep), "", &masked),
        (Policy::new().keep_secrets(), "", &masked),
        (
            by_name(),
            "[properties]\ntoken = \"mask\"\n\"x.*\" = \"mask\"",
            &masked,
        ),
        (by_name(), "secrets = \"mask\"", &masked),
    ] {
        let events = record(application, of_owner);
        assert_eq!(&events[0]["properties"], expected, "{of_owner}");
        let token = &expected["token"];
        assert_eq!(
            &events[0]["spans"][0]["properties"]["token"], token,
            "{of_owner}"
        );
        assert_eq!(&events[1]["properties"]["x"]["token"], token, "{of_owner}");
    }
}

#[test]
fn arguments_are_recorded_without_the_secrets_in_them() {
    let place = TestPlace::new();
    let line =
        "mysql -u anna -pcorrect-horse --password correct-horse --token=correct-horse -P 3306 db";
    let telemetry = place.builder().try_open().unwrap();
    let subscriber = tracing_subscriber::registry().with(telemetry.layer());
    tracing::subscriber::with_default(subscriber, || {
        let list: Vec<&str> = line.split(' ').collect();
        let mut command = Command::new("mysql");
        command.args(&list[1..]);
        let _span = error_span!("run", argv = ?list).entered();
        error!(
            args = line,
            command_line = %line,
            commandLine = ?line,
            process.command_args = ?list,
            cmd = ?command,
            "x"
        );
    });
    let list: Vec<&str> = line.split(' ').collect();
    let event = Event::new("event")
        .property("args", json!(list))
        .property("process", json!({"argv": list, "cmdline": line}));
    assert_eq!(telemetry.record(&event), Outcome::Recorded);
    drop(telemetry);
    assert!(!holds(&place.path(), SECRET), "{:#?}", place.events());
    let expected = "mysql -u anna -p[secret] --password [secret] --token=[secret] -P 3306 db";
    assert_eq!(properties(&place)["args"], expected);
    let expected: Vec<&str> = expected.split(' ').collect();
    let event = &place.events()[1]["properties"];
    assert_eq!(event["args"], json!(expected));
    assert_eq!(event["process"]["argv"], json!(expected));
}

#[test]
fn arguments_can_be_kept_and_plain_ones_stay() {
    let place = TestPlace::new();
    let policy = Policy::new().property("argv", Action::Keep);
    place.record_with(place.builder().policy(policy), || {
        info!(
            argv = "--password x",
            args = "build -p localtel -path . -p 8080 --port 80"
        );
    });
    let expected = json!({
        "argv": "--password x", "args": "build -p localtel -path . -p 8080 --port 80"
    });
    assert_eq!(properties(&place), expected);
}
