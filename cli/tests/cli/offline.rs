//! Nothing leaves this machine: no dependency, no line of the source, no import of a binary and no
//! system call may use a socket. Each check has a control which shows that it would find one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{cargo, program};

#[test]
fn no_dependency_can_open_a_socket() {
    let banned = banned_crates();
    assert!(
        banned.len() > 40 && banned.contains("tokio"),
        "deny.toml was not parsed as expected: {banned:?}"
    );
    for package in [
        "localtel",
        "localtel-bundle",
        "localtel-cli",
        "localtel-examples",
        "localtel-fleet",
    ] {
        let graph = Graph::of(package);
        let names = graph.names();
        assert!(names.contains("tracing-appender"), "{names:?}");
        let found: Vec<_> = names.intersection(&banned).collect();
        assert!(found.is_empty(), "{package}: {found:?}");
        for (name, feature) in BANNED_FEATURES {
            let is_on = graph.features_of(name).contains(feature);
            assert!(!is_on, "{package}: {name} has the feature {feature}");
        }
    }
}

/// The lock file contains the dependencies of every platform, every combination of features, and
/// the tests.
#[test]
fn the_lock_file_names_no_banned_crate() {
    let lock = std::fs::read_to_string(in_workspace("Cargo.lock")).unwrap();
    let name = |line: &str| {
        Some(
            line.strip_prefix("name = \"")?
                .trim_end_matches('"')
                .to_owned(),
        )
    };
    let locked: BTreeSet<String> = lock.lines().filter_map(name).collect();
    assert!(locked.contains("tracing-appender"), "{locked:?}");
    let found: Vec<_> = locked.intersection(&banned_crates()).cloned().collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_source_names_no_socket() {
    let mut files = ["src", "bundle/src", "cli/src", "fleet/src"]
        .map(in_workspace)
        .to_vec();
    let mut read = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for word in SOCKET_WORDS {
            assert!(!text.contains(word), "{} names {word}", path.display());
        }
        read += 1;
    }
    assert!(read > 10, "only {read} files were read");
}

#[test]
#[cfg(target_os = "linux")]
fn no_binary_imports_a_function_of_sockets() {
    let Some(control) = imports(&std::env::current_exe().unwrap()) else {
        println!("skipped: `nm` is missing or cannot list imports");
        return;
    };
    // The control of the system calls is part of this test's binary.
    assert!(control.contains("socket"), "a socket would not be noticed");
    for binary in binaries() {
        let found: Vec<String> = imports(&binary)
            .unwrap()
            .into_iter()
            .filter(|name| is_of_sockets(name) && !EXCUSED_FUNCTIONS.contains(&name.as_str()))
            .collect();
        assert!(found.is_empty(), "{} imports {found:?}", binary.display());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn no_program_makes_a_system_call_of_the_network() {
    let mut control = Command::new(std::env::current_exe().unwrap());
    control.args([
        "offline::the_control_opens_a_socket",
        "--exact",
        "--ignored",
    ]);
    let Some(calls) = network_calls(&control) else {
        println!("skipped: `strace` is missing or may not trace here");
        return;
    };
    assert!(
        calls.contains("socket("),
        "a socket would not be noticed: {calls}"
    );

    let place = TempDir::new().unwrap();
    std::fs::write(place.path().join("a.txt"), "one\n").unwrap();
    for (binary, arguments) in programs() {
        let mut program = Command::new(&binary);
        program
            .args(arguments)
            .current_dir(place.path())
            .env_clear()
            .env("TMPDIR", place.path())
            .env("XDG_STATE_HOME", place.path().join("state"))
            .env("THERMOMETER_TELEMETRY", "on");
        let calls = network_calls(&program).unwrap();
        assert_eq!(calls, "", "{} {arguments:?}", binary.display());
    }
}

/// Opens a socket: the control of the checks.
#[test]
#[ignore = "a control that other tests run: it opens a socket, bound to this machine alone"]
#[expect(
    clippy::disallowed_types,
    reason = "shows that the checks notice a socket"
)]
fn the_control_opens_a_socket() {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
}

