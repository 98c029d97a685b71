//! Modules use each other in one direction only. The rule: of the modules that one module declares,
//! each taken together with all below it, none uses another that uses it, directly or indirectly. A
//! use of a module that contains the user (`super`, or its path) does not count, except that a name
//! which is only imported there counts as a use of the module that defines it. Test code is not
//! read.
//!
//! The check reads `use` declarations and paths that begin with `crate`, `super` or `self`. A path
//! that begins with the name of a module leads down, or begins with the name from a `use`
//! declaration that was read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A path of names from the root of a crate.
type Names = Vec<String>;

/// The modules of a crate.
#[derive(Default)]
struct Modules(BTreeMap<Names, Module>);

/// The imports and paths of one file.
#[derive(Default)]
struct Module {
    /// The imported paths, by their names in this file.
    imports: BTreeMap<String, Names>,
    /// All paths, from the root of the crate.
    paths: BTreeSet<Names>,
}

impl Modules {
    /// Reads the sources of a crate: the text of each file by its path below `src`.
    fn read(files: &BTreeMap<String, String>) -> Self {
        let mut modules = Self::default();
        let mut of_tests = Vec::new();
        for (file, text) in files {
            let names = module_of(file);
            let (text, tests) = without_tests(text);
            of_tests.extend(tests.into_iter().map(|name| [&names[..], &[name]].concat()));
            let module = Module::read(&tokens(&text), &names);
            modules.0.insert(names, module);
        }
        modules
            .0
            .retain(|names, _| !of_tests.iter().any(|test| names.starts_with(test)));
        modules
    }

    /// Returns the module that defines the target of a path.
    fn defined_in(&self, path: &Names) -> Names {
        let mut path = path.clone();
        // Longer than any chain of imports.
        for _ in 0..20 {
            let depth = (0..=path.len())
                .rev()
                .find(|depth| self.0.contains_key(&path[..*depth]))
                .unwrap_or(0);
            let (module, rest) = path.split_at(depth);
            let import = rest
                .first()
                .and_then(|name| self.0.get(module)?.imports.get(name));
            match import {
                Some(target) if target[..] != path[..=depth] => {
                    path = [target, &rest[1..]].concat();
                }
                Some(_) | None => return module.to_vec(),
            }
        }
        path
    }

    /// Returns the uses between the modules that each module declares, with an example of each.
    fn uses(&self) -> BTreeMap<Names, BTreeMap<String, BTreeMap<String, String>>> {
        let mut uses = BTreeMap::<Names, BTreeMap<String, BTreeMap<String, String>>>::new();
        for (user, module) in &self.0 {
            for path in &module.paths {
                let used = self.defined_in(path);
                let shared = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
                let (Some(from), Some(to)) = (user.get(shared), used.get(shared)) else {
                    continue;
                };
                let example = format!("{} uses {}", user.join("::"), path.join("::"));
                uses.entry(user[..shared].to_vec())
                    .or_default()
                    .entry(from.clone())
                    .or_default()
                    .insert(to.clone(), example);
            }
        }
        uses
    }

    /// Describes each group of modules that use each other.
    fn cycles(&self) -> Vec<String> {
        let mut cycles = Vec::new();
        for (parent, uses) in self.uses() {
            let mut done = BTreeSet::new();
            for one in uses.keys() {
                let group: BTreeSet<&String> = reachable(&uses, one)
                    .into_iter()
                    .filter(|other| reachable(&uses, other).contains(one))
                    .collect();
                if group.is_empty() || !done.insert(group.clone()) {
                    continue;
                }
                let names: Vec<&str> = group.iter().map(|name| name.as_str()).collect();
                let mut cycle = format!("{}: {}", parent.join("::"), names.join(" "));
                for from in &group {
                    let targets = uses[*from].iter().filter(|(to, _)| group.contains(to));
                    for (_, example) in targets {
                        write!(cycle, "\n    {example}").unwrap();
                    }
                }
                cycles.push(cycle);
            }
        }
        cycles
    }
}

