//! The inputs of the commands that read: telemetry directories, files and the standard input.
//! `selection` decides which they are, and `labels` how the output names them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::super::columns::HostKey;
use super::super::files::{self, PathKind};
use super::super::foreign::Rewriter;
use super::super::progress::ProgressLine;
use super::super::sanitize::Sanitized;
use super::super::selection::{TreeLogs, name_of};
use super::streams::{open_file, open_stdin};
use localtel::Result;
use localtel::admin::Location;
use localtel::read::{ByteProgress, Filter, MergeInput, Reader};
use localtel_bundle::tree::TreeLog;

/// The inputs of a command.
pub(crate) struct RecordInputs<'a> {
    pub(crate) list: Vec<NamedInput>,
    /// Lists them again, where others may appear while they are followed.
    pub(crate) list_again: Option<&'a dyn Fn() -> Vec<NamedInput>>,
}

/// An input and its names in the output.
#[derive(Debug, Clone)]
pub(crate) struct NamedInput {
    /// Its name in messages.
    pub(super) name: String,
    /// The machine that recorded it, if it is in a tree.
    pub(super) host: Option<String>,
    /// What recorded it: the application and, where it is not the default one, the profile; of
    /// other inputs the path.
    pub(super) recorder: String,
    /// The cells before its rows, if rows name their inputs.
    pub(super) columns: Vec<String>,
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
                Ok(input) => opened.push(input.within_limit(self.list.len())),
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

    /// Opens those that can be opened, and says nothing of the others.
    pub(crate) fn open_some(&self, filter: &Filter) -> Vec<OpenInput<'_>> {
        let opened = self.list.iter().filter_map(|named| named.open(filter).ok());
        let number = self.list.len();
        opened.map(|input| input.within_limit(number)).collect()
    }

    /// Returns what the key `host` means for them.
    pub(crate) fn host_key(&self) -> HostKey {
        if self.list.iter().any(|input| input.host.is_some()) {
            HostKey::Machine
        } else {
            HostKey::Property
        }
    }

    /// Returns the number of machines that recorded them, as far as they are known.
    pub(crate) fn hosts(&self) -> usize {
        let hosts = self.list.iter().filter_map(|input| input.host.as_ref());
        hosts.collect::<BTreeSet<_>>().len()
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
        let place = InputPlace::Directory(location.path());
        Self {
            progress: location.progress().cloned(),
            ..Self::named(name_of(location), place)
        }
    }

    /// Returns the logs of a tree. Rows name the machine and the application where there are
    /// several, and messages the log, too.
    pub(crate) fn of_logs(tree: &TreeLogs) -> Vec<Self> {
        let recorders = tree.list.iter().map(recorder_of);
        let recorders: Vec<String> = recorders.collect();
        let hosts: BTreeSet<&str> = tree.list.iter().map(|log| log.host.as_str()).collect();
        let names: BTreeSet<&String> = recorders.iter().collect();
        let mut logs: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (log, recorder) in tree.list.iter().zip(&recorders) {
            *logs.entry((log.host.as_str(), recorder)).or_default() += 1;
        }
        let inputs = tree.list.iter().zip(&recorders).map(|(log, recorder)| {
            let host = log.host.as_str();
            let of_same = logs.get(&(host, recorder.as_str()));
            let mark = match of_same {
                Some(2..) => format!(" log {}", log.log),
                Some(_) | None => String::new(),
            };
            let columns = [(hosts.len(), host), (names.len(), recorder)];
            let columns = columns.into_iter().filter(|(number, _)| *number > 1);
            Self {
                name: format!("{host}/{recorder}{mark}"),
                host: Some(host.to_owned()),
                recorder: recorder.clone(),
                columns: columns.map(|(_, cell)| cell.to_owned()).collect(),
                place: InputPlace::Directory(log.path.clone()),
                progress: None,
            }
        });
        inputs.collect()
    }

    fn named(name: String, place: InputPlace) -> Self {
        Self {
            recorder: name.clone(),
            columns: vec![name.clone()],
            name,
            host: None,
            place,
            progress: None,
        }
    }

    /// Returns the machine that recorded it, if it is in a tree.
    pub(crate) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Returns the directory or the file of a path, named by the path; `None` if there is none.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        let place = match files::kind_of(path) {
            PathKind::Directory => InputPlace::Directory(path.to_owned()),
            PathKind::File => InputPlace::File(path.to_owned()),
            PathKind::Absent => return None,
        };
        Some(Self::named(path.display().to_string(), place))
    }

    /// Returns a directory whether or not it exists.
    #[cfg(test)]
    pub(crate) fn of_directory(path: &Path) -> Self {
        Self::named(
            path.display().to_string(),
            InputPlace::Directory(path.to_owned()),
        )
    }

    /// Returns the standard input.
    pub(crate) fn stdin() -> Self {
        Self::named("-".to_owned(), InputPlace::Stdin)
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

    /// Opens a directory, one of that many inputs, for reading backwards, down to the filter's
    /// lower time bound; nothing if it is not a directory.
    pub(crate) fn open_reverse(
        &self,
        filter: &Filter,
        inputs: usize,
    ) -> Option<Result<MergeInput>> {
        let reverse = Reader::reverse(self.directory()?);
        Some(reverse.map(|reverse| {
            let reverse = match filter.earliest() {
                Some(since) => reverse.since(since),
                None => reverse,
            };
            let reverse = match &self.progress {
                Some(progress) => reverse.with_progress(progress),
                None => reverse,
            };
            within_limit(reverse, inputs)
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

impl OpenInput<'_> {
    /// Closes its files between two reads if it is one of that many: a limit of a few hundred open
    /// files is usual.
    #[must_use]
    pub(crate) fn within_limit(self, inputs: usize) -> Self {
        Self {
            input: within_limit(self.input, inputs),
            ..self
        }
    }
}

/// Closes the files of an input between two reads if it is one of that many.
pub(crate) fn within_limit(input: impl Into<MergeInput>, inputs: usize) -> MergeInput {
    let input = input.into();
    if inputs > INPUTS_OPEN_MAX {
        input.closed()
    } else {
        input
    }
}

/// Number of inputs whose files stay open: each has two, and may be open in both directions.
const INPUTS_OPEN_MAX: usize = 50;

/// Returns the application of a log and, where it is not the default one, its profile.
fn recorder_of(log: &TreeLog) -> String {
    if log.profile.is_default() {
        log.application.to_string()
    } else {
        format!("{}/{}", log.application, log.profile)
    }
}

/// Opens a directory; segments that are known to be older than the filter are skipped.
pub(crate) fn open_directory(path: &Path, filter: &Filter) -> Result<Reader> {
    let reader = Reader::open(path)?;
    Ok(match filter.earliest() {
        Some(since) => reader.since(since),
        None => reader,
    })
}
