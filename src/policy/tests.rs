//! The decisions of policies, alone and combined, and the parsing of the owner's file.

use proptest::prelude::*;

use super::owner::{Owner, OwnerFile};
use super::*;
use crate::store::disk::{Access, Directory};

fn event(policy: &Policy, level: Level, target: &str, name: Option<&str>) -> bool {
    policy.admits_event(level, target, name)
}

fn owner(text: &str) -> Owner {
    match OwnerFile::parse(text.as_bytes()) {
        OwnerFile::Owner(owner) => owner,
        OwnerFile::Missing => panic!("a text is not a missing file"),
        OwnerFile::Damaged { reason } | OwnerFile::Unreadable { reason } => {
            panic!("{reason}: {text}")
        }
    }
}

fn problem(text: &[u8]) -> String {
    match OwnerFile::parse(text) {
        OwnerFile::Damaged { reason } => reason,
        other @ (OwnerFile::Missing | OwnerFile::Owner(_) | OwnerFile::Unreadable { .. }) => {
            panic!("{other:?}")
        }
    }
}

fn in_force(application: Policy, owner: Option<Policy>) -> InForce {
    InForce::new(application, owner, Secrets::new(None, None))
}

#[test]
fn the_exact_name_wins_then_the_longest_prefix() {
    let policy = Policy::new()
        .property("http.url", Action::Hash)
        .property("http.*", Action::Drop)
        .property("http.u*", Action::Mask)
        .property("*", Action::Redact);
    for (name, expected) in [
        ("http.url", Action::Hash),
        ("http.url.x", Action::Mask),
        ("http.u", Action::Mask),
        ("http.method", Action::Drop),
        ("http", Action::Redact),
        ("", Action::Redact),
    ] {
        assert_eq!(policy.action(name), expected, "{name}");
    }
}

#[test]
fn rules_by_name_ignore_ascii_case() {
    let policy = Policy::new()
        .property("authorization", Action::Drop)
        .property("Http.Header.*", Action::Mask)
        .property("*.X-Api-Key", Action::Drop)
        .deny_event("Heart*")
        .deny_target("MyApp::sql");
    for (name, expected) in [
        ("Authorization", Action::Drop),
        ("AUTHORIZATION", Action::Drop),
        ("http.header.accept", Action::Mask),
        ("x-api-key", Action::Drop),
        ("HTTP.X-API-KEY", Action::Drop),
        ("authorizatio\u{274}", Action::Keep),
    ] {
        assert_eq!(policy.action(name), expected, "{name}");
    }
    assert!(!event(&policy, Level::Info, "x", Some("heartbeat")));
    assert!(!event(&policy, Level::Info, "myapp::SQL::pool", None));
    assert!(event(&policy, Level::Info, "myapp::sqlite", None));
    let replaced = policy.property("AUTHORIZATION", Action::Keep);
    assert_eq!(replaced.action("authorization"), Action::Keep);
}

#[test]
fn names_that_differ_in_case_get_the_stricter_rule() {
    let text = "[properties]\nUser = \"drop\"\nuser = \"keep\"\nUSER = \"mask\"";
    assert_eq!(owner(text).policy.action("user"), Action::Drop);
    let text = "[events]\nX = \"keep\"\nx = \"drop\"\n[targets]\nA = \"drop\"\na = \"keep\"";
    let policy = owner(text).policy;
    assert!(!event(&policy, Level::Info, "b", Some("x")));
    assert!(!event(&policy, Level::Info, "a", None));
}

