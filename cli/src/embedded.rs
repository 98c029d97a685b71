//! The parts that an application embeds: the commands on its own telemetry, and the flag that
//! allows or forbids telemetry for one run. This file fits the commands of `localtel` into the
//! command line of another program and finds its telemetry.

use std::ffi::OsStr;

use clap::builder::{Resettable, TypedValueParser};
use clap::error::Error as ParseError;
use clap::{Arg, ArgMatches, Args, FromArgMatches, Subcommand as _, ValueHint};

use super::args::AppCommand;
use super::execution;
use super::exit::Exit;
use super::failure::Failure;
use super::screen::ColourChoice;
use super::suggestion;
use localtel::admin::Location;
use localtel::{Builder, Consent, Error, ErrorKind};

/// The commands of `localtel` on an application's own telemetry, for the application to embed:
/// `myapp telemetry status`, `enable`, `disable`, `reset`, `show`, `tail`, `clear` and so on.
///
/// It needs only the [`Builder`] that the application opens its telemetry with. It opens no
/// telemetry itself and records nothing.
///
/// If the application has a global flag with the name of a flag of these commands, such as
/// `--output`, `--level` or `-n`, the flag of these commands wins after `telemetry`; before it, the
/// application's flag is unchanged.
///
/// An unknown command is an error of the parser with a suggestion.
///
/// An application that uses the builder of clap instead of its derive adds the commands with
/// `Args::augment_args` and reads them with `FromArgMatches::from_arg_matches`:
///
/// ```no_run
/// use clap::{Args as _, FromArgMatches as _};
/// use localtel_cli::TelemetryCommand;
///
/// let application = clap::Command::new("myapp")
///     .subcommand(TelemetryCommand::augment_args(clap::Command::new("telemetry")));
/// let matches = application.get_matches();
/// if let Some(("telemetry", matches)) = matches.subcommand() {
///     let command = TelemetryCommand::from_arg_matches(matches);
///     let command = command.unwrap_or_else(|error| error.exit());
///     let _exit = command.run(&localtel::Telemetry::builder("myapp"));
/// }
/// ```
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use clap::Parser;
/// use localtel::Telemetry;
/// use localtel_cli::{TelemetryCommand, TelemetryFlag};
///
/// #[derive(Parser)]
/// struct Arguments {
///     #[command(flatten)]
///     telemetry: TelemetryFlag,
///     #[command(subcommand)]
///     command: Command,
/// }
///
/// #[derive(clap::Subcommand)]
/// enum Command {
///     /// Greets
///     Greet,
///     /// Shows and manages the telemetry of this program
///     Telemetry(TelemetryCommand),
/// }
///
/// fn main() -> ExitCode {
///     let arguments = Arguments::parse(); // `--help` and `--version` end here.
///     let builder = Telemetry::builder("myapp").flag(arguments.telemetry.consent());
///     match arguments.command {
///         Command::Telemetry(command) => command.run(&builder).into(),
///         Command::Greet => {
///             let _telemetry = builder.open();
///             println!("hello");
///             ExitCode::SUCCESS
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct TelemetryCommand {
    /// Boxed, so that an application's enum of commands stays small.
    command: Box<AppCommand>,
    colour: ColourChoice,
    called: Option<String>,
}

impl TelemetryCommand {
    /// Sets the words that users type to reach these commands, if they are not the application's
    /// name and `telemetry`. Messages with a next step contain them. (Help texts use the command
    /// line itself.)
    #[must_use]
    pub fn called(mut self, words: impl Into<String>) -> Self {
        self.called = Some(words.into());
        self
    }

    /// Returns the words that users type to reach these commands.
    fn words(&self, builder: &Builder) -> String {
        match &self.called {
            Some(words) => words.clone(),
            None => format!("{} telemetry", builder.application()),
        }
    }

    /// Runs the command on the telemetry that this builder would open, with the input and output of
    /// this process, and returns how it ended. It opens no telemetry, and does not end the process.
    pub fn run(self, builder: &Builder) -> Exit {
        execution::in_process(|environment, screen| {
            screen.choose_colour(self.colour);
            self.command.begin_progress(screen);
            let called = self.words(builder);
            let location = Location::of_application(builder, environment);
            let outcome = location.map_err(at_own_location).and_then(|location| {
                let location = location.with_command_name(&called);
                execution::on_place(*self.command, &location, environment, screen).map_err(
                    |failure| failure.at(&location, |owner| location.command_as(owner, "...")),
                )
            });
            execution::settle(outcome, &called, screen)
        })
    }
}

