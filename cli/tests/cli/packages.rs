//! What the packages depend on: the library on nothing that only the command needs, and none on a crate that needs a
//! newer compiler than they say.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::program::cargo;

/// What the command needs, and an application that links the library does not.
const OF_THE_COMMAND: [&str; 7] = [
    "clap",
    "clap_complete",
    "clap_mangen",
    "csv",
    "humantime",
    "nix",
    "toml_edit",
];

#[test]
fn the_library_needs_nothing_that_only_the_command_needs() {
    let names = names_in_tree_of("localtel");
    for name in OF_THE_COMMAND {
        assert!(!names.contains(name), "{name} in {names:?}");
    }
    let command = names_in_tree_of("localtel-cli");
    for name in OF_THE_COMMAND {
        assert!(command.contains(name), "{name} in {command:?}");
    }
}

#[test]
fn no_dependency_needs_a_newer_compiler() {
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let needed = |package: &Value| {
        let text = package["rust_version"].as_str()?;
        let numbers: Vec<u64> = text.split('.').map(|part| part.parse().unwrap()).collect();
        Some((numbers[0], numbers[1]))
    };
    let own = packages
        .iter()
        .find(|package| package["name"] == "localtel");
    let own = needed(own.unwrap()).unwrap();
    let newer: Vec<&Value> = packages
        .iter()
        .filter(|package| needed(package) > Some(own))
        .map(|package| &package["id"])
        .collect();
    assert!(newer.is_empty(), "newer than {own:?}: {newer:?}");
    assert!(packages.len() > 50, "{} packages", packages.len());
}

fn names_in_tree_of(package: &str) -> BTreeSet<String> {
    let output = cargo()
        .args(["tree", "--offline", "--locked", "-e", "normal"])
        .args(["--prefix", "none", "-p", package])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}
