//! Writes the file of a host and a day. The logs of the applications are merged by time, so that
//! row groups hardly overlap; each row group is sorted. Memory is bounded by a row group and one
//! buffer of lines for each application.

use std::path::PathBuf;
use std::sync::Arc;

use localtel::read::raw::RawRecord;
use localtel::read::{Damage, Fold, Line, LineStream, Merged};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

use super::plan::DayPlan;
use crate::chain::{ChainLink, ChainMap, ReadFailure, SegmentChain};
use crate::day::{UtcDay, WantedTimes};
use crate::disk::{PartialFile, ReadyFile};
use crate::failure::FleetFailure;
use crate::progress::FleetProgress;
use crate::promoted::Promoted;
use crate::row_group::write_row_group;
use crate::rows::Rows;
use crate::schema::FileForm;
use crate::tree::FleetLog;

/// A file that is to be written.
#[derive(Debug)]
pub(super) struct DayTask {
    pub(super) path: PathBuf,
    pub(super) host: String,
    pub(super) logs: Arc<Vec<FleetLog>>,
    pub(super) plan: DayPlan,
}

/// A file that was written, and does not have its final name yet.
#[derive(Debug)]
pub(super) struct WrittenDay {
    pub(super) day: UtcDay,
    pub(super) recipe: String,
    /// Nothing, if the day has no record that is wanted.
    pub(super) file: Option<ReadyFile>,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// The settings of all files.
#[derive(Debug)]
pub(super) struct DaySettings {
    pub(super) form: FileForm,
    pub(super) columns: Vec<Promoted>,
}

impl DayTask {
    /// Writes the file.
    pub(super) fn write(
        self,
        settings: &DaySettings,
        progress: &FleetProgress,
    ) -> Result<WrittenDay, FleetFailure> {
        let writing = |error: ParquetError| {
            FleetFailure(format!("cannot write {}: {error}", self.path.display()))
        };
        let chains = chains(&self.logs, &self.plan.links);
        let failure = ReadFailure::default();
        let inputs = chains
            .iter()
            .map(|links| SegmentChain::new(links.clone(), &failure));
        let mut merged = Merged::new(inputs.map(LineStream::of_records));
        let work = DayWork {
            day: self.plan.day,
            part: self.plan.part,
            maps: chains.iter().map(|links| ChainMap::new(links)).collect(),
            columns: &settings.columns,
        };
        let mut whole = DayFold::new(&work);
        let mut file = DayFile {
            task: &self,
            settings,
            writer: None,
            records: 0,
        };
        let plain_bytes = self.plan.links.iter().map(|link| link.to - link.from).sum();
        let mut read = Share::new(self.plan.stored_bytes, plain_bytes);
        merged.fold(
            &mut whole,
            || DayFold::new(&work),
            |whole| {
                progress.add(read.of(std::mem::take(&mut whole.bytes)));
                if whole.rows.len() < ROWS_MAX && whole.rows.bytes() < BYTES_MAX {
                    return Ok(());
                }
                file.add(std::mem::replace(&mut whole.rows, Rows::new(work.columns)))
            },
        )?;
        if let Some(reason) = failure.take() {
            let host = self.host.escape_debug();
            return Err(FleetFailure(format!(
                "a segment of the host {host} changed while it was read ({reason}); run again"
            )));
        }
        progress.add(read.rest());
        if whole.rows.len() > 0 {
            file.add(whole.rows)?;
        }
        let DayFile {
            writer, records, ..
        } = file;
        let (mut ready, mut bytes) = (None, 0);
        if let Some(writer) = writer {
            // This writes the end of the file.
            let file = writer.into_inner().map_err(writing)?;
            bytes = file.bytes();
            ready = Some(
                file.ready()
                    .map_err(FleetFailure::io("write", &self.path))?,
            );
        }
        Ok(WrittenDay {
            day: self.plan.day,
            recipe: self.plan.recipe,
            file: ready,
            records,
            bytes,
        })
    }
}

/// A share of some bytes that is given out in parts.
struct Share {
    all: u64,
    whole: u64,
    given: u64,
}

impl Share {
    fn new(all: u64, whole: u64) -> Self {
        Self {
            all,
            whole,
            given: 0,
        }
    }

