//! Following: the same items as a reader gives, and then those that come later, across rotation, removal,
//! clearing and a directory that is deleted and made anew. It never waits by itself: `poll` answers at
//! once, and who calls it decides how long to pause.
//!
//! Nothing is missing and nothing comes twice: only whole lines are consumed, a segment is drained once
//! more after its successor was seen, and a segment that is open stays readable after its removal.
//! What cannot be kept this way (segments that were removed before they were reached, a segment that
//! something else cut) is told by a notice.

use std::time::Duration;

use super::damage::{Notice, Position};
use super::walk::{Event, Walk};
use super::{Item, Line};
use crate::error::Result;
use crate::store;
use crate::store::disk::{Access, Directory};

/// A reader that goes on where the data ends for now.
#[derive(Debug)]
pub struct Follower {
    pub(super) walk: Walk,
    state: State,
    /// How many looks in a row found nothing new.
    looks_idle: u32,
    /// The size of the open segment when it was last read to its end: an unfinished line is not read again and again.
    bytes_seen: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There may be more to read at once.
    Reading,
    /// The last look found the end.
    AtEnd,
}

/// What a look at the files says, without reading them.
#[derive(Debug)]
enum Look {
    Same,
    Changed,
    /// Somebody did something to the segment that is to be told.
    Told(Notice),
}

impl Follower {
    /// How long to pause between two polls that found nothing: a person sees no delay, and ten times
    /// three system calls in a second cost nothing.
    pub const PAUSE: Duration = Duration::from_millis(100);

    pub(super) fn new(mut walk: Walk) -> Self {
        walk.unbound();
        Self {
            walk,
            state: State::Reading,
            looks_idle: 0,
            bytes_seen: 0,
        }
    }

    /// Returns what comes next, or nothing if there is nothing new at the moment.
    ///
    /// # Errors
    ///
    /// An error says that the directory cannot be listed.
    pub fn poll(&mut self) -> Result<Option<Item<'_>>> {
        if self.state == State::AtEnd {
            match self.look()? {
                Look::Same => {
                    self.looks_idle += 1;
                    return Ok(None);
                }
                Look::Changed => {}
                Look::Told(notice) => return Ok(Some(Item::Notice(notice))),
            }
        }
        let event = self.walk.step()?;
        if !matches!(event, Event::End) {
            self.looks_idle = 0;
        }
        self.state = State::Reading;
        match event {
            Event::Line { position, range } => Ok(Some(Item::Line(Line {
                position,
                bytes: self.walk.bytes(range),
            }))),
            Event::Damage(damage) => Ok(Some(Item::Damage(damage))),
            Event::Notice(notice) => Ok(Some(Item::Notice(notice))),
            Event::End => {
                self.state = State::AtEnd;
                self.looks_idle += 1;
                if let Some(open) = self.walk.open_mut() {
                    self.bytes_seen = open.scanner().byte_read();
                    open.scanner_mut().forget_pending();
                }
                Ok(None)
            }
        }
    }

    /// Returns where the follower is in the segment that it reads, if there is one.
    pub fn cursor(&self) -> Option<Position> {
        self.walk.open().map(|open| open.scanner().cursor())
    }

    /// Looks whether reading could find anything, with few system calls.
    fn look(&mut self) -> Result<Look> {
        if let Some(look) = self.look_at_segment() {
            return Ok(look);
        }
        let directory = self.walk.directory();
        if !directory.is_current()
            && let Ok(other) = Directory::open(directory.path(), Access::Read)
        {
            self.walk.succeed(other);
            return Ok(Look::Changed);
        }
        // Where a segment is open, the one after it was looked for just now; only if that one was
        // removed at once does a listing find more.
        if self.walk.open().is_none() || self.looks_idle.is_multiple_of(LOOKS_PER_LIST) {
            let highest = store::numbers(self.walk.directory())?.last().copied();
            if highest > self.walk.reached() {
                return Ok(Look::Changed);
            }
        }
        Ok(Look::Same)
    }

    /// Looks at the open segment and at the one after it; nothing means that both are as before.
    fn look_at_segment(&mut self) -> Option<Look> {
        let directory = self.walk.directory();
        let open = self.walk.open()?;
        let facts = directory.facts_of(open.file());
        let named = directory.facts(&open.number().file_name()).ok();
        let has_next = directory.facts(&open.number().next().file_name()).is_ok();
        let open = self.walk.open_mut()?;
        let Ok(facts) = facts else {
            // Reading will say what is wrong.
            return Some(Look::Changed);
        };
        let (read, cursor) = (open.scanner().byte_read(), open.scanner().cursor());
        if let Some(named) = named.filter(|named| named.is_regular && named.id != facts.id) {
            // Where it goes on as the old one, it is taken for a copy; else only its end is new for sure.
            let position = Position {
                byte: cursor.byte.min(named.bytes),
                ..cursor
            };
            self.walk.reopen(position);
            self.bytes_seen = 0;
            return Some(Look::Told(Notice::SegmentReplaced { position }));
        }
        if facts.bytes < cursor.byte {
            let position = end_position(open.file(), facts.bytes, cursor);
            open.rewind(position);
            self.bytes_seen = facts.bytes;
            return Some(Look::Told(Notice::Cut {
                position,
                bytes_before: read,
            }));
        }
        if facts.bytes < read {
            // A writer took back the start of a line that came out short.
            open.rewind(cursor);
            return Some(Look::Changed);
        }
        // A line that was taken back may have been replaced by one of the same length.
        let may_differ = self.bytes_seen != read && self.looks_idle.is_multiple_of(LOOKS_PER_LIST);
        (facts.bytes != self.bytes_seen || may_differ || has_next).then_some(Look::Changed)
    }
}

/// Finds the number of the line at the new end of a segment that was cut.
fn end_position(file: &std::fs::File, bytes: u64, cursor: Position) -> Position {
    let newlines = super::reverse::count_newlines(file, 0, bytes).unwrap_or(0);
    Position {
        segment: cursor.segment,
        byte: bytes,
        line: newlines + 1,
    }
}

/// How many looks there are between two listings of the directory, while nothing else says that it
/// changed: once a second.
const LOOKS_PER_LIST: u32 = 10;
