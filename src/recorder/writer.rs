//! The writer: numbers staged lines and passes them to the store, batch by batch. It is a session:
//! it has the session's id, its next sequence number, and the segment in which the session was last
//! announced. The parent module manages the lease on it.

use std::sync::Arc;
use std::time::Instant;

use time::OffsetDateTime;
use uuid::Uuid;

use super::frames::{CHUNK_BYTES, Frames};
use super::own::{LINE_END, session_facts, session_frame};
use super::{Durability, SessionForm, Settings};
use crate::clock;
use crate::encode::{FrameHeader, push_number};
use crate::error::{Error, Result};
use crate::random;
use crate::record::own::SessionStart;
use crate::record::{LineTime, Timestamp, timestamp_of};
use crate::store::age::Now;
use crate::store::disk::Directory;
use crate::store::latest::Latest;
use crate::store::{Store, WritePosition};
use crate::watch::{Watch, WatchChange};

/// The writer of the lines of a session.
#[derive(Debug)]
pub(super) struct Writer {
    store: Store,
    watch: Watch,
    pending: Pending,
}

/// Frames taken from staging, and the session that numbers them.
#[derive(Debug)]
struct Pending {
    settings: Arc<Settings>,
    session: Session,
    /// The frames; those before the cursor are written.
    frames: Vec<u8>,
    cursor: usize,
    batch: Vec<u8>,
    /// The latest time in the batch.
    batch_latest: Option<LineTime>,
    /// The form of the session in its segments.
    form: SessionForm,
    /// Whether everything that was written is a session in one line.
    has_ended: bool,
}

/// A session.
#[derive(Debug)]
struct Session {
    installation: Option<Uuid>,
    /// `,"session":"…","seq":`, the same for every line; empty before the first batch.
    prefix: Vec<u8>,
    seq_next: u64,
    /// Number of events that waited in memory when this process was forked; its parent writes them.
    left_to_parent: u64,
    /// The segment in which this session's lines begin with a session record.
    announced: Option<WritePosition>,
}

/// The result of a batch.
#[derive(Debug)]
pub(super) struct Settled {
    /// Number of frames in the segment.
    pub(super) frames: u64,
    /// The reason why the others are not in it.
    pub(super) failure: Option<Error>,
    /// The reason why earlier lines, in a segment that was left with this batch, may not survive a
    /// power cut.
    pub(super) left_unsynced: Option<Error>,
    /// The result of a sync of everything written so far, if there was one after the batch.
    pub(super) synced: Option<Result<()>>,
}

impl Settled {
    /// Returns the result of a batch of which nothing was written.
    pub(super) fn nothing(failure: Error) -> Self {
        Self {
            frames: 0,
            failure: Some(failure),
            left_unsynced: None,
            synced: None,
        }
    }
}

/// The beginning of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// Staged lines: the session was announced in this segment.
    Lines,
    /// The session record.
    Session,
    /// The only line of a session, which contains the facts of the session record.
    OneLine,
}

/// The end of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// Staged lines.
    Lines,
    /// The session record once more, for its facts on the lines before it.
    Session,
}

impl Writer {
    /// Creates a writer with a new session, given the directory if it is open. Nothing is written
    /// before the first batch. `left_to_parent` is the number of events that waited when this
    /// process was forked.
    pub(super) fn new(
        settings: Arc<Settings>,
        directory: Option<Arc<Directory>>,
        left_to_parent: u64,
    ) -> Self {
        let store = Store::new(&settings.path, settings.limits.clone()).opened(directory);
        let store = match settings.durability {
            Durability::Os => store,
            Durability::Interval(_) | Durability::EveryBatch => store.syncing_all(),
        };
        let mut session = Session::new(settings.start.installation);
        session.left_to_parent = left_to_parent;
        let watch = settings.watch.clone();
        let (frames, batch) = (Vec::new(), Vec::new());
        let mut writer = Self {
            store,
            watch,
            pending: Pending {
                form: settings.form,
                settings,
                session,
                frames,
                cursor: 0,
                batch,
                batch_latest: None,
                has_ended: false,
            },
        };
        writer.apply_limits();
        writer
    }

