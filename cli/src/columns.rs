//! The columns of `fields`, `tsv` and `csv`: their names, and the cells of a record. A key is found
//! as a condition finds it. `csv` and `tsv` write the cells; `survey` finds the keys that occur.

use std::borrow::Cow;
use std::collections::HashSet;
use std::str::FromStr;

use localtel::read::raw::{Object, RawJson, RawRecord, RawSpans, RawText, RawValue, find_property};

/// The columns of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    list: Vec<Column>,
    /// The columns of properties in the order of their names.
    properties: Vec<(String, usize)>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    heading: String,
    part: ColumnPart,
}

/// The part of a record that a column shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColumnPart {
    /// The time; of the day on a terminal.
    Time,
    Timestamp,
    Level,
    Source,
    Target,
    Event,
    Message,
    Session,
    Seq,
    /// The names of the spans.
    Span,
    SpansLeftOut,
    /// A property of the record or of its spans.
    Property,
}

impl ColumnPart {
    /// Returns the part of a name that is no property.
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "level" => Self::Level,
            "source" => Self::Source,
            "target" => Self::Target,
            "event" => Self::Event,
            "message" => Self::Message,
            "session" => Self::Session,
            "seq" => Self::Seq,
            "span" => Self::Span,
            "spans_left_out" => Self::SpansLeftOut,
            _ => return None,
        })
    }
}

/// A cell: a part of a record as it is in its line.
#[derive(Debug, Clone)]
pub(crate) enum Cell<'a> {
    Empty,
    /// A time or a number, which is the same in each format.
    Plain(Cow<'a, [u8]>),
    Text(RawText<'a>),
    Json(RawJson<'a>),
    /// A nested value that was parsed.
    Nested(RawValue<'a>),
    Names(RawSpans<'a>),
}

impl<'a> Cell<'a> {
    /// Returns `true` if the record has no such value.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Plain(_) | Self::Text(_) | Self::Json(_) | Self::Nested(_) | Self::Names(_) => {
                false
            }
        }
    }

    /// Returns the value as text.
    pub(crate) fn to_text(&self) -> Cow<'a, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Plain(bytes) => Cow::Owned(String::from_utf8_lossy(bytes).into_owned()),
            Self::Text(text) => text.decoded(),
            Self::Json(json) => Cow::Owned(json.value().to_text().into_owned()),
            Self::Nested(value) => Cow::Owned(value.to_text().into_owned()),
            Self::Names(spans) => {
                let names: Vec<_> = spans.iter().map(|(name, _)| name.decoded()).collect();
                Cow::Owned(names.join(":"))
            }
        }
    }
}

/// The time of a record as a table shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CellTimes<'a> {
    /// The value of `time`.
    pub(crate) time: &'a [u8],
    /// The value of `timestamp`.
    pub(crate) timestamp: &'a [u8],
}

impl Columns {
    /// Returns the columns of these names.
    ///
    /// # Errors
    ///
    /// Returns a message if a name is empty or occurs twice.
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut list: Vec<Column> = Vec::new();
        for heading in names {
            if heading.is_empty() {
                return Err("a column has no name; write names as in `time,command`".to_owned());
            }
            let part = ColumnPart::named(&heading).unwrap_or(ColumnPart::Property);
            list.push(Column { heading, part });
        }
        let columns = list.iter().zip(0..);
        let columns = columns.filter(|(column, _)| column.part == ColumnPart::Property);
        let mut properties: Vec<(String, usize)> = columns
            .map(|(column, place)| (key_of(&column.heading).to_owned(), place))
            .collect();
        properties.sort();
        let headings = list.iter().map(|column| column.heading.as_str());
        let keys = properties.iter().map(|(key, _)| key.as_str());
        if let Some(name) = repeated(headings).or_else(|| repeated(keys)) {
            return Err(format!("the column `{name}` is named twice"));
        }
        Ok(Self { list, properties })
    }

    /// Returns the columns of the parts that each record has, and then those of the keys.
    pub(crate) fn with_keys(keys: &[String], more: &[&str]) -> Self {
        let own = OWN.iter().chain(more).map(|name| (*name).to_owned());
        let keys = keys.iter().map(|key| {
            // A property that has the name of a part is selected as in a condition.
            if ColumnPart::named(key).is_some() || key.starts_with(PREFIX) {
                format!("{PREFIX}{key}")
            } else {
                key.clone()
            }
        });
        // Neither name occurs twice, and an empty key is left out.
        Self::new(own.chain(keys).filter(|name| !name.is_empty())).unwrap_or_default()
    }

    /// Returns the headings.
    pub(crate) fn headings(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|column| column.heading.as_str())
    }

    /// Returns `true` if a column has the time of the day on a terminal.
    pub(crate) fn has_time(&self) -> bool {
        let mut parts = self.list.iter().map(|column| column.part);
        parts.any(|part| part == ColumnPart::Time)
    }

    /// Returns the cells of a record.
    pub(crate) fn cells<'a>(&self, raw: &RawRecord<'a>, times: CellTimes<'a>) -> Vec<Cell<'a>> {
        let text = |text: Option<RawText<'a>>| text.map_or(Cell::Empty, Cell::Text);
        let number = |number: u64| Cell::Plain(number.to_string().into_bytes().into());
        let cells = self.list.iter().map(|column| match column.part {
            ColumnPart::Time => Cell::Plain(times.time.into()),
            ColumnPart::Timestamp => Cell::Plain(times.timestamp.into()),
            ColumnPart::Level => Cell::Plain(raw.level.as_str().as_bytes().into()),
            ColumnPart::Source => Cell::Text(raw.source),
            ColumnPart::Target => Cell::Text(raw.target),
            ColumnPart::Event => text(raw.event),
            ColumnPart::Message => text(raw.message),
            ColumnPart::Session => Cell::Text(raw.session),
            ColumnPart::Seq => number(raw.seq),
            ColumnPart::Span if !raw.spans.is_empty() => Cell::Names(raw.spans),
            ColumnPart::SpansLeftOut if raw.spans_left_out > 0 => number(raw.spans_left_out),
            ColumnPart::Span | ColumnPart::SpansLeftOut | ColumnPart::Property => Cell::Empty,
        });
        let mut cells: Vec<Cell<'a>> = cells.collect();
        if self.properties.is_empty() {
            return cells;
        }
        // The last one that is set counts: the innermost span, and above all the record itself.
        for (_, properties) in raw.spans.iter() {
            self.set(&mut cells, properties);
        }
        self.set(&mut cells, raw.properties);
        for (key, place) in &self.properties {
            if let Some(cell @ Cell::Empty) = cells.get_mut(*place)
                && key.contains('.')
                && let Some(value) = find_property(raw, key)
            {
                *cell = Cell::Nested(value);
            }
        }
        cells
    }

    /// Sets the cells of properties.
    fn set<'a>(&self, cells: &mut [Cell<'a>], properties: Object<'a>) {
        for (name, json) in properties.walk() {
            let name = name.decoded_bytes();
            let key = |(known, _): &(String, usize)| known.as_bytes().cmp(&name);
            let found = self.properties.binary_search_by(key).ok();
            let place = found.and_then(|at| self.properties.get(at));
            if let Some(cell) = place.and_then(|(_, place)| cells.get_mut(*place)) {
                *cell = json.text().map_or(Cell::Json(json), Cell::Text);
            }
        }
    }
}

