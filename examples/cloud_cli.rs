//! A client of a cloud of databases, after `ticloud`: `cloud` keeps projects and clusters, and records each
//! command with all properties that `ticloud` reports.
//!
//! ```sh
//! export CLOUD_DATA_DIR="$(mktemp -d)"
//! cargo run --bin cloud_cli -- config set telemetry-enabled true
//! cargo run --bin cloud_cli -- project ls --output json
//! cargo run --bin cloud_cli -- cluster create shop --cloud-provider aws --region eu-central-1
//! cargo run --bin cloud_cli -- cluster create shop -p 7
//! cargo run --bin cloud_cli -- telemetry show
//! ```
//!
//! There is no cloud behind it: projects and clusters lie in one JSON file. Recorded are the names of
//! commands and flags and the ids of projects; never what a flag was set to, and never the name of a cluster.
//! Each `--profile` has its own consent and its own telemetry. `--debug` shows each record as it is made.
#![expect(
    clippy::disallowed_methods,
    reason = "keeps a file and reads the environment, as any program does; its functions are its own"
)]

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fmt, fs};

use clap::{
    ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use localtel::recording::Delivery;
use localtel::report::Deployment;
use localtel::{Builder, Consent, Telemetry};
use localtel_cli::{TelemetryCommand, TelemetryFlag};
use serde_json::{Value, json};

/// Keeps projects and clusters.
#[derive(Debug, Parser)]
#[command(name = "cloud", bin_name = "cloud", version)]
struct CloudArguments {
    #[command(flatten)]
    telemetry: TelemetryFlag,
    /// Say more about what is done, and show each record of telemetry
    #[arg(short = 'D', long, global = true)]
    debug: bool,
    /// The profile whose configuration and telemetry are used
    #[arg(
        short = 'P',
        long,
        global = true,
        value_name = "NAME",
        default_value = "default"
    )]
    profile: String,
    #[arg(long, global = true, value_name = "DIRECTORY", help = DATA_DIR_HELP)]
    data_dir: Option<PathBuf>,
    /// The project that is meant
    #[arg(
        short = 'p',
        long,
        global = true,
        value_name = "ID",
        default_value = "1"
    )]
    project: String,
    #[command(subcommand)]
    command: CloudCommand,
}

/// How a list is printed. It is not for all commands: `telemetry show` has an `--output` of its own.
#[derive(Debug, Clone, Copy, Args)]
struct Printing {
    /// How to print
    #[arg(short, long, value_enum, default_value_t = ListFormat::Human)]
    output: ListFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ListFormat {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
enum CloudCommand {
    /// Keeps projects
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Keeps clusters
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Keeps the configuration of a profile
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Shows and keeps the telemetry of this program
    Telemetry(TelemetryCommand),
}

#[derive(Debug, Subcommand)]
enum ProjectCommand {
    /// Lists projects
    #[command(visible_alias = "ls")]
    List(Printing),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Sets a property of the profile
    Set {
        property: Property,
        /// true or false
        #[arg(value_parser = enabled)]
        value: Consent,
    },
}

/// What can be set.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Property {
    /// Whether commands are recorded
    TelemetryEnabled,
}

/// Parses whether telemetry is enabled: `true`, `false` or another word of localtel. A word that is neither is an
/// error; `ticloud` takes it and means `false`.
fn enabled(word: &str) -> Result<Consent, &'static str> {
    match word.parse() {
        Ok(consent @ (Consent::Enabled | Consent::Disabled)) => Ok(consent),
        Ok(Consent::Undecided) | Err(_) => Err("it is true or false"),
    }
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Creates a cluster in a project
    Create {
        /// Its name; asked for at a terminal if it is not given
        name: Option<String>,
        /// Who runs the machines
        #[arg(long, default_value = "aws")]
        cloud_provider: String,
        /// Where they are
        #[arg(long, default_value = "eu-central-1")]
        region: String,
    },
    /// Lists the clusters of a project
    #[command(visible_alias = "ls")]
    List(Printing),
}

