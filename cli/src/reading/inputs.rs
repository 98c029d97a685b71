//! The inputs of `show` and `tail`: telemetry directories, files and the standard input, and how
//! the output names them where there are several. `selection` decides which they are.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::cells::{Padded, width};
use super::super::files::{self, PathKind};
use super::super::foreign::Rewriter;
use super::super::progress::ProgressLine;
use super::super::sanitize::{Sanitized, push};
use super::super::selection::name_of;
use super::streams::{Rewriters, open_file, open_stdin};
use localtel::Result;
use localtel::admin::Location;
use localtel::read::{ByteProgress, Damage, Filter, MergeInput, Position, Reader, Reverse};

/// The inputs of a command.
pub(crate) struct RecordInputs<'a> {
    pub(crate) list: Vec<NamedInput>,
    /// Lists them again, where others may appear while they are followed.
    pub(crate) list_again: Option<&'a dyn Fn() -> Vec<NamedInput>>,
}

/// An input and its name in the output.
#[derive(Debug, Clone)]
pub(crate) struct NamedInput {
    name: String,
    pub(crate) place: InputPlace,
    /// Where reading it is counted.
    progress: Option<ByteProgress>,
}

/// It is the same input wherever reading it is counted.
impl PartialEq for NamedInput {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.place) == (&other.name, &other.place)
    }
}

/// The place of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InputPlace {
    Directory(PathBuf),
    File(PathBuf),
    Stdin,
}

impl<'a> RecordInputs<'a> {
    /// Returns these inputs only.
    pub(crate) fn of(list: Vec<NamedInput>) -> Self {
        Self {
            list,
            list_again: None,
        }
    }

    /// Returns inputs that are listed again while they are followed.
    pub(crate) fn that_grow(
        list: Vec<NamedInput>,
        list_again: &'a dyn Fn() -> Vec<NamedInput>,
    ) -> Self {
        Self {
            list,
            list_again: Some(list_again),
        }
    }

    /// Returns the same inputs, of which reading is shown as progress.
    pub(crate) fn watched(mut self, line: &ProgressLine) -> Self {
        if line.is_shown() {
            for input in &mut self.list {
                input.progress = Some(line.bytes().clone());
            }
        }
        self
    }

    /// Opens them for reading forwards, and returns those that could be opened and the number of
    /// those that could not. An error of the only input is returned, and those of several are
    /// printed.
    pub(crate) fn open(
        &self,
        filter: &Filter,
        stderr: &mut dyn Write,
    ) -> Result<(Vec<OpenInput<'_>>, usize)> {
        let (mut opened, mut failures) = (Vec::new(), 0);
        for named in &self.list {
            match named.open(filter) {
                Ok(input) => opened.push(input),
                Err(error) if self.list.len() == 1 => return Err(error),
                Err(error) => {
                    failures += 1;
                    // A closed stderr is not an error.
                    drop(writeln!(stderr, "{}", Sanitized(&error.chain())));
                }
            }
        }
        Ok((opened, failures))
    }

    /// Returns `true` if an input is not a directory, and can only be read once and forwards.
    pub(crate) fn has_stream(&self) -> bool {
        self.list.iter().any(|input| match input.place {
            InputPlace::Directory(_) => false,
            InputPlace::File(_) | InputPlace::Stdin => true,
        })
    }

    /// Returns `true` if all of them can be read again.
    pub(crate) fn are_rereadable(&self) -> bool {
        self.list.iter().all(NamedInput::is_rereadable)
    }

    /// Returns `true` if the standard input is among them, whose writer may take its time.
    pub(crate) fn has_stdin(&self) -> bool {
        let mut places = self.list.iter().map(|input| &input.place);
        places.any(|place| *place == InputPlace::Stdin)
    }

    /// Returns `true` if each row begins with the name of its input.
    pub(crate) fn is_named(&self) -> bool {
        self.list.len() > 1 || self.list_again.is_some()
    }
}

