//! `export`: writes the telemetry of this machine into a bundle, which a person carries to another
//! machine. The package `localtel-bundle` writes it; here are the arguments and what a bundle says
//! about each application. `text` has the output, and `refusal` the messages.

mod refusal;
mod text;

use std::path::PathBuf;

use localtel::Consent;
use localtel::admin::{Location, Status, StoredChoice};
use localtel_bundle::export::{
    ExportPhase, ExportProgress, ExportRequest, LogSource, SegmentCopies, export,
};
use localtel_bundle::host::{HostName, MachineId};
use localtel_bundle::manifest::{BundleConsent, BundleRange, ConsentDecision};

use super::document::document;
use super::exit::Exit;
use super::explain;
use super::failure::Failure;
use super::files::{self, PathKind};
use super::progress::ProgressLine;
use super::reading::{MatchArgs, TimeRange};
use super::screen::Screen;
use super::selection::{HostPattern, Selected, unnamed};
use super::time::{Zone, ZoneArgs, timestamp};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// Directory in which the bundle is created, for example on a stick
    #[arg(id = "localtel.target", value_name = "TARGET")]
    target: PathBuf,
    /// Name of this machine [default: a hash of its machine id]
    // With the id and the type of the option that selects machines in a tree, which it replaces.
    #[arg(id = "host", long = "host", value_name = "NAME")]
    host: Option<HostPattern>,
    /// Only records from this time on: monday, 2026-11-21, -2h
    #[arg(
        id = "localtel.since",
        short = 'S',
        long = "since",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    since: Option<String>,
    /// Only records up to this time
    #[arg(
        id = "localtel.until",
        short = 'U',
        long = "until",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    until: Option<String>,
    /// Keep compressed segments compressed [default: plain lines]
    #[arg(id = "localtel.compressed", long = "compressed")]
    compressed: bool,
    /// Print one JSON object, for programs
    #[arg(id = "localtel.json", long = "json")]
    json: bool,
    /// The zone of times, except in JSON.
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
}

/// Writes a bundle of all selected locations.
pub(crate) fn run(
    selected: Selected,
    has_profile: bool,
    args: &ExportArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let zone = args.zone.zone(screen)?;
    let request = args.request(zone, screen)?;
    let is_named = matches!(&selected, Selected::Named(_));
    let all = selected.into_all();
    all.left_out.print(screen);
    let locations = if is_named && !has_profile {
        profiles_of(all.list)
    } else {
        all.list
    };
    screen.progress.begin("reading");
    let mut sources = Vec::with_capacity(locations.len());
    for location in screen.all_watched(&locations) {
        sources.extend(source(&location, screen)?);
    }
    let mut shown = ShownProgress::new(screen.progress);
    let exported = export(&request, &sources, &mut |now| shown.show(now));
    let exported = exported.map_err(refusal::of)?;
    if args.json {
        screen
            .stdout
            .write_all(&document(text::report(&exported))?)?;
    } else {
        text::print(&exported, zone, screen)?;
    }
    Ok(all.left_out.exit(Exit::Done))
}

