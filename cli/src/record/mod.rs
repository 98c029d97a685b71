//! `record`: records one event from a script, or one for each JSON object of a stream. The event is
//! built here; the library decides whether it is recorded.

mod json;
mod stream;
mod words;

use serde_json::Value;

use localtel::admin::{Environment, Location};
use localtel::read::Properties;
use localtel::recording::{Delivery, Outcome, command_id};
use localtel::{Builder, Consent, Event, Level, Telemetry};

use super::exit::Exit;
use super::failure::Failure;
use super::quantity::count;
use super::sanitize::Sanitized;
use super::screen::Screen;
use super::selection::unnamed;
use super::suggestion::parse_level;
use stream::{Objects, StreamItem};
use words::{Words, lossy};

/// Arguments of `record`.
#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// Name of the event, or `-` to read JSON objects from standard input
    #[arg(value_name = "EVENT", value_parser = lossy())]
    event: String,
    #[command(flatten)]
    properties: Words,
    /// trace, debug, info, warn, error, or a level of syslog or pino
    #[arg(short, long, default_value = "info", value_parser = parse_level)]
    level: Level,
    /// Message for people
    #[arg(short, long, allow_hyphen_values = true, value_parser = lossy())]
    message: Option<String>,
    /// Exit with 1 if the event is not recorded because of consent or policy
    #[arg(long)]
    strict: bool,
}

/// Builds the event of a JSON object: `event`, `level` and `message` are taken, all other keys
/// become properties in their order. Missing keys have the values of the typed event.
fn event_of(json: &[u8], typed: impl Fn(&str) -> Event) -> Result<Event, String> {
    let members: Properties =
        json::parse(json).map_err(|error| format!("it is not a JSON object: {error}"))?;
    let name = members.get("event").and_then(Value::as_str);
    let mut event = typed(name.unwrap_or_default());
    for (key, value) in members.iter() {
        event = match (key, value) {
            ("event" | "message" | "level", Value::Null) | ("event", Value::String(_)) => event,
            ("message", Value::String(message)) => event.message(message),
            ("level", Value::String(level)) => event.level(parse_level(level)?),
            ("level", Value::Number(level)) => event.level(parse_level(&level.to_string())?),
            ("event" | "message" | "level", other) => {
                return Err(format!("`{key}` must be a string, not {other}"));
            }
            (_, value) => event.property(key, value.clone()),
        };
    }
    match name {
        None | Some("") => Err("it has no `event`".to_owned()),
        Some(_) => Ok(event),
    }
}

/// Records the event or the input.
pub(crate) fn run(
    location: &Location,
    args: &RecordArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let mut properties = args.properties.properties()?;
    if let Some(id) = command_id::inherited(environment)
        && properties.get(command_id::PROPERTY).is_none()
    {
        properties.set(command_id::PROPERTY, id.to_string());
    }
    if args.event.is_empty() {
        return Err(Failure::usage("the event has no name")
            .hint(location.command("record deploy version=1.2.0 ok=true")));
    }
    let typed = |name: &str| {
        let event = Event::new(name).level(args.level);
        let event = match &args.message {
            Some(message) => event.message(message),
            None => event,
        };
        let properties = properties.iter();
        properties.fold(event, |event, (name, value)| {
            event.property(name, value.clone())
        })
    };
    let is_input = args.event == FROM_INPUT;
    let builder = builder_of(location).map_err(|error| unnamed(error, location))?;
    let builder = if is_input {
        builder
    } else {
        builder.in_one_line()
    };
    let mut recording = RecordRun {
        telemetry: builder.try_open()?,
        refused: 0,
        refused_by_policy: 0,
        dropped: 0,
        bad: 0,
    };
    if !is_input {
        recording.offer(&typed(&args.event));
        return recording.finish(location, args.strict, screen);
    }
    let read = recording.take_objects(typed, screen);
    // Objects read before an input error are recorded.
    let exit = recording.finish(location, args.strict, screen)?;
    read.map(|()| exit)
}

/// Returns the builder that opens the telemetry of a location.
///
/// # Errors
///
/// Returns an error if the application of the location is not certain.
pub(crate) fn builder_of(location: &Location) -> localtel::Result<Builder> {
    let application = location.certain_application()?;
    Ok(Telemetry::builder(application.as_str())
        .dir(location.base())
        .profile(location.profile().as_str())
        .when_undecided(location.when_undecided())
        .delivery(Delivery::Inline))
}

