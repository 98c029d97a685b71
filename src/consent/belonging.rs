//! The owner of a telemetry directory: one application and one of its profiles. It is read from the
//! files of consent, and if they do not contain it, as in directories of older versions or after
//! truncation, from the records. A path is never proof, except that a directory in the `profiles`
//! of another telemetry directory is a profile.

use std::path::Path;

use super::location::KnownLocation;
use super::stored::{Scope, StoredConsent};
use crate::application::Source;
use crate::directory::enclosing;
use crate::record::Record;
use crate::store::disk::{Access, Directory};
use crate::store::numbers;
use crate::store::segment::FileName;
use crate::store::segment_file::SegmentFile;

impl KnownLocation {
    /// Reads the owner of the directory at that path; unknown if the directory is missing or cannot
    /// be opened.
    pub(crate) fn at(path: &Path) -> Self {
        match Directory::open(path, Access::Read) {
            Ok(directory) => Self::of(&directory),
            Err(_) => Self::default().or_by_place(path),
        }
    }

    /// Reads the owner of a directory.
    pub(crate) fn of(directory: &Directory) -> Self {
        let mut claim = StoredConsent::read(directory).claim();
        if claim.source.is_none() {
            claim =
                claim.or(StoredConsent::read_file(directory, Scope::AllProfiles.file()).claim());
        }
        claim.source = claim.source.or_else(|| source_of_records(directory));
        claim.or_by_place(directory.path())
    }

    fn or(self, other: Self) -> Self {
        Self {
            source: self.source.or(other.source),
            profile: self.profile.or(other.profile),
        }
    }

    /// Adds the facts that follow from the place of the directory: in the `profiles` of another
    /// one.
    fn or_by_place(self, path: &Path) -> Self {
        if self.profile.is_some() {
            return self;
        }
        let Some((base, profile)) = enclosing(path) else {
            return self;
        };
        let Ok(base) = Directory::open(&base, Access::Read) else {
            return self;
        };
        if base.facts(&FileName::Lock.text()).is_err() {
            return self;
        }
        let source = self
            .source
            .or_else(|| StoredConsent::read(&base).claim().source);
        Self {
            source,
            profile: Some(profile),
        }
    }
}

/// Returns the source of the first record of the newest segment that has one.
fn source_of_records(directory: &Directory) -> Option<Source> {
    let numbers = numbers(directory).ok()?;
    numbers.iter().rev().take(SEGMENTS_MAX).find_map(|number| {
        let (file, _) = SegmentFile::open(directory, *number).ok()?;
        let mut start = vec![0; START_BYTES];
        let read = directory.read_back_start(&file, &mut start).ok()?;
        let lines = start.get(..read)?.split(|byte| *byte == b'\n');
        lines
            .filter_map(|line| Record::parse(line).ok())
            .find_map(|record| record.source.parse().ok())
    })
}

/// Number of segments that are read: the newest may be empty, or unreadable.
const SEGMENTS_MAX: usize = 8;
/// Number of bytes of a segment that are read: it begins with a record that is much shorter.
const START_BYTES: usize = 64 * 1024;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests make directories as others leave them"
)]
mod tests {
    use super::*;
    use std::fs;

    fn claim(source: &str, profile: &str) -> KnownLocation {
        KnownLocation {
            source: source.parse().ok(),
            profile: profile.parse().ok(),
        }
    }

    fn line(source: &str, target: &str) -> String {
        format!(
            "{{\"timestamp\":\"2026-11-21T08:15:30.123456Z\",\"level\":\"INFO\",\"source\":\"{source}\",\
             \"target\":\"{target}\",\"session\":\"01936f0e-0000-7000-8000-000000000000\",\"seq\":0}}\n"
        )
    }

    #[test]
    fn records_identify_a_directory_whose_files_do_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("somewhere/telemetry");
        assert_eq!(KnownLocation::at(&path), KnownLocation::default());
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("events.000001.jsonl"), line("older", "t")).unwrap();
        let torn = format!("{{\"timest\n{}", line("newer", "two::localtel"));
        fs::write(path.join("events.000002.jsonl"), torn).unwrap();
        fs::write(path.join("events.000003.jsonl"), "").unwrap();
        for text in ["", "{\"format\":1}", "{\"form"] {
            fs::write(path.join("consent.json"), text).unwrap();
            assert_eq!(KnownLocation::at(&path), claim("newer", ""), "{text}");
        }
        let for_all = r#"{"format":1,"source":"named","profile":"default"}"#;
        fs::write(path.join("consent.all.json"), for_all).unwrap();
        assert_eq!(KnownLocation::at(&path), claim("named", "default"));
        let own = r#"{"format":1,"source":"own","profile":"default"}"#;
        fs::write(path.join("consent.json"), own).unwrap();
        assert_eq!(KnownLocation::at(&path), claim("own", "default"));
    }

    #[test]
    fn a_directory_in_the_profiles_of_another_is_a_profile() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("profiles/work");
        assert_eq!(KnownLocation::at(&path), KnownLocation::default());
        fs::write(home.path().join("lock"), "").unwrap();
        let own = r#"{"format":1,"source":"own","profile":"default"}"#;
        fs::write(home.path().join("consent.json"), own).unwrap();
        assert_eq!(KnownLocation::at(&path), claim("own", "work"));
    }
}
