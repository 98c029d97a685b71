//! Selects records: a filter is a pure function of a record in its line. All of its conditions must
//! match. `reader` reads the lines; the `FromStr` implementations define the command-line syntax.

mod grep;
mod key;
mod number;
mod process;
mod syntax;
mod term;
mod unit;
mod value;
mod version;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use grep::Grep;
pub use key::find_property;
pub use process::ProcessSearch;
use process::ProcessTerms;
use term::Answer;
pub use term::Term;

use crate::error::{Error, Result};
use crate::reader::{Damage, Line};
use crate::record::own::OwnEvent;
use crate::record::raw::{RawRecord, RawText};
use crate::record::{Level, LineTime, Record, Timestamp};

/// A selection of records.
///
/// # Examples
///
/// ```
/// use localtel::read::Filter;
///
/// let filter = Filter::new()
///     .levels("warn".parse()?)
///     .target("myapp::net")
///     .term("duration>100".parse()?);
/// # Ok::<(), localtel::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Filter {
    levels: Option<Levels>,
    targets: Vec<String>,
    events: Vec<String>,
    source: Option<String>,
    session: Option<String>,
    since: Option<LineTime>,
    until: Option<LineTime>,
    grep: Option<Grep>,
    terms: Vec<Term>,
    processes: ProcessTerms,
    own: OwnRecords,
}

/// Whether the records that describe the recording itself are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum OwnRecords {
    #[default]
    Kept,
    LeftOut,
}

impl Filter {
    /// Returns a filter that every record passes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps only records of these levels.
    #[must_use]
    pub fn levels(mut self, levels: Levels) -> Self {
        self.levels = Some(levels);
        self
    }

    /// Keeps only records of this target and of the modules below it: `a::b` keeps `a::b` and
    /// `a::b::c`, not `a::bc`. Of several targets one must match.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// Keeps only records of this event. Of several events one must match.
    #[must_use]
    pub fn event(mut self, event: impl Into<String>) -> Self {
        self.events.push(event.into());
        self
    }

    /// Keeps only records of this source.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Keeps only records of sessions whose id starts with this text, in any case.
    #[must_use]
    pub fn session(mut self, start: impl Into<String>) -> Self {
        self.session = Some(start.into().to_ascii_lowercase());
        self
    }

    /// Keeps only records of that time or later.
    #[must_use]
    pub fn since(mut self, since: impl Into<Timestamp>) -> Self {
        self.since = Some(LineTime::of(since.into()));
        self
    }

    /// Returns the earliest time that the filter accepts, if one was set.
    pub fn earliest(&self) -> Option<Timestamp> {
        let earliest = self.since?.to_moment()?;
        Some(Timestamp::of(earliest))
    }

    /// Returns the latest time that the filter accepts, if one was set.
    pub fn latest(&self) -> Option<Timestamp> {
        let latest = self.until?.to_moment()?;
        Some(Timestamp::of(latest))
    }

    /// Keeps only records of that time or earlier.
    #[must_use]
    pub fn until(mut self, until: impl Into<Timestamp>) -> Self {
        self.until = Some(LineTime::of(until.into()));
        self
    }

    /// Keeps only records in which the regular expression matches: in the message, the event, the
    /// target, the source, the level, the name of a span, or the `key=value` of a property of the
    /// record or of one of its spans, or the value alone. An expression with a quote is also
    /// searched for in `key="value"`. Matching ignores case if the expression has no upper-case
    /// letter.
    ///
    /// # Errors
    ///
    /// Returns an error if the expression is not valid.
    pub fn grep(mut self, pattern: &str) -> Result<Self> {
        self.grep = Some(Grep::new(pattern)?);
        Ok(self)
    }

    /// Keeps only records that match the term.
    #[must_use]
    pub fn term(mut self, term: Term) -> Self {
        if term.is_of_process() {
            self.processes.push(term);
        } else {
            self.terms.push(term);
        }
        self
    }

    /// Returns the search for the sessions of the processes that conditions on `pid` select; `None`
    /// without such a condition. It is folded over all records before the filter is used.
    ///
    /// ```no_run
    /// use localtel::read::{Filter, Reader};
    ///
    /// let path = "/home/me/.local/state/myapp/telemetry".as_ref();
    /// let mut filter = Filter::new().term("pid=1234".parse()?);
    /// if let Some(mut search) = filter.process_search() {
    ///     let part = search.empty();
    ///     let mut reader = Reader::open(path)?;
    ///     reader.fold(&mut search, || part.empty(), |_| Ok::<(), localtel::Error>(()))?;
    ///     filter = filter.of_processes(search);
    /// }
    /// # Ok::<(), localtel::Error>(())
    /// ```
    pub fn process_search(&self) -> Option<ProcessSearch> {
        (!self.processes.is_empty()).then(|| ProcessSearch::new(&self.processes))
    }

