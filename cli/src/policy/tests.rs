//! The files and messages of `policy`.
#![expect(clippy::disallowed_methods, reason = "tests make the files themselves")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use clap::{Args as _, FromArgMatches as _};

use super::*;
use crate::sanitize::tests::{HOSTILE, is_safe};
use crate::screen::Memory;
use localtel::admin::{OwnerState, Selection, parse_policy};
use localtel::{Builder, Policy, Telemetry};

/// The telemetry of `myapp` in its own directory.
struct PolicyHome {
    dir: tempfile::TempDir,
    builder: Option<Builder>,
}

impl PolicyHome {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, builder: None }
    }

    fn embedded(policy: Policy) -> Self {
        Self {
            builder: Some(Telemetry::builder("myapp").policy(policy)),
            ..Self::new()
        }
    }

    fn with(self, text: &str) -> Self {
        let path = self.location().path();
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(self.file(), text).unwrap();
        self
    }

    fn file(&self) -> std::path::PathBuf {
        self.location().path().join("policy.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn environment(&self) -> Environment {
        let directory = self.dir.path().join("telemetry");
        let directory = directory.to_str().unwrap();
        let variables = [("HOME", "/home/anna"), ("LOCALTEL_DIR", directory)];
        Environment::for_test("myapp", &variables)
    }

    fn location(&self) -> Location {
        if let Some(builder) = &self.builder {
            return Location::of_application(builder, &self.environment()).unwrap();
        }
        let selection = Selection {
            application: Some("myapp".parse().unwrap()),
            ..Selection::default()
        };
        Location::find(&selection, &self.environment())
            .unwrap()
            .unwrap()
    }

    /// Runs the command, and returns its exit and all of its output.
    fn run(&self, words: &[&str]) -> (Exit, String) {
        self.run_with(words, "")
    }

    fn run_with(&self, words: &[&str], input: &str) -> (Exit, String) {
        let command = PolicyArgs::augment_args(clap::Command::new("policy"));
        let words = ["policy"].into_iter().chain(words.iter().copied());
        let matches = command.try_get_matches_from(words).unwrap();
        let args = PolicyArgs::from_arg_matches(&matches).unwrap();
        let environment = self.environment();
        let mut memory = Memory {
            input: input.to_owned(),
            ..Memory::default()
        };
        let outcome = memory.with(|screen| run(&self.location(), args, &environment, screen));
        match outcome {
            Ok(exit) => (exit, memory.out() + &memory.err()),
            Err(failure) => (failure.exit(), memory.out() + &failure.text("localtel")),
        }
    }
}

const WRITTEN: &str = "\
# Written by hand.

# Nothing finer,
level = \"info\"  # for now

[properties] # values
# who it was
user = \"mask\" # a person
# where
\"http.url\" = \"drop\"
# the end
";

#[test]
fn a_change_keeps_the_rest_of_the_file() {
    let home = PolicyHome::new().with(WRITTEN);
    assert_eq!(home.run(&["property", "user", "drop"]).0, Exit::Done);
    assert_eq!(home.text(), WRITTEN.replace("\"mask\"", "\"drop\""));
    assert_eq!(home.run(&["level", "WARN"]).0, Exit::Done);
    let expected = WRITTEN
        .replace("\"mask\"", "\"drop\"")
        .replace("\"info\"", "\"warn\"");
    assert_eq!(home.text(), expected);
}

#[test]
fn adding_and_removing_a_rule_leaves_the_file_unchanged() {
    let home = PolicyHome::new().with(WRITTEN);
    for (set, unset) in [
        (&["property", "a b", "drop"], ["property", "a b"]),
        (&["event", "heart*", "drop"], ["event", "heart*"]),
        (&["metadata", "cloud", "aws"], ["metadata", "cloud"]),
    ] {
        assert_eq!(home.run(set).0, Exit::Done);
        assert_eq!(home.run(&["unset", unset[0], unset[1]]).0, Exit::Done);
    }
    for comment in [
        "by hand",
        "Nothing finer",
        "for now",
        "values",
        "who",
        "a person",
        "where",
        "the end",
    ] {
        assert!(home.text().contains(comment), "{}", home.text());
    }
    for words in [
        &["unset", "level"][..],
        &["unset", "property", "http.url"],
        &["unset", "property", "user"],
    ] {
        assert_eq!(home.run(words).0, Exit::Done, "{words:?}");
    }
    for comment in ["by hand", "Nothing finer", "who it was", "where", "the end"] {
        assert!(home.text().contains(comment), "{}", home.text());
    }
    assert_eq!(home.location().status().policy.owner, OwnerState::Open);
}

