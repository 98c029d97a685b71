//! Versions, in the order of Semantic Versioning: 1.9 < 1.10, and 1.10.0-rc.1 < 1.10.0. They may
//! have any number of parts, and a `v` before them.

use std::cmp::Ordering;

/// A version that values are compared with.
#[derive(Debug, Clone)]
pub(super) struct VersionBound(String);

impl VersionBound {
    /// Parses a text; `None` if it is not a version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        VersionParts::parse(text)?;
        Some(Self(text.to_owned()))
    }

    /// Compares a text with the version; `None` if the text is not a version.
    pub(super) fn compare(&self, text: &str) -> Option<Ordering> {
        let bound = VersionParts::parse(&self.0)?;
        Some(VersionParts::parse(text)?.compare(bound))
    }
}

/// Returns `true` if the values of a key are versions: the last part of its name is `version`, or
/// ends in it as in `app_version`, `app-version` or `appVersion`, but not as in `conversion`.
pub(super) fn is_key_of_versions(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.ends_with("Version")
        || last.strip_suffix("version").is_some_and(|before| {
            let end = before.chars().next_back();
            end.is_none_or(|end| !end.is_alphabetic())
        })
}

/// The parts of a version.
#[derive(Debug, Clone, Copy)]
struct VersionParts<'a> {
    /// The numbers with the dots between them.
    numbers: &'a str,
    /// The name of the pre-release, empty for a release.
    pre: &'a str,
}

impl<'a> VersionParts<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        // The build is not part of the order.
        let text = text.split_once('+').map_or(text, |(before, _)| before);
        let is_of_numbers = |letter: char| letter.is_ascii_digit() || letter == '.';
        let rest = text.trim_start_matches(is_of_numbers);
        let numbers = text.strip_suffix(rest)?;
        let pre = match rest.strip_prefix('-') {
            Some("") => return None,
            Some(pre) => pre,
            // As in `1.10rc1`.
            None if rest.starts_with('.') => return None,
            None => rest,
        };
        let is_of_pre =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
        let has_all = numbers.split('.').all(|number| !number.is_empty());
        (has_all && pre.chars().all(is_of_pre)).then_some(Self { numbers, pre })
    }

    fn compare(self, other: Self) -> Ordering {
        let (mut own, mut others) = (self.numbers.split('.'), other.numbers.split('.'));
        loop {
            let ordering = match (own.next(), others.next()) {
                (None, None) => break,
                // 1.2 is 1.2.0.
                (own, other) => compare_digits(own.unwrap_or("0"), other.unwrap_or("0")),
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        match (self.pre, other.pre) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (own, other) => compare_pre(own, other),
        }
    }
}

fn compare_pre(own: &str, other: &str) -> Ordering {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (mut own, mut others) = (own.split('.'), other.split('.'));
    loop {
        let ordering = match (own.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(own), Some(other)) => match (is_number(own), is_number(other)) {
                (true, true) => compare_digits(own, other),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => own.cmp(other),
            },
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Compares two numbers of any length by their digits.
fn compare_digits(own: &str, other: &str) -> Ordering {
    let [own, other] = [own, other].map(|digits| digits.trim_start_matches('0'));
    own.len().cmp(&other.len()).then_with(|| own.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare_versions(version: &str, bound: &str) -> Option<Ordering> {
        VersionBound::parse(bound)?.compare(version)
    }

    #[test]
    fn versions_are_in_order() {
        let rising = [
            "0.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.1",
            "1.9",
            "1.9.3",
            "1.10.0-rc.1",
            "1.10.0rc2",
            "1.10.0",
            "v1.10.1",
            "1.10.1.1",
            "2",
            "10",
            "99999999999999999999999999",
        ];
        for (at, lesser) in rising.iter().enumerate() {
            let own = compare_versions(lesser, lesser);
            assert_eq!(own, Some(Ordering::Equal), "{lesser}");
            for greater in &rising[at + 1..] {
                let ordering = compare_versions(lesser, greater);
                assert_eq!(ordering, Some(Ordering::Less), "{lesser} {greater}");
                let ordering = compare_versions(greater, lesser);
                assert_eq!(ordering, Some(Ordering::Greater), "{greater} {lesser}");
            }
        }
    }

    #[test]
    fn zeros_the_build_and_the_letter_v_make_no_difference() {
        for [one, other] in [
            ["1.2", "1.2.0"],
            ["v1.2", "V1.2"],
            ["1.2+a", "1.2+b"],
            ["1.2-rc.1+a", "1.2-rc.1"],
            ["01.2", "1.02"],
        ] {
            let ordering = compare_versions(one, other);
            assert_eq!(ordering, Some(Ordering::Equal), "{one} {other}");
        }
    }

    #[test]
    fn a_text_that_is_no_version_has_no_order() {
        for text in [
            "",
            "v",
            "latest",
            "1.",
            ".1",
            "1..2",
            "1.x",
            "1-",
            "-1",
            "1 2",
            "1.2 (beta)",
            "1_0",
            "a1",
        ] {
            assert!(VersionBound::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn keys_of_versions_are_recognised_by_their_end() {
        for name in [
            "version",
            "app_version",
            "os.version",
            "app-version",
            "appVersion",
        ] {
            assert!(is_key_of_versions(name), "{name}");
        }
        for name in [
            "conversion",
            "versions",
            "version.major",
            "version_id",
            "Conversion",
        ] {
            assert!(!is_key_of_versions(name), "{name}");
        }
    }
}
