//! The execution of a command line: it is parsed, dispatched to its command, and its failure is
//! printed.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal as _};

use clap::{CommandFactory as _, FromArgMatches as _};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::args::{AnyCommand, AppCommand, Arguments};
use super::completion::Question;
use super::exit::Exit;
use super::failure::Failure;
use super::host::LOCALTEL;
use super::progress::{AfterProgress, ProgressLine};
use super::reading::{MatchArgs, NamedInput, RecordInputs};
use super::sanitize::Sanitized;
use super::screen::{Colour, ColourChoice, OutputKind, Screen};
use super::selection::{AllLocations, LeftOut, Selected, SelectionArgs, unnamed};
use super::show::ShowArgs;
use super::stats::StatsSource;
use super::time::{Zone, moment};
use super::{
    clear, consent, doctor, explain, export, fleet, import, manual, policy, profiles, record,
    report, run, selection, sessions, show, stats, status, suggestion,
};
use localtel::admin::{Environment, Location, ShellWord};
use localtel::read::Timestamp;

/// Runs a closure with the environment, the input and the output of this process.
pub(crate) fn in_process(work: impl FnOnce(&Environment, &mut Screen<'_>) -> Exit) -> Exit {
    let environment = Environment::of_process();
    let sink = if io::stdout().is_terminal() {
        OutputKind::Terminal
    } else {
        OutputKind::Pipe
    };
    let variable = |name: &str| environment.value(name);
    let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
    let progress = if io::stderr().is_terminal() && !is_dumb {
        ProgressLine::on_terminal()
    } else {
        ProgressLine::hidden()
    };
    let mut screen = Screen {
        stdout: &mut BufWriter::new(AfterProgress::new(&progress, io::stdout().lock())),
        stderr: &mut AfterProgress::new(&progress, io::stderr().lock()),
        stdin: &mut io::stdin().lock(),
        is_interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
        sink,
        colour: Colour::of(ColourChoice::Auto, sink, &variable),
        now: moment(Timestamp::now()),
        variable: &variable,
        is_reader_gone: &is_stdout_closed,
        progress: &progress,
    };
    work(&environment, &mut screen)
}

/// Returns `true` if the reader of the standard output is gone.
fn is_stdout_closed() -> bool {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    poll(&mut polled, Some(&Timespec::default())).is_ok()
        && polled.iter().any(|stdout| {
            stdout
                .revents()
                .intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL)
        })
}

/// Runs one command line and prints its failure.
pub(crate) fn execute(
    words: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Exit {
    let words: Vec<OsString> = words.into_iter().collect();
    let definition = Arguments::command();
    if let Some(question) = Question::of(&words) {
        let answer = question.answer(definition, environment);
        // Nothing is reported to a user who is typing.
        let _written = screen.stdout.write_all(answer.as_bytes());
        return Exit::Done;
    }
    let parsed = definition.clone().try_get_matches_from(&words);
    let arguments = parsed.and_then(|matches| {
        suggestion::check_commands(&matches, &definition)?;
        screen.choose_colour(ColourChoice::of_matches(&matches));
        Arguments::from_arg_matches(&matches)
    });
    let outcome = match arguments {
        Ok(arguments) => dispatch(arguments, &words, environment, screen),
        Err(mut error) => {
            screen.choose_colour(ColourChoice::of_words(&words));
            suggestion::suggest_flag(&mut error, &words, &definition);
            answer(&error, screen)
        }
    };
    settle(outcome, LOCALTEL, screen)
}

/// Ends a command: flushes the output, and prints the failure if there is one.
pub(crate) fn settle(
    outcome: Result<Exit, Failure>,
    called: &str,
    screen: &mut Screen<'_>,
) -> Exit {
    let outcome = outcome.and_then(|exit| {
        screen.stdout.flush()?;
        Ok(exit)
    });
    outcome.unwrap_or_else(|failure| {
        // The output comes first. If it cannot be flushed, that may be the failure itself; if the
        // message cannot be printed, the exit code still reports it.
        let _written = screen.stdout.flush();
        let text = failure.text(called);
        let _written = screen.stderr.write_all(text.as_bytes());
        failure.exit()
    })
}

/// A command line as it was typed.
#[derive(Clone, Copy)]
struct TypedLine<'a> {
    words: &'a [OsString],
    selection: &'a SelectionArgs,
}

