//! The records around those that match, for `-A`, `-B`, `-C` and `--same`: read one after the
//! other, with the last ones in memory.
//!
//! With `--same`, the records of each session, or of each request, have a context of their own. A
//! request is the outermost span: its name and values are the same in all of its records, while
//! the innermost span of an error is often only a part of what led to it.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::rc::Rc;

use clap::{Args, ValueEnum};

use super::super::screen::OutputStop;
use super::shown::ShownLines;
use localtel::read::raw::RawRecord;
use localtel::read::{Damage, Fold, Line, Notice, Position, Timestamp};

/// The flags for the records around those that match.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct ContextArgs {
    /// Show N records after each one that matches; `--` stands for those left out
    #[arg(
        hide_short_help = true,
        id = "localtel.after",
        short = 'A',
        long = "after-context",
        value_name = "N"
    )]
    after: Option<usize>,
    /// Show N records before each one that matches
    #[arg(
        hide_short_help = true,
        id = "localtel.before",
        short = 'B',
        long = "before-context",
        value_name = "N"
    )]
    before: Option<usize>,
    /// Show N records around each one that matches; -A after it, -B before
    #[arg(
        id = "localtel.context",
        short = 'C',
        long = "context",
        value_name = "N"
    )]
    around: Option<usize>,
    /// Show those of the same session or outermost span [then -C is 100]
    #[arg(
        id = "localtel.same",
        long = "same",
        value_name = "session|span",
        hide_possible_values = true
    )]
    same: Option<ContextScope>,
}

/// The records that can be the context of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ContextScope {
    /// Those of the same session.
    Session,
    /// Those of the same session whose outermost span has the same name and values.
    Span,
}

/// The context that is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContextSize {
    before: usize,
    after: usize,
    scope: Option<ContextScope>,
}

impl ContextArgs {
    /// Returns the context that is wanted, if any is.
    pub(super) fn size(self) -> Option<ContextSize> {
        let named = self.after.or(self.before).or(self.around);
        let rest = match (named, self.same) {
            (None, None) => return None,
            (None, Some(_)) => CONTEXT_OF_SAME,
            (Some(_), _) => self.around.unwrap_or(0),
        };
        Some(ContextSize {
            before: self.before.unwrap_or(rest),
            after: self.after.unwrap_or(rest),
            scope: self.same,
        })
    }
}

/// Decides which records are shown around those that match.
#[derive(Debug)]
pub(super) struct Context {
    size: ContextSize,
    groups: BTreeMap<Vec<u8>, ContextGroup>,
    /// Number of bytes of the lines in all groups.
    bytes: usize,
    /// Number of lines that were read.
    time: u64,
    /// The group of the last line that was shown.
    last: Option<Vec<u8>>,
    is_any_printed: bool,
    /// The last matches with their context, while only the last ones are wanted.
    kept: Option<KeptMatches>,
}

/// The records that can be the context of each other.
#[derive(Debug)]
struct ContextGroup {
    /// The last lines, and whether they were shown.
    lines: VecDeque<(Rc<StoredLine>, bool)>,
    /// Number of lines that are still to be shown after a match.
    after_left: usize,
    /// Whether lines were left out since the last one that was shown.
    is_apart: bool,
    /// When its last line was read.
    time: u64,
}

/// A line that was read before.
#[derive(Debug)]
struct StoredLine {
    input: usize,
    position: Position,
    bytes: Vec<u8>,
    /// The record as a line of localtel, if the line is in another format.
    rewritten: Option<Vec<u8>>,
}

/// A match, the lines before it, and those that are shown after it.
#[derive(Debug, Default)]
struct MatchWithContext(Vec<ContextLine>);

#[derive(Debug)]
struct ContextLine {
    line: Rc<StoredLine>,
    /// Whether it was shown with an earlier match.
    is_repeated: bool,
    /// Whether lines are left out before it.
    is_apart: bool,
}

#[derive(Debug)]
struct KeptMatches {
    count: u64,
    matches: VecDeque<MatchWithContext>,
}

impl Context {
    /// Returns the context that is wanted, if any is. It keeps that number of last matches until it
    /// is released, or passes each one on at once.
    pub(super) fn of(args: ContextArgs, last: Option<u64>) -> Option<Self> {
        let size = args.size()?;
        Some(Self {
            size,
            groups: BTreeMap::new(),
            bytes: 0,
            time: 0,
            last: None,
            is_any_printed: false,
            kept: last.map(|count| KeptMatches {
                count,
                matches: VecDeque::new(),
            }),
        })
    }

