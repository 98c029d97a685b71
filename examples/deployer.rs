//! A deployer of clusters, after `TiUP`: `deployer` lays out a cluster over hosts, and each command is run by
//! a component, a process of its own, whose records belong to those of the command that started it.
//!
//! ```sh
//! export DEPLOYER_DATA_DIR="$(mktemp -d)" DEPLOYER_TELEMETRY=on
//! cargo run --bin deployer -- deploy shop 8.5.3 --hosts db1,db2,db3 --set log.level=warn
//! cargo run --bin deployer -- list
//! cargo run --bin deployer -- clean shop
//! cargo run --bin deployer -- telemetry show
//! ```
//!
//! It connects to nobody: what would be copied to a host is written below a directory with the host's name.
//! Clusters, hosts, users and tags are recorded hashed, and of the topology only its structure and
//! the names in it: the policy in `builder` sees to that, and nothing else here has to think of it.
//! Once a day a deployment report with the facts of this machine is recorded, however many processes ran.
//!
//! `telemetry enable`, `disable`, `status` and `reset` are those of `TiUP`. With `DEPLOYER_DEBUG=enable` a command and
//! its component show each record on the standard error, also where nothing is recorded.
#![expect(
    clippy::disallowed_methods,
    reason = "keeps files, reads the environment and starts itself; its functions are its own"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fmt, fs, io, process};

use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use localtel::policy::Action;
use localtel::recording::Delivery;
use localtel::report::{Deployment, Reports};
use localtel::{Builder, Consent, Policy, Telemetry};
use localtel_cli::{TelemetryCommand, TelemetryFlag};
use semver::Version;

/// Lays out clusters.
#[derive(Debug, Parser)]
#[command(name = "deployer", bin_name = "deployer", version)]
struct DeployerArguments {
    #[command(flatten)]
    telemetry: TelemetryFlag,
    #[arg(long, global = true, value_name = "DIRECTORY", help = DATA_DIR_HELP)]
    data_dir: Option<PathBuf>,
    /// A word of yours that marks what is done
    #[arg(short = 'T', long, global = true)]
    tag: Option<String>,
    #[command(subcommand)]
    command: DeployerCommand,
}

#[derive(Debug, Subcommand)]
enum DeployerCommand {
    #[command(flatten)]
    Cluster(ComponentCommand),
    /// Does a command's work; it is what the commands start
    #[command(hide = true)]
    Component {
        #[command(subcommand)]
        command: ComponentCommand,
    },
    /// Shows and keeps the telemetry of this program
    Telemetry(TelemetryCommand),
}

#[derive(Debug, Subcommand)]
enum ComponentCommand {
    /// Lays out a cluster
    Deploy(Topology),
    /// Lists clusters and their hosts
    #[command(visible_alias = "ls")]
    List,
    /// Removes a cluster
    Clean {
        /// Its name
        name: Name,
    },
}

