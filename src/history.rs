//! What one process remembers for the next: `history.json`, the application's version that recorded last,
//! and when the last report was recorded. It is replaced as a whole under the directory's lock, so that of
//! several processes that start at once exactly one has the news and exactly one reports. What is then
//! recorded is the caller's business, and so is whether anything may be.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::other_keys::OtherKeys;
use crate::record::{format_timestamp, parse_time};
use crate::store::disk::{Access, Directory, OpenError, ReadError};
use crate::store::lock::lock;
use crate::store::segment::FileName;

/// What is known of earlier processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// The application's version that recorded last, at most 256 bytes of it.
    pub(crate) version: Option<String>,
    /// When the last report was recorded, or claimed by whoever records it.
    pub(crate) reported: Option<OffsetDateTime>,
    /// What a newer version wrote, which stays.
    others: OtherKeys,
}

impl History {
    /// Reads what is known at that path, where there may be no directory at all. What cannot be understood
    /// is not known.
    pub(crate) fn read_at(path: &Path) -> Self {
        Kept::read_at(path).history()
    }
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// There is none: nobody recorded yet.
    Missing,
    /// It is as we write it.
    Known(History),
    /// It cannot be understood. It is replaced as soon as something is to be remembered.
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be read, or is no file: nobody knows what it holds, so it is left alone.
    Unreadable {
        /// What stands in the way.
        reason: String,
    },
    /// A newer version wrote it. It is never replaced.
    Newer {
        /// The format it is in.
        format: u32,
    },
}

/// The file as it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported: Option<String>,
}

/// The keys of the file.
const KEYS: [&str; 3] = ["format", "version", "reported"];

impl Written {
    fn history(self, others: OtherKeys) -> std::result::Result<History, String> {
        if let Some(version) = &self.version
            && version.len() > VERSION_BYTES_MAX
        {
            return Err(format!("its version has {} bytes", version.len()));
        }
        let reported = match self.reported {
            None => None,
            Some(text) => Some(
                parse_time(&text)
                    .map_err(|problem| format!("its time cannot be read: {problem}"))?,
            ),
        };
        Ok(History {
            version: self.version,
            reported,
            others,
        })
    }
}

/// All that is asked of a file before its format is known.
#[derive(Debug, Deserialize)]
struct Probe {
    format: u32,
}

impl Kept {
    /// Reads the file at that path, where there may be no directory at all.
    pub(crate) fn read_at(path: &Path) -> Self {
        match Directory::open(path, Access::Read) {
            Ok(directory) => Self::read(&directory),
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Unreadable {
                reason: error.to_string(),
            },
        }
    }

    fn read(directory: &Directory) -> Self {
        let name = FileName::History.to_string();
        match directory.read_small(&name, BYTES_MAX) {
            Ok(bytes) => Self::parse(&bytes),
            Err(ReadError::Missing) => Self::Missing,
            Err(error @ ReadError::TooLarge) => Self::Damaged {
                reason: format!("{name} is damaged: {error}"),
            },
            Err(error @ (ReadError::NotRegular | ReadError::Io(_))) => Self::Unreadable {
                reason: format!("{name} cannot be read: {error}"),
            },
        }
    }

    fn parse(bytes: &[u8]) -> Self {
        Self::try_parse(bytes).unwrap_or_else(|reason| {
            let mut reason = format!("{} is damaged: {reason}", FileName::History);
            // It may quote a value.
            reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
            Self::Damaged { reason }
        })
    }

    fn try_parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let no_json = |error: serde_json::Error| format!("it is not as we write it: {error}");
        // A list would be taken as well, its items for the fields in their order.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err("it is a list and no object".to_owned());
        }
        let Probe { format } = serde_json::from_slice(bytes).map_err(no_json)?;
        if format > FORMAT {
            return Ok(Self::Newer { format });
        }
        if format != FORMAT {
            return Err(format!("format {format} never existed"));
        }
        let written: Written = serde_json::from_slice(bytes).map_err(no_json)?;
        let others = OtherKeys::of(bytes, &KEYS).map_err(no_json)?;
        Ok(Self::Known(written.history(others)?))
    }

    /// Returns what is known by it.
    pub(crate) fn history(self) -> History {
        match self {
            Self::Known(history) => history,
            Self::Missing | Self::Damaged { .. } | Self::Unreadable { .. } | Self::Newer { .. } => {
                History::default()
            }
        }
    }

    /// Says what is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Missing | Self::Known(_) => None,
            Self::Damaged { reason } | Self::Unreadable { reason } => Some(reason.clone()),
            Self::Newer { format } => Some(format!(
                "{} is of format {format}, which only a newer localtel understands",
                FileName::History
            )),
        }
    }
}