fn main() -> ExitCode {
    let mut application = CloudArguments::command();
    // Help, version and wrong words end here.
    let matches = application.get_matches_mut();
    let arguments = CloudArguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let builder = Telemetry::builder("cloud")
        .version(env!("CARGO_PKG_VERSION"))
        .delivery(Delivery::Inline)
        .deployment(Deployment::new().commit(COMMIT).installer(INSTALLER))
        .profile(arguments.profile.as_str())
        .debug_output(arguments.debug)
        .flag(arguments.telemetry.consent());
    match arguments.command {
        CloudCommand::Config(ConfigCommand::Set {
            property: Property::TelemetryEnabled,
            value,
        }) => set_telemetry_enabled(builder, &arguments.profile, value),
        CloudCommand::Telemetry(command) => command.run(&builder).into(),
        CloudCommand::Project(ProjectCommand::List(printing)) => {
            measured(builder, (&application, &matches), |_measured| {
                let cloud = Cloud::load(&place(arguments.data_dir))?;
                show(printing, &cloud.projects(), &["id", "name"]);
                Ok(())
            })
        }
        CloudCommand::Cluster(command) => measured(builder, (&application, &matches), |measured| {
            let mut cloud = Cloud::load(&place(arguments.data_dir))?;
            // One that does not exist is no project, but whatever was typed.
            if cloud.has_project(&arguments.project) {
                measured.project_id(&arguments.project);
            }
            if arguments.debug {
                eprintln!("cloud: data lies in {}", cloud.file.display());
            }
            run(command, &mut cloud, &arguments.project, measured)
        }),
    }
}

/// Stores the consent of the profile, and says so where something stronger decides otherwise.
fn set_telemetry_enabled(builder: Builder, profile: &str, consent: Consent) -> ExitCode {
    let telemetry = builder.open();
    if let Err(error) = telemetry.set_consent(consent) {
        let source = error.source().map(|source| format!(": {source}"));
        eprintln!("cloud: {error}{}", source.unwrap_or_default());
        return ExitCode::FAILURE;
    }
    let value = consent == Consent::Enabled;
    println!(
        "Set profile `{profile}` property `telemetry-enabled` to value `{value}` successfully"
    );
    let decision = telemetry.status().decision;
    if let Some(decision) = decision.filter(|it| it.is_locked && it.state != consent) {
        eprintln!(
            "cloud: for this run it stays {}: {}",
            decision.state,
            decision.reason()
        );
    }
    ExitCode::SUCCESS
}

/// Does a job and records it as a command. Whatever becomes of that, output and exit code are the job's.
fn measured(
    builder: Builder,
    (application, matches): (&clap::Command, &ArgMatches),
    job: impl FnOnce(&mut localtel::Command<'_>) -> Result<(), CloudError>,
) -> ExitCode {
    let telemetry = builder.open();
    let mut command = localtel_cli::command_of(&telemetry, application, matches);
    command.interactive(false);
    if env::var_os("CLOUD_API_KEY").is_some() {
        command.auth_method("api_key");
    }
    let outcome = job(&mut command);
    command.finish(&outcome);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let source = error.source().map(|source| format!(": {source}"));
            eprintln!("cloud: {error}{}", source.unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn run(
    command: ClusterCommand,
    cloud: &mut Cloud,
    project: &str,
    measured: &mut localtel::Command<'_>,
) -> Result<(), CloudError> {
    match command {
        ClusterCommand::Create {
            name,
            cloud_provider,
            region,
        } => {
            let name = match name {
                Some(name) => name,
                None => ask_for_name(measured)?,
            };
            cloud.create(project, &name, (&cloud_provider, &region))?;
            println!("created {name}");
        }
        ClusterCommand::List(printing) => {
            let clusters = cloud.clusters_of(project)?;
            show(printing, &clusters, &["name", "provider", "region"]);
        }
    }
    Ok(())
}

/// Asks a person at a terminal; a script is told what is missing.
fn ask_for_name(measured: &mut localtel::Command<'_>) -> Result<String, CloudError> {
    if !io::stdin().is_terminal() {
        return Err(CloudError::NoName);
    }
    measured.interactive(true);
    eprint!("Name of the cluster: ");
    let mut name = String::new();
    io::stderr().flush().map_err(CloudError::Io)?;
    io::stdin().read_line(&mut name).map_err(CloudError::Io)?;
    let name = name.trim();
    if name.is_empty() {
        return Err(CloudError::NoName);
    }
    Ok(name.to_owned())
}

/// Why a command failed. What is said here is recorded, so it repeats nothing that somebody typed.
#[derive(Debug)]
enum CloudError {
    NoName,
    NoSuchProject,
    Exists,
    Damaged,
    Io(io::Error),
}

impl fmt::Display for CloudError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoName => "a cluster needs a name",
            Self::NoSuchProject => "there is no such project",
            Self::Exists => "there is a cluster of that name",
            Self::Damaged => "the file of projects and clusters is damaged",
            Self::Io(_) => "the file of projects and clusters cannot be used",
        })
    }
}

