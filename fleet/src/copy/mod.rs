//! The Parquet copy of a tree: one file for each host and day, `host=H/date=D/records.parquet`,
//! which is written again when a line of that day came, changed or went.
//!
//! A host is copied in three stages. First its segments that are new or changed are read, and their
//! contents noted by day. Then the files of the days that differ are written under temporary names.
//! At last they replace the old ones: the state of the host forgets the days that are replaced, the
//! files get their names, and the state learns about them. A run that is killed leaves each file
//! old or new and whole, and the next run writes again what the state does not know.
//!
//! One file for each host and day is the least number of files that partitions by host and day
//! can have, which is best for engines that open each file. The price is that a day is written
//! again for each bundle with lines of that day, usually two. Files for batches of segments would
//! be written once, but their number grows with the number of bundles, and they need to be joined.

mod day_file;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use localtel_bundle::names::PartitionValue;

use self::day_file::{DaySettings, DayTask, WrittenDay};
use self::plan::{Difference, FoundSegment, PlanOptions, difference, plan};
use crate::day::{UtcDay, WantedTimes};
use crate::disk;
use crate::failure::FleetFailure;
use crate::index::{SegmentIndex, index_of};
use crate::out::Out;
use crate::pool::{self, Staged};
use crate::progress::FleetProgress;
use crate::promoted::Promoted;
use crate::schema::FileForm;
use crate::state::{KnownFile, KnownHost, KnownSegment, States};
use crate::summary::RunSummary;
use crate::tree::{self, FleetLog, FleetSegment, HostDirectory};

/// What is copied.
#[derive(Debug)]
pub(crate) struct CopyOptions {
    pub(crate) columns: Vec<Promoted>,
    pub(crate) range: WantedTimes,
}

/// Makes or updates the copy of a tree in a directory, and returns what was done.
pub(crate) fn copy(
    tree: &Path,
    out: &Path,
    options: CopyOptions,
) -> Result<RunSummary, FleetFailure> {
    let hosts = tree::hosts(tree)?;
    let out = Out::open(out)?;
    let states = out.states("parquet");
    let hosts = with_removed(hosts, &states, tree)?;
    let columns: Vec<String> = options.columns.iter().map(Promoted::to_string).collect();
    let form = FileForm::new(&options.columns)
        .map_err(|error| FleetFailure(format!("cannot make the schema: {error}")))?;
    let copying = Copying {
        out: out.path().to_owned(),
        states,
        settings: DaySettings {
            form,
            columns: options.columns,
        },
        columns: columns.join("\n"),
        range: options.range,
        progress: FleetProgress::default(),
        summary: Mutex::new(RunSummary::default()),
    };
    copying.progress.drawn(|| {
        if FleetProgress::is_shown() {
            expect_all(&hosts, &copying.progress);
        }
        pool::run(hosts.into_iter().map(|host| HostCopy {
            copying: &copying,
            host,
            stage: CopyStage::Begin,
        }));
    });
    let summary = copying.summary.into_inner();
    Ok(summary.unwrap_or_else(PoisonError::into_inner))
}

/// Adds the hosts that have files of which the tree has nothing any more.
fn with_removed(
    mut hosts: Vec<HostDirectory>,
    states: &States,
    tree: &Path,
) -> Result<Vec<HostDirectory>, FleetFailure> {
    let present: BTreeSet<_> = hosts.iter().map(|host| host.value.clone()).collect();
    let known = states.values()?;
    let known = known
        .iter()
        .filter_map(|value| value.parse::<PartitionValue>().ok());
    hosts.extend(known.filter(|value| !present.contains(value)).map(|value| {
        let directory = tree.join(format!("host={value}"));
        HostDirectory { value, directory }
    }));
    Ok(hosts)
}

/// Adds what is to be read to the progress: each segment once for its contents, and once for the
/// files.
fn expect_all(hosts: &[HostDirectory], progress: &FleetProgress) {
    let logs = hosts
        .iter()
        .filter_map(|host| tree::logs(host).ok())
        .flatten();
    let segments = logs.filter_map(|log| tree::segments(&log).ok()).flatten();
    segments.for_each(|segment| progress.expect(2 * segment.stored.bytes));
}

/// What the copies of all hosts share.
struct Copying {
    out: PathBuf,
    states: States,
    settings: DaySettings,
    columns: String,
    range: WantedTimes,
    progress: FleetProgress,
    summary: Mutex<RunSummary>,
}