#[test]
fn a_new_file_begins_with_a_heading() {
    let home = PolicyHome::new();
    let (exit, printed) = home.run(&["property", "user", "hash"]);
    assert_eq!(exit, Exit::Done, "{printed}");
    assert!(
        printed.starts_with("properties: user hash: saved in "),
        "{printed}"
    );
    let text = home.text();
    assert!(
        text.starts_with("# What may be recorded here, and how much"),
        "{text}"
    );
    assert!(
        text.ends_with("\n[properties]\nuser = \"hash\"\n"),
        "{text}"
    );
    let mode = fs::metadata(home.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn comments_at_the_top_of_the_file_stay_there() {
    for text in [
        "# mine\n",
        "# mine",
        "# mine\n\n# who\n[properties]\nuser = \"drop\"\n",
        "# mine\n\nunnamed = \"keep\"\n",
        "# mine\n\n[events]\n",
    ] {
        for words in [
            &["level", "info"][..],
            &["property", "x", "drop"],
            &["event", "x", "drop"],
        ] {
            let home = PolicyHome::new().with(text);
            assert_eq!(home.run(words).0, Exit::Done);
            assert!(home.text().starts_with("# mine"), "{}", home.text());
            assert!(
                !text.contains("# who") || home.text().contains("# who\n[properties]\n"),
                "{}",
                home.text()
            );
        }
    }
    let home = PolicyHome::new();
    assert_eq!(home.run(&["property", "x", "drop"]).0, Exit::Done);
    assert_eq!(home.run(&["level", "info"]).0, Exit::Done);
    assert!(home.text().starts_with("# What may be"), "{}", home.text());
}

#[test]
fn names_with_special_characters_stay_one_name() {
    let home = PolicyHome::new();
    let odd = [
        "http.url", "a b", "\"", "'", "é", "=", "[x]", "#", "a\nb", "-x", "𝄞*",
    ];
    for name in odd.into_iter().chain(HOSTILE) {
        let (exit, printed) = home.run(&["property", "--", name, "drop"]);
        assert_eq!(exit, Exit::Done, "{printed}");
        assert!(is_safe(&printed, 1), "{printed:?}");
    }
    let owner = home.location().owner_policy().unwrap().unwrap();
    assert_eq!(owner.rules().len(), odd.len() + HOSTILE.len());
    let (_, shown) = home.run(&[]);
    assert!(is_safe(&shown, shown.matches('\n').count()), "{shown:?}");
    for name in odd.into_iter().chain(HOSTILE) {
        let (exit, printed) = home.run(&["unset", "property", "--", name]);
        assert_eq!(exit, Exit::Done, "{printed}");
    }
}

#[test]
fn an_invalid_rule_name_is_refused_and_creates_nothing() {
    let home = PolicyHome::new();
    for words in [
        &["property", "", "drop"][..],
        &["event", "", "drop"],
        &["target", "", "keep"],
        &["metadata", "", "x"],
        &["property", "a*b", "drop"],
        &["unset", "property"],
        &["unset", "level", "info"],
    ] {
        let (exit, printed) = home.run(words);
        assert_eq!(exit, Exit::Usage, "{words:?}: {printed}");
        assert!(printed.contains("\nhint: "), "{printed}");
    }
    assert!(!home.location().path().exists());
}

#[test]
fn removing_a_missing_rule_is_an_error() {
    let home = PolicyHome::new();
    let (exit, printed) = home.run(&["unset", "property", "user"]);
    assert_eq!(exit, Exit::Failed);
    assert!(
        printed.contains("there is no rule for `user` in properties"),
        "{printed}"
    );
    assert!(!home.location().path().exists(), "no directory was created");
    let home = home.with(WRITTEN);
    for words in [
        &["unset", "event", "x"][..],
        &["unset", "unnamed"],
        &["unset", "property", "http"],
    ] {
        let (exit, printed) = home.run(words);
        assert_eq!(exit, Exit::Failed, "{words:?}");
        assert!(
            printed.contains("there is no rule for") && printed.contains("\nhint: "),
            "{printed}"
        );
    }
    assert_eq!(home.text(), WRITTEN);
}

#[test]
fn an_invalid_file_is_not_changed() {
    for text in [
        "level = \"loud\"\n",
        "a = \n",
        "[[[",
        "properties = 5\n",
        "# a\n[propertys]\nx = \"drop\"\n",
    ] {
        let home = PolicyHome::new().with(text);
        for words in [&["property", "x", "drop"][..], &["unset", "property", "x"]] {
            let (exit, printed) = home.run(words);
            assert_eq!(exit, Exit::Failed, "{printed}");
            assert!(printed.contains("\nhint: nothing was changed"), "{printed}");
        }
        let (exit, printed) = home.run(&[]);
        assert_eq!(exit, Exit::Failed, "{printed}");
        assert!(
            printed.contains("nothing is recorded until it is fixed\nhint: fix "),
            "{printed}"
        );
        assert!(printed.contains("line "), "{printed}");
        assert_eq!(home.text(), text);
    }
    let home = PolicyHome::new().with("");
    fs::write(home.file(), b"\xff\xfe").unwrap();
    assert_eq!(home.run(&["property", "x", "drop"]).0, Exit::Failed);
    assert_eq!(fs::read(home.file()).unwrap(), b"\xff\xfe");
}

#[test]
fn an_invalid_rule_can_be_replaced() {
    let home = PolicyHome::new().with("[properties]\nuser = \"hide\"\n");
    assert_eq!(home.run(&["property", "user", "drop"]).0, Exit::Done);
    assert_eq!(home.text(), "[properties]\nuser = \"drop\"\n");
}

#[test]
fn a_change_renames_actions_of_older_versions() {
    for (before, after) in [
        (
            "[properties]\nuser = 'pseudonym' # who\npath = \"clean\"\nx = 'mask'\n",
            "[properties]\nuser = \"hash\" # who\npath = \"redact\"\nx = 'mask'\n",
        ),
        (
            "properties = { user = \"pseudonym\", path = \"clean\" }\n",
            "properties = { user = \"hash\", path = \"redact\" }\n",
        ),
        (
            "properties.user = \"pseudonym\"\nproperties.path = \"clean\"\n",
            "properties.user = \"hash\"\nproperties.path = \"redact\"\n",
        ),
    ] {
        let home = PolicyHome::new().with(before);
        let (exit, printed) = home.run(&["level", "info"]);
        assert_eq!(exit, Exit::Done, "{printed}");
        let text = home.text().replace("level = \"info\"\n", "");
        assert_eq!(text.trim_start(), after);
    }
}

#[test]
fn rules_are_changed_in_every_form_of_table() {
    for text in [
        "properties = { user = \"mask\" }\n",
        "properties.user = \"mask\"\n",
        "[properties]\n\"user\" = 'mask'\n",
    ] {
        let home = PolicyHome::new().with(text);
        assert_eq!(
            home.run(&["property", "user", "drop"]).0,
            Exit::Done,
            "{text}"
        );
        assert_eq!(
            home.run(&["property", "b.c", "keep"]).0,
            Exit::Done,
            "{text}"
        );
        let owner = home.location().owner_policy().unwrap().unwrap();
        let expected = Policy::new()
            .keep_secrets()
            .property("b.c", Action::Keep)
            .property("user", Action::Drop);
        assert_eq!(owner, expected, "{}", home.text());
    }
}

#[test]
fn metadata_keeps_values_that_are_not_given() {
    for text in [
        "[metadata]\ncloud = \"aws\"\n",
        "[metadata]\ncloud = { value = \"aws\" }\n",
        "[metadata.cloud]\nvalue = \"aws\"\n",
    ] {
        let home = PolicyHome::new().with(text);
        assert_eq!(
            home.run(&["metadata", "cloud", "--include", "no"]).0,
            Exit::Done
        );
        let document: toml_edit::DocumentMut = home.text().parse().unwrap();
        let cloud = &document["metadata"]["cloud"];
        let row = (cloud["value"].as_str(), cloud["include"].as_bool());
        assert_eq!(row, (Some("aws"), Some(false)), "{}", home.text());
    }
    let home = PolicyHome::new();
    assert_eq!(home.run(&["metadata", "cloud", "aws"]).0, Exit::Done);
    assert!(
        home.text().ends_with("cloud = \"aws\"\n"),
        "{}",
        home.text()
    );
}

#[test]
fn concurrent_changes_are_all_kept() {
    let home = PolicyHome::new();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let home = &home;
            scope.spawn(move || {
                for rule in 0..8 {
                    let (exit, printed) =
                        home.run(&["property", &format!("p{thread}.{rule}"), "drop"]);
                    assert_eq!(exit, Exit::Done, "{printed}");
                }
            });
        }
    });
    assert_eq!(home.text().matches("= \"drop\"").count(), 64);
}

