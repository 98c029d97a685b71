//! The messages of an export that failed, each with the next step.

use std::io;

use localtel_bundle::export::{ExportError, ExportFailure, TargetProblem};

use super::super::failure::Failure;
use super::super::quantity::size;
use localtel::admin::ShellWord;

/// Returns the failure of the command.
pub(super) fn of(failure: ExportFailure) -> Failure {
    let ExportFailure {
        error, left_behind, ..
    } = failure;
    let failure = of_error(error);
    match left_behind {
        None => failure,
        Some(path) => {
            let path = path.display().to_string();
            failure.details(vec![format!(
                "the unfinished bundle could not be removed; `rm -r {}` does",
                ShellWord(&path)
            )])
        }
    }
}

fn of_error(error: ExportError) -> Failure {
    let message = error.to_string();
    match error {
        ExportError::Target { path, problem, .. } => {
            let path = path.display().to_string();
            let hint = match problem {
                TargetProblem::Missing => format!(
                    "mount the medium, or create the directory with `mkdir {}`",
                    ShellWord(&path)
                ),
                TargetProblem::NotADirectory => "name a directory".to_owned(),
                TargetProblem::InTelemetry(_) | TargetProblem::InTree(_) | _ => {
                    "name a directory outside of it".to_owned()
                }
            };
            Failure::usage(message).hint(hint)
        }
        ExportError::NoRoom {
            path,
            bytes_needed,
            bytes_free,
            ..
        } => Failure::failed(format!(
            "the bundle needs {}, and {} has {} free",
            size(bytes_needed),
            path.display(),
            size(bytes_free)
        ))
        .hint(NO_ROOM),
        ExportError::Io { source, .. } => {
            let failure = Failure::failed(format!("{message}: {source}"));
            match hint_for(source.kind()) {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        ExportError::ReadBack { .. } => {
            Failure::failed(message).hint("the medium is not reliable; export to another one")
        }
        ExportError::SameLog { .. } => {
            Failure::usage(message).hint("select one of them with --app or --dir")
        }
        ExportError::Nothing => Failure::failed(message)
            .hint("`localtel status` says whether applications record, and where"),
        ExportError::Unsteady { .. } => Failure::failed(message).hint("run it again"),
        ExportError::Read(error) => error.into(),
        _ => Failure::failed(message),
    }
}

fn hint_for(kind: io::ErrorKind) -> Option<&'static str> {
    let hints = [
        (io::ErrorKind::StorageFull, NO_ROOM),
        (io::ErrorKind::QuotaExceeded, NO_ROOM),
        (
            io::ErrorKind::ReadOnlyFilesystem,
            "mount the medium for writing",
        ),
        (
            io::ErrorKind::PermissionDenied,
            "this user may not write there",
        ),
        (
            io::ErrorKind::FileTooLarge,
            "`ulimit -f` limits the size of files of this process",
        ),
    ];
    let found = hints.iter().find(|(of, _)| *of == kind);
    found.map(|(_, hint)| *hint)
}

const NO_ROOM: &str =
    "make room there; or export less, with --compressed, --app NAME or --since TIME";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_medium_has_a_next_step() {
        let hint = hint_for(io::ErrorKind::StorageFull);
        assert!(hint.is_some_and(|hint| hint.contains("--compressed")));
        assert_eq!(hint_for(io::ErrorKind::Other), None);
    }
}