/// What a cluster is to be.
#[derive(Debug, Args)]
struct Topology {
    /// Its name
    name: Name,
    /// The version of what runs on it
    version: Version,
    /// Its hosts
    #[arg(long, value_delimiter = ',', required = true)]
    hosts: Vec<Name>,
    /// Who runs it
    #[arg(long, default_value = "deployer")]
    user: String,
    /// On which port each host listens
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Settings that differ from their defaults: log.level, cache.mib
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(&'static str, String)>,
}

/// A name that is also one of a directory.
#[derive(Debug, Clone)]
struct Name(String);

impl std::str::FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || text.starts_with('.') || !text.bytes().all(is_plain) {
            return Err("it must be letters, digits, `-`, `_` and `.`");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Parses a setting. Its name becomes one of the program's own, so that nothing else can be recorded as one.
fn setting(text: &str) -> Result<(&'static str, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is no NAME=VALUE")?;
    let known = SETTINGS.iter().find(|known| **known == name);
    match known {
        Some(known) => Ok((known, value.to_owned())),
        None => Err(format!("it is none of {}", SETTINGS.join(", "))),
    }
}

fn main() -> ExitCode {
    let mut application = DeployerArguments::command();
    // Help, version and wrong words end here.
    let matches = application.get_matches_mut();
    let arguments =
        DeployerArguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let builder = builder(&arguments);
    let parsed = (&application, &matches);
    let place = arguments
        .data_dir
        .or_else(|| env::var_os("DEPLOYER_DATA_DIR").map(PathBuf::from))
        .unwrap_or_else(|| env::temp_dir().join("localtel-deployer"));
    match arguments.command {
        DeployerCommand::Telemetry(command) => command.run(&builder).into(),
        DeployerCommand::Cluster(_) => start_component(builder, parsed, arguments.tag),
        DeployerCommand::Component { command } => be_component(builder, parsed, (&command, place)),
    }
}

/// What is recorded, and in which form: the same for a command and for the component that it starts.
fn builder(arguments: &DeployerArguments) -> Builder {
    // The rule with the longest name holds; a rule ends in `*`, so a host's number comes last.
    let policy = Policy::new()
        .property("cluster_id", Action::Hash)
        .property("tag", Action::Hash)
        .property("nodes.node_id.*", Action::Hash)
        .property("topology.*", Action::Mask)
        .property("topology.global.user", Action::Hash)
        .property("topology.servers.host.*", Action::Hash);
    let mut deployment = Deployment::new()
        .commit(COMMIT)
        .branch(BRANCH)
        .installer("cargo")
        .build("rust", env!("CARGO_PKG_RUST_VERSION"));
    if let DeployerCommand::Cluster(ComponentCommand::Deploy(topology)) = &arguments.command {
        deployment = deployment.component("cluster", topology.version.to_string());
        for (name, _) in &topology.settings {
            deployment = deployment.changed_setting(*name);
        }
    }
    Telemetry::builder("deployer")
        .version(env!("CARGO_PKG_VERSION"))
        .delivery(Delivery::Inline)
        .flag(arguments.telemetry.consent())
        .policy(policy)
        .deployment(deployment)
        .reports(Reports::AtStart(DAY))
        .debug_output(is_debugging())
}

/// Returns `true` if `DEPLOYER_DEBUG` is `enable` or another word for it.
fn is_debugging() -> bool {
    let word = env::var("DEPLOYER_DEBUG").unwrap_or_default();
    word.parse()
        .is_ok_and(|word: Consent| word == Consent::Enabled)
}

/// Starts the component with the words that this process was started with, and ends as it ends.
fn start_component(
    builder: Builder,
    (application, matches): (&clap::Command, &ArgMatches),
    tag: Option<String>,
) -> ExitCode {
    let telemetry = builder.open();
    let mut command = localtel_cli::command_of(&telemetry, application, matches);
    command.property("custom_mirror", env::var_os("DEPLOYER_MIRROR").is_some());
    if let Some(tag) = tag {
        command.property("tag", tag);
    }
    let ended = env::current_exe().and_then(|program| {
        process::Command::new(program)
            .arg("component")
            .args(env::args_os().skip(1))
            .envs(command.environment())
            .status()
    });
    // A component that was killed has no code; shells say 128 and the signal, here it is just bad.
    let code = match &ended {
        Ok(status) => status.code().unwrap_or(ENDED_BADLY),
        Err(_) => ENDED_BADLY,
    };
    command.property("exit_code", code);
    match ended {
        Ok(status) if status.success() => command.success(),
        Ok(_) => command.failure_of("ComponentFailed", &format_args!("exit code {code}")),
        Err(error) => {
            eprintln!("deployer: the component could not be started: {error}");
            command.failure(&error);
        }
    }
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Does the work.
fn be_component(
    builder: Builder,
    (application, matches): (&clap::Command, &ArgMatches),
    (command, place): (&ComponentCommand, PathBuf),
) -> ExitCode {
    let telemetry = builder.open();
    let mut measured = localtel_cli::command_of(&telemetry, application, matches);
    let clusters = Clusters {
        place: place.join("clusters"),
    };
    let outcome = match command {
        ComponentCommand::Deploy(topology) => {
            tell(topology, &mut measured);
            clusters.deploy(topology)
        }
        ComponentCommand::List => clusters.list(),
        ComponentCommand::Clean { name } => {
            measured.property("cluster_id", name.0.as_str());
            clusters.clean(name)
        }
    };
    measured.finish(&outcome);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let source = error.source().map(|source| format!(": {source}"));
            eprintln!("deployer: {error}{}", source.unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

/// Tells all there is to tell of a topology; what of it is recorded is the policy's business.
fn tell(topology: &Topology, measured: &mut localtel::Command<'_>) {
    measured
        .property("cluster_id", topology.name.0.as_str())
        .property("component_version", topology.version.to_string())
        .property("topology.global.user", topology.user.as_str());
    for (name, value) in &topology.settings {
        measured.property(format!("topology.server_configs.{name}"), value.as_str());
    }
    for (number, host) in topology.hosts.iter().enumerate() {
        let host = host.0.as_str();
        measured
            .property(format!("topology.servers.host.{number}"), host)
            .property(format!("topology.servers.port.{number}"), topology.port)
            .property(format!("nodes.node_id.{number}"), host);
    }
}

/// Why a command failed. What is said here is recorded, so it repeats nothing that somebody typed.
#[derive(Debug)]
enum DeployError {
    Exists,
    NoSuchCluster,
    Io(io::Error),
}

impl fmt::Display for DeployError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "there is a cluster of that name",
            Self::NoSuchCluster => "there is no cluster of that name",
            Self::Io(_) => "the files of clusters cannot be used",
        })
    }
}

impl Error for DeployError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Exists | Self::NoSuchCluster => None,
        }
    }
}