    /// Polls the owner's decision for a change.
    pub(super) fn poll(&mut self) -> Option<WatchChange> {
        let change = self.watch.poll(Instant::now());
        self.apply_limits();
        change
    }

    /// Gives the store the limits in force: the application's, where the owner has not replaced
    /// them.
    fn apply_limits(&mut self) {
        if let Some(limits) = self.watch.limits(&self.pending.settings.limits) {
            self.store.set_limits(limits);
        }
    }

    /// Returns the reason why the last poll could not read the owner's decision, if it could not.
    pub(super) fn unreadable(&self) -> Option<&str> {
        self.watch.unreadable()
    }

    /// Begins a new session as another installation, so that nothing links the two.
    pub(super) fn renew(&mut self, installation: Uuid) {
        self.pending.session = Session::new(Some(installation));
    }

    /// Makes the session begin with a session record, because another record will end it.
    pub(super) fn expect_end(&mut self) {
        self.pending.form = SessionForm::Lines;
    }

    /// Returns `true` if everything that was written is a session in one line, which needs no end.
    pub(super) fn has_ended(&self) -> bool {
        self.pending.has_ended && self.pending.session.seq_next == 0
    }

    /// Returns the frames that are not written yet.
    pub(super) fn frames_left(&self) -> &[u8] {
        self.pending.frames_left()
    }

    /// Takes the oldest chunk of staged frames, and leaves an empty buffer in exchange.
    pub(super) fn take(&mut self, staged: &mut Frames) {
        self.pending.forget();
        let emptied = std::mem::take(&mut self.pending.frames);
        self.pending.frames = staged.take(emptied);
    }

    /// Discards the frames that are not written yet.
    pub(super) fn forget(&mut self) {
        self.pending.forget();
    }

    /// Writes the next batch of taken frames, and syncs it if the durability requires that.
    pub(super) fn write_batch(&mut self, now: OffsetDateTime, deadline: Instant) -> Settled {
        let (frames, failure) = match self.append_batch(now, deadline) {
            Ok(appended) => appended,
            Err(error) => (0, Some(error)),
        };
        let synced = match self.pending.settings.durability {
            Durability::EveryBatch if frames > 0 => Some(self.store.sync()),
            Durability::EveryBatch | Durability::Os | Durability::Interval(_) => None,
        };
        Settled {
            frames,
            failure,
            left_unsynced: self.store.take_left_unsynced(),
            synced,
        }
    }

    /// Returns the number of frames of the batch that are in the segment, and the reason why the
    /// others are not.
    fn append_batch(
        &mut self,
        now: OffsetDateTime,
        deadline: Instant,
    ) -> Result<(u64, Option<Error>)> {
        let pending = &mut self.pending;
        if let Some(id) = pending.session.begin()? {
            self.store.set_session(id);
        }
        // Most batches go to the segment of the last one: they are numbered before the lock is
        // taken.
        let mut opening = match pending.session.announced {
            Some(_) => Opening::Lines,
            None if pending.is_one_line() => Opening::OneLine,
            None => Opening::Session,
        };
        let mut taken = pending.render(opening, None);
        let now = Now {
            clock: now,
            steady: Instant::now(),
        };
        let mut turn = self.store.begin(pending.batch.len(), now, deadline)?;
        let place = turn.place();
        let is_new_place = opening == Opening::Lines && place != pending.session.announced;
        if is_new_place {
            opening = Opening::Session;
        }
        let latest = turn.latest_due(pending.batch.len());
        let mut closing = Closing::Lines;
        match (opening, latest) {
            (Opening::Session | Opening::OneLine, Some(_)) => {
                taken = pending.render(opening, latest);
            }
            (Opening::Session, None) if is_new_place => taken = pending.render(opening, None),
            (Opening::Lines, Some(latest)) => {
                closing = pending.append_session_record(latest, taken, turn.room_bytes());
            }
            (Opening::Session | Opening::Lines | Opening::OneLine, None) => {}
        }
        let batch_latest = Latest::from(pending.batch_latest);
        let (bytes, failure) = turn.append(&pending.batch, batch_latest);
        let frames = pending.settle((opening, closing), place, bytes, taken);
        if opening == Opening::OneLine && frames > 0 {
            // The line ends the session: any later lines belong to another one.
            self.pending.has_ended = true;
            self.pending.session = Session::new(self.pending.session.installation);
        }
        Ok((frames, failure))
    }