#[test]
fn a_rule_may_name_a_property_at_any_depth() {
    let policy = Policy::new()
        .property("*.token", Action::Drop)
        .property("*.card*", Action::Mask)
        .property("http.*", Action::Redact)
        .property("http.keep.token", Action::Keep);
    for (name, expected) in [
        ("token", Action::Drop),
        ("a.token", Action::Drop),
        ("a.b.Token", Action::Drop),
        ("http.token", Action::Drop),
        ("http.keep.token", Action::Keep),
        ("http.url", Action::Redact),
        ("a_token", Action::Keep),
        ("token.a", Action::Keep),
        ("tokens", Action::Keep),
        ("card", Action::Mask),
        ("pay.cardNumber", Action::Mask),
        ("discard", Action::Keep),
    ] {
        assert_eq!(policy.action(name), expected, "{name}");
    }
    assert!(policy.names_members_of("anything"));
    let member = |path| policy.member_action("a", path);
    assert_eq!(member("a.token"), Some(Action::Drop));
    assert_eq!(member("a.b"), None);
    for name in ["*.", "*.a*b", "a.*.b", "**"] {
        let text = format!("[properties]\n\"{name}\" = \"drop\"");
        assert!(!problem(text.as_bytes()).is_empty(), "{name}");
    }
}

#[test]
fn a_target_covers_its_submodules_and_no_neighbours() {
    let policy = Policy::new().deny_target("app::sql");
    for (target, expected) in [
        ("app::sql", false),
        ("app::sql::pool", false),
        ("app::sqlite", true),
        ("app", true),
        ("app::sql:pool", true),
        ("", true),
    ] {
        assert_eq!(
            event(&policy, Level::Info, target, None),
            expected,
            "{target}"
        );
        assert_eq!(
            policy.admits_span(Level::Info, target),
            expected,
            "{target}"
        );
    }
}

#[test]
fn the_longest_matching_target_wins() {
    let policy = Policy::new()
        .allow_target("app")
        .deny_target("app::sec*")
        .allow_target("app::secret_free")
        .allow_target("lib*")
        .deny_target("lib");
    for (target, expected) in [
        ("app", true),
        ("app::other", true),
        ("app::secrets", false),
        ("app::secrets::deep", false),
        ("app::secret_free", true),
        ("app::secret_free::deep", true),
        ("lib", false),
        ("lib::deep", false),
        ("library", true),
    ] {
        assert_eq!(
            event(&policy, Level::Info, target, None),
            expected,
            "{target}"
        );
    }
}

#[test]
fn an_allow_list_keeps_only_what_a_rule_keeps() {
    let policy = Policy::allow_list()
        .allow_event("command")
        .allow_target("app::api")
        .deny_target("app::sql")
        .property("duration", Action::Keep);
    for (target, name, expected) in [
        ("app", Some("command"), true),
        ("app", Some("other"), false),
        ("app", None, false),
        ("app::api", None, true),
        ("app::api::v1", Some("other"), true),
        ("app::sql", Some("command"), false),
    ] {
        assert_eq!(
            event(&policy, Level::Info, target, name),
            expected,
            "{target} {name:?}"
        );
    }
    assert!(
        policy.admits_span(Level::Info, "app"),
        "a span has no event's name"
    );
    assert!(!policy.admits_span(Level::Info, "app::sql"));
    assert_eq!(policy.action("duration"), Action::Keep);
    assert_eq!(policy.action("message"), Action::Drop);
    assert_eq!(policy.action("error"), Action::Drop);
}

#[test]
fn a_level_excludes_lower_levels() {
    let policy = Policy::new().level(Level::Warn);
    for (level, expected) in [
        (Level::Trace, false),
        (Level::Debug, false),
        (Level::Info, false),
        (Level::Warn, true),
        (Level::Error, true),
    ] {
        assert_eq!(event(&policy, level, "app", None), expected, "{level}");
        assert_eq!(policy.admits_span(level, "app"), expected, "{level}");
    }
    let both = in_force(policy, Some(Policy::new().level(Level::Error)));
    assert!(!both.admits_event(Level::Warn, "app", None));
    assert!(both.admits_event(Level::Error, "app", None));
}

