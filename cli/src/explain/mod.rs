//! `explain`: describes what is recorded and what never is, where it is stored, for how long, who
//! can read it, how to stop it and how to remove it, and lists the recorded events. It changes
//! nothing. `text` has the sentences, `tables` and `inventory` the recorded events, and `report`
//! the JSON; the library decides what the policy does. This file gathers the facts.

mod inventory;
mod report;
mod tables;
#[cfg(test)]
mod tests;
mod text;

use localtel::Policy;
use localtel::admin::{Location, PolicyView, Status};
use localtel::read::LINE_SCHEMA;

use self::inventory::Inventory;
use self::report::ExplainReport;
pub(crate) use self::report::{EventReport, ValuesReport};
pub(crate) use self::tables::ACTION_WORDS;
use super::document::document;
use super::exit::Exit;
use super::failure::Failure;
use super::screen::Screen;
use super::time::{Zone, ZoneArgs};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// Print one JSON object, for programs
    #[arg(
        id = "localtel.json",
        long = "json",
        conflicts_with = "localtel.schema"
    )]
    pub(crate) json: bool,
    /// Print a JSON Schema of the recorded lines
    #[arg(id = "localtel.schema", long = "schema")]
    schema: bool,
    /// Do this for each application that has telemetry
    #[arg(id = "localtel.all", long = "all")]
    pub(crate) all: bool,
    /// The zone of times, except in JSON.
    #[command(flatten)]
    pub(crate) zone: ZoneArgs,
}

impl ExplainArgs {
    /// Returns `true` if the output only concerns the format and needs no location.
    pub(crate) fn is_of_no_place(&self) -> bool {
        self.schema
    }
}

/// Prints the explanation, or the schema of lines.
pub(crate) fn run(
    location: &Location,
    args: &ExplainArgs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    if args.is_of_no_place() {
        return print_schema(screen);
    }
    let facts = Explanation::gather(location, args.zone.zone(screen)?);
    if args.json {
        let report = document(ExplainReport::new(&facts))?;
        screen.stdout.write_all(&report)?;
    } else {
        let cells = screen.text_cells();
        text::print(&facts, cells, screen.stdout)?;
    }
    Ok(Exit::Done)
}

/// Prints the JSON Schema of a line of format 1.
pub(crate) fn print_schema(screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    screen.stdout.write_all(LINE_SCHEMA.as_bytes())?;
    Ok(Exit::Done)
}

/// Returns the explanation of a location as JSON, and its state.
pub(crate) fn json_of(location: &Location) -> Result<(Vec<u8>, Status), Failure> {
    let facts = Explanation::gather(location, Zone::UTC);
    let report = document(ExplainReport::new(&facts))?;
    Ok((report, facts.status))
}

/// The facts of the explanation.
#[derive(Debug)]
pub(crate) struct Explanation<'a> {
    /// The zone of times in sentences.
    zone: Zone,
    location: &'a Location,
    status: Status,
    policies: PolicyView,
    /// The owner's rules, if the file exists and is valid.
    owner: Option<Policy>,
    inventory: Inventory,
}

impl<'a> Explanation<'a> {
    /// Returns the name of the application for use in a sentence.
    fn application(&self) -> &'a str {
        let name = self.location.name();
        name.map_or("the application", |name| name.as_str())
    }

    /// Reads the facts of a location.
    pub(crate) fn gather(location: &'a Location, zone: Zone) -> Self {
        let (status, inventory) = location.status_with();
        Self {
            zone,
            status,
            policies: location.policy_view(),
            owner: location.owner_policy().ok().flatten(),
            location,
            inventory,
        }
    }

    /// Returns the location.
    pub(crate) fn location(&self) -> &'a Location {
        self.location
    }

    /// Returns its state.
    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    /// Returns the sections in words: a heading and sentences, which may have commands between
    /// backticks, and an indent where they are a list.
    pub(crate) fn sections(&self) -> [(&'static str, Vec<String>); 7] {
        text::sections(self)
    }

    /// Returns the recorded events.
    pub(crate) fn events(&self) -> Vec<EventReport<'_>> {
        ExplainReport::new(self).events
    }

    /// Returns the number of records whose events are not listed.
    pub(crate) fn records_of_others(&self) -> u64 {
        self.inventory.records_of_others
    }
}

/// Examples for `explain`.
pub(crate) const EXAMPLES: &str = "\
Changes nothing, and works whether or not anything is recorded.

Examples:
  localtel explain
  localtel --app myapp explain --json | jq -r '.events[].event'
  localtel explain --schema > line.schema.json";
