//! The pages of docs/errors: one for each stable code that says no.
//!
//! The codes are those of top-level errors, the user errors of each area, why a campaign failed or is in its
//! status, and what stops a part of the engine. Why a single message is in its state is no error:
//! `MessageReasonCode` in schema.graphql says it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use api::config::keep_file;
use domain::reason::StatusReason;
use serde_json::Value;

use crate::sdl::Sdl;

/// The parts of a page, in order.
const PARTS: [&str; 4] = ["What it means", "When", "What to do", "Example"];
/// Where a top-level error is told.
const TOP: &str = "errors";
/// The list of all pages.
const LIST: &str = "README.md";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors")
}

/// Every code, and where it may be told: in `errors`, or as a value of which enums.
fn codes() -> BTreeMap<String, BTreeSet<String>> {
    let mut codes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |code: &str, place: &str| {
        codes.entry(code.to_owned()).or_default().insert(place.to_owned());
    };
    for code in api::graphql::code::ALL {
        add(code, TOP);
    }
    let schema = Sdl::read();
    for end in ["ErrorCode", "StatusReasonCode"] {
        for (name, values) in schema.enums(end) {
            for value in &values {
                add(value, name);
            }
        }
    }
    codes
}

/// A page, part by part.
struct Page {
    code: String,
    told_in: BTreeSet<String>,
    parts: Vec<(String, String)>,
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let code = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut sections = text.split("\n## ");
        let head = sections.next().unwrap();
        let told = head.strip_prefix(&format!("# {code}\n\nTold in: "));
        let told = told.unwrap_or_else(|| panic!("{code}: no title, or not where it is told"));
        let told_in = told.trim().split(", ").map(|name| name.trim_matches('`').to_owned());
        let part = |section: &str| {
            let (name, text) = section.split_once("\n\n").unwrap_or((section, ""));
            (name.to_owned(), text.trim().to_owned())
        };
        Self { told_in: told_in.collect(), parts: sections.map(part).collect(), code }
    }

    fn example(&self) -> Value {
        let (_, text) = self.parts.last().unwrap();
        let json = text.strip_prefix("```json\n").and_then(|text| text.strip_suffix("\n```"));
        let json = json.unwrap_or_else(|| panic!("{}: no JSON in the example", self.code));
        serde_json::from_str(json).unwrap()
    }

    /// The first sentence of what it means.
    fn gist(&self) -> String {
        let (_, means) = &self.parts[0];
        let means = means.replace('\n', " ");
        let end = means.find(". ").map_or(means.len(), |at| at + 1);
        means[..end].to_owned()
    }
}

fn pages() -> Vec<Page> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| !path.ends_with(LIST)).collect();
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Goal: whoever looks a code up finds it, and no page is of a code that is gone.
#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let pages = pages();
    let found: BTreeMap<_, _> =
        pages.iter().map(|page| (page.code.clone(), page.told_in.clone())).collect();
    assert_eq!(found, codes());
}

#[test]
fn every_page_has_its_parts() {
    for page in pages() {
        let names: Vec<&str> = page.parts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, PARTS, "{}", page.code);
        for (name, text) in &page.parts[..PARTS.len() - 1] {
            assert!(text.ends_with('.'), "{}: {name} is no sentence", page.code);
        }
        let example = page.example();
        let mut found = Vec::new();
        codes_in(&example, &mut found);
        assert_eq!(found, [page.code.as_str()], "{}: {example}", page.code);
    }
}

/// Every `code` of an answer, under that name or that of a reconciler.
fn codes_in<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(code) if name == "code" || name == "lastErrorCode" => found.push(code),
                    _ => codes_in(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| codes_in(item, found)),
        _ => {}
    }
}

/// Goal: what the page shows of a status reason is what the service says. Method: the words are the domain's.
#[test]
fn the_words_of_status_reasons_are_the_services() {
    for page in pages() {
        let example = page.example();
        let told = &example["data"]["campaign"]["statusReason"];
        let of_code = |reason: &&StatusReason| reason.as_str().to_uppercase() == page.code;
        let Some(reason) = StatusReason::ALL.iter().find(of_code) else { continue };
        assert_eq!(told["message"], reason.message(), "{}", page.code);
        assert_eq!(told["remedy"].as_str(), reason.remedy(), "{}", page.code);
    }
}

#[test]
fn the_list_of_pages_is_the_pages() {
    let mut list = String::from(
        "<!-- Written by a test from the pages beside it; do not edit. -->\n\
         # Codes\n\n\
         Every way in which Sendoff says no has a code that stays. `errors` are errors at the top of an answer, with\n\
         the code in `extensions.code`; the others are enums of the schema: `…ErrorCode` of `userErrors` and of the\n\
         engine's parts, `CampaignStatusReasonCode` of a campaign's `statusReason`. A client that meets a code that it\n\
         does not know shows the message.\n\n\
         | Code | Told in | Meaning |\n|---|---|---|\n",
    );
    for page in pages() {
        let places: Vec<String> = page.told_in.iter().map(|place| format!("`{place}`")).collect();
        let code = &page.code;
        let gist = page.gist();
        writeln!(list, "| [{code}]({code}.md) | {} | {gist} |", places.join(", ")).unwrap();
    }
    keep_file(&folder().join(LIST), &list).unwrap();
}
