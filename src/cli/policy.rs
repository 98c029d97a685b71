//! `policy`: shows what the owner of this machine lets be recorded, changes it in `policy.toml` with the
//! comments of whoever wrote it kept, and tries the rules for secrets on a text. What a rule means is the
//! library's `policy`.

use std::io::Read as _;
use std::path::Path;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value, value};

use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::sanitize::Sanitized;
use super::screen::Screen;
use crate::environment::Environment;
use crate::error::{Error, Result as LibraryResult};
use crate::policy::owner::{self, OwnerFile};
use crate::policy::{Secrets, Treatment};
use crate::record::Level;
use crate::store::segment::FileName;

/// What to do with the policy.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: Option<PolicyCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum PolicyCommand {
    /// Shows the policy of this machine's owner; so does `policy` alone
    Show,
    /// Sets what becomes of a property, in events and in spans; `message` is one
    #[command(after_help = PROPERTY_EXAMPLES)]
    Property {
        /// The property's name; `http.*` stands for all that begin so
        name: String,
        /// keep, clean (mask the secrets in it), pseudonym, mask, drop
        #[arg(value_parser = treatment())]
        treatment: Treatment,
    },
    /// Sets whether an event is recorded
    Event {
        /// The event's name; `heart*` stands for all that begin so
        name: String,
        /// keep or drop
        #[arg(value_parser = ["keep", "drop"])]
        admission: String,
    },
    /// Sets whether a target, and the modules below it, is recorded
    Target {
        /// The target, such as `myapp::sql`
        name: String,
        /// keep or drop
        #[arg(value_parser = ["keep", "drop"])]
        admission: String,
    },
    /// Sets the least grave level that is recorded
    Level {
        /// trace, debug, info, warn, error
        level: Level,
    },
    /// Sets what becomes of events and properties that no rule names: `drop` makes an allow-list
    Unnamed {
        /// keep or drop
        #[arg(value_parser = ["keep", "drop"])]
        admission: String,
    },
    /// Sets whether secrets in messages and error texts are masked although the application keeps them
    Secrets {
        /// mask or keep
        #[arg(value_parser = ["mask", "keep"])]
        secrets: String,
    },
    /// Sets a row of the metadata that reports show, or whether it is shown
    Metadata {
        /// The row's key
        key: String,
        /// Its value, instead of the application's
        value: Option<String>,
        /// Whether reports show it [default: as the application says]
        #[arg(long, value_name = "yes|no", value_parser = ["yes", "no"])]
        include: Option<String>,
    },
    /// Takes a rule back
    Unset {
        /// Which kind of rule
        #[arg(value_parser = ["level", "unnamed", "secrets", "property", "event", "target", "metadata"])]
        kind: String,
        /// Its name, where there are several of the kind
        name: Option<String>,
    },
    /// Shows what the rules for secrets find in a text
    #[command(after_help = TEST_EXAMPLES)]
    Test {
        /// The text; `-` reads it from the input
        text: String,
    },
}

fn treatment() -> impl clap::builder::TypedValueParser<Value = Treatment> {
    PossibleValuesParser::new(Treatment::ALL.map(Treatment::as_str))
        .try_map(|word| word.parse::<Treatment>())
}

/// Does what was asked for.
pub(crate) fn run(
    place: &Place,
    args: PolicyArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let change = match args.command.unwrap_or(PolicyCommand::Show) {
        PolicyCommand::Show => return show(place, screen),
        PolicyCommand::Test { text } => return test(&text, environment, screen),
        PolicyCommand::Property { name, treatment } => {
            Change::set("properties", name, treatment.as_str())
        }
        PolicyCommand::Event { name, admission } => Change::set("events", name, admission),
        PolicyCommand::Target { name, admission } => Change::set("targets", name, admission),
        PolicyCommand::Level { level } => {
            Change::Top("level", Some(level.as_str().to_ascii_lowercase()))
        }
        PolicyCommand::Unnamed { admission } => Change::Top("unnamed", Some(admission)),
        PolicyCommand::Secrets { secrets } => Change::Top("secrets", Some(secrets)),
        PolicyCommand::Metadata {
            key,
            value,
            include,
        } => Change::Metadata {
            key,
            value,
            include: include.map(|word| word == "yes"),
        },
        PolicyCommand::Unset { kind, name } => Change::unset(&kind, name)?,
    };
    let path = place.path();
    owner::edit(&path, |text| change.apply(text))?;
    writeln!(
        screen.stdout,
        "{}: saved in {}",
        Sanitized(&change.to_string()),
        path.join(FileName::Policy.to_string()).display()
    )?;
    Ok(Exit::Done)
}

