//! The flags that select records, and the filter that they make.

use std::time::SystemTime;

use time::OffsetDateTime;

use super::super::columns::HostKey;
use super::super::screen::OutputKind;
use super::super::suggestion;
use super::super::time::{Bound, Zone, ZoneArgs, parse};
use super::hosts::{HostConditions, is_of_host};
use super::inputs::{NamedInput, RecordInputs};
use super::newest::{place_of, session_at};
use super::operand::{RecordOperand, absent_path, parse_operand};
use localtel::admin::ShellWord;
use localtel::read::{Filter, Levels, Term};
use localtel::{Error, Result};

/// The flags and conditions that select records.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct MatchArgs {
    /// Records from this time on: 9:00, monday 8:30, 2026-11-21, -2h
    #[arg(
        id = "localtel.since",
        short = 'S',
        long = "since",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub(crate) since: Option<String>,
    /// Records up to this time
    #[arg(
        id = "localtel.until",
        short = 'U',
        long = "until",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub(crate) until: Option<String>,
    /// Search a row's texts and `key=value`; a pattern in lower case ignores case
    #[arg(
        id = "localtel.grep",
        short = 'g',
        long = "grep",
        value_name = "REGEX",
        allow_hyphen_values = true
    )]
    pub(crate) grep: Option<String>,
    /// That level and above; `=info` only that level, `debug..warn` a range
    #[arg(
        id = "localtel.level",
        short = 'l',
        long = "level",
        value_name = "LEVEL",
        value_parser = suggestion::parse_levels
    )]
    pub(crate) level: Option<Levels>,
    /// Records of that target and the modules below it
    #[arg(
        id = "localtel.target",
        short = 't',
        long = "target",
        value_name = "TARGET",
        allow_hyphen_values = true
    )]
    pub(crate) target: Vec<String>,
    /// Records of that event
    #[arg(
        id = "localtel.event",
        short = 'e',
        long = "event",
        value_name = "EVENT",
        allow_hyphen_values = true
    )]
    pub(crate) event: Vec<String>,
    /// Records of sessions whose id starts with ID; `last` and -1: the newest, -2: the one before
    #[arg(
        id = "localtel.session",
        long = "session",
        value_name = "ID",
        allow_negative_numbers = true
    )]
    pub(crate) session: Option<String>,
    /// Records that have that key
    #[arg(
        id = "localtel.has",
        long = "has",
        value_name = "KEY",
        value_parser = suggestion::parse_present_key
    )]
    pub(crate) has: Vec<Term>,
    /// Records that do not have that key
    #[arg(
        id = "localtel.lacks",
        long = "lacks",
        value_name = "KEY",
        value_parser = suggestion::parse_absent_key
    )]
    pub(crate) lacks: Vec<Term>,
    /// Include records about the recording itself, which a terminal hides
    #[arg(id = "localtel.own", long = "own", overrides_with = "localtel.no_own")]
    pub(crate) own: bool,
    /// Leave them out in pipes and files, too
    #[arg(id = "localtel.no_own", long = "no-own", hide_short_help = true)]
    pub(crate) no_own: bool,
    /// The zone of times.
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
    /// What the key `host` of a condition means.
    #[arg(skip)]
    pub(crate) host_key: HostKey,
    /// All conditions must match: key=value, key=one,other, key!=value, key>10, key~regex,
    /// key!~regex. Files and directories, or - for the standard input, are read instead of the
    /// application's records
    #[arg(
        id = "localtel.operands",
        value_name = "CONDITION|PATH",
        value_parser = parse_operand
    )]
    pub(crate) operands: Vec<RecordOperand>,
}

/// A range of time; without a bound it has no end on that side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub(crate) since: Option<OffsetDateTime>,
    pub(crate) until: Option<OffsetDateTime>,
}

/// Whether records about the recording itself match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnMatches {
    Included,
    LeftOut,
}

