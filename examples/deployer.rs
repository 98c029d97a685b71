//! A deployer of clusters, modelled on `TiUP`: `deployer` deploys a cluster to hosts. A component
//! runs each command in a process of its own, and its records share the id of the command that
//! started it.
//!
//! ```sh
//! export DEPLOYER_DATA_DIR="$(mktemp -d)" DEPLOYER_TELEMETRY=on
//! cargo run --bin deployer -- deploy shop 8.5.3 --hosts db1,db2,db3 --set log.level=warn
//! cargo run --bin deployer -- list
//! cargo run --bin deployer -- clean shop
//! cargo run --bin deployer -- telemetry show
//! ```
//!
//! It makes no connections: files for a host are written below a directory with the host's name.
//! The policy in `builder` hashes clusters, hosts, users and tags, and keeps only the structure and
//! the names of the topology; no other code deals with this. At most once a day, a deployment
//! report with the facts of this machine is recorded, whatever the number of processes.
//!
//! `telemetry enable`, `disable`, `status` and `reset` are those of `TiUP`. With
//! `DEPLOYER_DEBUG=enable` a command and its component print each record to standard error, also if
//! nothing is recorded.
#![expect(
    clippy::disallowed_methods,
    reason = "uses files, the environment and processes; the lint is meant for the library"
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

/// Deploys clusters.
#[derive(Debug, Parser)]
#[command(name = "deployer", bin_name = "deployer", version)]
struct DeployerArguments {
    #[command(flatten)]
    telemetry: TelemetryFlag,
    #[arg(long, global = true, value_name = "DIRECTORY", help = DATA_DIR_HELP)]
    data_dir: Option<PathBuf>,
    /// A tag for the records of this command
    #[arg(short = 'T', long, global = true)]
    tag: Option<String>,
    #[command(subcommand)]
    command: DeployerCommand,
}

#[derive(Debug, Subcommand)]
enum DeployerCommand {
    #[command(flatten)]
    Cluster(ComponentCommand),
    /// Runs the work of a command; the commands start it
    #[command(hide = true)]
    Component {
        #[command(subcommand)]
        command: ComponentCommand,
    },
    /// Shows and manages the telemetry of this program
    Telemetry(TelemetryCommand),
}

#[derive(Debug, Subcommand)]
enum ComponentCommand {
    /// Deploys a cluster
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

/// The description of a cluster.
#[derive(Debug, Args)]
struct Topology {
    /// Its name
    name: Name,
    /// The version of its software
    version: Version,
    /// Its hosts
    #[arg(long, value_delimiter = ',', required = true)]
    hosts: Vec<Name>,
    /// The user that runs it
    #[arg(long, default_value = "deployer")]
    user: String,
    /// The port of each host
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Settings other than the defaults: log.level, cache.mib
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(&'static str, String)>,
}

/// A name that is also valid for a directory.
#[derive(Debug, Clone)]
struct Name(String);

impl std::str::FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || text.starts_with('.') || !text.bytes().all(is_plain) {
            return Err("expected letters, digits, `-`, `_` and `.`");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Parses a setting. Its name becomes a constant of the program, so that no other text can be
/// recorded as one.
fn setting(text: &str) -> Result<(&'static str, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    let known = SETTINGS.iter().find(|known| **known == name);
    match known {
        Some(known) => Ok((known, value.to_owned())),
        None => Err(format!("expected one of {}", SETTINGS.join(", "))),
    }
}

fn main() -> ExitCode {
    let mut application = DeployerArguments::command();
    // Exits here for help, version and invalid arguments.
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
        DeployerCommand::Component { command } => run_component(builder, parsed, (&command, place)),
    }
}

/// Returns the same settings of telemetry for a command and for the component that it starts.
fn builder(arguments: &DeployerArguments) -> Builder {
    // The rule with the longest matching name applies. Only the end of a rule may be `*`, so the
    // number of a host is last.
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

/// Returns `true` if `DEPLOYER_DEBUG` is `enable` or another word for enabled.
fn is_debugging() -> bool {
    let word = env::var("DEPLOYER_DEBUG").unwrap_or_default();
    word.parse()
        .is_ok_and(|word: Consent| word == Consent::Enabled)
}

/// Starts the component with the arguments of this process, and returns its exit code.
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
    // A component that a signal ended has no exit code.
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

/// Runs the work of a command.
fn run_component(
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
            describe(topology, &mut measured);
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

/// Adds all properties of a topology; the policy decides in which form they are recorded.
fn describe(topology: &Topology, measured: &mut localtel::Command<'_>) {
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

/// The reason why a command failed. The message is recorded, so it contains no arguments.
#[derive(Debug)]
enum DeployError {
    Exists,
    NoSuchCluster,
    Io(io::Error),
}

impl fmt::Display for DeployError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "a cluster with this name already exists",
            Self::NoSuchCluster => "no cluster has this name",
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

/// The existing clusters: a directory for each, with a directory for each host.
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
        println!("deployed {} to {count} hosts", topology.name.0);
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
    "Directory of the clusters [default: $DEPLOYER_DATA_DIR, or a temporary directory]";

/// The settings of a cluster.
const SETTINGS: [&str; 2] = ["log.level", "cache.mib"];

/// The minimum time between deployment reports.
const DAY: Duration = Duration::from_hours(24);

/// The exit code if the component has none.
const ENDED_BADLY: i32 = 1;

/// Set by the build.
const COMMIT: &str = match option_env!("DEPLOYER_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
const BRANCH: &str = match option_env!("DEPLOYER_BRANCH") {
    Some(branch) => branch,
    None => "unknown",
};
