//! Counts the records that are selected: a fold whose parts add up. What the counts are for is left
//! to the files that sum them up.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::columns::{Cell, CellContext, Columns};
use super::super::foreign::NO_SESSION;
use super::super::reading::{InputLabels, UnreadCounts};
use super::super::time::Zone;
use super::args::{BreakdownKeys, StatsQuestion};
use super::group_key::{KeyKind, SEPARATOR, set_key};
use super::period::{ClockPeriod, PeriodStart};
use localtel::Level;
use localtel::read::raw::{
    FilterVerdict, OrderedType, RawRecord, RawText, RawValue, find_property,
};
use localtel::read::tally::{
    CountedRecord, Distribution, Groups, LevelCounts, RecordPlace, SessionTally, Timeline,
};
use localtel::read::{Damage, DamageKind, Filter, Fold, Line, Notice, Timestamp};

/// What is counted.
pub(super) struct StatsPlan {
    pub(super) question: StatsQuestion,
    /// The records that are counted.
    pub(super) filter: Filter,
    /// The range of time alone: all its records tell of sessions and losses.
    pub(super) range: Filter,
    /// Which sessions are counted.
    pub(super) sessions: SessionScope,
    pub(super) zone: Zone,
}

/// The sessions that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionScope {
    /// All of the range of time.
    All,
    /// Those with a record that is counted.
    Matching,
}

/// The counts of some records.
pub(super) struct StatsCounts<'a> {
    plan: &'a StatsPlan,
    labels: InputLabels,
    /// The input of the records.
    input: usize,
    pub(super) inputs: Vec<InputCounts>,
    /// The inputs that were counted, since a part has few of a thousand.
    counted: Vec<usize>,
    pub(super) sessions: SessionTally,
    pub(super) answer: AnswerCounts,
    pub(super) unread: UnreadCounts,
    /// Number of records about the recording itself that match and are not counted.
    pub(super) own: u64,
}

/// The counts of one input.
#[derive(Debug, Default)]
pub(super) struct InputCounts {
    pub(super) levels: LevelCounts,
    pub(super) times: Option<(Timestamp, Timestamp)>,
    pub(super) unreadable: u64,
    pub(super) gaps: u64,
}

/// The counts for a question.
pub(super) enum AnswerCounts {
    Overview(OverviewCounts),
    Breakdown(BreakdownCounts),
    Field(FieldCounts),
}

/// The counts of an overview. Keys begin with the application, and a byte for what they are.
#[derive(Debug, Default)]
pub(super) struct OverviewCounts {
    pub(super) timeline: Timeline,
    pub(super) events: Groups,
    /// Errors by their message.
    pub(super) errors: Groups,
    /// Durations by command, span or event.
    pub(super) durations: Groups,
    key: Vec<u8>,
}

/// A record that is counted.
#[derive(Debug, Clone, Copy)]
struct FoundRecord<'a> {
    raw: &'a RawRecord<'a>,
    time: Timestamp,
    place: RecordPlace,
    /// The machine that recorded it, if it is known.
    host: Option<&'a str>,
}

impl<'a> FoundRecord<'a> {
    /// Returns what cells show besides the record: its time is as in the line.
    fn context(&self) -> CellContext<'a> {
        let timestamp = self.raw.timestamp.bytes();
        CellContext {
            time: timestamp,
            timestamp,
            host: self.host,
        }
    }
}

/// The counts by keys and time.
#[derive(Debug, Default)]
pub(super) struct BreakdownCounts {
    pub(super) groups: Groups,
    /// Number of records that lack one of the keys.
    pub(super) without_key: u64,
    /// Number of records that lack the number.
    pub(super) without_number: u64,
    /// The last quarter of an hour and the start of its period, since a zone costs more to ask.
    period: Option<(i64, PeriodStart)>,
    key: Vec<u8>,
}

/// The values of one key.
#[derive(Debug, Default)]
pub(super) struct FieldCounts {
    pub(super) values: Groups,
    pub(super) without_key: u64,
    pub(super) numbers: Distribution,
    /// Number of values of each type.
    pub(super) kinds: BTreeMap<ValueKind, u64>,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ValueKind {
    Text,
    Number,
    Boolean,
    Null,
    List,
    Object,
}

impl std::fmt::Display for ValueKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Null => "null",
            Self::List => "list",
            Self::Object => "object",
        })
    }
}