/// Without names, the columns of the parts that each record has.
impl Default for Columns {
    fn default() -> Self {
        Self::with_keys(&[], &[])
    }
}

/// Reads names as typed: separated by commas, and in double quotes if they contain one.
impl FromStr for Columns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut names = vec![String::new()];
        let mut is_quoted = false;
        for letter in text.chars() {
            match (letter, names.last_mut()) {
                ('"', _) => is_quoted = !is_quoted,
                (',', _) if !is_quoted => names.push(String::new()),
                (letter, Some(name)) => name.push(letter),
                (_, None) => {}
            }
        }
        Self::new(names.iter().map(|name| name.trim().to_owned()))
    }
}

/// Returns the key of the property that a heading selects.
fn key_of(heading: &str) -> &str {
    heading.strip_prefix(PREFIX).unwrap_or(heading)
}

/// Returns a name that occurs more than once.
fn repeated<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut known = HashSet::new();
    names.find(|name| !known.insert(*name))
}

/// What precedes a property whose name is that of a part of the record.
const PREFIX: &str = "properties.";

/// The names of the parts that each record has.
const OWN: [&str; 8] = [
    "timestamp",
    "level",
    "source",
    "target",
    "event",
    "message",
    "session",
    "seq",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the cells as text, with `-` for an empty one.
    fn cells(names: &str, line: &str) -> String {
        let columns: Columns = names.parse().unwrap();
        let raw = RawRecord::at(line.as_bytes()).unwrap();
        let times = CellTimes {
            time: b"8:15",
            timestamp: b"T8:15",
        };
        let cells = columns.cells(&raw, times);
        let cells = cells.iter().map(|cell| {
            let is_empty = matches!(cell, Cell::Empty);
            if is_empty { "-".into() } else { cell.to_text() }
        });
        cells.collect::<Vec<_>>().join(" ")
    }

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"shop","target":"shop::pay","event":"command","message":"paid","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"a":1,"level":"mine","os":{"kernel":[6,1]},"a.b":"dot","a":2},"spans":[{"name":"outer","properties":{"id":1,"a":9,"x":"far"}},{"name":"inner","properties":{"id":2}}],"spans_left_out":3}"#;

    #[test]
    fn a_column_has_the_value_that_a_condition_finds() {
        for (names, expected) in [
            ("time,timestamp,level,source", "8:15 T8:15 INFO shop"),
            ("target,event,message,seq", "shop::pay command paid 12"),
            ("session", "01936f0e-0000-7000-8000-000000000000"),
            ("properties.level,level", "mine INFO"),
            ("span,spans_left_out", "outer:inner 3"),
            ("a,id,x,missing", "2 2 far -"),
            ("outer.x,outer.id,inner.id,inner.x", "far 1 2 -"),
            ("a.b,os.kernel.1,os.none,os", "dot 1 - {\"kernel\":[6,1]}"),
        ] {
            assert_eq!(cells(names, LINE), expected, "{names}");
        }
    }

    #[test]
    fn names_may_be_quoted_and_must_differ() {
        let headings = |text: &str| {
            let columns = text.parse::<Columns>()?;
            Ok::<_, String>(columns.headings().collect::<Vec<_>>().join("|"))
        };
        assert_eq!(headings("a, b ,\"c,d\""), Ok("a|b|c,d".to_owned()));
        for wrong in ["", "a,,b", "a,a", "a,properties.a"] {
            assert!(headings(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_that_are_parts_of_records_are_told_apart() {
        let keys = ["size", "level", "properties.x", ""].map(str::to_owned);
        let columns = Columns::with_keys(&keys, &["span"]);
        let headings: Vec<&str> = columns.headings().skip(8).collect();
        let expected = [
            "span",
            "size",
            "properties.level",
            "properties.properties.x",
        ];
        assert_eq!(headings, expected);
    }
}
