//! `policy`: shows the rules of the owner of this machine, changes them (`change`), and tries the
//! rules for secrets on a text. The library's `policy` defines the rules, and refuses to change a
//! file that is invalid.

mod absent_name;
mod change;
mod removal;
#[cfg(test)]
mod tests;

use std::io::{self, Read as _, Write};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use localtel::admin::{Environment, Location, SecretsInText, ShellWord};
use localtel::policy::Action;
use localtel::read::Reader;
use localtel::{Error, ErrorKind, Level};

use self::absent_name::{AbsentName, NameKind};
use self::change::{Change, EVENTS, PROPERTIES, TARGETS};
use super::cells::{LongWords, Padded, width, wrapped};
use super::exit::Exit;
use super::failure::Failure;
use super::quantity::count;
use super::rules::as_toml;
use super::sanitize::Sanitized;
use super::screen::Screen;
use super::selection::unnamed;
use super::suggestion::parse_level;

/// Arguments of `policy`.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    /// Show the policy for each application that has telemetry
    #[arg(id = "localtel.all", long = "all")]
    pub(crate) all: bool,
    #[command(subcommand)]
    command: Option<PolicyCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum PolicyCommand {
    /// Shows the policy of this machine's owner (the default)
    Show,
    /// Sets the action for a property of events and spans, or for `message`
    #[command(after_help = PROPERTY_EXAMPLES)]
    Property {
        /// Property, case-insensitive: `http.*` for a prefix, `os.kernel` for a nested key,
        /// `*.authorization` for a key at any depth
        #[arg(id = "localtel.name", value_name = "NAME")]
        name: String,
        /// Action; `redact` masks only the secrets in it
        #[arg(id = "localtel.action", value_name = "ACTION", value_parser = action())]
        action: Action,
    },
    /// Sets whether an event is recorded
    Event {
        /// Event; `heart*` for a prefix
        #[arg(id = "localtel.name", value_name = "NAME")]
        name: String,
        /// Action
        #[arg(id = "localtel.action", value_name = "ACTION", value_parser = ["keep", "drop"])]
        action: String,
    },
    /// Sets whether a target and the modules below it are recorded
    Target {
        /// Target, such as `myapp::sql`
        #[arg(id = "localtel.name", value_name = "NAME")]
        name: String,
        /// Action
        #[arg(id = "localtel.action", value_name = "ACTION", value_parser = ["keep", "drop"])]
        action: String,
    },
    /// Sets the minimum level that is recorded
    Level {
        /// trace, debug, info, warn or error
        #[arg(id = "localtel.level", value_name = "LEVEL", value_parser = parse_level)]
        level: Level,
    },
    /// Sets the action for events and properties without a rule; `drop` makes an allow-list
    Unnamed {
        /// Action
        #[arg(id = "localtel.action", value_name = "ACTION", value_parser = ["keep", "drop"])]
        action: String,
    },
    /// Sets whether secrets in messages and errors are masked if the application keeps them
    Secrets {
        /// Action
        #[arg(id = "localtel.secrets", value_name = "SECRETS", value_parser = ["mask", "keep"])]
        secrets: String,
    },
    /// Sets a row of the metadata in reports, or whether reports include it
    #[command(after_help = METADATA_EXAMPLES)]
    Metadata {
        /// Key of the row
        #[arg(id = "localtel.key", value_name = "KEY")]
        key: String,
        /// Value, instead of the application's
        #[arg(id = "localtel.value", value_name = "VALUE")]
        value: Option<String>,
        /// Include it in reports or not [default: the application's choice]
        #[arg(id = "localtel.include", long = "include", value_name = "yes|no", value_parser = ["yes", "no"])]
        include: Option<String>,
    },
    /// Sets a limit of the directory, instead of the application's
    #[command(after_help = STORAGE_EXAMPLES)]
    Storage {
        /// Limit
        #[arg(id = "localtel.limit", value_name = "LIMIT", value_enum)]
        limit: StorageLimit,
        /// Value: an age such as `400 days`, a size such as `2 GiB`, true or false, or `audit`
        #[arg(
            id = "localtel.value",
            value_name = "VALUE",
            allow_hyphen_values = true
        )]
        value: String,
    },
    /// Removes a rule or a limit
    #[command(after_help = UNSET_EXAMPLES)]
    Unset {
        /// Kind of the rule
        #[arg(id = "localtel.kind", value_name = "KIND", value_enum)]
        kind: RuleKind,
        /// Name, for kinds with several rules
        #[arg(id = "localtel.name", value_name = "NAME")]
        name: Option<String>,
    },
    /// Shows which secrets the rules find in a text
    #[command(after_help = TEST_EXAMPLES)]
    Test {
        /// Text; `-` reads standard input
        #[arg(id = "localtel.text", value_name = "TEXT", allow_hyphen_values = true)]
        text: String,
    },
}

