//! The watch from inside: files that cannot be read for a while, and files that are damaged and
//! removed. Time is simulated: each poll is half a second after the one before.

use std::path::Path;

use super::snapshot::FAILED_POLLS_MAX;
use super::*;
use crate::consent::{ConsentDirectory, Scope, set_consent_of};
use crate::policy::Action;
use crate::store::faults::Fault;

/// A watch, the directory that it watches, and the number of polls.
struct Watched {
    home: tempfile::TempDir,
    watch: Watch,
    started: Instant,
    polls: u32,
}

/// The result of a poll.
#[derive(Debug, PartialEq, Eq)]
enum Became {
    Same,
    Disabled,
    Unknown(String),
    Enabled,
}

impl Watched {
    /// Opens a watch on the directory that `prepare` has filled.
    fn open(when_undecided: WhenUndecided, prepare: impl FnOnce(&Path)) -> Self {
        let home = tempfile::tempdir().unwrap();
        prepare(home.path());
        let watch = watch_at(home.path(), when_undecided);
        let mut watched = Self {
            home,
            watch,
            started: Instant::now(),
            polls: 0,
        };
        if watched.watch.open(clock::now()).unwrap().is_recording {
            watched.watch.installation_in(None).unwrap();
        }
        watched
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn put(&self, name: &str, text: &str) {
        let directory = Directory::open(self.path(), Access::Write).unwrap();
        directory.replace(name, text.as_bytes()).unwrap();
    }

    fn remove(&self, name: &str) {
        let directory = Directory::open(self.path(), Access::Write).unwrap();
        directory.remove(name).unwrap();
    }

    fn poll(&mut self) -> Became {
        self.polls += 1;
        match self.watch.poll(self.started + PAUSE * self.polls) {
            None => Became::Same,
            Some(WatchChange::Disabled(_)) => Became::Disabled,
            Some(WatchChange::Unknown(decision, _)) => Became::Unknown(decision.reason()),
            Some(WatchChange::Enabled(..)) => Became::Enabled,
        }
    }

    /// Polls until something changes, and returns the number of polls.
    fn poll_until_change(&mut self) -> (u32, Became) {
        for polls in 1..100 {
            let became = self.poll();
            if became != Became::Same {
                return (polls, became);
            }
        }
        panic!("nothing changes")
    }
}

fn watch_at(path: &Path, when_undecided: WhenUndecided) -> Watch {
    let environment = Environment::for_test("testapp", &[]);
    let location = ApplicationProfile::for_test("testapp");
    let answers = (Consent::Undecided, when_undecided);
    Watch::new(
        (path, path),
        &location,
        &environment,
        answers,
        Policy::new(),
    )
    .0
}

fn decided(consent: Consent) -> impl FnOnce(&Path) {
    move |path| {
        let location = Some(&ApplicationProfile::for_test("testapp"));
        let site = ConsentDirectory { path, location };
        set_consent_of(site, Scope::Profile, consent, "test", clock::now()).unwrap();
    }
}

const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

const STRICT: &str = "[properties]\nx = \"drop\"\n";

#[test]
fn the_last_answer_applies_while_reading_fails_for_a_while() {
    for errno in [EIO, ENOMEM, EACCES, ENFILE, EMFILE] {
        for operation in ["open directory", "read"] {
            let mut watched = Watched::open(WhenUndecided::Record, |_| {});
            watched.watch.faults.plan(0, Fault::Named(operation, errno));
            for poll in 0..FAILED_POLLS_MAX {
                assert_eq!(watched.poll(), Became::Same, "{errno} {operation} {poll}");
                assert!(watched.watch.unreadable().is_some());
            }
            let Became::Unknown(reason) = watched.poll() else {
                panic!("{errno} {operation}: it never ends");
            };
            assert!(reason.contains(&format!("os error {errno}")), "{reason}");
            assert_eq!(watched.poll(), Became::Same);
            watched.watch.faults.lift();
            assert_eq!(watched.poll(), Became::Enabled, "{errno} {operation}");
            assert_eq!(watched.watch.unreadable(), None);
        }
    }
}

#[test]
fn a_successful_poll_resets_the_count_of_failures() {
    let mut watched = Watched::open(WhenUndecided::Record, |_| {});
    for _ in 0..5 {
        watched.watch.faults.plan(0, Fault::Sticky(EMFILE));
        for _ in 0..FAILED_POLLS_MAX {
            assert_eq!(watched.poll(), Became::Same);
        }
        watched.watch.faults.lift();
        assert_eq!(watched.poll(), Became::Same);
    }
}

#[test]
fn recording_resumes_when_the_files_can_be_read() {
    type Prepare = fn(&Path);
    let prepares: [Prepare; 4] = [
        |_| {},
        |path| decided(Consent::Enabled)(path),
        |path| {
            let all = Scope::AllProfiles;
            let location = Some(&ApplicationProfile::for_test("testapp"));
            let site = ConsentDirectory { path, location };
            set_consent_of(site, all, Consent::Enabled, "test", clock::now()).unwrap();
        },
        |path| {
            let directory = Directory::open(path, Access::Write).unwrap();
            directory.replace("policy.toml", STRICT.as_bytes()).unwrap();
        },
    ];
    for (index, prepare) in prepares.into_iter().enumerate() {
        for operation in ["open directory", "read"] {
            let mut watched = Watched::open(WhenUndecided::Record, prepare);
            watched
                .watch
                .faults
                .plan(0, Fault::Named(operation, EMFILE));
            let (polls, became) = watched.poll_until_change();
            assert!(matches!(became, Became::Unknown(_)), "{index} {operation}");
            assert_eq!(polls, FAILED_POLLS_MAX + 1);
            watched.watch.faults.lift();
            assert_eq!(watched.poll(), Became::Enabled, "{index} {operation}");
        }
    }
}

#[test]
fn a_readable_choice_applies_while_others_are_unreadable() {
    let mut watched = Watched::open(WhenUndecided::Record, |_| {});
    decided(Consent::Disabled)(watched.path());
    // The directory is opened, the policy and the choice are read; later operations fail.
    watched.watch.faults.plan(3, Fault::Sticky(EIO));
    assert_eq!(watched.poll(), Became::Disabled);
}

#[test]
fn consent_withdrawn_while_reading_failed_is_withdrawn() {
    let mut watched = Watched::open(WhenUndecided::Refuse, decided(Consent::Enabled));
    watched.watch.faults.plan(0, Fault::Sticky(EMFILE));
    let (_, became) = watched.poll_until_change();
    assert!(matches!(became, Became::Unknown(_)));
    decided(Consent::Disabled)(watched.path());
    watched.watch.faults.lift();
    assert_eq!(watched.poll(), Became::Disabled);
}

#[test]
fn a_process_without_consent_is_off_and_not_unknown() {
    let mut watched = Watched::open(WhenUndecided::Refuse, |_| {});
    watched.watch.faults.plan(0, Fault::Sticky(EMFILE));
    for _ in 0..3 * FAILED_POLLS_MAX {
        assert_eq!(watched.poll(), Became::Same);
    }
    watched.watch.faults.lift();
    decided(Consent::Enabled)(watched.path());
    assert_eq!(watched.poll(), Became::Enabled);
}

#[test]
fn files_unreadable_at_the_start_mean_off_until_readable() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("telemetry");
    drop(Directory::open(&path, Access::Write).unwrap());
    // A directory whose path is a symbolic link cannot be used, as one that cannot be opened.
    let other = home.path().join("other");
    std::os::unix::fs::symlink(&path, &other).unwrap();
    let mut watch = watch_at(&other, WhenUndecided::Record);
    assert!(!watch.open(clock::now()).unwrap().is_recording);
    rustix::fs::unlink(&other).unwrap();
    let started = Instant::now();
    let mut changes = (1..4).filter_map(|poll| watch.poll(started + PAUSE * poll));
    assert!(changes.any(|change| matches!(change, WatchChange::Enabled(..))));
}