impl From<io::Error> for DeployError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The clusters that were laid out: a directory for each, and in it one for each host.
#[derive(Debug)]
struct Clusters {
    place: PathBuf,
}

impl Clusters {
    fn deploy(&self, topology: &Topology) -> Result<(), DeployError> {
        fs::create_dir_all(&self.place)?;
        let cluster = self.place.join(&topology.name.0);
        if cluster.exists() {
            return Err(DeployError::Exists);
        }
        let settings: BTreeMap<_, _> = topology.settings.iter().cloned().collect();
        for host in &topology.hosts {
            let directory = cluster.join(&host.0);
            fs::create_dir_all(&directory)?;
            let mut text = format!(
                "version = {}\nuser = {}\nlisten = {}:{}\n",
                topology.version, topology.user, host.0, topology.port
            );
            for (name, value) in &settings {
                text.extend([name, " = ", value.as_str(), "\n"]);
            }
            fs::write(directory.join("server.conf"), text)?;
        }
        let count = topology.hosts.len();
        println!("laid out {} on {count} hosts", topology.name.0);
        Ok(())
    }

    fn list(&self) -> Result<(), DeployError> {
        if !self.place.exists() {
            return Ok(());
        }
        for cluster in names_in(&self.place)? {
            let hosts = names_in(&self.place.join(&cluster))?;
            println!("{cluster}  {}", hosts.join(" "));
        }
        Ok(())
    }

    fn clean(&self, name: &Name) -> Result<(), DeployError> {
        let cluster = self.place.join(&name.0);
        if !cluster.exists() {
            return Err(DeployError::NoSuchCluster);
        }
        fs::remove_dir_all(cluster)?;
        println!("removed {}", name.0);
        Ok(())
    }
}

fn names_in(directory: &std::path::Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

const DATA_DIR_HELP: &str =
    "Where clusters are laid out [default: $DEPLOYER_DATA_DIR, or a temporary directory]";

/// The settings that a cluster has.
const SETTINGS: [&str; 2] = ["log.level", "cache.mib"];

/// How often a deployment report is recorded at most.
const DAY: Duration = Duration::from_hours(24);

/// What is returned where the component has no code to give.
const ENDED_BADLY: i32 = 1;

/// Set by whoever builds it.
const COMMIT: &str = match option_env!("DEPLOYER_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
const BRANCH: &str = match option_env!("DEPLOYER_BRANCH") {
    Some(branch) => branch,
    None => "unknown",
};