impl ExportArgs {
    fn request(&self, zone: Zone, screen: &Screen<'_>) -> Result<ExportRequest, Failure> {
        let times = MatchArgs {
            since: self.since.clone(),
            until: self.until.clone(),
            ..MatchArgs::default()
        };
        let TimeRange { since, until } = times.range(zone, screen.now)?;
        let range = BundleRange::new(since.map(timestamp), until.map(timestamp));
        let host = self.host.as_ref().map(HostPattern::one).transpose()?;
        let host = host
            .cloned()
            .or_else(|| MachineId::read().as_ref().map(HostName::of_machine));
        let Some(host) = host else {
            return Err(
                Failure::usage("this machine has no id that could name it in a bundle")
                    .hint("name the machine with --host NAME, the same for each export"),
            );
        };
        Ok(ExportRequest {
            target: self.target.clone(),
            host,
            range,
            copies: if self.compressed {
                SegmentCopies::AsStored
            } else {
                SegmentCopies::Plain
            },
            created: timestamp(screen.now),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

/// How far an export is, as a line on the terminal.
struct ShownProgress<'a> {
    line: &'a ProgressLine,
    phase: Option<ExportPhase>,
    bytes: u64,
}

impl<'a> ShownProgress<'a> {
    fn new(line: &'a ProgressLine) -> Self {
        Self {
            line,
            phase: None,
            bytes: 0,
        }
    }

    fn show(&mut self, now: ExportProgress) {
        if self.phase.replace(now.phase) != Some(now.phase) {
            self.begin(now);
        }
        let more = now.bytes.saturating_sub(self.bytes);
        self.line.bytes().add(more);
        self.bytes += more;
    }

    fn begin(&mut self, now: ExportProgress) {
        let bytes = self.line.bytes();
        // What was read before may be less than was expected.
        let before = bytes.counts();
        bytes.add(before.total.saturating_sub(before.done));
        bytes.expect(now.bytes_total);
        self.bytes = 0;
        self.line.begin(match now.phase {
            ExportPhase::Copying => "copying",
            ExportPhase::Checking => "reading back",
        });
    }
}

/// Returns the locations with all profiles of each: a bundle is for everything that was recorded.
fn profiles_of(locations: Vec<Location>) -> Vec<Location> {
    let with_profiles = |location: Location| match location.profiles() {
        Ok(profiles) if !profiles.is_empty() => profiles,
        Ok(_) | Err(_) => vec![location],
    };
    locations.into_iter().flat_map(with_profiles).collect()
}

/// Returns what a bundle contains of a location; nothing if it has no directory.
fn source(location: &Location, screen: &mut Screen<'_>) -> Result<Option<LogSource>, Failure> {
    let directory = location.path();
    if files::kind_of(&directory) != PathKind::Directory {
        return Ok(None);
    }
    let Some(application) = location.name().cloned() else {
        return match location.certain_application() {
            Ok(_) => Ok(None),
            Err(error) => Err(unnamed(error, location)),
        };
    };
    let (explain, status) = explain::json_of(location)?;
    let policy = location.policy_text().unwrap_or_else(|error| {
        let error = error.chain();
        screen.print_message(format_args!("left out: {error}"));
        String::new()
    });
    Ok(Some(LogSource {
        directory,
        application,
        profile: location.profile().clone(),
        log: location.log(),
        consent: consent(&status),
        explain,
        policy: Some(policy.into_bytes()).filter(|text| !text.is_empty()),
    }))
}

/// Returns the stored decision. The environment of this command is not that of the application, so
/// it does not count.
fn consent(status: &Status) -> BundleConsent {
    let stored = [
        ("the stored choice", &status.stored),
        ("the stored choice for all profiles", &status.stored_for_all),
    ];
    let decided = |choice: &&StoredChoice| choice.consent != Consent::Undecided;
    let found = stored
        .into_iter()
        .find_map(|(name, choice)| Some((name, choice.as_ref().filter(decided)?)));
    let Some((name, choice)) = found else {
        let source = "no stored choice".to_owned();
        return BundleConsent::new(ConsentDecision::Undecided, source, None);
    };
    let decision = match choice.consent {
        Consent::Enabled => ConsentDecision::Enabled,
        Consent::Disabled => ConsentDecision::Disabled,
        Consent::Undecided => ConsentDecision::Undecided,
    };
    let source = match &choice.by {
        Some(by) => format!("{name}, made by {by}"),
        None => name.to_owned(),
    };
    let decided = choice.decided.as_ref().and_then(|time| time.parse().ok());
    BundleConsent::new(decision, source, decided)
}

/// Examples for `export`.
pub(crate) const EXAMPLES: &str = "\
Writes one directory with the segments of all applications, byte for byte, and a file of sums \
that `sha256sum -c SHA256SUMS` checks. Programs may record meanwhile. Everything is read back \
before the command says that the medium may be removed. The stored choice, the salt and the \
machine id are not in it.

Examples:
  localtel export /media/stick
  localtel --app myapp export /media/stick --host web-1 --compressed
  localtel export /media/stick --since monday --json | jq -r .path";
