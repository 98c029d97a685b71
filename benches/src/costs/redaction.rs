//! The cost of searching a message for secrets, in texts with and without one. The same events are
//! recorded under a policy that keeps secrets in messages and under the default one, burst by burst
//! in turn; the cost is the difference. The message of `Event` is searched each time; that of a
//! call site only if it differs from the previous one.

use std::time::{Duration, Instant};

use localtel::consent::WhenUndecided;
use localtel::recording::Outcome;
use localtel::{Event, Policy, Telemetry};

use crate::Result;
use crate::effort::Effort;
use crate::results::{Figure, Table, number};
use crate::series::Series;

/// Records messages of each kind and length.
pub(super) fn measure(effort: Effort) -> Result<(Vec<Figure>, Table)> {
    let home = tempfile::tempdir()?;
    let open = |name: &str, policy: Policy| {
        Telemetry::builder("bench")
            .dir(home.path().join(name))
            .when_undecided(WhenUndecided::Record)
            .policy(policy)
            .try_open()
    };
    let kept = open("kept", Policy::new().keep_secrets())?;
    let masked = open("masked", Policy::new())?;
    let mut rows = Vec::new();
    for bytes in LENGTHS {
        for (what, message) in [
            ("without a secret", clean(bytes)),
            ("with a secret", dirty(bytes)),
        ] {
            let event = Event::new("event").message(message);
            let (mut of_kept, mut of_masked, mut cost) =
                (Series::default(), Series::default(), Series::default());
            for _ in 0..effort.pick(400, 5) {
                let without = burst(&kept, &event)?;
                let with = burst(&masked, &event)?;
                of_kept.push(without);
                of_masked.push(with);
                cost.push(with - without);
            }
            let numbers = [of_kept.median(), of_masked.median(), cost.median()].map(number);
            let cells = [vec![format!("{bytes} bytes {what}")], numbers.to_vec()];
            rows.push(cells.concat());
        }
    }
    let columns = [
        "message",
        "ns, secrets kept",
        "ns, masked",
        "ns for redaction",
    ];
    let table = Table {
        title: "Searching a message for secrets".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    };
    Ok((Vec::new(), table))
}

/// Records a burst, and returns the nanoseconds of one event in it.
fn burst(telemetry: &Telemetry, event: &Event) -> Result<f64> {
    std::thread::sleep(PAUSE);
    let start = Instant::now();
    for _ in 0..BURST_EVENTS {
        if telemetry.record(event) != Outcome::Recorded {
            return Err("an event was not recorded".into());
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(BURST_EVENTS))
}

/// Returns a text of about `bytes` bytes, as programs write them.
fn clean(bytes: usize) -> String {
    let line = "listed 12 projects in 871 ms, of 3 hosts";
    line.repeat(bytes / line.len())
}

/// Returns such a text with a password in the middle.
fn dirty(bytes: usize) -> String {
    let secret = " password=hunter2 ";
    let text = clean(bytes);
    let middle = text.len() / 2 - secret.len() / 2;
    let end = middle + secret.len();
    let around = |range| text.get(range).unwrap_or_default();
    format!("{}{secret}{}", around(0..middle), around(end..text.len()))
}

/// Lengths of messages in bytes.
const LENGTHS: [usize; 3] = [40, 200, 4000];

/// Number of events in a burst. The worker writes them within the pause.
const BURST_EVENTS: u32 = 64;

/// The pause between two bursts.
const PAUSE: Duration = Duration::from_millis(2);
