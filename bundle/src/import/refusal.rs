//! The reason why a bundle is not imported, and what to do about it. Who shows it is left to the
//! command.

use localtel::Error;

/// The reason why a bundle is not in the tree.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "these are all cases")]
pub enum BundleFailure {
    /// It is not what an export wrote.
    #[error(transparent)]
    Refused(#[from] BundleRefusal),
    /// The operating system refused an operation on it or on the tree.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// The reason why a bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", .file.as_ref().map(|file| format!("{file}: ")).unwrap_or_default())]
pub struct BundleRefusal {
    /// The file or directory in the bundle, if it is about one.
    file: Option<String>,
    reason: String,
    step: RefusalStep,
}

/// What to do with a bundle that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are all cases")]
pub enum RefusalStep {
    /// It was damaged on its way, or never complete: copy it once more, or export again.
    CopyAgain,
    /// Something was put into it: find out who did, and export again.
    FindOut,
    /// Export again, without a range of times.
    ExportWhole,
    /// A version of localtel that knows its format imports it.
    Update,
    /// Look at the contradicting versions in the tree, and remove those that are not needed.
    RemoveConflicts,
    /// It is something else: name a bundle, or a directory with bundles.
    NameBundle,
}

impl BundleRefusal {
    /// Returns a refusal because of the whole bundle.
    pub(super) fn of_bundle(step: RefusalStep, reason: impl Into<String>) -> Self {
        Self {
            file: None,
            reason: reason.into(),
            step,
        }
    }

    /// Returns a refusal because of a file in it.
    pub(super) fn of_file(step: RefusalStep, file: &str, reason: impl Into<String>) -> Self {
        Self {
            file: Some(file.to_owned()),
            reason: reason.into(),
            step,
        }
    }

    /// Returns what to do.
    pub fn step(&self) -> RefusalStep {
        self.step
    }
}
