//! Comments wrap at 100 columns, which rustfmt does not check on its own.

use crate::names::sources_below;

/// The directories with Rust sources, relative to the root of the repository.
const ROOTS: [&str; 7] = [
    "src",
    "bundle",
    "cli",
    "tests",
    "examples",
    "fleet",
    "benches/src",
];

/// The maximum width of a line with a comment.
const COLUMNS_MAX: usize = 100;

/// Returns the numbers of the comment lines of a text that are too long. Tables, fenced code, and
/// lines of a single word, such as an address, are exempt.
fn long_comments_in(text: &str) -> Vec<usize> {
    let mut long = Vec::new();
    let mut is_in_fence = false;
    for (index, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            is_in_fence = false;
            continue;
        };
        let comment = comment.trim_start_matches(['/', '!']).trim();
        if comment.starts_with("```") {
            is_in_fence = !is_in_fence;
            continue;
        }
        let may_be_long = is_in_fence || comment.starts_with('|') || !comment.contains(' ');
        if !may_be_long && line.chars().count() > COLUMNS_MAX {
            long.push(index + 1);
        }
    }
    long
}

#[test]
fn comments_wrap_at_100_columns() {
    let mut long = Vec::new();
    for (path, text) in sources_below(&ROOTS) {
        let lines = long_comments_in(&text).into_iter();
        long.extend(lines.map(|line| format!("{}:{line}", path.display())));
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn long_comments_are_found_outside_of_tables_and_code() {
    let words = "word ".repeat(20);
    let word = "w".repeat(100);
    for (text, expected) in [
        (format!("/// {words}"), vec![1]),
        (format!("fn f() {{\n    // {words}\n}}"), vec![2]),
        (
            format!("//! ```\n//! {words}\n//! ```\n//! {words}"),
            vec![4],
        ),
        (format!("//! ```\ncode();\n// {words}"), vec![3]),
        (format!("/// | {words} |"), vec![]),
        (format!("/// {word}"), vec![]),
        (format!("let text = \"// {words}\";"), vec![]),
        (format!("// {}", &words[..97]), vec![]),
    ] {
        assert_eq!(long_comments_in(&text), expected, "{text}");
    }
}