/// A change of the file.
enum Change {
    /// A key of its own; nothing takes it away.
    Top(&'static str, Option<String>),
    /// A rule in a table; nothing takes it away.
    Rule {
        table: &'static str,
        name: String,
        word: Option<String>,
    },
    /// A row of metadata.
    Metadata {
        key: String,
        value: Option<String>,
        include: Option<bool>,
    },
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Top(key, Some(word)) => write!(f, "{key} {word}"),
            Self::Top(key, None) => write!(f, "{key} taken back"),
            Self::Rule {
                table,
                name,
                word: Some(word),
            } => write!(f, "{table}: {name} {word}"),
            Self::Rule {
                table,
                name,
                word: None,
            } => write!(f, "{table}: {name} taken back"),
            Self::Metadata { key, .. } => write!(f, "metadata: {key}"),
        }
    }
}

impl Change {
    fn set(table: &'static str, name: String, word: impl Into<String>) -> Self {
        let word = Some(word.into());
        Self::Rule { table, name, word }
    }

    fn unset(kind: &str, name: Option<String>) -> Result<Self, Failure> {
        let table = match kind {
            "level" => return Ok(Self::Top("level", None)),
            "unnamed" => return Ok(Self::Top("unnamed", None)),
            "secrets" => return Ok(Self::Top("secrets", None)),
            "property" => "properties",
            "event" => "events",
            "target" => "targets",
            _ => "metadata",
        };
        let name = name.ok_or_else(|| {
            Failure::usage(format!("which {kind} is meant?"))
                .hint(format!("localtel policy unset {kind} NAME"))
        })?;
        Ok(Self::Rule {
            table,
            name,
            word: None,
        })
    }

    /// Returns the text of the file with the change in it; what it does not concern stays as it was written.
    fn apply(&self, text: &str) -> LibraryResult<String> {
        let unread = |error: toml_edit::TomlError| {
            let reason = error.message().trim().to_owned();
            Error::invalid("policy.toml", format!("{reason}; mend it in an editor"))
        };
        let mut document: DocumentMut = if text.is_empty() { HEADING } else { text }
            .parse()
            .map_err(unread)?;
        let root = document.as_table_mut();
        match self {
            Self::Top(key, Some(word)) => {
                root.insert(key, value(word.as_str()));
            }
            Self::Top(key, None) => {
                root.remove(key);
            }
            Self::Rule { table, name, word } => match word {
                Some(word) => {
                    table_of(root, table)?.insert(name, value(word.as_str()));
                }
                None => {
                    table_of(root, table)?.remove(name);
                }
            },
            Self::Metadata {
                key,
                value: text,
                include,
            } => {
                let table = table_of(root, "metadata")?;
                let row = row(table.get(key), text.as_deref(), *include);
                table.insert(key, value(row));
            }
        }
        Ok(document.to_string())
    }
}

/// Returns the table of that name, which is made where it is missing.
fn table_of<'t>(root: &'t mut Table, name: &str) -> LibraryResult<&'t mut Table> {
    let item = root
        .entry(name)
        .or_insert_with(|| Item::Table(Table::new()));
    item.as_table_mut().ok_or_else(|| {
        let reason = format!("`{name}` is no table; mend it in an editor");
        Error::invalid("policy.toml", reason)
    })
}

