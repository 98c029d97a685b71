//! The targets for localtel, with the measured values.

use super::bout::Outcome;
use super::contender::{Contender, Role};
use super::pace::Pace;
use super::work::Work;
use crate::results::{Bound, Figure};

/// One number of an outcome that a figure compares.
#[derive(Debug, Clone, Copy)]
enum Measure {
    Mean,
    P50,
    P99,
    Cpu,
    Rate,
}

/// The contender that localtel is compared with.
#[derive(Debug, Clone, Copy)]
enum Against {
    One(Contender),
    /// The best of the peers in this one number.
    BestPeer,
}

/// A target for a ratio.
struct Demand {
    measure: Measure,
    pace: Pace,
    threads: u64,
    /// Against `fmt().json()` over a worker.
    usual: Bound,
    /// Against the best peer.
    best: Bound,
}

/// The targets against peers, for the first workload.
const DEMANDS: [Demand; 7] = [
    Demand {
        measure: Measure::Mean,
        pace: Pace::Bursts,
        threads: 1,
        usual: Bound::AtMost(1.0 / 12.0),
        best: Bound::AtMost(1.0 / 6.0),
    },
    Demand {
        measure: Measure::Mean,
        pace: Pace::BackToBack,
        threads: 1,
        usual: Bound::AtMost(1.0 / 12.0),
        best: Bound::AtMost(1.0 / 6.0),
    },
    Demand {
        measure: Measure::P99,
        pace: Pace::Bursts,
        threads: 1,
        usual: Bound::AtMost(1.0 / 20.0),
        best: Bound::AtMost(1.0 / 10.0),
    },
    Demand {
        measure: Measure::P99,
        pace: Pace::BackToBack,
        threads: 1,
        usual: Bound::AtMost(1.0 / 20.0),
        best: Bound::AtMost(1.0 / 10.0),
    },
    Demand {
        measure: Measure::P50,
        pace: Pace::Steady,
        threads: 1,
        usual: Bound::AtMost(1.0 / 8.0),
        best: Bound::AtMost(1.0 / 4.0),
    },
    Demand {
        measure: Measure::Cpu,
        pace: Pace::BackToBack,
        threads: 1,
        usual: Bound::AtMost(1.0 / 3.0),
        best: Bound::AtMost(1.0 / 2.0),
    },
    Demand {
        measure: Measure::Rate,
        pace: Pace::BackToBack,
        threads: 2,
        usual: Bound::AtLeast(6.0),
        best: Bound::AtLeast(3.0),
    },
];

/// Returns the targets with the measured values.
pub(super) fn of(outcomes: &[Outcome]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for demand in &DEMANDS {
        let usual = Against::One(Contender::FmtNonBlocking);
        figures.push(demand.figure(outcomes, usual, demand.usual));
        figures.push(demand.figure(outcomes, Against::BestPeer, demand.best));
    }
    figures.push(bytes(outcomes));
    for pace in [Pace::Bursts, Pace::BackToBack] {
        figures.push(above_floor(outcomes, pace));
    }
    for contender in [Contender::Off, Contender::Refused] {
        figures.push(above_no_subscriber(outcomes, contender));
    }
    figures
}

impl Demand {
    fn figure(&self, outcomes: &[Outcome], against: Against, target: Bound) -> Figure {
        let at: Vec<&Outcome> = at(outcomes, self.pace, self.threads).collect();
        let own = self.measure.of_contender(&at, Contender::Localtel);
        let (whom, theirs) = match against {
            Against::One(contender) => {
                (contender.title(), self.measure.of_contender(&at, contender))
            }
            Against::BestPeer => match self.measure.best_peer(&at) {
                Some((best, theirs)) => (best.title(), theirs),
                None => ("none", f64::NAN),
            },
        };
        let whom = match against {
            Against::One(_) => whom.to_owned(),
            Against::BestPeer => format!("the best peer ({whom})"),
        };
        let threads = match self.threads {
            1 => String::new(),
            several => format!(", {several} threads"),
        };
        let (measure, pace) = (self.measure.title(), self.pace.title());
        Figure {
            what: format!("{measure}, {pace}{threads}, against {whom}"),
            target,
            measured: own / theirs,
            unit: "×",
        }
    }
}

