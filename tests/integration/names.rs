//! Names in the source: of types, of tests, and of the tests in ARCHITECTURE.md. The source is read
//! as text, since the compiler has no such rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The directories with Rust sources, relative to the root of the repository.
const ROOTS: [&str; 6] = ["src", "bundle", "cli", "tests", "examples", "fleet"];

/// The maximum length of a test's name, which is read in lists and in ARCHITECTURE.md.
const TEST_NAME_MAX: usize = 60;

fn files_below(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Returns the path and the text of each Rust file.
fn sources() -> Vec<(PathBuf, String)> {
    sources_below(&ROOTS)
}

/// Returns the path and the text of each Rust file in these directories.
pub(crate) fn sources_below(roots: &[&str]) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for root in roots {
        files_below(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(root),
            &mut files,
        );
    }
    assert!(files.len() > 100, "{files:?}");
    let with_text = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    files.into_iter().map(with_text).collect()
}

/// Returns the name of the type that a line defines. An associated type of a trait, which is
/// indented, does not count.
fn type_defined_in(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = match code.strip_prefix("pub") {
        Some(rest) => rest.split_once(' ')?.1,
        None => code,
    };
    let (keyword, rest) = code.split_once(' ')?;
    let is_type = match keyword {
        "struct" | "enum" | "trait" | "union" => true,
        "type" => !line.starts_with(' '),
        _ => false,
    };
    let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric());
    let name = &rest[..end.unwrap_or(rest.len())];
    let is_name = name.starts_with(|letter: char| letter.is_ascii_uppercase());
    (is_type && is_name).then_some(name)
}

/// Returns the names of the tests in a text.
fn tests_in(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
            names.push(rest.split('(').next().unwrap());
            is_test = false;
        }
    }
    names
}

#[test]
fn each_type_has_a_name_of_its_own() {
    let mut defined: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (path, text) in sources() {
        // Its types replace those of `disk` and `elsewhere`, under the same names.
        if path.ends_with("store/unsupported.rs") {
            continue;
        }
        for name in text.lines().filter_map(type_defined_in) {
            defined
                .entry(name.to_owned())
                .or_default()
                .push(path.clone());
        }
    }
    assert!(defined.len() > 300, "{}", defined.len());
    defined.retain(|_, paths| paths.len() > 1);
    assert!(defined.is_empty(), "{defined:#?}");
}

#[test]
fn no_test_has_a_name_longer_than_60_characters() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        let names = tests_in(&text).into_iter();
        let names = names.filter(|name| name.len() > TEST_NAME_MAX);
        long.extend(names.map(|name| format!("{}: {name}", path.display())));
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn each_test_that_the_architecture_names_exists() {
    let tests: BTreeSet<String> = sources()
        .iter()
        .flat_map(|(_, text)| tests_in(text))
        .map(str::to_owned)
        .collect();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let page = fs::read_to_string(page).unwrap();
    let named = page.split('`').skip(1).step_by(2);
    let names = named.filter_map(|quoted| quoted.rsplit_once("::").map(|(_, name)| name));
    let names: Vec<&str> = names.filter(|name| name.matches('_').count() > 1).collect();
    assert!(names.len() > 50, "{names:?}");
    let missing: Vec<&&str> = names
        .iter()
        .filter(|name| !tests.contains(**name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