/// Returns the same command line, for the owner of the telemetry to run.
fn repeated_as(owner: u32, typed: TypedLine<'_>, location: &Location) -> String {
    let words = typed
        .words
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy());
    let words: Vec<String> = words.map(|word| ShellWord(&word).to_string()).collect();
    let words = words.join(" ");
    if typed.selection.dir.is_some() {
        format!("sudo -u '#{owner}' {LOCALTEL} {words}")
    } else {
        location.command_as(owner, &words)
    }
}

fn dispatch(
    arguments: Arguments,
    words: &[OsString],
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let selection = &arguments.selection;
    let typed = TypedLine { words, selection };
    // A zone that cannot be read does not keep a command that shows no time from running.
    let zone = arguments.command.zone().zone(screen);
    let zone = zone.unwrap_or(Zone::UTC);
    let find = || selection::find(selection, environment, zone);
    if let Some(exit) = on_tree(&arguments.command, selection, environment, screen)? {
        return Ok(exit);
    }
    match arguments.command {
        // The schema does not depend on an application.
        AnyCommand::OnPlace(AppCommand::Explain(args)) if args.is_of_no_place() => {
            explain::print_schema(screen)
        }
        AnyCommand::OnPlace(AppCommand::Policy(args)) if args.text_to_test().is_some() => {
            let text = args.text_to_test().unwrap_or_default();
            policy::test(text, environment, screen)
        }
        AnyCommand::OnPlace(command) if command.records().is_some_and(MatchArgs::has_paths) => {
            on_paths(command, selection, environment, screen)
        }
        AnyCommand::OnPlace(
            command @ (AppCommand::Show(_)
            | AppCommand::Tail(_)
            | AppCommand::Sessions(_)
            | AppCommand::Stats(_)
            | AppCommand::Status(_)),
        ) => match find_or_wait(&command, selection, environment, screen)? {
            Selected::Named(location) => on_named(command, &location, typed, environment, screen),
            Selected::All(all) => {
                all.left_out.print(screen);
                let exit = on_all(command, &all.list, selection, environment, screen)?;
                Ok(all.left_out.exit(exit))
            }
        },
        AnyCommand::OnPlace(command) if command.is_for_all() => {
            let all = selection::find_all(selection, environment)?.into_all();
            all.left_out.print(screen);
            let exit = on_each(&command, &all.list, environment, screen)?;
            Ok(all.left_out.exit(exit))
        }
        AnyCommand::OnPlace(command) => on_named(command, &find()?, typed, environment, screen),
        AnyCommand::Record(args) => {
            let location = find()?;
            let hint = suggestion::similar_name(&location, environment, "status");
            // The values may be private, so the hint does not repeat them.
            let outcome = record::run(&location, &args, environment, screen).map_err(|failure| {
                failure.at(&location, |owner| location.command_as(owner, "record ..."))
            });
            with_suggestion(outcome, hint, screen)
        }
        AnyCommand::Run(args) => {
            let location = find().and_then(certain);
            if let Err(failure) = &location {
                // The command runs in any case, even if there is no location to record it.
                screen.print_message(format_args!(
                    "{}{LOCALTEL}: running without recording",
                    failure.text(LOCALTEL)
                ));
            }
            run::run(location.ok().as_ref(), &args, environment, screen)
        }
        AnyCommand::Export(args) => {
            let selected = selection::find_all(selection, environment)?;
            export::run(selected, selection.profile.is_some(), &args, screen)
        }
        AnyCommand::Import(args) => import::run(&args, selection, screen),
        AnyCommand::Completions(args) => manual::completions(&args, Arguments::command(), screen),
        AnyCommand::Man(args) => manual::man(&args, Arguments::command(), screen),
    }
}

/// Returns a location whose application is certain.
fn certain(location: Location) -> Result<Location, Failure> {
    match location.certain_application() {
        Ok(_) => Ok(location),
        Err(error) => Err(unnamed(error, &location)),
    }
}

