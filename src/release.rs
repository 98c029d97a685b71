//! A newer release, without a network: `release.json`, which the owner of the machine may put into
//! the telemetry directory, and the order of versions. It only reads; localtel never writes or
//! removes that file. The caller decides which version is compared with it and where the result is
//! shown.

use std::cmp::Ordering;
use std::path::Path;

use semver::{BuildMetadata, Version};
use serde::Deserialize;

use crate::record::parse_time;
use crate::store::disk::{Access, Directory};
use crate::store::document::{Flaw, parse_object, read_bytes, shorten};
use crate::store::segment::FileName;
use crate::text::{cut, is_unsafe_to_show};

/// A release of the application, as the owner of the machine announced it in `release.json` in the
/// telemetry directory:
///
/// ```json
/// {"version":"1.3.0","released":"2026-11-01","notes":"Faster imports."}
/// ```
///
/// Only `version` is required, and other keys are ignored. A file of more than 64 KiB is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// Its version: 1 to 128 characters of `[A-Za-z0-9.+-]`.
    pub version: String,
    /// The time of the release, as the file contains it: a date such as `2026-11-01`, or a time of
    /// RFC 3339.
    pub released: Option<String>,
    /// The news, cut at a character after 4 KiB, and ending in `…` if there was more. Characters
    /// that act on a terminal are replaced by `U+FFFD`, except for newlines and tabs.
    pub notes: Option<String>,
}

/// The file as its owner writes it.
#[derive(Debug, Deserialize)]
struct WrittenRelease {
    version: String,
    #[serde(default)]
    released: Option<String>,
    #[serde(default)]
    notes: Option<String>,
}

impl Release {
    /// Reads the file in the directory at that path; returns nothing if there is no such file, or
    /// no directory that can be opened, which others report. The error is the reason why it is
    /// invalid, for people.
    pub(crate) fn read_at(path: &Path) -> Result<Option<Self>, String> {
        match Directory::open(path, Access::Read) {
            Ok(directory) => Self::read(&directory),
            Err(_) => Ok(None),
        }
    }

