//! A server of JSON documents, modelled on `FerretDB`: it counts commands and their results, and
//! records them in a report once a day and when it ends.
//!
//! ```sh
//! cargo run --bin document_server -- --telemetry=enable <<END
//! 1 insert {"name":"ann","age":41}
//! 2 insert {"name":"bob","age":17}
//! 1 find {"age":{"$gt":18}}
//! 2 update {"name":"bob"} {"$set":{"age":18}}
//! 1 count {}
//! END
//! ```
//!
//! It reads standard input instead of a network. A line is the number of a client and its command.
//! The commands of one client are answered in order, those of several clients at the same time.
//!
//! Only names that this program defines are counted: an unknown command or operator adds to
//! `unknown`, so that no client can put text into the telemetry.
//!
//! While consent is undecided, nothing is recorded in the first hour, so that the user can refuse,
//! and then recording begins. The server prints this when it starts. With `--telemetry=disable`, or
//! after `localtel --app document_server disable`, nothing is recorded.

use std::ffi::OsString;
use std::io::{self, BufRead as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use localtel::consent::WhenUndecided;
use localtel::recording::Watching;
use localtel::report::{Deployment, Reports};
use localtel::{Consent, Telemetry};
use serde_json::{Map, Value, json};

fn main() -> ExitCode {
    let flag = match telemetry_flag(std::env::args_os().skip(1)) {
        Ok(flag) => flag,
        Err(message) => {
            eprintln!("document_server: {message}");
            return ExitCode::from(2);
        }
    };
    let telemetry = Telemetry::builder("document_server")
        .version(env!("CARGO_PKG_VERSION"))
        .when_undecided(WhenUndecided::RecordAfter(HOUR))
        // A long-running process must notice that the hour is over, or that consent was decided.
        .watching(Watching::Always)
        .flag(flag)
        .deployment(deployment())
        .reports(Reports::Every(DAY))
        .open();
    announce(&telemetry);
    let served = serve(&telemetry);
    // The counts since the last report. This does nothing if telemetry is off.
    let _outcome = telemetry.report_now();
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("document_server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Parses `--telemetry WORD` or `--telemetry=WORD`, the only option.
fn telemetry_flag(arguments: impl Iterator<Item = OsString>) -> Result<Consent, String> {
    let arguments: Vec<String> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let word = match *arguments {
        [] => return Ok(Consent::Undecided),
        ["--telemetry", word] => Some(word),
        [argument] => argument.strip_prefix("--telemetry="),
        _ => None,
    };
    let word = word.ok_or_else(|| format!("{USAGE}\n{WORDS}"))?;
    word.parse()
        .map_err(|_| format!("invalid value `{word}` for --telemetry\n{USAGE}\n{WORDS}"))
}

fn deployment() -> Deployment {
    Deployment::new()
        .commit(COMMIT)
        .branch(BRANCH)
        // A build without a known commit counts as dirty.
        .dirty(COMMIT == UNKNOWN)
        .debug_build(cfg!(debug_assertions))
        .installer("cargo")
        .build("rust", env!("CARGO_PKG_RUST_VERSION"))
        .build(
            "panic",
            if cfg!(panic = "unwind") {
                "unwind"
            } else {
                "abort"
            },
        )
        .component("collection", "1.0")
        .component("query", "1.0")
}

/// Prints whether telemetry is on, and whether an update is available according to `release.json`,
/// which the owner of the machine writes. No network is used.
fn announce(telemetry: &Telemetry) {
    let status = telemetry.status();
    match status.off_because {
        None => eprintln!("document_server: telemetry stays on this machine"),
        Some(reason) => eprintln!("document_server: nothing is recorded: {reason}"),
    }
    if let Some(left) = status.grace_left {
        let minutes = left.as_secs().div_ceil(60);
        eprintln!(
            "document_server: recording begins in {minutes} minutes unless consent is decided before; to refuse: \
             `localtel --app document_server disable`, or start the server with `--telemetry=disable`"
        );
    }
    if let Some(release) = telemetry.release() {
        let own = env!("CARGO_PKG_VERSION");
        eprintln!(
            "document_server: {} is available, this is {own}",
            release.version
        );
    }
}

/// A client's command.
struct Request {
    client: u64,
    /// Clients may send anything, so it need not be UTF-8.
    text: Vec<u8>,
}

/// Answers the requests on standard input until it ends.
fn serve(telemetry: &Telemetry) -> io::Result<()> {
    let collection = Mutex::new(Vec::new());
    let collection = &collection;
    thread::scope(|scope| {
        let mut workers: Vec<Sender<Request>> = Vec::new();
        for number in 0..WORKERS {
            let (sender, requests) = channel();
            workers.push(sender);
            let work = move || answer_all(&requests, collection, telemetry);
            let name = format!("worker-{number}");
            thread::Builder::new()
                .name(name)
                .spawn_scoped(scope, work)?;
        }
        for line in io::stdin().lock().split(b'\n') {
            let line = line?;
            let Some(request) = request(&line) else {
                eprintln!("document_server: expected CLIENT COMMAND [JSON...]");
                continue;
            };
            // All commands of a client go to one worker, which keeps their order.
            let worker = usize::try_from(request.client % WORKERS).unwrap_or_default();
            if let Some(worker) = workers.get(worker) {
                worker.send(request).map_err(io::Error::other)?;
            }
        }
        Ok(())
    })
}

fn request(line: &[u8]) -> Option<Request> {
    let line = line.trim_ascii();
    let (client, text) = line.split_at_checked(line.iter().position(|byte| *byte == b' ')?)?;
    Some(Request {
        client: str::from_utf8(client).ok()?.parse().ok()?,
        text: text.trim_ascii().to_vec(),
    })
}

fn answer_all(
    requests: &Receiver<Request>,
    collection: &Mutex<Vec<JsonDocument>>,
    telemetry: &Telemetry,
) {
    for Request { client, text } in requests {
        let (command, (argument, result)) = match str::from_utf8(&text) {
            Err(_) => (None, (NONE, Err(CommandFailure::FailedToParse))),
            Ok(text) => {
                let (name, arguments) = text.split_once(' ').unwrap_or((text, ""));
                let command = DocumentCommand::named(name);
                let answered = match command {
                    Some(command) => answer(command, arguments, collection),
                    None => (NONE, Err(CommandFailure::CommandNotFound)),
                };
                (command, answered)
            }
        };
        let labels = [
            ("opcode", "OP_MSG"),
            ("command", command.map_or(UNKNOWN, DocumentCommand::name)),
            ("argument", argument),
            (
                "result",
                result.as_ref().map_or_else(CommandFailure::code, |_| "ok"),
            ),
        ];
        // The labels are known only now. Code that counts more than a thousand times a second
        // should keep its counters.
        telemetry.counter("command_metrics", labels).add(1);
        let reply = match result {
            Ok(reply) => format!("{client} ok {reply}\n"),
            Err(failure) => format!("{client} error {}\n", failure.code()),
        };
        // The reader may be gone.
        let _written = io::stdout().lock().write_all(reply.as_bytes());
    }
}

type JsonDocument = Map<String, Value>;

/// A command that a client may send.
#[derive(Debug, Clone, Copy)]
enum DocumentCommand {
    Insert,
    Find,
    Update,
    Delete,
    Count,
}

impl DocumentCommand {
    const ALL: [Self; 5] = [
        Self::Insert,
        Self::Find,
        Self::Update,
        Self::Delete,
        Self::Count,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Find => "find",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Count => "count",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == name)
    }
}

/// The reason why a command failed, with the names of `MongoDB`.
#[derive(Debug)]
enum CommandFailure {
    CommandNotFound,
    FailedToParse,
    BadValue,
}

impl CommandFailure {
    const fn code(&self) -> &'static str {
        match self {
            Self::CommandNotFound => "CommandNotFound",
            Self::FailedToParse => "FailedToParse",
            Self::BadValue => "BadValue",
        }
    }
}

/// Answers a command, and returns the operator that it used, or `none`.
fn answer(
    command: DocumentCommand,
    arguments: &str,
    collection: &Mutex<Vec<JsonDocument>>,
) -> (&'static str, Result<String, CommandFailure>) {
    let arguments: Result<Vec<JsonDocument>, _> = serde_json::Deserializer::from_str(arguments)
        .into_iter()
        .collect();
    let Ok(arguments) = arguments else {
        return (NONE, Err(CommandFailure::FailedToParse));
    };
    let operator = arguments.iter().find_map(operator_in).unwrap_or(NONE);
    let mut documents = collection.lock().unwrap_or_else(PoisonError::into_inner);
    let reply = match (command, arguments.as_slice()) {
        (DocumentCommand::Insert, new) if !new.is_empty() => {
            documents.extend_from_slice(new);
            Ok(new.len().to_string())
        }
        (DocumentCommand::Find, [filter]) => {
            matching(&documents, filter).map(|found| json!(found).to_string())
        }
        (DocumentCommand::Count, [filter]) => {
            matching(&documents, filter).map(|found| found.len().to_string())
        }
        (DocumentCommand::Update, [filter, change]) => update(&mut documents, filter, change),
        (DocumentCommand::Delete, [filter]) => delete(&mut documents, filter),
        (
            DocumentCommand::Insert
            | DocumentCommand::Find
            | DocumentCommand::Update
            | DocumentCommand::Delete
            | DocumentCommand::Count,
            _,
        ) => Err(CommandFailure::BadValue),
    };
    (operator, reply)
}

/// Returns the first operator of a filter or a change, or `unknown` if the server does not define
/// it.
fn operator_in(document: &JsonDocument) -> Option<&'static str> {
    document.iter().find_map(|(name, value)| {
        if name.starts_with('$') {
            let known = OPERATORS.iter().find(|known| *known == name);
            return Some(known.copied().unwrap_or(UNKNOWN));
        }
        value.as_object().and_then(operator_in)
    })
}