    /// Returns the simulated faults of the disk.
    #[cfg(test)]
    pub(super) fn faults(&self) -> crate::store::faults::Faults {
        self.store.faults.clone()
    }

    /// Syncs everything that is written.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.store.sync()
    }
}

impl Pending {
    fn frames_left(&self) -> &[u8] {
        self.frames.get(self.cursor..).unwrap_or_default()
    }

    /// Empties the buffer for reuse, and releases the memory that a burst needed.
    fn forget(&mut self) {
        self.frames.clear();
        self.frames.shrink_to(BUFFER_KEPT_BYTES);
        self.cursor = 0;
    }

    /// Numbers as many whole frames as fit into one batch, and returns their number. `latest` is
    /// the fact of a session record about the lines before it.
    fn render(&mut self, opening: Opening, latest: Option<LineTime>) -> usize {
        let Self {
            settings,
            session,
            frames,
            cursor,
            batch,
            batch_latest,
            form: _,
            has_ended: _,
        } = self;
        batch.clear();
        *batch_latest = None;
        let mut seq = session.seq_next;
        if opening == Opening::Session {
            // The session record is the first line, also by its time.
            let micros = FrameHeader::split_first(frames.get(*cursor..).unwrap_or_default())
                .and_then(|(_, line, _)| timestamp_of(line))
                .map_or_else(clock::micros_since_epoch, |time| {
                    Timestamp::of(time).unix_micros()
                });
            let frame = session_frame(settings, session.start(settings, latest), micros);
            if let Some((header, line, _)) = FrameHeader::split_first(&frame) {
                *batch_latest = LineTime::of_own_line(line);
                session.push_numbered(batch, header, line, seq);
                seq += 1;
            }
        }
        let half_segment = usize::try_from(settings.limits.segment_bytes_max / 2);
        let bytes_max = BATCH_BYTES_MAX.min(half_segment.unwrap_or(usize::MAX));
        let mut frames = frames.get(*cursor..).unwrap_or_default();
        let mut taken = 0;
        while let Some((header, line, rest)) = FrameHeader::split_first(frames) {
            if taken > 0 && batch.len() + line.len() > bytes_max {
                break;
            }
            session.push_numbered(batch, header, line, seq);
            *batch_latest = (*batch_latest).max(LineTime::of_own_line(line));
            if opening == Opening::OneLine
                && let Some(facts) = session_facts(settings, session.start(settings, latest))
            {
                batch.truncate(batch.len() - LINE_END.len());
                batch.extend_from_slice(ONCE);
                batch.extend_from_slice(&facts);
                batch.extend_from_slice(LINE_END);
            }
            seq += 1;
            taken += 1;
            frames = rest;
        }
        taken
    }

    /// Returns `true` if the frames are one event of a session that was to record one event, and
    /// its line has room for the facts of the session.
    fn is_one_line(&self) -> bool {
        match self.form {
            SessionForm::Lines => return false,
            SessionForm::OneLine => {}
        }
        let Some((header, line, [])) = FrameHeader::split_first(self.frames_left()) else {
            return false;
        };
        let is_first = self.session.seq_next == 0 && self.session.left_to_parent == 0;
        let bytes_max = self.settings.limits.line_bytes_effective_max();
        is_first
            && !header.is_own
            && line.ends_with(LINE_END)
            && line.len() + FACTS_BYTES_MAX + NUMBER_BYTES_MAX <= bytes_max
            && session_facts(&self.settings, self.session.start(&self.settings, None))
                .is_some_and(|facts| facts.len() + LATEST_BYTES <= FACTS_BYTES_MAX)
    }