/// Returns the modules that a module uses, directly or indirectly; itself only if it is in a cycle.
fn reachable<'a>(
    uses: &'a BTreeMap<String, BTreeMap<String, String>>,
    from: &str,
) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut left = vec![from];
    while let Some(one) = left.pop() {
        for to in uses.get(one).into_iter().flat_map(BTreeMap::keys) {
            if found.insert(to) {
                left.push(to);
            }
        }
    }
    found
}

impl Module {
    fn read(tokens: &[String], own: &Names) -> Self {
        let mut module = Self::default();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token.as_str() {
                "use" => at = module.read_tree(tokens, at + 1, own, &mut Vec::new()),
                "crate" | "super" | "self"
                    if tokens.get(at + 1).is_some_and(|next| next == "::") =>
                {
                    let mut path = Vec::new();
                    while let Some(name) = tokens.get(at).filter(|name| is_name(name)) {
                        path.push(name.clone());
                        at += 1;
                        if tokens.get(at).is_none_or(|next| next != "::") {
                            break;
                        }
                        at += 1;
                    }
                    module.paths.extend(from_root(&path, own));
                }
                _ => at += 1,
            }
        }
        module
    }

    /// Reads the tree of a `use` declaration behind the prefix, and returns where the next token
    /// is.
    fn read_tree(
        &mut self,
        tokens: &[String],
        mut at: usize,
        own: &Names,
        prefix: &mut Names,
    ) -> usize {
        let depth = prefix.len();
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.as_str() {
                "::" => {}
                "{" => loop {
                    at = self.read_tree(tokens, at, own, &mut prefix.clone());
                    match tokens.get(at).map(String::as_str) {
                        Some(",") => at += 1,
                        Some("}") => return at + 1,
                        Some(_) | None => return at,
                    }
                },
                "as" => {
                    self.import(prefix, tokens.get(at), own);
                    return at + 1;
                }
                "," | "}" | ";" => {
                    if prefix.len() > depth {
                        self.import(prefix, prefix.last().cloned().as_ref(), own);
                    }
                    return at - 1;
                }
                "self" if !prefix.is_empty() => {
                    self.import(prefix, prefix.last().cloned().as_ref(), own);
                    return at;
                }
                name => prefix.push(name.to_owned()),
            }
        }
        at
    }

    fn import(&mut self, path: &Names, name: Option<&String>, own: &Names) {
        // Another beginning is a module declared here, or another crate.
        let path = from_root(path, own).unwrap_or_else(|| [&own[..], path].concat());
        if let Some(name) = name {
            self.paths.insert(path.clone());
            self.imports.insert(name.clone(), path);
        }
    }
}

/// Returns a path as it is from the root of the crate, if it begins with `crate`, `super` or
/// `self`.
fn from_root(path: &Names, own: &Names) -> Option<Names> {
    let mut names = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "super" | "self" => own.clone(),
        _ => return None,
    };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => {
                names.pop();
            }
            name => names.push(name.to_owned()),
        }
    }
    Some(names)
}

/// Returns the module of a file, given its path below `src`.
fn module_of(file: &str) -> Names {
    let path = file.strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let names = path.split('/').map(str::to_owned);
    names
        .filter(|name| name != "lib" && name != "main")
        .collect()
}

/// Returns a file without its tests, and the names of the test modules in files of their own. The
/// end of an item with `#[cfg(test)]` is found by its indentation, as rustfmt writes it.
fn without_tests(text: &str) -> (String, Vec<String>) {
    let mut kept = String::new();
    let mut tests = Vec::new();
    let mut skipped = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if skipped == Some(indent) && line.ends_with(['}', ';', ',']) {
            skipped = None;
            let declared = line.trim_end_matches(';').split_once("mod ");
            tests.extend(
                declared
                    .filter(|_| line.ends_with(';'))
                    .map(|(_, name)| name.to_owned()),
            );
        } else if skipped.is_none() && line.trim() == "#[cfg(test)]" {
            skipped = Some(indent);
        } else if skipped.is_none() {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    (kept, tests)
}

/// Splits a text into names, `::` and other characters, without comments and quoted literals.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(quoted) = quoted(rest) {
            quoted
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else if is_name(&first.to_string()) {
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let end = end.unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[end..];
    }
    tokens
}