#[test]
fn secrets_are_masked_in_properties_named_like_texts() {
    let policy = Policy::new();
    for name in names::TEXT_WORDS {
        assert_eq!(policy.action(name), Action::Redact, "{name}");
        let dotted = format!("exception.{name}");
        assert_eq!(policy.action(&dotted), Action::Redact, "{dotted}");
        let keeping = Policy::new().keep_secrets();
        assert_eq!(keeping.action(name), Action::Keep, "{name}");
        let stricter = Policy::new().property(name, Action::Mask);
        assert_eq!(stricter.action(name), Action::Mask, "{name}");
        let milder = Policy::new().property(name, Action::Keep);
        assert_eq!(
            milder.action(name),
            Action::Redact,
            "only keep_secrets keeps them"
        );
    }
    for name in [
        "error_message",
        "err_msg",
        "error.text",
        "last_error",
        "last-error",
        "errorDetails",
        "lastError",
        "HTTPError",
        "Message",
        "ERROR",
        "error.code",
    ] {
        assert_eq!(policy.action(name), Action::Redact, "{name}");
    }
    for name in [
        "", "user", "messages", "terror", "detailed", "errno", "merry", "because", "HERR", "ä.é",
    ] {
        assert_eq!(policy.action(name), Action::Keep, "{name}");
    }
}

#[test]
fn redaction_masks_values_named_like_secrets_whole() {
    let all = in_force(Policy::new().property("*", Action::Redact), None);
    for (name, expected) in [
        ("password", Action::Mask),
        ("db.password", Action::Mask),
        ("api_key", Action::Mask),
        ("access_token", Action::Mask),
        ("tokens", Action::Mask),
        ("path", Action::Redact),
        ("message", Action::Redact),
        ("auth_method", Action::Redact),
    ] {
        assert_eq!(all.verdict(name).text, expected, "{name}");
    }
    assert_eq!(all.verdict("password").bare, Action::Mask);
    assert_eq!(
        all.verdict("tokens").bare,
        Action::Redact,
        "they are counted"
    );
}

#[test]
fn texts_named_like_secrets_are_masked_unless_kept() {
    let keep = |name: &str| Policy::new().property(name, Action::Keep);
    let unruled = in_force(Policy::new(), None);
    assert_eq!(unruled.verdict("password").bare, Action::Keep);
    for (name, rule, expected) in [
        ("password", "user", Action::Mask),
        ("password", "password", Action::Keep),
        ("password", "*", Action::Mask),
        ("password", "p*", Action::Mask),
        ("password", "pass*", Action::Keep),
        ("password", "password*", Action::Keep),
        ("http.token", "http.*", Action::Mask),
        ("http.token", "http.tok*", Action::Mask),
        ("http.token", "http.token", Action::Keep),
        ("token_count", "user", Action::Keep),
        ("args", "user", Action::Redact),
        ("args", "args", Action::Keep),
        ("args", "*", Action::Redact),
    ] {
        for both in [
            in_force(keep(rule), None),
            in_force(Policy::new(), Some(keep(rule).keep_secrets())),
        ] {
            assert_eq!(both.verdict(name).text, expected, "{name} {rule}");
        }
        let owner_masks = in_force(keep(rule), Some(Policy::new()));
        assert_eq!(
            owner_masks.verdict(name).text,
            unruled.verdict(name).text,
            "{name} {rule}"
        );
        let stricter = Policy::new().property(name, Action::Drop);
        assert!(in_force(keep(rule), Some(stricter)).verdict(name).is_drop());
    }
    let keeping = in_force(Policy::new().keep_secrets(), None);
    assert_eq!(keeping.verdict("password").text, Action::Mask);
    assert_eq!(keeping.verdict("args").text, Action::Keep);
}

