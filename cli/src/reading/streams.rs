//! Opens files and the standard input: decompresses them and recognises the format of their lines.
//! `foreign` rewrites lines of other formats.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZero;
use std::path::Path;

use super::super::files;
use super::super::foreign::{Recognised, Rewriter, recognise};
use localtel::read::raw::RawRecord;
use localtel::read::{
    ByteProgress, Damage, Fold, Line, LineStream, Notice, Timestamp, decompressed,
};
use localtel::{Error, Result};

/// Lines of a file or the standard input.
#[derive(Debug)]
pub(crate) struct FormatStream {
    pub(crate) lines: LineStream,
    /// Rewrites the lines, if they are not localtel's.
    pub(crate) rewriter: Option<Rewriter>,
}

/// Rewrites the lines of several inputs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rewriters {
    /// In the order of the inputs; `None` for those with lines of localtel.
    all: Vec<Option<Rewriter>>,
    /// The input of the lines.
    input: usize,
}

impl Rewriters {
    pub(crate) fn new(all: impl Iterator<Item = Option<Rewriter>>) -> Self {
        Self {
            all: all.collect(),
            input: 0,
        }
    }

    /// Notes the input of the lines that follow.
    pub(crate) fn input(&mut self, input: usize) {
        self.input = input;
    }

    /// Notes the time before the lines that follow.
    pub(crate) fn follow(&mut self, time: Timestamp) {
        if let Some(Some(rewriter)) = self.all.get_mut(self.input) {
            rewriter.follow(time);
        }
    }

    /// Passes on the records in a line, each with its line in localtel's format.
    pub(crate) fn rewrite(&mut self, line: Line<'_>, mut each: impl FnMut(&RawRecord<'_>, &[u8])) {
        if let Some(Some(rewriter)) = self.all.get_mut(self.input) {
            // Lines of a stream are counted from its start.
            let number = line.position().line.map_or(0, NonZero::get);
            rewriter.rewrite(line.bytes(), number, |record| {
                if let Some(raw) = RawRecord::at(record) {
                    each(&raw, record);
                }
            });
        }
    }
}

/// A fold that gets the records in lines of other formats as if they were lines of localtel.
pub(crate) struct Rewritten<F> {
    pub(crate) fold: F,
    rewriters: Rewriters,
}

impl<F> Rewritten<F> {
    pub(crate) fn new(fold: F, rewriters: Rewriters) -> Self {
        Self { fold, rewriters }
    }
}

impl<F: Fold> Fold for Rewritten<F> {
    fn input(&mut self, input: usize) {
        self.rewriters.input(input);
        self.fold.input(input);
    }

    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        self.fold.line(line, raw);
    }

    fn text_after(&mut self, time: Timestamp) {
        self.rewriters.follow(time);
    }

    fn text(&mut self, line: Line<'_>) {
        let fold = &mut self.fold;
        self.rewriters.rewrite(line, |raw, _| fold.line(line, raw));
    }

    fn damage(&mut self, damage: Damage) {
        self.fold.damage(damage);
    }

    fn notice(&mut self, notice: Notice) {
        self.fold.notice(notice);
    }

    fn finish(&mut self) {
        self.fold.finish();
    }

    fn merge(&mut self, later: &mut Self) {
        self.fold.merge(&mut later.fold);
    }
}

/// When to stop waiting for the first lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstLines {
    /// All that are needed.
    All,
    /// Those that are there when one is: the writer may take its time.
    Available,
}

/// A file of which reading is counted, from the first bytes on.
struct CountedFile {
    file: File,
    progress: ByteProgress,
    /// The size of the file.
    bytes: u64,
    /// Number of bytes that were read.
    read: u64,
}

impl Read for CountedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == 0 {
            self.progress.expect(self.bytes);
        }
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        self.progress.add(read as u64);
        Ok(read)
    }
}

/// What is not read any more is done.
impl Drop for CountedFile {
    fn drop(&mut self) {
        if self.read > 0 {
            self.progress.add(self.bytes.saturating_sub(self.read));
        }
    }
}

/// Opens a file.
///
/// # Errors
///
/// Returns an error if it cannot be opened, or its first lines cannot be read.
pub(crate) fn open_file(path: &Path, progress: Option<&ByteProgress>) -> Result<FormatStream> {
    let failed = |error| Error::io("read", path)(error);
    let file = files::open(path).map_err(failed)?;
    let facts = file.metadata();
    // A pipe has no size.
    let regular = facts.as_ref().ok().filter(|facts| facts.is_file());
    let bytes = regular.map(std::fs::Metadata::len);
    let written = facts.and_then(|facts| facts.modified());
    let time = written.map_or_else(|_| Timestamp::now(), Timestamp::from);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stream = match progress.zip(bytes) {
        Some((progress, bytes)) => {
            let file = CountedFile {
                file,
                progress: progress.clone(),
                bytes,
                read: 0,
            };
            opened(file, (&name, time), FirstLines::All)
        }
        None => opened(file, (&name, time), FirstLines::All),
    };
    stream.map_err(failed)
}

/// Opens the standard input.
///
/// # Errors
///
/// Returns an error if its first lines cannot be read.
pub(crate) fn open_stdin() -> Result<FormatStream> {
    let failed = |error| Error::io("read", Path::new("the standard input"))(error);
    let facts = ("stdin", Timestamp::now());
    let stdin = files::stdin().map_err(failed)?;
    opened(stdin, facts, FirstLines::Available).map_err(failed)
}

/// Recognises the format of lines. Where they have none of their own, records get that source and
/// time.
fn opened(
    source: impl Read + Send + 'static,
    (name, time): (&str, Timestamp),
    first_lines: FirstLines,
) -> io::Result<FormatStream> {
    let mut plain = decompressed(source)?;
    let start = start_of(&mut plain, first_lines)?;
    let recognised = recognise(&start);
    let all = io::Cursor::new(start).chain(plain);
    Ok(match recognised {
        Recognised::LocalTel => FormatStream {
            lines: LineStream::of_records(all),
            rewriter: None,
        },
        Recognised::Foreign(format) => FormatStream {
            lines: LineStream::of_text(all, move |line| format.time_of(line)),
            rewriter: Some(Rewriter::new(format, name, time)),
        },
    })
}

/// Reads the start of a file.
fn start_of(source: &mut impl Read, first_lines: FirstLines) -> io::Result<Vec<u8>> {
    let mut start = vec![0; START_BYTES];
    let mut read = 0;
    loop {
        let room = start.get_mut(read..).unwrap_or_default();
        let more = match source.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            more => more?,
        };
        let is_enough = match first_lines {
            FirstLines::All => false,
            FirstLines::Available => room.get(..more).is_some_and(|new| new.contains(&b'\n')),
        };
        read += more;
        if more == 0 || is_enough {
            start.truncate(read);
            return Ok(start);
        }
    }
}

/// Number of bytes from which the format of a file is recognised.
const START_BYTES: usize = 64 * 1024;
