//! The records that localtel writes under its own target: the names of their events, and the values
//! of those that account for all other records (`session`, `session.end`, `dropped`, `consent`),
//! both written and read here. The values of records on behalf of the application (`command`,
//! `report`, `version`) are decided where they are created; `encode` encodes lines.

use std::fmt;

use uuid::Uuid;

use super::raw::{Object, RawRecord};
use super::{LineTime, Properties, Record};

/// The target of the records that localtel itself writes.
pub const OWN_TARGET: &str = "localtel";

/// An event of localtel's own target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnEvent {
    /// A session begins its lines in a segment.
    Session,
    /// A session ended.
    SessionEnd,
    /// Events were lost.
    Dropped,
    /// Recording is allowed again.
    Consent,
    /// A command of the application was run.
    Command,
    /// A report of the application on itself.
    Report,
    /// The application has another version than before.
    Version,
}

impl OwnEvent {
    const ALL: [Self; 7] = [
        Self::Session,
        Self::SessionEnd,
        Self::Dropped,
        Self::Consent,
        Self::Command,
        Self::Report,
        Self::Version,
    ];

    /// Returns the name of the event.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::SessionEnd => "session.end",
            Self::Dropped => "dropped",
            Self::Consent => "consent",
            Self::Command => "command",
            Self::Report => "report",
            Self::Version => "version",
        }
    }

    /// Returns the event of that name, if it is known to this version.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    /// Returns `true` if it is recorded on behalf of the application, and subject to its policy.
    pub(crate) const fn is_on_behalf(self) -> bool {
        match self {
            Self::Command | Self::Report | Self::Version => true,
            Self::Session | Self::SessionEnd | Self::Dropped | Self::Consent => false,
        }
    }

    /// Returns `true` if it describes the recording, and nothing that the application did or that
    /// was lost.
    pub(crate) const fn is_about_recording(self) -> bool {
        match self {
            Self::Session | Self::SessionEnd | Self::Consent | Self::Version => true,
            Self::Dropped | Self::Command | Self::Report => false,
        }
    }

    /// Returns the event of a raw record that localtel wrote.
    pub(crate) fn of_raw(raw: &RawRecord<'_>) -> Option<Self> {
        let event = raw.event.filter(|_| raw.target.is(OWN_TARGET))?;
        Self::ALL.into_iter().find(|own| event.is(own.name()))
    }

    /// Returns the event of a record that localtel wrote.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let name = record.event.as_deref().filter(|_| record.is_own());
        name.and_then(Self::named)
    }
}

impl fmt::Display for OwnEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The values of a `session` record, which begins a session's lines in a segment and is repeated
/// there at intervals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionStart<'a> {
    /// The installation that records.
    pub(crate) installation: Option<Uuid>,
    /// The version of the application.
    pub(crate) version: Option<&'a str>,
    /// The version of a newer release that the owner announced.
    pub(crate) update: Option<&'a str>,
    /// Number of events that were in memory when this process was forked: its parent writes them.
    pub(crate) left_to_parent: u64,
    /// Whether the session has written a `session` record before.
    pub(crate) is_resumed: bool,
    /// The latest time of the lines before the record.
    pub(crate) latest: Option<LineTime>,
}

impl SessionStart<'_> {
    /// Returns the values of the record.
    pub(crate) fn properties(&self) -> Properties {
        let mut properties = Properties::default();
        if let Some(installation) = self.installation {
            properties.set("installation", installation.to_string());
        }
        properties.set("format", FORMAT);
        if let Some(version) = self.version {
            properties.set("version", version);
        }
        if let Some(update) = self.update {
            properties.set("update", update);
        }
        properties.set("localtel", env!("CARGO_PKG_VERSION"));
        properties.set("pid", std::process::id());
        properties.set("os", std::env::consts::OS);
        properties.set("arch", std::env::consts::ARCH);
        if self.left_to_parent > 0 && !self.is_resumed {
            properties.set(LEFT_TO_PARENT, self.left_to_parent);
        }
        // `may_precede_latest` relies on these two being the last.
        properties.set("resumed", self.is_resumed);
        if let Some(latest) = self.latest {
            properties.set("latest", latest.as_str());
        }
        properties
    }
}

/// Number of events of a session by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SessionEnd {
    /// Number of events that are in a segment.
    pub(crate) recorded: u64,
    /// Number of events for which there was no room.
    pub(crate) dropped: u64,
    /// Number of events that were not allowed.
    pub(crate) refused: u64,
    /// Number of events given up because of an IO error.
    pub(crate) failed: u64,
}

