//! The logs of a tree that a command reads: what many machines recorded, as `import` laid it out. A
//! directory inside a tree stands for the part of the tree below it. The package of bundles knows
//! the layout; here logs are selected by the options of the command line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use localtel::admin::Environment;
use localtel_bundle::tree::{Tree, TreeLog};

use super::super::failure::Failure;
use super::super::host::LOCALTEL;
use super::super::suggestion::nearest;
use super::all::LeftOut;
use super::{HostPattern, NamePattern, SelectionArgs};

/// The logs of a tree that a command reads.
#[derive(Debug)]
pub(crate) struct TreeLogs {
    pub(crate) tree: Tree,
    /// In the order of their paths.
    pub(crate) list: Vec<TreeLog>,
    pub(crate) left_out: LeftOut,
    /// The options that select them, as they were typed.
    typed: String,
}

impl TreeLogs {
    /// Returns a command line that reads the same logs.
    pub(crate) fn command(&self, words: &str) -> String {
        format!("{LOCALTEL}{} {words}", self.typed)
    }

    /// Returns the names of the machines, in order.
    pub(crate) fn hosts(&self) -> BTreeSet<&str> {
        self.list.iter().map(|log| log.host.as_str()).collect()
    }
}

/// Finds the tree that is named by an option or by `LOCALTEL_DIR`, and the logs in it that the
/// options describe; `None` if what is named is no tree, or nothing is named.
///
/// # Errors
///
/// Returns an error if the tree cannot be read, or has no such logs.
pub(crate) fn find_tree(
    args: &SelectionArgs,
    environment: &Environment,
) -> Result<Option<TreeLogs>, Failure> {
    match args.dir.clone().or_else(|| environment.localtel_dir()) {
        Some(path) => tree_at(&path, args),
        None => Ok(None),
    }
}

/// Finds the logs of the tree at a path, or of the part of a tree below it; `None` if there is
/// none.
///
/// # Errors
///
/// Returns an error if the tree cannot be read, or has no logs that the options describe.
pub(crate) fn tree_at(path: &Path, args: &SelectionArgs) -> Result<Option<TreeLogs>, Failure> {
    let Some(part) = TreePart::at(path)? else {
        return Ok(None);
    };
    let (mut list, mut left_out) = (Vec::new(), LeftOut::default());
    let (mut hosts, mut applications) = (BTreeSet::new(), BTreeSet::new());
    for log in part.tree.logs()? {
        match log {
            Ok(log) if part.contains(&log) => {
                hosts.insert(log.host.as_str().to_owned());
                applications.insert(log.application.to_string());
                if args.names_log(&log) {
                    list.push(log);
                }
            }
            Ok(_) => {}
            Err(error) => left_out.refuse(error.into()),
        }
    }
    if list.is_empty() {
        return Err(none_selected(path, args, &hosts, &applications));
    }
    check_hosts(args, &hosts)?;
    Ok(Some(TreeLogs {
        tree: part.tree,
        list,
        left_out,
        typed: args.typed(),
    }))
}

/// Returns an error if the path that is named is a tree or in one: only commands that read work
/// there.
pub(crate) fn refuse_tree(args: &SelectionArgs, environment: &Environment) -> Result<(), Failure> {
    let Some(path) = args.dir.clone().or_else(|| environment.localtel_dir()) else {
        return Ok(());
    };
    match TreePart::at(&path)? {
        None => Ok(()),
        Some(_) => Err(Failure::usage(format!(
            "{} is in a tree of what other machines recorded, in which no command changes anything",
            path.display()
        ))
        .hint("run the command on the machine itself")),
    }
}

/// A tree, or the part of it below a directory.
struct TreePart {
    tree: Tree,
    /// The directory; `None` for the whole tree.
    below: Option<PathBuf>,
}

impl TreePart {
    fn at(path: &Path) -> Result<Option<Self>, Failure> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut above = absolute.ancestors();
        let is_host = |path: &&Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(HOST_START))
        };
        if let Some(root) = above.find(is_host).and_then(Path::parent)
            && let Some(tree) = Tree::open(root)?
        {
            let below = Some(absolute);
            return Ok(Some(Self { tree, below }));
        }
        let tree = Tree::open(path)?;
        Ok(tree.map(|tree| Self { tree, below: None }))
    }

    fn contains(&self, log: &TreeLog) -> bool {
        let below = self.below.as_ref();
        below.is_none_or(|below| log.path.starts_with(below))
    }
}

/// The start of the name of a machine's directory.
const HOST_START: &str = "host=";

impl SelectionArgs {
    fn names_log(&self, log: &TreeLog) -> bool {
        let is_host = |pattern: &HostPattern| pattern.matches(log.host.as_str());
        self.names_application(log.application.as_str())
            && (self.host.is_empty() || self.host.iter().any(is_host))
            && self.profile.iter().all(|profile| *profile == log.profile)
    }
}

/// Returns an error if a machine that is named has nothing in the tree.
fn check_hosts(args: &SelectionArgs, hosts: &BTreeSet<String>) -> Result<(), Failure> {
    let is_absent = |pattern: &&HostPattern| !hosts.iter().any(|host| pattern.matches(host));
    let Some(absent) = args.host.iter().find(is_absent) else {
        return Ok(());
    };
    let failure = Failure::usage(format!(
        "no machine in the tree is named `{}`",
        absent.as_str()
    ));
    Err(
        match nearest(absent.as_str(), hosts.iter().map(String::as_str)) {
            Some(near) => failure.hint(format!("did you mean `--host {near}`?")),
            None => failure.hint("`localtel --dir FLEET status` lists the machines"),
        },
    )
}

/// Returns the error for a selection that describes no log.
fn none_selected(
    path: &Path,
    args: &SelectionArgs,
    hosts: &BTreeSet<String>,
    applications: &BTreeSet<String>,
) -> Failure {
    if hosts.is_empty() {
        return Failure::usage(format!("the tree {} has no records yet", path.display()))
            .hint("take bundles into it: `localtel import BUNDLE... --into FLEET`");
    }
    if let Err(failure) = check_hosts(args, hosts) {
        return failure;
    }
    let is_absent = |pattern: &&NamePattern| !applications.iter().any(|name| pattern.matches(name));
    match args.app.iter().find(is_absent) {
        Some(absent) => {
            let known: Vec<&str> = applications.iter().map(String::as_str).collect();
            let absent = absent.as_str();
            Failure::usage(format!("no machine recorded an application `{absent}`"))
                .hint(format!("they recorded {}", known.join(", ")))
        }
        None => Failure::usage("no machine recorded that application under that profile")
            .hint("leave out --profile"),
    }
}
