//! Facts for the next process: `history.json` contains the version of the application that recorded
//! last, the number of reports, and the time of the last one. It is replaced as a whole under the
//! directory's lock, so that of several processes that start at once exactly one records the change
//! of version and exactly one reports. The caller records them, and decides whether anything may be
//! recorded and when a report is due.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::error::Result;
use crate::random;
use crate::record::{format_timestamp, parse_time};
use crate::store::disk::Directory;
use crate::store::document::{Content, Document, OtherKeys, update};
use crate::store::segment::FileName;

/// The facts on earlier processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// The application's version that recorded last, at most 256 bytes of it.
    pub version: Option<String>,
    /// The time of the last report, or of the claim of a report in progress.
    pub reported: Option<OffsetDateTime>,
    /// Number of reports that were recorded or claimed.
    pub(crate) reports: u64,
    /// The random part of the wait for the next report, as a share of the longest: 65,535 is all of
    /// it.
    pub(crate) jitter: u16,
    /// The keys of a newer version, which are kept.
    pub(crate) others: OtherKeys,
}

impl History {
    /// Reads the history in the directory at that path, which may be missing. An invalid file
    /// counts as no history.
    pub(crate) fn read_at(path: &Path) -> Self {
        StoredHistory::read_at(path).or_nothing()
    }

    fn read_in(directory: &Directory) -> Self {
        StoredHistory::read_file(directory, FILE).or_nothing()
    }

    /// Notes a report, and returns the time of the one before.
    fn note_report(&mut self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        self.reports = self.reports.saturating_add(1);
        // On a system without random bytes, reports have no jitter.
        self.jitter = random::bytes().map(u16::from_ne_bytes).unwrap_or_default();
        self.reported.replace(now)
    }
}

/// The state of the file. A damaged one is replaced at the next write.
pub(crate) type StoredHistory = Document<History>;

impl StoredHistory {
    /// Reads the file in the directory at that path, which may be missing.
    pub(crate) fn read_at(path: &Path) -> Self {
        Self::read_file_at(path, FILE)
    }

    fn or_nothing(self) -> History {
        self.known().cloned().unwrap_or_default()
    }
}

/// The keys of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WrittenHistory {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reported: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    reports: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    jitter: u16,
}

/// Returns `true` for a value that is not written.
fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

impl Content for History {
    type Written = WrittenHistory;
    const KEYS: &'static [&'static str] = &["format", "version", "reported", "reports", "jitter"];
    /// A file that localtel writes has at most some 1,700 bytes: a version of 256 control
    /// characters at 6 bytes each, a time and two numbers.
    const BYTES_MAX: u64 = 64 * 1024;
    const CONSEQUENCE: &'static str = "";

    fn read(written: WrittenHistory, others: OtherKeys) -> std::result::Result<Self, String> {
        if let Some(version) = &written.version
            && version.len() > VERSION_BYTES_MAX
        {
            return Err(format!("its version has {} bytes", version.len()));
        }
        let time = |text: String| {
            parse_time(&text).map_err(|problem| format!("its time is not valid: {problem}"))
        };
        Ok(Self {
            version: written.version,
            reported: written.reported.map(time).transpose()?,
            reports: written.reports,
            jitter: written.jitter,
            others,
        })
    }

    fn write(&self) -> (WrittenHistory, &OtherKeys) {
        let written = WrittenHistory {
            version: self.version.clone(),
            reported: self.reported.map(format_timestamp),
            reports: self.reports,
            jitter: self.jitter,
        };
        (written, &self.others)
    }

    fn irregular(reason: String) -> StoredHistory {
        // Whatever was put there is kept.
        StoredHistory::Unreadable { reason }
    }

    fn changeable(kept: StoredHistory) -> Option<Self> {
        match kept {
            StoredHistory::Known(history) => Some(history),
            StoredHistory::Missing
            | StoredHistory::Empty { .. }
            | StoredHistory::Damaged { .. } => Some(Self::default()),
            StoredHistory::Unreadable { .. } | StoredHistory::Newer { .. } => None,
        }
    }
}

