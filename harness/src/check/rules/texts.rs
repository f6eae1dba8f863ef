//! What texts say, what they cost, and where they must not stand.

use std::collections::HashSet;

use crate::check::book::Book;
use crate::check::findings::Findings;
use crate::check::rule::Rule;

/// What marks a value that belongs to one person alone. Whoever sets a test up gives people such values.
const CANARY: &str = "canary-";
/// The digits by which a phone is recognized: the last so many.
const PHONE_DIGITS: usize = 10;

/// I22.
pub(super) fn as_activated(book: &Book, found: &mut Findings) {
    for (request, row) in book.taken() {
        let Some(expected) = row.text else { continue };
        let frozen = book.frozen_at(row.campaign, u64::MAX).map_or(row.stamp, |it| it.stamp);
        found.hold(Rule::I22, expected == request.text, [frozen, request.read], || {
            "a text is not that of the activation".to_owned()
        });
    }
}

/// I23.
pub(super) fn own_values(book: &Book, found: &mut Findings) {
    for request in &book.requests {
        for canary in canaries(book.text(request.text)) {
            let person = book.people.get(&request.to);
            let is_own = person
                .is_some_and(|person| person.fact.attributes.values().any(|value| value == canary));
            let stamp = person.map_or(request.read, |person| person.stamp);
            found.hold(Rule::I23, is_own, [stamp, request.read], || {
                "a text has a value that is not its recipient's".to_owned()
            });
        }
    }
}

/// The marked values in a text.
fn canaries(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices(CANARY).filter_map(|(at, _)| text.get(at..));
    starts.map(|from| {
        let end = from.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        from.get(..end.unwrap_or(from.len())).unwrap_or_default()
    })
}

/// I30.
pub(super) fn billed(book: &Book, found: &mut Findings) {
    for (request, row) in book.taken().filter(|(request, _)| !request.has_media) {
        let Some(counted) = row.segments else { continue };
        // An aggregator that says how many it billed is believed, where its answer came.
        let expected = request.told_segments.unwrap_or(request.segments);
        let is_right = counted == expected || counted == request.segments;
        found.hold(Rule::I30, is_right, [request.read, row.stamp], || {
            format!("a text of {expected} segments is counted as {counted}")
        });
    }
}

/// I31.
pub(super) fn output(book: &Book, found: &mut Findings) {
    let phones: HashSet<String> =
        book.people.values().filter_map(|person| last_digits(&person.fact.phone)).collect();
    for noted in &book.output {
        found.judged(Rule::I31);
        let Some(phone) = phones_in(&noted.fact.text).find(|run| phones.contains(run)) else {
            continue;
        };
        let person = book
            .people
            .values()
            .find(|person| last_digits(&person.fact.phone).as_deref() == Some(phone.as_str()));
        let stamp = person.map_or(noted.stamp, |person| person.stamp);
        let what = "a phone stands in the output of the service";
        found.against(Rule::I31, what, [stamp, noted.stamp]);
    }
}

fn last_digits(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    digits.get(digits.len().checked_sub(PHONE_DIGITS)?..).map(str::to_owned)
}

/// Every run of so many digits, with what people write between digits left out.
fn phones_in(text: &str) -> impl Iterator<Item = String> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    let chars: Vec<char> = bare.chars().collect();
    let runs: Vec<String> = chars
        .windows(PHONE_DIGITS)
        .filter(|run| run.iter().all(char::is_ascii_digit))
        .map(|run| run.iter().collect())
        .collect();
    runs.into_iter()
}