#[test]
fn every_key_of_the_file_takes_effect() {
    let text = r#"
        level = "WARNING"
        unnamed = "drop"
        secrets = "mask"
        targets = { "app::api" = "keep", sql = "drop" }
        [events]
        command = "keep"
        "heart*" = "drop"
        [properties]
        a = "keep"
        b = "redact"
        c = "hash"
        d = "mask"
        "e.f" = "drop"
        [metadata]
        cloud = "aws"
        team = { include = false }
    "#;
    let expected = Policy::allow_list()
        .level(Level::Warn)
        .allow_target("app::api")
        .deny_target("sql")
        .allow_event("command")
        .deny_event("heart*")
        .property("a", Action::Keep)
        .property("b", Action::Redact)
        .property("c", Action::Hash)
        .property("d", Action::Mask)
        .property("e.f", Action::Drop);
    let owner = owner(text);
    let sorted = |mut policy: Policy| {
        policy.targets.sort_by(|one, other| one.0.cmp(&other.0));
        policy.events.sort_by(|one, other| one.0.cmp(&other.0));
        policy.properties.sort_by(|one, other| one.0.cmp(&other.0));
        policy
    };
    assert_eq!(sorted(owner.policy), sorted(expected));
    assert_eq!(owner.metadata.len(), 2);
}

#[test]
fn the_documented_policy_is_valid() {
    let document = include_str!("../../docs/policy.md");
    let mut blocks = document.split("```toml\n").skip(1);
    let block = blocks.find(|block| block.contains("[properties]")).unwrap();
    let (text, _) = block.split_once("```").unwrap();
    let policy = owner(text).policy;
    assert_eq!(policy.action("user"), Action::Hash);
    assert_eq!(policy.action("http.url"), Action::Drop);
    assert!(!event(&policy, Level::Info, "myapp::sql", None));
    // The lines that are commented out are valid, too.
    let all = owner(
        &text
            .replace("# unnamed", "unnamed")
            .replace("# secrets", "secrets"),
    );
    assert_eq!(all.policy.action("other"), Action::Drop);
}

#[test]
fn a_file_without_rules_restricts_nothing() {
    for text in [
        "",
        "# nothing\n",
        "unnamed = \"keep\"\nsecrets = \"keep\"\nlevel = \"trace\"",
        "[targets]\n[events]\n[properties]\n[metadata]",
    ] {
        assert_eq!(owner(text).policy, Policy::new().keep_secrets(), "{text}");
    }
}

#[test]
fn mistakes_are_reported_with_line_and_reason() {
    for (text, line, reason) in [
        ("level = \"loud\"", 1, "`loud` is not one of trace"),
        ("\nlevel = 5", 2, "expected a string"),
        (
            "unnamed = \"mask\"",
            1,
            "unnamed: `mask` is neither keep nor drop",
        ),
        (
            "\n\nsecrets = \"drop\"",
            3,
            "secrets: `drop` is neither mask nor keep",
        ),
        ("[targets]\na = \"mask\"", 2, "targets: a: "),
        ("[events]\na = \"clean\"", 2, "events: a: "),
        (
            "[properties]\n# x\nuser = \"hide\"",
            3,
            "`hide` is not one of keep, redact",
        ),
        ("[properties]\nuser = \"Drop\"", 2, "`Drop` is not one of"),
        ("[properties]\nuser = true", 2, "expected a string"),
        ("[properties]\nhttp.url = \"drop\"", 2, "expected a string"),
        ("[properties]\n\"\" = \"drop\"", 2, "a rule has no name"),
        (
            "[properties]\n\"a*b\" = \"drop\"",
            2,
            "in `a*b` a `*` is only allowed at the end, or as `*.` at the beginning",
        ),
        (
            "[propertys]\nuser = \"drop\"",
            1,
            "unknown field `propertys`",
        ),
        (
            "[properties]\nuser = \"drop\"\nuser = \"keep\"",
            3,
            "duplicate",
        ),
        ("properties = 5", 1, "properties: expected a table"),
        ("[[targets]]\na = \"drop\"", 1, "targets: expected a table"),
        (
            "[metadata]\ncloud = 5",
            2,
            "metadata: cloud: expected `key = ",
        ),
        (
            "[metadata.cloud]\nvalue = 5",
            2,
            "metadata: cloud: value: expected a string",
        ),
        (
            "[metadata]\ncloud = { included = true }",
            2,
            "unknown field `included`, expected one of `value`, `include`",
        ),
        ("level = ", 1, ""),
        ("\n[[[", 2, ""),
    ] {
        let message = problem(text.as_bytes());
        let beginning = format!("policy.toml is invalid: line {line}: ");
        assert!(message.starts_with(&beginning), "{text:?}: {message}");
        assert!(message.contains(reason), "{text:?}: {message}");
    }
    assert!(problem(b"\xff").contains("not valid UTF-8"));
}