/// Notes that this version of the application records, and returns the version that recorded before
/// if it differs. Of several processes of one version that start at once exactly one gets it. The
/// first version of all is not a change, and an application without a version has none. If the same
/// version recorded before, nothing is written and no lock is taken.
///
/// # Errors
///
/// Returns an error if the file cannot be read or written, if a newer version of localtel wrote it,
/// or if the lock is not free before the deadline. Then no process gets the change, or the next one
/// does. A process that could not record it returns it with [`give_back_version`].
pub(crate) fn note_version(
    directory: &Directory,
    version: &str,
    deadline: Instant,
) -> Result<Option<String>> {
    let version = bounded(version);
    let is_noted = |history: &History| history.version.as_deref() == Some(version);
    if version.is_empty() || is_noted(&History::read_in(directory)) {
        return Ok(None);
    }
    update(directory, FILE, deadline, |history: &mut History| {
        let before = history.version.replace(version.to_owned());
        before.filter(|before| before != version)
    })
}

/// Returns a change of version that could not be recorded, for the next process. A value that
/// another process wrote meanwhile is kept.
///
/// # Errors
///
/// Returns an error as [`note_version`] does; then the change is lost.
pub(crate) fn give_back_version(
    directory: &Directory,
    version: &str,
    before: String,
    deadline: Instant,
) -> Result<()> {
    let version = bounded(version);
    update(directory, FILE, deadline, |history: &mut History| {
        if history.version.as_deref() == Some(version) {
            history.version = Some(before);
        }
    })
}

/// Returns the part of a version that is compared and stored.
fn bounded(version: &str) -> &str {
    let end = version.floor_char_boundary(VERSION_BYTES_MAX);
    version.get(..end).unwrap_or_default()
}

/// Whether the caller is to record a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// A report is due, and claimed.
    Now(ReportClaim),
    /// None is due before this time has passed.
    In(Duration),
}

/// A report that the caller has claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReportClaim {
    /// The time of the claim.
    pub(crate) at: OffsetDateTime,
    /// The time of the previous report, if there was one.
    pub(crate) before: Option<OffsetDateTime>,
}

impl ReportClaim {
    /// Returns `true` if a stored time is that of the claim.
    pub(crate) fn is_at(&self, reported: OffsetDateTime) -> bool {
        // Compared as written, in microseconds.
        format_timestamp(reported) == format_timestamp(self.at)
    }
}

/// Claims the report that is due, or returns the time until one is: of several processes that call
/// it at once exactly one gets the claim. `due_in` returns the time until one is due. The claim is
/// written before the report, so a process that is killed between the two omits one report, and
/// never records one twice; a process that could not record it returns the claim with
/// [`give_back_report`]. If none is due, nothing is written and no lock is taken.
///
/// # Errors
///
/// Returns an error if the file cannot be read or written, if a newer version of localtel wrote it,
/// or if the lock is not free before the deadline. Then no process has the claim, or the next one
/// gets it.
pub(crate) fn claim_report(
    directory: &Directory,
    due_in: impl Fn(&History, OffsetDateTime) -> Duration,
    now: OffsetDateTime,
    deadline: Instant,
) -> Result<Due> {
    let left = due_in(&History::read_in(directory), now);
    if !left.is_zero() {
        return Ok(Due::In(left));
    }
    update(directory, FILE, deadline, |history: &mut History| {
        let left = due_in(history, now);
        if left.is_zero() {
            let before = history.note_report(now);
            Due::Now(ReportClaim { at: now, before })
        } else {
            Due::In(left)
        }
    })
}

/// Returns a claim whose report could not be recorded: it is due again, for the next process. A
/// later claim of another process is kept.
///
/// # Errors
///
/// Returns an error as [`claim_report`] does; then the next report is recorded after the usual
/// time.
pub(crate) fn give_back_report(
    directory: &Directory,
    claim: &ReportClaim,
    deadline: Instant,
) -> Result<()> {
    update(directory, FILE, deadline, |history: &mut History| {
        if history
            .reported
            .is_some_and(|reported| claim.is_at(reported))
        {
            history.reported = claim.before;
            history.reports = history.reports.saturating_sub(1);
            // Without a random part it is due for every schedule for which it was.
            history.jitter = 0;
        }
    })
}