/// The kind of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RuleKind {
    Level,
    Unnamed,
    Secrets,
    Property,
    Event,
    Target,
    Metadata,
    Storage,
}

/// A limit of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StorageLimit {
    /// Age beyond which records are removed
    #[value(name = "age_max", alias = "age-max")]
    AgeMax,
    /// Size of all segments together
    #[value(name = "total_bytes_max", alias = "total-bytes-max")]
    TotalBytesMax,
    /// Whether closed segments are compressed
    Compress,
    /// Limits for a purpose; those that are set themselves override it
    Preset,
}

fn action() -> impl clap::builder::TypedValueParser<Value = Action> {
    PossibleValuesParser::new(Action::ALL.map(Action::as_str))
        .try_map(|word| word.parse::<Action>())
}

impl PolicyArgs {
    /// Returns `true` if the policy is shown and not changed.
    pub(crate) fn is_shown(&self) -> bool {
        matches!(self.command, None | Some(PolicyCommand::Show))
    }

    /// Returns the text of `policy test`, which needs no location.
    pub(crate) fn text_to_test(&self) -> Option<&str> {
        match &self.command {
            Some(PolicyCommand::Test { text }) => Some(text),
            Some(_) | None => None,
        }
    }
}

/// Shows or changes the policy, or tests a text.
pub(crate) fn run(
    location: &Location,
    args: PolicyArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let change = match args.command.unwrap_or(PolicyCommand::Show) {
        PolicyCommand::Show => return show(location, screen),
        PolicyCommand::Test { text } => return test(&text, environment, screen),
        PolicyCommand::Property { name, action } => Change::set(PROPERTIES, name, action.as_str())?,
        PolicyCommand::Event { name, action } => Change::set(EVENTS, name, action)?,
        PolicyCommand::Target { name, action } => Change::set(TARGETS, name, action)?,
        PolicyCommand::Level { level } => Change::top("level", level.as_str().to_ascii_lowercase()),
        PolicyCommand::Unnamed { action } => Change::top("unnamed", action),
        PolicyCommand::Secrets { secrets } => Change::top("secrets", secrets),
        PolicyCommand::Metadata {
            key,
            value,
            include,
        } => {
            let include = include.map(|word| word == "yes");
            check_row(&key, value.as_deref(), include, location)?;
            Change::row(key, value, include)
        }
        PolicyCommand::Storage { limit, value } => Change::limit(limit, &value, location)?,
        PolicyCommand::Unset { kind, name } => {
            let change = Change::unset(kind, name, location)?;
            if location.owner_policy() == Ok(None) {
                // Nothing is created to remove a rule.
                return Err(change_failed(change.no_such_rule(), location));
            }
            change
        }
    };
    if let Err(error) = location.certain_application() {
        return Err(unnamed(error, location));
    }
    let file = location.policy_file();
    location
        .edit_policy(|text| change.apply(text, &file))
        .map_err(|error| change_failed(error, location))?;
    writeln!(
        screen.stdout,
        "{}: saved in {}",
        Sanitized(&change.to_string()),
        Sanitized(&file.display().to_string())
    )?;
    if let Some(note) = change.note() {
        writeln!(screen.stdout, "{note}")?;
    }
    print_absent_name(&change, location, screen);
    Ok(Exit::Done)
}

/// Prints a suggestion if a rule names something that no recent record has and similar names occur.
fn print_absent_name(change: &Change, location: &Location, screen: &mut Screen<'_>) {
    let Some((kind, name, word)) = change.named() else {
        return;
    };
    let Ok(reverse) = Reader::reverse(&location.path()) else {
        return;
    };
    let mut absent = match kind {
        // Rules for properties are case-insensitive.
        NameKind::Property => AbsentName::new(kind, &name.to_lowercase()),
        NameKind::Event | NameKind::Target => AbsentName::new(kind, name),
    };
    if kind == NameKind::Property {
        absent.compare("message");
    }
    absent.read_last(reverse);
    let suggest = |near: &str| {
        location.command(&format!(
            "policy {} {} {word}",
            kind.as_str(),
            ShellWord(near)
        ))
    };
    absent.print(suggest, screen.stderr);
}