fn matching<'d>(
    documents: &'d [JsonDocument],
    filter: &JsonDocument,
) -> Result<Vec<&'d JsonDocument>, CommandFailure> {
    let mut found = Vec::new();
    for document in documents {
        if is_match(document, filter)? {
            found.push(document);
        }
    }
    Ok(found)
}

fn is_match(document: &JsonDocument, filter: &JsonDocument) -> Result<bool, CommandFailure> {
    for (name, wanted) in filter {
        let value = document.get(name);
        let is_kept = match wanted.as_object().and_then(|wanted| wanted.iter().next()) {
            None => value == Some(wanted),
            Some((operator, bound)) => {
                let numbers = (value.and_then(Value::as_f64), bound.as_f64());
                match (operator.as_str(), numbers) {
                    ("$eq", _) => value == Some(bound),
                    ("$exists", _) => Some(value.is_some()) == bound.as_bool(),
                    ("$gt", (value, Some(bound))) => value.is_some_and(|value| value > bound),
                    ("$lt", (value, Some(bound))) => value.is_some_and(|value| value < bound),
                    _ => return Err(CommandFailure::BadValue),
                }
            }
        };
        if !is_kept {
            return Ok(false);
        }
    }
    Ok(true)
}

fn update(
    documents: &mut [JsonDocument],
    filter: &JsonDocument,
    change: &JsonDocument,
) -> Result<String, CommandFailure> {
    let Some(Value::Object(set)) = change.get("$set") else {
        return Err(CommandFailure::BadValue);
    };
    let mut updated = 0;
    for document in documents {
        if is_match(document, filter)? {
            document.extend(set.clone());
            updated += 1;
        }
    }
    Ok(updated.to_string())
}

