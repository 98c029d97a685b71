//! Pages of hostile records: each is read with a strict parser, and has only elements and
//! attributes that cannot run or load anything.
#![expect(
    clippy::disallowed_methods,
    reason = "tests write the directory by hand"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;

use localtel::admin::Environment;

use super::*;
use crate::execution::execute;
use crate::sanitize::tests::{HOSTILE, is_safe};
use crate::screen::Memory;

/// Texts that attack a page.
const MARKUP: [&str; 8] = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' onmouseover='alert(1)",
    "</style><link rel=stylesheet href=http://x/>",
    "&lt;b&gt;&#x3c;&amp;",
    "<![CDATA[x]]> <!-- --> <?x ?> ]]>",
    "javascript:alert(1) url(http://x/y) @import 'x'",
];

/// An element of a page.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    /// The names of the elements around it.
    within: Vec<String>,
    text: String,
}

/// Reads a page as strictly as a parser of XML.
fn elements_of(page: &str) -> Vec<Element> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    while let Some((text, tag)) = rest.split_once('<') {
        match open.last() {
            Some(index) => elements[*index].text += &decoded(text),
            None => assert_eq!(text.trim(), ""),
        }
        let (tag, after) = tag.split_once('>').unwrap();
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let index = open.pop().unwrap();
            assert_eq!(elements[index].name, name);
            continue;
        }
        let (tag, is_empty) = match tag.strip_suffix(" /") {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let within = open
            .iter()
            .map(|index| elements[*index].name.clone())
            .collect();
        elements.push(Element {
            within,
            ..element_of(tag)
        });
        if !is_empty {
            open.push(elements.len() - 1);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(rest.trim(), "");
    elements
}

/// Reads the inside of a tag.
fn element_of(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(
        name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        "{tag}"
    );
    let mut attributes = BTreeMap::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").unwrap();
        let (value, after) = value.split_once('"').unwrap();
        let is_name = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-';
        assert!(name.bytes().all(is_name), "{tag}");
        assert_eq!(
            attributes.insert(name.to_owned(), decoded(value)),
            None,
            "{tag}"
        );
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    Element {
        name: name.to_owned(),
        attributes,
        ..Element::default()
    }
}

/// Decodes a text, in which each `&` begins a name that XML knows.
fn decoded(text: &str) -> String {
    let mut parts = text.split('&');
    let mut decoded = parts.next().unwrap().to_owned();
    for part in parts {
        let (name, after) = part.split_once(';').unwrap();
        decoded += match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "#39" => "'",
            name => panic!("&{name};"),
        };
        decoded += after;
    }
    decoded
}

/// A record in which that text is in each place that a record has.
fn line(number: usize, text: &str) -> String {
    let text = serde_json::json!(text).to_string();
    let key = |end: &str| format!("{}{end}\"", text.strip_suffix('"').unwrap());
    let level = if number.is_multiple_of(2) {
        "ERROR"
    } else {
        "WARN"
    };
    format!(
        r#"{{"timestamp":"2026-11-21T08:{:02}:30.123456Z","level":"{level}","source":{text},"target":{text},"event":{text},"message":{text},"session":"01936f0e-0000-7000-8000-{number:012x}","seq":0,"properties":{{{text}:{text},{}:[{text}],"route":{text},"duration":{number}}},"spans":[{{"name":{text},"properties":{{{text}:{text}}}}}]}}
{{"timestamp":"2026-11-21T09:{:02}:30.123456Z","level":"INFO","source":{text},"target":"localtel","event":"session","session":"01936f0e-0000-7000-8000-{:012x}","seq":0,"properties":{{"format":1,"version":{text},"localtel":{text},"pid":1}}}}
"#,
        number % 60,
        key("2"),
        number % 60,
        number + 1000,
    )
}

/// Returns the page that `stats` makes of hostile records with those flags.
fn page(flags: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("d\u{1b}[2J<b>&\"'");
    fs::create_dir(&directory).unwrap();
    let long = "long<".repeat(3000);
    let texts = HOSTILE
        .iter()
        .chain(&MARKUP)
        .copied()
        .chain([long.as_str()]);
    let lines: String = texts
        .enumerate()
        .map(|(number, text)| line(number, text))
        .collect();
    let damage = "{\"timestamp\":\"<b>\x1b\n\u{fffe}<script>\n";
    fs::write(directory.join("events.000001.jsonl"), lines + damage).unwrap();
    let consent = serde_json::json!({
        "consent": "enabled", "by": MARKUP[0], "decided": MARKUP[1], "source": MARKUP[2],
    });
    fs::write(directory.join("consent.json"), consent.to_string()).unwrap();
    let policy = "[properties]\n\"<b>\" = \"mask\"\n";
    fs::write(directory.join("policy.toml"), policy).unwrap();
    let environment = Environment::for_test("localtel", &[]);
    let mut memory = Memory::default();
    memory.with(|screen| {
        let start = ["localtel", "--dir"].map(OsString::from);
        let words = start.into_iter().chain([directory.into_os_string()]);
        let flags = ["stats", "-o", "html"]
            .iter()
            .chain(flags)
            .map(OsString::from);
        execute(words.chain(flags), &environment, screen)
    });
    let page = memory.out();
    assert!(
        page.starts_with("<!DOCTYPE html>"),
        "{page}{}",
        memory.err()
    );
    page
}

