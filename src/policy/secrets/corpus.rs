//! The detection rates of the rules on the corpus in `tests/corpus`, which contains texts with a
//! secret, texts without one, and formats and contexts that are combined with each other.
//! `tests/corpus/README.md` describes its format.

use std::ops::Range;

use super::*;

const SECRETS: &str = include_str!("../../../tests/corpus/secrets.txt");
const HARMLESS: &str = include_str!("../../../tests/corpus/harmless.txt");
const FORMATS: &str = include_str!("../../../tests/corpus/formats.txt");
const CONTEXTS: &str = include_str!("../../../tests/corpus/contexts.txt");

/// The maximal rates of missed secrets and of texts masked wrongly, in percent.
const PERCENT_MAX: usize = 3;

/// A text with the ranges that must and that may be masked; everything else must be kept.
#[derive(Debug, Default)]
struct CorpusCase {
    text: String,
    must_go: Vec<Range<usize>>,
    may_go: Vec<Range<usize>>,
}

/// The results for several texts.
#[derive(Debug, Default)]
struct CorpusTally {
    texts: usize,
    missed: Vec<String>,
    masked_wrongly: Vec<String>,
}

impl CorpusCase {
    /// Reads a line of the corpus.
    fn read(line: &str) -> Self {
        let mut case = Self::default();
        let (mut must_start, mut may_start) = (0, 0);
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            let end = case.text.len();
            match letter {
                '⟦' => must_start = end,
                '⟧' => case.must_go.push(must_start..end),
                '⟨' => may_start = end,
                '⟩' => case.may_go.push(may_start..end),
                '‹' => {
                    let name: String = letters
                        .by_ref()
                        .take_while(|letter| *letter != '›')
                        .collect();
                    let token = formats().find(|(own, _)| *own == name);
                    case.text.push_str(&token.expect("it is in formats.txt").1);
                    case.must_go.push(end..case.text.len());
                }
                '␤' => case.text.push('\n'),
                '␉' => case.text.push('\t'),
                '¦' => {}
                other => case.text.push(other),
            }
        }
        case
    }
}

impl CorpusTally {
    fn add(&mut self, secrets: &Secrets, case: &CorpusCase) {
        let findings = secrets.findings(&case.text);
        let is_in =
            |ranges: &[Range<usize>], at: usize| ranges.iter().any(|range| range.contains(&at));
        let is_masked_at = |at: usize| findings.iter().any(|found| found.range.contains(&at));
        let is_missed = case
            .must_go
            .iter()
            .flat_map(Range::clone)
            .any(|at| !is_masked_at(at));
        let is_too_much = (0..case.text.len())
            .any(|at| is_masked_at(at) && !is_in(&case.must_go, at) && !is_in(&case.may_go, at));
        let description = || format!("{:?} became {:?}", case.text, secrets.mask(&case.text));
        self.texts += 1;
        if is_missed {
            self.missed.push(description());
        }
        if is_too_much {
            self.masked_wrongly.push(description());
        }
    }

    /// Prints both rates, and returns them.
    #[expect(clippy::print_stdout, reason = "the test exists for these figures")]
    fn figures(&self, what: &str) -> (String, String) {
        let missed = self.percent(&self.missed);
        let wrongly = self.percent(&self.masked_wrongly);
        let texts = self.texts;
        println!("{what}: {texts} texts, {missed} % missed, {wrongly} % masked wrongly");
        for description in self.missed.iter().chain(&self.masked_wrongly) {
            println!("  {description}");
        }
        (missed, wrongly)
    }

    fn percent(&self, texts: &[String]) -> String {
        let tenths = (texts.len() * 1000).div_ceil(self.texts);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    fn passes(&self) -> bool {
        [&self.missed, &self.masked_wrongly]
            .into_iter()
            .all(|texts| texts.len() * 100 <= PERCENT_MAX * self.texts)
    }
}

fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
}

fn formats() -> impl Iterator<Item = (&'static str, String)> {
    lines(FORMATS).filter_map(|line| {
        let (name, token) = line.split_once(' ')?;
        Some((name, token.replace('¦', "")))
    })
}

fn shipped() -> Secrets {
    Secrets::new(Some("/home/alice"), Some("alice"))
}

fn tally(lines: impl Iterator<Item = &'static str>) -> CorpusTally {
    let secrets = shipped();
    let mut tally = CorpusTally::default();
    lines.for_each(|line| tally.add(&secrets, &CorpusCase::read(line)));
    tally
}

#[test]
fn the_corpus_meets_the_detection_rates() {
    let secrets = tally(lines(SECRETS));
    let harmless = tally(lines(HARMLESS));
    assert!(secrets.texts >= 400 && harmless.texts >= 200);
    let (missed, _) = secrets.figures("with a secret");
    let (_, wrongly) = harmless.figures("without a secret");
    assert!(secrets.passes() && harmless.passes());
    let document = include_str!("../../../docs/policy.md");
    let figures = format!(
        "{missed} % of {} texts with a secret are missed, and {wrongly} % of {} without one masked",
        secrets.texts, harmless.texts
    );
    assert!(
        document.contains(&figures),
        "docs/policy.md has other figures: {figures}"
    );
}

/// Most of these texts were not used while the rules were written.
#[test]
fn formats_in_contexts_meet_the_detection_rates() {
    let secrets = shipped();
    let tokens: Vec<String> = formats().map(|(_, token)| token).collect();
    let chosen: Vec<String> = CONTEXTS
        .lines()
        .filter_map(|line| line.strip_prefix("= ").map(str::to_owned))
        .collect();
    let mut tally = CorpusTally::default();
    for line in lines(CONTEXTS).filter(|line| !line.starts_with("= ")) {
        let (context, values) = match line.split_once(' ') {
            Some(("token", context)) => (context, &tokens),
            Some(("value", context)) => (context, &chosen),
            _ => panic!("{line}"),
        };
        for value in values {
            let line = context.replace("‹›", &format!("⟦{value}⟧"));
            tally.add(&secrets, &CorpusCase::read(&line));
        }
    }
    let _figures = tally.figures("formats in contexts");
    assert!(tally.texts > 3_000 && tally.passes());
}

#[test]
fn a_secret_across_any_cut_is_masked() {
    let secrets = shipped();
    for line in lines(SECRETS) {
        let case = CorpusCase::read(line);
        let masked = secrets.mask(&case.text);
        for bytes_max in (0..case.text.len()).step_by(3) {
            let cut = secrets.mask_up_to(&case.text, bytes_max, Reading::Prose);
            let kept = cut.strip_suffix('…').expect("it is cut");
            assert!(
                masked.starts_with(kept),
                "{:?} at {bytes_max}: {cut:?}",
                case.text
            );
        }
    }
}

#[test]
fn masking_the_corpus_again_changes_nothing() {
    let secrets = shipped();
    for line in lines(SECRETS).chain(lines(HARMLESS)) {
        let once = secrets.mask(&CorpusCase::read(line).text).into_owned();
        assert_eq!(secrets.mask(&once), once, "{line}");
    }
}
