//! The usual words of other tools, and what does the same here. Where they are looked up is `suggestion`'s.

/// Words, and what to do instead; what to type in the place of such a word stands in backquotes.
pub(crate) type UsualWords = (&'static str, &'static str);

/// Words that stand for a command.
pub(crate) const COMMAND_WORDS: [UsualWords; 15] = [
    (
        "log logs cat dump view print display less more read events history journal journalctl records open head",
        "`show` shows what was recorded, `tail` also each new record as it comes",
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
        "follow watch stream monitor live",
        "`tail` shows each new record as it comes",
    ),
    (
        "grep egrep rg ack search find",
        "`show --grep TEXT` shows the records that contain a text",
    ),
    (
        "query filter select where sql jq",
        "`show key=value` shows the records with that value, `show --grep TEXT` those that contain a text",
    ),
    // `clear` itself is here for words that are like it.
    (
        "delete del rm remove purge wipe erase clean cleanup clear prune truncate trim flush drop destroy empty forget discard rotate",
        "`explain` tells how to stop recording, and how what was recorded is removed",
    ),
    (
        "uninstall unregister",
        "`disable` forbids recording; `explain` tells how what was recorded is removed",
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
        "`status` says whether anything is recorded, why, and where it lies",
    ),
    (
        "stats statistics summary summarize summarise count metrics top usage",
        "`explain` lists what was recorded so far, by event, and how often",
    ),
    (
        "config configure configuration settings set get preferences options rules redact mask",
        "`policy --help` tells how to narrow what is recorded; `enable` and `disable` decide whether anything is",
    ),
    (
        "check verify diagnose diagnostics health fsck lint validate debug repair fix test",
        "`doctor` looks for what is wrong, and says what to do",
    ),
    (
        "export save backup json csv",
        "`show --json` prints records as they are stored, `show --output csv` as a table",
    ),
];

/// Words that stand for a command that only the program `localtel` has.
pub(crate) const PROGRAM_WORDS: [UsualWords; 3] = [
    (
        "write send emit add track event put append insert push capture",
        "`record EVENT key=value` records an event",
    ),
    (
        "exec execute time wrap measure",
        "`run --help` tells how to run a command and record how it went",
    ),
    ("version", "`--version` prints the version"),
];

/// Words that stand for a command behind `policy`.
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
        "`unset --help` tells how to take a rule back",
    ),
];

/// Flags of other tools, and those that do it here.
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
