//! `import`: takes bundles of other machines into a tree. The package `localtel-bundle` does it;
//! here are the arguments, and what is said about each bundle (`text`, `problem`).

mod problem;
mod text;

use std::io;
use std::path::{Path, PathBuf};

use localtel::{Error, ErrorKind};
use localtel_bundle::import::{
    BundleFailure, BundleImport, FoundBundles, ImportStep, Importer, Leftover, find_bundles,
};
use serde_json::{Value, json};

use self::text::Totals;
use super::document::document;
use super::exit::Exit;
use super::failure::Failure;
use super::progress::ProgressLine;
use super::screen::Screen;
use super::selection::SelectionArgs;
use super::time::{Zone, ZoneArgs, timestamp};

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// Bundles, or directories that contain bundles, for example a stick
    #[arg(id = "localtel.bundles", value_name = "BUNDLE", required = true)]
    bundles: Vec<PathBuf>,
    /// Tree that gets them; a directory that is missing or empty becomes one
    #[arg(id = "localtel.into", long = "into", value_name = "FLEET")]
    into: PathBuf,
    /// Print one JSON object, for programs
    #[arg(id = "localtel.json", long = "json")]
    json: bool,
    /// The zone of times, except in JSON.
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
}

/// What was done so far.
#[derive(Debug, Default)]
struct Course {
    totals: Totals,
    /// What the document has, if one was asked for.
    rows: Vec<Value>,
    unfinished: Vec<PathBuf>,
    failed: u64,
    /// Bundles that were not tried, since nothing can be written.
    untried: u64,
}

/// Imports bundles.
pub(crate) fn run(
    args: &ImportArgs,
    selection: &SelectionArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    if !selection.app.is_empty() || selection.dir.is_some() || selection.profile.is_some() {
        return Err(Failure::usage("bundles are imported as a whole")
            .hint("leave out --app, --dir and --profile"));
    }
    let zone = args.zone.zone(screen)?;
    let now = timestamp(screen.now);
    let mut course = Course::default();
    let paths = course.find(&args.bundles, screen)?;
    let importer = Importer::open(&args.into, now);
    let mut importer = importer.map_err(|error| problem::of_tree(error, &args.into))?;
    match importer.leftover() {
        Leftover::Nothing => {}
        Leftover::ThrownAway => {
            screen.print_message(format_args!("removed what an import left that was ended"));
        }
        Leftover::Completed => {
            screen.print_message(format_args!("completed an import that was ended"));
        }
    }
    let mut paths = paths.iter();
    while let Some(path) = paths.next() {
        let imported = import(&mut importer, path, screen.progress);
        let is_blocked = imported.as_ref().is_err_and(is_blocked);
        course.add(path, imported, (args.json, zone), screen)?;
        if is_blocked {
            course.untried = paths.len() as u64;
            break;
        }
    }
    course.end(args, importer.leftover(), screen)
}

/// Imports one bundle, and shows how far it is.
fn import(
    importer: &mut Importer,
    path: &Path,
    progress: &ProgressLine,
) -> Result<BundleImport, BundleFailure> {
    let bytes = progress.bytes();
    progress.begin("importing");
    let imported = importer.import(path, &mut |step| match step {
        ImportStep::Opened(all) => bytes.expect(all),
        ImportStep::Read(some) => bytes.add(some),
    });
    // Of a bundle that was refused, nothing more will be read.
    let counts = bytes.counts();
    bytes.add(counts.total.saturating_sub(counts.done));
    imported
}