/// The resolved dependencies of a package on this platform, with the package itself.
struct Graph {
    /// The name and the features of each.
    packages: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl Graph {
    /// Resolves the dependencies of a package with all features, from the lock file, offline.
    fn of(package: &str) -> Self {
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--offline", "--locked"])
            .args(["--filter-platform", &host(), "--all-features"])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();

        let packages = list(&metadata["packages"]);
        let names: BTreeMap<&str, &str> = packages
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"]["nodes"])
            .map(|node| (text(&node["id"]), node))
            .collect();
        let mut packages = BTreeMap::new();
        let root = names.iter().find(|(_, name)| **name == package);
        let mut waiting = vec![*root.unwrap().0];
        while let Some(id) = waiting.pop() {
            let features = list(&nodes[id]["features"]).map(|name| text(name).to_owned());
            let package = (names[id].to_owned(), features.collect());
            if packages.insert(id.to_owned(), package).is_none() {
                let needed = list(&nodes[id]["deps"]).filter(|dependency| is_built_in(dependency));
                waiting.extend(needed.map(|dependency| text(&dependency["pkg"])));
            }
        }
        Self { packages }
    }

    fn names(&self) -> BTreeSet<String> {
        self.packages
            .values()
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn features_of(&self, name: &str) -> BTreeSet<&str> {
        let packages = self.packages.values().filter(|(own, _)| own == name);
        packages
            .flat_map(|(_, features)| features.iter().map(String::as_str))
            .collect()
    }
}

/// Returns `true` if a dependency is not only for tests (`null` is the kind of a normal one).
fn is_built_in(dependency: &Value) -> bool {
    list(&dependency["dep_kinds"]).any(|kind| kind["kind"] != "dev")
}

/// Reads the list of banned crates in `deny.toml`.
fn banned_crates() -> BTreeSet<String> {
    let text = std::fs::read_to_string(in_workspace("deny.toml")).unwrap();
    let (_, rest) = text.split_once("\ndeny = [\n").unwrap();
    let (list, _) = rest.split_once("\n]").unwrap();
    list.lines()
        .map(|line| line.trim().trim_end_matches(','))
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.trim_matches('"').to_owned())
        .collect()
}

fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().unwrap();
    let version = String::from_utf8(output.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.unwrap().to_owned()
}

/// Lists the functions that a binary imports, without versions. Returns `None` if `nm` cannot.
fn imports(binary: &Path) -> Option<BTreeSet<String>> {
    let output = Command::new("nm")
        .args(["-D", "--undefined-only"])
        .arg(binary)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    let names = names.filter_map(|name| name.split('@').next());
    Some(names.map(str::to_owned).collect())
}

/// Returns `true` if a function opens or uses a socket, or may do so to resolve a name.
fn is_of_sockets(name: &str) -> bool {
    SOCKET_FUNCTIONS.contains(&name)
        || SOCKET_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Runs a program and lists its system calls for sockets. Returns `None` if it cannot be traced.
fn network_calls(program: &Command) -> Option<String> {
    let place = TempDir::new().unwrap();
    let log = place.path().join("calls");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-e", "signal=none", "-e"])
        .arg("trace=%network,io_uring_setup,io_uring_enter")
        .arg("-o")
        .arg(&log)
        .arg("--")
        .arg(program.get_program())
        .args(program.get_args())
        .stdin(std::process::Stdio::null());
    if let Some(directory) = program.get_current_dir() {
        // A program with a working directory also has a complete environment.
        strace.current_dir(directory).env_clear();
        strace.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    }
    for (name, value) in program.get_envs() {
        strace.env(name, value.unwrap_or_default());
    }
    let output = strace.output().ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("ptrace") || errors.contains("PTRACE") {
        return None;
    }
    assert!(output.status.success(), "{program:?}: {errors}");
    Some(std::fs::read_to_string(log).unwrap())
}

/// Returns two examples that contain the library, and the CLI.
fn binaries() -> Vec<PathBuf> {
    let localtel = PathBuf::from(env!("CARGO_BIN_EXE_localtel"));
    vec![program("threads"), program("short_lived"), localtel]
}

/// Returns the programs, with arguments, whose system calls are checked.
fn programs() -> Vec<(PathBuf, &'static [&'static str])> {
    const SELECTION: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/cmd/selection.in/telemetry"
    );
    const COMMANDS: [&[&str]; 6] = [
        &["--help"],
        &["--app", "unused", "status"],
        &["--dir", SELECTION, "show"],
        &["--dir", SELECTION, "clear", "--dry-run"],
        &["--app", "unused", "run", "--", "true"],
        &["man"],
    ];
    const EXAMPLES: [(&str, &[&str]); 6] = [
        ("threads", &["2", "100"]),
        ("short_lived", &["21.5"]),
        ("read_back", &[]),
        ("quickstart", &["."]),
        ("embedded", &["--telemetry", "on", "--version"]),
        ("embedded", &["telemetry", "status"]),
    ];
    let localtel = PathBuf::from(env!("CARGO_BIN_EXE_localtel"));
    let commands = COMMANDS.map(|command| (localtel.clone(), command));
    let examples = EXAMPLES.map(|(name, words)| (program(name), words));
    [commands, examples].concat()
}

fn in_workspace(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(name)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Features that add sockets to crates that are allowed without them, as in `deny.toml`.
const BANNED_FEATURES: [(&str, &str); 6] = [
    ("rustix", "all-apis"),
    ("rustix", "io_uring"),
    ("rustix", "net"),
    ("nix", "net"),
    ("nix", "socket"),
    ("nix", "user"),
];

/// Paths and types that source code with sockets contains.
const SOCKET_WORDS: [&str; 8] = [
    "std::net",
    "core::net",
    "unix::net",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "ToSocketAddrs",
    "rustix::net",
];

/// Functions of the C library for sockets, and for look-ups that query a daemon through one.
const SOCKET_FUNCTIONS: [&str; 18] = [
    "accept",
    "accept4",
    "bind",
    "connect",
    "getaddrinfo",
    "getnameinfo",
    "listen",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "send",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "shutdown",
    "socket",
    "socketpair",
];

const SOCKET_PREFIXES: [&str; 8] = [
    "gethostby",
    "getgr",
    "getnetby",
    "getprotoby",
    "getpwnam",
    "getpwuid",
    "getservby",
    "res_",
];

/// Functions that the standard library links into every program that can start a process: a child
/// passes its process descriptor through a pair of sockets. They are called only if a program
/// requests such a descriptor, and ours do not, as their system calls show. They cannot reach
/// another machine: `socket` and `connect` stay forbidden.
const EXCUSED_FUNCTIONS: [&str; 4] = ["recv", "recvmsg", "sendmsg", "socketpair"];