impl ValueKind {
    fn of(value: &RawValue<'_>) -> Self {
        match value {
            RawValue::Text(_) => Self::Text,
            RawValue::Number(_) => Self::Number,
            RawValue::Word(word) if word == "null" => Self::Null,
            RawValue::Word(_) => Self::Boolean,
            RawValue::Compound(json) if json.starts_with('[') => Self::List,
            RawValue::Compound(_) => Self::Object,
        }
    }
}

/// The properties that an overview looks at.
#[derive(Default)]
struct CountedProperties<'a> {
    duration: Option<f64>,
    command: Option<RawText<'a>>,
    is_failed: bool,
}

impl<'a> CountedProperties<'a> {
    fn of(raw: &RawRecord<'a>) -> Self {
        let mut found = Self::default();
        for (name, json) in raw.properties.walk() {
            match name.bytes() {
                b"duration" => found.duration = number_in(json.bytes()),
                b"command" => found.command = json.text(),
                b"result" => found.is_failed = json.bytes() == b"\"ERROR\"",
                _ => {}
            }
        }
        found
    }
}

/// Returns `true` if a record is an error: by its level, or by the result of a command.
fn is_error(raw: &RawRecord<'_>) -> bool {
    raw.level == Level::Error || CountedProperties::of(raw).is_failed
}

/// Parses a number of a line.
fn number_in(json: &[u8]) -> Option<f64> {
    std::str::from_utf8(json).ok()?.parse().ok()
}

impl<'a> StatsCounts<'a> {
    pub(super) fn new(plan: &'a StatsPlan, labels: InputLabels, inputs: usize) -> Self {
        Self {
            plan,
            labels,
            input: 0,
            inputs: std::iter::repeat_with(InputCounts::default)
                .take(inputs)
                .collect(),
            counted: Vec::new(),
            sessions: SessionTally::default(),
            answer: match plan.question {
                StatsQuestion::Overview => AnswerCounts::Overview(OverviewCounts::default()),
                StatsQuestion::Breakdown(_) => AnswerCounts::Breakdown(BreakdownCounts::default()),
                StatsQuestion::Field(_) => AnswerCounts::Field(FieldCounts::default()),
            },
            unread: UnreadCounts::default(),
            own: 0,
        }
    }

    /// Notes what a record says of its session.
    fn note_session(&mut self, raw: &RawRecord<'_>, verdict: &FilterVerdict<'_>) {
        // The records of other loggers have none.
        if raw.session.is(NO_SESSION) {
            return;
        }
        if *verdict == FilterVerdict::Passes {
            return self.sessions.note(raw);
        }
        if self.plan.range.verdict(raw) != FilterVerdict::Passes {
            return;
        }
        match self.plan.sessions {
            SessionScope::All => self.sessions.note(raw),
            SessionScope::Matching => self.sessions.note_uncounted(raw),
        }
    }

    /// Returns the counts of the input of the records.
    fn input_counts(&mut self) -> Option<&mut InputCounts> {
        if self.counted.last() != Some(&self.input) {
            self.counted.push(self.input);
        }
        self.inputs.get_mut(self.input)
    }

    fn count(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        let place = RecordPlace {
            input: self.input,
            position: line.position(),
        };
        let time = raw.time();
        if let Some(counts) = self.input_counts() {
            counts.levels.add(raw.level);
            counts.add_times((time, time));
        }
        let found = FoundRecord {
            raw,
            time,
            place,
            host: self.labels.host(self.input),
        };
        match (&mut self.answer, &self.plan.question) {
            (AnswerCounts::Overview(counts), _) => counts.add(raw, time, place),
            (AnswerCounts::Breakdown(counts), StatsQuestion::Breakdown(keys)) => {
                counts.add(found, keys, self.plan.zone, &mut self.unread);
            }
            (AnswerCounts::Field(counts), StatsQuestion::Field(key)) => counts.add(found, key),
            (AnswerCounts::Breakdown(_) | AnswerCounts::Field(_), _) => {}
        }
    }
}

impl InputCounts {
    fn add_times(&mut self, (first, last): (Timestamp, Timestamp)) {
        let (earliest, latest) = self.times.unwrap_or((first, last));
        self.times = Some((earliest.min(first), latest.max(last)));
    }

