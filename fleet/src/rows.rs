//! Records as columns in memory: those of one row group, or of a part of it that one thread reads.
//! What the columns are called, and how they are stored, is decided by `schema` and `row_group`.

use localtel::read::raw::{Object, RawRecord, RawText};

use crate::chain::SegmentPlace;
use crate::promoted::{ColumnKind, Promoted, PromotedValue};

/// The rows.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Microseconds after 1970.
    pub(crate) times: Vec<i64>,
    /// A number in a session beyond 63 bits, which only a hostile line has, is missing.
    pub(crate) seqs: Vec<Option<i64>>,
    pub(crate) texts: TextColumns,
    pub(crate) spans: SpanColumns,
    pub(crate) promoted: Vec<PromotedColumn>,
    /// The log of each row, as its number among those of the host.
    pub(crate) logs: Vec<usize>,
    pub(crate) segments: Vec<Option<i32>>,
    pub(crate) offsets: Vec<i64>,
}

/// The columns of texts.
#[derive(Debug, Default)]
pub(crate) struct TextColumns {
    pub(crate) level: TextColumn,
    pub(crate) source: TextColumn,
    pub(crate) target: TextColumn,
    pub(crate) event: TextColumn,
    pub(crate) message: TextColumn,
    pub(crate) session: TextColumn,
    pub(crate) properties: TextColumn,
    pub(crate) once: TextColumn,
}

/// The spans of all rows, one row after the other.
#[derive(Debug, Default)]
pub(crate) struct SpanColumns {
    /// The number of spans of each row.
    pub(crate) counts: Vec<usize>,
    pub(crate) names: TextColumn,
    pub(crate) properties: TextColumn,
}

/// The values of a property that has a column.
#[derive(Debug)]
pub(crate) enum PromotedColumn {
    Text(TextColumn),
    Integer(Vec<Option<i64>>),
    Number(Vec<Option<f64>>),
    Boolean(Vec<Option<bool>>),
}

/// Texts in one buffer.
#[derive(Debug, Default)]
pub(crate) struct TextColumn {
    pub(crate) bytes: Vec<u8>,
    /// The end of each text in the buffer, and whether there is one.
    pub(crate) ends: Vec<(usize, bool)>,
}

impl Rows {
    /// Creates an empty list of rows with columns for these properties.
    pub(crate) fn new(promoted: &[Promoted]) -> Self {
        let column = |promoted: &Promoted| match promoted.kind {
            ColumnKind::Text => PromotedColumn::Text(TextColumn::default()),
            ColumnKind::Integer => PromotedColumn::Integer(Vec::new()),
            ColumnKind::Number => PromotedColumn::Number(Vec::new()),
            ColumnKind::Boolean => PromotedColumn::Boolean(Vec::new()),
        };
        Self {
            times: Vec::new(),
            seqs: Vec::new(),
            texts: TextColumns::default(),
            spans: SpanColumns::default(),
            promoted: promoted.iter().map(column).collect(),
            logs: Vec::new(),
            segments: Vec::new(),
            offsets: Vec::new(),
        }
    }

    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Returns about how many bytes of memory the rows take.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.texts.all().into_iter();
        let texts = texts.chain([&self.spans.names, &self.spans.properties]);
        let promoted = self.promoted.iter().map(|column| match column {
            PromotedColumn::Text(texts) => texts.bytes.len(),
            PromotedColumn::Integer(_) | PromotedColumn::Number(_) | PromotedColumn::Boolean(_) => {
                0
            }
        });
        let in_texts: usize = texts.map(|texts| texts.bytes.len()).chain(promoted).sum();
        in_texts + self.len() * ROW_BYTES + self.spans.names.ends.len() * SPAN_BYTES
    }

    /// Adds the record at a place.
    pub(crate) fn push(&mut self, raw: &RawRecord<'_>, promoted: &[Promoted], place: SegmentPlace) {
        self.times.push(raw.time().unix_micros());
        self.seqs.push(i64::try_from(raw.seq).ok());
        let texts = &mut self.texts;
        texts.level.push(Some(raw.level.as_str().as_bytes()));
        texts.source.push_text(Some(raw.source));
        texts.target.push_text(Some(raw.target));
        texts.event.push_text(raw.event);
        texts.message.push_text(raw.message);
        texts.session.push_text(Some(raw.session));
        self.push_properties(raw.properties, promoted);
        self.texts.once.push_object(raw.once.unwrap_or_default());
        let mut spans = 0;
        for (name, properties) in raw.spans.iter() {
            spans += 1;
            self.spans.names.push_text(Some(name));
            self.spans.properties.push_object(properties);
        }
        self.spans.counts.push(spans);
        self.logs.push(place.log);
        self.segments.push(i32::try_from(place.number.get()).ok());
        self.offsets
            .push(i64::try_from(place.offset).unwrap_or(i64::MAX));
    }

    fn push_properties(&mut self, properties: Object<'_>, promoted: &[Promoted]) {
        let members = self.texts.properties.push_object(properties);
        for (column, promoted) in self.promoted.iter_mut().zip(promoted) {
            let own = members.iter().find(|(name, _)| name.is(&promoted.key));
            let value = own.and_then(|(_, json)| promoted.kind.value(*json));
            column.push(value);
        }
    }

    /// Adds the rows that follow, and leaves `later` empty.
    pub(crate) fn append(&mut self, later: &mut Self) {
        self.times.append(&mut later.times);
        self.seqs.append(&mut later.seqs);
        for (own, later) in self.texts.all_mut().into_iter().zip(later.texts.all_mut()) {
            own.append(later);
        }
        self.spans.counts.append(&mut later.spans.counts);
        self.spans.names.append(&mut later.spans.names);
        self.spans.properties.append(&mut later.spans.properties);
        for (own, later) in self.promoted.iter_mut().zip(&mut later.promoted) {
            own.append(later);
        }
        self.logs.append(&mut later.logs);
        self.segments.append(&mut later.segments);
        self.offsets.append(&mut later.offsets);
    }
}