/// An open telemetry handle, with counts of the events that were not recorded.
struct RecordRun {
    telemetry: Telemetry,
    refused: u64,
    /// Those that were refused while events were recorded.
    refused_by_policy: u64,
    dropped: u64,
    /// Number of invalid items in the input.
    bad: u64,
}

impl RecordRun {
    fn offer(&mut self, event: &Event) {
        match self.telemetry.record(event) {
            Outcome::Recorded => {}
            Outcome::Refused => {
                // Consent may change while the input is read.
                self.refused_by_policy += u64::from(self.telemetry.is_recording());
                self.refused += 1;
            }
            Outcome::Dropped => self.dropped += 1,
        }
    }

    /// Records each object of the input as soon as it is complete.
    fn take_objects(
        &mut self,
        typed: impl Fn(&str) -> Event,
        screen: &mut Screen<'_>,
    ) -> Result<(), Failure> {
        let mut objects = Objects::new(screen.stdin);
        while let Some(item) = objects
            .next_item()
            .map_err(|error| Failure::failed(format!("could not read the input: {error}")))?
        {
            let (at, reason) = match item {
                StreamItem::Object { at, json } => match event_of(&json, &typed) {
                    Ok(event) => {
                        self.offer(&event);
                        continue;
                    }
                    Err(reason) => (at, reason),
                },
                StreamItem::Damage { at, reason } => (at, reason),
            };
            self.bad += 1;
            if self.bad <= BAD_REPORTED_MAX {
                let reason = Sanitized(&reason);
                // A closed stderr does not stop the recording.
                drop(writeln!(
                    screen.stderr,
                    "localtel: {at} was not recorded: {reason}"
                ));
            }
        }
        if self.bad > BAD_REPORTED_MAX {
            let more = self.bad - BAD_REPORTED_MAX;
            screen.print_message(format_args!("localtel: {more} more were not recorded"));
        }
        Ok(())
    }

    /// Returns why events were refused, and the next step, for the policy and for consent.
    fn refusals(&self, location: &Location) -> Vec<(String, String)> {
        let command = |words: &str| location.command(words);
        let mut refusals = Vec::new();
        if self.refused_by_policy > 0 {
            let events = count(self.refused_by_policy, "event");
            let reason =
                format!("the policy drops {events}, by a rule or because no rule names it");
            refusals.push((reason, format!("`{}` shows the policy", command("policy"))));
        }
        // Accepted events that were still waiting are refused when consent is withdrawn.
        let refused = self.refused.max(self.telemetry.status().counts.refused);
        if refused > self.refused_by_policy {
            let by_consent = refused - self.refused_by_policy;
            refusals.push(self.refusal_by_consent(location, by_consent));
        }
        refusals
    }

    /// Returns why that number of events was not allowed, and the next step.
    fn refusal_by_consent(&self, location: &Location, refused: u64) -> (String, String) {
        let command = |words: &str| location.command(words);
        let status = self.telemetry.status();
        if status.is_recording {
            let events = count(refused, "event");
            let reason = format!("{events}, because recording was not allowed for a time");
            let hint = format!("`{}` shows the present choice", command("status"));
            return (reason, hint);
        }
        let answer = location.recording_by_commands();
        // The strongest rule comes first, since nothing else changes this run.
        let is_forbidden = status
            .decision
            .is_some_and(|decision| decision.is_locked && decision.state == Consent::Disabled);
        let hint = if is_forbidden {
            format!("`{}` shows which rule decided that", command("status"))
        } else if let Some(step) = location
            .step_for_other_owner()
            .or_else(|| location.step_for_consent())
        {
            step
        } else if location.check_recordable().is_err() {
            format!("`{}` shows the next step", command("doctor"))
        } else if location.owner_policy().is_err() {
            format!(
                "fix or remove {}; `{}` prints the error",
                location.policy_file().display(),
                command("policy")
            )
        } else {
            format!(
                "`{}` shows which rule decided that, `{}` allows it",
                command("status"),
                command("enable")
            )
        };
        (answer.because, hint)
    }

