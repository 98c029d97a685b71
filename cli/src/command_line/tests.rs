//! The names in command lines of applications with all features of clap; no other text is read.

use clap::{Arg, ArgAction, Command, arg, value_parser};
use proptest::prelude::*;

use super::*;

/// An application with flags on each level, aliases on each level, and a command that takes any
/// words.
fn application() -> Command {
    let list = Command::new("list")
        .visible_alias("ls")
        .alias("l")
        .arg(arg!(-n --name <NAME>).required(false))
        .arg(arg!(-a - -all))
        .arg(Arg::new("quick").short('q').action(ArgAction::SetTrue))
        .arg(
            arg!(--limit <LIMIT>)
                .default_value("10")
                .value_parser(value_parser!(u8)),
        )
        .arg(arg!([FILTER]... "positional").allow_hyphen_values(false));
    let project = Command::new("project")
        .alias("p")
        .arg(arg!(--region <REGION>).required(false))
        .subcommand(list)
        .subcommand(
            Command::new("delete")
                .alias("rm")
                .arg(arg!(<ID> "positional")),
        );
    Command::new("ticloud")
        .arg(arg!(-d - -debug).global(true))
        .arg(arg!(-o --output <FORMAT>).required(false).global(true))
        .arg(arg!(-P --profile <PROFILE>).required(false))
        .subcommand(project)
        .subcommand(Command::new("login"))
}

fn names_of(application: &Command, line: &str) -> CommandNames {
    let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    names_in(application, &words).unwrap()
}

/// Returns the names for an application that was built by parsing, and checks them for one that was
/// not.
fn names_in(application: &Command, words: &[OsString]) -> Result<CommandNames, clap::Error> {
    let mut parser = application.clone();
    let matches = parser.try_get_matches_from_mut(words)?;
    let built = CommandNames::new(&parser, &matches, words);
    let unbuilt = CommandNames::new(application, &matches, words);
    if !application.is_multicall_set() {
        assert_eq!(built, unbuilt);
    }
    Ok(unbuilt)
}

fn named(path: &str, alias: Option<&str>, flags: &[&str]) -> CommandNames {
    CommandNames {
        path: path.to_owned(),
        alias: alias.map(str::to_owned),
        flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
    }
}

#[test]
fn a_path_names_all_nested_subcommands() {
    for (line, path) in [
        ("ticloud", "ticloud"),
        ("ticloud login", "ticloud-login"),
        ("ticloud project list", "ticloud-project-list"),
        ("/opt/bin/other p ls", "ticloud-project-list"),
    ] {
        assert_eq!(names_of(&application(), line).path, path, "{line}");
    }
}

#[test]
fn flags_are_those_that_were_given_at_any_level() {
    for (line, flags) in [
        ("t project list", &[][..]),
        ("t -d project list -a", &["all", "debug"]),
        ("t project list -dan x", &["all", "debug", "name"]),
        (
            "t --output=json project --region eu list -q",
            &["output", "q", "region"],
        ),
        ("t --debug project -d list --limit 10", &["debug", "limit"]),
        ("t -P x project list a b -- --all", &["profile"]),
    ] {
        assert_eq!(names_of(&application(), line).flags, flags, "{line}");
    }
}

#[test]
fn an_alias_is_the_one_of_the_last_subcommand() {
    for (line, alias) in [
        ("t project list", None),
        ("t project ls", Some("ls")),
        ("t p l", Some("l")),
        ("t p list", None),
        ("t -d -P a p --region ls -o l rm l", Some("rm")),
        ("t p list ls", None),
        ("t p l -n ls --limit 7 -d list", Some("l")),
        ("t p ls -- --name", Some("ls")),
        ("t -o ls project list", None),
        // A word that is also a value may be the value.
        ("t p --region ls list", None),
        ("t p --region ls ls", None),
        ("t -P p p ls", None),
    ] {
        assert_eq!(
            names_of(&application(), line).alias.as_deref(),
            alias,
            "{line}"
        );
    }
}

#[test]
fn inferred_commands_have_their_defined_names() {
    let application = || application().infer_subcommands(true).infer_long_args(true);
    for (line, path, alias) in [
        ("t proj lis", "ticloud-project-list", None),
        ("t p ls --nam x", "ticloud-project-list", Some("ls")),
        ("t pro ls --nam x", "ticloud-project-list", None),
        ("t pro del ls", "ticloud-project-delete", None),
        ("t pro r ls", "ticloud-project-delete", None),
        ("t lo", "ticloud-login", None),
    ] {
        // Inference below the first level is a setting of each level.
        let application = application().mut_subcommands(|inner| inner.infer_subcommands(true));
        let line = names_of(&application, line);
        assert_eq!((line.path.as_str(), line.alias.as_deref()), (path, alias));
    }
}