/// Adds the next step if the file could not be changed.
fn change_failed(error: Error, location: &Location) -> Failure {
    let policy = location.command("policy");
    match error.kind() {
        ErrorKind::Format { .. } => Failure::failed(error.chain()).hint(format!(
            "nothing was changed, and nothing is recorded meanwhile; fix it in an editor, and `{policy}` \
             reports whether it is valid"
        )),
        ErrorKind::Invalid { .. } => Failure::failed(error.chain())
            .hint(format!("nothing was changed; `{policy}` shows the rules")),
        ErrorKind::Io { .. } if location.is_policy_not_a_file() => {
            let file = location.policy_file();
            let file = file.display();
            Failure::failed(error.chain()).hint(format!(
                "nothing was changed, and nothing is recorded meanwhile; replace {file} by a regular file, or remove it"
            ))
        }
        ErrorKind::Io { .. }
        | ErrorKind::Directory { .. }
        | ErrorKind::OtherUser { .. }
        | ErrorKind::Foreign { .. }
        | ErrorKind::Busy { .. }
        | ErrorKind::TimedOut { .. }
        | ErrorKind::Off { .. }
        | _ => Failure::from(error),
    }
}

fn check_row(
    key: &str,
    value: Option<&str>,
    include: Option<bool>,
    location: &Location,
) -> Result<(), Failure> {
    if key.is_empty() {
        let help = location.command("policy metadata --help");
        return Err(Failure::usage("the row has no key").hint(help));
    }
    if value.is_none() && include.is_none() {
        let message = format!("metadata: {key:?} needs a value, or --include yes or no, or both");
        let hint = location.command("policy metadata KEY VALUE");
        return Err(Failure::usage(message).hint(hint));
    }
    Ok(())
}

/// Shows the policy of a location.
pub(crate) fn show(location: &Location, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let file = location.policy_file().display().to_string();
    let owner = match location.owner_policy() {
        Ok(owner) => owner,
        Err(problem) => {
            // A directory that cannot be read is another error.
            location.check_readable()?;
            let hint =
                format!("fix {file}; running programs then continue to record within a second");
            let message = format!("{problem}; nothing is recorded until it is fixed");
            return Err(Failure::failed(message).hint(hint));
        }
    };
    // What follows `# `.
    let cells = screen.text_cells().saturating_sub(2);
    let out = &mut *screen.stdout;
    match location.application_policy() {
        None => {}
        Some(policy) => {
            writeln!(out, "# Rules of {location}:")?;
            let rules = as_toml(policy);
            if rules.is_empty() {
                writeln!(out, "#   everything, secrets in messages included")?;
            }
            for line in rules.lines().filter(|line| !line.is_empty()) {
                writeln!(out, "#   {}", Sanitized(line))?;
            }
        }
    }
    if owner.is_none() {
        writeln!(
            out,
            "# {}: no such file, so you forbid nothing.",
            Sanitized(&file)
        )?;
        if location.application_policy().is_none() {
            let usual = wrapped(USUAL, cells, 0, LongWords::Kept);
            for line in usual.lines() {
                writeln!(out, "# {line}")?;
            }
        }
        writeln!(
            out,
            "# You can only forbid more, and replace limits of storage, for example:"
        )?;
        let steps = STEPS.map(|(words, about)| {
            let command = location.command(words);
            (Sanitized(&command).to_string(), about)
        });
        print_steps(&steps, cells, out)?;
    } else {
        writeln!(out, "# {}", Sanitized(&file))?;
        for line in location.policy_text()?.lines() {
            writeln!(out, "{}", Sanitized(line))?;
        }
    }
    Ok(Exit::Done)
}

/// Prints commands, each with what it is for: beside it, or below it if that is too wide.
fn print_steps(steps: &[(String, &str)], cells: usize, out: &mut dyn Write) -> io::Result<()> {
    let widest = |width_of: fn(&(String, &str)) -> usize| {
        let widths = steps.iter().map(width_of);
        widths.max().unwrap_or_default()
    };
    let commands = widest(|(command, _)| width(command));
    let is_beside = 5 + commands + widest(|(_, about)| width(about)) <= cells;
    for (command, about) in steps {
        if is_beside {
            writeln!(out, "#   {}   {about}", Padded(command, commands))?;
        } else {
            writeln!(out, "#   {command}\n#     {about}")?;
        }
    }
    Ok(())
}

