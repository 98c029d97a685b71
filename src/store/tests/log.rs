//! The id of the log: which session it is, that it stays, and that nothing depends on its file.

use std::path::Path;

use uuid::Uuid;

use super::*;

fn session(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A writer whose lines name its session.
struct LogWriter {
    store: Store,
    session: Uuid,
}

impl LogWriter {
    fn new(path: &Path, number: u128) -> Self {
        let session = session(number);
        let mut store = Store::new(path, small());
        store.set_session(session);
        Self { store, session }
    }

    /// Appends a line, and returns whether that succeeded.
    fn append(&mut self, id: usize) -> bool {
        let stamp = crate::record::format_timestamp(at(0));
        let session = self.session;
        let line = format!(
            "{{\"timestamp\":\"{stamp}\",\"level\":\"INFO\",\"source\":\"s\",\"target\":\"t\",\"session\":\"{session}\",\"seq\":{id},\"id\":{id}}}\n"
        );
        let Ok(turn) = self.store.begin(line.len(), now(0), soon()) else {
            return false;
        };
        turn.append(line.as_bytes(), Latest::Unknown).1.is_none()
    }

    /// Appends so many lines that another segment is created.
    fn rotate(&mut self, path: &Path) {
        let highest = || path.exists().then(|| segments(path).last().copied());
        let before = highest();
        for id in 0..1000 {
            assert!(self.append(id));
            if highest() != before {
                return;
            }
        }
        panic!("no segment was created");
    }
}

fn log_at(path: &Path) -> Option<Uuid> {
    log_in(&Directory::open(path, Access::Read).unwrap())
}

fn file_at(path: &Path) -> Option<String> {
    std::fs::read_to_string(path.join("log.json")).ok()
}

fn file_of(number: u128) -> String {
    format!("{{\"log\":\"{}\"}}\n", session(number))
}

/// A directory with three segments of session 1, and no file: as older versions left it.
fn without_file() -> (TempDir, PathBuf) {
    let (root, path) = place();
    let mut first = LogWriter::new(&path, 1);
    first.rotate(&path);
    first.rotate(&path);
    first.rotate(&path);
    std::fs::remove_file(path.join("log.json")).unwrap();
    (root, path)
}

#[test]
fn the_first_writer_of_a_directory_begins_the_log() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_root, path) = place();
    assert!(LogWriter::new(&path, 1).append(0));
    assert!(LogWriter::new(&path, 2).append(1));
    assert_eq!(file_at(&path).unwrap(), file_of(1));
    assert_eq!(log_at(&path), Some(session(1)));
    let facts = std::fs::metadata(path.join("log.json")).unwrap();
    assert_eq!(facts.permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_log_stays_when_limits_remove_its_first_records() {
    let (_root, path) = place();
    assert!(LogWriter::new(&path, 1).append(0));
    let mut second = LogWriter::new(&path, 2);
    while segments(&path)[0] == 1 {
        second.rotate(&path);
    }
    assert_eq!(log_at(&path), Some(session(1)));
}

#[test]
fn clearing_everything_keeps_the_log() {
    let (_root, path) = place();
    let mut writer = LogWriter::new(&path, 1);
    writer.rotate(&path);
    clear(&path, Clearing::All, now(0)).unwrap();
    assert_eq!(log_at(&path), Some(session(1)));
    let mut second = LogWriter::new(&path, 2);
    second.rotate(&path);
    assert_eq!(log_at(&path), Some(session(1)));
}

#[test]
fn clearing_everything_stores_the_log_of_an_older_directory() {
    let (_root, path) = without_file();
    clear(&path, Clearing::All, now(0)).unwrap();
    assert_eq!(file_at(&path).unwrap(), file_of(1));
}

#[test]
fn an_older_directory_has_the_first_session_that_is_there() {
    let (_root, path) = without_file();
    std::fs::remove_file(path.join("events.000001.jsonl")).unwrap();
    assert_eq!(log_at(&path), Some(session(1)));
    assert_eq!(file_at(&path), None, "reading writes nothing");
    let mut second = LogWriter::new(&path, 2);
    assert!(second.append(0));
    assert_eq!(file_at(&path), None, "no segment was created");
    second.rotate(&path);
    assert_eq!(file_at(&path).unwrap(), file_of(1));
}

#[test]
fn a_log_is_found_behind_lines_that_cannot_be_read() {
    let (_root, path) = without_file();
    let directory = Directory::open(&path, Access::Write).unwrap();
    let first = path.join("events.000001.jsonl");
    let lines = std::fs::read_to_string(&first).unwrap();
    directory.remove("events.000001.jsonl").unwrap();
    std::fs::write(&first, format!("garbage\n\0\0\n{lines}")).unwrap();
    assert_eq!(log_at(&path), Some(session(1)));
    std::fs::write(&first, "garbage\n").unwrap();
    assert_eq!(log_at(&path), Some(session(1)), "in the next segment");
}

#[test]
fn without_records_the_writer_begins_an_older_log() {
    let (_root, path) = without_file();
    for name in [
        "events.000001.jsonl",
        "events.000002.jsonl",
        "events.000003.jsonl",
    ] {
        std::fs::remove_file(path.join(name)).unwrap();
    }
    assert_eq!(log_at(&path), None);
    assert!(LogWriter::new(&path, 2).append(0));
    assert_eq!(file_at(&path).unwrap(), file_of(2));
}

#[test]
fn a_log_begins_when_segments_and_their_number_are_gone() {
    let (_root, path) = place();
    LogWriter::new(&path, 1).rotate(&path);
    for name in ["events.000001.jsonl", "lock"] {
        std::fs::remove_file(path.join(name)).unwrap();
    }
    assert!(LogWriter::new(&path, 2).append(0));
    assert_eq!(segments(&path), [1]);
    assert_eq!(file_at(&path).unwrap(), file_of(2));
}

#[test]
fn while_a_number_is_remembered_the_log_goes_on() {
    let (_root, path) = place();
    LogWriter::new(&path, 1).rotate(&path);
    std::fs::remove_file(path.join("events.000001.jsonl")).unwrap();
    assert!(LogWriter::new(&path, 2).append(0));
    assert_eq!(segments(&path), [2]);
    assert_eq!(file_at(&path).unwrap(), file_of(1));
}

#[test]
fn a_running_writer_names_the_log_of_a_deleted_directory() {
    let (_root, path) = place();
    let mut writer = LogWriter::new(&path, 1);
    writer.rotate(&path);
    std::fs::remove_dir_all(&path).unwrap();
    assert!(writer.append(0));
    assert_eq!(log_at(&path), Some(session(1)));
}

#[test]
fn a_file_that_failed_is_written_with_the_next_segment() {
    let (_root, path) = place();
    let mut writer = LogWriter::new(&path, 1);
    writer.store.faults.plan(0, Fault::Named("replace", ENOSPC));
    writer.rotate(&path);
    assert_eq!(file_at(&path), None);
    assert_eq!(log_at(&path), Some(session(1)));
    writer.store.faults.lift();
    writer.rotate(&path);
    assert_eq!(file_at(&path).unwrap(), file_of(1));
}

#[test]
fn an_empty_file_is_written_again() {
    let (_root, path) = place();
    let mut first = LogWriter::new(&path, 1);
    first.rotate(&path);
    std::fs::write(path.join("log.json"), "").unwrap();
    LogWriter::new(&path, 2).rotate(&path);
    assert_eq!(file_at(&path).unwrap(), file_of(1));
}

#[test]
fn a_file_that_others_wrote_is_left_alone() {
    for text in ["a poem", "{\"log\":\"of a ship\"}", "[\"\"]", "{}"] {
        let (_root, path) = place();
        drop(Directory::open(&path, Access::Write).unwrap());
        std::fs::write(path.join("log.json"), text).unwrap();
        let mut writer = LogWriter::new(&path, 1);
        writer.rotate(&path);
        writer.rotate(&path);
        assert_eq!(file_at(&path).unwrap(), text);
        assert_eq!(log_at(&path), Some(session(1)), "{text}");
    }
}

#[test]
fn something_else_than_a_file_is_left_alone() {
    let (_root, path) = place();
    drop(Directory::open(&path, Access::Write).unwrap());
    let file = path.join("log.json");
    std::os::unix::fs::symlink("/nowhere", &file).unwrap();
    LogWriter::new(&path, 1).rotate(&path);
    assert!(file.is_symlink());
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    LogWriter::new(&path, 1).rotate(&path);
    assert!(file.is_dir());
}

#[test]
fn an_append_without_a_new_segment_does_not_look_at_the_file() {
    let (_root, path) = place();
    let mut writer = LogWriter::new(&path, 1);
    assert!(writer.append(0));
    let (reads, writes) = (
        writer.store.faults.count_of("read"),
        writer.store.faults.count_of("replace"),
    );
    for id in 1..5 {
        assert!(writer.append(id));
    }
    assert_eq!(writer.store.faults.count_of("read"), reads);
    assert_eq!(writer.store.faults.count_of("replace"), writes);
    assert_eq!(writes, 1);
}

#[test]
fn eight_writers_that_start_at_once_begin_one_log() {
    let (_root, path) = place();
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for number in 1..=8 {
            let (path, start) = (&path, &start);
            scope.spawn(move || {
                let mut writer = LogWriter::new(path, number);
                start.wait();
                assert!(writer.append(usize::try_from(number).unwrap()));
            });
        }
    });
    let lines = std::fs::read_to_string(path.join("events.000001.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 8);
    let log = log_at(&path).unwrap();
    assert!(lines.contains(&log.to_string()));
    assert_eq!(file_at(&path).unwrap(), file_of(log.as_u128()));
}
