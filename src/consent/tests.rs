//! Tables of the decisions of sources and of the result.

use proptest::prelude::*;

use super::*;

const ENABLED: StoredConsent = StoredConsent::Known(Choice::of(Consent::Enabled));
const DISABLED: StoredConsent = StoredConsent::Known(Choice::of(Consent::Disabled));
const OPEN: StoredConsent = StoredConsent::Known(Choice::of(Consent::Undecided));

/// One line of the table; a source that is not named has no decision.
struct DecisionCase {
    executable: &'static str,
    do_not_track: Option<&'static str>,
    flag: Consent,
    variable: Option<&'static str>,
    stored: StoredConsent,
    stored_for_all: StoredConsent,
    when_undecided: WhenUndecided,
}

impl Default for DecisionCase {
    fn default() -> Self {
        Self {
            executable: "myapp",
            do_not_track: None,
            flag: Consent::Undecided,
            variable: None,
            stored: StoredConsent::Missing,
            stored_for_all: StoredConsent::Missing,
            when_undecided: WhenUndecided::Refuse,
        }
    }
}

impl DecisionCase {
    fn decide(&self) -> Decision {
        let variable = self.variable.map(|value| Variable {
            name: "MYAPP_TELEMETRY".to_owned(),
            value: value.to_owned(),
        });
        decide(
            &Inputs {
                executables: &[self.executable.to_owned()],
                do_not_track: self.do_not_track,
                flag: self.flag,
                variable: variable.as_ref(),
                stored: &self.stored,
                stored_for_all: &self.stored_for_all,
                when_undecided: self.when_undecided,
                policy_problem: None,
                directory_problem: None,
            },
            OffsetDateTime::UNIX_EPOCH,
        )
    }
}

fn damaged() -> StoredConsent {
    StoredConsent::Damaged {
        reason: "it ends in the middle".to_owned(),
    }
}

fn newer() -> StoredConsent {
    StoredConsent::Newer {
        file: crate::store::segment::FileName::Consent,
        format: 2,
    }
}

macro_rules! case {
    ($($field:ident: $value:expr),* $(,)?) => {
        DecisionCase { $($field: $value,)* ..DecisionCase::default() }
    };
}

#[test]
fn words_are_trimmed_and_ignore_case() {
    let words = [
        (
            "1 t true y yes on enable enabled optin opt-in allow local basic",
            Consent::Enabled,
        ),
        (
            "0 f false n no off disable disabled optout opt-out disallow forbid",
            Consent::Disabled,
        ),
        ("undecided", Consent::Undecided),
    ];
    for (list, expected) in words {
        for word in list.split(' ') {
            for spelled in [word.to_owned(), word.to_uppercase(), format!(" \t{word}\n")] {
                assert_eq!(spelled.parse::<Consent>().unwrap(), expected, "{spelled:?}");
            }
        }
    }
    assert_eq!("  ".parse::<Consent>().unwrap(), Consent::Undecided);
}

#[test]
fn any_other_word_is_refused_with_the_list() {
    for word in [
        "maybe", "2", "-1", "enable d", "ok", "oui", "nul", "tru", "truee",
    ] {
        let message = word.parse::<Consent>().unwrap_err().to_string();
        assert!(message.contains(&format!("`{word}`")), "{message}");
        for known in ENABLED_WORDS.iter().chain(DISABLED_WORDS) {
            assert!(message.contains(known), "{message}");
        }
    }
}

#[test]
fn a_state_is_shown_by_a_word_that_parses_back_to_it() {
    for state in [Consent::Undecided, Consent::Enabled, Consent::Disabled] {
        assert_eq!(state.to_string().parse::<Consent>().unwrap(), state);
    }
}

#[test]
fn undecided_records_only_if_the_application_chose_so() {
    let refused = case!().decide();
    assert_eq!(refused.state, Consent::Undecided);
    assert_eq!(refused.decided_by, DecidedBy::Default);
    assert!(!refused.is_recording && !refused.is_locked);
    let recorded = case!(when_undecided: WhenUndecided::Record).decide();
    assert_eq!(recorded.state, Consent::Undecided);
    assert!(recorded.is_recording);
}