#[test]
fn recording_resumes_when_a_damaged_policy_is_removed() {
    // Never valid, and damaged only later.
    for is_first in [true, false] {
        let mut watched = Watched::open(WhenUndecided::Record, |_| {});
        if is_first {
            watched.put("policy.toml", "?");
            watched.watch = watch_at(watched.path(), WhenUndecided::Record);
            let decision = watched.watch.open(clock::now()).unwrap();
            assert!(!decision.is_recording);
            watched.started = Instant::now();
        } else {
            watched.put("policy.toml", "?");
            assert_eq!(watched.poll(), Became::Disabled);
        }
        watched.remove("policy.toml");
        // Editors may remove a file before they write it again.
        assert_eq!(watched.poll_until_change(), (2, Became::Enabled));
    }
}

#[test]
fn a_valid_policy_outlives_a_damaged_one() {
    let mut watched = Watched::open(WhenUndecided::Record, |path| {
        let directory = Directory::open(path, Access::Write).unwrap();
        directory.replace("policy.toml", STRICT.as_bytes()).unwrap();
    });
    let action = |watched: &Watched| watched.watch.policy().get().unwrap().verdict("x").text;
    assert_eq!(action(&watched), Action::Drop);
    watched.put("policy.toml", "?");
    assert_eq!(watched.poll(), Became::Disabled);
    watched.remove("policy.toml");
    assert_eq!(watched.poll_until_change(), (2, Became::Enabled));
    assert_eq!(action(&watched), Action::Drop);
    watched.put("policy.toml", "[properties]\ny = \"drop\"\n");
    assert_eq!(watched.poll_until_change(), (2, Became::Enabled));
    assert_eq!(action(&watched), Action::Keep);
}

