//! The last records in an order, for `--sort`, and for `-n` of what can only be read forwards:
//! those of each part are formatted, and the last of all parts are kept.

use super::super::days::ShownDay;
use super::shown::ShownLines;
use localtel::read::raw::RawRecord;
use localtel::read::{Damage, Fold, Line, Notice, Position, Timestamp};

/// The order of records that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeptOrder {
    /// By time; those of the same time in the order of reading.
    Time,
    /// As they are read.
    Reading,
}

/// The last records in an order, and their output.
pub(super) struct KeptLines<'a> {
    pub(super) shown: ShownLines<'a>,
    /// Number of records that are kept.
    count: usize,
    order: KeptOrder,
    /// The records of this part that are not formatted yet: only the last ones are shown.
    lines: Vec<KeptLine>,
    pub(super) records: Vec<KeptRecord>,
}

/// A record that was formatted.
pub(super) struct KeptRecord {
    /// The key by which records are sorted.
    key: Timestamp,
    pub(super) day: Option<ShownDay>,
    pub(super) shown: Vec<u8>,
}

/// A record that may be shown.
struct KeptLine {
    key: Timestamp,
    input: usize,
    position: Position,
    bytes: Vec<u8>,
    /// The record of a line of another format, as a line of localtel.
    rewritten: Option<Vec<u8>>,
}

impl<'a> KeptLines<'a> {
    pub(super) fn new(shown: ShownLines<'a>, count: usize, order: KeptOrder) -> Self {
        Self {
            shown,
            count,
            order,
            lines: Vec::new(),
            records: Vec::new(),
        }
    }

    fn keep(&mut self, line: Line<'_>, raw: &RawRecord<'_>, rewritten: Option<Vec<u8>>) {
        let key = match self.order {
            KeptOrder::Time => raw.time(),
            // Sorting by the same key keeps the order.
            KeptOrder::Reading => Timestamp::UNIX_EPOCH,
        };
        self.lines.push(KeptLine {
            key,
            input: self.shown.input_of_lines(),
            position: line.position(),
            bytes: line.bytes().to_vec(),
            rewritten,
        });
    }

    /// Drops records that are certainly not among the last ones, if there are many.
    pub(super) fn keep_fewer(&mut self) {
        if self.records.len() / 2 > self.count.max(KEPT_LEAST) {
            self.keep_last();
        }
    }

    /// Sorts the records and keeps the last ones.
    pub(super) fn keep_last(&mut self) {
        self.records.sort_by_key(|kept| kept.key);
        let others = self.records.len().saturating_sub(self.count);
        self.records.drain(..others);
    }
}

impl Fold for KeptLines<'_> {
    fn input(&mut self, input: usize) {
        self.shown.input(input);
    }

    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        if self.shown.passes(raw) {
            self.keep(line, raw, None);
        }
    }

    fn text_after(&mut self, time: Timestamp) {
        self.shown.text_after(time);
    }

    fn text(&mut self, line: Line<'_>) {
        let mut rewritten: Vec<Vec<u8>> = Vec::new();
        self.shown
            .rewrite(line, |_, _, record| rewritten.push(record.to_vec()));
        for record in rewritten {
            if let Some(raw) = RawRecord::at(&record) {
                self.keep(line, &raw, Some(record.clone()));
            }
        }
    }

    fn damage(&mut self, damage: Damage) {
        self.shown.damage(damage);
    }

    fn notice(&mut self, notice: Notice) {
        self.shown.notice(notice);
    }

    fn finish(&mut self) {
        self.lines.sort_by_key(|line| line.key);
        let others = self.lines.len().saturating_sub(self.count);
        let view = &self.shown.line_filter.view;
        for line in self.lines.drain(..).skip(others) {
            let label = self.shown.labels.row(line.input);
            let (mut shown, mut day) = (Vec::new(), None);
            // It was read before.
            let record = line.rewritten.as_ref().unwrap_or(&line.bytes);
            let read = Line::new(line.position, record);
            drop(read.read_raw(|raw| {
                day = view.day_of(|| raw.time());
                view.push(&mut shown, label, &line.bytes, raw);
            }));
            let key = line.key;
            self.records.push(KeptRecord { key, day, shown });
        }
    }

    fn merge(&mut self, later: &mut Self) {
        self.shown.merge(&mut later.shown);
        self.records.append(&mut later.records);
    }
}

/// Number of records that are kept at least before all except the last ones are dropped.
const KEPT_LEAST: usize = 1000;