#[test]
fn all_mistakes_are_listed_once_in_order_of_lines() {
    let text = "\
unnamed = \"mask\"
level = \"loud\"
levels = \"info\"
[properties]
user = \"hide\"
\"a*b\" = \"mist\"
path = \"drop\"
age = 5
[metadata]
cloud = { value = 1, include = \"yes\", name = 1 }
[events]
a = \"clean\"
";
    let message = problem(text.as_bytes());
    let message = message.strip_prefix("policy.toml is invalid: ").unwrap();
    let beginnings = [
        "line 1: unnamed: `mask` ",
        "line 2: level: `loud` ",
        "line 3: unknown field `levels`",
        "line 5: properties: user: action: `hide` ",
        "line 6: properties: in `a*b` ",
        "line 6: properties: a*b: action: `mist` ",
        "line 8: properties: age: expected a string",
        "line 10: metadata: cloud: value: expected a string",
        "line 10: metadata: cloud: include: expected true or false",
        "line 10: metadata: cloud: unknown field `name`",
    ];
    let parts: Vec<&str> = message.split("; ").collect();
    assert_eq!(parts.len(), beginnings.len() + 1, "{message}");
    for (part, beginning) in parts.iter().zip(beginnings) {
        assert!(part.starts_with(beginning), "{part}");
    }
    assert_eq!(parts.last(), Some(&"and 1 more mistake"));
    assert_eq!(
        problem(b"level = \n[properties]\nuser = \"hide\"\nb")
            .matches("line ")
            .count(),
        1
    );
}

#[test]
fn actions_of_older_versions_are_still_read() {
    let old = "[properties]\nuser = \"pseudonym\"\npath = \"clean\"\n";
    let new = "[properties]\nuser = \"hash\"\npath = \"redact\"\n";
    assert_eq!(owner(old), owner(new));
    assert_eq!(owner(old).policy.action("user"), Action::Hash);
    assert_eq!(owner(old).policy.action("path"), Action::Redact);
}

#[test]
fn policy_errors_are_escaped_and_cut() {
    let hostile = "\u{1b}]0;x\u{7}\n\u{202e}\u{9b}31m\u{85}\u{200b}\u{2028}";
    let quoted = "\\u001B]0;x\\u0007\\n\\u202e\\u009b31m\\u0085\\u200b\\u2028";
    let long = "x".repeat(200 * 1024);
    for text in [
        format!("[properties]\n\"{quoted}\" = \"hide\""),
        format!("[properties]\nuser = \"{quoted}\""),
        format!("\"{quoted}\" = 1"),
        format!("level = \"{quoted}\""),
        format!("level = {hostile}"),
        format!("[properties]\n\"{long}*{long}\" = \"drop\""),
        format!("level = \"{long}\""),
        format!("[{long}]"),
    ] {
        let message = problem(text.as_bytes());
        assert!(
            !message.chars().any(crate::text::is_unsafe_to_show),
            "{message:?}"
        );
        assert!(message.len() < 2000, "{}", message.len());
    }
}

#[test]
fn many_rules_are_read_quickly_and_too_many_refused() {
    let rules = |count: usize| {
        let rules: Vec<String> = (0..count).map(|n| format!("p{n:x}=\"drop\"\n")).collect();
        format!("[properties]\n{}", rules.concat())
    };
    let started = std::time::Instant::now();
    let policy = owner(&rules(100_000)).policy;
    assert_eq!(policy.action("p1869f"), Action::Drop);
    assert_eq!(policy.action("p"), Action::Keep);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    let home = tempfile::tempdir().unwrap();
    write(home.path(), &rules(100_000));
    let file = OwnerFile::read_at(home.path());
    assert!(
        file.problem().unwrap().contains("larger"),
        "{:?}",
        file.problem()
    );
    write(home.path(), &rules(15_000));
    assert_eq!(OwnerFile::read_at(home.path()).problem(), None);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests create the files directly")]
fn a_policy_that_is_not_a_regular_file_is_refused() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "level = \"info\"");
    let file = home.path().join("policy.toml");
    let elsewhere = home.path().join("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    let problem = || {
        let problem = OwnerFile::read_at(home.path()).problem().map(str::to_owned);
        problem.unwrap()
    };
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    assert!(
        problem().contains("policy.toml cannot be read: "),
        "{}",
        problem()
    );
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(problem().contains("not a regular file"), "{}", problem());
    std::fs::remove_dir(&file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    assert!(problem().contains("not a regular file"), "{}", problem());
}

#[expect(clippy::disallowed_methods, reason = "tests create the files directly")]
fn write(directory: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(directory.join("policy.toml"), text).unwrap();
}

#[test]
fn a_new_key_reports_hashes_of_any_earlier_policy() {
    let key = || {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("telemetry");
        let directory = Directory::open(&path, Access::Write).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let seen = crate::consent::Consent::Undecided;
        let location = crate::consent::ApplicationProfile::for_test("myapp");
        let installation = crate::consent::installation(&directory, &location, seen, deadline);
        installation.unwrap().hash_key()
    };
    let making = Policy::new().property("user", Action::Hash);
    let owner = |policy| Owner {
        policy,
        ..Owner::default()
    };
    let current = Current::new(Policy::new(), Some(owner(making)), Secrets::new(None, None));
    current.set_key(key());
    current.set_owner(&owner(Policy::new()));
    assert_eq!(
        current.set_key(key()),
        Unlinked::Hashes,
        "they were created before"
    );
    assert_eq!(current.set_key(key()), Unlinked::Nothing, "none since");
}

fn names() -> impl Strategy<Value = String> {
    "[ab]{0,2}(::|\\.)?[ab]{0,2}\\*?".prop_filter("a rule has a name", |name| !name.is_empty())
}

fn levels() -> impl Strategy<Value = Level> {
    prop::sample::select(vec![
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Warn,
        Level::Error,
    ])
}

fn admissions() -> impl Strategy<Value = Vec<(String, Admission)>> {
    let admission = prop::sample::select(vec![Admission::Keep, Admission::Drop]);
    prop::collection::vec((names(), admission), 0..4)
}

fn policies() -> impl Strategy<Value = Policy> {
    let action = prop::sample::select(Action::ALL.to_vec());
    let properties = prop::collection::vec((names(), action), 0..6);
    let flags = (any::<bool>(), any::<bool>(), levels());
    (flags, admissions(), admissions(), properties).prop_map(
        |((is_listed, keeps, level), targets, events, properties)| {
            let mut policy = if is_listed {
                Policy::allow_list()
            } else {
                Policy::new()
            };
            policy = policy.level(level);
            if keeps {
                policy = policy.keep_secrets();
            }
            for (name, admission) in targets {
                set(&mut policy.targets, name, admission);
            }
            for (name, admission) in events {
                set(&mut policy.events, name, admission);
            }
            for (name, action) in properties {
                policy = policy.property(name, action);
            }
            policy
        },
    )
}

proptest! {
    #[test]
    fn the_policy_in_force_is_never_milder_than_either(
        application in policies(),
        of_owner in policies(),
        level in levels(),
        target in "[ab]{1,2}(::[ab]{1,2})?",
        name in prop::option::of("[ab]{1,3}"),
        property in "([ab]{1,2}\\.)?([ab]{1,2}|message|error)",
    ) {
        let both = in_force(application.clone(), Some(of_owner.clone()));
        for policy in [&application, &of_owner] {
            if both.admits_event(level, &target, name.as_deref()) {
                prop_assert!(policy.admits_event(level, &target, name.as_deref()));
            }
            if both.admits_span(level, &target) {
                prop_assert!(policy.admits_span(level, &target));
            }
            prop_assert!(both.verdict(&property).bare >= policy.action(&property));
            prop_assert!(both.error_action() >= policy.error_action());
        }
        // And no stricter than the stricter of the two, unless the name is that of a secret.
        let stricter = application.action(&property).max(of_owner.action(&property));
        prop_assert_eq!(both.verdict(&property).bare, stricter);
        prop_assert_eq!(
            both.admits_event(level, &target, name.as_deref()),
            application.admits_event(level, &target, name.as_deref())
                && of_owner.admits_event(level, &target, name.as_deref())
        );
    }

    #[test]
    fn any_text_is_a_policy_or_is_refused_with_a_reason(text in "(\\[(properties|events|x)\\]\n)?([a-b.\"*]{0,4}( = |=)?(\"(keep|drop|x)\"|5|\\[)?\n){0,4}") {
        match OwnerFile::parse(text.as_bytes()) {
            OwnerFile::Owner(_) => {}
            OwnerFile::Damaged { reason } => prop_assert!(!reason.contains('\n'), "{}", reason),
            OwnerFile::Missing | OwnerFile::Unreadable { .. } => {
                prop_assert!(false, "a text is a file that was read");
            }
        }
    }
}

#[test]
fn the_owners_limits_are_read_from_the_file() {
    use super::storage::{Preset, Storage};
    use crate::store::limits::Compression;
    use std::time::Duration;

    let read = |text: &str| Owner::parse(text.as_bytes()).unwrap().storage;
    assert_eq!(read(""), Storage::default());
    assert_eq!(
        read("[storage]\nage_max = \"90 days\"\ntotal_bytes_max = \"2 GiB\"\ncompress = true\n"),
        Storage {
            preset: None,
            age_max: Some(Duration::from_hours(90 * 24)),
            total_bytes_max: Some(2 << 30),
            compression: Some(Compression::On),
        }
    );
    for number in [
        "8388608",
        "8_388_608",
        "0x80_0000",
        "\"8388608\"",
        "\"8 MiB\"",
    ] {
        let own = read(&format!("storage.total_bytes_max = {number}"));
        assert_eq!(own.total_bytes_max, Some(8 << 20), "{number}");
    }
    let audit = read("storage = { preset = \"audit\", compress = false }");
    assert_eq!(audit.preset, Some(Preset::Audit));
    assert_eq!(audit.compression(), Some(Compression::Off));
}

#[test]
fn a_mistake_in_the_owners_limits_makes_the_file_invalid() {
    for (text, reason) in [
        ("storage = 5", "storage: expected a table"),
        (
            "[storage]\nage = \"1d\"",
            "line 2: storage: unknown field `age`",
        ),
        (
            "[storage]\nage_max = 90",
            "storage: age_max: expected a string such as",
        ),
        (
            "[storage]\nage_max = \"90\"",
            "storage: age_max: `90` is not an age",
        ),
        (
            "[storage]\nage_max = \"\"",
            "storage: age_max: `` is not an age",
        ),
        (
            "[storage]\ntotal_bytes_max = true",
            "expected a number of bytes, or a string",
        ),
        (
            "[storage]\ntotal_bytes_max = 1.5",
            "expected a number of bytes, or a string",
        ),
        (
            "[storage]\ntotal_bytes_max = -1",
            "total_bytes_max: `-1` is negative",
        ),
        (
            "[storage]\ntotal_bytes_max = 0",
            "total_bytes_max: `0` is too small",
        ),
        (
            "[storage]\ntotal_bytes_max = 99999999999999999999",
            "total_bytes_max: `99999999999999999999` is too large",
        ),
        (
            "[storage]\ncompress = \"yes\"",
            "storage: compress: expected true or false",
        ),
        (
            "[storage]\npreset = \"Audit\"",
            "storage: preset: `Audit` is not a preset",
        ),
        (
            "[storage]\npreset = true",
            "storage: preset: expected a string",
        ),
    ] {
        let message = Owner::parse(text.as_bytes()).unwrap_err();
        assert!(message.contains(reason), "{text}: {message}");
    }
}
