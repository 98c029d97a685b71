//! The columns of `fields`, `tsv` and `csv`: their names, and the cells of a record. A key is found
//! as a condition finds it. `csv` and `tsv` write the cells; `survey` finds the keys that occur.

use std::borrow::Cow;
use std::collections::HashSet;
use std::str::FromStr;

use localtel::Error;
use localtel::read::raw::{Object, RawJson, RawRecord, RawSpans, RawText, RawValue, find_property};

/// What the key `host` means, in columns and in conditions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum HostKey {
    /// A property, like any key that is no part of a record.
    #[default]
    Property,
    /// The machine that recorded, where records of several are in a tree. The property is
    /// `properties.host`.
    Machine,
}

impl HostKey {
    /// Returns `true` if a key is the machine.
    pub(crate) fn is_machine(self, key: &str) -> bool {
        self == Self::Machine && key == HOST
    }
}

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
    /// The machine that recorded.
    Host,
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

/// What a table shows of a record besides its parts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CellContext<'a> {
    /// The value of `time`.
    pub(crate) time: &'a [u8],
    /// The value of `timestamp`.
    pub(crate) timestamp: &'a [u8],
    /// The machine that recorded it, if it is known.
    pub(crate) host: Option<&'a str>,
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
        // Whether these are the same is known with the inputs.
        let keys = keys.filter(|key| *key != HOST);
        if let Some(name) = repeated(headings).or_else(|| repeated(keys)) {
            return Err(format!("the column `{name}` is named twice"));
        }
        Ok(Self { list, properties })
    }

    /// Returns the columns of the parts that each record has, and then those of the keys.
    pub(crate) fn with_keys(keys: &[String], more: &[&str], host: HostKey) -> Self {
        let own = OWN.iter().chain(more).map(|name| (*name).to_owned());
        let keys = keys.iter().map(|key| {
            // A property that has the name of a part is selected as in a condition.
            let is_part = ColumnPart::named(key).is_some() || host.is_machine(key);
            if is_part || key.starts_with(PREFIX) {
                format!("{PREFIX}{key}")
            } else {
                key.clone()
            }
        });
        // Neither name occurs twice, and an empty key is left out.
        let columns = Self::new(own.chain(keys).filter(|name| !name.is_empty()));
        let mut columns = columns.unwrap_or_default();
        if host == HostKey::Machine {
            columns.insert_host();
        }
        columns
    }

    /// Adds the machine before the application.
    fn insert_host(&mut self) {
        let source = self
            .list
            .iter()
            .position(|it| it.part == ColumnPart::Source);
        let place = source.unwrap_or(0);
        let column = Column {
            heading: HOST.to_owned(),
            part: ColumnPart::Host,
        };
        self.list.insert(place, column);
        for (_, of_property) in &mut self.properties {
            *of_property += usize::from(*of_property >= place);
        }
    }

    /// Returns the columns where the key `host` means this.
    ///
    /// # Errors
    ///
    /// Returns an error if it is the property, and is named twice.
    pub(crate) fn where_host_is(mut self, host: HostKey) -> localtel::Result<Self> {
        for column in &mut self.list {
            if host.is_machine(&column.heading) {
                column.part = ColumnPart::Host;
            }
        }
        let list = &self.list;
        self.properties.retain(|(_, place)| {
            let column = list.get(*place);
            column.is_some_and(|column| column.part == ColumnPart::Property)
        });
        match repeated(self.properties.iter().map(|(key, _)| key.as_str())) {
            Some(name) => Err(Error::invalid(
                "--columns",
                format!("`{name}` and `{PREFIX}{name}` are the same column"),
            )),
            None => Ok(self),
        }
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
    pub(crate) fn cells<'a>(&self, raw: &RawRecord<'a>, context: CellContext<'a>) -> Vec<Cell<'a>> {
        let text = |text: Option<RawText<'a>>| text.map_or(Cell::Empty, Cell::Text);
        let number = |number: u64| Cell::Plain(number.to_string().into_bytes().into());
        let cells = self.list.iter().map(|column| match column.part {
            ColumnPart::Time => Cell::Plain(context.time.into()),
            ColumnPart::Timestamp => Cell::Plain(context.timestamp.into()),
            ColumnPart::Level => Cell::Plain(raw.level.as_str().as_bytes().into()),
            ColumnPart::Host => context.host.map_or(Cell::Empty, |host| {
                Cell::Nested(RawValue::Text(Cow::Borrowed(host)))
            }),
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
        Self::with_keys(&[], &[], HostKey::Property)
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

/// The heading of the machine that recorded.
const HOST: &str = "host";

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
        let context = CellContext {
            time: b"8:15",
            timestamp: b"T8:15",
            host: Some("web-1"),
        };
        let cells = columns.cells(&raw, context);
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
        let columns = Columns::with_keys(&keys, &["span"], HostKey::Property);
        let headings: Vec<&str> = columns.headings().skip(8).collect();
        let expected = [
            "span",
            "size",
            "properties.level",
            "properties.properties.x",
        ];
        assert_eq!(headings, expected);
    }

    #[test]
    fn the_host_is_the_machine_only_in_a_tree() {
        let line = LINE.replace(r#""a":1,"#, r#""host":"db-2","a":1,"#);
        let raw = RawRecord::at(line.as_bytes()).unwrap();
        let context = CellContext {
            host: Some("web-1"),
            ..CellContext::default()
        };
        let shown = |columns: Columns| {
            let cells = columns.cells(&raw, context);
            let cells = cells.iter().zip(columns.headings());
            let cells = cells.map(|(cell, heading)| format!("{heading}={}", cell.to_text()));
            cells.collect::<Vec<_>>().join(" ")
        };
        let named: Columns = "host,x".parse().unwrap();
        assert_eq!(shown(named), "host=db-2 x=far");
        let in_tree = |named: &str| {
            let named: Columns = named.parse().unwrap();
            shown(named.where_host_is(HostKey::Machine).unwrap())
        };
        assert_eq!(in_tree("host,x"), "host=web-1 x=far");
        let both = "host,properties.host";
        assert_eq!(in_tree(both), "host=web-1 properties.host=db-2");
        let both: Columns = both.parse().unwrap();
        assert!(both.where_host_is(HostKey::Property).is_err());
        let keys = ["host", "x"].map(str::to_owned);
        let seen = Columns::with_keys(&keys, &[], HostKey::Machine);
        let seen = shown(seen);
        assert!(seen.contains("level=INFO host=web-1 source=shop"), "{seen}");
        assert!(
            seen.ends_with("seq=12 properties.host=db-2 x=far"),
            "{seen}"
        );
    }
}