/// Notes that a report was recorded without a claim.
///
/// # Errors
///
/// Returns an error as [`claim_report`] does; then the next report is recorded earlier than it
/// could be.
pub(crate) fn note_report(
    directory: &Directory,
    now: OffsetDateTime,
    deadline: Instant,
) -> Result<()> {
    update(directory, FILE, deadline, |history: &mut History| {
        history.note_report(now);
    })
}

/// The name of the file.
const FILE: FileName = FileName::History;
/// Versions have some 10 bytes; with a commit and build metadata some 100.
const VERSION_BYTES_MAX: usize = 256;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests access the file system directly"
)]
mod tests {
    use super::*;
    use std::fs;

    use crate::store::disk::Access;
    use crate::store::document::remove;
    use crate::store::faults::Fault;
    use crate::store::lock::lock;

    const DAY: Duration = Duration::from_hours(24);

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_795_000_000).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    /// Claims the report that is due, and returns whether the claim succeeded.
    fn claims(
        directory: &Directory,
        every: Duration,
        now: OffsetDateTime,
        deadline: Instant,
    ) -> Result<bool> {
        let due = claim_report(directory, due_every(every), now, deadline)?;
        Ok(matches!(due, Due::Now(_)))
    }

    fn due_every(every: Duration) -> impl Fn(&History, OffsetDateTime) -> Duration {
        move |history, now| {
            let ago = |reported| Duration::try_from(now - reported).unwrap_or_default();
            let left = |reported| every.saturating_sub(ago(reported));
            history.reported.map(left).unwrap_or_default()
        }
    }

    fn claim_at(at: OffsetDateTime) -> ReportClaim {
        ReportClaim { at, before: None }
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
    fn reading_a_missing_history_creates_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("myapp/telemetry");
        assert_eq!(History::read_at(&path), History::default());
        assert_eq!(StoredHistory::read_at(&path), StoredHistory::Missing);
        assert!(!home.path().join("myapp").exists());
    }

    #[test]
    fn only_a_changed_version_is_an_update() {
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
    fn a_report_is_claimed_once_in_its_time_and_the_version_kept() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        note_version(&directory, "1.2.0", soon()).unwrap();
        let claim = |now| claims(&directory, DAY, now, soon()).unwrap();
        assert!(claim(now()));
        assert!(!claim(now() + time::Duration::hours(23)));
        assert!(random::tests::exhausted(|| claim(
            now() + time::Duration::hours(24)
        )));
        assert_eq!(
            text(home.path()),
            format!(
                "{{\"format\":1,\"version\":\"1.2.0\",\"reported\":\"{}\",\"reports\":2}}\n",
                format_timestamp(now() + time::Duration::DAY)
            )
        );
    }

    #[test]
    fn a_returned_claim_is_due_again_unless_claimed_later() {
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
        let due = claim_report(&directory, due_every(DAY), later, soon()).unwrap();
        let claim = ReportClaim {
            at: later,
            before: Some(now()),
        };
        assert_eq!(due, Due::Now(claim));
        let known = |history: History| (history.reported, history.reports);
        assert_eq!(known(History::read_at(home.path())), (Some(later), 2));
        give_back_report(&directory, &claim, soon()).unwrap();
        let history = History::read_at(home.path());
        assert_eq!(history.jitter, 0, "it is due again at once");
        assert_eq!(known(history), (Some(now()), 1));
    }

    #[test]
    fn each_report_is_counted_and_has_a_jitter_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let directory = open(home.path());
        let mut jitters = std::collections::BTreeSet::new();
        for number in 1..=20 {
            let at = now() + DAY * number;
            if number % 2 == 0 {
                note_report(&directory, at, soon()).unwrap();
            } else {
                assert!(claims(&directory, DAY, at, soon()).unwrap());
            }
            let history = History::read_at(home.path());
            assert_eq!(history.reports, u64::from(number));
            jitters.insert(history.jitter);
        }
        assert!(jitters.len() > 10, "{jitters:?}");
        let exhausted = random::tests::exhausted(|| note_report(&directory, now(), soon()));
        exhausted.unwrap();
        let history = History::read_at(home.path());
        assert_eq!((history.reports, history.jitter), (21, 0));
    }

    #[test]
    fn one_of_eight_claims_version_and_report() {
        let home = tempfile::tempdir().unwrap();
        note_version(&open(home.path()), "1.2.0", soon()).unwrap();
        for round in 0..20_i64 {
            let at = now() + time::Duration::days(round);
            let version = format!("2.0.{round}");
            let start = std::sync::Barrier::new(8);
            // Each opens the directory, as processes do: locks belong to open files.
            let one = || {
                let directory = open(home.path());
                start.wait();
                let version_change = note_version(&directory, &version, soon()).unwrap();
                (version_change, claims(&directory, DAY, at, soon()).unwrap())
            };
            let got: Vec<_> = std::thread::scope(|scope| {
                let all: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(
                got.iter()
                    .filter(|(version_change, _)| version_change.is_some())
                    .count(),
                1
            );
            assert_eq!(got.iter().filter(|(_, is_mine)| *is_mine).count(), 1);
        }
    }

    #[test]
    fn a_damaged_history_is_replaced_by_the_next_note() {
        let damaged = [
            String::new(),
            "[1,\"1.2.0\"]".to_owned(),
            "{\"format\":1,\"version\":7}".to_owned(),
            "{\"format\":1,\"reported\":\"yesterday\"}".to_owned(),
            "{\"format\":1,\"reports\":-1}".to_owned(),
            "{\"format\":1,\"reports\":\"many\"}".to_owned(),
            "{\"format\":1,\"jitter\":65536}".to_owned(),
            format!("{{\"format\":1,\"version\":\"{}\"}}", "1".repeat(257)),
            " ".repeat(10_000_000),
        ];
        for text in damaged {
            let home = tempfile::tempdir().unwrap();
            plant(home.path(), &text);
            let kept = StoredHistory::read_at(home.path());
            assert_eq!(kept.known(), None);
            assert!(kept.problem().unwrap().starts_with("history.json "));
            let directory = open(home.path());
            assert_eq!(note_version(&directory, "1.2.0", soon()).unwrap(), None);
            assert!(claims(&directory, DAY, now(), soon()).unwrap());
            assert_eq!(StoredHistory::read_at(home.path()).problem(), None);
        }
    }

    #[test]
    fn keys_of_a_newer_version_are_kept_by_each_change() {
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
        let Due::Now(claim) = claim_report(&directory, due_every(DAY), now(), soon()).unwrap()
        else {
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
        remove(&directory, FILE).unwrap();
        note_report(&directory, now(), soon()).unwrap();
        assert!(!text(home.path()).contains("later"), "it was forgotten");
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
    fn only_plain_files_are_read_or_replaced() {
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
            let kept = StoredHistory::read_at(home.path());
            assert!(
                matches!(kept, StoredHistory::Unreadable { .. }),
                "{kind}: {kept:?}"
            );
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
    fn a_failed_operation_leaves_one_whole_history_and_claim() {
        for nth in 0.. {
            let home = tempfile::tempdir().unwrap();
            let directory = open(home.path());
            note_version(&directory, "1.2.0", soon()).unwrap();
            directory.faults.plan(nth, Fault::Once(28));
            let version_change = note_version(&directory, "1.3.0", soon());
            let is_mine = claims(&directory, DAY, now(), soon());
            let operations = directory.faults.lift();
            assert_eq!(StoredHistory::read_at(home.path()).problem(), None);
            let again = note_version(&directory, "1.3.0", soon()).unwrap();
            let reported = [version_change.ok().flatten(), again];
            assert!(
                reported.iter().flatten().count() <= 1,
                "{nth}: {reported:?}"
            );
            let is_mine_again = claims(&directory, DAY, now(), soon()).unwrap();
            assert!(!(is_mine_again && is_mine.is_ok_and(|is| is)), "{nth}");
            if operations <= nth {
                assert!(nth > 10, "{nth} operations are too few");
                break;
            }
        }
    }

    #[test]
    fn a_failed_write_keeps_the_old_file() {
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