#[test]
fn the_strongest_source_with_a_decision_applies() {
    use Consent::{Disabled, Enabled, Undecided};
    #[rustfmt::skip]
    let table = vec![
        (case!(stored: ENABLED), Enabled, "choice"),
        (case!(stored: DISABLED), Disabled, "choice"),
        (case!(stored: OPEN), Undecided, "default"),
        (case!(stored_for_all: ENABLED), Enabled, "choice_for_all"),
        (case!(stored_for_all: DISABLED), Disabled, "choice_for_all"),
        (case!(stored: OPEN, stored_for_all: ENABLED), Enabled, "choice_for_all"),
        (case!(stored: DISABLED, stored_for_all: ENABLED), Disabled, "choice"),
        (case!(stored: ENABLED, stored_for_all: DISABLED), Enabled, "choice"),
        (case!(stored: DISABLED, when_undecided: WhenUndecided::Record), Disabled, "choice"),
        (case!(variable: Some("on"), stored: DISABLED), Enabled, "variable"),
        (case!(variable: Some(" FORBID "), stored: ENABLED), Disabled, "variable"),
        (case!(variable: Some(""), stored: ENABLED), Enabled, "choice"),
        (case!(variable: Some("undecided"), stored: ENABLED), Enabled, "choice"),
        (case!(variable: Some("undecided")), Undecided, "default"),
        (case!(flag: Enabled, variable: Some("off")), Enabled, "flag"),
        (case!(flag: Disabled, variable: Some("on"), stored: ENABLED), Disabled, "flag"),
        (case!(flag: Enabled, stored: DISABLED), Enabled, "flag"),
        (case!(do_not_track: Some("1"), flag: Enabled), Disabled, "do_not_track"),
        (case!(do_not_track: Some("1"), stored: ENABLED), Disabled, "do_not_track"),
        (case!(do_not_track: Some("1"), variable: Some("on")), Disabled, "do_not_track"),
        (case!(do_not_track: Some("1"), when_undecided: WhenUndecided::Record), Disabled, "do_not_track"),
        (case!(do_not_track: Some("0"), stored: ENABLED), Enabled, "choice"),
        (case!(do_not_track: Some("0")), Undecided, "default"),
        (case!(executable: "myapp-DoNotTrack.exe", flag: Enabled), Disabled, "executable"),
        (case!(executable: "donottrack", stored: ENABLED), Disabled, "executable"),
        (case!(executable: "DONOTTRACK", do_not_track: Some("1")), Disabled, "executable"),
        (case!(executable: "donottrack", do_not_track: Some("0")), Disabled, "executable"),
        (case!(executable: "do-not-track", stored: ENABLED), Enabled, "choice"),
        (case!(variable: Some("maybe"), stored: ENABLED), Disabled, "variable"),
        (case!(flag: Enabled, variable: Some("maybe")), Enabled, "flag"),
        (case!(stored: damaged()), Disabled, "choice"),
        (case!(stored: damaged(), stored_for_all: ENABLED), Disabled, "choice"),
        (case!(stored: damaged(), when_undecided: WhenUndecided::Record), Disabled, "choice"),
        (case!(stored: damaged(), variable: Some("on")), Enabled, "variable"),
        (case!(stored: newer()), Disabled, "choice"),
        (case!(stored_for_all: damaged()), Disabled, "choice_for_all"),
    ];
    for (number, (case, state, kind)) in table.iter().enumerate() {
        let decision = case.decide();
        assert_eq!(decision.state, *state, "case {number}: {decision:?}");
        assert_eq!(decision.decided_by.kind(), *kind, "case {number}");
        if decision.state != Undecided {
            assert_eq!(decision.is_recording, *state == Enabled, "case {number}");
        }
    }
}

