//! A complete application that embeds the commands of localtel and asks its user for consent:
//! `words` counts words.
//!
//! ```sh
//! cargo run --bin embedded -- count README.md
//! cargo run --bin embedded -- telemetry enable
//! cargo run --bin embedded -- top README.md
//! cargo run --bin embedded -- telemetry show
//! cargo run --bin embedded -- --telemetry off count README.md
//! ```
//!
//! It records each command, its duration and its result, and never the names or contents of files.
//! Telemetry is opened after the command line is parsed, and only for the commands that do the
//! work, so `--help`, `--version`, completions and the telemetry commands record nothing.
#![expect(
    clippy::disallowed_methods,
    reason = "reads files and the environment; the lint is meant for the library"
)]

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

use clap::{CommandFactory as _, Parser, Subcommand};
use localtel::recording::Delivery;
use localtel::{Builder, Consent, Telemetry};
use localtel_cli::{TelemetryCommand, TelemetryFlag};
use tracing_subscriber::prelude::*;

/// Counts words.
#[derive(Debug, Parser)]
#[command(name = "words", bin_name = "words", version)]
struct WordsArguments {
    #[command(flatten)]
    telemetry: TelemetryFlag,
    #[command(subcommand)]
    command: WordsCommand,
}

#[derive(Debug, Subcommand)]
enum WordsCommand {
    /// Counts the lines and words of files
    Count {
        /// The files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Lists the most frequent words
    Top {
        /// The file
        file: PathBuf,
        /// Number of words
        #[arg(short, long, default_value_t = 10)]
        number: usize,
    },
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Shows and manages the telemetry of this program
    Telemetry(TelemetryCommand),
}

fn main() -> ExitCode {
    // Exits here for help, version and invalid arguments.
    let arguments = WordsArguments::parse();
    let builder = Telemetry::builder("words")
        .version(env!("CARGO_PKG_VERSION"))
        .delivery(Delivery::Inline)
        .flag(arguments.telemetry.consent());
    match arguments.command {
        WordsCommand::Count { files } => recorded(builder, "count", || count(&files)),
        WordsCommand::Top { file, number } => recorded(builder, "top", || top(&file, number)),
        WordsCommand::Completions { shell } => {
            let mut command = WordsArguments::command();
            clap_complete::generate(shell, &mut command, "words", &mut io::stdout());
            ExitCode::SUCCESS
        }
        WordsCommand::Telemetry(command) => command.run(&builder).into(),
    }
}

/// Runs a job and records its result. Recording never changes the output or the exit code of the
/// job.
fn recorded(builder: Builder, command: &str, job: impl FnOnce() -> io::Result<()>) -> ExitCode {
    let telemetry = builder.open();
    tracing_subscriber::registry()
        .with(telemetry.layer().with_filter(telemetry.filter()))
        .init();

    let start = Instant::now();
    let outcome = job();
    let duration = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let exit = match outcome {
        Ok(()) => {
            tracing::info!(name: "command", command, duration, result = "SUCCESS");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("words: {error}");
            // The message may contain a file name, so only the kind is recorded.
            let error = error.kind().to_string();
            tracing::error!(name: "command", command, duration, result = "ERROR", error);
            ExitCode::FAILURE
        }
    };
    ask(&telemetry);
    exit
}

/// Asks once whether to record: if consent is undecided, if a user is at a terminal, and after the
/// job, so that the question does not delay it.
fn ask(telemetry: &Telemetry) {
    let status = telemetry.status();
    let (Some(decision), Some(directory)) = (status.decision, status.directory) else {
        return;
    };
    let is_at_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if decision.state != Consent::Undecided || !is_at_terminal || env::var_os("CI").is_some() {
        return;
    }
    let mut answer = String::new();
    eprint!(
        "
May words record which of its commands you run, how long they take and how they end?
The records stay on this computer, in {}.
They are never sent anywhere, and contain no text and no file names.
See them with `words telemetry show`, change your mind with `words telemetry disable`,
and remove them with `words telemetry clear`.
Your answer? [y/N] ",
        directory.display()
    );
    // A closed terminal is not an answer, so the next run asks again.
    if io::stderr().flush().is_err() || io::stdin().read_line(&mut answer).unwrap_or(0) == 0 {
        return;
    }
    let choice = match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Consent::Enabled,
        _ => Consent::Disabled,
    };
    if let Err(error) = telemetry.set_consent(choice) {
        eprintln!("words: your answer could not be stored: {error}");
    }
}

/// Prints the number of lines and words of files.
fn count(files: &[PathBuf]) -> io::Result<()> {
    for file in files {
        let text = read(file)?;
        let (lines, words) = (text.lines().count(), text.split_whitespace().count());
        println!("{lines:>8} {words:>8} {}", file.display());
    }
    Ok(())
}

/// Prints the most frequent words of a file.
fn top(file: &Path, number: usize) -> io::Result<()> {
    let text = read(file)?.to_lowercase();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()) {
        if !word.is_empty() {
            *uses.entry(word).or_default() += 1;
        }
    }
    let mut uses: Vec<_> = uses.into_iter().collect();
    uses.sort_by_key(|(word, count)| (Reverse(*count), *word));
    for (word, count) in uses.into_iter().take(number) {
        println!("{count:>8} {word}");
    }
    Ok(())
}

fn read(file: &Path) -> io::Result<String> {
    let name = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("could not read {}: {error}", file.display()),
        )
    };
    fs::read_to_string(file).map_err(name)
}