/// Notes that this version of the application records, and returns the one that recorded before if it is
/// another. Of several processes of one version that start at once exactly one gets it. The first version of
/// all is no news, and neither is an application that does not tell its version. Where the same version
/// recorded before, nothing is written and no lock is taken.
///
/// Of versions longer than 256 bytes only these are compared and kept.
///
/// # Errors
///
/// Fails if the file cannot be read or written, if a newer version of localtel wrote it, or if the lock is
/// not free before the deadline. Then nobody has the news, or whoever asks next. Who could not record it
/// gives it back with [`give_back_version`].
pub(crate) fn note_version(
    directory: &Directory,
    version: &str,
    deadline: Instant,
) -> Result<Option<String>> {
    let version = version
        .get(..version.floor_char_boundary(VERSION_BYTES_MAX))
        .unwrap_or_default();
    let is_noted = |history: &History| history.version.as_deref() == Some(version);
    if version.is_empty() || is_noted(&Kept::read(directory).history()) {
        return Ok(None);
    }
    let locked = lock(directory, deadline)?;
    let mut history = history_to_keep(directory)?;
    if is_noted(&history) {
        return Ok(None);
    }
    let before = history.version.replace(version.to_owned());
    write(directory, &history)?;
    drop(locked);
    Ok(before)
}

/// Gives the news of a version back, because it could not be recorded: it is news again, for whoever asks
/// next. What somebody else noted meanwhile stays.
///
/// # Errors
///
/// Fails as [`note_version`] does; then nobody has the news.
pub(crate) fn give_back_version(
    directory: &Directory,
    version: &str,
    before: String,
    deadline: Instant,
) -> Result<()> {
    let version = version
        .get(..version.floor_char_boundary(VERSION_BYTES_MAX))
        .unwrap_or_default();
    let locked = lock(directory, deadline)?;
    let mut history = history_to_keep(directory)?;
    if history.version.as_deref() == Some(version) {
        history.version = Some(before);
        write(directory, &history)?;
    }
    drop(locked);
    Ok(())
}

/// Whether a report is the caller's to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is.
    Now(Claim),
    /// None is due before so long.
    In(Duration),
}

/// A report that is the caller's to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    /// When it was claimed.
    pub(crate) at: OffsetDateTime,
    /// When the report before was recorded, if there was one.
    pub(crate) before: Option<OffsetDateTime>,
}

impl Claim {
    /// Returns `true` if a time that was read is that of the claim.
    pub(crate) fn is_at(&self, reported: OffsetDateTime) -> bool {
        // As they are written, in microseconds.
        format_timestamp(reported) == format_timestamp(self.at)
    }
}

/// Claims the report that is due, or tells when one is: of several processes that ask at once it is for
/// exactly one. The claim stands before the report does, so a process that is killed between the two leaves
/// out one report, and never records one twice; who could not record it gives it back with
/// [`give_back_report`]. Where none is due, nothing is written and no lock is taken.
///
/// # Errors
///
/// Fails if the file cannot be read or written, if a newer version of localtel wrote it, or if the lock is
/// not free before the deadline. Then the report is nobody's, or whoever's asks next.
pub(crate) fn claim_report(
    directory: &Directory,
    every: Duration,
    now: OffsetDateTime,
    deadline: Instant,
) -> Result<Due> {
    let left = due_in(&Kept::read(directory).history(), every, now);
    if !left.is_zero() {
        return Ok(Due::In(left));
    }
    let locked = lock(directory, deadline)?;
    let mut history = history_to_keep(directory)?;
    let left = due_in(&history, every, now);
    if !left.is_zero() {
        return Ok(Due::In(left));
    }
    let before = history.reported.replace(now);
    write(directory, &history)?;
    drop(locked);
    Ok(Due::Now(Claim { at: now, before }))
}

/// Gives a claim back, because the report could not be recorded: it is due again, for whoever asks next. A
/// later claim of somebody else's stays.
///
/// # Errors
///
/// Fails as [`claim_report`] does; then the next report comes after the usual time.
pub(crate) fn give_back_report(
    directory: &Directory,
    claim: &Claim,
    deadline: Instant,
) -> Result<()> {
    let locked = lock(directory, deadline)?;
    let mut history = history_to_keep(directory)?;
    if history
        .reported
        .is_some_and(|reported| claim.is_at(reported))
    {
        history.reported = claim.before;
        write(directory, &history)?;
    }
    drop(locked);
    Ok(())
}