#[test]
fn a_file_never_grows_beyond_the_read_limit() {
    let home = PolicyHome::new();
    let long = "x".repeat(300 * 1024);
    let (exit, printed) = home.run(&["property", &long, "drop"]);
    assert_eq!(exit, Exit::Failed);
    assert!(
        printed.contains("longer than 262144 bytes"),
        "{}",
        printed.len()
    );
    assert!(!home.file().exists());
}

#[test]
fn without_a_file_it_prints_the_usual_rules_and_examples() {
    let home = PolicyHome::new();
    let (exit, printed) = home.run(&[]);
    assert_eq!(exit, Exit::Done);
    assert!(
        printed.contains("no such file, so you forbid nothing"),
        "{printed}"
    );
    assert!(
        printed.contains("Unless the application sets other rules"),
        "{printed}"
    );
    assert!(
        printed.contains("localtel --app myapp policy property user hash"),
        "{printed}"
    );
    assert!(!home.location().path().exists(), "reading creates nothing");
}

#[test]
fn embedded_policy_shows_the_applications_rules_as_toml() {
    let home = PolicyHome::embedded(Policy::new().property("user", Action::Hash));
    let (_, printed) = home.run(&[]);
    let own = "# Rules of myapp:\n#   secrets = \"mask\"\n#   [properties]\n#   user = \"hash\"\n";
    assert!(printed.starts_with(own), "{printed}");
    assert!(
        printed.contains("myapp telemetry policy unnamed drop"),
        "{printed}"
    );
    assert!(!printed.contains("localtel"), "{printed}");
    let home = PolicyHome::embedded(Policy::new().keep_secrets()).with(WRITTEN);
    let (_, printed) = home.run(&[]);
    assert!(
        printed.contains("everything, secrets in messages included"),
        "{printed}"
    );
    assert!(printed.ends_with(WRITTEN), "{printed}");
    assert!(
        parse_policy(&printed).is_ok(),
        "what is shown could be the file"
    );
}

