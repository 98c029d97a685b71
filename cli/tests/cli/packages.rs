//! Dependencies and metadata of the packages. The library does not depend on crates that only the
//! command needs, and no dependency needs a newer compiler than `rust-version`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::program::cargo;

/// Crates that the command needs and the library does not.
const OF_THE_COMMAND: [&str; 6] = [
    "clap",
    "clap_complete",
    "clap_mangen",
    "humantime",
    "nix",
    "toml_edit",
];

#[test]
fn the_library_has_no_dependency_of_the_command() {
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
fn bundles_need_nothing_that_the_library_does_not() {
    let library = names_in_tree_of("localtel");
    let mut more = names_in_tree_of("localtel-bundle");
    more.retain(|name| !library.contains(name));
    assert_eq!(more, BTreeSet::from(["localtel-bundle".to_owned()]));
}

#[test]
fn each_published_package_has_complete_metadata() {
    let packages = packages();
    let ours = packages
        .iter()
        .filter(|package| package["source"].is_null());
    let published: Vec<&Value> = ours
        .filter(|package| package["publish"].is_null())
        .collect();
    let names: BTreeSet<&str> = published
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    let expected = [
        "localtel",
        "localtel-bundle",
        "localtel-cli",
        "localtel-fleet",
    ];
    assert_eq!(names, BTreeSet::from(expected));
    for package in published {
        let name = &package["name"];
        for key in ["description", "license", "readme", "rust_version"] {
            let text = package[key].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{name} has no {key}");
        }
        for key in ["categories", "keywords"] {
            let number = package[key].as_array().unwrap().len();
            assert!((1..=5).contains(&number), "{name} has {number} {key}");
        }
        let targets = &package["metadata"]["docs"]["rs"]["targets"];
        assert!(targets.is_array(), "{name}: {targets}");
    }
}

#[test]
fn each_published_package_contains_licences_and_readme() {
    for package in ["localtel", "localtel-bundle", "localtel-cli"] {
        let output = cargo()
            .args([
                "package",
                "--list",
                "--allow-dirty",
                "--offline",
                "--locked",
            ])
            .args(["-p", package])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let files: BTreeSet<&str> = text.lines().collect();
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "src/lib.rs"] {
            assert!(files.contains(file), "{package} without {file}: {text}");
        }
    }
}

#[test]
fn no_dependency_needs_a_newer_compiler() {
    let packages = packages();
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

/// Returns the packages of the workspace and their dependencies on this platform, as in
/// `cargo metadata`. Those for other platforms were not downloaded by a build.
fn packages() -> Vec<Value> {
    let version = cargo().arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .args(["--filter-platform", host.unwrap()])
        .output()
        .unwrap();
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    serde_json::from_value(metadata["packages"].take()).unwrap()
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