impl MatchArgs {
    /// Returns the flags as they are for these inputs: with the id of the session that `--session
    /// last` or `-2` names, and with the meaning of the key `host`.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such session.
    pub(crate) fn resolved(&self, inputs: &RecordInputs<'_>) -> Result<Self> {
        let mut resolved = self.clone();
        resolved.host_key = inputs.host_key();
        if let Some(session) = &mut resolved.session
            && let Some(place) = place_of(session)
        {
            *session = session_at(session, place, inputs)?;
        }
        Ok(resolved)
    }

    /// Returns the time up to which records are shown, and at which following ends.
    ///
    /// # Errors
    ///
    /// Returns an error that says why the time is invalid.
    pub(crate) fn end(&self, zone: Zone, now: OffsetDateTime) -> Result<Option<OffsetDateTime>> {
        let text = self.until.as_ref();
        text.map(|text| parse(text, Bound::Until, zone, now))
            .transpose()
    }

    /// Returns the range of time that is selected.
    ///
    /// # Errors
    ///
    /// Returns an error if a time is invalid, or the range is empty.
    pub(crate) fn range(&self, zone: Zone, now: OffsetDateTime) -> Result<TimeRange> {
        let since = self.since.as_ref();
        let since = since.map(|text| parse(text, Bound::Since, zone, now));
        let (since, until) = (since.transpose()?, self.end(zone, now)?);
        if let (Some(since), Some(until)) = (since, until)
            && until < since
        {
            return Err(Error::invalid(
                "--until",
                format!(
                    "the range is empty: it ends at {} and begins at {}",
                    zone.text(until),
                    zone.text(since)
                ),
            ));
        }
        Ok(TimeRange { since, until })
    }

    /// Builds the filter for that kind of output; times are in the zone in which they are shown.
    ///
    /// # Errors
    ///
    /// Returns an error that names the invalid flag and the expected value.
    pub(crate) fn filter(
        &self,
        zone: Zone,
        sink: OutputKind,
        now: OffsetDateTime,
    ) -> Result<Filter> {
        self.filter_in(self.range(zone, now)?, self.own_matches(sink))
    }

    /// Builds the filter for that range of time.
    ///
    /// # Errors
    ///
    /// Returns an error if the pattern of `--grep` is invalid.
    pub(crate) fn filter_in(&self, range: TimeRange, own: OwnMatches) -> Result<Filter> {
        let mut filter = match own {
            OwnMatches::Included => Filter::new(),
            OwnMatches::LeftOut => Filter::new().without_own(),
        };
        if let Some(levels) = self.level {
            filter = filter.levels(levels);
        }
        for target in &self.target {
            filter = filter.target(target);
        }
        for event in &self.event {
            filter = filter.event(event);
        }
        if let Some(session) = &self.session {
            filter = filter.session(session);
        }
        let TimeRange { since, until } = range;
        if let Some(since) = since {
            filter = filter.since(SystemTime::from(since));
        }
        if let Some(until) = until {
            filter = filter.until(SystemTime::from(until));
        }
        if let Some(pattern) = &self.grep {
            filter = filter.grep(pattern)?;
        }
        let terms = self.terms().chain(self.has()).chain(self.lacks());
        Ok(terms.cloned().fold(filter, Filter::term))
    }

    /// Returns whether records about the recording itself match in that kind of output.
    pub(crate) fn own_matches(&self, sink: OutputKind) -> OwnMatches {
        if self.shows_own(sink) {
            OwnMatches::Included
        } else {
            OwnMatches::LeftOut
        }
    }

    /// Returns `true` if records about the recording itself are shown: by default in pipes and
    /// files, and on a terminal if a session, an event or a target is asked for by name.
    fn shows_own(&self, sink: OutputKind) -> bool {
        let is_named = |term: &Term| {
            matches!(term.key(), "event" | "target" | "session") && term.is_equality()
        };
        let is_asked_for = || {
            !self.event.is_empty()
                || !self.target.is_empty()
                || self.session.is_some()
                || self.terms().any(is_named)
        };
        self.own || !self.no_own && (sink == OutputKind::Pipe || is_asked_for())
    }

    /// Returns the conditions on records.
    pub(crate) fn terms(&self) -> impl Iterator<Item = &Term> {
        self.typed_terms().filter(|term| self.is_of_record(term))
    }