/// Adds the next step if an application has no location.
fn at_own_location(error: Error) -> Failure {
    let is_foreign = matches!(error.kind(), ErrorKind::Foreign { .. });
    let failure = Failure::from(error);
    if is_foreign {
        failure.hint("set LOCALTEL_DIR to a directory of its own, or unset it")
    } else {
        failure
    }
}

/// Implemented by hand, since the derived implementation does not put the name of the application
/// into the help.
impl Args for TelemetryCommand {
    fn augment_args(command: clap::Command) -> clap::Command {
        embed(command, AppCommand::augment_subcommands)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        embed(command, AppCommand::augment_subcommands_for_update)
    }
}

impl FromArgMatches for TelemetryCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, ParseError> {
        let definition = AppCommand::augment_subcommands(clap::Command::new(NAME));
        suggestion::check_commands(matches, &definition)?;
        let of_command = matches.subcommand().map(|(_, matches)| matches);
        Ok(Self {
            command: Box::new(AppCommand::from_arg_matches(matches)?),
            colour: of_command.map_or_else(ColourChoice::default, ColourChoice::of_matches),
            called: None,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), ParseError> {
        let Self {
            command, colour, ..
        } = Self::from_arg_matches(matches)?;
        (self.command, self.colour) = (command, colour);
        Ok(())
    }
}

/// Adds the commands, requires one of them, and puts the name of the application into their help.
/// The name is only known when the whole command line is built, so that part is deferred.
fn embed(
    command: clap::Command,
    add: impl FnOnce(clap::Command) -> clap::Command,
) -> clap::Command {
    // Keep the application's description of the commands; the derived one is for developers.
    let about = command.get_about().cloned().unwrap_or(ABOUT.into());
    let long_about = command
        .get_long_about()
        .map_or(Resettable::Reset, |text| Resettable::Value(text.clone()));
    add(command)
        .about(about)
        .long_about(long_about)
        .subcommand_required(true)
        // `suggestion` reports words that are not commands, with the nearest command.
        .allow_external_subcommands(true)
        .mut_subcommand("disable", |disable| disable.arg(unknown_word()))
        .arg_required_else_help(true)
        // Below the application's own command, where its global flags give way to those of here.
        .mut_subcommands(|one| one.arg(ColourChoice::flag()).defer(fit_command))
}

/// Returns a hidden argument that takes any words and flags that are not defined and refuses them
/// with a suggestion of this crate. The parser's own suggestion for a flag could be `--clear`.
fn unknown_word() -> Arg {
    Arg::new(format!("{ID_PREFIX}unknown"))
        .hide(true)
        .value_hint(ValueHint::Other)
        .num_args(1..)
        .allow_hyphen_values(true)
        .value_parser(UnknownWord)
}

/// Refuses each value.
#[derive(Debug, Clone)]
struct UnknownWord;

impl TypedValueParser for UnknownWord {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _argument: Option<&Arg>,
        word: &OsStr,
    ) -> Result<String, ParseError> {
        Err(suggestion::unknown_flag(&word.to_string_lossy(), command))
    }
}

/// Fits a command into the application, whose name and global flags are known now.
fn fit_command(command: clap::Command) -> clap::Command {
    fit(command, 1).mut_subcommands(|one| one.defer(fit_nested_command))
}

fn fit_nested_command(command: clap::Command) -> clap::Command {
    fit(command, 2)
}

/// Fits a command whose name consists of `words` words.
fn fit(command: clap::Command, words: usize) -> clap::Command {
    let command = with_own_flags(command);
    let Some(examples) = command.get_after_help().map(ToString::to_string) else {
        return command;
    };
    // Generators of pages read the help before the program has a name.
    let called = command
        .get_bin_name()
        .and_then(|name| name.rsplitn(words + 1, ' ').nth(words))
        .unwrap_or(NAME);
    let examples = examples_of(called, &examples);
    command.after_help(examples)
}

/// Rewrites examples of `localtel` for an application's commands. The application has only one
/// location, so options that select one are removed.
fn examples_of(called: &str, examples: &str) -> String {
    let lines = examples.lines().filter(|line| !line.contains("--profile "));
    let lines: Vec<String> = lines
        .map(|line| {
            line.replace(" --app myapp", "")
                .replace("localtel ", &format!("{called} "))
        })
        .collect();
    lines.join("\n")
}

