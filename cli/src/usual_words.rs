//! The usual words of other tools, and the equivalents here. `suggestion` looks them up.

/// Words of other tools and a suggestion, which has the text to type in backquotes.
pub(crate) type UsualWords = (&'static str, &'static str);

/// Words in place of a command.
pub(crate) const COMMAND_WORDS: [UsualWords; 17] = [
    (
        "log logs cat dump view print display less more read events history journal journalctl records open head",
        "`show` shows what was recorded, `tail` also each new record",
    ),
    (
        "error errors warn warning warnings failures failed",
        "`show --level warn` shows warnings and errors",
    ),
    (
        "list ls ll dir",
        "`show` lists what was recorded, `profiles` the profiles of an application",
    ),
    (
        "runs processes process ps boots instances starts restarts crashes",
        "`sessions` lists the processes that recorded, and how each ended",
    ),
    (
        "versions",
        "`sessions` lists the processes that recorded, with their versions",
    ),
    (
        "follow watch stream monitor live",
        "`tail` shows each new record as it is written",
    ),
    (
        "grep egrep rg ack search find",
        "`show --grep TEXT` shows the records that contain a text",
    ),
    (
        "query filter select where sql jq",
        "`show key=value` shows the records with that value, `show --grep TEXT` those that contain a text",
    ),
    // `clear` itself is here for words that are similar to it.
    (
        "delete del rm remove purge wipe erase clean cleanup clear prune truncate trim flush drop destroy empty forget discard rotate",
        "`explain` describes how to stop recording and how to remove records",
    ),
    (
        "uninstall unregister",
        "`disable` forbids recording; `explain` describes how to remove records",
    ),
    (
        "on start allow activate opt-in optin accept agree resume",
        "`enable` allows recording",
    ),
    (
        "off stop deny forbid deactivate opt-out optout refuse pause mute",
        "`disable` forbids recording",
    ),
    (
        "info about state whoami which id uuid consent",
        "`status` shows whether anything is recorded, why, and where it is stored",
    ),
    (
        "statistics summary summarize summarise count counts metrics top usage histogram percentiles group aggregate",
        "`stats` counts what was recorded: events, errors, durations, over time",
    ),
    (
        "config configure configuration settings set get preferences options rules redact mask",
        "`policy --help` describes how to restrict what is recorded; `enable` and `disable` decide whether anything is",
    ),
    (
        "check verify diagnose diagnostics health fsck lint validate debug repair fix test",
        "`doctor` checks for problems, and prints the next step for each",
    ),
    (
        "save json csv",
        "`show --json` prints records as they are stored, `show --output csv` as a table",
    ),
];

/// Words in place of a command that only the program `localtel` has.
pub(crate) const PROGRAM_WORDS: [UsualWords; 5] = [
    (
        "write send emit add track event put append insert push capture",
        "`record EVENT key=value` records an event",
    ),
    (
        "exec execute time wrap measure",
        "`run --help` describes how to run a command and record its result",
    ),
    (
        "backup bundle archive pack carry transfer",
        "`export --help` describes how to carry all telemetry to another machine",
    ),
    (
        "merge collect ingest gather",
        "`import --help` describes how to bring the telemetry of many machines together",
    ),
    ("version", "`--version` prints the version"),
];

/// Words in place of a command of `policy`.
pub(crate) const POLICY_WORDS: [UsualWords; 3] = [
    (
        "list ls get view print display cat",
        "`show` shows the rules",
    ),
    (
        "set add allow deny forbid edit keep drop mask hash redact exclude include ignore block",
        "`property NAME drop` drops a property; `--help` lists what else can be set",
    ),
    (
        "delete del rm remove reset clear purge",
        "`unset --help` describes how to remove a rule",
    ),
];

/// Flags of other tools, and the equivalent flag.
pub(crate) const FLAG_WORDS: [UsualWords; 9] = [
    ("limit tail last count max-count head number n", "lines"),
    ("from after start", "since"),
    ("to before end", "until"),
    ("format", "output"),
    (
        "search find filter regex regexp pattern contains match",
        "grep",
    ),
    ("watch stream", "follow"),
    ("min-level log-level severity priority", "level"),
    ("application source service", "app"),
    ("directory path folder", "dir"),
];
