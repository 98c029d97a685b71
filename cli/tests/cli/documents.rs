//! The documents that run: the README, the pages in `docs`, and the cases in `tests/cmd`, which
//! show commands and their output; the links between pages; and the picture of a terminal.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use tempfile::TempDir;
use trycmd::TestCases;

use crate::program::program;
use crate::questions::write_state;
use crate::terminal::output_at_terminal;

/// Runs documents in an environment where nothing of the machine matters.
fn cases(variable: &str, directory: &Path) -> TestCases {
    let cases = TestCases::new();
    cases.register_bin("words", program("embedded").as_path());
    cases
        .env(variable, directory.to_str().unwrap())
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC");
    cases
}

#[test]
fn every_case_has_its_documented_output() {
    // Each document has a directory of its own, in which this is a relative path.
    cases("LOCALTEL_DIR", Path::new("telemetry")).case("tests/cmd/*.md");
}

#[test]
fn the_readme_and_the_pages_show_what_happens() {
    for page in pages().filter(|page| !page.ends_with(FLEET_PAGE)) {
        let home = if page.ends_with("docs/questions.md") {
            let home = TempDir::new().unwrap();
            write_state(home.path());
            home
        } else {
            home_with_records()
        };
        cases("XDG_STATE_HOME", home.path()).case(page);
    }
}

/// Its blocks of `sh` make what its blocks of `console` show.
#[test]
fn the_page_about_many_machines_can_be_followed() {
    let place = TempDir::new().unwrap();
    let original = Path::new("..").join(FLEET_PAGE);
    let copy = place.path().join("fleet.md");
    std::fs::copy(&original, &copy).unwrap();
    // The directory in which the commands of the copy run.
    let directory = place.path().join("fleet.in");
    std::fs::create_dir(&directory).unwrap();
    let programs = program("made_up_fleet").parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("sh")
        .args(["-eu", "-c", &blocks_of(&original, "sh")])
        .current_dir(&directory)
        .env("PATH", format!("{}:{path}", programs.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    cases("XDG_STATE_HOME", place.path()).case(&copy);
    if std::env::var_os("TRYCMD").is_some_and(|value| value == "overwrite") {
        std::fs::copy(&copy, &original).unwrap();
    }
}

/// The page that has a directory of its own.
const FLEET_PAGE: &str = "docs/fleet.md";

/// Returns the code blocks of a page in a language, one after the other.
fn blocks_of(page: &Path, language: &str) -> String {
    let text = std::fs::read_to_string(page).unwrap();
    let mut code = String::new();
    let mut is_wanted = false;
    for event in Parser::new(&text) {
        if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(found))) = &event {
            is_wanted = &**found == language;
        } else if event == Event::End(TagEnd::CodeBlock) {
            is_wanted = false;
        } else if let (Event::Text(text), true) = (event, is_wanted) {
            code.push_str(&text);
        }
    }
    code
}

/// `TRYCMD=overwrite` writes the picture, as it does the documents.
#[test]
fn the_picture_is_of_a_real_run() {
    let home = home_with_records();
    let mut shown = String::new();
    for words in ["show", "show -l warn event=command -o pretty"] {
        let output = at_terminal(home.path(), words);
        write!(shown, "\x1b[2m$\x1b[0m localtel {words}\n{output}\n").unwrap();
    }
    check_picture("../docs/terminal.svg", &shown);
}

/// The records are made up; `stats` is not.
#[test]
fn the_picture_of_stats_is_of_a_real_run() {
    let home = TempDir::new().unwrap();
    let status = Command::new(program("made_up_week"))
        .arg(home.path())
        .arg("2026-11-29T10:00:00Z")
        .status();
    assert!(status.unwrap().success());
    let mut shown = String::new();
    for words in [
        "stats",
        "--app billing-api stats --by route --of duration -S 2026-11-28",
    ] {
        let output = at_terminal(home.path(), words);
        write!(shown, "\x1b[2m$\x1b[0m localtel {words}\n{output}\n").unwrap();
    }
    check_picture("../docs/stats.svg", &shown);
}

/// Compares a picture with what a terminal shows.
fn check_picture(path: &str, shown: &str) {
    let picture = anstyle_svg::Term::new().render_svg(shown.trim_end());
    if std::env::var_os("TRYCMD").is_some_and(|value| value == "overwrite") {
        std::fs::write(path, &picture).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), picture);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut links = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for event in Parser::new(&text) {
            let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event
            else {
                continue;
            };
            if dest_url.contains("://") {
                continue;
            }
            let (file, heading) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {dest_url}", page.display());
            assert!(
                heading.is_empty() || headings(&target).any(|found| found == heading),
                "{}: {dest_url}",
                page.display()
            );
            links += 1;
        }
    }
    assert!(links > 50, "{links}");
}

/// The site that shows the pages does not hide them, as rustdoc does.
#[test]
fn no_rust_code_of_a_page_has_hidden_lines() {
    let mut blocks = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let mut is_rust = false;
        for event in Parser::new(&text) {
            if let Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) = &event {
                is_rust = language.starts_with("rust");
                blocks += usize::from(is_rust);
            } else if event == Event::End(TagEnd::CodeBlock) {
                is_rust = false;
            } else if let Event::Text(code) = &event
                && is_rust
            {
                let is_hidden = |line: &&str| {
                    let line = line.trim_start();
                    line == "#" || line.starts_with("# ")
                };
                assert_eq!(code.lines().find(is_hidden), None, "{}", page.display());
            }
        }
    }
    assert!(blocks > 10, "{blocks}");
}

/// All pages that visitors read.
fn pages() -> impl Iterator<Item = PathBuf> {
    let places = [
        "..",
        "../docs",
        "../contrib",
        "../contrib/collect",
        "../contrib/fleet",
        "../tests/corpus",
    ];
    let entries = places.map(std::fs::read_dir);
    let paths = entries.into_iter().flat_map(|entries| {
        let entries = entries.unwrap();
        entries.map(|entry| entry.unwrap().path())
    });
    paths.filter(|path| path.extension().is_some_and(|end| end == "md"))
}

/// The headings of a page as they are written behind the `#` of a link.
fn headings(page: &Path) -> impl Iterator<Item = String> {
    let text = std::fs::read_to_string(page).unwrap();
    let titles: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let is_kept = |letter: &char| letter.is_alphanumeric() || "-_ ".contains(*letter);
            title
                .chars()
                .filter(is_kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect();
    titles.into_iter()
}

/// A home in which `myapp` recorded what the pages show.
fn home_with_records() -> TempDir {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("myapp/telemetry");
    std::fs::create_dir_all(&directory).unwrap();
    let records = "tests/cmd/selection.in/telemetry/events.000001.jsonl";
    std::fs::copy(records, directory.join("events.000001.jsonl")).unwrap();
    home
}

/// Runs `localtel` with those words, and returns what a terminal shows of it.
fn at_terminal(home: &Path, words: &str) -> String {
    let mut command = Command::new(program("localtel"));
    command
        .args(words.split(' '))
        .env_clear()
        .env("XDG_STATE_HOME", home)
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .env("LOCALTEL_PAGER", "");
    let output = output_at_terminal(command, 80);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