/// Removes names of this command's flags from the global flags of the application. Clap identifies
/// an argument by its id, and ids of this crate have a prefix. An argument without a name would be
/// positional, so it gets a hidden one.
fn with_own_flags(command: clap::Command) -> clap::Command {
    let is_own = |arg: &Arg| arg.get_id().as_str().starts_with(ID_PREFIX);
    let own: Vec<&Arg> = command.get_arguments().filter(|arg| is_own(arg)).collect();
    let shorts: Vec<char> = own.iter().filter_map(|arg| arg.get_short()).collect();
    let longs: Vec<String> = own
        .iter()
        .filter_map(|arg| arg.get_long().map(str::to_owned))
        .collect();
    let is_taken = |long: &str| longs.iter().any(|own| own == long);
    command.mut_args(|arg| {
        if is_own(&arg) || arg.is_positional() {
            return arg;
        }
        let mut arg = arg;
        let aliases = arg.get_all_aliases().unwrap_or_default();
        if aliases.iter().any(|alias| is_taken(alias)) {
            arg = arg.alias(None).visible_alias(None);
        }
        let aliases = arg.get_all_short_aliases().unwrap_or_default();
        if aliases.iter().any(|alias| shorts.contains(alias)) {
            arg = arg.short_alias(None).visible_short_alias(None);
        }
        if arg.get_short().is_some_and(|short| shorts.contains(&short)) {
            arg = arg.short(None);
        }
        if arg.get_long().is_some_and(is_taken) {
            arg = arg.long(None);
        }
        if arg.get_short().is_none() && arg.get_long().is_none() {
            let hidden = format!("{ID_PREFIX}application.{}", arg.get_id());
            arg = arg.long(hidden).hide(true);
        }
        arg
    })
}

/// The flag `--telemetry WORD`, which allows or forbids recording for one run, for the application
/// to flatten into its arguments. It takes the words of consent: `on`, `off`, `yes`, `no` and so
/// on.
///
/// ```
/// use clap::Parser;
/// use localtel::Consent;
/// use localtel_cli::TelemetryFlag;
///
/// #[derive(Parser)]
/// struct Arguments {
///     #[command(flatten)]
///     telemetry: TelemetryFlag,
/// }
///
/// let arguments = Arguments::try_parse_from(["myapp", "--telemetry", "off"])?;
/// assert_eq!(arguments.telemetry.consent(), Consent::Disabled);
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TelemetryFlag {
    consent: Option<Consent>,
}

impl TelemetryFlag {
    /// Returns the value of the flag for [`Builder::flag`]; undecided if it was not given.
    pub fn consent(self) -> Consent {
        self.consent.unwrap_or_default()
    }
}

