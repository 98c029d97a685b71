//! The search for a word, and all records in formats for other programs and for people, beside
//! `rg` and `jq`.

use super::task::{Answers, Lines, Share, Shares, Task};
use super::tools::{Peer, Tools};
use super::{ahead, beside_rg, rg};
use crate::results::Figure;

/// Records that contain a word.
pub(super) fn word<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let localtel = ["show", "-g", WORD, "-o", "json"];
    Task::new("Records that contain a word", tools, shares)
        .localtel(Share::Whole, &localtel, Lines::AsOthers)
        .peer(Peer::Ripgrep, Share::Whole, &rg(WORD), Lines::AsOthers)
}

/// All records, as comma-separated values with the same columns.
pub(super) fn csv<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    let records = shares.part.records;
    let localtel = ["show", "-o", "csv", "--columns", COLUMNS];
    // localtel prints a header.
    Task::new("All records, CSV", tools, shares)
        .localtel(Share::Part, &localtel, Lines::Exactly(records + 1))
        .peer(
            Peer::Jq,
            Share::Part,
            &["-r", JQ_CSV],
            Lines::Exactly(records),
        )
}

/// All records, with each value on a line.
pub(super) fn pretty<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    Task::new("All records, a value on each line", tools, shares)
        .localtel(Share::Part, &["show", "-o", "pretty"], Lines::Any)
        .peer(Peer::Jq, Share::Part, &["."], Lines::Any)
}

/// Returns the figures of the three tasks.
pub(super) fn figures(word: &Answers, csv: &Answers, pretty: &Answers) -> Vec<Figure> {
    let of_word = beside_rg("`show -g WORD -o json`", "the word", word, 7.0);
    let of_csv = ahead("`show -o csv`", csv, &[(Peer::Jq, 12.0)]);
    let of_pretty = ahead("`show -o pretty`", pretty, &[(Peer::Jq, 8.0)]);
    of_word.into_iter().chain(of_csv).chain(of_pretty).collect()
}

/// A word that one record in a hundred contains.
const WORD: &str = "connection";

/// Columns whose values are on one line.
const COLUMNS: &str =
    "timestamp,level,source,target,event,message,session,seq,command,duration,result";

/// The same columns.
const JQ_CSV: &str = r"[.timestamp, .level, .source, .target, .event, .message, .session, .seq, .properties.command, .properties.duration, .properties.result] | @csv";
