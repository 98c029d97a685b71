//! Completions for shells and pages for `man`. The scripts for bash, zsh and fish are in
//! `completion`; those for other shells and the pages are generated from the definition of the
//! commands.

use clap_complete::Shell;
use clap_mangen::Man;

use super::completion::script_of;
use super::exit::Exit;
use super::failure::Failure;
use super::screen::Screen;
use super::suggestion::nearest;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The page of one command, or `all` for all pages [default: the page of localtel]
    #[arg(value_name = "COMMAND")]
    page: Option<String>,
}

/// Prints completions of a command.
pub(crate) fn completions(
    args: &CompletionsArgs,
    mut command: clap::Command,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    if let Some(script) = script_of(args.shell) {
        screen.stdout.write_all(script.as_bytes())?;
        return Ok(Exit::Done);
    }
    // Generate in memory: the generator panics if writing fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "localtel", &mut script);
    screen.stdout.write_all(&script)?;
    Ok(Exit::Done)
}

/// Prints pages of the manual of a command.
pub(crate) fn man(
    args: &ManArgs,
    command: clap::Command,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let mut root = command.disable_help_subcommand(true);
    root.build();
    let pages: Vec<_> = match args.page.as_deref() {
        None => vec![root.clone()],
        Some("all") => std::iter::once(root.clone())
            .chain(root.get_subcommands().cloned())
            .collect(),
        Some(name) => root.find_subcommand(name).cloned().into_iter().collect(),
    };
    if pages.is_empty() {
        let name = args.page.as_deref().unwrap_or_default();
        let hint = match nearest(name, root.get_subcommands().map(clap::Command::get_name)) {
            Some(near) => format!("did you mean `localtel man {near}`?"),
            None => "`localtel --help` lists the commands".to_owned(),
        };
        let message = format!("there is no manual page of {name:?}");
        return Err(Failure::usage(message).hint(hint));
    }
    for page in pages {
        let synopsis = synopsis(&page);
        Man::new(page.override_usage(synopsis)).render(&mut screen.stdout)?;
    }
    Ok(Exit::Done)
}

/// Returns the forms of a command with all of its options, a line each.
fn synopsis(command: &clap::Command) -> String {
    let form = |command: &clap::Command| {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let (positionals, options): (Vec<_>, Vec<_>) = shown.partition(|arg| arg.is_positional());
        let options = options.iter().map(|arg| format!(" [{arg}]"));
        let positionals = positionals.iter().map(|arg| format!(" {arg}"));
        let words: String = options.chain(positionals).collect();
        format!("{name}{words}")
    };
    let nested = command.get_subcommands().map(form);
    std::iter::once(form(command))
        .chain(nested)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Examples for `completions`.
pub(crate) const COMPLETIONS_EXAMPLES: &str = "\
In bash, zsh and fish, names and frequent values from the records are completed too, for example
after `-e`, `--app` and `key=`; the last 1 MiB of each directory is read for that.

Examples:
  localtel completions bash >~/.local/share/bash-completion/completions/localtel
  localtel completions zsh > \"${fpath[1]}/_localtel\"
  localtel completions fish > ~/.config/fish/completions/localtel.fish";

/// Examples for `man`.
pub(crate) const MAN_EXAMPLES: &str = "\
Examples:
  localtel man | man -l -          read the page of localtel
  localtel man clear | man -l -    read the page of one command
  localtel man > localtel.1        for a package";
