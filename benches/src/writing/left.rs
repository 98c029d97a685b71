//! The lines in the files of a process: an event that is not there was lost.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench reads files from outside"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::work::MESSAGE;
use crate::Result;

/// The lines of events in a directory, without those that a writer adds about itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) lines: u64,
    /// Size of these lines, with their newlines.
    pub(super) bytes: u64,
}

impl Left {
    /// Counts the lines in a directory and below.
    pub(super) fn in_directory(path: &Path) -> Result<Self> {
        let mut left = Self::default();
        let mut paths = vec![path.to_owned()];
        while let Some(path) = paths.pop() {
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    paths.push(entry.path());
                } else if kind.is_file() {
                    left.count(&entry.path())?;
                }
            }
        }
        Ok(left)
    }

    fn count(&mut self, path: &Path) -> Result<()> {
        let mut file = BufReader::with_capacity(READ_BYTES, File::open(path)?);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 {
            let mut parts = line.windows(MESSAGE.len());
            if parts.any(|part| part == MESSAGE.as_bytes()) {
                self.lines += 1;
                self.bytes += line.len() as u64;
            }
            line.clear();
        }
        Ok(())
    }

    /// Returns the mean length of a line, or NaN if there is none.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(super) fn bytes_per_line(self) -> f64 {
        self.bytes as f64 / self.lines as f64
    }

    /// Returns the fraction of `events` that is in the files, at most 1.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(super) fn part_of(self, events: u64) -> f64 {
        (self.lines as f64 / events as f64).min(1.0)
    }
}

/// One read for a few hundred lines.
const READ_BYTES: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_events_count() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("telemetry");
        fs::create_dir(&below).unwrap();
        fs::write(directory.path().join("a"), "{\"own\":1}\n").unwrap();
        fs::write(below.join("b"), format!("{MESSAGE}\n{MESSAGE} 2\n")).unwrap();
        let left = Left::in_directory(directory.path()).unwrap();
        assert_eq!((left.lines, left.bytes), (2, 34));
    }
}