impl Course {
    /// Returns the bundles at these paths.
    fn find(
        &mut self,
        paths: &[PathBuf],
        screen: &mut Screen<'_>,
    ) -> Result<Vec<PathBuf>, Failure> {
        let mut found = Vec::new();
        for path in paths {
            match find_bundles(path) {
                Ok(FoundBundles::One) => found.push(path.clone()),
                Ok(FoundBundles::Folder {
                    bundles,
                    unfinished,
                }) => {
                    screen.print_message(format_args!("{}", text::found(path, bundles.len())));
                    for path in &unfinished {
                        screen.print_message(format_args!("{}", text::unfinished(path)));
                    }
                    found.extend(bundles);
                    self.unfinished.extend(unfinished);
                }
                // It is reported when its turn comes.
                Err(_) if paths.len() > 1 => found.push(path.clone()),
                Err(error) => return Err(problem::of_source(&error)),
            }
        }
        Ok(found)
    }

    /// Reports on a bundle.
    fn add(
        &mut self,
        path: &Path,
        imported: Result<BundleImport, BundleFailure>,
        (is_json, zone): (bool, Zone),
        screen: &mut Screen<'_>,
    ) -> io::Result<()> {
        match imported {
            Ok(imported) => {
                self.totals.add(&imported);
                if is_json {
                    self.rows.push(text::report(path, &imported));
                } else {
                    text::print(path, &imported, zone, screen)?;
                    // A person sees each bundle when it is in the tree.
                    screen.stdout.flush()?;
                }
            }
            Err(failure) => {
                self.failed += 1;
                if is_json {
                    self.rows.push(problem::report(path, &failure));
                }
                // What was printed before comes first.
                screen.stdout.flush()?;
                let message = problem::text(path, failure);
                screen.print_message(format_args!("{message}"));
            }
        }
        Ok(())
    }

    /// Prints the end of the output, and returns the exit of the command.
    fn end(
        self,
        args: &ImportArgs,
        leftover: Leftover,
        screen: &mut Screen<'_>,
    ) -> Result<Exit, Failure> {
        let exit = if self.failed > 0 || self.untried > 0 {
            Exit::Failed
        } else if self.totals.conflicts() > 0 {
            Exit::Findings
        } else {
            Exit::Done
        };
        if args.json {
            let unfinished = self
                .unfinished
                .iter()
                .map(|path| path.display().to_string());
            let report = json!({
                "fleet": args.into.display().to_string(),
                "completed": leftover == Leftover::Completed,
                "bundles": self.rows,
                "unfinished": unfinished.collect::<Vec<_>>(),
                "untried": self.untried,
            });
            screen.stdout.write_all(&document(report)?)?;
        } else {
            self.totals.print(&args.into, screen)?;
        }
        screen.stdout.flush()?;
        if self.failed > 0 || self.untried > 0 {
            let text = problem::summary(self.failed, self.untried);
            screen.print_message(format_args!("{text}"));
        }
        Ok(exit)
    }
}

/// Returns `true` if no other bundle could be imported either.
fn is_blocked(failure: &BundleFailure) -> bool {
    match failure {
        BundleFailure::Failed(error) => is_full(error),
        BundleFailure::Refused(_) => false,
    }
}

/// Returns `true` if nothing can be written. Bundles are not written, so this is about the tree.
fn is_full(error: &Error) -> bool {
    let ErrorKind::Io { source, .. } = error.kind() else {
        return false;
    };
    let full = [
        io::ErrorKind::StorageFull,
        io::ErrorKind::QuotaExceeded,
        io::ErrorKind::ReadOnlyFilesystem,
    ];
    full.contains(&source.kind())
}

/// Examples for `import`.
pub(crate) const EXAMPLES: &str = "\
Takes bundles of `localtel export` into a tree of directories, which `--dir FLEET` and other \
engines read. Sums are checked first. A bundle is imported as a whole or not at all, and may come \
twice, in any order: each record is there once. An import that was killed is completed by the next \
one.

Examples:
  localtel import /media/stick --into /srv/fleet
  localtel import localtel-web-1-20261121T081530Z --into /srv/fleet
  localtel import /media/* --into /srv/fleet --json | jq '.bundles[] | .error'

Exit codes: 0 done, 1 a bundle was refused or failed, 3 a bundle contradicts the tree.";