impl Error for CloudError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::NoName | Self::NoSuchProject | Self::Exists | Self::Damaged => None,
        }
    }
}

/// All that there is: a file of `projects` and `clusters`.
#[derive(Debug)]
struct Cloud {
    file: PathBuf,
    projects: Vec<Value>,
    clusters: Vec<Value>,
}

impl Cloud {
    fn load(directory: &Path) -> Result<Self, CloudError> {
        fs::create_dir_all(directory).map_err(CloudError::Io)?;
        let file = directory.join("cloud.json");
        let mut state = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| CloudError::Damaged)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                json!({"projects": [{"id": "1", "name": "default"}], "clusters": []})
            }
            Err(error) => return Err(CloudError::Io(error)),
        };
        let mut list = |name: &str| match state.get_mut(name).map(Value::take) {
            Some(Value::Array(list)) => Ok(list),
            _ => Err(CloudError::Damaged),
        };
        Ok(Self {
            projects: list("projects")?,
            clusters: list("clusters")?,
            file,
        })
    }

    fn projects(&self) -> Vec<&Value> {
        self.projects.iter().collect()
    }

    fn has_project(&self, id: &str) -> bool {
        self.projects.iter().any(|project| project["id"] == id)
    }

    fn clusters_of(&self, project: &str) -> Result<Vec<&Value>, CloudError> {
        if !self.has_project(project) {
            return Err(CloudError::NoSuchProject);
        }
        let is_in = |cluster: &&Value| cluster["project"] == project;
        Ok(self.clusters.iter().filter(is_in).collect())
    }

    fn create(
        &mut self,
        project: &str,
        name: &str,
        (provider, region): (&str, &str),
    ) -> Result<(), CloudError> {
        let is_taken = |cluster: &&Value| cluster["name"] == name;
        if self.clusters_of(project)?.iter().any(is_taken) {
            return Err(CloudError::Exists);
        }
        self.clusters.push(json!({
            "name": name, "project": project, "provider": provider, "region": region,
        }));
        let state = json!({"projects": self.projects, "clusters": self.clusters});
        replace(&self.file, &state).map_err(CloudError::Io)
    }
}

/// Replaces a file in one step, so that nobody ever reads half of one.
fn replace(file: &Path, state: &Value) -> io::Result<()> {
    let newer = file.with_extension(format!("{}.new", std::process::id()));
    fs::write(&newer, format!("{state:#}\n"))?;
    fs::rename(&newer, file)
}

fn place(given: Option<PathBuf>) -> PathBuf {
    given
        .or_else(|| env::var_os("CLOUD_DATA_DIR").map(PathBuf::from))
        .unwrap_or_else(|| env::temp_dir().join("localtel-cloud"))
}

fn show(Printing { output }: Printing, rows: &[&Value], columns: &[&str]) {
    match output {
        ListFormat::Json => println!("{:#}", json!(rows)),
        ListFormat::Human => {
            for row in rows {
                let cells = columns.iter().map(|column| row[*column].as_str());
                let cells: Vec<&str> = cells.map(|cell| cell.unwrap_or("-")).collect();
                println!("{}", cells.join("  "));
            }
        }
    }
}

const DATA_DIR_HELP: &str =
    "Where projects and clusters are kept [default: $CLOUD_DATA_DIR, or a temporary directory]";

/// Set by whoever builds and packages it.
const COMMIT: &str = match option_env!("CLOUD_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
const INSTALLER: &str = match option_env!("CLOUD_INSTALLER") {
    Some(installer) => installer,
    None => "cargo",
};