    /// Keeps all records of the sessions that a search found, as far as its other conditions match.
    #[must_use]
    pub fn of_processes(mut self, found: ProcessSearch) -> Self {
        self.processes.select(found.into_found().into());
        self
    }

    /// Keeps all records of the sessions that another filter selects by the conditions on `pid`.
    #[must_use]
    pub fn of_processes_in(mut self, other: &Self) -> Self {
        self.processes.select(other.processes.sessions());
        self
    }

    /// Returns the filter that also keeps the records of a session which begins with this record,
    /// if conditions on `pid` select it, and it is not selected yet: for records that are filtered
    /// in the order in which they were written.
    pub fn with_session_of(&self, raw: &RawRecord<'_>) -> Option<Self> {
        let session = self.processes.newly_selected(raw)?;
        let mut sessions = (*self.processes.sessions()).clone();
        sessions.insert(session);
        let mut more = self.clone();
        more.processes.select(sessions.into());
        Some(more)
    }

    /// Leaves out the records in which localtel describes the recording itself: `session`,
    /// `session.end`, `consent` and `version` of the target
    /// [`OWN_TARGET`](crate::read::OWN_TARGET). Records of commands, reports and lost events are
    /// kept.
    ///
    /// ```
    /// use localtel::read::{Filter, Record};
    ///
    /// let line = br#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"myapp",
    /// "target":"localtel","event":"session","session":"01936f0e-0000-7000-8000-000000000000",
    /// "seq":0}"#;
    /// assert!(!Filter::new().without_own().matches(&Record::parse(line)?));
    /// # Ok::<(), localtel::Error>(())
    /// ```
    #[must_use]
    pub fn without_own(mut self) -> Self {
        self.own = OwnRecords::LeftOut;
        self
    }

    /// Returns `true` if the record in a line matches.
    ///
    /// # Errors
    ///
    /// Returns the line as damage if it is not a valid record.
    pub fn passes(&self, line: &Line<'_>) -> std::result::Result<bool, Damage> {
        line.read_raw(|raw| self.verdict(raw) == FilterVerdict::Passes)
    }

    /// Returns `true` if a record matches all conditions. Returns `false` for a record whose values
    /// are nested more deeply than a line allows.
    ///
    /// ```
    /// use localtel::read::{Filter, Record};
    ///
    /// let line = br#"{"timestamp":"2026-11-21T08:15:30.123456Z","level":"INFO","source":"myapp",
    /// "target":"myapp","session":"01936f0e-0000-7000-8000-000000000000","seq":0,
    /// "properties":{"duration":871}}"#;
    /// let record = Record::parse(line)?;
    /// assert!(Filter::new().term("duration>100".parse()?).matches(&record));
    /// assert!(!Filter::new().levels("warn".parse()?).matches(&record));
    /// # Ok::<(), localtel::Error>(())
    /// ```
    pub fn matches(&self, record: &Record) -> bool {
        let line = record.to_line();
        let raw = RawRecord::at(&line);
        raw.is_some_and(|raw| self.verdict(&raw) == FilterVerdict::Passes)
    }

    /// Returns the result of the filter for a record.
    pub fn verdict(&self, raw: &RawRecord<'_>) -> FilterVerdict<'_> {
        if !self.matches_parts(raw) {
            return FilterVerdict::Fails;
        }
        let mut verdict = FilterVerdict::Passes;
        for term in &self.terms {
            match term.answer(raw) {
                Answer::Fails => return FilterVerdict::Fails,
                Answer::OtherType if verdict == FilterVerdict::Passes => {
                    verdict = other_type(term);
                }
                Answer::Matches | Answer::OtherType => {}
            }
        }
        match self.processes.answer(raw) {
            (Answer::Fails, _) => return FilterVerdict::Fails,
            (Answer::OtherType, Some(term)) if verdict == FilterVerdict::Passes => {
                verdict = other_type(term);
            }
            (Answer::Matches | Answer::OtherType, _) => {}
        }
        // The expression is checked last, since it takes the longest.
        match &self.grep {
            Some(grep) if !grep.matches(raw) => FilterVerdict::Fails,
            Some(_) | None if self.leaves_out_own(raw) => FilterVerdict::Own,
            Some(_) | None => verdict,
        }
    }

    /// Returns `true` if [`Filter::without_own`] leaves the record out, whatever the other
    /// conditions are.
    pub fn leaves_out_own(&self, raw: &RawRecord<'_>) -> bool {
        self.own == OwnRecords::LeftOut
            && OwnEvent::of_raw(raw).is_some_and(OwnEvent::is_about_recording)
    }

    /// Returns `true` if the conditions on the parts that every record has match.
    fn matches_parts(&self, raw: &RawRecord<'_>) -> bool {
        let time = raw.timestamp.bytes();
        self.levels.is_none_or(|levels| levels.matches(raw.level))
            && is_any(&self.targets, Some(raw.target), is_within)
            && is_any(&self.events, raw.event, |event, wanted| event == wanted)
            && self.source.as_ref().is_none_or(|it| raw.source.is(it))
            && self
                .session
                .as_ref()
                .is_none_or(|start| raw.session.bytes().starts_with(start.as_bytes()))
            && self.since.is_none_or(|since| time >= since.as_bytes())
            && self.until.is_none_or(|until| time <= until.as_bytes())
    }
}

/// Returns the result for a value that a condition cannot compare.
fn other_type(term: &Term) -> FilterVerdict<'_> {
    FilterVerdict::OtherType {
        key: term.key(),
        expected: term.ordered_type(),
    }
}

