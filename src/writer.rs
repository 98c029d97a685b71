//! The writer: numbers staged lines and hands them to the store, batch by batch. It is a session: it has
//! the session's id, its next sequence number, and knows in which segment the session has announced
//! itself. Who has the turn to use it is `recorder`'s business.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

use crate::clock;
use crate::encode::{FrameHeader, LineLimits, Loose, Own, encode_loose};
use crate::error::{Error, Result};
use crate::record::{Level, Properties};
use crate::recorder::{Counts, Durability, Settings};
use crate::store::{Appended, Place, Store};

/// Numbers lines and writes them.
#[derive(Debug)]
pub(crate) struct Writer {
    settings: Arc<Settings>,
    store: Store,
    session: Session,
    /// Frames taken from staging; those before the cursor are written.
    frames: Vec<u8>,
    cursor: usize,
    batch: Vec<u8>,
}

/// One process recording.
#[derive(Debug)]
struct Session {
    id: Uuid,
    /// `,"session":"…","seq":`, the same for every line.
    prefix: Vec<u8>,
    seq_next: u64,
    /// The segment whose lines begin, for this session, with a session record.
    announced: Option<Place>,
}

/// What came of a batch.
#[derive(Debug)]
pub(crate) struct Settled {
    /// How many frames are in the segment.
    pub(crate) frames: u64,
    /// Why the others are not.
    pub(crate) failure: Option<Error>,
}

/// Whether a batch begins with the session's announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    Lines,
    Session,
}

impl Writer {
    /// Returns a writer with a new session. Nothing is touched before the first batch.
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let store = Store::new(&settings.path, settings.limits.clone());
        let store = match settings.durability {
            Durability::Os => store,
            Durability::Interval(_) | Durability::EveryBatch => store.syncing_all(),
        };
        let session = Session::new();
        Self {
            settings,
            store,
            session,
            frames: Vec::new(),
            cursor: 0,
            batch: Vec::new(),
        }
    }

    /// Tells whether all taken frames are written.
    pub(crate) fn is_empty(&self) -> bool {
        self.cursor >= self.frames.len()
    }

    /// Returns the bytes of the frames that are not written yet.
    pub(crate) fn bytes_left(&self) -> usize {
        self.frames.len().saturating_sub(self.cursor)
    }

    /// Returns the frames that are not written yet.
    pub(crate) fn frames_left(&self) -> &[u8] {
        self.frames.get(self.cursor..).unwrap_or_default()
    }

    /// Takes staged frames over and leaves an empty buffer behind. Both buffers are used again, but do
    /// not keep what a burst made of them.
    pub(crate) fn take(&mut self, staged: &mut Vec<u8>) {
        self.forget();
        std::mem::swap(&mut self.frames, staged);
    }

    /// Forgets the frames that are not written yet.
    pub(crate) fn forget(&mut self) {
        self.frames.clear();
        self.frames.shrink_to(BUFFER_KEPT_BYTES);
        self.cursor = 0;
    }

    /// Writes the next batch of taken frames.
    pub(crate) fn write_batch(&mut self, now: OffsetDateTime, deadline: Instant) -> Settled {
        let failed = |error| Settled {
            frames: 0,
            failure: Some(error),
        };
        // Most batches go where the last one went: they are numbered before the lock is taken.
        let mut opening = if self.session.announced.is_some() {
            Opening::Lines
        } else {
            Opening::Session
        };
        let mut taken = self.render(opening, now);
        let turn = match self.store.begin(self.batch.len(), now, deadline) {
            Ok(turn) => turn,
            Err(error) => return failed(error),
        };
        let place = turn.place();
        if opening == Opening::Lines && place != self.session.announced {
            opening = Opening::Session;
            let frames = self.frames.get(self.cursor..).unwrap_or_default();
            taken = render(
                &self.settings,
                &self.session,
                opening,
                now,
                frames,
                &mut self.batch,
            );
        }
        let (bytes, failure) = match turn.append(&self.batch) {
            Appended::All => (self.batch.len(), None),
            Appended::Part { bytes, error } => (bytes, Some(error)),
        };
        let frames = self.settle(opening, place, bytes, taken);
        let failure = failure.or_else(|| match self.settings.durability {
            Durability::EveryBatch => self.store.sync().err(),
            Durability::Os | Durability::Interval(_) => None,
        });
        Settled { frames, failure }
    }

    /// Makes what is written survive a power cut.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.store.sync()
    }

    fn render(&mut self, opening: Opening, now: OffsetDateTime) -> usize {
        let frames = self.frames.get(self.cursor..).unwrap_or_default();
        render(
            &self.settings,
            &self.session,
            opening,
            now,
            frames,
            &mut self.batch,
        )
    }

    /// Moves cursor and number past what got into the segment, and returns how many frames that is.
    fn settle(
        &mut self,
        opening: Opening,
        place: Option<Place>,
        bytes: usize,
        taken: usize,
    ) -> u64 {
        let written = self.batch.get(..bytes).unwrap_or_default();
        let lines = if bytes == self.batch.len() {
            taken + usize::from(opening == Opening::Session)
        } else {
            written.iter().filter(|byte| **byte == b'\n').count()
        };
        self.session.seq_next += lines as u64;
        let frames = match opening {
            Opening::Lines => lines,
            Opening::Session => {
                if lines > 0 {
                    self.session.announced = place;
                }
                lines.saturating_sub(1)
            }
        };
        for _ in 0..frames {
            if let Some((header, _, _)) = FrameHeader::split_first(self.frames_left()) {
                self.cursor += FrameHeader::BYTES + header.line_bytes;
            }
        }
        if self.is_empty() {
            self.forget();
        }
        self.batch.clear();
        self.batch.shrink_to(BATCH_BYTES_MAX);
        frames as u64
    }

    /// Encodes the record that ends a session.
    pub(crate) fn encode_end(settings: &Settings, counts: Counts, out: &mut Vec<u8>) {
        let properties = [
            ("recorded", counts.recorded),
            ("dropped", counts.dropped),
            ("refused", counts.refused),
            ("failed", counts.failed),
        ];
        let properties = properties.into_iter().collect();
        encode_own(
            settings,
            Level::Info,
            "session.end",
            &properties,
            clock::now(),
            out,
        );
    }

    /// Encodes the record that says how many events were dropped.
    pub(crate) fn encode_dropped(settings: &Settings, count: u64, reason: &str, out: &mut Vec<u8>) {
        let mut properties = Properties::default();
        properties.set("count", count);
        properties.set("reason", reason);
        encode_own(
            settings,
            Level::Warn,
            "dropped",
            &properties,
            clock::now(),
            out,
        );
    }
}