impl NamedInput {
    /// Returns the directory of a location, named by its application and, where it is not the
    /// default one, its profile.
    pub(crate) fn of_location(location: &Location) -> Self {
        Self {
            name: name_of(location),
            place: InputPlace::Directory(location.path()),
            progress: location.progress().cloned(),
        }
    }

    /// Returns the directory or the file of a path, named by the path; `None` if there is none.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        let place = match files::kind_of(path) {
            PathKind::Directory => InputPlace::Directory(path.to_owned()),
            PathKind::File => InputPlace::File(path.to_owned()),
            PathKind::Absent => return None,
        };
        Some(Self {
            name: path.display().to_string(),
            place,
            progress: None,
        })
    }

    /// Returns a directory whether or not it exists.
    #[cfg(test)]
    pub(crate) fn of_directory(path: &Path) -> Self {
        Self {
            name: path.display().to_string(),
            place: InputPlace::Directory(path.to_owned()),
            progress: None,
        }
    }

    /// Returns the standard input.
    pub(crate) fn stdin() -> Self {
        Self {
            name: "-".to_owned(),
            place: InputPlace::Stdin,
            progress: None,
        }
    }

    /// Returns `true` if it can be read again.
    pub(super) fn is_rereadable(&self) -> bool {
        match &self.place {
            InputPlace::Directory(_) => true,
            InputPlace::File(path) => files::is_regular(path),
            InputPlace::Stdin => false,
        }
    }

    /// Returns the path of a directory.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match &self.place {
            InputPlace::Directory(path) => Some(path),
            InputPlace::File(_) | InputPlace::Stdin => None,
        }
    }

    /// Opens it for reading forwards. Data of directories that certainly is too old for the filter
    /// is skipped.
    pub(crate) fn open(&self, filter: &Filter) -> Result<OpenInput<'_>> {
        let stream = match &self.place {
            InputPlace::Directory(path) => {
                let reader = open_directory(path, filter)?;
                let reader = match &self.progress {
                    Some(progress) => reader.with_progress(progress),
                    None => reader,
                };
                return Ok(OpenInput {
                    named: self,
                    input: reader.into(),
                    rewriter: None,
                });
            }
            InputPlace::File(path) => open_file(path, self.progress.as_ref())?,
            InputPlace::Stdin => open_stdin()?,
        };
        Ok(OpenInput {
            named: self,
            input: stream.lines.into(),
            rewriter: stream.rewriter,
        })
    }

    /// Opens a directory for reading backwards, down to the filter's lower time bound; nothing if
    /// it is not a directory.
    pub(crate) fn open_reverse(&self, filter: &Filter) -> Option<Result<Reverse>> {
        let reverse = Reader::reverse(self.directory()?);
        Some(reverse.map(|reverse| {
            let reverse = match filter.earliest() {
                Some(since) => reverse.since(since),
                None => reverse,
            };
            match &self.progress {
                Some(progress) => reverse.with_progress(progress),
                None => reverse,
            }
        }))
    }
}

/// An input that is open.
#[derive(Debug)]
pub(crate) struct OpenInput<'a> {
    pub(crate) named: &'a NamedInput,
    pub(crate) input: MergeInput,
    /// Rewrites the lines, if they are not localtel's.
    pub(crate) rewriter: Option<Rewriter>,
}

/// Opens a directory; segments that are known to be older than the filter are skipped.
pub(crate) fn open_directory(path: &Path, filter: &Filter) -> Result<Reader> {
    let reader = Reader::open(path)?;
    Ok(match filter.earliest() {
        Some(since) => reader.since(since),
        None => reader,
    })
}

/// How the output names the inputs that are merged, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputLabels(Arc<[InputLabel]>);

#[derive(Debug)]
struct InputLabel {
    name: String,
    /// The first column of each row of the input.
    column: Vec<u8>,
    is_stream: bool,
    /// Rewrites the lines, if they are not localtel's.
    rewriter: Option<Rewriter>,
}