    fn merge(&mut self, later: &mut Self) {
        let later = std::mem::take(later);
        self.levels.merge(&later.levels);
        if let Some(times) = later.times {
            self.add_times(times);
        }
        self.unreadable += later.unreadable;
        self.gaps += later.gaps;
    }
}

impl OverviewCounts {
    fn add(&mut self, raw: &RawRecord<'_>, time: Timestamp, place: RecordPlace) {
        self.timeline.add(time, raw.level);
        let found = CountedProperties::of(raw);
        let mut record = CountedRecord {
            raw,
            place,
            is_error: raw.level == Level::Error || found.is_failed,
            number: None,
        };
        let (kind, name) = match raw.event {
            Some(event) => (KeyKind::Event, event),
            None => (KeyKind::Target, raw.target),
        };
        set_key(&mut self.key, raw.source, kind, name);
        self.events.add(&self.key, record);
        let error = match (raw.level, raw.message, raw.event) {
            (Level::Error, Some(message), _) => Some((KeyKind::Message, message)),
            (Level::Error, None, Some(event)) => Some((KeyKind::ErrorEvent, event)),
            (Level::Error, None, None)
            | (Level::Trace | Level::Debug | Level::Info | Level::Warn, _, _) => None,
        };
        if let Some((kind, name)) = error {
            set_key(&mut self.key, raw.source, kind, name);
            self.errors.add(&self.key, record);
        }
        if found.duration.is_some() {
            let (kind, name) = match (raw.event, found.command, raw.message) {
                (Some(event), Some(command), _) if event.is("command") => {
                    (KeyKind::Command, command)
                }
                // The message of a closed span is its name.
                (Some(event), _, Some(name)) if event.is("span") => (KeyKind::Span, name),
                (Some(event), _, _) => (KeyKind::Event, event),
                (None, _, _) => (KeyKind::Target, raw.target),
            };
            record.number = found.duration;
            set_key(&mut self.key, raw.source, kind, name);
            self.durations.add(&self.key, record);
        }
    }

    fn merge(&mut self, later: &mut Self) {
        self.timeline.merge(&mut later.timeline);
        self.events.merge(&mut later.events);
        self.errors.merge(&mut later.errors);
        self.durations.merge(&mut later.durations);
    }
}

impl BreakdownCounts {
    fn add(
        &mut self,
        found: FoundRecord<'_>,
        keys: &BreakdownKeys,
        zone: Zone,
        unread: &mut UnreadCounts,
    ) {
        let FoundRecord {
            raw, time, place, ..
        } = found;
        let number = match keys.of.as_ref().map(|key| (key, find_property(raw, key))) {
            Some((_, Some(RawValue::Number(number)))) => number.parse().ok(),
            Some((key, Some(_))) => {
                unread.add_other_type(key, OrderedType::Number);
                return;
            }
            Some((_, None)) => {
                self.without_number += 1;
                return;
            }
            None => None,
        };
        self.key.clear();
        if let Some(period) = keys.per {
            let start = self.period_of(time, period, zone);
            self.key.extend_from_slice(&start.to_key());
        }
        if let Some(columns) = &keys.by
            && !push_values(&mut self.key, columns, found)
        {
            self.without_key += 1;
            return;
        }
        let record = CountedRecord {
            raw,
            place,
            is_error: is_error(raw),
            number,
        };
        self.groups.add(&self.key, record);
    }

    /// Returns the start of the period of a time.
    fn period_of(&mut self, time: Timestamp, period: ClockPeriod, zone: Zone) -> PeriodStart {
        let seconds = time.unix_micros().div_euclid(1_000_000);
        // Of shorter periods, each second may be in another one.
        let unit = if period.seconds() % QUARTER == 0 {
            QUARTER
        } else {
            1
        };
        let quarter = seconds.div_euclid(unit);
        match self.period {
            Some((known, start)) if known == quarter => start,
            Some(_) | None => {
                let start = period.start_of(seconds, zone);
                self.period = Some((quarter, start));
                start
            }
        }
    }

    fn merge(&mut self, later: &mut Self) {
        self.groups.merge(&mut later.groups);
        self.without_key += std::mem::take(&mut later.without_key);
        self.without_number += std::mem::take(&mut later.without_number);
    }
}