#[test]
fn a_text_is_masked_as_in_a_message() {
    let home = PolicyHome::new();
    let (exit, printed) = home.run(&["test", "password=hunter2 in /home/anna/x"]);
    assert_eq!(exit, Exit::Done);
    assert!(
        printed.starts_with("password=[secret] in ~/x\nsecret: "),
        "{printed}"
    );
    let (_, printed) = home.run(&["test", "--api-key abcdef"]);
    assert!(printed.starts_with("--api-key [secret]\n"), "{printed}");
    let (_, printed) = home.run_with(&["test", "-"], "token=abc\u{1b}[2J\nplain\n");
    assert!(printed.starts_with("token=[secret]\nplain\n"), "{printed}");
    let (_, printed) = home.run(&["test", "plain"]);
    assert_eq!(printed, "plain\nno rule finds a secret in it\n");
    let (_, printed) = home.run_with(&["test", "-"], &"password=a\n".repeat(30));
    assert!(printed.ends_with("and 10 more findings\n"), "{printed}");
    for hostile in HOSTILE {
        let (_, printed) = home.run(&["test", hostile]);
        assert!(
            is_safe(&printed, printed.matches('\n').count()),
            "{printed:?}"
        );
    }
    assert!(!home.location().path().exists(), "testing creates nothing");
}

