//! The public API of the library: few names at the root, and no type of a crate before its version
//! 1.0, except those of `tracing`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Crates before 1.0 that may appear, since this library extends them.
const EXPECTED: [&str; 3] = ["tracing", "tracing_core", "tracing_subscriber"];

/// Returns the source files of the library.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// Returns the names of the dependencies before 1.0.
fn early_crates() -> Vec<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let early = manifest.lines().filter_map(|line| {
        let (name, version) = line.split_once(" = ")?;
        let version = version.trim_start_matches("{ version = ");
        version.starts_with("\"0.").then(|| name.replace('-', "_"))
    });
    let early: Vec<String> = early
        .filter(|name| !EXPECTED.contains(&name.as_str()))
        .collect();
    assert!(early.contains(&"time".to_owned()), "{early:?}");
    early
}

fn words(text: &str) -> BTreeSet<&str> {
    let is_inside = |character: char| character.is_alphanumeric() || character == '_';
    text.split(|character| !is_inside(character)).collect()
}

/// Returns the names that a file imports from these crates, and the crates' own names.
fn early_names(source: &str, crates: &[String]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = crates.iter().map(|name| format!("{name}::")).collect();
    for import in source.split("\nuse ").skip(1) {
        let (path, _) = import.split_once(';').unwrap();
        if let Some((root, rest)) = path.split_once("::")
            && crates.iter().any(|name| name == root)
        {
            names.extend(words(rest).into_iter().map(str::to_owned));
        }
    }
    names.remove("");
    names.remove("self");
    names
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    std::fs::read_to_string(path).unwrap()
}

/// Returns the names of types and functions that a file defines publicly or re-exports, on lines
/// that begin with `start`.
fn exported(source: &str, start: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in source.split("\n\n") {
        if item.contains("#[doc(hidden)]") {
            continue;
        }
        let item = format!("\n{item}");
        for kind in ["use", "struct", "enum", "trait", "fn", "type"] {
            for part in item.split(&format!("\n{start}pub {kind} ")).skip(1) {
                let end: &[char] = if kind == "use" {
                    &[';']
                } else {
                    &[' ', '(', '<', ';']
                };
                let (part, _) = part.split_once(end).unwrap();
                let last = part.rsplit_once("::{").map_or(part, |(_, list)| list);
                let last = last.rsplit_once("::").map_or(last, |(_, name)| name);
                names.extend(words(last).into_iter().map(str::to_owned));
            }
        }
    }
    names.remove("");
    names
}

/// Returns the public names of the root and of the modules below it.
fn public_names() -> BTreeSet<String> {
    let root = read("lib.rs");
    let mut names = exported(&root, "");
    names.extend(exported(&root, "    "));
    for module in ["consent", "policy", "report"] {
        names.extend(exported(&read(&format!("{module}/mod.rs")), ""));
    }
    names.retain(|name| name.starts_with(char::is_uppercase));
    names
}

/// Returns the public parts of a file: the definitions of public types, and the signatures of their
/// methods and traits.
fn signatures<'a>(source: &'a str, public: &BTreeSet<String>) -> Vec<&'a str> {
    let mut found = Vec::new();
    // In the format of `rustfmt`, an item starts and ends with a line.
    for item in source.split("\n}\n") {
        let start = [
            "\nimpl",
            "\npub struct ",
            "\npub enum ",
            "\npub fn ",
            "\npub trait ",
        ];
        let Some(at) = start.iter().filter_map(|start| item.find(start)).min() else {
            continue;
        };
        let (_, item) = item.split_at(at + 1);
        let (head, body) = item.split_once('{').unwrap_or((item, ""));
        // For an `impl`, the trait and the type count; for other items only their name.
        let named = if head.starts_with("impl") {
            head
        } else {
            head.split(' ').nth(2).unwrap_or(head)
        };
        let named = named.split('(').next().unwrap_or(named);
        if !words(named).iter().any(|name| public.contains(*name)) {
            continue;
        }
        found.push(head);
        if item.starts_with("pub enum") {
            found.push(body);
        } else {
            let members = body.split("\n    pub ").skip(1);
            let types = body.split("\n    type ").skip(1);
            let until = |member: &'a str| member.split(['{', ';']).next().unwrap_or(member);
            found.extend(members.chain(types).map(until));
        }
    }
    found
}

#[test]
fn no_signature_has_a_type_of_a_crate_before_version_one() {
    let (crates, public) = (early_crates(), public_names());
    let mut checked = 0;
    for path in sources() {
        let source = std::fs::read_to_string(&path).unwrap();
        let (source, _) = source
            .split_once("#[cfg(test)]\nmod tests")
            .unwrap_or((&source, ""));
        let early = early_names(source, &crates);
        for signature in signatures(source, &public) {
            checked += 1;
            let signature: Vec<&str> = signature
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            let signature = signature.join("\n");
            let words = words(&signature);
            let is_used = |name: &&String| {
                words.contains(name.as_str()) || name.ends_with("::") && signature.contains(*name)
            };
            let used: Vec<&String> = early.iter().filter(is_used).collect();
            assert!(
                used.is_empty(),
                "{}: {used:?} in {signature}",
                path.display()
            );
        }
    }
    assert!(checked > 300, "{checked}");
}

#[test]
fn the_root_has_at_most_fourteen_names() {
    // Re-exported crates do not count.
    let mut names = exported(&read("lib.rs"), "");
    names.retain(|name| !["serde_json", "uuid"].contains(&name.as_str()));
    assert!(
        names.contains("Telemetry") && names.contains("Result"),
        "{names:?}"
    );
    assert!(names.len() <= 14, "{names:?}");
}
