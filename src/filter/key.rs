//! The key of a condition: where its value is in a record, and what the value is compared with.

use serde_json::Value;

use super::OrderedType;
use super::number::NumberBound;
use super::syntax::{TypedKey, TypedValue};
use super::unit::TimeUnit;
use super::value::{FoundValue, Operand, Rank, TermValue};
use super::version::{VersionBound, is_key_of_versions};
use crate::record;
use crate::record::raw::{Object, RawRecord, RawText, RawValue};

/// The place of a value in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TermKey {
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
    /// The property `pid`, which also selects the records of a process.
    Pid,
    Property(String),
}

/// The order of the values of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueOrder {
    Numbers,
    Durations(TimeUnit),
    Versions,
}

impl TermKey {
    pub(super) fn new(key: &TypedKey) -> Self {
        match key.name.as_str() {
            "timestamp" => Self::Timestamp,
            "level" => Self::Level,
            "source" => Self::Source,
            "target" => Self::Target,
            "event" => Self::Event,
            "message" => Self::Message,
            "session" => Self::Session,
            "seq" => Self::Seq,
            "span" => Self::Span,
            PID => Self::Pid,
            name => Self::Property(name.strip_prefix("properties.").unwrap_or(name).into()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Level => "level",
            Self::Source => "source",
            Self::Target => "target",
            Self::Event => "event",
            Self::Message => "message",
            Self::Session => "session",
            Self::Seq => "seq",
            Self::Span => "span",
            Self::Pid => PID,
            Self::Property(name) => name,
        }
    }

    /// Parses the operands of an equality for this key: the whole text, and the values between its
    /// commas.
    pub(super) fn operands(&self, text: &str) -> Result<Vec<Operand>, String> {
        let values = TypedValue::list(text);
        let parse: fn(&str) -> Result<Operand, String> = match self {
            Self::Level => parse_level,
            Self::Timestamp => parse_time,
            Self::Source
            | Self::Target
            | Self::Event
            | Self::Message
            | Self::Session
            | Self::Seq
            | Self::Span
            | Self::Pid
            | Self::Property(_) => {
                let whole = TypedValue::Plain(text.to_owned());
                let is_same = values == [whole.clone()];
                let all = std::iter::once(whole).chain(values.into_iter().filter(|_| !is_same));
                return Ok(all.map(|value| self.text_operand(value)).collect());
            }
        };
        match parse(text) {
            Ok(whole) => Ok(vec![whole]),
            Err(problem) if values.is_empty() => Err(problem),
            Err(_) => values.iter().map(|value| parse(value.text())).collect(),
        }
    }

    fn text_operand(&self, value: TypedValue) -> Operand {
        match value {
            TypedValue::Plain(text) => Operand::Text {
                rank: self.rank(&text).unwrap_or(Rank::Text),
                text,
            },
            // In quotes, a number is a text.
            TypedValue::Quoted(text) => Operand::Text {
                text,
                rank: Rank::Text,
            },
        }
    }

    /// Parses the operand of an order relation for this key.
    pub(super) fn bound(&self, sign: &str, text: &str) -> Result<Operand, String> {
        let value = TypedValue::one(text);
        let text = value.text();
        match self {
            Self::Level => parse_level(text),
            Self::Timestamp => parse_time(text),
            Self::Source
            | Self::Target
            | Self::Event
            | Self::Message
            | Self::Session
            | Self::Seq
            | Self::Span
            | Self::Pid
            | Self::Property(_) => match self.rank(text) {
                Some(rank) => Ok(Operand::Text {
                    text: text.to_owned(),
                    rank,
                }),
                None => Err(self.without_order(sign, text)),
            },
        }
    }

    /// Returns the order of the values.
    fn order(&self) -> ValueOrder {
        match self {
            Self::Property(name) if is_key_of_versions(name) => ValueOrder::Versions,
            Self::Property(name) => match TimeUnit::of_key(name) {
                Some(unit) => ValueOrder::Durations(unit),
                None => ValueOrder::Numbers,
            },
            Self::Timestamp
            | Self::Level
            | Self::Source
            | Self::Target
            | Self::Event
            | Self::Message
            | Self::Session
            | Self::Seq
            | Self::Span
            | Self::Pid => ValueOrder::Numbers,
        }
    }

    /// Returns the type of the values that have an order.
    pub(super) fn ordered_type(&self) -> OrderedType {
        match self.order() {
            ValueOrder::Numbers | ValueOrder::Durations(_) => OrderedType::Number,
            ValueOrder::Versions => OrderedType::Version,
        }
    }

    /// Returns what a text is in the order of the values; `None` if it has none.
    fn rank(&self, text: &str) -> Option<Rank> {
        match self.order() {
            ValueOrder::Numbers => NumberBound::parse(text).map(Rank::Number),
            ValueOrder::Durations(unit) => NumberBound::parse(text)
                .or_else(|| unit.convert(text))
                .map(Rank::Number),
            ValueOrder::Versions => VersionBound::parse(text).map(Rank::Version),
        }
    }

    /// Describes why a text cannot be the operand of an order relation.
    fn without_order(&self, sign: &str, text: &str) -> String {
        let key = self.as_str();
        let others = "to compare text, use = != ~ or !~";
        match (self.order(), TimeUnit::split(text)) {
            (ValueOrder::Numbers, Some((number, _))) => format!(
                "`{text}` has a unit, and the unit of `{key}` is not known; it is known of keys that \
                 are `duration` or end in `_ms` (milliseconds) or `_us` (microseconds); write a number \
                 without a unit, such as `{key}{sign}{number}`"
            ),
            (ValueOrder::Numbers, None) => {
                format!("`{sign}` compares numbers, and `{text}` is not a number; {others}")
            }
            (ValueOrder::Durations(unit), _) => format!(
                "`{sign}` compares numbers, and `{text}` is not a number; `{key}` is in {}: write \
                 `{key}{sign}1000`, or a unit as in `{key}{sign}1.5s` (ns, us, ms, s, m or h)",
                unit.plural()
            ),
            (ValueOrder::Versions, _) => format!(
                "`{sign}` compares versions here, and `{text}` is not a version such as `1.10.0`; {others}"
            ),
        }
    }

    /// Finds the value in a record.
    pub(super) fn find<'a>(&self, raw: &RawRecord<'a>) -> Option<TermValue<'a>> {
        let text = |text: RawText<'a>| Some(FoundValue::of_text(text));
        let value = match self {
            Self::Timestamp => Some(FoundValue::Time(raw.time().to_moment())),
            Self::Level => Some(FoundValue::Level(raw.level)),
            Self::Source => text(raw.source),
            Self::Target => text(raw.target),
            Self::Event => raw.event.and_then(text),
            Self::Message => raw.message.and_then(text),
            Self::Session => text(raw.session),
            Self::Seq => Some(FoundValue::Json(RawValue::Number(
                raw.seq.to_string().into(),
            ))),
            Self::Span => {
                return (!raw.spans.is_empty()).then_some(TermValue::SpanNames(raw.spans));
            }
            Self::Pid => find_property(raw, PID).map(FoundValue::Json),
            Self::Property(name) => find_property(raw, name).map(FoundValue::Json),
        };
        value.map(TermValue::Value)
    }
}