fn delete(
    documents: &mut Vec<JsonDocument>,
    filter: &JsonDocument,
) -> Result<String, CommandFailure> {
    let mut kept = Vec::new();
    for document in &*documents {
        if !is_match(document, filter)? {
            kept.push(document.clone());
        }
    }
    let deleted = documents.len() - kept.len();
    *documents = kept;
    Ok(deleted.to_string())
}

const USAGE: &str = "usage: document_server [--telemetry=WORD]";
/// The words of `FerretDB`, which localtel accepts in any case.
const WORDS: &str = "\
    to enable:  1, t, true, y, yes, on, enable, enabled, optin, opt-in, allow\n\
    to disable: 0, f, false, n, no, off, disable, disabled, optout, opt-out, disallow, forbid\n\
    undecided:  undecided, or an empty word";

/// The operators of filters and changes.
const OPERATORS: [&str; 5] = ["$eq", "$exists", "$gt", "$lt", "$set"];

/// The label that replaces names which the server does not define.
const UNKNOWN: &str = "unknown";
/// The label of a command without an operator.
const NONE: &str = "none";

const WORKERS: u64 = 4;
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Set by the build.
const COMMIT: &str = match option_env!("DOCUMENT_SERVER_COMMIT") {
    Some(commit) => commit,
    None => UNKNOWN,
};
const BRANCH: &str = match option_env!("DOCUMENT_SERVER_BRANCH") {
    Some(branch) => branch,
    None => UNKNOWN,
};