#[test]
fn a_damaged_choice_counts_as_disabled_until_a_decision() {
    let mut watched = Watched::open(WhenUndecided::Record, |_| {});
    watched.put("consent.json", "?");
    assert_eq!(watched.poll(), Became::Disabled);
    watched.remove("consent.json");
    for _ in 0..3 * FAILED_POLLS_MAX {
        assert_eq!(watched.poll(), Became::Same, "deleting is not a decision");
    }
    decided(Consent::Enabled)(watched.path());
    assert_eq!(watched.poll(), Became::Enabled);
}

/// A file that restricts nothing and has limits.
fn storage(total: &str) -> String {
    format!("[storage]\ntotal_bytes_max = \"{total}\"\n")
}

fn total_in_force(watched: &Watched) -> Option<u64> {
    let storage = watched.watch.policy().storage().unwrap();
    storage.total_bytes_max()
}

#[test]
fn limits_of_the_owner_apply_after_two_equal_polls() {
    const MIB: u64 = 1 << 20;
    let mut watched = Watched::open(WhenUndecided::Record, |_| {});
    assert_eq!(total_in_force(&watched), None);
    for (before, total, mib) in [
        (None, "8 MiB", 8),
        (Some(8), "1 GiB", 1024),
        (Some(1024), "4 MiB", 4),
    ] {
        watched.put("policy.toml", &storage(total));
        assert_eq!(watched.poll(), Became::Same, "{total}");
        assert_eq!(
            total_in_force(&watched),
            before.map(|mib| mib * MIB),
            "{total}"
        );
        assert_eq!(watched.poll(), Became::Enabled, "{total}");
        assert_eq!(total_in_force(&watched), Some(mib * MIB));
    }
}

#[test]
fn the_first_part_of_a_file_removes_nothing() {
    let mut watched = Watched::open(WhenUndecided::Record, |_| {});
    // An editor that truncates the file first, and then writes it in pieces.
    watched.put("policy.toml", "");
    assert_eq!(watched.poll(), Became::Same);
    assert_eq!(watched.poll(), Became::Enabled);
    watched.put("policy.toml", "[storage]\ntotal_bytes_max = 4294967\n");
    assert_eq!(watched.poll(), Became::Same);
    watched.put("policy.toml", "[storage]\ntotal_bytes_max = 4294967296\n");
    assert_eq!(watched.poll(), Became::Same);
    assert_eq!(total_in_force(&watched), None);
    assert_eq!(watched.poll(), Became::Enabled);
    assert_eq!(total_in_force(&watched), Some(4 << 30));
}

#[test]
fn limits_stay_while_the_file_is_invalid_or_missing() {
    let mut watched = Watched::open(WhenUndecided::Record, |_| {});
    watched.put("policy.toml", &storage("8 MiB"));
    assert_eq!(watched.poll_until_change(), (2, Became::Enabled));
    watched.put("policy.toml", &storage("many"));
    assert_eq!(
        watched.poll(),
        Became::Disabled,
        "an invalid file allows nothing"
    );
    assert_eq!(total_in_force(&watched), Some(8 << 20));
    watched.remove("policy.toml");
    assert_eq!(watched.poll_until_change(), (2, Became::Enabled));
    assert_eq!(total_in_force(&watched), Some(8 << 20));
}

#[test]
fn until_two_polls_agree_the_milder_limits_apply() {
    const MIB: u64 = 1 << 20;
    let mut watched = Watched::open(WhenUndecided::Record, |_| {});
    // A copy is what a forked child begins with.
    let copy = watched.watch.clone();
    let application = Limits::default();
    let total = |watch: &Watch| watch.limits(&application).unwrap().total_bytes_max / MIB;
    assert_eq!(total(&watched.watch), 256);
    for (text, first, second) in [
        (storage("1 GiB"), 1024, 1024),
        (storage("8 MiB"), 1024, 8),
        ("level = \"info\"".to_owned(), 256, 256),
    ] {
        watched.put("policy.toml", &text);
        assert_eq!(watched.poll(), Became::Same);
        assert_eq!(total(&watched.watch), first, "{text}");
        assert_eq!(watched.poll(), Became::Enabled);
        assert_eq!(total(&watched.watch), second, "{text}");
        assert_eq!(total(&copy), second, "{text}");
    }
}