impl InputLabels {
    /// Returns the labels of directories; with `is_named` rows begin with the name.
    pub(crate) fn of_directories(inputs: &[&NamedInput], is_named: bool) -> Self {
        Self::new(inputs.iter().map(|input| (*input, None)), is_named)
    }

    /// Returns the labels of inputs.
    pub(crate) fn of_opened<'a>(inputs: &'a [OpenInput<'_>], is_named: bool) -> Self {
        let with_rewriter = |opened: &'a OpenInput<'_>| (opened.named, opened.rewriter.clone());
        Self::new(inputs.iter().map(with_rewriter), is_named)
    }

    fn new<'a>(
        inputs: impl Iterator<Item = (&'a NamedInput, Option<Rewriter>)> + Clone,
        is_named: bool,
    ) -> Self {
        let in_column = |input: &NamedInput| end_of(&Sanitized(&input.name).to_string());
        let widths = inputs.clone().map(|(input, _)| width(&in_column(input)));
        let widest = widths.max().unwrap_or(0);
        let label = |(input, rewriter): (&NamedInput, Option<Rewriter>)| {
            let mut column = Vec::new();
            if is_named {
                let name = in_column(input);
                push(&mut column, format_args!("{}  ", Padded(&name, widest)));
            }
            InputLabel {
                name: Sanitized(&input.name).to_string(),
                column,
                is_stream: input.directory().is_none(),
                rewriter,
            }
        };
        Self(inputs.map(label).collect())
    }

    /// Returns what rewrites the lines of each input, to begin with.
    pub(crate) fn rewriters(&self) -> Rewriters {
        Rewriters::new(self.0.iter().map(|label| label.rewriter.clone()))
    }

    /// Returns the name of an input, which is safe to show.
    pub(crate) fn name(&self, input: usize) -> &str {
        self.0.get(input).map_or("", |label| &label.name)
    }

    /// Returns the first column of the rows of an input.
    pub(crate) fn column(&self, input: usize) -> &[u8] {
        self.0.get(input).map_or(b"", |label| &label.column)
    }

    /// Returns the prefix of messages about an input: nothing if it is the only one.
    pub(crate) fn prefix(&self, input: usize) -> String {
        match self.0.get(input) {
            Some(label) if self.0.len() > 1 => format!("{}: ", label.name),
            Some(_) | None => String::new(),
        }
    }

    /// Describes damage in an input.
    pub(crate) fn described(&self, input: usize, damage: &Damage) -> String {
        let label = self.0.get(input).filter(|label| label.is_stream);
        match (label, damage.bytes) {
            (None, _) => format!("{}{damage}", self.prefix(input)),
            (Some(_), 0) => format!("{}: {}", self.place(input, damage.position), damage.kind),
            (Some(_), bytes) => {
                let place = self.place(input, damage.position);
                format!("{place}: {} ({bytes} bytes)", damage.kind)
            }
        }
    }

    /// Returns a position in an input as text.
    pub(crate) fn place(&self, input: usize, position: Position) -> String {
        match self.0.get(input) {
            Some(label) if label.is_stream => match position.line {
                Some(line) => format!("{}:{line}", label.name),
                None => format!("{} at byte {}", label.name, position.byte),
            },
            Some(_) | None => format!("{}{position}", self.prefix(input)),
        }
    }
}

/// Returns a name that fits the first column: the end of a long path.
fn end_of(name: &str) -> String {
    if width(name) <= COLUMN_CELLS_MAX {
        return name.to_owned();
    }
    let starts = name.char_indices().map(|(start, _)| start);
    let mut ends = starts.filter_map(|start| name.get(start..));
    let end = ends.find(|end| width(end) < COLUMN_CELLS_MAX);
    format!("…{}", end.unwrap_or_default())
}

/// The width of the longest name in the first column.
const COLUMN_CELLS_MAX: usize = 24;
