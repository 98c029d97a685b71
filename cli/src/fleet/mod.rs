//! The commands on a tree: what many machines recorded, as it was imported. Commands that read
//! records read all of its logs, and `status`, `doctor` and `explain` say what is known of the
//! machines. `hosts` gathers these facts. Nothing in a tree is created or changed, and nothing is
//! said of it that is true only on the machine itself.

mod doctor;
mod explain;
mod gaps;
mod hosts;
mod status;

use super::args::AppCommand;
use super::exit::Exit;
use super::failure::Failure;
use super::host::LOCALTEL;
use super::reading::{MatchArgs, NamedInput, RecordInputs};
use super::sanitize::Sanitized;
use super::screen::Screen;
use super::selection::TreeLogs;
use super::stats::StatsSource;
use super::{sessions, show, stats};
use localtel::Result;

/// Runs a command on a tree.
pub(crate) fn on_tree(
    command: &AppCommand,
    tree: &TreeLogs,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    if command.follows() {
        return Err(
            Failure::usage("nothing is recorded in a tree, so nothing new comes").hint(format!(
                "`{}` shows the last records",
                tree.command("show -n 10")
            )),
        );
    }
    tree.left_out.print(screen);
    if tree.tree.is_unfinished()? {
        let path = tree.tree.path().display().to_string();
        screen.print_message(format_args!(
            "an import into {} did not finish: run `{LOCALTEL} import` again; until then some of its \
             segments are missing",
            Sanitized(&path)
        ));
    }
    let exit = match command {
        AppCommand::Show(args) => {
            show::run(args, &inputs_of(tree, &args.records, screen)?, screen)?
        }
        AppCommand::Sessions(args) => {
            sessions::run(args, &inputs_of(tree, &args.records, screen)?, screen)?
        }
        AppCommand::Stats(args) => {
            let source = StatsSource {
                inputs: inputs_of(tree, &args.records, screen)?,
                locations: &[],
                show: tree.command("show"),
            };
            stats::run(args, &source, screen)?
        }
        AppCommand::Status(args) => status::run(tree, args, screen)?,
        AppCommand::Doctor(args) => doctor::run(tree, args, screen)?,
        AppCommand::Explain(args) => explain::run(tree, args, screen)?,
        AppCommand::Report(_) => {
            let reports = tree.command("show event=report -n 1");
            return Err(Failure::usage("a report is made on the machine itself")
                .hint(format!("`{reports}` shows the last one that was recorded")));
        }
        AppCommand::Profiles(_) => {
            let status = tree.command("status");
            return Err(Failure::usage("a tree has no profiles of this machine")
                .hint(format!("`{status}` lists what other machines recorded")));
        }
        AppCommand::Tail(_)
        | AppCommand::Clear(_)
        | AppCommand::Enable(_)
        | AppCommand::Disable(_)
        | AppCommand::Reset
        | AppCommand::Policy(_) => return Err(unchanged(tree)),
    };
    Ok(tree.left_out.exit(exit))
}

/// Returns the failure of a command that changes what is on a machine.
fn unchanged(tree: &TreeLogs) -> Failure {
    let path = tree.tree.path().display();
    Failure::usage(format!(
        "{path} is a tree of what other machines recorded, in which no command changes anything"
    ))
    .hint("run the command on the machine itself")
}

/// Returns the logs as inputs, without those of machines that conditions on `host` leave out.
fn inputs_of(
    tree: &TreeLogs,
    records: &MatchArgs,
    screen: &Screen<'_>,
) -> Result<RecordInputs<'static>, Failure> {
    if records.has_paths() {
        return Err(
            Failure::usage("files and directories are read instead of a tree")
                .hint("leave out --dir and --host"),
        );
    }
    let conditions = records.host_conditions();
    let mut inputs = NamedInput::of_logs(tree);
    inputs.retain(|input| input.host().is_none_or(|host| conditions.admit(host)));
    if inputs.is_empty() {
        let typed = conditions.typed().join(" ");
        let machines = tree.hosts().len();
        return Err(
            Failure::usage(format!("none of {machines} machines matches `{typed}`"))
                .hint("`properties.host` is the property of that name"),
        );
    }
    Ok(RecordInputs::of(inputs).watched(screen.progress))
}
