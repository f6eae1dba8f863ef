//! The rules, each a function from a journal to what contradicts it.

mod campaigns;
mod ledgers;
mod outside;
mod pace;
mod repeats;
mod stops;
mod texts;
mod times;

use super::book::Book;
use super::findings::Findings;

/// Applies every rule.
pub(super) fn apply(book: &Book) -> Findings {
    let mut found = Findings::default();
    for rule in [
        ledgers::sums,
        ledgers::counts,
        outside::taken_once,
        outside::known,
        ledgers::nobody_lost,
        ledgers::crashes,
        stops::opted_out,
        times::quiet,
        times::in_time,
        stops::halted,
        stops::cancel_counts,
        times::smart_sending,
        campaigns::edges,
        outside::receipts,
        campaigns::ended,
        stops::failed,
        stops::trial,
        campaigns::sequences,
        campaigns::no_older,
        campaigns::told_the_end,
        repeats::keyed_calls,
        texts::as_activated,
        texts::own_values,
        campaigns::own_site,
        pace::rate,
        pace::window,
        repeats::same_bytes,
        repeats::waits,
        repeats::after_unknown,
        times::follow_ups,
        pace::once_at_a_time,
        campaigns::liveness,
        texts::billed,
        texts::output,
    ] {
        rule(book, &mut found);
    }
    found
}
