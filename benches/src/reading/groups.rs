//! Groups with quantiles: `stats --by` beside the same question in DuckDB, which reads the segments
//! as they are, with the types of the columns given.

use super::task::{Answers, Lines, Share, Shares, Task};
use super::tools::{Peer, Tools};
use crate::results::{Bound, Figure};

/// Counts, errors and durations of each command.
pub(super) fn commands<'a>(tools: &'a Tools, shares: &'a Shares) -> Task<'a> {
    Task::new("Durations of each command", tools, shares)
        .localtel(Share::Quarter, &STATS, Lines::AsOthers)
        .duckdb(Share::Quarter, QUERY, Lines::AsOthers)
}

/// Returns how many times as long as DuckDB localtel takes.
pub(super) fn figures(answers: &Answers) -> Vec<Figure> {
    let figure = || {
        let own = answers.of("localtel", Share::Quarter)?;
        let peer = answers.of(Peer::DuckDb.name(), Share::Quarter)?;
        Some(Figure {
            what: "`stats --by command --of duration`: time relative to `duckdb`".to_owned(),
            target: Bound::AtMost(1.6),
            measured: own.seconds() / peer.seconds(),
            unit: "×",
        })
    };
    figure().into_iter().collect()
}

const STATS: [&str; 9] = [
    "stats", "--by", "command", "--of", "duration", "--top", "all", "-o", "csv",
];

/// The same rows and columns: both sort by the 95th percentile.
const QUERY: &str = "SELECT properties.command, count(*), \
    count_if(level = 'ERROR' OR properties.result = 'ERROR'), min(timestamp), max(timestamp), \
    min(properties.duration), avg(properties.duration), \
    quantile_disc(properties.duration, [0.5, 0.95, 0.99]) AS quantiles, max(properties.duration) \
    FROM read_json('events.*.jsonl', format = 'newline_delimited', columns = \
    {level: 'VARCHAR', timestamp: 'TIMESTAMP', \
    properties: 'STRUCT(command VARCHAR, duration DOUBLE, result VARCHAR)'}) \
    WHERE properties.command IS NOT NULL AND properties.duration IS NOT NULL \
    GROUP BY 1 ORDER BY quantiles[2] DESC";
