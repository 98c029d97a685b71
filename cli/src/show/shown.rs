//! The output for lines: filtered and formatted in parts, possibly by several threads, and then
//! written in order.

use std::io::Write;

use super::super::days::{DayRange, ShownDay};
use super::super::reading::{InputLabels, Rewriters, UnreadCounts};
use super::super::screen::OutputStop;
use super::super::view::View;
use super::cursor::LastRecords;
use super::wanted::WantedLines;
use localtel::read::raw::{FilterVerdict, RawRecord};
use localtel::read::{Damage, Filter, Fold, Line, Notice, Timestamp};

/// The filter and the format of records, and what is wanted of those that match.
pub(super) struct LineFilter {
    pub(super) view: View,
    pub(super) filter: Filter,
    pub(super) wanted: WantedLines,
}

/// The output for some lines.
pub(super) struct ShownLines<'a> {
    pub(super) line_filter: &'a LineFilter,
    pub(super) labels: InputLabels,
    pub(super) rewriters: Rewriters,
    /// The input of the lines.
    input: usize,
    /// The filter with the processes that begin in the lines, if these are read in the order in
    /// which they are written.
    learned: Option<Filter>,
    bytes: Vec<u8>,
    /// Number of bytes before the first row: the line for records that are left out before it.
    bytes_before: usize,
    days: DayRange,
    /// The end of each record in `bytes`, if only the first ones are wanted.
    ends: Vec<usize>,
    /// The last record that was read of each input, if a cursor file is wanted.
    pub(super) last: Option<LastRecords>,
    pub(super) matched: u64,
    /// Number of records of localtel itself that match and are not shown.
    pub(super) own: u64,
    pub(super) unread: UnreadCounts,
}

impl<'a> ShownLines<'a> {
    pub(super) fn new(line_filter: &'a LineFilter, labels: InputLabels) -> Self {
        Self {
            line_filter,
            rewriters: labels.rewriters(),
            labels,
            input: 0,
            learned: None,
            bytes: Vec::new(),
            bytes_before: 0,
            days: DayRange::default(),
            ends: Vec::new(),
            last: None,
            matched: 0,
            own: 0,
            unread: UnreadCounts::default(),
        }
    }

    /// Shows the records of processes that begin later, too, if conditions on `pid` match them: of
    /// records that are read in the order in which they are written.
    pub(super) fn learn_processes(&mut self) {
        let filter = &self.line_filter.filter;
        self.learned = filter.process_search().map(|_| filter.clone());
    }

    /// Returns `true` if the filter passes a record, and counts it.
    pub(super) fn passes(&mut self, raw: &RawRecord<'_>) -> bool {
        let filter = match &mut self.learned {
            Some(learned) => {
                if let Some(more) = learned.with_session_of(raw) {
                    *learned = more;
                }
                learned
            }
            None => &self.line_filter.filter,
        };
        match filter.verdict(raw) {
            FilterVerdict::Passes => {
                self.matched += 1;
                true
            }
            FilterVerdict::Fails => false,
            FilterVerdict::Own => {
                self.own += 1;
                false
            }
            FilterVerdict::OtherType { key, expected } => {
                self.unread.add_other_type(key, expected);
                false
            }
        }
    }

    /// Notes that a record was read.
    pub(super) fn note(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        if let Some(last) = &mut self.last {
            last.note(self.input, line, raw);
        }
    }

    /// Returns the input of the lines.
    pub(super) fn input_of_lines(&self) -> usize {
        self.input
    }

    /// Adds a record; `line` has the stored bytes.
    pub(super) fn push(&mut self, line: &[u8], raw: &RawRecord<'_>) {
        let view = &self.line_filter.view;
        self.begin(view.day_of(|| raw.time()));
        let label = self.labels.row(self.input);
        view.push(&mut self.bytes, label, line, raw);
    }

    /// Adds the line for records that are left out, if the format has one.
    pub(super) fn push_gap(&mut self) {
        let separator = self.line_filter.view.separator();
        if self.bytes.is_empty() {
            self.bytes_before = separator.len();
        }
        self.bytes.extend_from_slice(separator);
    }

    /// Adds the output of a record.
    pub(super) fn add(&mut self, day: Option<ShownDay>, output: &[u8]) {
        self.begin(day);
        self.bytes.extend_from_slice(output);
    }

    /// Adds the line of a day before its first row, if rows have only the time of the day.
    fn begin(&mut self, day: Option<ShownDay>) {
        if let Some(day) = day.and_then(|day| self.days.add(day)) {
            self.line_filter.view.push_day(&mut self.bytes, day);
        }
    }