#[test]
fn subcommands_that_are_called_by_a_flag_have_no_alias() {
    let sync = Command::new("sync")
        .short_flag('S')
        .long_flag("sync")
        .short_flag_alias('Y')
        .long_flag_alias("update")
        .alias("s")
        .arg(arg!(-r - -refresh))
        .arg(arg!([PACKAGE]));
    let pacman = Command::new("pacman").subcommand(sync);
    for line in [
        "pacman -Sr vim",
        "pacman --sync vim -r",
        "pacman -Yr",
        "pacman --update -r",
    ] {
        let expected = named("pacman-sync", None, &["refresh"]);
        assert_eq!(names_of(&pacman, line), expected, "{line}");
    }
    let expected = named("pacman-sync", Some("s"), &[]);
    assert_eq!(names_of(&pacman, "pacman s vim"), expected);
}

#[test]
fn external_subcommands_are_not_named() {
    let tool = Command::new("tool")
        .alias("t")
        .allow_external_subcommands(true);
    let application = application()
        .subcommand(tool)
        .allow_external_subcommands(true);
    for (line, expected) in [
        (
            "x -d secret --password ls",
            named("ticloud", None, &["debug"]),
        ),
        ("x tool secret", named("ticloud-tool", None, &[])),
        ("x t secret -d p ls", named("ticloud-tool", Some("t"), &[])),
    ] {
        assert_eq!(names_of(&application, line), expected, "{line}");
    }
}

#[test]
fn a_multicall_application_is_named_by_its_subcommand() {
    let busybox = Command::new("busybox")
        .multicall(true)
        .subcommand(Command::new("list").alias("dir").arg(arg!(-l - -long)));
    let expected = named("busybox-list", Some("dir"), &["long"]);
    assert_eq!(names_of(&busybox, "/bin/dir -l"), expected);
    assert_eq!(names_of(&busybox, "list").alias, None);
}

#[test]
fn settings_of_clap_for_ambiguous_words_apply() {
    let list = Command::new("list").alias("ls").arg(arg!([NAME]));
    let application = Command::new("x")
        .subcommand_precedence_over_arg(true)
        .arg(arg!([WORDS]...))
        .subcommand(list.clone());
    let expected = named("x-list", Some("ls"), &[]);
    assert_eq!(names_of(&application, "x a b ls list"), expected);
    let application = Command::new("x")
        .args_conflicts_with_subcommands(true)
        .arg(arg!([WORDS]...))
        .subcommand(list);
    assert_eq!(names_of(&application, "x a ls"), named("x", None, &[]));
}

#[test]
fn references_between_arguments_are_supported() {
    let list = Command::new("list")
        .alias("ls")
        .arg(Arg::new("format").long("format").help("x"))
        .arg(Arg::new("rest").help("x"));
    let application = Command::new("x")
        .version("1")
        .propagate_version(true)
        .help_expected(true)
        .arg(Arg::new("format").long("shape").help("x"))
        .arg(
            Arg::new("json")
                .long("json")
                .num_args(0)
                .global(true)
                .conflicts_with("format")
                .help("x"),
        )
        .subcommand(
            Command::new("project")
                .arg(Arg::new("format").long("form").help("x"))
                .subcommand(list),
        );
    let expected = named("x-project-list", Some("ls"), &["json"]);
    assert_eq!(names_of(&application, "x --json project ls rest"), expected);
    assert_eq!(names_of(&application, "x project --json ls rest"), expected);
}

#[test]
fn values_are_parsed_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static PARSED: AtomicUsize = AtomicUsize::new(0);
    let parse = |text: &str| {
        PARSED.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::convert::Infallible>(text.to_owned())
    };
    let list = Command::new("list")
        .alias("ls")
        .arg(Arg::new("own").value_parser(parse));
    let application = Command::new("x")
        .arg(Arg::new("out").long("out").value_parser(parse))
        .subcommand(list);
    let expected = named("x-list", Some("ls"), &["out"]);
    assert_eq!(names_of(&application, "x --out a ls b"), expected);
    assert_eq!(PARSED.load(Ordering::Relaxed), 2);
}

#[test]
fn deferred_parts_are_known_to_the_parsing_application() {
    let deferred = Command::new("list")
        .alias("ls")
        .defer(|list| list.arg(arg!(-a - -all)));
    let application = Command::new("x").subcommand(deferred);
    let words = ["x", "ls", "-a"].map(OsString::from);
    let mut parser = application.clone();
    let matches = parser.try_get_matches_from_mut(&words).unwrap();
    assert_eq!(
        CommandNames::new(&parser, &matches, &words),
        named("x-list", Some("ls"), &["all"])
    );
    assert_eq!(
        CommandNames::new(&application, &matches, &words),
        named("x-list", Some("ls"), &[])
    );
}