#[test]
fn embedded_next_steps_never_name_localtel() {
    for words in [
        &["unset", "property"][..],
        &["unset", "level", "info"],
        &["metadata", "", "x"],
        &["metadata", "cloud"],
    ] {
        let (exit, printed) = PolicyHome::embedded(Policy::new()).run(words);
        assert_eq!(exit, Exit::Usage, "{words:?}");
        assert!(
            printed.contains("\nhint: myapp telemetry policy "),
            "{words:?}: {printed}"
        );
    }
}

#[test]
fn metadata_without_value_or_include_is_refused_with_a_hint() {
    let (exit, printed) = PolicyHome::new().run(&["metadata", "cloud"]);
    assert_eq!(exit, Exit::Usage);
    assert!(
        printed.contains("a value") && printed.contains("--include"),
        "{printed}"
    );
}

#[test]
fn comments_are_kept_when_a_rule_is_removed() {
    for (text, words, expected) in [
        (
            "# top\n\n# finer\nlevel = \"info\"\nunnamed = \"drop\"\n",
            &["level"][..],
            "# top\n\n# finer\nunnamed = \"drop\"\n",
        ),
        (
            "# top\n\n# finer\nlevel = \"info\"\n\n[events]\nx = \"drop\"\n# end\n",
            &["level"],
            "# top\n\n# finer\n\n[events]\nx = \"drop\"\n# end\n",
        ),
        (
            "[events]\n# x\nx = \"drop\"\n\n# who\n[properties]\ny = \"drop\"\n",
            &["event", "x"],
            "[events]\n# x\n\n# who\n[properties]\ny = \"drop\"\n",
        ),
        (
            "[events]\ny = \"drop\"\n# x\nx = \"drop\"\n# end\n",
            &["event", "x"],
            "[events]\ny = \"drop\"\n# x\n# end\n",
        ),
        (
            "# top\n\n[metadata]\n\n# a\n[metadata.a]\nvalue = \"x\"\n\n[metadata.b]\nvalue = \"x\"\n",
            &["metadata", "a"],
            "# top\n\n[metadata]\n\n# a\n\n[metadata.b]\nvalue = \"x\"\n",
        ),
        (
            "# top\nproperties.x = \"drop\"\nlevel = \"info\"\n",
            &["property", "x"],
            "# top\nlevel = \"info\"\n",
        ),
    ] {
        let home = PolicyHome::new().with(text);
        let words = [&["unset"], words].concat();
        let (exit, printed) = home.run(&words);
        assert_eq!(exit, Exit::Done, "{printed}");
        assert_eq!(home.text(), expected, "{words:?} in {text}");
    }
}

#[test]
fn a_table_is_removed_with_its_last_rule_unless_commented() {
    for (text, expected) in [
        ("[events]\nx = \"drop\"\n", ""),
        ("# top\n\n[events]\nx = \"drop\"\n", "# top\n\n"),
        (
            "# top\n\n[events]\nx = \"drop\"\n\n[targets]\ny = \"drop\"\n",
            "# top\n\n[targets]\ny = \"drop\"\n",
        ),
        ("events = { x = \"drop\" }\n", ""),
        ("[events] # e\nx = \"drop\"\n", "[events] # e\n"),
        ("# e\n[events]\nx = \"drop\"\n", "# e\n[events]\n"),
    ] {
        let home = PolicyHome::new().with(text);
        assert_eq!(home.run(&["unset", "event", "x"]).0, Exit::Done);
        assert_eq!(home.text(), expected, "{text}");
    }
}

#[test]
fn setting_and_removing_a_rule_restores_the_file() {
    let home = PolicyHome::new();
    home.run(&["target", "hyper", "drop"]);
    let before = home.text();
    for (set, unset) in [
        (&["level", "info"][..], &["unset", "level"][..]),
        (&["event", "x", "drop"], &["unset", "event", "x"]),
        (&["metadata", "a", "b"], &["unset", "metadata", "a"]),
    ] {
        assert_eq!(home.run(set).0, Exit::Done);
        assert_eq!(home.run(unset).0, Exit::Done);
        assert_eq!(home.text(), before, "{set:?}");
    }
}