impl Session {
    fn new() -> Self {
        let micros = clock::micros_since_epoch();
        let seconds = u64::try_from(micros.div_euclid(1_000_000)).unwrap_or(0);
        let nanos = u32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0);
        // Without the counter that `now_v7` shares between threads: its lock may be held across a fork.
        let id = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, nanos));
        let prefix = format!(",\"session\":\"{id}\",\"seq\":").into_bytes();
        Self {
            id,
            prefix,
            seq_next: 0,
            announced: None,
        }
    }
}

/// Numbers as many whole frames as fit into one batch, and returns how many that are.
fn render(
    settings: &Settings,
    session: &Session,
    opening: Opening,
    now: OffsetDateTime,
    mut frames: &[u8],
    batch: &mut Vec<u8>,
) -> usize {
    batch.clear();
    let mut seq = session.seq_next;
    if opening == Opening::Session {
        let mut frame = Vec::new();
        encode_session(settings, session, now, &mut frame);
        if let Some((header, line, _)) = FrameHeader::split_first(&frame) {
            push_numbered(batch, header, line, session, seq);
            seq += 1;
        }
    }
    let bytes_max = BATCH_BYTES_MAX
        .min(usize::try_from(settings.limits.segment_bytes_max / 2).unwrap_or(usize::MAX));
    let mut taken = 0;
    while let Some((header, line, rest)) = FrameHeader::split_first(frames) {
        if taken > 0 && batch.len() + line.len() > bytes_max {
            break;
        }
        push_numbered(batch, header, line, session, seq);
        seq += 1;
        taken += 1;
        frames = rest;
    }
    taken
}

fn push_numbered(
    batch: &mut Vec<u8>,
    header: FrameHeader,
    line: &[u8],
    session: &Session,
    seq: u64,
) {
    let Some((before, after)) = line.split_at_checked(header.number_at) else {
        return;
    };
    batch.extend_from_slice(before);
    batch.extend_from_slice(&session.prefix);
    // Writing to a vector does not fail.
    drop(write!(batch, "{seq}"));
    batch.extend_from_slice(after);
}

/// Encodes the record with which a session begins its lines in a segment.
fn encode_session(settings: &Settings, session: &Session, now: OffsetDateTime, out: &mut Vec<u8>) {
    let mut properties = Properties::default();
    if let Some(installation) = settings.installation {
        properties.set("installation", installation.to_string());
    }
    properties.set("format", FORMAT);
    if let Some(version) = &settings.version {
        properties.set("version", version.as_str());
    }
    properties.set("localtel", env!("CARGO_PKG_VERSION"));
    properties.set("pid", std::process::id());
    properties.set("os", std::env::consts::OS);
    properties.set("arch", std::env::consts::ARCH);
    properties.set("resumed", session.announced.is_some());
    encode_own(settings, Level::Info, "session", &properties, now, out);
}

fn encode_own(
    settings: &Settings,
    level: Level,
    event: &str,
    properties: &Properties,
    now: OffsetDateTime,
    out: &mut Vec<u8>,
) {
    let loose = Loose {
        level,
        source: &settings.source,
        target: crate::record::OWN_TARGET,
        event: Some(event),
        message: None,
        properties,
    };
    encode_loose(
        out,
        LineLimits::from(&settings.limits),
        now,
        Own::Localtel,
        loose,
    );
}

/// The number of the on-disk format that the store documents.
const FORMAT: u64 = 1;

/// How many bytes one `write` takes: it lasts some 50 µs, which is how long other processes wait.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// How much of a buffer is kept for the next time.
const BUFFER_KEPT_BYTES: usize = 512 * 1024;
