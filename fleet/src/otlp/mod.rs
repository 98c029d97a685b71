//! OTLP logs as JSON lines: one file for each segment, `events.000007.000000000000.jsonl`, in
//! directories as in the tree. The second number is the offset in the segment: where a segment
//! grew, a later run writes what is new into another file, and never appends to one. So a file can
//! be removed once a collector has read it.
//!
//! A state knows for each segment how far it was written, and a digest of that part. If a segment
//! does not begin with that part any more, it is written again from its start, and the summary says
//! so; `service.instance.id` and `localtel.seq` tell records apart. A run that is killed may have
//! written files that the state does not know: the next run writes them again under their names.
//!
//! `log_record` has the mapping, and `any_value` that of values.

mod any_value;
mod batch;
mod log_record;
mod segment_file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use localtel_bundle::names::PartitionValue;
use serde::{Deserialize, Serialize};

use self::batch::OtlpOrigin;
use self::segment_file::{HandedSegment, WrittenSegment, write_segment};
use crate::disk;
use crate::failure::{FleetFailure, SafeText};
use crate::out::Out;
use crate::pool::{self, Staged};
use crate::progress::FleetProgress;
use crate::state::States;
use crate::summary::RunSummary;
use crate::tree::{self, FleetLog, FleetSegment, HostDirectory, TreeState};

/// Writes the new records of a tree, or of one telemetry directory, to files in a directory.
pub(crate) fn write(from: &Path, state: TreeState, out: &Path) -> Result<RunSummary, FleetFailure> {
    let hosts = match state {
        TreeState::None => vec![OtlpSource::Directory(directory(from)?)],
        TreeState::Whole | TreeState::Unfinished => {
            let hosts = tree::hosts(from)?.into_iter();
            hosts.map(OtlpSource::Host).collect()
        }
    };
    let out = Out::open(out)?;
    let writing = OtlpWriting {
        out: out.path().to_owned(),
        states: out.states("otlp"),
        progress: FleetProgress::default(),
        summary: Mutex::new(RunSummary::default()),
    };
    writing.progress.drawn(|| {
        let sources = hosts.iter().filter(|_| FleetProgress::is_shown());
        for log in sources.filter_map(|source| source.logs().ok()).flatten() {
            for segment in tree::segments(&log).unwrap_or_default() {
                writing.progress.expect(segment.stored.bytes);
            }
        }
        pool::run(hosts.into_iter().map(|source| HostOtlp {
            writing: &writing,
            source,
            before: None,
        }));
    });
    let summary = writing.summary.into_inner();
    Ok(summary.unwrap_or_else(PoisonError::into_inner))
}

/// Returns the only log of a telemetry directory.
fn directory(path: &Path) -> Result<FleetLog, FleetFailure> {
    let log = FleetLog {
        application: String::new(),
        profile: String::new(),
        log: String::new(),
        key: String::new(),
        directory: path.to_owned(),
    };
    if tree::segments(&log)?.is_empty() {
        let shown = path.display().to_string();
        return Err(FleetFailure(format!(
            "{} is neither a tree nor a directory with events of localtel",
            SafeText(&shown)
        )));
    }
    Ok(log)
}

/// What is written together.
#[derive(Debug)]
enum OtlpSource {
    Host(HostDirectory),
    Directory(FleetLog),
}

impl OtlpSource {
    fn logs(&self) -> Result<Vec<FleetLog>, FleetFailure> {
        match self {
            Self::Host(host) => tree::logs(host),
            Self::Directory(log) => Ok(vec![log.clone()]),
        }
    }

    /// Returns the name of the state, which no host of a tree has.
    fn state(&self) -> &str {
        match self {
            Self::Host(host) => host.value.as_str(),
            Self::Directory(_) => "=directory",
        }
    }

    /// Returns the name of the host, if it is known.
    fn host(&self) -> Option<&PartitionValue> {
        match self {
            Self::Host(host) => Some(&host.value),
            Self::Directory(_) => None,
        }
    }

    fn origin(&self, log: &FleetLog) -> OtlpOrigin {
        match self {
            Self::Directory(_) => OtlpOrigin::default(),
            Self::Host(host) => vec![
                ("host.name", host.value.name().to_owned()),
                ("localtel.profile", log.profile.clone()),
                ("localtel.log", log.log.clone()),
            ],
        }
    }
}

/// What was written of a host.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct OtlpState {
    /// The segments by the key of their log and their number.
    logs: BTreeMap<String, BTreeMap<u64, HandedSegment>>,
}

/// What the work on all hosts shares.
struct OtlpWriting {
    out: PathBuf,
    states: States,
    progress: FleetProgress,
    summary: Mutex<RunSummary>,
}