    /// Adds what is kept to the output, and passes on each later match at once.
    pub(super) fn release(&mut self, shown: &mut ShownLines<'_>) {
        let Some(kept) = self.kept.take() else { return };
        let most = shown.line_filter.wanted.most();
        let mut matches = kept.matches.into_iter();
        shown.matched = 0;
        while shown.matched < most
            && let Some(one) = matches.next()
        {
            self.print(&one, shown);
            shown.matched += 1;
        }
        if matches.len() > 0 {
            self.groups.clear();
        }
    }

    /// Returns `true` if no more records are wanted.
    fn is_complete(&self, shown: &ShownLines<'_>) -> bool {
        let is_over = |group: &ContextGroup| group.after_left == 0;
        self.kept.is_none() && shown.is_complete() && self.groups.values().all(is_over)
    }

    /// Adds a record that was read.
    fn add(
        &mut self,
        (line, rewritten): (Line<'_>, Option<&[u8]>),
        raw: &RawRecord<'_>,
        shown: &mut ShownLines<'_>,
    ) {
        self.time += 1;
        shown.note(line, raw);
        let is_open = self.kept.is_some() || !shown.is_complete();
        let is_match = is_open && shown.passes(raw);
        if shown.line_filter.filter.leaves_out_own(raw) {
            // It is hidden around other records, too.
            return;
        }
        let stored = || {
            Rc::new(StoredLine {
                input: shown.input_of_lines(),
                position: line.position(),
                bytes: line.bytes().to_vec(),
                rewritten: rewritten.map(<[u8]>::to_vec),
            })
        };
        let Some(key) = self.size.key_of(raw) else {
            // It is in no span, so there is none with which it could be shown.
            if is_match {
                let line = stored();
                self.last = None;
                self.show_match(MatchWithContext::of(line), shown);
            }
            return;
        };
        let is_other = self.last.as_ref().is_none_or(|last| *last != key);
        if !is_match && self.size.before == 0 {
            match self.groups.get_mut(&key) {
                Some(group) if group.after_left > 0 => {}
                Some(group) => {
                    group.is_apart = true;
                    return;
                }
                None => return,
            }
        }
        let group = self.groups.entry(key).or_insert_with(ContextGroup::new);
        group.time = self.time;
        let line = stored();
        let is_apart = is_other || group.is_apart;
        let is_shown = is_match || group.after_left > 0;
        let mut found = None;
        if is_match {
            group.after_left = self.size.after;
            found = Some(group.match_of(&line, is_apart));
        } else if group.after_left > 0 {
            group.after_left -= 1;
        }
        group.is_apart &= !is_shown;
        self.bytes += line.bytes.len();
        group.lines.push_back((Rc::clone(&line), is_shown));
        if group.lines.len() > self.size.before
            && let Some((left, was_shown)) = group.lines.pop_front()
        {
            self.bytes -= left.bytes.len();
            group.is_apart |= !was_shown;
        }
        if is_shown && is_other {
            self.last = self.size.key_of(raw);
        }
        match found {
            Some(found) => self.show_match(found, shown),
            None if is_shown => self.show_after(line, is_apart, shown),
            None => {}
        }
        self.forget_some();
    }

    fn show_match(&mut self, found: MatchWithContext, shown: &mut ShownLines<'_>) {
        let Some(kept) = &mut self.kept else {
            self.print(&found, shown);
            return;
        };
        kept.matches.push_back(found);
        if kept.matches.len() as u64 > kept.count {
            kept.matches.pop_front();
        }
    }

    fn show_after(&mut self, line: Rc<StoredLine>, is_apart: bool, shown: &mut ShownLines<'_>) {
        let line = ContextLine {
            line,
            is_repeated: false,
            is_apart,
        };
        match &mut self.kept {
            Some(kept) => {
                if let Some(last) = kept.matches.back_mut() {
                    last.0.push(line);
                }
            }
            None => self.print(&MatchWithContext(vec![line]), shown),
        }
    }

    /// Adds lines to the output. What an earlier match shows already is only left out after it.
    fn print(&mut self, found: &MatchWithContext, shown: &mut ShownLines<'_>) {
        let is_first = !self.is_any_printed;
        let mut is_after_repeated = false;
        for one in &found.0 {
            if one.is_repeated && !is_first {
                continue;
            }
            if one.is_apart && self.is_any_printed && !is_after_repeated {
                shown.push_gap();
            }
            is_after_repeated = one.is_repeated;
            self.is_any_printed = true;
            let StoredLine {
                bytes, rewritten, ..
            } = &*one.line;
            let record = Line::new(one.line.position, rewritten.as_ref().unwrap_or(bytes));
            shown.input(one.line.input);
            // It was read before.
            drop(record.read_raw(|raw| shown.push(bytes, raw)));
        }
    }

    /// Forgets the groups that had no line for the longest time, if there are many.
    fn forget_some(&mut self) {
        let is_much = self.groups.len() > GROUPS_MAX || self.bytes > BYTES_MAX;
        if !is_much || self.groups.len() == 1 {
            return;
        }
        let mut times: Vec<u64> = self.groups.values().map(|group| group.time).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.groups.retain(|_, group| group.time >= median);
        let lines = self.groups.values().flat_map(|group| &group.lines);
        self.bytes = lines.map(|(line, _)| line.bytes.len()).sum();
    }
}

impl ContextSize {
    /// Returns the group of a record; `None` if it has none.
    fn key_of(&self, raw: &RawRecord<'_>) -> Option<Vec<u8>> {
        match self.scope {
            None => Some(Vec::new()),
            Some(ContextScope::Session) => Some(raw.session.bytes().to_vec()),
            Some(ContextScope::Span) => {
                let (name, properties) = raw.spans.iter().next()?;
                let mut key = raw.session.bytes().to_vec();
                key.extend_from_slice(name.bytes());
                for (name, json) in properties.raw_members() {
                    for part in [name.bytes(), json.bytes()] {
                        // No part of a line has a newline.
                        key.push(b'\n');
                        key.extend_from_slice(part);
                    }
                }
                Some(key)
            }
        }
    }
}

impl ContextGroup {
    fn new() -> Self {
        Self {
            lines: VecDeque::new(),
            after_left: 0,
            is_apart: true,
            time: 0,
        }
    }