    /// Returns `true` if no more records are wanted.
    pub(super) fn is_complete(&self) -> bool {
        self.matched >= self.line_filter.wanted.most()
    }

    /// Adds a record that passed the filter, as far as it is wanted.
    fn push_match(&mut self, line: &[u8], raw: &RawRecord<'_>) {
        if let WantedLines::All | WantedLines::First(_) = self.line_filter.wanted {
            self.push(line, raw);
        }
        self.end_record();
    }

    /// Notes where the output of a record that passed the filter ends.
    fn end_record(&mut self) {
        if let WantedLines::First(_) = self.line_filter.wanted {
            self.ends.push(self.bytes.len());
        }
    }

    /// Passes on the records in a line of another format that pass the filter, each with its line
    /// in localtel's format. Where lines are shown as they are, only the first one is passed on.
    pub(super) fn rewrite(
        &mut self,
        line: Line<'_>,
        mut each: impl FnMut(&mut Self, &RawRecord<'_>, &[u8]),
    ) {
        let mut rewriters = std::mem::take(&mut self.rewriters);
        let mut is_passed = false;
        rewriters.rewrite(line, |raw, record| {
            if !self.is_complete() && self.passes(raw) {
                if is_passed && self.line_filter.view.is_line() {
                    self.end_record();
                } else {
                    each(self, raw, record);
                }
                is_passed = true;
            }
        });
        self.rewriters = rewriters;
    }

    /// Writes the output and clears it.
    ///
    /// # Errors
    ///
    /// Returns [`OutputStop::Complete`] if no more records are wanted.
    pub(super) fn write(&mut self, out: &mut dyn Write) -> Result<(), OutputStop> {
        let before = std::mem::take(&mut self.bytes_before);
        let (before, rows) = self.bytes.split_at_checked(before).unwrap_or_default();
        out.write_all(before)?;
        if let Some(day) = self.days.write() {
            let mut line = Vec::new();
            self.line_filter.view.push_day(&mut line, day);
            out.write_all(&line)?;
        }
        out.write_all(rows)?;
        self.bytes.clear();
        self.ends.clear();
        if self.is_complete() {
            return Err(OutputStop::Complete);
        }
        Ok(())
    }

    /// Leaves out all records except the first ones.
    fn keep_first(&mut self, count: u64) {
        if self.matched > count {
            let ends = usize::try_from(count).unwrap_or(usize::MAX);
            let end = ends.checked_sub(1).and_then(|last| self.ends.get(last));
            self.bytes.truncate(end.copied().unwrap_or(0));
            self.matched = count;
        }
    }
}

impl Fold for ShownLines<'_> {
    fn input(&mut self, input: usize) {
        self.input = input;
        self.rewriters.input(input);
    }

    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        if self.is_complete() {
            return;
        }
        self.note(line, raw);
        if self.passes(raw) {
            self.push_match(line.bytes(), raw);
        }
    }

    fn text_after(&mut self, time: Timestamp) {
        self.rewriters.follow(time);
    }

    fn text(&mut self, line: Line<'_>) {
        self.rewrite(line, |shown, raw, _| shown.push_match(line.bytes(), raw));
    }

    fn damage(&mut self, damage: Damage) {
        if let Some(last) = &mut self.last {
            last.note_damage(self.input, &damage);
        }
        self.unread.add(damage, &self.labels, self.input);
    }

    fn notice(&mut self, notice: Notice) {
        let prefix = self.labels.prefix(self.input);
        self.unread.note(format!("{prefix}{notice}"));
    }

    fn merge(&mut self, later: &mut Self) {
        let most = self.line_filter.wanted.most();
        later.keep_first(most.saturating_sub(self.matched));
        later.ends.clear();
        if let (Some(last), Some(later)) = (&mut self.last, &mut later.last) {
            last.merge(later);
        }
        if let Some(day) = self.days.append(&mut later.days) {
            self.line_filter.view.push_day(&mut self.bytes, day);
        }
        if self.bytes.is_empty() {
            // Moved, since it may be as large as everything that is read.
            std::mem::swap(&mut self.bytes, &mut later.bytes);
        } else {
            self.bytes.append(&mut later.bytes);
        }
        self.matched += std::mem::take(&mut later.matched);
        self.own += std::mem::take(&mut later.own);
        self.unread.append(&mut later.unread);
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]
mod tests {
    use proptest::prelude::*;

