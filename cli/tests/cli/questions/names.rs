//! Questions with names that do not occur, and what scripts learn from exit codes.

use super::QuestionHome;
use crate::support::eventually;

/// 26: Did it happen at all?
#[test]
fn exit_codes_say_whether_there_was_one() {
    let home = QuestionHome::new();
    for (typed, code) in [
        ("localtel show -l error -n 1 --exit-status", 0),
        (
            "localtel --app billing-api show status=599 --exit-status",
            4,
        ),
        ("localtel --app billing-api show status=599", 0),
        ("localtel show 'status>'", 2),
        ("localtel show ./nothing.jsonl", 2),
        ("localtel doctor --all --full-at 100", 3),
    ] {
        let answer = home.ask(typed);
        assert_eq!(answer.code, code, "{typed}: {answer:?}");
    }
}

/// 32: Is a name mistyped?
#[test]
fn a_mistyped_name_is_named_with_the_nearest_one() {
    let home = QuestionHome::new();
    for (typed, expected) in [
        ("localtel --app biling-api show", "billing-api"),
        ("localtel --app biling-api doctor", "billing-api"),
        ("localtel show -e reqest.failed", "request.failed"),
        ("localtel show -t billing_api::htp", "billing_api::http"),
        ("localtel show tennant=acme", "`tenant`"),
        ("localtel show tenant=Acme", "tenant=acme"),
        ("localtel show comand=cloudctl-login", "`command`"),
        ("localtel show -l eror", "error"),
        (
            "localtel --app cloudctl show 'version>=1.11'",
            "values of `version`: 1.10.1, 1.9.3",
        ),
        (
            "localtel show --session zzz",
            "no session begins with `zzz`",
        ),
        ("localtel shwo", "show"),
    ] {
        let answer = home.ask(typed);
        let printed = format!("{}{}", answer.out, answer.err);
        assert!(printed.contains(expected), "{typed}: {printed}");
    }
}

/// 32: What can I type here?
#[test]
fn names_are_completed_from_what_is_recorded() {
    let home = QuestionHome::new();
    for (typed, expected) in [
        ("--app bil", "billing-api"),
        ("show -e request.", "request.failed"),
        (
            "--app ingest-worker show -t ingest_worker::b",
            "ingest_worker::batch",
        ),
        ("show duration_", "duration_ms="),
        ("show tenant=gl", "tenant=globex"),
        ("show -l err", "error"),
    ] {
        // Completion gives up after some milliseconds, and this build is slow.
        eventually(expected, || {
            let answer = home.ask(&format!("localtel __complete fish localtel {typed}"));
            let mut offered = answer.lines().into_iter();
            offered.any(|line| line.split('\t').next() == Some(expected))
        });
    }
}