/// The copy of a host.
struct HostCopy<'a> {
    copying: &'a Copying,
    host: HostDirectory,
    stage: CopyStage,
}

enum CopyStage {
    Begin,
    /// The segments are being read.
    Reading(HostContents),
    /// The files are being written.
    Writing(HostContents, Replaced),
}

/// The days that are replaced or removed, and the files that stay.
struct Replaced {
    gone: Vec<UtcDay>,
    kept: BTreeMap<UtcDay, KnownFile>,
}

/// What a host has.
struct HostContents {
    logs: Arc<Vec<FleetLog>>,
    segments: Vec<FoundSegment>,
    /// The files that there were.
    before: BTreeMap<UtcDay, KnownFile>,
    /// Whether the segments are those that there were.
    has_changed: bool,
}

/// A part of the work on a host.
enum CopyTask<'a> {
    Read(&'a Copying, FleetSegment),
    Write(&'a Copying, DayTask),
}

enum CopyDone {
    Read(Result<SegmentIndex, FleetFailure>),
    Written(Result<WrittenDay, FleetFailure>),
}

impl<'a> Staged for HostCopy<'a> {
    type Task = CopyTask<'a>;
    type Done = CopyDone;

    fn next(self, done: Vec<CopyDone>) -> Option<(Self, Vec<CopyTask<'a>>)> {
        let (copying, host) = (self.copying, self.host);
        let next = match self.stage {
            CopyStage::Begin => begin(copying, &host),
            CopyStage::Reading(contents) => compare(copying, &host, contents, done),
            CopyStage::Writing(contents, replaced) => {
                finish(copying, &host, &contents, (replaced, done)).map(|()| None)
            }
        };
        match next {
            Ok(next) => next.map(|(stage, tasks)| {
                let next = Self {
                    copying,
                    host,
                    stage,
                };
                (next, tasks)
            }),
            Err(failure) => {
                let mut summary = copying
                    .summary
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                summary.add_failure(failure);
                None
            }
        }
    }

    fn work(task: CopyTask<'a>) -> CopyDone {
        match task {
            CopyTask::Read(copying, segment) => {
                CopyDone::Read(index_of(&segment, &copying.progress))
            }
            CopyTask::Write(copying, day) => {
                CopyDone::Written(day.write(&copying.settings, &copying.progress))
            }
        }
    }
}

/// A stage and its tasks; `None` at the end.
type NextStage<'a> = Result<Option<(CopyStage, Vec<CopyTask<'a>>)>, FleetFailure>;

/// Finds the segments of a host, and those that must be read.
fn begin<'a>(copying: &'a Copying, host: &HostDirectory) -> NextStage<'a> {
    let mut before: KnownHost = copying.states.load(host.value.as_str())?;
    let logs = tree::logs(host)?;
    let mut segments = Vec::new();
    let mut has_changed = false;
    for (number, log) in logs.iter().enumerate() {
        let mut known = before.logs.remove(&log.key).unwrap_or_default();
        for segment in tree::segments(log)? {
            let same = known.remove(&segment.number.get());
            let same = same.filter(|known| known.stored == segment.stored);
            if same.is_some() {
                copying.progress.add(segment.stored.bytes);
            } else {
                has_changed = true;
            }
            segments.push(FoundSegment {
                log: number,
                segment,
                index: same.map(|known| known.index),
            });
        }
        has_changed |= !known.is_empty();
    }
    has_changed |= !before.logs.is_empty();
    let unread = segments.iter().filter(|found| found.index.is_none());
    let tasks = unread.map(|found| CopyTask::Read(copying, found.segment.clone()));
    let tasks = tasks.collect();
    let contents = HostContents {
        logs: Arc::new(logs),
        segments,
        before: before.files,
        has_changed,
    };
    Ok(Some((CopyStage::Reading(contents), tasks)))
}