    /// Ends a batch of `lines` lines with the session record, if there is room for it.
    fn append_session_record(
        &mut self,
        latest: LineTime,
        lines: usize,
        room_bytes: u64,
    ) -> Closing {
        let latest = self.batch_latest.max(Some(latest));
        let micros = clock::micros_since_epoch();
        let start = self.session.start(&self.settings, latest);
        let frame = session_frame(&self.settings, start, micros);
        let Some((header, line, _)) = FrameHeader::split_first(&frame) else {
            return Closing::Lines;
        };
        let bytes = self.batch.len();
        let seq = self.session.seq_next + lines as u64;
        self.session
            .push_numbered(&mut self.batch, header, line, seq);
        if self.batch.len() as u64 > room_bytes {
            self.batch.truncate(bytes);
            return Closing::Lines;
        }
        self.batch_latest = latest.max(LineTime::of_own_line(line));
        Closing::Session
    }

    /// Advances the cursor and the number past the lines that are in the segment, and returns the
    /// number of their frames.
    fn settle(
        &mut self,
        (opening, closing): (Opening, Closing),
        place: Option<WritePosition>,
        bytes: usize,
        taken: usize,
    ) -> u64 {
        let lines = if bytes == self.batch.len() {
            taken
                + usize::from(opening == Opening::Session)
                + usize::from(closing == Closing::Session)
        } else {
            self.batch
                .get(..bytes)
                .unwrap_or_default()
                .split_inclusive(|byte| *byte == b'\n')
                .count()
        };
        self.session.seq_next += lines as u64;
        let frames = match opening {
            Opening::Lines | Opening::OneLine => lines,
            Opening::Session => {
                if lines > 0 {
                    self.session.announced = place;
                }
                lines.saturating_sub(1)
            }
        };
        let frames = frames.min(taken);
        for _ in 0..frames {
            if let Some((header, _, _)) = FrameHeader::split_first(self.frames_left()) {
                self.cursor += FrameHeader::BYTES + header.line_bytes;
            }
        }
        if self.frames_left().is_empty() {
            self.forget();
        }
        self.batch.clear();
        self.batch.shrink_to(BATCH_BYTES_MAX);
        frames as u64
    }
}

impl Session {
    fn start<'a>(&self, settings: &'a Settings, latest: Option<LineTime>) -> SessionStart<'a> {
        SessionStart {
            installation: self.installation,
            version: settings.version.as_deref(),
            update: settings.update.as_deref(),
            left_to_parent: self.left_to_parent,
            is_resumed: self.announced.is_some(),
            latest,
        }
    }

    fn new(installation: Option<Uuid>) -> Self {
        Self {
            installation,
            prefix: Vec::new(),
            seq_next: 0,
            left_to_parent: 0,
            announced: None,
        }
    }

    /// Creates the id of the session if it has none yet, and returns it in that case.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system cannot provide random bytes.
    fn begin(&mut self) -> Result<Option<Uuid>> {
        if !self.prefix.is_empty() {
            return Ok(None);
        }
        let id = random::id_of_now()?;
        self.prefix = format!(",\"session\":\"{id}\",\"seq\":").into_bytes();
        Ok(Some(id))
    }

    fn push_numbered(&self, batch: &mut Vec<u8>, header: FrameHeader, line: &[u8], seq: u64) {
        let Some((before, after)) = line.split_at_checked(header.number_at) else {
            return;
        };
        batch.extend_from_slice(before);
        batch.extend_from_slice(&self.prefix);
        push_number(batch, seq);
        batch.extend_from_slice(after);
    }
}

/// The key of the facts of a session in its only line.
const ONCE: &[u8] = b",\"once\":";

/// The maximal size of the facts of a session in its only line: more than versions usually take.
const FACTS_BYTES_MAX: usize = 2048;

/// The maximal number of bytes that session and number add to a line.
const NUMBER_BYTES_MAX: usize = 80;

/// The number of bytes that `latest` adds to the facts.
const LATEST_BYTES: usize = 40;

/// The maximal number of bytes of one `write`: it takes some 50 µs, for which other processes wait.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// The size of a buffer that is kept for reuse.
const BUFFER_KEPT_BYTES: usize = CHUNK_BYTES;