impl SessionEnd {
    /// Returns the values of the record, followed by other values.
    pub(crate) fn properties(self, others: &Properties) -> Properties {
        let mut properties = Properties::default();
        properties.set("recorded", self.recorded);
        properties.set("dropped", self.dropped);
        properties.set("refused", self.refused);
        properties.set("failed", self.failed);
        for (name, value) in others.iter() {
            properties.set(name, value.clone());
        }
        properties
    }
}

/// Returns the values of the record that reports how many events were lost, and why.
pub(crate) fn dropped(count: u64, reason: &str) -> Properties {
    let mut properties = Properties::default();
    properties.set("count", count);
    properties.set("reason", reason);
    properties
}

/// Returns the values of the record that reports that recording is allowed again, and by what.
pub(crate) fn consent(decided_by: &str) -> Properties {
    let mut properties = Properties::default();
    properties.set("state", "enabled");
    properties.set("decided_by", decided_by);
    properties
}

/// The information in a record about its session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OfSession<'a> {
    /// It is the only record of the session, which lost nothing.
    Once(SessionFacts<'a>),
    /// The session begins, or continues.
    Start(SessionFacts<'a>),
    /// The session ended, with this number of events for each outcome.
    End(SessionEnd),
    /// Number of events that were lost.
    Dropped(u64),
    /// No information.
    Nothing,
}

impl<'a> OfSession<'a> {
    /// Reads a record.
    pub(crate) fn read(raw: &RawRecord<'a>) -> Self {
        if let Some(once) = raw.once {
            return Self::Once(SessionFacts(once));
        }
        let count = |name| raw.properties.get_u64(name).unwrap_or(0);
        match OwnEvent::of_raw(raw) {
            Some(OwnEvent::Session) => Self::Start(SessionFacts(raw.properties)),
            Some(OwnEvent::SessionEnd) => Self::End(SessionEnd {
                recorded: count("recorded"),
                dropped: count("dropped"),
                refused: count("refused"),
                failed: count("failed"),
            }),
            Some(OwnEvent::Dropped) => Self::Dropped(count("count")),
            Some(OwnEvent::Consent | OwnEvent::Command | OwnEvent::Report | OwnEvent::Version)
            | None => Self::Nothing,
        }
    }
}

/// The values of a `session` record, which are read when they are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionFacts<'a>(Object<'a>);

impl SessionFacts<'_> {
    /// Returns the process id.
    pub(crate) fn pid(self) -> Option<u32> {
        u32::try_from(self.0.get_u64("pid")?).ok()
    }

    /// Returns the installation that records.
    pub(crate) fn installation(self) -> Option<Uuid> {
        self.text("installation")?.parse().ok()
    }

    /// Returns the version of the application.
    pub(crate) fn version(self) -> Option<String> {
        self.text("version")
    }

    /// Returns the number of events that the session left to its parent process.
    pub(crate) fn left_to_parent(self) -> u64 {
        self.0.get_u64(LEFT_TO_PARENT).unwrap_or(0)
    }

    fn text(self, name: &str) -> Option<String> {
        serde_json::from_slice(self.0.get(name)?).ok()
    }
}

/// Returns `true` if a record states that its session is in a format that only a newer version
/// supports.
pub(crate) fn is_of_newer_format(raw: &RawRecord<'_>) -> bool {
    let format = session_properties(raw).and_then(|properties| properties.get_u64("format"));
    format.is_some_and(|format| format > FORMAT)
}

/// Reads the latest time of the preceding lines from a line, if it is a `session` record or the
/// only record of its session. A record of an application may contain the same bytes, so the whole
/// line is parsed.
pub(crate) fn latest_in(line: &[u8]) -> Option<LineTime> {
    // Most `session` records have no such time, which this search finds quickly.
    memchr::memmem::rfind(line, LATEST_MARK)?;
    let latest = |raw: &RawRecord<'_>| {
        let latest: String =
            serde_json::from_slice(session_properties(raw)?.get("latest")?).ok()?;
        LineTime::parse(&latest)
    };
    Record::read_raw(line, latest).ok()?
}

