//! The width of texts in the cells of a terminal: a wide letter takes two, a combining mark none.
//! Everything that is aligned, cut or wrapped is measured here. Values must be sanitized before.

use std::borrow::Cow;
use std::fmt;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::sanitize::Sanitized;

/// Returns the width of a text.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// Returns the width of a text that may have colours.
pub(crate) fn coloured_width(text: &str) -> usize {
    if text.contains('\x1b') {
        visible(text).map(|(_, wide)| wide).sum()
    } else {
        width(text)
    }
}

/// Cuts a text that is wider than `cells`, or has too many marks on one letter; one that was cut
/// ends in `…`.
pub(crate) fn cut(text: &str, cells: usize) -> Cow<'_, str> {
    if text.len() <= cells {
        return Cow::Borrowed(text);
    }
    let (mut used, mut marks) = (0, 0);
    // The first letter that leaves no cell for the `…`.
    let mut last = None;
    for (at, letter) in text.char_indices() {
        let wide = letter.width().unwrap_or(0);
        used += wide;
        marks = if wide == 0 { marks + 1 } else { 0 };
        if used >= cells && last.is_none() {
            last = Some(at);
        }
        if used > cells || marks > MARKS_MAX {
            let start = text.get(..last.unwrap_or(at)).unwrap_or_default();
            return Cow::Owned(format!("{start}…"));
        }
    }
    Cow::Borrowed(text)
}

/// Shows a text with spaces up to a width.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Padded<'a>(pub(crate) &'a str, pub(crate) usize);

impl fmt::Display for Padded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spaces = self.1.saturating_sub(width(self.0));
        write!(f, "{}{:spaces$}", self.0, "")
    }
}

/// What becomes of a word that is wider than a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LongWords {
    /// It is broken into several lines.
    Broken,
    /// It stays whole, as a path or a command in backticks that is to be copied.
    Kept,
}

/// Wraps a line, which may have colours, at its spaces. Lines after the first begin with `indent`
/// spaces.
pub(crate) fn wrapped(line: &str, cells: usize, indent: usize, long: LongWords) -> String {
    let cells = cells.max(indent + CELLS_MIN);
    let mut shown = String::with_capacity(line.len());
    let mut used = 0;
    let mut in_command = false;
    let words = line.split(|letter| {
        in_command ^= letter == '`' && long == LongWords::Kept;
        letter == ' ' && !in_command
    });
    for (index, word) in words.enumerate() {
        let wide = coloured_width(word);
        if index > 0 {
            if used + 1 + wide > cells && used > indent {
                new_line(&mut shown, indent);
                used = indent;
            } else {
                shown.push(' ');
                used += 1;
            }
        }
        for (letter, wide) in visible(word) {
            if long == LongWords::Broken && used + wide > cells {
                new_line(&mut shown, indent);
                used = indent;
            }
            shown.push(letter);
            used += wide;
        }
    }
    shown
}

/// Returns a sentence on lines of that width, sanitized and with an indent. Its own indent is kept.
pub(crate) fn paragraph(sentence: &str, indent: usize, cells: usize) -> String {
    let text = sentence.trim_start_matches(' ');
    let indent = indent + sentence.len() - text.len();
    let line = format!("{:indent$}{}", "", Sanitized(text));
    wrapped(&line, cells, indent, LongWords::Kept)
}

fn new_line(shown: &mut String, indent: usize) {
    // A space at the end of a line is of no use.
    shown.truncate(shown.trim_end_matches(' ').len());
    shown.push('\n');
    shown.extend(std::iter::repeat_n(' ', indent));
}

/// Returns the letters of a text, each with its width; those of a colour have none.
fn visible(text: &str) -> impl Iterator<Item = (char, usize)> {
    let mut is_escape = false;
    text.chars().map(move |letter| {
        let was_escape = is_escape;
        is_escape = letter == '\x1b' || is_escape && letter != 'm';
        let wide = if was_escape || is_escape {
            0
        } else {
            letter.width().unwrap_or(0)
        };
        (letter, wide)
    })
}

/// Most marks on one letter that are shown: more could fill a line without any width.
const MARKS_MAX: usize = 8;

/// The least number of cells beside the indent.
const CELLS_MIN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_letter_takes_two_cells_and_a_mark_none() {
        for (text, cells) in [
            ("", 0),
            ("abc", 3),
            ("漢字", 4),
            ("e\u{301}", 1),
            ("größe €", 7),
        ] {
            assert_eq!(width(text), cells, "{text}");
        }
    }

    #[test]
    fn texts_are_padded_by_cells() {
        assert_eq!(format!("{}|", Padded("漢字", 6)), "漢字  |");
        assert_eq!(format!("{}|", Padded("too long", 3)), "too long|");
    }

    #[test]
    fn a_text_is_cut_only_if_it_is_too_wide() {
        for (text, shown) in [
            ("abcde", "abcde"),
            ("abcdef", "abcd…"),
            ("漢字", "漢字"),
            ("漢字x", "漢字x"),
            ("漢字漢", "漢字…"),
            ("a漢字漢", "a漢…"),
            ("e\u{301}bcde", "e\u{301}bcde"),
            ("e\u{301}bcdef", "e\u{301}bcd…"),
        ] {
            assert_eq!(cut(text, 5), shown, "{text}");
        }
        let marks = "a".to_owned() + &"\u{301}".repeat(1000);
        assert!(cut(&marks, 5).len() < 40);
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        let line = "one two \u{1b}[1mthree\u{1b}[0m 漢字漢字漢字漢字漢字漢字漢字漢字 end";
        let shown = wrapped(line, 24, 4, LongWords::Broken);
        assert_eq!(
            shown,
            "one two \u{1b}[1mthree\u{1b}[0m\n    漢字漢字漢字漢字漢字\n    漢字漢字漢字 end"
        );
        let long = wrapped(&"x".repeat(60), 30, 2, LongWords::Broken);
        assert!(long.lines().all(|line| width(line) <= 30), "{long}");
        assert_eq!(long.replace(['\n', ' '], "").len(), 60);
        let short = wrapped("short  line", 80, 4, LongWords::Broken);
        assert_eq!(short, "short  line");
    }

    #[test]
    fn a_long_word_stays_whole_where_it_is_to_be_copied() {
        let path = "/".repeat(40);
        let shown = wrapped(&format!("  It is in {path}, so."), 24, 2, LongWords::Kept);
        assert_eq!(shown, format!("  It is in\n  {path},\n  so."));
        let command = "`chmod go= some-file`";
        let shown = wrapped(&format!("Open: next: {command}"), 24, 0, LongWords::Kept);
        assert_eq!(shown, format!("Open: next:\n{command}"));
    }
}