    /// Reads the release in a directory.
    fn read(directory: &Directory) -> Result<Option<Self>, String> {
        match read_bytes(directory, FILE, BYTES_MAX) {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => Self::parse(&bytes)
                .map(Some)
                .map_err(|reason| shorten(format!("{FILE}: {reason}"))),
            Err(Flaw::Irregular(reason) | Flaw::TooLarge(reason) | Flaw::Refused(reason)) => {
                Err(reason)
            }
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let written: WrittenRelease = parse_object(bytes)?;
        check_version(&written.version)?;
        if let Some(released) = &written.released {
            check_time(released)?;
        }
        Ok(Self {
            version: written.version,
            released: written.released,
            notes: written.notes.as_deref().and_then(bounded_notes),
        })
    }

    /// Returns `true` if it is newer than that version, in the order of [semantic versions]:
    /// `1.10.0` is newer than `1.9.0`, and `1.3.0` than `1.3.0-rc.1`. A leading `v` of either
    /// version is ignored, `1.3` is equal to `1.3.0`, and build metadata (`+...`) makes no
    /// difference.
    ///
    /// Versions of any other form, such as `2026.01.15` with its leading zero or `1.2.3.4`, have no
    /// known order: they are never newer than another one, and no version is newer than they are.
    ///
    /// [semantic versions]: https://semver.org/spec/v2.0.0.html
    pub fn is_newer_than(&self, version: &str) -> bool {
        let (Some(own), Some(other)) = (parse_version(&self.version), parse_version(version))
        else {
            return false;
        };
        own.cmp_precedence(&other) == Ordering::Greater
    }

    /// Returns `true` if its version can be compared at all.
    pub fn is_ordered(&self) -> bool {
        parse_version(&self.version).is_some()
    }
}

fn check_version(version: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
    if version.is_empty() || version.len() > VERSION_BYTES_MAX || !version.bytes().all(is_plain) {
        return Err(format!(
            "its version is not 1 to {VERSION_BYTES_MAX} characters of A-Z, a-z, 0-9, `.`, `+` and `-`"
        ));
    }
    Ok(())
}

fn check_time(text: &str) -> Result<(), String> {
    let is_time = |text: &str| parse_time(text).is_ok();
    // A date alone is checked as its midnight.
    let is_date = text.len() == "2026-11-01".len() && is_time(&format!("{text}T00:00:00Z"));
    if is_date || (text.len() <= TIME_BYTES_MAX && is_time(text)) {
        Ok(())
    } else {
        Err(
            "its `released` is neither a date such as 2026-11-01 nor a time in RFC 3339 format"
                .to_owned(),
        )
    }
}

/// Cuts notes to their limit and replaces characters that act on a terminal. Empty notes are
/// absent.
fn bounded_notes(notes: &str) -> Option<String> {
    let shown = |letter: char| {
        if is_unsafe_to_show(letter) && !matches!(letter, '\n' | '\t') {
            char::REPLACEMENT_CHARACTER
        } else {
            letter
        }
    };
    let text: String = notes.trim().chars().map(shown).collect();
    (!text.is_empty()).then(|| cut(text, NOTES_BYTES_MAX))
}

/// Returns the version for comparison, if it has that form.
fn parse_version(text: &str) -> Option<Version> {
    if text.len() > VERSION_BYTES_MAX + 1 {
        return None;
    }
    let text = text.strip_prefix('v').unwrap_or(text);
    let core_end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at_checked(core_end)?;
    let mut version = if core.bytes().filter(|byte| *byte == b'.').count() == 1 {
        Version::parse(&format!("{core}.0{rest}")).ok()?
    } else {
        Version::parse(text).ok()?
    };
    version.build = BuildMetadata::EMPTY;
    Some(version)
}

/// The name of the file.
const FILE: FileName = FileName::Release;
/// A version, a time and 4 KiB of notes take a tenth of it, in whatever way they are escaped.
const BYTES_MAX: u64 = 64 * 1024;
/// The limit of `TimescaleDB` on the version that it receives.
const VERSION_BYTES_MAX: usize = 128;
/// A time of RFC 3339 with nanoseconds and an offset has 35.
const TIME_BYTES_MAX: usize = 64;
/// A screenful: 50 lines of 80 characters.
const NOTES_BYTES_MAX: usize = 4 * 1024;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests put files where an owner would"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn release(version: &str) -> Release {
        Release {
            version: version.to_owned(),
            released: None,
            notes: None,
        }
    }

    fn release_of(bytes: impl AsRef<[u8]>) -> Result<Option<Release>, String> {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("release.json"), bytes).unwrap();
        Release::read_at(home.path())
    }

    #[test]
    fn without_a_file_or_directory_there_is_no_release() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(Release::read_at(home.path()), Ok(None));
        assert_eq!(Release::read_at(&home.path().join("none")), Ok(None));
    }

    #[test]
    fn a_release_is_read_as_its_owner_wrote_it() {
        let text =
            r#" {"version":"1.3.0","released":"2026-11-01","notes":"Faster.\n\tReally.","x":[1]} "#;
        let expected = Release {
            version: "1.3.0".to_owned(),
            released: Some("2026-11-01".to_owned()),
            notes: Some("Faster.\n\tReally.".to_owned()),
        };
        assert_eq!(release_of(text), Ok(Some(expected)));
        assert_eq!(
            release_of(r#"{"version":"v2","released":null,"notes":" \n"}"#),
            Ok(Some(release("v2")))
        );
    }

    #[test]
    fn the_order_of_versions_is_semantic() {
        let rising = [
            "0.9",
            "v1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11+7",
            "1.0.0-rc.1",
            "1.0",
            "1.2.9",
            "v1.2.10",
            "1.10.0",
            "10.0.0",
            "18446744073709551615.0.0",
        ];
        for (at, older) in rising.iter().enumerate() {
            for (other, newer) in rising.iter().enumerate() {
                let is_newer = release(newer).is_newer_than(older);
                assert_eq!(is_newer, other > at, "{newer} than {older}");
            }
        }
        assert!(!release("1.3.0+2").is_newer_than("1.3.0+1"));
        assert!(!release("v1.3").is_newer_than("1.3.0"));
        assert!(!release("1.3.0").is_newer_than("v1.3"));
    }

    #[test]
    fn unparsable_versions_never_compare() {
        for odd in [
            "",
            "v",
            "2",
            "latest",
            "1.2.3.4",
            "2026.01.15",
            "vv1.0.0",
            "1..0",
            "-1.0.0",
            "1.0.0-",
            "18446744073709551616.0.0",
            "unknown version",
            "１.０.０",
        ] {
            assert!(!release(odd).is_ordered(), "{odd}");
            assert!(!release(odd).is_newer_than("0.0.1"), "{odd}");
            assert!(!release("999.0.0").is_newer_than(odd), "{odd}");
        }
        let long = format!("0.0.1-{}", "a".repeat(10_000_000));
        assert!(!release("999.0.0").is_newer_than(&long));
    }

    #[test]
    fn times_are_dates_or_rfc_3339() {
        for good in [
            "2026-11-01",
            "2024-02-29",
            "2026-11-01T08:15:30Z",
            "2026-11-01T08:15:30.123456789+01:00",
        ] {
            assert_eq!(check_time(good), Ok(()), "{good}");
        }
        let long = format!("2026-11-01T08:15:30.{}Z", "0".repeat(100));
        for bad in [
            "",
            "today",
            "2026-11-31",
            "2025-02-29",
            "2026-13-01",
            "20261101",
            "2026-W44-7",
            "+2026-11-1",
            "2026-11-01T08:15",
            "01.11.2026",
            "2026-11-01\u{1b}[2J",
            &long,
        ] {
            assert!(check_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hostile_files_are_reported_and_have_no_effect() {
        let deep = format!("{{\"version\":{}{}", "[".repeat(30_000), "]".repeat(30_000));
        let unknown = format!("{{\"version\":\"1.0.0\",\"x\":{}", "[".repeat(60_000));
        let long = format!("{{\"version\":\"{}\"}}", "1".repeat(129));
        let quoted = format!("\"{}\"", "ä".repeat(20_000));
        let hostile: [&[u8]; 18] = [
            b"",
            b"null",
            b"1.3.0",
            b"\"1.3.0\"",
            b"[\"1.3.0\"]",
            b"{}",
            b"{\"version\":\"\"}",
            b"{\"version\":1.3}",
            b"{\"version\":\"1.3.0 \"}",
            b"{\"version\":\"\\u001b[2J\"}",
            b"{\"version\":\"1.3.0\",\"version\":\"1.4.0\"}",
            b"{\"version\":\"1.3.0\",\"notes\":\"\x1b[2J\"}",
            b"{\"version\":\"1.3.0\",\"notes\":\"\xff\xfe\"}",
            b"{\"version\":\"1.3.0\",\"released\":\"soon\"}",
            deep.as_bytes(),
            unknown.as_bytes(),
            long.as_bytes(),
            quoted.as_bytes(),
        ];
        for bytes in hostile {
            let problem = release_of(bytes).unwrap_err();
            assert!(problem.starts_with("release.json: it"), "{problem}");
            assert!(problem.len() < 500, "{problem}");
        }
        let large = release_of(vec![b' '; 10_000_000]).unwrap_err();
        assert_eq!(
            large,
            "release.json cannot be read: it is larger than 64 KiB"
        );
    }

    #[test]
    fn links_and_pipes_are_not_followed_or_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("release.json");
        let target = home.path().join("target");
        fs::write(&target, "{\"version\":\"9.9.9\"}").unwrap();
        let message = "release.json cannot be read: it is not a regular file; a symbolic link is not followed";
        let is_refused = || assert_eq!(Release::read_at(home.path()).unwrap_err(), message);
        std::os::unix::fs::symlink(&target, &place).unwrap();
        is_refused();
        fs::remove_file(&place).unwrap();
        let mut mkfifo = std::process::Command::new("mkfifo");
        assert!(mkfifo.arg(&place).status().unwrap().success());
        is_refused();
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        is_refused();
    }

    #[test]
    fn notes_are_cut_at_a_character_and_cannot_act_on_a_terminal() {
        let notes = bounded_notes(&"ä".repeat(5_000_000)).unwrap();
        assert_eq!(notes.len(), NOTES_BYTES_MAX + "…".len());
        assert!(notes.ends_with("ä…"));
        let exact = "x".repeat(NOTES_BYTES_MAX);
        assert_eq!(bounded_notes(&exact), Some(exact));
        assert_eq!(
            bounded_notes("a\u{1b}[31m\r\n\u{202e}b\tc").unwrap(),
            "a\u{fffd}[31m\u{fffd}\n\u{fffd}b\tc"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_release_within_its_bounds_or_a_problem(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                ".*".prop_map(|notes| serde_json::to_vec(
                    &serde_json::json!({"version": "1.3.0", "notes": notes.repeat(50)})
                ).unwrap()),
            ]
        ) {
            if let Ok(release) = Release::parse(&bytes) {
                prop_assert!(check_version(&release.version).is_ok());
                let notes = release.notes.unwrap_or_default();
                prop_assert!(notes.len() <= NOTES_BYTES_MAX + "…".len());
                let is_harmless = |letter| matches!(letter, '\n' | '\t') || !is_unsafe_to_show(letter);
                prop_assert!(notes.chars().all(is_harmless));
            }
        }

        #[test]
        fn of_two_versions_at_most_one_is_newer(
            one in "v?[0-9]{1,2}(\\.[0-9]{1,2}){0,3}(-[a-z0-9.]{1,5})?(\\+[a-z0-9]{1,3})?",
            other in "v?[0-9]{1,2}(\\.[0-9]{1,2}){0,3}(-[a-z0-9.]{1,5})?",
        ) {
            let is_newer = release(&one).is_newer_than(&other);
            prop_assert!(!(is_newer && release(&other).is_newer_than(&one)));
            prop_assert!(!release(&one).is_newer_than(&one));
        }
    }
}