/// Prints a text with its secrets masked as in a message, and the findings of each rule.
pub(crate) fn test(
    text: &str,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let mut input = String::new();
    let text = if text == "-" {
        input.push_str(&read_text(screen)?);
        input.trim_end_matches('\n')
    } else {
        text
    };
    let secrets = SecretsInText::find(text, environment);
    for line in secrets.masked.lines() {
        writeln!(screen.stdout, "{}", Sanitized(line))?;
    }
    let findings = secrets.found;
    for finding in findings.iter().take(FINDINGS_MAX) {
        screen.print_message(format_args!(
            "{}: {} (bytes {} to {})",
            finding.rule, finding.about, finding.range.start, finding.range.end
        ));
    }
    match findings.len() {
        0 => screen.print_message(format_args!("no rule finds a secret in it")),
        found if found > FINDINGS_MAX => {
            let more = count((found - FINDINGS_MAX) as u64, "more finding");
            screen.print_message(format_args!("and {more}"));
        }
        _ => {}
    }
    Ok(Exit::Done)
}

fn read_text(screen: &mut Screen<'_>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let input = &mut *screen.stdin;
    input
        .take(INPUT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::failed(format!("could not read the input: {error}")))?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(
            Failure::failed(format!("the input is longer than {INPUT_BYTES_MAX} bytes"))
                .hint("split it into parts"),
        );
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The default rules, where the rules of the application are not known and there is no file.
const USUAL: &str = "Unless the application sets other rules, its events are recorded as they are, \
                     and in messages and texts of errors secrets are masked: passwords, tokens, \
                     private keys, addresses, your home and your user name.";

/// Examples for `policy` without a file.
const STEPS: [(&str, &str); 6] = [
    (
        "policy property user hash",
        "distinguish users without their names",
    ),
    ("policy target hyper drop", "no events of that library"),
    ("policy unnamed drop", "only what a rule keeps"),
    ("policy storage total_bytes_max 2GiB", "how much is kept"),
    (
        "policy test 'some text'",
        "show which secrets are masked in it",
    ),
    ("policy --help", "everything else"),
];

/// Number of findings that are printed one by one.
const FINDINGS_MAX: usize = 20;

/// Longest input in bytes.
const INPUT_BYTES_MAX: u64 = 16 << 20;

/// Examples for `policy`.
pub(crate) const EXAMPLES: &str = "\
The owner of the machine can only restrict further what the application allows. There are two exceptions: metadata \
of reports can be added or included, and limits of storage replace the application's. Running programs apply a change within a second of their next record.

Examples:
  localtel policy                            show the rules
  localtel policy property user hash         tell users apart without names
  localtel policy property 'http.*' drop     neither values nor names
  localtel policy target hyper drop          no events of that library
  localtel policy level info                 no debug and trace events
  localtel policy unnamed drop               only what a rule keeps
  localtel policy metadata cloud --include no
  localtel policy storage total_bytes_max '2 GiB'
  localtel policy unset property user
  localtel policy test 'login with password=hunter2 from 10.0.0.1'";

const PROPERTY_EXAMPLES: &str = "\
Examples:
  localtel policy property user hash     equal until `localtel reset`
  localtel policy property path redact   mask user names and the home in it
  localtel policy property query drop";

const METADATA_EXAMPLES: &str = "\
Give a value, --include or both. `--include yes` includes a row that the application leaves out, and adds a \
row that it does not have: reports stay on this machine.

Examples:
  localtel policy metadata cloud --include no    leave it out
  localtel policy metadata team --include yes    include it in any case
  localtel policy metadata rack 'B 7'            the value to report";

const STORAGE_EXAMPLES: &str = "\
Replaces the application's limit, also by a larger one. What exceeds the limits is removed when a program next \
records, and cannot be restored. `localtel status` shows who set each limit, and how many days it holds.

Examples:
  localtel policy storage age_max '400 days'
  localtel policy storage total_bytes_max '2 GiB'
  localtel policy storage compress true
  localtel policy storage preset audit    400 days, 4 GiB, compressed
  localtel policy unset storage age_max   the application's limit again";

const UNSET_EXAMPLES: &str = "\
Examples:
  localtel policy unset property user
  localtel policy unset metadata cloud
  localtel policy unset storage age_max
  localtel policy unset level";

const TEST_EXAMPLES: &str = "\
Prints the text as it would be recorded in a message, and the findings of each rule on stderr.

Examples:
  localtel policy test 'login with password=hunter2 from 10.0.0.1'
  localtel policy test - < app.log";