/// Implemented by hand, since the derived implementation makes the text above the description of
/// the application.
impl Args for TelemetryFlag {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.arg(
            Arg::new(NAME)
                .long(NAME)
                .value_name("WORD")
                .value_parser(clap::value_parser!(Consent))
                .global(true)
                .help("Allow or forbid telemetry for this run: on or off; it never leaves this machine"),
        )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TelemetryFlag {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, ParseError> {
        Ok(Self {
            consent: matches.get_one(NAME).copied(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), ParseError> {
        if let Some(consent) = matches.get_one(NAME) {
            self.consent = Some(*consent);
        }
        Ok(())
    }
}

/// Prefix of the ids of these commands' arguments, so that they differ from an application's ids.
const ID_PREFIX: &str = "localtel.";
/// Description of the commands, if the application has none.
const ABOUT: &str = "Shows and manages the telemetry of this program, which stays on this machine";
/// Default name of the commands, and the name of the flag.
const NAME: &str = "telemetry";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, Parser};

    #[derive(Debug, Parser)]
    #[command(name = "words", bin_name = "words")]
    struct HostArguments {
        #[command(flatten)]
        telemetry: TelemetryFlag,
        #[command(subcommand)]
        command: Embedding,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Embedding {
        Telemetry(TelemetryCommand),
        Count,
    }

    #[derive(Debug, Parser)]
    #[command(name = "words", version, about = "Counts words")]
    struct DescribedArguments {
        #[command(flatten)]
        _telemetry: TelemetryFlag,
    }

    fn parse(line: &str) -> Result<HostArguments, ParseError> {
        HostArguments::try_parse_from(line.split(' '))
    }

    fn names() -> Vec<String> {
        let command = AppCommand::augment_subcommands(clap::Command::new("telemetry"));
        let names = command.get_subcommands().map(clap::Command::get_name);
        names.map(str::to_owned).collect()
    }

    /// Names of all arguments of these commands, each with the path of a command that has it.
    fn flags() -> Vec<(Vec<String>, Arg)> {
        let mut flags = Vec::new();
        let mut waiting = vec![(
            Vec::new(),
            AppCommand::augment_subcommands(clap::Command::new("telemetry")),
        )];
        while let Some((path, command)) = waiting.pop() {
            let arguments = command.get_arguments().cloned();
            flags.extend(arguments.map(|arg| (path.clone(), arg)));
            waiting.extend(command.get_subcommands().map(|below| {
                let name = below.get_name().to_owned();
                ([path.clone(), vec![name]].concat(), below.clone())
            }));
        }
        let colour = |path: &[&str]| {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            (path, ColourChoice::flag())
        };
        flags.extend([colour(&["show"]), colour(&["policy", "property"])]);
        flags
    }

    #[test]
    fn colours_can_be_chosen_for_each_command() {
        for (line, expected) in [
            ("words telemetry show", ColourChoice::Auto),
            ("words telemetry show --color always", ColourChoice::Always),
            (
                "words telemetry policy level info --color=never",
                ColourChoice::Never,
            ),
        ] {
            let Embedding::Telemetry(command) = parse(line).unwrap().command else {
                panic!("that is another command")
            };
            assert_eq!(command.colour, expected, "{line}");
        }
    }

    #[test]
    fn every_argument_has_an_id_of_its_own() {
        let flags = flags();
        assert!(flags.len() > 40, "{}", flags.len());
        for (path, arg) in flags {
            let id = arg.get_id().as_str();
            assert!(id.starts_with(ID_PREFIX), "{path:?} {id}");
        }
    }

    #[test]
    fn global_flags_of_an_application_do_not_collide() {
        for (path, own) in flags() {
            let id = own.get_id().as_str().trim_start_matches(ID_PREFIX);
            let global = match (own.get_short(), own.get_long()) {
                (None, None) => Arg::new(id.to_owned()).long("other"),
                (short, long) => Arg::new(id.to_owned())
                    .long(long.unwrap_or("other").to_owned())
                    .short(short),
            };
            let name = global.get_long().unwrap().to_owned();
            let application = clap::Command::new("words")
                .arg(global.global(true))
                .subcommand(TelemetryCommand::augment_args(clap::Command::new(
                    "telemetry",
                )));
            application.clone().debug_assert();
            let flag = format!("--{name}");
            let mut words = vec!["words", flag.as_str(), "x", "telemetry"];
            words.extend(path.iter().map(String::as_str));
            // Positional values that some commands require.
            for value in ["a", "keep"] {
                if let Err(error) = application.clone().try_get_matches_from(&words)
                    && error.kind() == clap::error::ErrorKind::MissingRequiredArgument
                {
                    words.push(value);
                }
            }
            match application.try_get_matches_from(&words) {
                Ok(matches) => {
                    let given = matches.get_one::<String>(id).map(String::as_str);
                    assert_eq!(given, Some("x"), "{words:?}");
                    let (_, matches) = matches.subcommand().unwrap();
                    TelemetryCommand::from_arg_matches(matches).unwrap();
                }
                // `policy level` and others expect other words.
                Err(error) => assert!(
                    error.kind() == clap::error::ErrorKind::InvalidValue
                        || error.kind() == clap::error::ErrorKind::ValueValidation,
                    "{words:?}: {error}"
                ),
            }
        }
    }

    #[test]
    fn a_flag_after_telemetry_is_that_of_the_commands() {
        let application = clap::Command::new("words")
            .arg(Arg::new("output").long("output").short('o').global(true))
            .arg(Arg::new("count").long("count").short('n').global(true))
            .subcommand(TelemetryCommand::augment_args(clap::Command::new(
                "telemetry",
            )));
        let words = "words -o wide -n x telemetry show -o json -n 3";
        let matches = application.try_get_matches_from(words.split(' ')).unwrap();
        assert_eq!(matches.get_one::<String>("output").unwrap(), "wide");
        assert_eq!(matches.get_one::<String>("count").unwrap(), "x");
        let (_, matches) = matches.subcommand().unwrap();
        let command = TelemetryCommand::from_arg_matches(matches).unwrap();
        let AppCommand::Show(args) = *command.command else {
            panic!("that is another command")
        };
        assert_eq!(args.lines, Some("3".parse().unwrap()));
        assert_eq!(args.output, Some("json".parse().unwrap()));
    }

    #[test]
    fn a_mistyped_command_gets_a_suggestion_but_never_clear() {
        for (line, expected) in [
            ("words telemetry sttaus", "'status'"),
            ("words telemetry grep timeout", "`show --grep TEXT`"),
            ("words telemetry claer", "`explain`"),
            ("words telemetry delete --yes", "`explain`"),
            ("words telemetry policy rm", "`unset --help`"),
            ("words telemetry version", "--help"),
            ("words telemetry record", "--help"),
        ] {
            let text = parse(line).unwrap_err().to_string();
            assert!(text.contains(expected), "{line}: {text}");
            assert!(!text.contains("clear"), "{line}: {text}");
        }
    }

    #[test]
    fn a_mistyped_flag_never_suggests_clear() {
        for (line, expected) in [
            ("words telemetry disable --claer", "'--claer'"),
            ("words telemetry disable --clear-all --yes", "'--clear-all'"),
            ("words telemetry disable --claer=1 --help", "'--claer'"),
            ("words telemetry disable -x", "'-x'"),
            ("words telemetry disable all", "'all'"),
            ("words telemetry disable --all-profile", "'--all-profiles'"),
        ] {
            let text = parse(line).unwrap_err().to_string();
            assert!(text.contains(expected), "{line}: {text}");
            let answer = text.split_once("found\n").unwrap().1;
            assert!(!answer.contains("clear"), "{line}: {text}");
        }
    }

    #[test]
    fn the_embedded_definition_passes_claps_checks() {
        HostArguments::command().debug_assert();
    }

    #[test]
    fn embedded_help_never_names_localtel() {
        for name in names() {
            for line in [
                format!("words telemetry {name} --help"),
                format!("words telemetry help {name}"),
            ] {
                let help = parse(&line).unwrap_err().to_string();
                let example = format!("\n  words telemetry {name}");
                assert!(help.contains(&example), "{help}");
                assert!(!help.contains("localtel"), "{help}");
                assert!(!help.contains("--app"), "{help}");
                assert!(!help.contains("--profile"), "{help}");
            }
        }
        for name in ["property", "metadata", "unset", "test"] {
            let line = format!("words telemetry policy {name} --help");
            let help = parse(&line).unwrap_err().to_string();
            let example = format!("\n  words telemetry policy {name}");
            assert!(help.contains(&example), "{help}");
            assert!(!help.contains("localtel"), "{help}");
        }
        let help = parse("words telemetry").unwrap_err().to_string();
        assert!(help.contains("stays on this machine"), "{help}");
        assert!(!help.contains("localtel"), "{help}");
    }

    #[test]
    fn the_flag_leaves_the_applications_description_unchanged() {
        let plain = clap::Command::new("words");
        for (application, description) in [
            (DescribedArguments::command(), Some("Counts words")),
            (HostArguments::command(), None),
            (TelemetryFlag::augment_args(plain.clone()), None),
            (
                TelemetryFlag::augment_args(plain.clone().about("Counts words")),
                Some("Counts words"),
            ),
            (
                TelemetryFlag::augment_args_for_update(plain.long_about("Counts words")),
                Some("Counts words"),
            ),
        ] {
            let help = application.clone().render_long_help().to_string();
            match description {
                Some(description) => assert!(help.starts_with(description), "{help}"),
                None => assert!(help.starts_with("Usage:"), "{help}"),
            }
            assert!(help.contains("--telemetry <WORD>"), "{help}");
            assert!(!help.contains("```"), "{help}");
        }
    }

    #[test]
    fn help_without_a_program_name_uses_the_default() {
        let mut command = HostArguments::command();
        command.build();
        let telemetry = command.find_subcommand("telemetry").unwrap();
        for command in telemetry.get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            assert!(!help.unwrap_or_default().contains("localtel"));
        }
    }

    #[test]
    fn the_flag_goes_anywhere_and_takes_the_words_of_consent() {
        for (line, expected) in [
            ("words count", Consent::Undecided),
            ("words --telemetry on count", Consent::Enabled),
            ("words count --telemetry=Opt-Out", Consent::Disabled),
            ("words telemetry status --telemetry YES", Consent::Enabled),
            ("words --telemetry= count", Consent::Undecided),
        ] {
            assert_eq!(parse(line).unwrap().telemetry.consent(), expected, "{line}");
        }
        let error = parse("words --telemetry maybe count")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`maybe` is not a valid choice"), "{error}");
    }

    #[test]
    fn messages_contain_the_words_of_the_commands() {
        let builder = localtel::Telemetry::builder("words");
        let Embedding::Telemetry(command) = parse("words telemetry status").unwrap().command else {
            panic!("that is another command")
        };
        assert_eq!(command.words(&builder), "words telemetry");
        let command = command.called("tool admin data");
        assert_eq!(command.words(&builder), "tool admin data");
    }
}
