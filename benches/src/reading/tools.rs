//! The programs that read: localtel, which is built, and its peers, which are found or installed.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes and searches the `PATH`"
)]

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::effort::Effort;

/// A program that reads telemetry.
#[derive(Debug)]
pub(super) struct Tool {
    /// The path of the program.
    pub(super) program: String,
    /// The first line of its `--version`.
    pub(super) version: String,
}

/// A program that localtel is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Jq,
    Jaq,
    Ripgrep,
    Hl,
    DuckDb,
}

impl Peer {
    pub(super) const ALL: [Self; 5] = [Self::Jq, Self::Jaq, Self::Ripgrep, Self::Hl, Self::DuckDb];

    /// Returns the name of the program.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jq => "jq",
            Self::Jaq => "jaq",
            Self::Ripgrep => "rg",
            Self::Hl => "hl",
            Self::DuckDb => "duckdb",
        }
    }

    /// Returns the directory below `tools` that its installer writes the program to. The package
    /// `duckdb-cli` also has a script that starts it, which takes longer.
    fn directory(self) -> &'static str {
        match self {
            Self::Jq | Self::Jaq | Self::Ripgrep | Self::Hl => "bin",
            Self::DuckDb => "duckdb_cli",
        }
    }

    /// Returns the command that installs its latest version below a directory, if there is one.
    /// The crate `hl` is another program.
    fn installer(self, home: &Path) -> Option<Command> {
        let (mut command, package) = match self {
            Self::Jaq => (cargo_install(), "jaq"),
            Self::Ripgrep => (cargo_install(), "ripgrep"),
            Self::DuckDb => (pip_install(), "duckdb-cli"),
            Self::Jq | Self::Hl => return None,
        };
        command.arg(home).arg(package).stdout(Stdio::null());
        Some(command)
    }

    /// Returns arguments with which only the right program prints its version.
    fn probe(self) -> &'static [&'static str] {
        match self {
            Self::Hl => &["--config", "-", "-P", "--version"],
            Self::Jq | Self::Jaq | Self::Ripgrep | Self::DuckDb => &["--version"],
        }
    }

    /// Finds the program, or installs it if the effort allows it.
    fn find(self, effort: Effort) -> Result<Option<Tool>> {
        let home = target()?.join("tools");
        if let Some(tool) = self.find_in(&home) {
            return Ok(Some(tool));
        }
        if let (Effort::Full, Some(mut installer)) = (effort, self.installer(&home)) {
            // Without the program that installs it, a peer is missing and left out.
            if installer.status().is_ok_and(|status| status.success()) {
                return Ok(self.find_in(&home));
            }
        }
        Ok(None)
    }

    fn find_in(self, home: &Path) -> Option<Tool> {
        let path = env::var_os("PATH").unwrap_or_default();
        let places = env::split_paths(&path).chain([home.join(self.directory())]);
        places
            .map(|place| place.join(self.name()))
            .filter(|program| program.is_file())
            .find_map(|program| probe(&program, self.probe()))
    }
}

/// The available programs.
#[derive(Debug)]
pub(super) struct Tools {
    /// The measured program.
    pub(super) localtel: Tool,
    peers: Vec<(Peer, Option<Tool>)>,
}

impl Tools {
    /// Builds localtel and finds the others.
    pub(super) fn gather(effort: Effort) -> Result<Self> {
        let find = |peer: Peer| Ok((peer, peer.find(effort)?));
        Ok(Self {
            localtel: build()?,
            peers: Peer::ALL.into_iter().map(find).collect::<Result<_>>()?,
        })
    }

    /// Returns a peer, if it is available.
    pub(super) fn peer(&self, wanted: Peer) -> Option<&Tool> {
        let found = self.peers.iter().find(|(peer, _)| *peer == wanted);
        found.and_then(|(_, tool)| tool.as_ref())
    }

    /// Returns the versions of the measured programs, and the missing programs, in Markdown.
    pub(super) fn about(&self) -> String {
        let mut versions = vec![self.localtel.version.clone()];
        let mut missing = Vec::new();
        for (peer, tool) in &self.peers {
            match tool {
                Some(tool) => versions.push(tool.version.clone()),
                None => missing.push(format!("`{}`", peer.name())),
            }
        }
        let versions = format!("Measured: {}.", versions.join(", "));
        if missing.is_empty() {
            versions
        } else {
            let missing = missing.join(", ");
            format!("{versions} Not found and left out: {missing}.")
        }
    }
}

/// Builds localtel with its release profile, beside this program.
fn build() -> Result<Tool> {
    let target = target()?;
    let built = Command::new(cargo())
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--package",
            "localtel-cli",
        ])
        .args(["--manifest-path", MANIFEST])
        .arg("--target-dir")
        .arg(&target)
        .status()?;
    if !built.success() {
        return Err("localtel could not be built".into());
    }
    let program = target.join("release").join("localtel");
    probe(&program, &["--version"]).ok_or_else(|| "localtel does not run".into())
}

/// Returns a command that lacks the directory and the name of a crate.
fn cargo_install() -> Command {
    let mut command = Command::new(cargo());
    command.args(["install", "--locked", "--root"]);
    command
}

/// Returns a command that lacks the directory and the name of a Python package.
fn pip_install() -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "install", "--quiet", "--target"]);
    command
}

/// Returns the program if it prints a version.
fn probe(program: &Path, words: &[&str]) -> Option<Tool> {
    let output = Command::new(program).args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.lines().next().filter(|_| output.status.success())?;
    Some(Tool {
        program: program.to_str()?.to_owned(),
        version: version.trim().to_owned(),
    })
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Returns cargo's target directory: this program is in the directory of a profile below it.
pub(super) fn target() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let target = own.ancestors().nth(2);
    target
        .map(Path::to_owned)
        .ok_or_else(|| "this program is not in a target directory".into())
}

/// The manifest of localtel.
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
