//! A record: one event, parsed back into values. This file defines the meaning of a line; `encode`
//! writes lines, and `reader` and `store` locate them.

mod line_time;
pub(crate) mod own;
pub(crate) mod raw;
mod timestamp;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) use self::line_time::LineTime;
pub use self::own::OWN_TARGET;
pub use self::timestamp::Timestamp;
pub(crate) use self::timestamp::{format_timestamp, parse_time, to_utc};
use crate::error::Error;

/// The log level of a record, from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(
    clippy::exhaustive_enums,
    reason = "tracing has these five levels and no others"
)]
pub enum Level {
    /// Very detailed steps.
    Trace,
    /// Steps for finding a fault.
    Debug,
    /// Normal events.
    Info,
    /// Events that may need attention.
    Warn,
    /// Failures.
    Error,
}

impl Level {
    /// Every level, from the lowest to the highest.
    pub const ALL: [Self; 5] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
    ];

    /// Returns the name of the level in a line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = Error;

    /// Parses a level in any case. The levels of other loggers are accepted too: the words of
    /// syslog (`emerg`, `alert`, `crit`, `err`, `warning`, `notice`), `fatal` and `critical`, and
    /// the numbers of pino and bunyan, from 10 for TRACE to 60, where a custom level between them
    /// is rounded down. A level above ERROR becomes ERROR, and a notice becomes INFO.
    fn from_str(name: &str) -> Result<Self, Error> {
        let wanted = name.trim().to_ascii_lowercase();
        Ok(match wanted.as_str() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" | "information" | "informational" | "notice" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" | "err" | "fatal" | "critical" | "crit" | "alert" | "emerg" | "emergency"
            | "panic" => Self::Error,
            number => match number.parse() {
                Ok(10..20_u8) => Self::Trace,
                Ok(20..30) => Self::Debug,
                Ok(30..40) => Self::Info,
                Ok(40..50) => Self::Warn,
                Ok(50..=60) => Self::Error,
                Ok(_) | Err(_) => {
                    let reason =
                        format!("`{wanted}` is not one of trace, debug, info, warn, error");
                    return Err(Error::invalid("level", reason));
                }
            },
        })
    }
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::TRACE,
            Level::Debug => Self::DEBUG,
            Level::Info => Self::INFO,
            Level::Warn => Self::WARN,
            Level::Error => Self::ERROR,
        }
    }
}

impl From<tracing::Level> for Level {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::TRACE => Self::Trace,
            tracing::Level::DEBUG => Self::Debug,
            tracing::Level::INFO => Self::Info,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::ERROR => Self::Error,
        }
    }
}

/// The named values of a record or a span, in the order of the line.
#[derive(Debug, Clone, Default)]
pub struct Properties {
    values: Vec<(String, Value)>,
    /// The index of each name's value, created once there are so many names that comparing them
    /// takes longer.
    #[expect(
        clippy::box_collection,
        reason = "nearly always there is none, and a map is six words"
    )]
    places: Option<Box<HashMap<String, usize>>>,
}

impl Properties {
    /// Returns the value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let (_, value) = self.values.get(self.place_of(name)?)?;
        Some(value)
    }

    /// Sets a value; an earlier value of the same name is replaced in its place.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        let place = self.place_of(&name);
        if let Some((_, old)) = place.and_then(|place| self.values.get_mut(place)) {
            *old = value;
            return;
        }
        let place = self.values.len();
        if let Some(places) = &mut self.places {
            places.insert(name.clone(), place);
        } else if place >= NAMES_COMPARED_MAX {
            let names = self.values.iter().map(|(name, _)| name).chain([&name]);
            self.places = Some(Box::new(names.cloned().zip(0..).collect()));
        }
        self.values.push((name, value));
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(name).copied(),
            None => self.values.iter().position(|(own, _)| own == name),
        }
    }

    /// Returns an iterator over names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        let values = self.values.iter();
        values.map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns `true` if there are no values.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl IntoIterator for Properties {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

impl PartialEq for Properties {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut properties = Self::default();
        for (name, value) in pairs {
            properties.set(name, value);
        }
        properties
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of named values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut properties = Properties::default();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    properties.set(name, value);
                }
                Ok(properties)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// One span of a record's scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Span {
    /// The span's name.
    pub name: String,
    /// The span's values at the time of the record.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
}