    use super::super::kept::{KeptLines, KeptOrder};
    use super::*;
    use crate::screen::{Colour, OutputKind};
    use crate::time::Zone;
    use crate::view::Format;
    use localtel::read::{Item, Reader, Record, SegmentNumber};

    /// The output, its number of records, and the messages about the rest.
    type Shown = (String, u64, String);

    fn as_shown(shown: &[u8], matched: u64, unread: &UnreadCounts) -> Shown {
        let mut messages = Vec::new();
        unread.print(&mut messages);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(shown), matched, text(&messages))
    }

    /// Parses every line and writes it again, one after the other, and then reads the result.
    fn slowly(mut reader: Reader, line_filter: &LineFilter) -> Shown {
        let mut shown = ShownLines::new(line_filter, InputLabels::default());
        while let Some(item) = reader.next_item().unwrap() {
            match item {
                Item::Line(line) => match line.record() {
                    Ok(record) => {
                        let rewritten = serde_json::to_vec(&record).unwrap();
                        shown.line(line, &RawRecord::at(&rewritten).unwrap());
                    }
                    Err(damage) => shown.damage(damage),
                },
                Item::Text(line) => shown.text(line),
                Item::Damage(damage) => shown.damage(damage),
                Item::Notice(notice) => shown.notice(notice),
            }
        }
        as_shown(&shown.bytes, shown.matched, &shown.unread)
    }

    fn quickly(mut reader: Reader, line_filter: &LineFilter) -> Shown {
        let mut whole = ShownLines::new(line_filter, InputLabels::default());
        let empty = || ShownLines::new(line_filter, InputLabels::default());
        let folded = reader.fold(&mut whole, empty, |_| Ok::<(), localtel::Error>(()));
        folded.unwrap();
        as_shown(&whole.bytes, whole.matched, &whole.unread)
    }

    fn line(seq: usize) -> String {
        let level = ["INFO", "WARN", "ERROR"]
            .into_iter()
            .cycle()
            .nth(seq)
            .unwrap();
        let size = ["7", "\"1.10\"", "\"large\"", "true", "2.50"];
        let size = size.into_iter().cycle().nth(seq).unwrap();
        let line = format!(
            r#"{{"timestamp":"2026-11-21T08:15:30.{seq:06}Z","level":"{level}","source":"s","target":"app::net","event":"command","message":"say \"hi\" \u001b","session":"01936f0e-0000-7000-8000-000000000000","seq":{seq},"properties":{{"n":{seq},"ratio":0.5,"a.b":"x","size":{size},"nested":{{"deep":[{seq}]}},"text":"\u00e4"}},"spans":[{{"name":"root","properties":{{"id":{}}}}},{{"name":"leaf"}}]}}"#,
            seq % 7,
        );
        // Some records as localtel does not write them.
        let line = match seq % 11 {
            2 => line.replace("\":", "\": "),
            4 => line.replace("say", "\\ud83d\\ude00 s\\u0061y"),
            6 => line.replace("\"ratio\":0.5", "\"ratio\":5e-1,\"rati\\u006f\":7.50"),
            8 => line.replace("\"seq\":", "\"later\":{},\"seq\":"),
            10 => line.replace("Z\"", "+00:00\""),
            _ => line,
        };
        line + "\n"
    }

    fn filters() -> Vec<Filter> {
        let with = |term: &str| Filter::new().term(term.parse().unwrap());
        vec![
            Filter::new(),
            Filter::new().levels("error".parse().unwrap()),
            Filter::new().event("command").target("app"),
            Filter::new().grep("hi").unwrap(),
            Filter::new().grep("1.10|ä|5e-1").unwrap(),
            Filter::new().grep("7.5$").unwrap(),
            Filter::new().grep("deep|say").unwrap(),
            with("n>20"),
            with("n!=3"),
            with("id=3"),
            with("a.b=x"),
            with("nested.deep.0=5"),
            with("ratio<1"),
            with("text=ä"),
            with("message~hi"),
            with("absent!=1"),
            with("timestamp>=2026-11-21T08:15:30.000010Z"),
            with("size>1"),
            with("size>1").levels("error".parse().unwrap()),
            with("size=1.1"),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// Reading with raw records and threads gives the same output as the slow reader, whatever
        /// happened to the files.
        #[test]
        fn both_ways_of_reading_report_the_same_damage(
            counts in proptest::collection::vec(0..60_usize, 1..4),
            blows in proptest::collection::vec((0..30_000_usize, 0..6_u8, 0..200_usize), 0..12),
            which in 0..20_usize,
            format in prop::sample::select(vec![Format::Json, Format::Short, Format::Pretty, Format::Csv]),
        ) {
            let home = tempfile::tempdir().unwrap();
            for (index, count) in counts.iter().enumerate() {
                let mut bytes: Vec<u8> = (0..*count).flat_map(|seq| line(seq).into_bytes()).collect();
                for (at, kind, length) in &blows {
                    let at = at % bytes.len().max(1);
                    let end = (at + length).min(bytes.len());
                    match kind {
                        0 => drop(bytes.drain(at..end)),
                        1 => bytes[at..end].fill(0),
                        2 => bytes[at..end].fill(b'x'),
                        3 => bytes[at..end].fill(0xff),
                        4 => bytes[at..end].fill(b'\n'),
                        _ => bytes.truncate(end),
                    }
                }
                // Sometimes a gap between the segments.
                let number = index as u64 * (1 + u64::from(blows.len() > 9)) + 1;
                let name = SegmentNumber::new(number).unwrap().file_name();
                std::fs::write(home.path().join(name), bytes).unwrap();
            }
            let line_filter = LineFilter {
                view: View::new(format, Zone::UTC, OutputKind::Pipe, Colour::Off),
                filter: filters().swap_remove(which),
                wanted: WantedLines::All,
            };
            let open = || Reader::open(home.path()).unwrap();
            prop_assert_eq!(quickly(open(), &line_filter), slowly(open(), &line_filter));
        }
    }

    #[test]
    fn the_lines_of_this_test_are_read_as_raw_records() {
        let line = line(1);
        let line = line.trim_end().as_bytes();
        assert!(Record::parse(line).is_ok());
        assert!(RawRecord::at(line).is_some());
    }

    #[test]
    fn records_skipped_by_several_threads_are_counted_once() {
        let home = tempfile::tempdir().unwrap();
        let text: String = (0..20_000).map(line).collect();
        let name = SegmentNumber::FIRST.file_name();
        std::fs::write(home.path().join(name), text).unwrap();
        let line_filter = LineFilter {
            view: View::new(Format::Json, Zone::UTC, OutputKind::Pipe, Colour::Off),
            filter: Filter::new().term("size>1".parse().unwrap()),
            wanted: WantedLines::All,
        };
        let (_, matched, messages) = quickly(Reader::open(home.path()).unwrap(), &line_filter);
        assert_eq!(matched, 12_000);
        assert_eq!(
            messages,
            "skipped 8000 records in which `size` is not a number\n"
        );
    }

    #[test]
    fn more_lines_than_all_batches_keep_their_order() {
        let home = tempfile::tempdir().unwrap();
        let text: String = (0..20_000).map(line).collect();
        let name = SegmentNumber::FIRST.file_name();
        std::fs::write(home.path().join(name), &text).unwrap();
        let line_filter = LineFilter {
            view: View::new(Format::Json, Zone::UTC, OutputKind::Pipe, Colour::Off),
            filter: Filter::new(),
            wanted: WantedLines::All,
        };
        let (shown, matched, messages) = quickly(Reader::open(home.path()).unwrap(), &line_filter);
        assert_eq!((matched, messages.as_str()), (20_000, ""));
        assert!(shown == text);
    }

    #[test]
    fn the_last_records_of_all_parts_are_kept_in_order() {
        let home = tempfile::tempdir().unwrap();
        // The times go up and down, and some lines are in another form.
        let text: String = (0..8_000).map(|n| line(n * 4_999 % 8_000)).collect();
        std::fs::write(home.path().join(SegmentNumber::FIRST.file_name()), text).unwrap();
        let line_filter = LineFilter {
            view: View::new(Format::Short, Zone::UTC, OutputKind::Pipe, Colour::Off),
            filter: Filter::new().term("n!=7990".parse().unwrap()),
            wanted: WantedLines::All,
        };
        let sorted = |count: usize| {
            let empty = || {
                let part = ShownLines::new(&line_filter, InputLabels::default());
                KeptLines::new(part, count, KeptOrder::Time)
            };
            let mut whole = empty();
            let mut reader = Reader::open(home.path()).unwrap();
            let folded = reader.fold(&mut whole, empty, |_| Ok::<(), localtel::Error>(()));
            folded.unwrap();
            whole.keep_last();
            assert_eq!(whole.shown.matched, 7_999);
            let shown = whole.records.into_iter().map(|kept| kept.shown);
            shown.collect::<Vec<_>>()
        };
        let all = sorted(usize::MAX);
        assert_eq!(all.len(), 7_999);
        assert_eq!(sorted(20), all[7_979..]);
    }
}