#[test]
fn do_not_track_applies_unless_it_is_a_plain_no() {
    for value in [
        "1",
        "true",
        "TRUE",
        "yes",
        "on",
        "2",
        "maybe",
        "nope",
        "undecided",
        "disable",
    ] {
        let decision = case!(do_not_track: Some(value), stored: ENABLED).decide();
        assert_eq!(decision.state, Consent::Disabled, "{value:?}");
        assert!(decision.is_locked, "{value:?}");
    }
    for value in [
        "", " ", "0", "f", "F", "false", "False", "n", "no", "NO", "off", " off ",
    ] {
        let decision = case!(do_not_track: Some(value), stored: ENABLED).decide();
        assert_eq!(decision.state, Consent::Enabled, "{value:?}");
        assert!(!decision.is_locked, "{value:?}");
    }
}

#[test]
fn only_sources_that_disagree_are_listed() {
    let decision = case!(
        do_not_track: Some("1"),
        flag: Consent::Enabled,
        variable: Some("off"),
        stored: ENABLED,
    )
    .decide();
    let kinds: Vec<_> = decision
        .overruled
        .iter()
        .map(|overruled| (overruled.by.kind(), overruled.wanted))
        .collect();
    assert_eq!(
        kinds,
        [("flag", Consent::Enabled), ("choice", Consent::Enabled)]
    );
}

#[test]
fn invalid_input_is_reported_also_when_overruled() {
    let decision = case!(
        do_not_track: Some("1"),
        variable: Some("maybe"),
        stored: damaged(),
    )
    .decide();
    assert_eq!(decision.problems.len(), 2, "{decision:?}");
    assert!(decision.problems[0].starts_with("MYAPP_TELEMETRY: "));
    assert!(decision.problems[1].contains("it ends in the middle"));
}

#[test]
fn the_reason_names_the_source_and_cannot_move_the_cursor() {
    let decision = case!(do_not_track: Some("\u{1b}[2J")).decide();
    let reason = decision.reason();
    assert!(reason.contains("DO_NOT_TRACK="), "{reason}");
    assert!(!reason.contains('\u{1b}'), "{reason}");
}

#[test]
fn the_reason_names_invalid_values() {
    let reason = case!(stored: damaged()).decide().reason();
    assert_eq!(
        reason,
        "disabled by the stored choice; it ends in the middle; this counts as disabled"
    );
}

fn any_stored() -> impl Strategy<Value = StoredConsent> {
    prop_oneof![
        Just(StoredConsent::Missing),
        Just(ENABLED),
        Just(DISABLED),
        Just(OPEN),
        Just(damaged()),
    ]
}

fn any_consent() -> impl Strategy<Value = Consent> {
    prop_oneof![
        Just(Consent::Undecided),
        Just(Consent::Enabled),
        Just(Consent::Disabled)
    ]
}

proptest! {
    // Whatever other sources decide, an opt-out of the machine's owner applies.
    #[test]
    fn nothing_overrides_do_not_track(
        flag in any_consent(),
        stored in any_stored(),
        stored_for_all in any_stored(),
    ) {
        let decision = case!(
            do_not_track: Some("1"),
            flag: flag,
            variable: Some("on"),
            stored: stored,
            stored_for_all: stored_for_all,
            when_undecided: WhenUndecided::Record,
        )
        .decide();
        prop_assert!(!decision.is_recording && decision.is_locked);
    }

    // Recording always follows from a source that enabled it.
    #[test]
    fn nothing_is_recorded_unless_a_source_enabled_it(
        flag in any_consent(),
        value in "[a-z0-9 -]{0,8}",
        stored in any_stored(),
    ) {
        let is_enabled = flag == Consent::Enabled
            || value.parse::<Consent>().is_ok_and(|consent| consent == Consent::Enabled)
            || stored == ENABLED;
        let variable = Variable { name: "X_TELEMETRY".to_owned(), value };
        let decision = decide(&Inputs {
            executables: &[],
            do_not_track: None,
            flag,
            variable: Some(&variable),
            stored: &stored,
            stored_for_all: &StoredConsent::Missing,
            when_undecided: WhenUndecided::Refuse,
            policy_problem: None,
            directory_problem: None,
        }, OffsetDateTime::UNIX_EPOCH);
        prop_assert!(!decision.is_recording || is_enabled);
    }
}