/// Finds the files of a host that must be written.
fn compare<'a>(
    copying: &'a Copying,
    host: &HostDirectory,
    mut contents: HostContents,
    done: Vec<CopyDone>,
) -> NextStage<'a> {
    let unread = contents
        .segments
        .iter_mut()
        .filter(|found| found.index.is_none());
    for (found, done) in unread.zip(done) {
        if let CopyDone::Read(index) = done {
            found.index = Some(index?);
        }
    }
    let options = PlanOptions {
        columns: &copying.columns,
        range: copying.range,
    };
    let plans = plan(&contents.logs, &contents.segments, options);
    if plans.len() > DAYS_MAX {
        let (name, days) = (host.value.name().escape_debug(), plans.len());
        return Err(FleetFailure(format!(
            "the host {name} has records of {days} days, more than {DAYS_MAX}: its clock or a \
             program was wrong; give a range with --since and --until"
        )));
    }
    let stored: u64 = contents
        .segments
        .iter()
        .map(|found| found.segment.stored.bytes)
        .sum();
    let Difference { dirty, gone, kept } = difference(plans, &contents.before, |day, known| {
        let found = disk::facts(&copying.file(host, day)).ok().flatten();
        found.map_or(0, |facts| facts.bytes) == known.bytes
    });
    let to_write: u64 = dirty.iter().map(|plan| plan.stored_bytes).sum();
    copying.progress.add(stored.saturating_sub(to_write));
    let tasks = dirty.into_iter().map(|plan| {
        let task = DayTask {
            path: copying.file(host, plan.day),
            host: host.value.name().to_owned(),
            logs: Arc::clone(&contents.logs),
            plan,
        };
        CopyTask::Write(copying, task)
    });
    let tasks = tasks.collect();
    Ok(Some((
        CopyStage::Writing(contents, Replaced { gone, kept }),
        tasks,
    )))
}

/// Puts the files that were written in the place of the old ones.
fn finish(
    copying: &Copying,
    host: &HostDirectory,
    contents: &HostContents,
    (replaced, done): (Replaced, Vec<CopyDone>),
) -> Result<(), FleetFailure> {
    let mut written = Vec::new();
    for done in done {
        if let CopyDone::Written(day) = done {
            written.push(day?);
        }
    }
    let value = host.value.as_str();
    let Replaced { gone, kept } = replaced;
    let mut count = RunSummary::of_host();
    for file in kept.values() {
        count.kept.add(file.records, file.bytes);
    }
    count.removed = gone.len() as u64;
    let mut state = state_of(contents, kept);
    let has_changed = contents.has_changed || !written.is_empty() || !gone.is_empty();
    let forgets = contents.before.len() > state.files.len();
    if forgets {
        copying.states.store(value, &state)?;
    }
    let directory = copying.out.join(format!("host={value}"));
    for day in written {
        let path = copying.file(host, day.day);
        match day.file {
            Some(file) => file.put().map_err(FleetFailure::io("write", &path))?,
            None => disk::remove(&path).map_err(FleetFailure::io("remove", &path))?,
        }
        if let Some(date) = path.parent().filter(|_| day.bytes > 0) {
            disk::sync_directory(date).map_err(FleetFailure::io("write", date))?;
        }
        count.written.add(day.records, day.bytes);
        let known = KnownFile {
            recipe: day.recipe,
            records: day.records,
            bytes: day.bytes,
        };
        state.files.insert(day.day, known);
    }
    for day in gone {
        let path = copying.file(host, day);
        disk::remove(&path).map_err(FleetFailure::io("remove", &path))?;
    }
    if contents.segments.is_empty() {
        disk::remove_empty(&directory);
        copying.states.remove(value)?;
    } else if has_changed {
        if disk::is_directory(&directory) {
            disk::sync_directory(&directory).map_err(FleetFailure::io("write", &directory))?;
        }
        copying.states.store(value, &state)?;
    }
    for found in &contents.segments {
        if let (Some(log), Some(index)) = (contents.logs.get(found.log), &found.index) {
            count.add_damage(host.value.name(), &log.application, &index.damage);
        }
    }
    let mut summary = copying
        .summary
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    summary.add(&mut count);
    Ok(())
}

/// Returns the state of a host with these files.
fn state_of(contents: &HostContents, files: BTreeMap<UtcDay, KnownFile>) -> KnownHost {
    let mut state = KnownHost {
        logs: BTreeMap::new(),
        files,
    };
    for found in &contents.segments {
        if let (Some(log), Some(index)) = (contents.logs.get(found.log), &found.index) {
            let known = KnownSegment {
                stored: found.segment.stored,
                index: index.clone(),
            };
            let log = state.logs.entry(log.key.clone()).or_default();
            log.insert(found.segment.number.get(), known);
        }
    }
    state
}

impl Copying {
    /// Returns the path of the file of a host and day.
    fn file(&self, host: &HostDirectory, day: UtcDay) -> PathBuf {
        self.out
            .join(format!("host={}/date={day}/records.parquet", host.value))
    }
}

/// The most days of a host: a copy with a file for each would be of no use.
const DAYS_MAX: usize = 10_000;