/// One recorded event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The time of the event.
    pub timestamp: Timestamp,
    /// The log level.
    pub level: Level,
    /// The application that recorded the event.
    pub source: String,
    /// The part of the application that the event comes from: the target in `tracing`.
    pub target: String,
    /// The event's name, if the application set one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The event's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The session of the process that recorded the event.
    pub session: Uuid,
    /// The record's number in the session, counted from 0 without gaps.
    pub seq: u64,
    /// The event's named values.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
    /// The spans that contain the event, from the root to the leaf.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
    /// Number of spans left out: of a scope of more than 64, those between the 32 outermost and the
    /// 32 innermost are not recorded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spans_left_out: u64,
    /// The values of a `session` record, where this is the only record of its session: the session
    /// began and ended with it, and nothing was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Properties>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference to the field"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Record {
    /// Parses one line, with or without its newline. Unknown keys are ignored, so that older
    /// readers can read newer lines.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if the line is not a record.
    ///
    /// # Examples
    ///
    /// ```
    /// use localtel::read::Record;
    ///
    /// let line = br#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"myapp",
    /// "target":"myapp","session":"01936f0e-0000-7000-8000-000000000000","seq":0,
    /// "properties":{"duration":871}}"#;
    /// let record = Record::parse(line)?;
    /// assert_eq!(record.timestamp.to_string(), "2026-11-21T08:15:30.123456Z");
    /// assert_eq!(record.properties.get("duration"), Some(&871.into()));
    /// # Ok::<(), localtel::Error>(())
    /// ```
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(line).map_err(|error| Error::invalid("record", error.to_string()))
    }

    /// Reads the record from the bytes of the line or, if the line is not in localtel's form, from
    /// the same record written in that form.
    pub(crate) fn read_raw<T>(
        line: &[u8],
        read: impl FnOnce(&raw::RawRecord<'_>) -> T,
    ) -> Result<T, Error> {
        if let Some(raw) = raw::RawRecord::at(line) {
            return Ok(read(&raw));
        }
        let line = Self::parse(line)?.to_line();
        let raw = raw::RawRecord::at(&line);
        let raw = raw.ok_or_else(|| Error::invalid("record", "it cannot be written".to_owned()))?;
        Ok(read(&raw))
    }

    /// Returns the record as a line in localtel's form, without a newline.
    pub(crate) fn to_line(&self) -> Vec<u8> {
        // Values that were parsed or recorded can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns `true` if localtel itself wrote the record.
    pub fn is_own(&self) -> bool {
        self.target == OWN_TARGET
    }
}

/// Number of names up to which comparing them is faster than a table.
const NAMES_COMPARED_MAX: usize = 32;

/// Reads the time at the start of a line, without parsing the rest. Other writers may put spaces
/// around the key, as `json.dumps` of Python does, and may write the time in another form of RFC
/// 3339.
pub(crate) fn timestamp_of(line: &[u8]) -> Option<OffsetDateTime> {
    let as_written_here = line
        .strip_prefix(OPENING.as_bytes())
        .and_then(|rest| rest.get(..TIMESTAMP_BYTES))
        .and_then(parse_timestamp);
    as_written_here.or_else(|| {
        let mut rest = line;
        for token in [b"{".as_slice(), b"\"timestamp\"", b":", b"\""] {
            rest = rest.trim_ascii_start().strip_prefix(token)?;
        }
        let text = rest.get(..rest.len().min(TIMESTAMP_BYTES_MAX))?;
        parse_timestamp(text.get(..memchr::memchr(b'"', text)?)?)
    })
}

fn parse_timestamp(text: &[u8]) -> Option<OffsetDateTime> {
    parse_time(std::str::from_utf8(text).ok()?).ok()
}

/// Reads the time of a whole line, at any place in it.
pub(crate) fn time_of(line: &[u8]) -> Option<OffsetDateTime> {
    timestamp_of(line).or_else(|| Some(Record::parse(line).ok()?.timestamp.to_moment()))
}

/// The first bytes of every line.
pub(crate) const OPENING: &str = "{\"timestamp\":\"";

/// The event of the record of a closed span, whose message is the name of the span.
pub(crate) const CLOSED_SPAN: &str = "span";

/// `2026-11-21T08:15:30.123456Z`.
pub(crate) const TIMESTAMP_BYTES: usize = 27;

/// The most bytes from which the time of a line is read: a time with nanoseconds and an offset has
/// 35 bytes, and the closing quote is one more.
const TIMESTAMP_BYTES_MAX: usize = 64;

/// The JSON Schema of a line of format 1; the tests validate each line that they write against it.
pub const LINE_SCHEMA: &str = include_str!("line.schema.json");

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"ticloud","target":"ticloud::project","event":"command","message":"listed projects","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"ticloud-project-list","duration":871},"spans":[{"name":"request","properties":{"id":7}}]}"#;

    #[test]
    fn a_line_parses_into_its_values_and_serialises_back_to_itself() {
        let record = Record::parse(LINE.as_bytes()).unwrap();
        assert_eq!(record.seq, 12);
        assert_eq!(record.properties.get("duration"), Some(&Value::from(871)));
        assert_eq!(serde_json::to_string(&record).unwrap(), LINE);
    }

    #[test]
    fn a_time_is_read_however_a_json_writer_spaces_it() {
        let time = parse_time("2026-11-21T08:15:30.123456Z").unwrap();
        let rest = r#","level":"INFO","source":"s","target":"t","session":"01936f0e-0000-7000-8000-000000000000","seq":0}"#;
        for start in [
            r#"{"timestamp":"2026-11-21T08:15:30.123456Z""#,
            r#"{"timestamp": "2026-11-21T08:15:30.123456Z""#,
            "{ \t\"timestamp\"  :\t\"2026-11-21T08:15:30.123456+00:00\"",
            r#" {"timestamp":"2026-11-21T10:15:30.123456000+02:00""#,
        ] {
            let line = format!("{start}{rest}");
            assert_eq!(timestamp_of(line.as_bytes()), Some(time), "{line}");
            assert_eq!(timestamp_of(start.as_bytes()), Some(time), "torn: {start}");
            let held = LineTime::of_line(line.as_bytes()).unwrap();
            assert_eq!(held.to_moment(), Some(time), "{line}");
        }
        let elsewhere = r#"{"level": "INFO", "source": "s", "target": "t", "session": "01936f0e-0000-7000-8000-000000000000", "seq": 0, "timestamp": "2026-11-21T08:15:30.123456Z"}"#;
        assert_eq!(timestamp_of(elsewhere.as_bytes()), None);
        assert_eq!(time_of(elsewhere.as_bytes()), Some(time));
        for none in [
            "",
            "{",
            r#"{"timestamp": 3}"#,
            r#"{"timestamp": "soon"}"#,
            "[1]",
        ] {
            assert_eq!(time_of(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn of_equal_names_the_last_value_wins() {
        let properties: Properties = serde_json::from_str(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(properties.get("a"), Some(&Value::from(3)));
        assert_eq!(properties.len(), 2);
    }

    #[test]
    fn a_hundred_thousand_names_are_read_in_linear_time() {
        let pairs = (0..100_000).map(|name| format!("\"{}\":{name}", name % 99_999));
        let text = format!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
        let started = std::time::Instant::now();
        let properties: Properties = serde_json::from_str(&text).unwrap();
        assert_eq!(properties.len(), 99_999);
        assert_eq!(properties.get("0"), Some(&Value::from(99_999)));
        assert!(started.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn a_hundred_thousand_names_are_set_and_found_quickly() {
        let started = std::time::Instant::now();
        let mut properties = Properties::default();
        for number in (0..100_000).chain(0..50_000) {
            properties.set(format!("name {}", number % 99_999), number);
        }
        assert_eq!(properties.len(), 99_999);
        for number in 0..99_999 {
            let value = properties.get(&format!("name {number}"));
            assert_eq!(value, Some(&Value::from(number)));
        }
        assert_eq!(properties.clone(), properties);
        assert!(started.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn names_are_found_below_and_above_the_number_that_is_compared() {
        let mut properties = Properties::default();
        for number in 0..NAMES_COMPARED_MAX + 3 {
            properties.set(number.to_string(), number);
            assert_eq!(properties.len(), number + 1);
            properties.set(number.to_string(), "again");
            properties.set("0", "first");
            assert_eq!(properties.len(), number + 1);
            assert_eq!(properties.get("0"), Some(&Value::from("first")));
            let again = properties.get(&number.to_string());
            assert_eq!(again.is_some_and(|value| value == "again"), number > 0);
            assert_eq!(properties.get("none"), None);
        }
        let names = properties
            .iter()
            .map(|(name, _)| name.parse::<usize>().unwrap());
        assert!(names.eq(0..NAMES_COMPARED_MAX + 3));
    }

    #[test]
    fn keys_of_a_newer_version_are_ignored() {
        let newer = LINE.replacen("{\"timestamp\"", "{\"later\":[1,{}],\"timestamp\"", 1);
        assert!(Record::parse(newer.as_bytes()).is_ok());
    }

    #[test]
    fn a_line_without_a_session_is_not_a_record() {
        let foreign = br#"{"timestamp":"2026-11-21T08:15:30Z","level":"INFO"}"#;
        assert!(Record::parse(foreign).is_err());
    }

    #[test]
    fn levels_are_ordered_by_gravity_and_read_in_any_case() {
        assert!(Level::Error > Level::Warn && Level::Info > Level::Trace);
        assert_eq!(" Warn ".parse::<Level>().unwrap(), Level::Warn);
        assert_eq!("warning".parse::<Level>().unwrap(), Level::Warn);
        for wrong in ["loud", "", "0", "9", "61", "300", "-30", "30.0", "fatale"] {
            assert!(wrong.parse::<Level>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_level_of_another_logger_is_the_nearest_of_ours() {
        for (names, level) in [
            (&["10", "19"][..], Level::Trace),
            (&["20"], Level::Debug),
            (&["30", "35", "Notice", "informational"], Level::Info),
            (&["40", "WARNING"], Level::Warn),
            (
                &[
                    "50", "60", "err", "CRIT", "critical", "Fatal", "alert", "EMERG",
                ],
                Level::Error,
            ),
        ] {
            for name in names {
                assert_eq!(name.parse::<Level>().unwrap(), level, "{name}");
            }
        }
    }
}