impl Measure {
    fn title(self) -> &'static str {
        match self {
            Self::Mean => "caller's time, mean",
            Self::P50 => "caller's time, p50",
            Self::P99 => "caller's time, p99",
            Self::Cpu => "processor time, caller and worker together",
            Self::Rate => "events/s to the file",
        }
    }

    fn of(self, outcome: &Outcome) -> f64 {
        let series = match self {
            Self::Mean => &outcome.mean,
            Self::P50 => &outcome.p50,
            Self::P99 => &outcome.p99,
            Self::Cpu => &outcome.cpu,
            Self::Rate => &outcome.rate,
        };
        series.median()
    }

    /// Returns the value of a contender, or NaN if it was not measured.
    fn of_contender(self, at: &[&Outcome], contender: Contender) -> f64 {
        let found = at.iter().find(|outcome| outcome.contender == contender);
        found.map_or(f64::NAN, |outcome| self.of(outcome))
    }

    /// Finds the best peer. A peer that lost events is eligible for the caller's time only, not for
    /// numbers that include writing the file.
    fn best_peer(self, at: &[&Outcome]) -> Option<(Contender, f64)> {
        let is_eligible = |outcome: &Outcome| match self {
            Self::Mean | Self::P50 | Self::P99 => true,
            Self::Cpu | Self::Rate => outcome.lost == 0,
        };
        let peers = at
            .iter()
            .filter(|outcome| outcome.contender.role() == Role::Peer && is_eligible(outcome))
            .map(|outcome| (outcome.contender, self.of(outcome)));
        match self {
            Self::Mean | Self::P50 | Self::P99 | Self::Cpu => {
                peers.min_by(|(_, one), (_, other)| one.total_cmp(other))
            }
            Self::Rate => peers.max_by(|(_, one), (_, other)| one.total_cmp(other)),
        }
    }
}

/// Returns the outcomes of the first workload at a pace.
fn at(outcomes: &[Outcome], pace: Pace, threads: u64) -> impl Iterator<Item = &Outcome> {
    outcomes.iter().filter(move |outcome| {
        let setting = outcome.setting;
        setting.work == Work::First && setting.pace == pace && setting.threads == threads
    })
}

fn bytes(outcomes: &[Outcome]) -> Figure {
    let bytes_of = |contender| {
        at(outcomes, Pace::BackToBack, 1)
            .find(|outcome| outcome.contender == contender)
            .map_or(f64::NAN, |outcome| outcome.bytes)
    };
    let usual = Contender::FmtNonBlocking;
    Figure {
        what: format!("bytes of the same event, against {}", usual.title()),
        target: Bound::AtMost(0.9),
        measured: bytes_of(Contender::Localtel) / bytes_of(usual),
        unit: "×",
    }
}

fn above_floor(outcomes: &[Outcome], pace: Pace) -> Figure {
    let at: Vec<&Outcome> = at(outcomes, pace, 1).collect();
    let mean_of = |contender| Measure::Mean.of_contender(&at, contender);
    Figure {
        what: format!("caller's time, mean, {}, against the floor", pace.title()),
        target: Bound::AtMost(2.5),
        measured: mean_of(Contender::Localtel) / mean_of(Contender::Floor),
        unit: "×",
    }
}

fn above_no_subscriber(outcomes: &[Outcome], contender: Contender) -> Figure {
    let at: Vec<&Outcome> = at(outcomes, Pace::BackToBack, 1).collect();
    let mean_of = |contender| Measure::Mean.of_contender(&at, contender);
    Figure {
        what: format!(
            "caller's time with {}, above no subscriber",
            contender.title()
        ),
        target: Bound::AtMost(2.0),
        measured: mean_of(contender) - mean_of(Contender::NoSubscriber),
        unit: "ns",
    }
}
