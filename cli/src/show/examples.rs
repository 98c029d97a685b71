//! Notes and examples in the help of `show` and `tail`.

/// Notes and examples for `show`.
pub(crate) const SHOW_EXAMPLES: &str = "\
Keys of conditions: timestamp level source target event message session seq span, and any property. \
A missing key never matches, not even with `!=`. `pid` matches all records of a process. With -S or -U, all records are shown unless -n is given.

Examples:
  localtel show                                the last 1000 records
  localtel show -l warn --since -2h            warnings and errors of two hours
  localtel show event=command 'duration>1.5s'  commands of more than 1.5 seconds
  localtel show -g timeout -o pretty           what mentions it, as blocks
  localtel show -o fields:time,event,duration  a table of these keys
  localtel show --json | jq .properties        as JSON, for other programs
  localtel show --count -l error -S -1d        the number of errors of a day";

/// Notes and examples for `tail`.
pub(crate) const TAIL_EXAMPLES: &str = "\
Keys of conditions: timestamp level source target event message session seq span, and any property. \
A missing key never matches, not even with `!=`. `pid` matches all records of a process.

Examples:
  localtel tail                    the last 10 records, then each new one
  localtel tail -n 0 -l error      only new errors
  localtel tail -t myapp::net      one module of the application
  localtel tail -n 0 -m 1          the next record
  localtel tail -U +5m             what is recorded in five minutes";