/// The work on a host.
struct HostOtlp<'a> {
    writing: &'a OtlpWriting,
    source: OtlpSource,
    /// What was written before; `None` until that was read.
    before: Option<OtlpState>,
}

/// The work on a log.
struct LogTask<'a> {
    writing: &'a OtlpWriting,
    log: FleetLog,
    known: BTreeMap<u64, HandedSegment>,
    origin: OtlpOrigin,
    directory: PathBuf,
}

/// What was written of a log.
struct LogDone {
    log: FleetLog,
    directory: PathBuf,
    segments: BTreeMap<u64, SegmentDone>,
}

enum SegmentDone {
    Known(HandedSegment),
    Written(WrittenSegment),
}

impl<'a> Staged for HostOtlp<'a> {
    type Task = LogTask<'a>;
    type Done = Result<LogDone, FleetFailure>;

    fn next(self, done: Vec<Self::Done>) -> Option<(Self, Vec<Self::Task>)> {
        let writing = self.writing;
        let next = match self.before {
            None => begin(writing, self.source).map(Some),
            Some(before) => finish(writing, &self.source, &before, done).map(|()| None),
        };
        next.unwrap_or_else(|failure| {
            let mut summary = writing
                .summary
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            summary.add_failure(failure);
            None
        })
    }

    fn work(task: LogTask<'a>) -> Self::Done {
        let LogTask {
            writing,
            log,
            mut known,
            origin,
            directory,
        } = task;
        let mut segments = BTreeMap::new();
        for segment in tree::segments(&log)? {
            let number = segment.number.get();
            let known = known.remove(&number);
            let done = write_new(&segment, known, &origin, &directory)?;
            writing.progress.add(segment.stored.bytes);
            segments.insert(number, done);
        }
        Ok(LogDone {
            log,
            directory,
            segments,
        })
    }
}

fn write_new(
    segment: &FleetSegment,
    known: Option<HandedSegment>,
    origin: &OtlpOrigin,
    directory: &Path,
) -> Result<SegmentDone, FleetFailure> {
    match known {
        Some(known) if known.stored == segment.stored => Ok(SegmentDone::Known(known)),
        known => {
            let written = write_segment(segment, known.as_ref(), origin, directory);
            written.map(SegmentDone::Written)
        }
    }
}

/// Finds the logs of a host.
fn begin(
    writing: &OtlpWriting,
    source: OtlpSource,
) -> Result<(HostOtlp<'_>, Vec<LogTask<'_>>), FleetFailure> {
    let before: OtlpState = writing.states.load(source.state())?;
    let directory = match &source {
        OtlpSource::Host(host) => writing.out.join(format!("host={}", host.value)),
        OtlpSource::Directory(_) => writing.out.clone(),
    };
    let tasks = source.logs()?.into_iter().map(|log| LogTask {
        writing,
        known: before.logs.get(&log.key).cloned().unwrap_or_default(),
        origin: source.origin(&log),
        directory: directory.join(&log.key),
        log,
    });
    let tasks = tasks.collect();
    let host = HostOtlp {
        writing,
        source,
        before: Some(before),
    };
    Ok((host, tasks))
}

/// Gives the files of a host their names, and notes what was written.
fn finish(
    writing: &OtlpWriting,
    source: &OtlpSource,
    before: &OtlpState,
    done: Vec<Result<LogDone, FleetFailure>>,
) -> Result<(), FleetFailure> {
    let mut state = OtlpState::default();
    let mut summary = RunSummary::of_host();
    let host = source.host().map_or("", PartitionValue::name);
    for log in done {
        let LogDone {
            log,
            directory,
            segments,
        } = log?;
        let mut handed = BTreeMap::new();
        let mut has_files = false;
        for (number, segment) in segments {
            let segment = match segment {
                SegmentDone::Known(known) => known,
                SegmentDone::Written(written) => {
                    summary.written.add(written.records, written.bytes);
                    summary.again += u64::from(written.has_changed);
                    if let Some(file) = written.file {
                        file.put().map_err(FleetFailure::io("write", &directory))?;
                        has_files = true;
                    }
                    written.handed
                }
            };
            summary.add_damage(host, &log.application, &segment.damage);
            handed.insert(number, segment);
        }
        if has_files {
            disk::sync_directory(&directory).map_err(FleetFailure::io("write", &directory))?;
        }
        state.logs.insert(log.key, handed);
    }
    if state != *before {
        writing.states.store(source.state(), &state)?;
    }
    let mut all = writing
        .summary
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    all.add(&mut summary);
    Ok(())
}