    fn finish(
        self,
        location: &Location,
        is_strict: bool,
        screen: &mut Screen<'_>,
    ) -> Result<Exit, Failure> {
        let flushed = self.telemetry.flush();
        for (reason, hint) in self.refusals(location) {
            let reason = Sanitized(&reason);
            writeln!(screen.stderr, "localtel: not recorded: {reason}")?;
            writeln!(screen.stderr, "hint: {}", Sanitized(&hint))?;
        }
        if self.dropped > 0 {
            return Err(Failure::failed(format!(
                "{} of the records could not be written",
                self.dropped
            ))
            .hint(format!(
                "`{}` shows where records are stored",
                location.command("status")
            )));
        }
        flushed.or_else(|error| {
            // With nothing recorded there is nothing to flush; the reason was printed above.
            if self.refused > 0 { Ok(()) } else { Err(error) }
        })?;
        if self.bad > 0 || (is_strict && self.refused > 0) {
            Ok(Exit::Failed)
        } else {
            Ok(Exit::Done)
        }
    }
}

/// The event name for reading the input.
const FROM_INPUT: &str = "-";

/// Number of invalid items that are reported one by one.
const BAD_REPORTED_MAX: u64 = 20;

/// Examples for `record`.
pub(crate) const EXAMPLES: &str = "\
In `key=value`, `true`, `false` and numbers are parsed if they round-trip; other values are text. No value is \
parsed as JSON or as a file name. In scripts, use `--text` for values from variables, and always for keys from \
variables: in the other forms a key that ends in `:` or starts with `-` has another meaning. \
The name of the event should be a constant.

`record -` reads JSON objects in UTF-8, in any layout, of at most 1 MiB each. `event`, `level` and `message` are \
taken; all other keys become properties. A number beyond 64 bits becomes text. Invalid input is reported, and \
reading continues at the next line that begins an object.

Examples:
  localtel --app deploy record deploy version=1.2.0 ok=true duration=871
  localtel --app deploy record login --text user=\"$USER\" -m \"$TEXT\"
  localtel --app deploy record failed -l error -m 'no route' --file log=out.txt
  localtel --app deploy record failed hosts:='[\"a\",\"b\"]'
  jq '{event: \"build\", name}' build.json | localtel --app deploy record -";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn typed(name: &str) -> Event {
        Event::new(name).level(Level::Warn).property("host", "a")
    }

    fn of_object(json: &str) -> Result<Event, String> {
        event_of(json.as_bytes(), typed)
    }

    #[test]
    fn an_object_overrides_what_was_typed() {
        for (json, expected) in [
            (
                r#"{"event":"e","n":1,"host":"b"}"#,
                typed("e").property("host", "b").property("n", 1),
            ),
            (
                r#"{"level":"error","message":"m","event":"e"}"#,
                typed("e").level(Level::Error).message("m"),
            ),
            (r#"{"event":"e","level":null,"message":null}"#, typed("e")),
        ] {
            assert_eq!(of_object(json).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn an_object_keeps_the_order_of_its_keys_and_every_digit() {
        let event = of_object(r#"{"z":{"y":1,"b":2},"event":"e","a":18446744073709551616,"z2":1}"#);
        let expected = typed("e")
            .property("z", json!({"y": 1, "b": 2}))
            .property("a", "18446744073709551616")
            .property("z2", 1);
        // JSON values are equal whatever the order of their keys; their texts are not.
        assert_eq!(format!("{:?}", event.unwrap()), format!("{expected:?}"));
    }

    #[test]
    fn levels_of_other_loggers_are_accepted() {
        for (level, expected) in [
            ("30", Level::Info),
            ("\"30\"", Level::Info),
            ("60", Level::Error),
            ("\"FATAL\"", Level::Error),
            ("\"Critical\"", Level::Error),
            ("\"notice\"", Level::Info),
        ] {
            let event = of_object(&format!(r#"{{"event":"e","level":{level}}}"#)).unwrap();
            assert_eq!(event, typed("e").level(expected), "{level}");
        }
    }

    #[test]
    fn an_object_without_an_event_is_refused() {
        for json in [
            "{}",
            "[]",
            "3",
            "{",
            r#"{"event":""}"#,
            r#"{"event":3}"#,
            r#"{"event":null}"#,
            r#"{"event":"e","level":"loud"}"#,
            r#"{"event":"e","level":70}"#,
            r#"{"event":"e","message":1}"#,
        ] {
            assert!(of_object(json).is_err(), "{json}");
        }
        assert!(event_of(b"{\"event\":\"\xff\"}", typed).is_err());
    }
}