/// Begins a command, and runs it if the options select a tree and it depends on them.
///
/// # Errors
///
/// Returns an error if the command does not work on trees.
fn on_tree(
    command: &AnyCommand,
    selection: &SelectionArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Option<Exit>, Failure> {
    if let AnyCommand::OnPlace(command) = command {
        command.begin_progress(screen);
    }
    let command = match command {
        AnyCommand::OnPlace(command) if !command.is_of_no_place() => command,
        AnyCommand::Export(_) => {
            selection::refuse_tree(selection, environment)?;
            return Ok(None);
        }
        AnyCommand::OnPlace(_)
        | AnyCommand::Record(_)
        | AnyCommand::Run(_)
        | AnyCommand::Import(_)
        | AnyCommand::Completions(_)
        | AnyCommand::Man(_) => return Ok(None),
    };
    if let Some(tree) = selection::find_tree(selection, environment)? {
        return fleet::on_tree(command, &tree, screen).map(Some);
    }
    selection.check_no_host()?;
    Ok(None)
}

/// Finds the locations that a command reads. One that follows waits for the first application.
fn find_or_wait(
    command: &AppCommand,
    selection: &SelectionArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Selected, Failure> {
    match selection::find_all(selection, environment) {
        Err(failure) if command.follows() => {
            let root = selection::empty_root(selection, environment).ok_or(failure)?;
            screen.print_message(format_args!(
                "waiting for an application, since none has telemetry below {} yet",
                Sanitized(&root.display().to_string())
            ));
            Ok(Selected::All(AllLocations::default()))
        }
        selected => selected,
    }
}

/// Runs a command on one location.
fn on_named(
    command: AppCommand,
    location: &Location,
    typed: TypedLine<'_>,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    // Checked before the command creates anything there; `doctor` has a finding for it.
    let is_doctor = matches!(command, AppCommand::Doctor(_));
    let similar = command.for_similar_name();
    let hint = suggestion::similar_name(location, environment, similar);
    let mut hint = hint.filter(|_| !is_doctor);
    if command.follows()
        && let Some(hint) = hint.take()
    {
        // It may wait for ever.
        screen.print_message(format_args!("hint: {}", Sanitized(&hint)));
    }
    let as_owner = |owner| repeated_as(owner, typed, location);
    let outcome = on_place(command, location, environment, screen)
        .map_err(|failure| failure.at(location, as_owner));
    let undone = similar.strip_prefix("enable").filter(|_| outcome.is_ok());
    let hint = hint.map(|hint| match undone {
        Some(scope) => {
            let undo = location.command(&format!("disable{scope}"));
            format!("{hint} `{undo}` withdraws this choice")
        }
        None => hint,
    });
    with_suggestion(outcome, hint, screen)
}

/// Runs a command on the files and directories on its command line instead of an application.
fn on_paths(
    command: AppCommand,
    selection: &SelectionArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    if !selection.app.is_empty() || selection.dir.is_some() || selection.profile.is_some() {
        let message = "files and directories are read instead of an application";
        return Err(Failure::usage(message).hint("leave out --app, --dir and --profile"));
    }
    let records = command.records().cloned().unwrap_or_default();
    let (mut inputs, left_out) = inputs_of(records.paths()?, selection, environment)?;
    left_out.print(screen);
    if inputs.iter().any(|input| input.host().is_some()) {
        let conditions = records.host_conditions();
        inputs.retain(|input| input.host().is_none_or(|host| conditions.admit(host)));
    } else {
        selection.check_no_host()?;
    }
    let inputs = RecordInputs::of(inputs).watched(screen.progress);
    let exit = match command {
        AppCommand::Show(args) => show::run(&args, &inputs, screen)?,
        AppCommand::Tail(args) => show::run(&args.into_tail(), &inputs, screen)?,
        AppCommand::Sessions(args) => sessions::run(&args, &inputs, screen)?,
        AppCommand::Stats(args) => {
            let source = StatsSource {
                inputs,
                locations: &[],
                show: format!("{LOCALTEL}{} show", selection.typed()),
            };
            stats::run(&args, &source, screen)?
        }
        AppCommand::Clear(_)
        | AppCommand::Status(_)
        | AppCommand::Explain(_)
        | AppCommand::Report(_)
        | AppCommand::Enable(_)
        | AppCommand::Disable(_)
        | AppCommand::Reset
        | AppCommand::Profiles(_)
        | AppCommand::Policy(_)
        | AppCommand::Doctor(_) => return Err(Failure::usage("this command reads no files")),
    };
    Ok(left_out.exit(exit))
}

/// Returns files, and the telemetry in directories. What is wrong with one of several directories
/// does not keep the others from being read.
fn inputs_of(
    paths: Vec<NamedInput>,
    selection: &SelectionArgs,
    environment: &Environment,
) -> Result<(Vec<NamedInput>, LeftOut), Failure> {
    let (mut inputs, mut left_out) = (Vec::new(), LeftOut::default());
    let is_only = paths.len() == 1;
    for input in paths {
        let Some(directory) = input.directory() else {
            inputs.push(input);
            continue;
        };
        match selection::tree_at(directory, selection) {
            Ok(Some(tree)) => {
                inputs.extend(NamedInput::of_logs(&tree));
                left_out.append(tree.left_out);
                continue;
            }
            Ok(None) => {}
            Err(failure) if is_only => return Err(failure),
            Err(failure) => {
                left_out.refuse(failure);
                continue;
            }
        }
        let selection = SelectionArgs {
            dir: Some(directory.to_owned()),
            ..SelectionArgs::default()
        };
        match selection::find_all(&selection, environment).map(Selected::into_all) {
            Ok(all) => {
                inputs.extend(all.list.iter().map(NamedInput::of_location));
                left_out.append(all.left_out);
            }
            Err(failure) if is_only => return Err(failure),
            Err(failure) => left_out.refuse(failure),
        }
    }
    Ok((inputs, left_out))
}

/// Runs a command that reads on several locations.
fn on_all(
    command: AppCommand,
    locations: &[Location],
    selection: &SelectionArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let locations = &screen.all_watched(locations);
    match (command, locations.as_slice()) {
        (AppCommand::Tail(args), _) => {
            follow_all(&args.into_tail(), locations, selection, environment, screen)
        }
        (AppCommand::Show(args), _) if args.follow => {
            follow_all(&args, locations, selection, environment, screen)
        }
        (command, [only]) => on_place(command, only, environment, screen)
            .map_err(|failure| failure.at(only, |owner| only.command_as(owner, "..."))),
        (AppCommand::Show(args), _) => Ok(show::run(
            &args,
            &RecordInputs::of(named_inputs(locations)),
            screen,
        )?),
        (AppCommand::Sessions(args), _) => {
            let inputs = RecordInputs::of(named_inputs(locations));
            Ok(sessions::run(&args, &inputs, screen)?)
        }
        (AppCommand::Stats(args), _) => {
            let source = StatsSource {
                inputs: RecordInputs::of(named_inputs(locations)),
                locations,
                show: format!("{LOCALTEL}{} show", selection.typed()),
            };
            stats::run(&args, &source, screen)
        }
        (AppCommand::Status(args), _) => status::run_all(locations, &args, screen),
        (_, _) => Err(Failure::usage("this command works on one application")),
    }
}

/// Shows new records of locations, and of those that appear later.
fn follow_all(
    args: &ShowArgs,
    locations: &[Location],
    selection: &SelectionArgs,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let list_again = || match selection::find_all(selection, environment) {
        Ok(Selected::All(all)) => named_inputs(&all.list),
        Ok(Selected::Named(_)) | Err(_) => Vec::new(),
    };
    let inputs = RecordInputs::that_grow(named_inputs(locations), &list_again);
    Ok(show::run(args, &inputs, screen)?)
}

fn named_inputs(locations: &[Location]) -> Vec<NamedInput> {
    locations.iter().map(NamedInput::of_location).collect()
}

/// Runs a command for each location, under a heading if the output is text. The highest exit code
/// is that of all.
fn on_each(
    command: &AppCommand,
    locations: &[Location],
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let mut worst = Exit::Done;
    let mut locations = screen.all_watched(locations);
    if matches!(command, AppCommand::Profiles(_)) {
        // The command lists all profiles of an application itself.
        locations.dedup_by(|one, other| one.base() == other.base());
    }
    for location in &locations {
        if !command.is_json() {
            writeln!(
                screen.stdout,
                "== {}",
                Sanitized(&selection::name_of(location))
            )?;
        }
        let exit = match command {
            AppCommand::Doctor(args) => doctor::run(location, args, environment, screen),
            AppCommand::Explain(args) => explain::run(location, args, screen),
            AppCommand::Report(args) => report::run(location, args, screen),
            AppCommand::Profiles(args) => profiles::run(location, args, screen),
            AppCommand::Policy(args) if args.is_shown() => policy::show(location, screen),
            AppCommand::Policy(_)
            | AppCommand::Show(_)
            | AppCommand::Tail(_)
            | AppCommand::Sessions(_)
            | AppCommand::Stats(_)
            | AppCommand::Clear(_)
            | AppCommand::Status(_)
            | AppCommand::Enable(_)
            | AppCommand::Disable(_)
            | AppCommand::Reset => Err(Failure::usage("one application is changed at a time")),
        };
        let exit = exit.unwrap_or_else(|failure| {
            let failure = failure.at(location, |owner| location.command_as(owner, "..."));
            screen.print_message(format_args!("{}", failure.text(LOCALTEL).trim_end()));
            failure.exit()
        });
        if exit.code() > worst.code() {
            worst = exit;
        }
    }
    Ok(worst)
}

/// Adds a suggestion if the named application has no telemetry.
fn with_suggestion(
    outcome: Result<Exit, Failure>,
    hint: Option<String>,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let Some(hint) = hint else {
        return outcome;
    };
    let exit = outcome.map_err(|failure| failure.hint(&hint))?;
    screen.stdout.flush()?;
    screen.print_message(format_args!("hint: {}", Sanitized(&hint)));
    Ok(exit)
}

pub(crate) fn on_place(
    command: AppCommand,
    location: &Location,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    if command.is_for_all() {
        return Err(Failure::usage("`--all` needs the command `localtel`"));
    }
    let location = &screen.watched(location);
    match command {
        command if command.records().is_some_and(MatchArgs::has_paths) => Err(not_of_application()),
        AppCommand::Stats(args) => {
            let source = StatsSource {
                inputs: RecordInputs::of(vec![NamedInput::of_location(location)]),
                locations: std::slice::from_ref(location),
                show: location.command("show"),
            };
            stats::run(&args, &source, screen)
        }
        AppCommand::Show(args) => {
            let inputs = RecordInputs::of(vec![NamedInput::of_location(location)]);
            Ok(show::run(&args, &inputs, screen)?)
        }
        AppCommand::Tail(args) => {
            let inputs = RecordInputs::of(vec![NamedInput::of_location(location)]);
            Ok(show::run(&args.into_tail(), &inputs, screen)?)
        }
        AppCommand::Sessions(args) => {
            let inputs = RecordInputs::of(vec![NamedInput::of_location(location)]);
            Ok(sessions::run(&args, &inputs, screen)?)
        }
        AppCommand::Clear(args) => clear::run(location, &args, screen),
        AppCommand::Status(args) => status::run(location, &args, screen),
        AppCommand::Explain(args) => explain::run(location, &args, screen),
        AppCommand::Report(args) => report::run(location, &args, screen),
        AppCommand::Enable(args) => consent::enable(location, &args, screen),
        AppCommand::Disable(args) => consent::disable(location, &args, screen),
        AppCommand::Reset => consent::reset(location, screen),
        AppCommand::Profiles(args) => profiles::run(location, &args, screen),
        AppCommand::Policy(args) => policy::run(location, args, environment, screen),
        AppCommand::Doctor(args) => doctor::run(location, &args, environment, screen),
    }
}

/// Returns the failure of reading other files with the commands of an application.
fn not_of_application() -> Failure {
    Failure::usage("only the telemetry of this application is read, and no other files")
}

/// Prints the answer of the parser: help and version to stdout, errors to stderr.
fn answer(error: &clap::Error, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let styled = error.render();
    if error.use_stderr() {
        let text = styled.to_string();
        let text = text
            .strip_prefix("error: ")
            .map_or(text.clone(), |rest| format!("{LOCALTEL}: {rest}"));
        // Typed words can contain control characters.
        for line in text.lines() {
            writeln!(screen.stderr, "{}", Sanitized(line))?;
        }
        return Ok(Exit::Usage);
    }
    match screen.colour {
        Colour::On => write!(screen.stdout, "{}", styled.ansi())?,
        Colour::Off => write!(screen.stdout, "{styled}")?,
    }
    Ok(Exit::Done)
}
