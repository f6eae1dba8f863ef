//! The tables that say where a phone number or a postal code lies, written from the readable files of
//! api/domain/data.
//!
//! **Invariant:** a row that cannot be meant (a repeated key, a malformed region, an unknown zone, too many)
//! fails the test and is written nowhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use api::config::keep_file;
use domain::place::{Region, ZONES_MAX, ZoneSet};

/// Where the first area code's row is.
const AREA_CODE_FIRST: usize = 200;
/// How wide a line of numbers gets, in characters.
const LINE_CHARS: usize = 96;

#[test]
fn the_tables_are_the_data() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/domain/src/place").join("tables.rs");
    let wanted = Tables::read().print();
    keep_file(&path, &wanted).unwrap();
}

/// What the data files say: a number, from one, for each pair of a region and its zones.
#[derive(Default)]
struct Tables {
    zones: Vec<String>,
    places: Vec<(String, Vec<usize>)>,
    area_codes: BTreeMap<usize, usize>,
    calling_codes: BTreeMap<String, usize>,
    zip_prefixes: BTreeMap<usize, usize>,
    zip_codes: BTreeMap<String, usize>,
    canada: BTreeMap<String, usize>,
}

/// Keeps a row that no other has been kept for.
fn keep<K: Ord + std::fmt::Debug>(table: &mut BTreeMap<K, usize>, key: K, place: usize) {
    let told = format!("{key:?} has two rows");
    assert!(table.insert(key, place).is_none(), "{told}");
}

impl Tables {
    fn read() -> Self {
        let mut tables = Self::default();
        for [code, region, zones] in rows("nanp.csv", "area_code,region,zones") {
            assert!(code.len() == 3 && code.as_bytes()[0] >= b'2', "{code}");
            let place = tables.place(&region, &zones);
            keep(&mut tables.area_codes, code.parse().unwrap(), place);
        }
        for [code, region, zones] in rows("calling_codes.csv", "calling_code,region,zones") {
            assert!(code.bytes().all(|b| b.is_ascii_digit()), "{code}");
            let place = tables.place(&region, &zones);
            keep(&mut tables.calling_codes, code, place);
        }
        for [from, to, region, zones] in rows("zip_codes.csv", "from,to,region,zones") {
            let place = tables.place(&region, &zones);
            assert!(from.len() == to.len() && from <= to, "{from} to {to}");
            let range = from.parse::<usize>().unwrap()..=to.parse().unwrap();
            match from.len() {
                3 => range.for_each(|prefix| keep(&mut tables.zip_prefixes, prefix, place)),
                5 => range.for_each(|zip| keep(&mut tables.zip_codes, format!("{zip:05}"), place)),
                _ => panic!("{from}"),
            }
        }
        for [prefix, region, zones] in rows("canada.csv", "prefix,region,zones") {
            assert!(matches!(prefix.len(), 1 | 3), "{prefix}");
            let place = tables.place(&region, &zones);
            keep(&mut tables.canada, prefix, place);
        }
        tables
    }

    /// The number of a region with its zones.
    fn place(&mut self, region: &str, zones: &str) -> usize {
        assert!(region.parse::<Region>().is_ok(), "{region}");
        let names: Vec<&str> = zones.split_whitespace().collect();
        if !names.is_empty() {
            let set: ZoneSet = zones.parse().unwrap();
            assert_eq!(set.to_string(), zones, "a zone is repeated");
            assert!(names.len() <= ZONES_MAX);
        }
        let zones = names.iter().map(|name| number_of(&mut self.zones, (*name).to_owned()));
        let zones: Vec<usize> = zones.collect();
        number_of(&mut self.places, (region.to_owned(), zones)) + 1
    }

    fn print(&self) -> String {
        let mut page = String::from(
            "//! Where area codes, calling codes and postal codes lie.\n\
             //!\n\
             //! Written by a test from `api/domain/data`; do not edit. A number names a row of [`PLACES`], counted\n\
             //! from one; 0 is none.\n\
             //!\n\
             //! **Invariant:** tables of prefixes are sorted by prefix.\n",
        );
        let zones: Vec<String> = self.zones.iter().map(|zone| format!("{zone:?}")).collect();
        table(&mut page, "The zones, by name.", "ZONES", "&str", &zones);
        let place = |(region, zones): &(String, Vec<usize>)| format!("({region:?}, &{zones:?})");
        let places: Vec<String> = self.places.iter().map(place).collect();
        let doc = "A region, and which of [`ZONES`] its clocks may show, the principal one first.";
        table(&mut page, doc, "PLACES", "(&str, &[u16])", &places);
        let doc = "North American area codes, from 200.";
        let codes = dense(&self.area_codes, AREA_CODE_FIRST..1_000);
        table(&mut page, doc, "AREA_CODES", "u16", &codes);
        let longest = self.calling_codes.keys().map(String::len).max().unwrap();
        let _ = write!(
            page,
            "\n/// Digits of the longest of [`CALLING_CODES`].\n\
             pub(super) const CALLING_CODE_DIGITS_MAX: usize = {longest};\n",
        );
        let doc = "Calling codes of countries, and parts of them.";
        table(&mut page, doc, "CALLING_CODES", "(&str, u16)", &sparse(&self.calling_codes));
        let doc = "ZIP codes by their first three digits.";
        table(&mut page, doc, "ZIP_PREFIXES", "u16", &dense(&self.zip_prefixes, 0..1_000));
        let doc = "ZIP codes that differ from those around them.";
        table(&mut page, doc, "ZIP_CODES", "(&str, u16)", &sparse(&self.zip_codes));
        let doc = "Postal codes of Canada by their first character, or first three.";
        table(&mut page, doc, "CANADA", "(&str, u16)", &sparse(&self.canada));
        page
    }
}

/// Where `item` stands in `list`, at its end if it was not there.
fn number_of<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

/// The rows of a file: neither blank nor a comment nor the line that names the columns.
fn rows<const COLUMNS: usize>(file: &str, header: &str) -> Vec<[String; COLUMNS]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/domain/data").join(file);
    let text = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(lines.next(), Some(header), "{file}");
    let columns = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
    lines.map(|line| columns(line).try_into().expect(line)).collect()
}

fn dense(table: &BTreeMap<usize, usize>, keys: std::ops::Range<usize>) -> Vec<String> {
    keys.map(|key| table.get(&key).copied().unwrap_or_default().to_string()).collect()
}

fn sparse(table: &BTreeMap<String, usize>) -> Vec<String> {
    table.iter().map(|(prefix, place)| format!("({prefix:?}, {place})")).collect()
}

/// Writes one table, as many items a line as fit.
fn table(page: &mut String, doc: &str, name: &str, kind: &str, items: &[String]) {
    let _ = write!(
        page,
        "\n/// {doc}\n#[rustfmt::skip]\npub(super) const {name}: [{kind}; {}] = [\n",
        items.len()
    );
    let mut line = String::from("   ");
    for item in items {
        if line.len() + item.len() + 2 > LINE_CHARS {
            let _ = writeln!(page, "{line}");
            line = String::from("   ");
        }
        let _ = write!(line, " {item},");
    }
    let _ = write!(page, "{line}\n];\n");
}
