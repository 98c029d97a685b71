//! The keys of other formats, and the part of a record that each is. All other keys are names of
//! properties.

use super::ForeignFormat;
use super::level::LevelScale;

/// The part of a record that a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyRole {
    Time,
    Level(LevelScale),
    Message,
    /// The event if there is another message, which is the message of `structlog`.
    EventOrMessage,
    /// The message if there is no other one, such as a template.
    OtherMessage,
    Source,
    Target,
    /// The target, and a property if there is one already.
    FirstTarget,
    /// The target if the levels are those of Python (`levelname`).
    PythonName,
    /// The fields of an event, as an object.
    Fields,
    /// The innermost span.
    Span,
    /// All spans, from the root to the leaf.
    Spans,
    /// The version of the format, which says nothing about the event.
    Version,
}

/// Returns the part of a record that a key is, in a line of that format.
pub(super) fn role_of(format: ForeignFormat, key: &str) -> Option<KeyRole> {
    match format {
        ForeignFormat::Tracing => of_tracing(key),
        ForeignFormat::TracingBunyan if key == "target" => Some(KeyRole::FirstTarget),
        ForeignFormat::TracingBunyan | ForeignFormat::Bunyan | ForeignFormat::Pino => {
            of_bunyan(key)
        }
        ForeignFormat::Json | ForeignFormat::Logfmt => {
            let mut small = [0; KEY_BYTES_MAX];
            let small = small.get_mut(..key.len())?;
            small.copy_from_slice(key.as_bytes());
            small.make_ascii_lowercase();
            of_any(small)
        }
        ForeignFormat::Otlp | ForeignFormat::Text => None,
    }
}

/// The keys of `tracing_subscriber::fmt().json()`.
fn of_tracing(key: &str) -> Option<KeyRole> {
    Some(match key {
        "timestamp" => KeyRole::Time,
        "level" => KeyRole::Level(LevelScale::Unknown),
        "fields" => KeyRole::Fields,
        "message" => KeyRole::Message,
        "target" => KeyRole::Target,
        "span" => KeyRole::Span,
        "spans" => KeyRole::Spans,
        _ => return None,
    })
}

/// The keys of bunyan, `tracing-bunyan-formatter` and pino.
fn of_bunyan(key: &str) -> Option<KeyRole> {
    Some(match key {
        "v" => KeyRole::Version,
        "name" => KeyRole::Source,
        "level" => KeyRole::Level(LevelScale::Tens),
        "time" => KeyRole::Time,
        "msg" => KeyRole::Message,
        _ => return None,
    })
}

/// The keys of any logger, in lower case.
fn of_any(key: &[u8]) -> Option<KeyRole> {
    Some(match key {
        b"timestamp"
        | b"time"
        | b"ts"
        | b"t"
        | b"@timestamp"
        | b"@t"
        | b"asctime"
        | b"datetime"
        | b"__realtime_timestamp" => KeyRole::Time,
        b"level" | b"severity" | b"lvl" | b"levelname" | b"loglevel" | b"log_level"
        | b"log.level" | b"@level" | b"@l" => KeyRole::Level(LevelScale::Unknown),
        b"priority" => KeyRole::Level(LevelScale::Syslog),
        b"message" | b"msg" | b"@message" | b"@m" | b"short_message" => KeyRole::Message,
        b"event" => KeyRole::EventOrMessage,
        b"@mt" | b"log" => KeyRole::OtherMessage,
        b"target" | b"logger" | b"loggername" | b"logger_name" | b"log.logger" | b"@module"
        | b"sourcecontext" => KeyRole::Target,
        b"name" => KeyRole::PythonName,
        b"service" | b"service.name" | b"syslog_identifier" => KeyRole::Source,
        b"@version" => KeyRole::Version,
        _ => return None,
    })
}

/// The longest of these keys has fewer bytes.
const KEY_BYTES_MAX: usize = 24;
