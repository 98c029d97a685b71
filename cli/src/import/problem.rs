//! The messages of bundles that were not imported, each with the next step.

use std::io;
use std::path::Path;

use localtel::{Error, ErrorKind};
use localtel_bundle::import::{BundleFailure, NoImport, RefusalStep};
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::quantity::count;

/// Returns the failure of a command for a tree that takes no bundles.
pub(super) fn of_tree(problem: NoImport, fleet: &Path) -> Failure {
    let message = problem.to_string();
    match problem {
        NoImport::Busy(_) => Failure::failed(message).hint(
            "wait until it ends; a stopped process may hold it: `jobs` and `ps` show state T",
        ),
        NoImport::NotATree { .. } => Failure::usage(message)
            .hint("name a tree, or a directory that is missing or empty: it becomes one"),
        NoImport::Failed(error) => {
            let hint = hint_for(&error);
            let above = fleet.parent().filter(|path| !path.as_os_str().is_empty());
            let failure = Failure::failed(error.chain());
            match (above, error.is_not_found()) {
                (Some(above), true) => failure.hint(format!(
                    "create {} first: only the last directory of a path is created",
                    above.display()
                )),
                (_, _) => failure.hint(hint),
            }
        }
    }
}

/// Returns the failure of a command for the only path, which cannot be read.
pub(super) fn of_source(error: &Error) -> Failure {
    Failure::failed(error.chain()).hint(hint_for(error))
}

/// Returns the message for a bundle that was not imported.
pub(super) fn text(path: &Path, failure: BundleFailure) -> String {
    let path = path.display();
    match failure {
        BundleFailure::Refused(refusal) => {
            format!(
                "localtel: refused {path}: {refusal}\nhint: {}",
                step(refusal.step())
            )
        }
        BundleFailure::Failed(error) => {
            let hint = hint_for(&error);
            format!("localtel: {path}: {}\nhint: {hint}", error.chain())
        }
    }
}

/// Returns a bundle that was not imported, for programs.
pub(super) fn report(path: &Path, failure: &BundleFailure) -> Value {
    let (kind, error) = match failure {
        BundleFailure::Refused(refusal) => ("refused", refusal.to_string()),
        BundleFailure::Failed(error) => ("failed", error.chain()),
    };
    json!({
        "path": path.display().to_string(),
        "error": { "kind": kind, "message": error },
    })
}

/// Says how many bundles are not in the tree.
pub(super) fn summary(failed: u64, untried: u64) -> String {
    let failed = count(failed, "bundle");
    if untried == 0 {
        format!("{failed} not imported")
    } else {
        format!(
            "{failed} not imported, and {} not tried",
            count(untried, "bundle")
        )
    }
}

fn step(step: RefusalStep) -> &'static str {
    match step {
        RefusalStep::CopyAgain => "copy the bundle once more, or export again",
        RefusalStep::FindOut => {
            "no export writes this; find out who changed the bundle, and export again"
        }
        RefusalStep::ExportWhole => "export again without --since and --until",
        RefusalStep::Update => "import it with a newer localtel",
        RefusalStep::RemoveConflicts => {
            "compare the conflicts in the directory of the log, and remove those that are wrong"
        }
        RefusalStep::NameBundle => "name a bundle, or a directory that contains bundles",
    }
}

fn hint_for(error: &Error) -> &'static str {
    if let ErrorKind::Io { source, .. } = error.kind() {
        hint_for_io(source.kind())
    } else {
        "look at that file; the next import does what this one did not"
    }
}

fn hint_for_io(kind: io::ErrorKind) -> &'static str {
    let hints = [
        (io::ErrorKind::StorageFull, NO_ROOM),
        (io::ErrorKind::QuotaExceeded, NO_ROOM),
        (
            io::ErrorKind::ReadOnlyFilesystem,
            "mount the file system of the tree for writing",
        ),
        (
            io::ErrorKind::PermissionDenied,
            "import as the user whose tree it is",
        ),
        (
            io::ErrorKind::NotFound,
            "name a bundle, or a directory that contains bundles",
        ),
        (
            io::ErrorKind::NotADirectory,
            "a bundle is a directory, and so is a tree",
        ),
    ];
    let hint = hints.iter().find(|(of, _)| *of == kind);
    hint.map_or("import again; what was imported stays", |(_, hint)| hint)
}

const NO_ROOM: &str = "make room there and import again; what was imported stays";
