//! How far an export is.

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportProgress {
    /// What it does.
    pub phase: ExportPhase,
    /// Number of bytes that are done in this phase.
    pub bytes: u64,
    /// Number of all bytes of this phase, as far as it is known: segments grow meanwhile.
    pub bytes_total: u64,
}

/// What an export does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are all phases")]
pub enum ExportPhase {
    /// It copies segments into the bundle.
    Copying,
    /// It reads the bundle back.
    Checking,
}

/// Adds up the bytes that are done, and passes them on.
pub(super) struct Meter<'a> {
    progress: ExportProgress,
    watcher: &'a mut dyn FnMut(ExportProgress),
}

impl<'a> Meter<'a> {
    pub(super) fn new(
        phase: ExportPhase,
        bytes_total: u64,
        watcher: &'a mut dyn FnMut(ExportProgress),
    ) -> Self {
        let progress = ExportProgress {
            phase,
            bytes: 0,
            bytes_total,
        };
        Self { progress, watcher }
    }

    /// Adds bytes that are done.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.progress.bytes = self.progress.bytes.saturating_add(bytes);
        self.show(0);
    }

    /// Shows that many bytes more, which are not added yet.
    pub(super) fn show(&mut self, bytes: u64) {
        let mut progress = self.progress;
        progress.bytes = progress.bytes.saturating_add(bytes);
        (self.watcher)(progress);
    }
}