impl TextColumns {
    /// Returns all columns, in the order of the file.
    pub(crate) fn all(&self) -> [&TextColumn; 8] {
        [
            &self.level,
            &self.source,
            &self.target,
            &self.event,
            &self.message,
            &self.session,
            &self.properties,
            &self.once,
        ]
    }

    fn all_mut(&mut self) -> [&mut TextColumn; 8] {
        [
            &mut self.level,
            &mut self.source,
            &mut self.target,
            &mut self.event,
            &mut self.message,
            &mut self.session,
            &mut self.properties,
            &mut self.once,
        ]
    }
}

impl PromotedColumn {
    fn push(&mut self, value: Option<PromotedValue<'_>>) {
        match (self, value) {
            (Self::Text(texts), Some(PromotedValue::Text(text))) => texts.push_text(Some(text)),
            (Self::Text(texts), _) => texts.push_text(None),
            (Self::Integer(values), Some(PromotedValue::Integer(value))) => {
                values.push(Some(value));
            }
            (Self::Integer(values), _) => values.push(None),
            (Self::Number(values), Some(PromotedValue::Number(value))) => values.push(Some(value)),
            (Self::Number(values), _) => values.push(None),
            (Self::Boolean(values), Some(PromotedValue::Boolean(value))) => {
                values.push(Some(value));
            }
            (Self::Boolean(values), _) => values.push(None),
        }
    }

    fn append(&mut self, later: &mut Self) {
        match (self, later) {
            (Self::Text(own), Self::Text(later)) => own.append(later),
            (Self::Integer(own), Self::Integer(later)) => own.append(later),
            (Self::Number(own), Self::Number(later)) => own.append(later),
            (Self::Boolean(own), Self::Boolean(later)) => own.append(later),
            // Both have the columns of the same properties.
            (Self::Text(_) | Self::Integer(_) | Self::Number(_) | Self::Boolean(_), _) => {}
        }
    }
}

impl TextColumn {
    fn push(&mut self, text: Option<&[u8]>) {
        self.bytes.extend_from_slice(text.unwrap_or_default());
        self.ends.push((self.bytes.len(), text.is_some()));
    }

    fn push_text(&mut self, text: Option<RawText<'_>>) {
        match text {
            Some(text) => self.push(Some(&text.decoded_bytes())),
            None => self.push(None),
        }
    }

    /// Adds an object as JSON, each name once with its last value, and returns the members. An
    /// empty object is missing, as it is in a line.
    fn push_object<'a>(&mut self, object: Object<'a>) -> Vec<JsonMember<'a>> {
        if object.is_empty() {
            self.push(None);
            return Vec::new();
        }
        let members = object.raw_members();
        let mut next = b'{';
        for (name, json) in &members {
            self.bytes.extend_from_slice(&[next, b'"']);
            self.bytes.extend_from_slice(name.bytes());
            self.bytes.extend_from_slice(b"\":");
            self.bytes.extend_from_slice(json.bytes());
            next = b',';
        }
        self.bytes.push(b'}');
        self.ends.push((self.bytes.len(), true));
        members
    }

    fn append(&mut self, later: &mut Self) {
        let before = self.bytes.len();
        self.bytes.append(&mut later.bytes);
        let ends = later.ends.drain(..);
        self.ends
            .extend(ends.map(|(end, is_there)| (before + end, is_there)));
    }
}

/// A name and its value as JSON.
type JsonMember<'a> = (RawText<'a>, localtel::read::raw::RawJson<'a>);

/// The memory of a row, and of a span, without texts.
const ROW_BYTES: usize = 300;
const SPAN_BYTES: usize = 32;