/// The result of a filter for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are all the cases")]
pub enum FilterVerdict<'f> {
    /// The record matches.
    Passes,
    /// The record does not match.
    Fails,
    /// The record matches all other conditions, but [`Filter::without_own`] leaves it out.
    Own,
    /// All other conditions match, but the value of `key` has a type that its condition cannot
    /// compare.
    OtherType {
        /// The key of the first such condition.
        key: &'f str,
        /// The type that it compares.
        expected: OrderedType,
    },
}

/// A type of values that conditions of order compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are all the types")]
pub enum OrderedType {
    /// Numbers.
    Number,
    /// Versions.
    Version,
}

impl fmt::Display for OrderedType {
    /// Writes the word for the type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::Version => "version",
        })
    }
}

/// A range of levels, written as `warn` (that and above), `=info` (only that) or `debug..warn`.
///
/// ```
/// use localtel::read::Levels;
///
/// assert_eq!("warn".parse::<Levels>()?, "warn..error".parse()?);
/// assert!("error..debug".parse::<Levels>().is_err());
/// # Ok::<(), localtel::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    least: Level,
    most: Level,
}

impl Levels {
    fn matches(self, level: Level) -> bool {
        (self.least..=self.most).contains(&level)
    }
}

impl FromStr for Levels {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some(only) = text.strip_prefix('=') {
            let level = only.parse()?;
            return Ok(Self {
                least: level,
                most: level,
            });
        }
        let Some((least, most)) = text.split_once("..") else {
            return Ok(Self {
                least: text.parse()?,
                most: Level::Error,
            });
        };
        let or = |name: &str, default: Level| match name.trim() {
            "" => Ok(default),
            name => name.parse(),
        };
        let (least, most) = (or(least, Level::Trace)?, or(most, Level::Error)?);
        if least > most {
            return Err(Error::invalid(
                "level",
                format!("`{text}` is empty: the first level must not be above the second"),
            ));
        }
        Ok(Self { least, most })
    }
}

impl fmt::Display for Levels {
    /// Writes the range as it is parsed, in lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, most] = [self.least, self.most].map(|it| it.as_str().to_ascii_lowercase());
        match (self.least, self.most) {
            (_, Level::Error) => f.write_str(&least),
            (one, other) if one == other => write!(f, "={least}"),
            _ => write!(f, "{least}..{most}"),
        }
    }
}

/// Returns `true` if a text matches one of the wanted texts, or if there are none.
fn is_any(wanted: &[String], text: Option<RawText<'_>>, fits: fn(&str, &str) -> bool) -> bool {
    let fits_one = |text: Cow<'_, str>| wanted.iter().any(|wanted| fits(&text, wanted));
    wanted.is_empty() || text.map(RawText::decoded).is_some_and(fits_one)
}