    /// Returns the conditions that a record has a key.
    pub(crate) fn has(&self) -> impl Iterator<Item = &Term> {
        self.has.iter().filter(|term| self.is_of_record(term))
    }

    /// Returns the conditions that a record lacks a key.
    pub(crate) fn lacks(&self) -> impl Iterator<Item = &Term> {
        self.lacks.iter().filter(|term| self.is_of_record(term))
    }

    fn is_of_record(&self, term: &Term) -> bool {
        !(self.host_key == HostKey::Machine && is_of_host(term))
    }

    fn typed_terms(&self) -> impl Iterator<Item = &Term> {
        self.operands.iter().filter_map(|operand| match operand {
            RecordOperand::Condition(term) => Some(term),
            RecordOperand::Path(_) | RecordOperand::Stdin => None,
        })
    }

    /// Returns the conditions that select machines, where records of several are in a tree.
    pub(crate) fn host_conditions(&self) -> HostConditions {
        let terms = self.typed_terms().chain(&self.has).chain(&self.lacks);
        HostConditions::new(terms.filter(|term| is_of_host(term)))
    }

    /// Returns `true` if files, directories or the standard input are named.
    pub(crate) fn has_paths(&self) -> bool {
        self.operands.iter().any(|operand| match operand {
            RecordOperand::Condition(_) => false,
            RecordOperand::Path(_) | RecordOperand::Stdin => true,
        })
    }

    /// Returns the files, the directories and the standard input that are named.
    ///
    /// # Errors
    ///
    /// Returns an error if a word is neither a path that exists nor a condition.
    pub(crate) fn paths(&self) -> Result<Vec<NamedInput>> {
        let paths = self.operands.iter().filter_map(|operand| match operand {
            RecordOperand::Condition(_) => None,
            RecordOperand::Stdin => Some(Ok(NamedInput::stdin())),
            RecordOperand::Path(path) => {
                let input = NamedInput::of_path(path);
                Some(input.ok_or_else(|| absent_path(path)))
            }
        });
        paths.collect()
    }

    /// Returns `true` if records are selected by more than their time and their input.
    pub(crate) fn has_conditions(&self) -> bool {
        let are_empty = self.target.is_empty()
            && self.event.is_empty()
            && self.has().next().is_none()
            && self.lacks().next().is_none()
            && self.terms().next().is_none();
        !are_empty || self.level.is_some() || self.session.is_some() || self.grep.is_some()
    }

    /// Returns the range of time as it was typed, as words of a command line.
    pub(crate) fn typed_range(&self) -> Vec<String> {
        let bounds = [("-S", &self.since), ("-U", &self.until)].into_iter();
        let typed = bounds.filter_map(|(flag, time)| Some((flag, time.as_ref()?)));
        typed
            .map(|(flag, time)| format!("{flag} {}", ShellWord(time)))
            .collect()
    }

    /// Returns the rest of the selection as it was typed, as words of a command line.
    pub(crate) fn typed(&self) -> Vec<String> {
        let word = |text: &str| ShellWord(text).to_string();
        let flag = |flag: &str, value: &str| format!("{flag} {}", word(value));
        let mut typed: Vec<String> = Vec::new();
        typed.extend(self.level.map(|levels| flag("-l", &levels.to_string())));
        typed.extend(self.target.iter().map(|target| flag("-t", target)));
        typed.extend(self.event.iter().map(|event| flag("-e", event)));
        typed.extend(self.session.iter().map(|id| flag("--session", id)));
        typed.extend(self.grep.iter().map(|pattern| flag("-g", pattern)));
        typed.extend(self.has.iter().map(|term| flag("--has", &term.to_string())));
        typed.extend(
            self.lacks
                .iter()
                .map(|term| flag("--lacks", &term.to_string())),
        );
        typed.extend(self.own.then(|| "--own".to_owned()));
        typed.extend(self.operands.iter().map(|operand| match operand {
            RecordOperand::Condition(term) => word(&term.to_string()),
            RecordOperand::Path(path) => word(&path.display().to_string()),
            RecordOperand::Stdin => "-".to_owned(),
        }));
        typed
    }
}