/// The flags of each kind of page.
const KINDS: [&[&str]; 5] = [
    &[],
    &["--top", "all"],
    &["--by", "route,event", "--of", "duration", "--top", "all"],
    &["--per", "minute"],
    &["--field", "message", "--top", "all"],
];

/// Elements and attributes that neither run nor load anything.
const ELEMENTS: &str = "html head meta title style body header main footer nav section h1 h2 h3 p a \
    b span small code br ul ol li dl dt dd div figure figcaption details summary table caption thead \
    tbody tr th td svg desc g rect";
const ATTRIBUTES: &str = "lang charset http-equiv name content class id href scope role aria-label \
    aria-labelledby aria-hidden data-label viewBox preserveAspectRatio x y width height";

#[test]
fn a_page_of_hostile_records_can_neither_run_nor_load() {
    let words = |list: &'static str| list.split_whitespace().collect::<BTreeSet<_>>();
    let (names, attributes) = (words(ELEMENTS), words(ATTRIBUTES));
    for flags in KINDS {
        for element in elements_of(&page(flags)) {
            assert!(names.contains(element.name.as_str()), "{element:?}");
            for (name, value) in &element.attributes {
                assert!(attributes.contains(name.as_str()), "{element:?}");
                // Only data, and places in the page itself.
                assert!(name != "href" || value.starts_with('#'), "{element:?}");
                assert!(name != "http-equiv" || value == "Content-Security-Policy");
            }
        }
    }
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains('<'));
}

#[test]
fn hostile_values_are_shown_and_act_on_nothing() {
    let page = page(&["--top", "all"]);
    let lines = page.matches('\n').count();
    assert!(is_safe(&page, lines));
    let elements = elements_of(&page);
    let shown: String = elements
        .iter()
        .filter(|element| element.name != "style")
        .map(|element| element.text.as_str())
        .collect();
    for text in HOSTILE.into_iter().chain(MARKUP) {
        let text = crate::sanitize::Sanitized(text).to_string();
        assert!(shown.contains(&text), "{text}");
    }
    assert!(!shown.contains(&"long<".repeat(100)));
}

#[test]
fn each_chart_has_a_title_a_description_and_a_table() {
    for flags in KINDS {
        let elements = elements_of(&page(flags));
        let mut ids = BTreeMap::new();
        for element in &elements {
            if let Some(id) = element.attributes.get("id") {
                assert!(ids.insert(id.as_str(), element).is_none(), "{id}");
            }
        }
        for svg in elements.iter().filter(|element| element.name == "svg") {
            let Some(named) = svg.attributes.get("aria-labelledby") else {
                // The bar of a row, whose numbers are beside it.
                assert_eq!(svg.attributes["aria-hidden"], "true");
                assert_eq!(svg.within.last().unwrap(), "td");
                continue;
            };
            assert_eq!(svg.attributes["role"], "img");
            let names: Vec<&str> = named.split(' ').map(|id| ids[id].name.as_str()).collect();
            assert_eq!(names, ["title", "desc"]);
            assert!(
                elements
                    .iter()
                    .any(|element| element.text.contains("The numbers of the"))
            );
        }
    }
}

#[test]
fn each_table_has_a_caption_and_headings() {
    for flags in KINDS {
        let elements = elements_of(&page(flags));
        let of = |name: &str| {
            elements
                .iter()
                .filter(|element| element.name == name)
                .count()
        };
        assert!(of("table") > 0);
        assert_eq!(of("caption"), of("table"));
        assert_eq!(of("thead"), of("table"));
        let headings = elements.iter().filter(|element| element.name == "th");
        for heading in headings {
            assert!(["col", "row"].contains(&heading.attributes["scope"].as_str()));
        }
    }
}

#[test]
fn the_policy_of_the_page_allows_its_style_alone() {
    let elements = elements_of(&page(&[]));
    let style = elements
        .iter()
        .find(|element| element.name == "style")
        .unwrap();
    assert_eq!(style.text, STYLE);
    let policy = elements
        .iter()
        .find(|element| element.attributes.contains_key("http-equiv"));
    let hash = base64(&Sha256::digest(style.text.as_bytes()));
    assert_eq!(
        policy.unwrap().attributes["content"],
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
        )
    );
}

#[test]
fn base_64_has_its_padding() {
    for (bytes, expected) in [
        (&b""[..], ""),
        (b"f", "Zg=="),
        (b"fo", "Zm8="),
        (b"foo", "Zm9v"),
        (b"foobar\xff\xfe", "Zm9vYmFy//4="),
    ] {
        assert_eq!(base64(bytes), expected);
    }
}

#[test]
fn a_comparison_has_no_page() {
    let environment = Environment::for_test("localtel", &[]);
    let home = tempfile::tempdir().unwrap();
    let mut memory = Memory::default();
    memory.with(|screen| {
        let directory = home.path().to_str().unwrap();
        let words = [
            "localtel",
            "--dir",
            directory,
            "stats",
            "-o",
            "html",
            "--compare",
            "before",
        ];
        execute(words.map(OsString::from), &environment, screen)
    });
    assert!(memory.err().contains("--compare"), "{}", memory.err());
    assert_eq!(memory.out(), "");
}