/// Returns the values about the session in a record with which it begins or continues.
fn session_properties<'a>(raw: &RawRecord<'a>) -> Option<Object<'a>> {
    match OwnEvent::of_raw(raw) {
        Some(OwnEvent::Session) => Some(raw.properties),
        Some(_) | None => raw.once,
    }
}

/// Returns `true` if a [`LATEST_MARK`] behind these bytes may belong to a record with the latest
/// time: an application may have a property of that name in each line.
pub(crate) fn may_precede_latest(before_mark: &[u8]) -> bool {
    before_mark.ends_with(b"\"resumed\":true") || before_mark.ends_with(b"\"resumed\":false")
}

/// Bytes that are in every line with the latest time of the preceding lines, and in few other
/// lines.
pub(crate) const LATEST_MARK: &[u8] = b",\"latest\":\"";

/// The longest line that is searched for the latest time: a `session` record has a head of 200
/// bytes, and properties of some 300 with usual version texts.
pub(crate) const LATEST_LINE_BYTES_MAX: usize = 4096;

/// The property with the events that a forked process left to its parent.
const LEFT_TO_PARENT: &str = "left_to_parent";

/// The number of the on-disk format that the store documents.
const FORMAT: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-21T08:15:30.123456Z";

    fn start() -> SessionStart<'static> {
        SessionStart {
            installation: None,
            version: Some("1.2.0"),
            update: Some("1.3.0"),
            left_to_parent: 0,
            is_resumed: false,
            latest: LineTime::parse(TIME),
        }
    }

    fn record(event: OwnEvent, properties: &Properties) -> Record {
        let properties = serde_json::to_string(properties).unwrap();
        let line = format!(
            "{{\"timestamp\":\"{TIME}\",\"level\":\"INFO\",\"source\":\"s\",\"target\":\"localtel\",\"event\":\"{event}\",\
             \"session\":\"01936f0e-0000-7000-8000-000000000000\",\"seq\":0,\"properties\":{properties}}}"
        );
        Record::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn the_latest_time_in_a_session_record_is_found_by_its_mark() {
        for (left_to_parent, is_resumed) in [(0, false), (0, true), (7, false), (7, true)] {
            let start = SessionStart {
                left_to_parent,
                is_resumed,
                ..start()
            };
            let line = serde_json::to_vec(&record(OwnEvent::Session, &start.properties())).unwrap();
            let mark = memchr::memmem::rfind(&line, LATEST_MARK).unwrap();
            assert!(
                may_precede_latest(&line[..mark]),
                "{left_to_parent} {is_resumed}"
            );
            assert_eq!(latest_in(&line), start.latest);
        }
    }

    #[test]
    fn session_properties_are_read_back_as_written() {
        let started = SessionStart {
            left_to_parent: 7,
            installation: Some(Uuid::from_u128(5)),
            ..start()
        };
        let read = |event, properties: &Properties, check: &dyn Fn(OfSession<'_>) -> bool| {
            let line = record(event, properties).to_line();
            assert!(check(OfSession::read(&RawRecord::at(&line).unwrap())));
        };
        read(OwnEvent::Session, &started.properties(), &|read| {
            let OfSession::Start(facts) = read else {
                return false;
            };
            facts.pid() == Some(std::process::id())
                && facts.installation() == started.installation
                && facts.version() == started.version.map(str::to_owned)
                && facts.left_to_parent() == 7
        });
        let end = SessionEnd {
            recorded: 1,
            dropped: 2,
            refused: 3,
            failed: 4,
        };
        let mut others = Properties::default();
        others.set("counters", 5);
        let properties = end.properties(&others);
        assert_eq!(
            properties.get("counters"),
            Some(&serde_json::Value::from(5))
        );
        read(
            OwnEvent::SessionEnd,
            &properties,
            &|read| matches!(read, OfSession::End(read) if read == end),
        );
        let lost = dropped(6, "no room");
        let is_loss = |read: OfSession<'_>| matches!(read, OfSession::Dropped(6));
        read(OwnEvent::Dropped, &lost, &is_loss);
        let is_nothing = |read: OfSession<'_>| matches!(read, OfSession::Nothing);
        read(OwnEvent::Consent, &consent("a flag"), &is_nothing);
        read(OwnEvent::Command, &lost, &is_nothing);
    }

    #[test]
    fn every_event_has_its_own_name() {
        for event in OwnEvent::ALL {
            assert_eq!(OwnEvent::named(event.name()), Some(event));
        }
        assert_eq!(OwnEvent::named("Session"), None);
    }
}
