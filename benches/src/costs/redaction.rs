//! What looking for secrets in a message costs, in texts without one and with one: the same events are recorded
//! under a policy that keeps secrets in messages and under the default one, burst by burst in turn, and what the
//! second takes longer is the cost. An event's message is looked at each time; that of a call site only where it is
//! not the one before.

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
        title: "Looking for secrets in a message".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    };
    Ok((Vec::new(), table))
}

/// Records a burst, and returns the nanoseconds of one event in it.
fn burst(telemetry: &Telemetry, event: &Event) -> Result<f64> {
    std::thread::sleep(PAUSE);
    let start = Instant::now();
    for _ in 0..BURST_DRAFTS {
        if telemetry.record(event) != Outcome::Recorded {
            return Err("an event was not recorded".into());
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(BURST_DRAFTS))
}

/// A text of so many bytes as programs write them.
fn clean(bytes: usize) -> String {
    let line = "listed 12 projects in 871 ms, of 3 hosts";
    line.repeat(bytes / line.len())
}

/// Such a text with a password in its middle.
fn dirty(bytes: usize) -> String {
    let secret = " password=hunter2 ";
    let text = clean(bytes);
    let middle = text.len() / 2 - secret.len() / 2;
    let end = middle + secret.len();
    let around = |range| text.get(range).unwrap_or_default();
    format!("{}{secret}{}", around(0..middle), around(end..text.len()))
}

/// The lengths of messages in bytes.
const LENGTHS: [usize; 3] = [40, 200, 4000];

/// So many events come at once; the worker takes them within the pause.
const BURST_DRAFTS: u32 = 64;

/// The pause between two bursts.
const PAUSE: Duration = Duration::from_millis(2);