/// Notes that a report was recorded which nobody had to claim.
///
/// # Errors
///
/// Fails as [`claim_report`] does; then the next report comes earlier than it could.
pub(crate) fn note_report(
    directory: &Directory,
    now: OffsetDateTime,
    deadline: Instant,
) -> Result<()> {
    let locked = lock(directory, deadline)?;
    let mut history = history_to_keep(directory)?;
    history.reported = Some(now);
    write(directory, &history)?;
    drop(locked);
    Ok(())
}

/// Forgets everything: what is recorded from now on is another installation's.
///
/// INVARIANT: called only under the lock, so that nobody's change is lost.
///
/// # Errors
///
/// Fails if the file is there and cannot be removed, whoever wrote it.
pub(crate) fn forget(directory: &Directory) -> Result<()> {
    let name = FileName::History.to_string();
    match directory.remove(&name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", &directory.path().join(&name))(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Tells after how long a report is due: at once if none is known, or if the last one is as long ago as
/// reports are apart. One in the future comes from a clock that jumped; it counts as long as it is no further
/// ahead than reports are apart, so that nobody waits longer than twice that.
pub(crate) fn due_in(history: &History, every: Duration, now: OffsetDateTime) -> Duration {
    let Some(reported) = history.reported else {
        return Duration::ZERO;
    };
    let every = time::Duration::try_from(every).unwrap_or(time::Duration::MAX);
    let ago = now - reported;
    if ago >= every || ago < -every {
        return Duration::ZERO;
    }
    every.saturating_sub(ago).try_into().unwrap_or_default()
}

/// Returns the history, to be written again with a change.
fn history_to_keep(directory: &Directory) -> Result<History> {
    let kept = Kept::read(directory);
    match kept {
        Kept::Missing | Kept::Known(_) | Kept::Damaged { .. } => Ok(kept.history()),
        Kept::Unreadable { .. } | Kept::Newer { .. } => Err(ErrorKind::Format {
            path: directory.path().join(FileName::History.to_string()),
            reason: kept.problem().unwrap_or_default(),
        }
        .into()),
    }
}

/// INVARIANT: called only under the lock, so that nobody's change is lost.
fn write(directory: &Directory, history: &History) -> Result<()> {
    let written = Written {
        format: FORMAT,
        version: history.version.clone(),
        reported: history.reported.map(format_timestamp),
    };
    let name = FileName::History.to_string();
    let path = directory.path().join(&name);
    let bytes = history.others.write_with(&written, BYTES_MAX);
    let bytes = bytes.map_err(Error::io("write", &path))?;
    directory
        .replace(&name, &FileName::HistoryPartial.text(), &bytes)
        .map_err(Error::io("write", &path))
}

/// The format of the file that this version writes.
const FORMAT: u32 = 1;
/// Ours has at most some 1,700 bytes: a version of 256 control characters at 6 bytes each, and a time.
const BYTES_MAX: u64 = 64 * 1024;
/// Two or three lines of a terminal.
const REASON_BYTES_MAX: usize = 200;
/// Versions have some 10 bytes; with a commit and build metadata some 100.
const VERSION_BYTES_MAX: usize = 256;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests look at the files from outside"
)]
mod tests {
    use super::*;
    use std::fs;

    use crate::store::faults::Fault;