    /// Returns a match with the lines before it, which are shown now.
    fn match_of(&mut self, line: &Rc<StoredLine>, mut is_apart: bool) -> MatchWithContext {
        let mut found = Vec::with_capacity(self.lines.len() + 1);
        for (line, is_shown) in &mut self.lines {
            let is_repeated = std::mem::replace(is_shown, true);
            found.push(ContextLine {
                line: Rc::clone(line),
                is_repeated,
                is_apart: !is_repeated && std::mem::take(&mut is_apart),
            });
        }
        found.push(ContextLine {
            line: Rc::clone(line),
            is_repeated: false,
            is_apart,
        });
        MatchWithContext(found)
    }
}

impl MatchWithContext {
    /// Returns a match without context.
    fn of(line: Rc<StoredLine>) -> Self {
        Self(vec![ContextLine {
            line,
            is_repeated: false,
            is_apart: true,
        }])
    }
}

/// Folds items one after the other.
pub(super) struct ContextFold<'c, 'a> {
    pub(super) context: &'c mut Context,
    pub(super) shown: &'c mut ShownLines<'a>,
}

impl ContextFold<'_, '_> {
    /// Writes the output and clears it.
    ///
    /// # Errors
    ///
    /// Returns [`OutputStop::Complete`] if no more records are wanted.
    pub(super) fn write(&mut self, out: &mut dyn Write) -> Result<(), OutputStop> {
        match self.shown.write(out) {
            Err(OutputStop::Complete) if !self.context.is_complete(self.shown) => Ok(()),
            result => result,
        }
    }
}

impl Fold for ContextFold<'_, '_> {
    fn input(&mut self, input: usize) {
        self.shown.input(input);
    }

    fn line(&mut self, line: Line<'_>, raw: &RawRecord<'_>) {
        self.context.add((line, None), raw, self.shown);
    }

    fn text_after(&mut self, time: Timestamp) {
        self.shown.text_after(time);
    }

    fn text(&mut self, line: Line<'_>) {
        let mut rewriters = std::mem::take(&mut self.shown.rewriters);
        rewriters.rewrite(line, |raw, record| {
            self.context.add((line, Some(record)), raw, self.shown);
        });
        self.shown.rewriters = rewriters;
    }

    fn damage(&mut self, damage: Damage) {
        self.shown.damage(damage);
    }

    fn notice(&mut self, notice: Notice) {
        self.shown.notice(notice);
    }

    /// The context of a record cannot be decided in parts, so this is not called.
    fn merge(&mut self, later: &mut Self) {
        self.shown.merge(later.shown);
    }
}

/// Number of records before and after each one with `--same` alone: most of what led to an error.
const CONTEXT_OF_SAME: usize = 100;

/// Number of sessions or requests whose last lines are kept.
const GROUPS_MAX: usize = 1024;

/// Number of bytes of lines that are kept.
const BYTES_MAX: usize = 64 << 20;
