//! The dependencies of the program: nothing that opens a socket or needs a compiler of C, and none
//! of the large libraries that can come with Parquet.

use std::process::Command;

#[test]
fn no_dependency_is_arrow_an_object_store_or_c() {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--locked", "--all-features"])
        .args([
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let mut names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.contains(&"parquet"), "{names:?}");
    let is_banned = |name: &&str| {
        let starts = ["arrow", "object_store", "datafusion", "futures", "openssl"];
        starts.iter().any(|start| name.starts_with(start))
            || name.ends_with("-sys") && *name != "linux-raw-sys"
            || ["cc", "cmake", "pkg-config", "bindgen"].contains(name)
            || [
                "tokio", "mio", "socket2", "hyper", "reqwest", "ring", "prost",
            ]
            .contains(name)
    };
    let banned: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| is_banned(name))
        .collect();
    assert!(banned.is_empty(), "{banned:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn the_program_imports_no_function_that_opens_sockets() {
    let output = Command::new("nm")
        .args([
            "-D",
            "--undefined-only",
            env!("CARGO_BIN_EXE_localtel-fleet"),
        ])
        .output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        println!("skipped: `nm` is missing or cannot list imports");
        return;
    };
    let imports = String::from_utf8(output.stdout).unwrap();
    let names = imports
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    let names: Vec<&str> = names.filter_map(|name| name.split('@').next()).collect();
    assert!(names.contains(&"write"), "{names:?}");
    for function in ["socket", "connect", "bind", "listen", "getaddrinfo"] {
        assert!(!names.contains(&function), "{function}");
    }
}
