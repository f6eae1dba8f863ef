//! Consent: what bears on whether a phone may be texted, and which of two words counts when they cross.
//!
//! What a person texts is read by [`hear`]; what an aggregator's codes say of a number by [`verdict_of`].
//! Both end as entries of a log, each with the time at which it happened. Entries may come late and in any
//! order, so a new one is held against the [`History`] of its phone before it changes anything.
//!
//! **Invariant:** of an opt-out and a START the one that happened later counts, whichever came in first; of
//! two at the same instant the opt-out does.
//! **Invariant:** nothing but the person's own START ends an opt-out.

mod words;

pub use words::{HELP, Heard, OPT_IN, OPT_OUT, OPT_OUT_ALONE, hear};

use crate::{Instant, limits::HELP_REPLY_SEGMENTS_MAX, text};

crate::codes! {
    /// Kinds of entry in the log of consent.
    pub enum ConsentKind {
        /// Consent was given.
        OptedIn = "opted_in",
        /// Consent was withdrawn.
        OptedOut = "opted_out",
        /// The person wrote what may be a wish to opt out.
        Suspected = "suspected",
        /// A caller looked at those words and found no such wish.
        Cleared = "cleared",
        /// The person asked for help and was answered.
        Help = "help",
        /// A carrier declared the number unreachable.
        Unreachable = "unreachable",
        /// The number turned out to be reachable after all.
        Reachable = "reachable",
    }
}

crate::codes! {
    /// Where an entry in the log of consent comes from.
    pub enum ConsentSource {
        /// A text from the phone itself.
        InboundText = "inbound_text",
        /// A caller of the API.
        Api = "api",
        /// An aggregator's answer or receipt.
        Aggregator = "aggregator",
    }
}

/// An entry in the log of consent, as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentEntry {
    /// What was said.
    pub kind: ConsentKind,
    /// By whom.
    pub source: ConsentSource,
    /// The word that was understood, as the tables spell it, or the aggregator's code. Never a text.
    pub word: Option<String>,
    /// The name of the key that called.
    pub actor: Option<String>,
    /// When it happened.
    pub occurred_at: Instant,
    /// When it was recorded.
    pub recorded_at: Instant,
}

/// What the log says of one phone: when each kind of thing happened last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "each is an instant, named for what happened then")]
pub struct History {
    /// The person last texted START. What a caller said of consent is not counted here: it was never the
    /// person's own answer to an opt-out.
    pub started_at: Option<Instant>,
    /// Consent was last withdrawn, in whatever way.
    pub opted_out_at: Option<Instant>,
    /// The person last wrote what may be a wish to opt out.
    pub suspected_at: Option<Instant>,
    /// Such words were last cleared.
    pub cleared_at: Option<Instant>,
    /// The number was last declared unreachable.
    pub unreachable_at: Option<Instant>,
}

impl History {
    /// Notes an entry.
    pub fn note(&mut self, kind: ConsentKind, source: ConsentSource, at: Instant) {
        let last = match (kind, source) {
            (ConsentKind::OptedIn, ConsentSource::InboundText) => &mut self.started_at,
            (ConsentKind::OptedOut, _) => &mut self.opted_out_at,
            (ConsentKind::Suspected, _) => &mut self.suspected_at,
            (ConsentKind::Cleared, _) => &mut self.cleared_at,
            (ConsentKind::Unreachable, _) => &mut self.unreachable_at,
            (ConsentKind::OptedIn | ConsentKind::Help | ConsentKind::Reachable, _) => return,
        };
        *last = (*last).max(Some(at));
    }

    /// Whether an entry of `kind` that happened `at` changes anything, or something later overtook it.
    pub fn admits(&self, kind: ConsentKind, at: Instant) -> bool {
        let at = Some(at);
        match kind {
            ConsentKind::OptedIn => at > self.opted_out_at,
            ConsentKind::OptedOut | ConsentKind::Suspected => at >= self.started_at,
            ConsentKind::Reachable => at > self.unreachable_at,
            ConsentKind::Cleared | ConsentKind::Help | ConsentKind::Unreachable => true,
        }
    }

    /// When the words were written that may be a wish to opt out and that neither START nor a caller has
    /// answered since.
    pub fn suspicion(&self) -> Option<Instant> {
        let suspected = self.suspected_at;
        suspected.filter(|_| suspected >= self.started_at && suspected > self.cleared_at)
    }
}

/// What an aggregator's code of the generic contract says of the number itself, whatever it was sent.
pub fn verdict_of(code: &str) -> Option<ConsentKind> {
    match code {
        "OptedOut" => Some(ConsentKind::OptedOut),
        "InvalidNumber" | "Landline" | "UnknownSubscriber" => Some(ConsentKind::Unreachable),
        _ => None,
    }
}

/// What keeps a text from being a site's own answer to HELP, in a sentence. An empty one is none.
pub fn problem_in_help_reply(reply: &str) -> Option<String> {
    if reply.is_empty() {
        None
    } else if text::is_blank(reply) {
        Some("The answer to HELP is blank.".to_owned())
    } else if reply.contains("{{") || reply.contains("}}") {
        Some("The answer to HELP takes no variables.".to_owned())
    } else if text::measure(reply).segments > HELP_REPLY_SEGMENTS_MAX {
        let most = HELP_REPLY_SEGMENTS_MAX;
        Some(format!("The answer to HELP is longer than {most} segments."))
    } else {
        text::problem_in(reply).map(|problem| problem.to_string())
    }
}

/// The answer to HELP when a site has none of its own: one segment, with the name the site texts under if
/// that fits.
pub fn help_reply(name: &str) -> String {
    const WHY: &str = "You get these texts because you signed up. Msg & data rates may apply.";
    const HOW: &str = "Reply STOP to opt out.";
    let named = [format!("{name}: {WHY} {HOW}"), format!("{name}: {HOW}")];
    let fits = |reply: &String| text::measure(reply).segments == 1;
    named.into_iter().find(fits).unwrap_or_else(|| format!("{WHY} {HOW}"))
}

#[cfg(test)]
mod tests;
