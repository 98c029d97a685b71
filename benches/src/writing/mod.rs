//! The cost of an event: time of the caller, processor time, time to the file, and bytes there.
//!
//! All contenders record the same values. Each measurement is a process of its own with a contender
//! and a task as arguments; the lines are counted afterwards.

mod bout;
mod contender;
mod facade;
mod figures;
mod left;
mod pace;
mod sample;
mod table;
mod task;
mod work;

use self::bout::{Outcome, Setting, take_turns};
use self::contender::Contender;
use self::pace::Pace;
use self::task::Task;
use self::work::Work;
use crate::Result;
use crate::effort::Effort;
use crate::results::Section;

/// Runs all measurements of this part.
pub(crate) fn run(effort: Effort) -> Result<Section> {
    let mut section = Section {
        title: "Writing",
        about: ABOUT.to_owned(),
        ..Section::default()
    };
    let mut all: Vec<Outcome> = Vec::new();
    for setting in settings() {
        let outcomes = take_turns(setting, contenders(setting), effort)?;
        section.tables.push(table::of(setting, &outcomes));
        all.extend(outcomes);
    }
    section.figures = figures::of(&all);
    Ok(section)
}

/// Runs one measurement, in a child process.
pub(crate) fn child(arguments: &[&str]) -> Result<()> {
    let [contender, task @ ..] = arguments else {
        return Err("a contender and its task are needed".into());
    };
    let (task, directory) = Task::of_words(task)?;
    let sample = Contender::of_word(contender)?.measure(&task, &directory)?;
    println!("{sample}");
    Ok(())
}

/// Returns the settings, in the order of the tables.
fn settings() -> Vec<Setting> {
    let first = |pace, threads| Setting {
        work: Work::First,
        pace,
        threads,
    };
    let mut settings = vec![
        first(Pace::Bursts, 1),
        first(Pace::BackToBack, 1),
        first(Pace::BackToBack, 2),
        first(Pace::BackToBack, 8),
        first(Pace::Steady, 1),
    ];
    let others = Work::ALL.into_iter().filter(|work| *work != Work::First);
    settings.extend(others.map(|work| Setting {
        work,
        pace: Pace::Bursts,
        threads: 1,
    }));
    settings
}

/// Returns the contenders of a setting: those that record nothing only where a figure needs them.
fn contenders(setting: Setting) -> &'static [Contender] {
    let is_of_figures = setting.work == Work::First && setting.threads == 1;
    match setting.pace {
        Pace::BackToBack if is_of_figures => &Contender::ALL,
        Pace::Bursts | Pace::Steady if is_of_figures => &Contender::WITH_NO_SUBSCRIBER,
        Pace::Bursts | Pace::BackToBack | Pace::Steady => &Contender::WITH_FLOOR,
    }
}

/// The name of this part on the command line.
const NAME: &str = "writing";

/// The text above the tables.
const ABOUT: &str = include_str!("about.md");