#[test]
fn a_rule_that_forbids_nothing_has_a_note() {
    for (words, is_noted) in [
        (&["property", "message", "keep"][..], true),
        (&["event", "x", "keep"], true),
        (&["unnamed", "keep"], true),
        (&["secrets", "keep"], true),
        (&["level", "trace"], true),
        (&["property", "message", "mask"], false),
        (&["unnamed", "drop"], false),
        (&["metadata", "keep", "keep"], false),
    ] {
        let (_, printed) = PolicyHome::new().run(words);
        let has_note = printed.contains("what the application forbids stays forbidden");
        assert_eq!(has_note, is_noted, "{words:?}: {printed}");
    }
}

#[test]
fn a_link_in_place_of_the_file_has_a_next_step() {
    let home = PolicyHome::new().with("");
    fs::remove_file(home.file()).unwrap();
    std::os::unix::fs::symlink("elsewhere.toml", home.file()).unwrap();
    let (exit, printed) = home.run(&["level", "warn"]);
    assert_eq!(exit, Exit::Failed);
    assert!(
        printed.contains("a symbolic link is not followed"),
        "{printed}"
    );
    assert!(printed.contains("\nhint: nothing was changed"), "{printed}");
    assert!(
        printed.contains("policy.toml by a regular file"),
        "{printed}"
    );
}

#[test]
fn limits_are_put_into_their_table_and_removed_from_it() {
    for home in [PolicyHome::new(), PolicyHome::embedded(Policy::new())] {
        for (limit, value, line) in [
            ("age_max", "12 months", "age_max = \"12 months\""),
            ("total_bytes_max", "2 GiB", "total_bytes_max = \"2 GiB\""),
            (
                "total-bytes-max",
                "2147483648",
                "total_bytes_max = \"2147483648\"",
            ),
            ("compress", "true", "compress = true"),
            ("compress", "off", "compress = false"),
            ("preset", "audit", "preset = \"audit\""),
        ] {
            let (exit, printed) = home.run(&["storage", limit, value]);
            assert_eq!(exit, Exit::Done, "{printed}");
            assert!(printed.starts_with("storage: "), "{printed}");
            assert!(
                home.text().contains(&format!("\n{line}\n")),
                "{}",
                home.text()
            );
            assert!(parse_policy(&home.text()).is_ok());
        }
        let limits = home.location().status().limits;
        assert_eq!(limits.total_bytes_max, 2 << 30);
        for limit in ["age_max", "total_bytes_max", "compress", "preset"] {
            let (exit, printed) = home.run(&["unset", "storage", limit]);
            assert_eq!(exit, Exit::Done, "{printed}");
            assert_eq!(
                printed.contains("what exceeds the limits is removed"),
                limit != "compress",
                "{printed}"
            );
        }
        assert!(!home.text().contains("[storage]"), "{}", home.text());
    }
}

#[test]
fn a_limit_keeps_the_rest_of_the_file() {
    let text = "# mine\nlevel = \"info\"\n\n[storage] # of the disk\nage_max = \"90d\" # long\n";
    let home = PolicyHome::new().with(text);
    home.run(&["storage", "age_max", "1 year"]);
    home.run(&["storage", "compress", "yes"]);
    let expected = text.replace("\"90d\"", "\"1 year\"") + "compress = true\n";
    assert_eq!(home.text(), expected);
}

#[test]
fn an_invalid_limit_changes_nothing() {
    let text = "[storage]\nage_max = \"90d\"\n";
    let home = PolicyHome::new().with(text);
    for (limit, value, reason) in [
        ("age_max", "90", "age_max: `90` is not an age"),
        ("age_max", "-1d", "age_max: `-1d` is not an age"),
        ("age_max", "10s", "shorter than a minute"),
        (
            "total_bytes_max",
            "1 KiB",
            "total_bytes_max: `1 KiB` is too small",
        ),
        (
            "total_bytes_max",
            "-1",
            "total_bytes_max: `-1` is not a size",
        ),
        ("total_bytes_max", "all", "`all` is not a size"),
        (
            "compress",
            "maybe",
            "compress: `maybe` is neither true nor false",
        ),
        ("preset", "forever", "preset: `forever` is not a preset"),
        ("preset", "", "preset: `` is not a preset"),
    ] {
        let (exit, printed) = home.run(&["storage", limit, value]);
        assert_eq!(exit, Exit::Usage, "{limit} {value}: {printed}");
        assert!(printed.contains(reason), "{printed}");
        assert_eq!(home.text(), text);
    }
}