    const DAY: Duration = Duration::from_hours(24);

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_795_000_000).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    /// Asks for the report that is due, and tells whether it is the caller's.
    fn claims(
        directory: &Directory,
        every: Duration,
        now: OffsetDateTime,
        deadline: Instant,
    ) -> Result<bool> {
        let due = claim_report(directory, every, now, deadline)?;
        Ok(matches!(due, Due::Now(_)))
    }

    fn claim_at(at: OffsetDateTime) -> Claim {
        Claim { at, before: None }
    }

    fn open(path: &Path) -> Directory {
        Directory::open(path, Access::Write).unwrap()
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path.join("history.json")).unwrap()
    }

    fn plant(path: &Path, bytes: impl AsRef<[u8]>) {
        fs::write(path.join("history.json"), bytes).unwrap();
    }

    #[test]
    fn where_nothing_was_recorded_nothing_is_known_and_looking_makes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("myapp/telemetry");
        assert_eq!(History::read_at(&path), History::default());
        assert_eq!(Kept::read_at(&path), Kept::Missing);
        assert!(!home.path().join("myapp").exists());
    }

    #[test]
    fn another_version_is_news_and_the_first_one_and_the_same_one_are_not() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        let note = |version: &str| note_version(&directory, version, soon()).unwrap();
        assert_eq!(note(""), None);
        assert!(!home.path().join("history.json").exists());
        assert_eq!(note("1.2.0"), None);
        assert_eq!(text(home.path()), "{\"format\":1,\"version\":\"1.2.0\"}\n");
        assert_eq!(note("1.2.0"), None);
        assert_eq!(note("1.3.0"), Some("1.2.0".to_owned()));
        assert_eq!(note("1.3.0"), None);
        assert_eq!(note("1.2.0"), Some("1.3.0".to_owned()));
        assert_eq!(
            History::read_at(home.path()).version.as_deref(),
            Some("1.2.0")
        );
    }

    #[test]
    fn the_same_version_again_writes_nothing_and_takes_no_lock() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        note_version(&directory, "1.2.0", soon()).unwrap();
        assert!(claims(&directory, DAY, now(), soon()).unwrap());
        let locked = lock(&directory, soon()).unwrap();
        let before = text(home.path());
        assert_eq!(
            note_version(&directory, "1.2.0", Instant::now()).unwrap(),
            None
        );
        assert!(!claims(&directory, DAY, now(), Instant::now()).unwrap());
        assert_eq!(text(home.path()), before);
        assert!(note_version(&directory, "1.3.0", Instant::now()).is_err());
        drop(locked);
    }

    #[test]
    fn versions_are_kept_and_compared_up_to_256_bytes() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        let long = "ä".repeat(5_000_000);
        assert_eq!(note_version(&directory, &long, soon()).unwrap(), None);
        assert_eq!(note_version(&directory, &long, soon()).unwrap(), None);
        let version = History::read_at(home.path()).version.unwrap();
        assert_eq!(version, "ä".repeat(128));
        let hostile = "\u{1b}[2J\"\\\n\0".repeat(100);
        assert!(
            note_version(&directory, &hostile, soon())
                .unwrap()
                .is_some()
        );
        assert_eq!(note_version(&directory, &hostile, soon()).unwrap(), None);
    }

    #[test]
    fn a_report_is_claimed_once_in_its_time_and_the_version_stays() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        note_version(&directory, "1.2.0", soon()).unwrap();
        let claim = |now| claims(&directory, DAY, now, soon()).unwrap();
        assert!(claim(now()));
        assert!(!claim(now() + time::Duration::hours(23)));
        assert!(claim(now() + time::Duration::hours(24)));
        assert_eq!(
            text(home.path()),
            format!(
                "{{\"format\":1,\"version\":\"1.2.0\",\"reported\":\"{}\"}}\n",
                format_timestamp(now() + time::Duration::DAY)
            )
        );
    }

    #[test]
    fn a_report_given_back_is_due_again_unless_somebody_claimed_a_later_one() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        let fine = now() + time::Duration::nanoseconds(123_456_789);
        assert!(claims(&directory, DAY, fine, soon()).unwrap());
        give_back_report(&directory, &claim_at(fine), soon()).unwrap();
        assert!(claims(&directory, DAY, fine, soon()).unwrap());
        give_back_report(&directory, &claim_at(now()), soon()).unwrap();
        assert!(!claims(&directory, DAY, fine, soon()).unwrap());
    }

    #[test]
    fn a_report_given_back_leaves_the_one_before_as_the_last() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        note_report(&directory, now(), soon()).unwrap();
        let later = now() + DAY;
        let due = claim_report(&directory, DAY, later, soon()).unwrap();
        let claim = Claim {
            at: later,
            before: Some(now()),
        };
        assert_eq!(due, Due::Now(claim));
        assert_eq!(History::read_at(home.path()).reported, Some(later));
        give_back_report(&directory, &claim, soon()).unwrap();
        assert_eq!(History::read_at(home.path()).reported, Some(now()));
    }

    #[test]
    fn a_clock_that_jumped_stops_reports_for_no_longer_than_their_distance() {
        let hours = time::Duration::hours;
        let table = [
            (hours(0), DAY, false),
            (hours(23), DAY, false),
            (hours(24), DAY, true),
            (hours(24 * 40_000), DAY, true),
            (hours(-1), DAY, false),
            (hours(-24), DAY, false),
            (hours(-25), DAY, true),
            (hours(-24 * 40_000), DAY, true),
            (hours(0), Duration::ZERO, true),
            (hours(-1), Duration::ZERO, true),
            (hours(24 * 40_000), Duration::MAX, false),
            (hours(-24 * 40_000), Duration::MAX, false),
        ];
        let history = History {
            reported: Some(now()),
            ..History::default()
        };
        for (moved, every, is_due) in table {
            let found = due_in(&history, every, now() + moved).is_zero();
            assert_eq!(found, is_due, "{moved}, every {every:?}");
        }
        assert!(due_in(&History::default(), Duration::MAX, now()).is_zero());
        let hour = now() + hours(1);
        assert_eq!(due_in(&history, DAY, hour), Duration::from_hours(23));
    }

    #[test]
    fn of_eight_that_start_at_once_exactly_one_has_the_news_and_exactly_one_reports() {
        let home = tempfile::tempdir().unwrap();
        note_version(&open(home.path()), "1.2.0", soon()).unwrap();
        for round in 0..20_i64 {
            let at = now() + time::Duration::days(round);
            let version = format!("2.0.{round}");
            let start = std::sync::Barrier::new(8);
            // A directory opened by each, as by processes: locks are held by open files.
            let one = || {
                let directory = open(home.path());
                start.wait();
                let news = note_version(&directory, &version, soon()).unwrap();
                (news, claims(&directory, DAY, at, soon()).unwrap())
            };
            let got: Vec<_> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(got.iter().filter(|(news, _)| news.is_some()).count(), 1);
            assert_eq!(got.iter().filter(|(_, is_mine)| *is_mine).count(), 1);
        }
    }

    #[test]
    fn what_is_not_as_we_write_it_is_damaged_and_replaced_when_there_is_something_to_remember() {
        let deep = format!(
            "{{\"format\":1,\"version\":{}{}}}",
            "[".repeat(20_000),
            "]".repeat(20_000)
        );
        let damaged: [Vec<u8>; 14] = [
            Vec::new(),
            b"null".to_vec(),
            b"{}".to_vec(),
            b"[1,\"1.2.0\"]".to_vec(),
            b"{\"format\":0}".to_vec(),
            b"{\"format\":\"1\"}".to_vec(),
            b"{\"format\":1,\"version\":7}".to_vec(),
            b"{\"format\":1,\"reported\":\"yesterday\"}".to_vec(),
            b"{\"format\":1,\"version\":\"1\",\"version\":\"2\"}".to_vec(),
            b"{\"format\":1,\"version\":\"\xff\"}".to_vec(),
            format!("{{\"format\":1,\"version\":\"{}\"}}", "1".repeat(257)).into_bytes(),
            deep.into_bytes(),
            format!("{{\"format\":\"{}\"}}", "ä".repeat(20_000)).into_bytes(),
            vec![b' '; 10_000_000],
        ];
        for bytes in damaged {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(50)]).into_owned();
            let home = tempfile::tempdir().unwrap();
            plant(home.path(), &bytes);
            let kept = Kept::read_at(home.path());
            assert!(matches!(kept, Kept::Damaged { .. }), "{shown}: {kept:?}");
            let problem = kept.problem().unwrap();
            assert!(problem.starts_with("history.json is damaged: "));
            assert!(problem.len() <= REASON_BYTES_MAX, "{problem}");
            assert_eq!(kept.history(), History::default());
            let directory = open(home.path());
            assert_eq!(note_version(&directory, "1.2.0", soon()).unwrap(), None);
            assert!(claims(&directory, DAY, now(), soon()).unwrap());
            assert_eq!(Kept::read_at(home.path()).problem(), None, "{shown}");
        }
    }

    #[test]
    fn keys_of_a_newer_version_stay_whatever_is_noted() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        let later = "\"later\":{\"a\": [1, 2.50]},\"yet\":123456789012345678901234567890";
        plant(
            home.path(),
            format!("{{{later},\"version\":\"1.2.0\",\"format\":1}}"),
        );
        let keeps = |what: &str| {
            let text = text(home.path());
            assert!(text.contains(later), "{what}: {text}");
        };
        note_version(&directory, "1.3.0", soon()).unwrap();
        keeps("a version");
        give_back_version(&directory, "1.3.0", "1.2.0".to_owned(), soon()).unwrap();
        keeps("a version given back");
        let Due::Now(claim) = claim_report(&directory, DAY, now(), soon()).unwrap() else {
            panic!("none is due");
        };
        keeps("a claim");
        give_back_report(&directory, &claim, soon()).unwrap();
        keeps("a claim given back");
        note_report(&directory, now(), soon()).unwrap();
        keeps("a report");
        assert_eq!(
            History::read_at(home.path()).version.as_deref(),
            Some("1.2.0")
        );
        forget(&directory).unwrap();
        note_report(&directory, now(), soon()).unwrap();
        assert!(!text(home.path()).contains("later"), "it was forgotten");
    }

    #[test]
    fn keys_of_a_newer_version_give_way_where_there_is_no_room() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        let long = "x".repeat(64 * 1024 - 40);
        plant(
            home.path(),
            format!("{{\"format\":1,\"later\":\"{long}\"}}"),
        );
        assert_eq!(Kept::read_at(home.path()).problem(), None);
        note_version(&directory, &"1".repeat(200), soon()).unwrap();
        assert_eq!(Kept::read_at(home.path()).problem(), None);
        assert!(History::read_at(home.path()).version.is_some());
    }

    #[test]
    fn a_file_of_a_newer_version_is_never_replaced() {
        let home = tempfile::tempdir().unwrap();
        let newer = "{\"format\":2,\"versions\":[\"1.2.0\"]}";
        plant(home.path(), newer);
        let directory = open(home.path());
        assert_eq!(History::read_at(home.path()), History::default());
        assert!(note_version(&directory, "1.2.0", soon()).is_err());
        assert!(claims(&directory, DAY, now(), soon()).is_err());
        assert!(give_back_report(&directory, &claim_at(now()), soon()).is_err());
        assert_eq!(text(home.path()), newer);
    }

    #[test]
    fn what_is_no_plain_file_is_neither_followed_nor_waited_for_nor_replaced() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("history.json");
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("target");
        fs::write(&target, "{\"format\":1,\"version\":\"9.9.9\"}").unwrap();
        let kinds: [(&str, &dyn Fn()); 3] = [
            ("symlink", &|| {
                std::os::unix::fs::symlink(&target, &place).unwrap();
            }),
            ("pipe", &|| {
                let mut mkfifo = std::process::Command::new("mkfifo");
                assert!(mkfifo.arg(&place).status().unwrap().success());
            }),
            ("directory", &|| fs::create_dir(&place).unwrap()),
        ];
        for (kind, make) in kinds {
            make();
            let kept = Kept::read_at(home.path());
            assert!(matches!(kept, Kept::Unreadable { .. }), "{kind}: {kept:?}");
            let directory = open(home.path());
            assert!(note_version(&directory, "1.2.0", soon()).is_err(), "{kind}");
            assert!(claims(&directory, DAY, now(), soon()).is_err(), "{kind}");
            match kind {
                "directory" => fs::remove_dir(&place).unwrap(),
                _ => fs::remove_file(&place).unwrap(),
            }
        }
    }

    #[test]
    fn whatever_operation_fails_the_history_is_the_old_or_the_new_and_no_claim_is_doubled() {
        for nth in 0.. {
            let home = tempfile::tempdir().unwrap();
            let directory = open(home.path());
            note_version(&directory, "1.2.0", soon()).unwrap();
            directory.faults.plan(nth, Fault::Once(28));
            let news = note_version(&directory, "1.3.0", soon());
            let is_mine = claims(&directory, DAY, now(), soon());
            let operations = directory.faults.lift();
            assert_eq!(Kept::read_at(home.path()).problem(), None);
            let again = note_version(&directory, "1.3.0", soon()).unwrap();
            let told = [news.ok().flatten(), again];
            assert!(told.iter().flatten().count() <= 1, "{nth}: {told:?}");
            let is_mine_again = claims(&directory, DAY, now(), soon()).unwrap();
            assert!(!(is_mine_again && is_mine.is_ok_and(|is| is)), "{nth}");
            if operations <= nth {
                assert!(nth > 10, "{nth} operations are too few");
                break;
            }
        }
    }

    #[test]
    fn a_write_that_fails_leaves_what_was_there() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        note_version(&directory, "1.2.0", soon()).unwrap();
        let before = text(home.path());
        directory.faults.plan(0, Fault::Named("replace", 28));
        assert!(note_version(&directory, "1.3.0", soon()).is_err());
        assert!(claims(&directory, DAY, now(), soon()).is_err());
        assert_eq!(text(home.path()), before);
    }
}