/// Returns the length of a literal in quotes, if the text begins with one.
fn quoted(text: &str) -> Option<usize> {
    let marks = text.strip_prefix("br").or(text.strip_prefix('r'));
    if let Some(hashes) = marks.map(|rest| rest.len() - rest.trim_start_matches('#').len())
        && marks.is_some_and(|rest| rest[hashes..].starts_with('"'))
    {
        let start = text.find('"')? + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(start + text[start..].find(&end)? + end.len());
    }
    let quote = text
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))?;
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            _ if letter == quote => return Some(at + 1),
            // A single quote before several characters is a lifetime.
            _ if quote == '\'' && at > 1 && !text[1..at].starts_with('\\') => return None,
            _ => {}
        }
    }
    None
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphanumeric() || first == '_')
}

/// Reads all files below a directory.
fn files_below(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), files);
        } else if entry.path().extension().is_some_and(|end| end == "rs") {
            files.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

fn cycles_in(files: &[(&str, &str)]) -> Vec<String> {
    let files = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Modules::read(&files.collect()).cycles()
}

#[test]
fn modules_use_each_other_in_one_direction_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for sources in ["src", "bundle/src", "cli/src"] {
        let mut files = BTreeMap::new();
        if root.join(sources).is_dir() {
            files_below(&root.join(sources), "", &mut files);
        }
        let cycles = Modules::read(&files).cycles();
        assert!(cycles.is_empty(), "below {sources}:\n{}", cycles.join("\n"));
    }
}

#[test]
fn a_cycle_is_found_however_it_is_written() {
    let b = ("b.rs", "use crate::a::A;");
    let cases: [&[(&str, &str)]; 9] = [
        &[("a.rs", "use crate::b::B;"), b],
        &[("a.rs", "use crate::{x::{self, Y}, b as c};"), b],
        &[("a.rs", "pub(crate) use super::b::{\n    B,\n};"), b],
        &[
            (
                "a.rs",
                "fn f<'a>(x: &'a str) { g('{', '\\'', crate::b::B) }",
            ),
            b,
        ],
        &[("a.rs", "#[cfg(unix)]\nuse crate::b::B;"), b],
        &[
            ("a/mod.rs", "mod c;"),
            ("a/c.rs", "fn f() { super::super::b::B }"),
            b,
        ],
        &[("a.rs", "use crate::c;"), ("c.rs", "use crate::b;"), b],
        &[("lib.rs", "pub use b::B;"), ("a.rs", "use crate::B;"), b],
        &[
            ("lib.rs", "pub use c::*;"),
            ("c.rs", "use crate::a;"),
            ("a.rs", "use crate::c::C;"),
        ],
    ];
    for files in cases {
        assert_eq!(cycles_in(files).len(), 1, "{files:?}");
    }
    let below = [
        ("m/mod.rs", "mod a;\nmod b;\npub use self::b::B;"),
        ("m/a.rs", "use super::B;"),
        ("m/b.rs", "use super::a::A;"),
    ];
    let found = cycles_in(&below);
    assert_eq!(found, ["m: a b\n    m::a uses m::B\n    m::b uses m::a::A"]);
}

#[test]
fn modules_without_a_cycle_are_accepted() {
    let b = ("b.rs", "use crate::a::A;");
    let cases: [&[(&str, &str)]; 7] = [
        &[("a.rs", "// use crate::b;\n/// [`B`](crate::b::B)"), b],
        &[
            (
                "a.rs",
                "const A: &str = \"crate::b::B\"; const C: &str = r#\"\"crate::b\"#;",
            ),
            b,
        ],
        &[
            ("a.rs", "#[cfg(test)]\nmod tests {\n    use crate::b::B;\n}"),
            b,
        ],
        &[
            ("a.rs", "#[cfg(test)]\nmod tests;"),
            ("a/tests.rs", "use crate::b::B;"),
            b,
        ],
        &[("a.rs", "use b::B;"), b],
        &[("a/mod.rs", "use self::c::C;"), ("a/c.rs", "use super::A;")],
        &[("a.rs", "use crate::c::C;"), ("c.rs", ""), b],
    ];
    for files in cases {
        assert_eq!(cycles_in(files), Vec::<String>::new(), "{files:?}");
    }
}