/// The key of the process id.
const PID: &str = "pid";

/// Finds a property of a record or, if there is none, of its spans, as a condition with that key
/// does.
pub fn find_property<'a>(raw: &RawRecord<'a>, name: &str) -> Option<RawValue<'a>> {
    // The span nearest to the leaf has precedence.
    let in_spans = || {
        let spans = raw.spans.iter();
        spans.filter_map(|(_, span)| value_at(span, name)).last()
    };
    let behind_name_of_span = || {
        let spans = raw.spans.iter().filter(|_| name.contains('.'));
        let values = spans.filter_map(|(span, properties)| {
            let key = name.strip_prefix(&*span.decoded())?.strip_prefix('.')?;
            value_at(properties, key)
        });
        values.last()
    };
    value_at(raw.properties, name)
        .or_else(in_spans)
        .or_else(behind_name_of_span)
}

/// Finds a property by its whole name, or along the dots of the name into nested objects. Of
/// several matches, the property with the longest name is returned.
fn value_at<'a>(properties: Object<'a>, name: &str) -> Option<RawValue<'a>> {
    if let Some(json) = properties.get(name) {
        return Some(RawValue::of_json(json));
    }
    name.rmatch_indices('.').find_map(|(dot, _)| {
        let (own, inner) = (name.get(..dot)?, name.get(dot + 1..)?);
        let mut value: Value = serde_json::from_slice(properties.get(own)?).ok()?;
        for key in inner.split('.') {
            value = match &mut value {
                Value::Object(object) => object.get_mut(key)?.take(),
                Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?)?.take(),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
            };
        }
        Some(RawValue::of_value(value))
    })
}

fn parse_level(value: &str) -> Result<Operand, String> {
    value
        .parse()
        .map(Operand::Level)
        .map_err(|_| format!("`{value}` is not one of trace, debug, info, warn, error"))
}

fn parse_time(value: &str) -> Result<Operand, String> {
    let midnight = format!("{value}T00:00:00Z");
    record::parse_time(value)
        .or_else(|problem| record::parse_time(&midnight).map_err(|_| problem))
        .map(Operand::Time)
        .map_err(|problem| {
            format!("`{value}` is not a valid time: {problem}; write 2026-11-21T08:15:30Z or 2026-11-21, or use --since and --until")
        })
}
