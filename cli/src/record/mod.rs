//! `record`: one record from a script, or many from a stream of JSON objects. What the words and objects mean is
//! decided without recording anything; whether they are kept is the library's to say.

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

/// What to record.
#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// The event's name, or `-` to read JSON objects from the input
    #[arg(value_name = "EVENT", value_parser = lossy())]
    event: String,
    #[command(flatten)]
    properties: Words,
    /// Log level: trace, debug, info, warn, error, or what syslog and pino call it
    #[arg(short, long, default_value = "info", value_parser = parse_level)]
    level: Level,
    /// A message for people
    #[arg(short, long, allow_hyphen_values = true, value_parser = lossy())]
    message: Option<String>,
    /// Fail if the record is refused because recording is off
    #[arg(long)]
    strict: bool,
}

/// Reads a JSON object: `event`, `level` and `message` are taken, all other keys are properties, in their order. What the
/// object does not say is as in the event that was typed.
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
                return Err(format!("`{key}` must be a string, and is {other}"));
            }
            (_, value) => event.property(key, value.clone()),
        };
    }
    match name {
        None | Some("") => Err("it has no `event`".to_owned()),
        Some(_) => Ok(event),
    }
}

/// Records what was asked for.
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
        dropped: 0,
        bad: 0,
    };
    if !is_input {
        recording.offer(&typed(&args.event));
        return recording.finish(location, args.strict, screen);
    }
    let read = recording.take_objects(typed, screen);
    // What was read before the input failed is recorded.
    let exit = recording.finish(location, args.strict, screen)?;
    read.map(|()| exit)
}

/// Returns how telemetry is opened to record at a location.
///
/// # Errors
///
/// Returns an error if it is not certain which application it is.
pub(crate) fn builder_of(location: &Location) -> localtel::Result<Builder> {
    let application = location.certain_application()?;
    Ok(Telemetry::builder(application.as_str())
        .dir(location.base())
        .profile(location.profile().as_str())
        .when_undecided(location.when_undecided())
        .delivery(Delivery::Inline))
}

/// A handle and what became of what was offered to it.
struct RecordRun {
    telemetry: Telemetry,
    refused: u64,
    dropped: u64,
    /// How much of the input was not recorded because it is not what it should be.
    bad: u64,
}

impl RecordRun {
    fn offer(&mut self, event: &Event) {
        match self.telemetry.record(event) {
            Outcome::Recorded => {}
            Outcome::Refused => self.refused += 1,
            Outcome::Dropped => self.dropped += 1,
        }
    }

    /// Records each object of the input as soon as it is there.
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
            if self.bad <= BAD_TOLD_MAX {
                let reason = Sanitized(&reason);
                // A closed stderr is no reason to lose what follows.
                drop(writeln!(
                    screen.stderr,
                    "localtel: {at} was not recorded: {reason}"
                ));
            }
        }
        if self.bad > BAD_TOLD_MAX {
            let more = self.bad - BAD_TOLD_MAX;
            screen.say(format_args!("localtel: {more} more were not recorded"));
        }
        Ok(())
    }

    /// Returns why events were refused, and what to do about it.
    fn refusal(&self, location: &Location) -> (String, String) {
        let command = |words: &str| location.command(words);
        let status = self.telemetry.status();
        if status.is_recording {
            let events = count(self.refused, "event");
            let reason =
                format!("the policy drops {events}, by a rule or because no rule names it");
            return (reason, format!("`{}` shows the policy", command("policy")));
        }
        let answer = location.recording_by_commands();
        // The strongest who forbids it comes first: nothing else changes this run.
        let is_forbidden = status
            .decision
            .is_some_and(|decision| decision.is_locked && decision.state == Consent::Disabled);
        let hint = if is_forbidden {
            format!("`{}` says who decided that", command("status"))
        } else if let Some(step) = location.step_for_other_owner() {
            step
        } else if let Some(step) = location.step_for_consent() {
            step
        } else if location.check_recordable().is_err() {
            format!("`{}` says what to do", command("doctor"))
        } else if location.owner_policy().is_err() {
            format!(
                "fix or remove {}; `{}` says what is wrong with it",
                location.policy_file().display(),
                command("policy")
            )
        } else {
            format!(
                "`{}` says who decided that, `{}` allows it",
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
        if self.refused > 0 {
            let (reason, hint) = self.refusal(location);
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
                "`{}` says where they should have gone",
                location.command("status")
            )));
        }
        self.telemetry.flush().or_else(|error| {
            // Nothing was kept, so there is nothing to write; why was said above.
            if self.refused > 0 { Ok(()) } else { Err(error) }
        })?;
        if self.bad > 0 || (is_strict && self.refused > 0) {
            Ok(Exit::Failed)
        } else {
            Ok(Exit::Done)
        }
    }
}

/// The event that means: read the input.
const FROM_INPUT: &str = "-";

/// How much of what was not recorded is named; of the rest the number is said.
const BAD_TOLD_MAX: u64 = 20;

/// Examples for `record`.
pub(crate) const EXAMPLES: &str = "\
In `key=value` true and false, whole numbers, and numbers that read back as they were typed are recognised; everything \
else is text, and `show` prints what was typed. A value is never more than a value: none is read as JSON or as the name \
of a file. `--text` keeps text also what looks like a number; use it for what comes from variables, and always where \
the key does: elsewhere a `:` at its end or a `-` at its start means something else. The event's name is yours to write: `-` reads the input.
From the input, JSON objects are read in UTF-8, however they are laid out, of at most 1 MiB each: `event`, `level` and \
`message` are taken, all other keys are properties. A number beyond 64 bits becomes text. What cannot be read is named, \
and reading goes on at the next line.

Examples:
  localtel --app deploy record deploy version=1.2.0 ok=true duration=871
  localtel --app deploy record login --text user=\"$USER\" -m \"$TEXT\"
  localtel --app deploy record failed -l error -m 'no route' --file log=out.txt hosts:='[\"a\",\"b\"]'
  jq '{event: \"build\", target: .name}' build.json | localtel --app deploy record -";

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
    fn an_object_says_what_it_says_and_the_rest_is_as_typed() {
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
        // Two values of JSON are the same whatever the order of their keys is; their texts are not.
        assert_eq!(format!("{:?}", event.unwrap()), format!("{expected:?}"));
    }

    #[test]
    fn an_object_names_its_level_as_its_logger_does() {
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
    fn an_object_that_names_no_event_is_refused() {
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