/// The offsets of zones are multiples of it, in seconds.
const QUARTER: i64 = 15 * 60;

/// Adds the values of these keys. Returns `false` if one is missing.
fn push_values(key: &mut Vec<u8>, columns: &Columns, found: FoundRecord<'_>) -> bool {
    columns
        .cells(found.raw, found.context())
        .iter()
        .all(|cell| {
            key.push(SEPARATOR);
            key.extend_from_slice(cell.to_text().as_bytes());
            !cell.is_empty()
        })
}

impl FieldCounts {
    fn add(&mut self, found: FoundRecord<'_>, key: &Columns) {
        let FoundRecord { raw, place, .. } = found;
        let cells = key.cells(raw, found.context());
        let Some(cell) = cells.first().filter(|cell| !cell.is_empty()) else {
            self.without_key += 1;
            return;
        };
        let text = cell.to_text();
        let kind = match cell {
            Cell::Json(json) => ValueKind::of(&json.value()),
            Cell::Nested(value) => ValueKind::of(value),
            Cell::Plain(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => ValueKind::Number,
            Cell::Empty | Cell::Plain(_) | Cell::Text(_) | Cell::Names(_) => ValueKind::Text,
        };
        *self.kinds.entry(kind).or_default() += 1;
        let number = match kind {
            ValueKind::Number => text.parse().ok(),
            ValueKind::Text
            | ValueKind::Null
            | ValueKind::Boolean
            | ValueKind::List
            | ValueKind::Object => None,
        };
        if let Some(number) = number {
            self.numbers.add(number);
        }
        let record = CountedRecord {
            raw,
            place,
            is_error: is_error(raw),
            number: None,
        };
        self.values.add(text.as_bytes(), record);
    }

    fn merge(&mut self, later: &mut Self) {
        self.values.merge(&mut later.values);
        self.numbers.merge(&mut later.numbers);
        self.without_key += std::mem::take(&mut later.without_key);
        for (kind, count) in std::mem::take(&mut later.kinds) {
            *self.kinds.entry(kind).or_default() += count;
        }
    }
}

impl Fold for StatsCounts<'_> {
    fn input(&mut self, input: usize) {
        self.input = input;
        self.sessions.input(input);
    }

    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        let verdict = self.plan.filter.verdict(raw);
        self.note_session(raw, &verdict);
        match verdict {
            FilterVerdict::Passes => self.count(line, raw),
            FilterVerdict::Fails => {}
            FilterVerdict::Own => self.own += 1,
            FilterVerdict::OtherType { key, expected } => self.unread.add_other_type(key, expected),
        }
    }

    fn damage(&mut self, damage: Damage) {
        if let Some(counts) = self.input_counts() {
            match damage.kind {
                DamageKind::Missing { .. }
                | DamageKind::NotAFile
                | DamageKind::Unreadable { .. } => {
                    counts.gaps += 1;
                }
                DamageKind::Torn
                | DamageKind::NotARecord
                | DamageKind::NulHole
                | DamageKind::TooLong
                | DamageKind::InvalidUtf8
                | DamageKind::Undecodable { .. }
                | _ => counts.unreadable += 1,
            }
        }
        self.unread.add(damage, &self.labels, self.input);
    }

    fn notice(&mut self, notice: Notice) {
        let prefix = self.labels.prefix(self.input);
        self.unread.note(format!("{prefix}{notice}"));
    }

    fn merge(&mut self, later: &mut Self) {
        for input in later.counted.drain(..) {
            let counts = (self.inputs.get_mut(input), later.inputs.get_mut(input));
            if let (Some(own), Some(later)) = counts {
                own.merge(later);
            }
        }
        match (&mut self.answer, &mut later.answer) {
            (AnswerCounts::Overview(own), AnswerCounts::Overview(later)) => own.merge(later),
            (AnswerCounts::Breakdown(own), AnswerCounts::Breakdown(later)) => own.merge(later),
            (AnswerCounts::Field(own), AnswerCounts::Field(later)) => own.merge(later),
            (
                AnswerCounts::Overview(_) | AnswerCounts::Breakdown(_) | AnswerCounts::Field(_),
                _,
            ) => {}
        }
        self.own += std::mem::take(&mut later.own);
        self.sessions.merge(&mut later.sessions);
        self.unread.append(&mut later.unread);
    }
}