    /// Returns the share of a part of the whole.
    fn of(&mut self, part: u64) -> u64 {
        let product = u128::from(part) * u128::from(self.all);
        let share = product.checked_div(self.whole.into()).unwrap_or(0);
        let share = u64::try_from(share).unwrap_or(0).min(self.all - self.given);
        self.given += share;
        share
    }

    fn rest(&self) -> u64 {
        self.all - self.given
    }
}

/// A file, which is created with its first row group.
struct DayFile<'a> {
    task: &'a DayTask,
    settings: &'a DaySettings,
    writer: Option<SerializedFileWriter<PartialFile>>,
    records: u64,
}

impl DayFile<'_> {
    fn add(&mut self, rows: Rows) -> Result<(), FleetFailure> {
        let path = &self.task.path;
        self.records += rows.len() as u64;
        let writing =
            |error: ParquetError| FleetFailure(format!("cannot write {}: {error}", path.display()));
        if self.writer.is_none() {
            let file = PartialFile::create(path).map_err(FleetFailure::io("create", path))?;
            let form = self.settings.form.clone();
            let writer = SerializedFileWriter::new(file, form.schema, form.properties);
            self.writer = Some(writer.map_err(writing)?);
        }
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        write_row_group(writer, rows, &self.task.host, &self.task.logs).map_err(writing)
    }
}

/// Returns the links of each application and profile, whose logs follow one another. Beyond a
/// number of applications the rest are one chain: then row groups may overlap in time.
fn chains(logs: &[FleetLog], links: &[ChainLink]) -> Vec<Vec<ChainLink>> {
    let mut chains: Vec<Vec<ChainLink>> = Vec::new();
    let mut last = None;
    for link in links {
        let log = logs.get(link.log);
        let owner = log.map(|log| (&log.application, &log.profile));
        match chains.last_mut() {
            Some(chain) if last == owner => chain.push(link.clone()),
            Some(_) | None => chains.push(vec![link.clone()]),
        }
        last = owner;
    }
    let rest = chains.split_off(chains.len().min(INPUTS_MAX));
    if let Some(chain) = chains.last_mut() {
        chain.extend(rest.into_iter().flatten());
    }
    chains
}

/// What all parts of a day share.
struct DayWork<'a> {
    day: UtcDay,
    part: WantedTimes,
    maps: Vec<ChainMap>,
    columns: &'a [Promoted],
}

/// The rows of a day, or of a part of it.
struct DayFold<'a> {
    work: &'a DayWork<'a>,
    input: usize,
    rows: Rows,
    /// The bytes of lines that were read.
    bytes: u64,
}

impl<'a> DayFold<'a> {
    fn new(work: &'a DayWork<'a>) -> Self {
        Self {
            work,
            input: 0,
            rows: Rows::new(work.columns),
            bytes: 0,
        }
    }
}

impl Fold for DayFold<'_> {
    fn input(&mut self, input: usize) {
        self.input = input;
    }

    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        self.bytes += line.bytes().len() as u64 + 1;
        let work = self.work;
        let is_wanted = UtcDay::of(raw.timestamp) == work.day
            && (work.part == WantedTimes::default() || work.part.contains(raw.time()));
        let map = work.maps.get(self.input);
        if is_wanted && let Some(place) = map.and_then(|map| map.place(line.position().byte)) {
            self.rows.push(raw, work.columns, place);
        }
    }

    /// It was counted when the segment was indexed.
    fn damage(&mut self, _: Damage) {}

    fn merge(&mut self, later: &mut Self) {
        self.rows.append(&mut later.rows);
        self.bytes += std::mem::take(&mut later.bytes);
    }
}

/// The rows of a row group, and about the bytes that they take in memory.
const ROWS_MAX: usize = 128 * 1024;
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Number of inputs that are merged, each of which has an open file.
const INPUTS_MAX: usize = 64;