#[test]
fn values_that_are_not_utf_8_are_supported() {
    use std::os::unix::ffi::OsStringExt as _;
    let odd = OsString::from_vec(vec![b'-', 0xff]);
    let application = Command::new("x")
        .arg(
            arg!(--out <FILE>)
                .required(false)
                .value_parser(value_parser!(OsString)),
        )
        .subcommand(
            Command::new("list").alias("ls").arg(
                Arg::new("FILE")
                    .value_parser(value_parser!(OsString))
                    .allow_hyphen_values(true),
            ),
        );
    let mut words: Vec<OsString> = ["x", "--out"].map(OsString::from).to_vec();
    words.extend([OsString::from_vec(vec![0xff]), "ls".into(), odd]);
    let expected = named("x-list", Some("ls"), &["out"]);
    assert_eq!(names_in(&application, &words).unwrap(), expected);
}

#[test]
fn names_of_another_definition_are_left_out() {
    let words: Vec<OsString> = "t -d p ls -n x".split(' ').map(OsString::from).collect();
    let matches = application().try_get_matches_from(&words).unwrap();
    let other = Command::new("other").subcommand(Command::new("project").alias("p"));
    assert_eq!(
        CommandNames::new(&other, &matches, &words),
        named("other-project", Some("p"), &[])
    );
    let expected = named("ticloud-project-list", None, &["debug", "name"]);
    for words in [
        &words[..0],
        &words[..1],
        &words[..3],
        &["t".into(), "login".into()],
    ] {
        assert_eq!(CommandNames::new(&application(), &matches, words), expected);
    }
}

/// Values that resemble any part of a command line.
fn value() -> impl Strategy<Value = String> {
    let tricky = proptest::sample::select(vec![
        "ls",
        "list",
        "l",
        "rm",
        "p",
        "project",
        "login",
        "help",
        "-",
        "--",
        "--name",
        "--flag=value",
        "-abc",
        "-d",
        "--debug",
        "-n",
        "",
        "=",
        "--=",
        "\u{1b}[2J",
        "ä\n",
    ]);
    prop_oneof![
        tricky.prop_map(str::to_owned),
        any::<String>(),
        "-{0,2}[a-z=]{0,8}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_value_changes_the_recorded_names(
        values in proptest::array::uniform4(value()),
        alias in proptest::sample::select(vec![None, Some("ls"), Some("l")]),
    ) {
        // Each value is in a position where it can only be a value.
        let called = ["p", alias.unwrap_or("list")];
        let is_value = values.iter().any(|value| called.contains(&value.as_str()));
        let [profile, region, name, filter] = values;
        let words = [
            "t".to_owned(), format!("--profile={profile}"), "-do=json".to_owned(), "p".to_owned(),
            format!("--region={region}"), alias.unwrap_or("list").to_owned(), "-aq".to_owned(),
            format!("--name={name}"), "--".to_owned(), filter,
        ];
        let words = words.map(OsString::from);
        let expected = named(
            "ticloud-project-list",
            alias.filter(|_| !is_value),
            &["all", "debug", "name", "output", "profile", "q", "region"],
        );
        prop_assert_eq!(names_in(&application(), &words).unwrap(), expected);
    }

    #[test]
    fn only_defined_names_are_recorded_of_any_line(
        words in proptest::collection::vec(value(), 0..8),
        infers in any::<bool>(),
        has_external in any::<bool>(),
    ) {
        let application = application()
            .infer_subcommands(infers)
            .allow_external_subcommands(has_external);
        let words: Vec<OsString> = std::iter::once("t".to_owned())
            .chain(words)
            .map(OsString::from)
            .collect();
        let Ok(line) = names_in(&application, &words) else { return Ok(()) };
        // After `--` an external subcommand may have the name of a defined one, such as clap's own
        // `help`.
        let paths = ["ticloud", "ticloud-help", "ticloud-login", "ticloud-project", "ticloud-project-list", "ticloud-project-delete"];
        let aliases = [None, Some("p"), Some("l"), Some("ls"), Some("rm")];
        let flags = ["all", "debug", "limit", "name", "output", "profile", "q", "region"];
        prop_assert!(paths.contains(&line.path.as_str()), "{line:?}");
        prop_assert!(aliases.contains(&line.alias.as_deref()), "{line:?}");
        prop_assert!(line.flags.iter().all(|flag| flags.contains(&flag.as_str())), "{line:?}");
        prop_assert!(line.flags.is_sorted());
    }
}
