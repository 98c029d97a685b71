//! A client of a database cloud, modelled on `ticloud`: `cloud` manages projects and clusters, and
//! records each command with all properties that `ticloud` reports.
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
//! There is no real cloud: projects and clusters are stored in one JSON file. The names of commands
//! and flags and the ids of projects are recorded, the values of flags and the names of clusters
//! are not. Each `--profile` has its own consent and its own telemetry. `--debug` prints each
//! record.
#![expect(
    clippy::disallowed_methods,
    reason = "uses a file and the environment; the lint is meant for the library"
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

/// Manages projects and clusters.
#[derive(Debug, Parser)]
#[command(name = "cloud", bin_name = "cloud", version)]
struct CloudArguments {
    #[command(flatten)]
    telemetry: TelemetryFlag,
    /// Prints details and each record of telemetry
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
    /// The id of the project
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

/// The format of a list. It is not a global option, since `telemetry show` has its own `--output`.
#[derive(Debug, Clone, Copy, Args)]
struct Printing {
    /// The format of the list
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
    /// Manages projects
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Manages clusters
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Manages the configuration of a profile
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Shows and manages the telemetry of this program
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

/// A property that can be set.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Property {
    /// Whether commands are recorded
    TelemetryEnabled,
}

/// Parses whether telemetry is enabled: `true`, `false` or another word of localtel. Any other word
/// is an error, whereas `ticloud` treats it as `false`.
fn enabled(word: &str) -> Result<Consent, &'static str> {
    match word.parse() {
        Ok(consent @ (Consent::Enabled | Consent::Disabled)) => Ok(consent),
        Ok(Consent::Undecided) | Err(_) => Err("expected true or false"),
    }
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Creates a cluster in a project
    Create {
        /// Its name; asked for at a terminal if it is missing
        name: Option<String>,
        /// The provider of the machines
        #[arg(long, default_value = "aws")]
        cloud_provider: String,
        /// The region of the machines
        #[arg(long, default_value = "eu-central-1")]
        region: String,
    },
    /// Lists the clusters of a project
    #[command(visible_alias = "ls")]
    List(Printing),
}

fn main() -> ExitCode {
    let mut application = CloudArguments::command();
    // Exits here for help, version and invalid arguments.
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
            // An unknown id may be any text, so it is not recorded.
            if cloud.has_project(&arguments.project) {
                measured.project_id(&arguments.project);
            }
            if arguments.debug {
                eprintln!("cloud: data is stored in {}", cloud.file.display());
            }
            run(command, &mut cloud, &arguments.project, measured)
        }),
    }
}

/// Stores the consent of the profile, and prints a note if something stronger overrules it.
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

/// Runs a job and records it as a command. Recording never changes the output or the exit code of
/// the job.
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

/// Asks for a name at a terminal; returns an error in a script.
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

/// The reason why a command failed. The message is recorded, so it contains no arguments.
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
            Self::NoName => "the name of the cluster is missing",
            Self::NoSuchProject => "no such project",
            Self::Exists => "a cluster with this name already exists",
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

/// The contents of the file: `projects` and `clusters`.
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

/// Replaces a file atomically, so that no reader sees half of it.
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
    "Directory of the projects and clusters [default: $CLOUD_DATA_DIR, or a temporary directory]";

/// Set by the build and the packager.
const COMMIT: &str = match option_env!("CLOUD_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
const INSTALLER: &str = match option_env!("CLOUD_INSTALLER") {
    Some(installer) => installer,
    None => "cargo",
};