/// Returns a row of metadata with what was given, and the rest as it was.
fn row(before: Option<&Item>, text: Option<&str>, include: Option<bool>) -> InlineTable {
    let mut row = match before.and_then(Item::as_value) {
        Some(Value::InlineTable(row)) => row.clone(),
        Some(Value::String(text)) => {
            let mut row = InlineTable::new();
            row.insert("value", text.value().as_str().into());
            row
        }
        Some(
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_),
        )
        | None => InlineTable::new(),
    };
    if let Some(text) = text {
        row.insert("value", text.into());
    }
    if let Some(include) = include {
        row.insert("include", include.into());
    }
    row
}

fn show(place: &Place, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let path = place.path();
    let file = path.join(FileName::Policy.to_string());
    let file = file.display();
    match OwnerFile::read_at(&path) {
        OwnerFile::Missing => {
            writeln!(
                screen.stdout,
                "{file}: there is none; what the application allows is recorded"
            )?;
            Ok(Exit::Done)
        }
        OwnerFile::Damaged { reason } => {
            writeln!(
                screen.stdout,
                "{file}: {}\nnothing is recorded until it is mended; so that nothing is recorded that it \
                 should forbid",
                Sanitized(&reason)
            )?;
            Ok(Exit::Findings)
        }
        OwnerFile::Owner(_) => {
            writeln!(screen.stdout, "# {file}")?;
            for line in text_of(&path)?.lines() {
                writeln!(screen.stdout, "{}", Sanitized(line))?;
            }
            Ok(Exit::Done)
        }
    }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    Ok(owner::text_at(path)?)
}

fn test(text: &str, environment: &Environment, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let mut input = String::new();
    let text = if text == "-" {
        let mut bytes = Vec::new();
        screen
            .stdin
            .take(INPUT_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::failed(format!("could not read the input: {error}")))?;
        input.push_str(&String::from_utf8_lossy(&bytes));
        input.trim_end_matches('\n')
    } else {
        text
    };
    let home = environment.home();
    let home = home.as_deref().and_then(Path::to_str);
    let secrets = Secrets::new(home, environment.user().as_deref());
    for line in secrets.mask(text).lines() {
        writeln!(screen.stdout, "{}", Sanitized(line))?;
    }
    let findings = secrets.findings(text);
    for finding in &findings {
        let (rule, range) = (finding.rule, &finding.range);
        screen.say(format_args!(
            "{}: {} (bytes {} to {})",
            rule.name(),
            rule.about(),
            range.start,
            range.end
        ));
    }
    if findings.is_empty() {
        screen.say(format_args!("no rule finds a secret in it"));
    }
    Ok(Exit::Done)
}

/// What a new file begins with.
const HEADING: &str = "\
# What may be recorded here. It can only take away from what the application allows; what cannot be
# understood lets nothing pass. `localtel policy --help` has the words.
";

/// How much of the input is looked at.
const INPUT_BYTES_MAX: u64 = 16 << 20;

/// Examples for `policy`.
pub(crate) const EXAMPLES: &str = "\
What the application allows can be narrowed here, and never widened. Running programs obey within a second \
of their next record.

Examples:
  localtel policy                            what is forbidden so far
  localtel policy property user pseudonym    tell users apart without naming them
  localtel policy property 'http.*' drop     neither the values nor the names
  localtel policy target hyper drop          nothing from that library
  localtel policy level info                 nothing finer
  localtel policy unnamed drop               only what a rule keeps
  localtel policy metadata cloud --include no
  localtel policy unset property user
  localtel policy test 'login with password=hunter2 from 10.0.0.1'";

const PROPERTY_EXAMPLES: &str = "\
Examples:
  localtel policy property user pseudonym   equal users stay equal, until `localtel reset`
  localtel policy property path clean       names of users and the home directory are masked in it
  localtel policy property query drop";

const TEST_EXAMPLES: &str = "\
Prints the text as it would be recorded in a message, and on stderr which rule found what.

Examples:
  localtel policy test 'login with password=hunter2 from 10.0.0.1'
  journalctl -u myapp -n 100 | localtel policy test -";