/// Returns `true` if a target equals another one or is below it.
fn is_within(target: &str, above: &str) -> bool {
    target
        .strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn not_a_regex(what: &'static str, error: &regex::Error) -> Error {
    Error::invalid(what, format!("not a regular expression: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const LINE: &str = r#"{"timestamp":"2026-11-21T08:15:30.5Z","level":"WARN","source":"ticloud","target":"app::net","event":"command","message":"Listed three projects","session":"01936f0e-0000-7000-8000-000000000000","seq":12,"properties":{"command":"list","duration":871,"ratio":0.5,"ok":true,"none":null,"big":18446744073709551615,"text":"12","a.b":"literal","nested":{"deep":{"er":3},"list":[1]},"level":"mine","id":1},"spans":[{"name":"root","properties":{"id":7,"user":"root"}},{"name":"leaf","properties":{"user":"leaf"}}]}"#;

    pub(super) fn record() -> Record {
        Record::parse(LINE.as_bytes()).unwrap()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_empty_filter_passes_everything() {
        assert!(Filter::new().matches(&record()));
    }

    #[test]
    fn levels_are_a_threshold_an_exact_one_or_a_range() {
        for (text, matches) in [
            ("info", true),
            ("WARN", true),
            ("error", false),
            ("=warn", true),
            ("=info", false),
            ("debug..info", false),
            ("debug..warn", true),
            ("..warn", true),
            ("error..", false),
        ] {
            let filter = Filter::new().levels(text.parse().unwrap());
            assert_eq!(filter.matches(&record()), matches, "{text}");
        }
        for text in ["info", "=warn", "debug..warn", "error"] {
            assert_eq!(text.parse::<Levels>().unwrap().to_string(), text);
        }
        for wrong in ["", "loud", "error..info", "=", "a..b"] {
            assert!(wrong.parse::<Levels>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn targets_match_at_the_boundaries_of_modules() {
        for (target, matches) in [
            ("app", true),
            ("app::net", true),
            ("app::ne", false),
            ("ap", false),
            ("app::net::http", false),
            ("net", false),
        ] {
            assert_eq!(
                Filter::new().target(target).matches(&record()),
                matches,
                "{target}"
            );
        }
        assert!(Filter::new().target("x").target("app").matches(&record()));
    }

    #[test]
    fn events_sources_and_sessions_match_whole_or_by_prefix() {
        assert!(Filter::new().event("x").event("command").matches(&record()));
        assert!(!Filter::new().event("comm").matches(&record()));
        assert!(Filter::new().source("ticloud").matches(&record()));
        assert!(!Filter::new().source("ticlou").matches(&record()));
        assert!(Filter::new().session("01936F0E").matches(&record()));
        assert!(!Filter::new().session("02").matches(&record()));
    }

    #[test]
    fn times_are_bounds_that_belong_to_the_range() {
        let at = "2026-11-21T08:15:30.5Z";
        let filter = Filter::new().since(time(at)).until(time(at));
        assert!(filter.matches(&record()));
        assert_eq!(
            (filter.earliest(), filter.latest()),
            (Some(time(at)), Some(time(at)))
        );
        let later = "2026-11-21T09:15:31+01:00";
        assert!(!Filter::new().since(time(later)).matches(&record()));
        let earlier = "2026-11-21T08:15:30Z";
        assert!(!Filter::new().until(time(earlier)).matches(&record()));
    }

    #[test]
    fn grep_ignores_case_only_for_a_pattern_in_lower_case() {
        for (pattern, matches) in [
            ("listed", true),
            ("LISTED", false),
            ("Listed", true),
            (r"listed\Sthree", false),
            (r"listed\Wthree", true),
            ("^app::net$", true),
            ("^command$", true),
            ("871", true),
            ("^871$", true),
            ("leaf", true),
            ("duration", true),
            ("duration=871", true),
            ("^duration=8", true),
            ("duration=872", false),
            ("ticloud", true),
            ("warn", true),
            ("01936f0e", false),
            ("seq|session|properties", false),
            (r#""deep""#, true),
            (r#"user="leaf""#, true),
        ] {
            let filter = Filter::new().grep(pattern).unwrap();
            assert_eq!(filter.matches(&record()), matches, "{pattern}");
        }
        let error = Filter::new().grep("(").unwrap_err().to_string();
        assert!(error.contains("not a regular expression"), "{error}");
    }

    #[test]
    fn records_about_the_recording_can_be_left_out() {
        let filter = Filter::new().without_own().term("seq<100".parse().unwrap());
        let verdict = |target: &str, event: &str| {
            let mut record = record();
            (record.target, record.event) = (target.to_owned(), Some(event.to_owned()));
            let line = record.to_line();
            match filter.verdict(&RawRecord::at(&line).unwrap()) {
                FilterVerdict::Passes => "passes",
                FilterVerdict::Own => "own",
                FilterVerdict::Fails | FilterVerdict::OtherType { .. } => "fails",
            }
        };
        for event in ["session", "session.end", "consent", "version"] {
            assert_eq!(verdict("localtel", event), "own", "{event}");
            assert_eq!(verdict("app", event), "passes", "{event}");
        }
        for event in ["command", "report", "dropped", "another"] {
            assert_eq!(verdict("localtel", event), "passes", "{event}");
        }
        let failing = filter.term("seq>100".parse().unwrap());
        assert!(!failing.matches(&record()));
    }

    #[test]
    fn all_parts_must_match() {
        let both = Filter::new()
            .event("command")
            .term("duration>1".parse().unwrap());
        assert!(both.clone().matches(&record()));
        assert!(
            !both
                .term("duration>1000".parse().unwrap())
                .matches(&record())
        );
    }
}
