//! What one application recorded, in the order of its lines: sessions with their numbers, and
//! segments. The applications decide what is recorded and when; `data` writes the files.

use serde_json::{Map, Value, json};

use super::data::{ApplicationData, QuestionRecord, timestamp};

/// A random number generator that gives the same numbers for the same seed (splitmix64).
pub(super) struct SeededRandom(u64);

impl SeededRandom {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number of at least `least` and below `limit`.
    pub(super) fn between(&mut self, least: i64, limit: i64) -> i64 {
        least + i64::try_from(self.next() % (limit - least).unsigned_abs()).unwrap()
    }

    pub(super) fn has_chance(&mut self, percent: i64) -> bool {
        self.between(0, 100) < percent
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.next() % choices.len() as u64).unwrap()]
    }

    /// Returns a number of milliseconds near that one, and now and then one that is far above.
    pub(super) fn milliseconds_near(&mut self, usual: i64) -> i64 {
        let spread = usual + self.between(0, usual);
        let is_slow = self.has_chance(4);
        let factor = if is_slow { self.between(4, 12) } else { 1 };
        spread * factor / 2
    }

    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        uuid(high, 4, low)
    }
}

/// Returns a UUID of that version; the bits of version and variant are replaced.
fn uuid(high: u64, version: u64, low: u64) -> String {
    let (time, middle) = (high >> 32, (high >> 16) & 0xffff);
    let (third, fourth) = (high & 0xfff, 0x8000 | (low >> 48) & 0x3fff);
    let last = low & 0xffff_ffff_ffff;
    format!("{time:08x}-{middle:04x}-{version:x}{third:03x}-{fourth:04x}-{last:012x}")
}

/// The records of an application while they are generated. Times are microseconds since 1970.
pub(super) struct ApplicationLog {
    name: &'static str,
    installation: String,
    pub(super) random: SeededRandom,
    segments: Vec<Vec<QuestionRecord>>,
    session: Option<RunningSession>,
    /// Records of the session that are not in a segment yet, with their times: what an application
    /// does at the same time is recorded in the order of its times.
    pending: Vec<(i64, Map<String, Value>)>,
}

struct RunningSession {
    id: String,
    version: Option<&'static str>,
    pid: i64,
    /// The number of the next record.
    seq: u64,
    recorded: u64,
    dropped: u64,
    /// The number of segments when the last `session` record was written.
    announced: usize,
}

impl ApplicationLog {
    pub(super) fn new(name: &'static str, seed: u64) -> Self {
        let mut random = SeededRandom(seed);
        Self {
            name,
            installation: random.uuid(),
            random,
            segments: vec![Vec::new()],
            session: None,
            pending: Vec::new(),
        }
    }

    /// Begins a session. Without an [end](Self::end), the one before was killed.
    pub(super) fn begin(&mut self, time: i64, version: Option<&'static str>) {
        self.write_pending();
        let milliseconds = (time / 1000).unsigned_abs();
        let high = (milliseconds << 16) | self.random.next() & 0xfff;
        self.session = Some(RunningSession {
            id: uuid(high, 7, self.random.next()),
            version,
            pid: self.random.between(1000, 60_000),
            seq: 0,
            recorded: 0,
            dropped: 0,
            announced: 0,
        });
        self.announce(time);
    }

    /// Begins a new segment.
    pub(super) fn rotate(&mut self) {
        self.write_pending();
        self.segments.push(Vec::new());
    }

    /// Adds a record with the level, the target, the event, the message, the properties and the
    /// spans of `values`, which may leave out those that are optional.
    pub(super) fn record(&mut self, time: i64, values: Value) {
        let Value::Object(values) = values else {
            panic!("{values}");
        };
        self.pending.push((time, values));
    }

    fn write_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by_key(|(time, _)| *time);
        for (time, values) in pending {
            self.announce(time);
            let is_dropped = values["target"] == OWN && values["event"] == "dropped";
            self.session.as_mut().unwrap().recorded += u64::from(!is_dropped);
            self.push(time, values);
        }
    }

    pub(super) fn drop_events(&mut self, time: i64, count: u64) {
        self.session.as_mut().unwrap().dropped += count;
        let reason = "the buffer in memory was full";
        self.record(
            time,
            json!({ "level": "WARN", "target": OWN, "event": "dropped",
                "properties": { "count": count, "reason": reason } }),
        );
    }

    pub(super) fn end(&mut self, time: i64) {
        self.write_pending();
        self.announce(time);
        let session = self.session.as_ref().unwrap();
        let properties = json!({ "recorded": session.recorded, "dropped": session.dropped,
            "refused": 0, "failed": 0 });
        self.push_own(time, "session.end", &properties);
        self.session = None;
    }

    pub(super) fn finish(mut self) -> ApplicationData {
        self.write_pending();
        ApplicationData {
            name: self.name,
            installation: self.installation,
            segments: self.segments,
        }
    }

    /// Adds a `session` record if the segment has none of this session.
    fn announce(&mut self, time: i64) {
        let count = self.segments.len();
        let latest = self.latest();
        let session = self.session.as_mut().unwrap();
        if std::mem::replace(&mut session.announced, count) == count {
            return;
        }
        let mut properties = Map::new();
        properties.insert("installation".to_owned(), json!(self.installation));
        properties.insert("format".to_owned(), json!(1));
        if let Some(version) = session.version {
            properties.insert("version".to_owned(), json!(version));
        }
        for (key, value) in [
            ("localtel", json!("0.1.0")),
            ("pid", json!(session.pid)),
            ("os", json!("linux")),
            ("arch", json!("x86_64")),
            ("resumed", json!(session.seq > 0)),
        ] {
            properties.insert(key.to_owned(), value);
        }
        if let Some(latest) = latest {
            properties.insert("latest".to_owned(), json!(timestamp(latest)));
        }
        self.push_own(time, "session", &properties.into());
    }

    /// Returns the latest time in the segment, or in the one before it if it is empty.
    fn latest(&self) -> Option<i64> {
        let mut segments = self.segments.iter().rev();
        let segment = segments.find(|segment| !segment.is_empty())?;
        segment.iter().map(|record| record.micros).max()
    }

    fn push_own(&mut self, time: i64, event: &str, properties: &Value) {
        let values =
            json!({ "level": "INFO", "target": OWN, "event": event, "properties": properties });
        let Value::Object(values) = values else {
            return;
        };
        self.push(time, values);
    }

    fn push(&mut self, time: i64, mut values: Map<String, Value>) {
        let session = self.session.as_mut().unwrap();
        let mut line = Map::new();
        for key in KEYS {
            let value = match key {
                "timestamp" => Some(json!(timestamp(time))),
                "source" => Some(json!(self.name)),
                "session" => Some(json!(session.id)),
                "seq" => Some(json!(session.seq)),
                key => values.remove(key),
            };
            if let Some(value) = value {
                line.insert(key.to_owned(), value);
            }
        }
        assert!(values.is_empty(), "{values:?}");
        session.seq += 1;
        self.segments.last_mut().unwrap().push(QuestionRecord {
            micros: time,
            value: line.into(),
        });
    }
}

/// The target of the records that localtel writes.
const OWN: &str = "localtel";

/// The keys of a line, in their order.
const KEYS: [&str; 10] = [
    "timestamp",
    "level",
    "source",
    "target",
    "event",
    "message",
    "session",
    "seq",
    "properties",
    "spans",
];
