//! What the core owes: taking posts out when due, writing them, and putting back those that failed.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Core, State};
use crate::aggregator::event::{Content, Delivery, Outcome, Outgoing, Webhook};
use crate::aggregator::ledger::Taken;
use crate::aggregator::{journal::Seen, plan};
use crate::contract::signing::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign};
use crate::contract::{Event, EventData, EventType};
use crate::dice;
use crate::scenario::{Forged, ForgedFor, ForgedSignature, Inbound};

/// How long after each failure a post is tried again, in seconds; after the last it is given up.
const RETRY_AFTER_S: [i64; 5] = [1, 5, 30, 120, 600];
/// How old a stale receipt is, in seconds.
const STALE_S: i64 = 3600;

impl Core {
    /// When the next post is due.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.state().outbox.next_due()
    }

    /// Waits until something new is owed.
    pub(crate) async fn owed(&self) {
        self.owing.notified().await;
    }

    /// Takes the next post out if it is due, and chooses whom a forged one is about.
    pub(crate) fn take_due(&self, now: DateTime<Utc>) -> Option<Outgoing> {
        let mut state = self.state();
        let mut outgoing = state.outbox.take_due(now)?;
        if let Content::Forged { index, message_id } = &mut outgoing.content {
            *message_id = self.forged(*index).and_then(|forged| {
                self.forged_about(&state, *index, forged).map(|taken| taken.id.clone())
            });
        }
        Some(outgoing)
    }

    /// The request that posts `outgoing`; nothing if there is nobody to post to or nothing to post
    /// about.
    pub(crate) fn webhook(&self, outgoing: &Outgoing) -> Option<Webhook> {
        let state = self.state();
        let now = self.now();
        let (event, url) = self.event(&state, outgoing, now)?;
        let body = serde_json::to_vec(&event).ok()?;
        let id = outgoing.event_id.as_str();
        let timestamp = now.timestamp();
        let genuine = sign(&self.secret, id, timestamp, &body);
        let (timestamp, signature) = match self.forgery(outgoing) {
            None => (timestamp, Some(genuine)),
            Some(ForgedSignature::None) => (timestamp, None),
            Some(ForgedSignature::WrongKey) => {
                (timestamp, Some(sign(&self.wrong_secret, id, timestamp, &body)))
            }
            Some(ForgedSignature::ValidThenTamperedBody) => {
                let signed = serde_json::to_vec(&untampered(event)).ok()?;
                (timestamp, Some(sign(&self.secret, id, timestamp, &signed)))
            }
            Some(ForgedSignature::Stale) => {
                let old = timestamp.saturating_sub(STALE_S);
                (old, Some(sign(&self.secret, id, old, &body)))
            }
        };
        let mut headers =
            vec![(WEBHOOK_ID, id.to_owned()), (WEBHOOK_TIMESTAMP, timestamp.to_string())];
        headers.extend(signature.map(|signature| (WEBHOOK_SIGNATURE, signature)));
        Some(Webhook { url, headers, body })
    }

    /// Records how a post went; puts it back if it is worth another try.
    pub(crate) fn settle(&self, outgoing: Outgoing, outcome: Outcome) -> Delivery {
        let now = self.now();
        let mut state = self.state();
        let seen = self.seen(&state, &outgoing, &outcome);
        self.posted(&outgoing, &outcome);
        self.write(&mut state, now, seen);
        let forged = self.forgery(&outgoing);
        let wait = RETRY_AFTER_S.get(outgoing.tries).filter(|_| outcome.is_worth_another_try());
        let again = wait.filter(|_| forged.is_none()).and_then(|wait| {
            let due = now.checked_add_signed(TimeDelta::seconds(*wait))?;
            let tries = outgoing.tries.saturating_add(1);
            plan::held(&self.script, Outgoing { due, tries, is_early: false, ..outgoing.clone() })
        });
        if let (Some(memory), None) = (&self.memory, &again) {
            memory.posted(&outgoing.event_id);
        }
        let delivery = Delivery {
            kind: self.kind(&outgoing.content),
            message_id: self.message_id(&outgoing.content),
            event_id: outgoing.event_id,
            forged,
            copy: outgoing.copy,
            outcome,
            again: again.is_some(),
        };
        if let Some(again) = again {
            state.outbox.put(again);
        }
        drop(state);
        self.owing.notify_one();
        delivery
    }

    fn forged(&self, index: usize) -> Option<&Forged> {
        self.script.receipt_faults.forged.get(index)
    }

    /// The message a forged receipt is about: one of those taken so far.
    fn forged_about<'a>(
        &self,
        state: &'a State,
        index: usize,
        forged: &Forged,
    ) -> Option<&'a Taken> {
        let messages = state.ledger.iter();
        match forged.target {
            ForgedFor::First => messages.min_by_key(|it| (it.accepted_at, &it.request.to)),
            ForgedFor::Random => messages.min_by_key(|it| {
                let attempt = it.attempt.to_string();
                let parts = ["forged", &index.to_string(), &it.request.to, &attempt];
                dice::id("", self.script.seed, &parts)
            }),
        }
    }

    /// How a post is forged, if it is.
    pub(super) fn forgery(&self, outgoing: &Outgoing) -> Option<ForgedSignature> {
        match &outgoing.content {
            Content::Forged { index, .. } => self.forged(*index).map(|forged| forged.signature),
            _ => None,
        }
    }

    pub(super) fn kind(&self, content: &Content) -> EventType {
        match content {
            Content::Receipt { kind, .. } => *kind,
            Content::Forged { index, .. } => {
                self.forged(*index).map_or(EventType::Failed, |forged| forged.status.into())
            }
            Content::UnknownMessage { index } => {
                let unknown = self.script.receipt_faults.unknown_message.get(*index);
                unknown.map_or(EventType::Failed, |unknown| unknown.status.into())
            }
            Content::Inbound { .. } => EventType::Received,
        }
    }

    pub(super) fn message_id(&self, content: &Content) -> Option<String> {
        match content {
            Content::Receipt { message_id, .. } => Some(message_id.clone()),
            Content::Forged { message_id, .. } => message_id.clone(),
            Content::UnknownMessage { index } => {
                let unknown = self.script.receipt_faults.unknown_message.get(*index);
                unknown.map(|unknown| unknown.id.clone())
            }
            Content::Inbound { .. } => None,
        }
    }

    /// What is posted, and where.
    fn event(
        &self,
        state: &State,
        outgoing: &Outgoing,
        now: DateTime<Utc>,
    ) -> Option<(Event, String)> {
        let anywhere = self.settings.callback_url.clone().or_else(|| state.callback_url.clone());
        let id = self.message_id(&outgoing.content);
        let (data, timestamp, url) = match &outgoing.content {
            Content::Receipt { code, happened, .. } => {
                let taken = state.ledger.find(&id?)?;
                let url = taken.request.callback_url.clone().or(anywhere);
                (about(taken, code.clone()), *happened, url)
            }
            Content::Forged { index, .. } => {
                let taken = state.ledger.find(&id?)?;
                let url = taken.request.callback_url.clone().or(anywhere);
                (about(taken, self.forged(*index)?.code.clone()), now, url)
            }
            Content::UnknownMessage { .. } => (self.unknown(id?), outgoing.due, anywhere),
            Content::Inbound { index } => {
                let text = self.script.inbound.get(*index)?;
                let said_at = self.script.instant(text.at);
                (self.inbound(state, outgoing, text), said_at, anywhere)
            }
        };
        Some((Event { kind: self.kind(&outgoing.content), timestamp, data }, url?))
    }

    fn unknown(&self, id: String) -> EventData {
        let from = self.settings.sender.clone().unwrap_or_default();
        let to = "+12025550199".to_owned();
        EventData { id, reference: None, to, from, code: None, text: None }
    }

    fn inbound(&self, state: &State, outgoing: &Outgoing, text: &Inbound) -> EventData {
        EventData {
            id: outgoing.event_id.replacen("whk_", "agg_", 1),
            reference: None,
            to: self.settings.sender.clone().or_else(|| state.sender.clone()).unwrap_or_default(),
            from: text.from.clone(),
            code: None,
            text: Some(text.body.clone()),
        }
    }

    /// The journal's entry for a post.
    fn seen(&self, state: &State, outgoing: &Outgoing, outcome: &Outcome) -> Seen {
        let outcome = outcome.clone();
        let tries = outgoing.tries;
        if let Content::Inbound { index } = outgoing.content {
            let text = self.script.inbound.get(index);
            let from = text.map(|text| text.from.clone()).unwrap_or_default();
            return Seen::Inbound { from, tries, outcome };
        }
        let code = match &outgoing.content {
            Content::Receipt { code, .. } => code.clone(),
            Content::Forged { index, .. } => {
                self.forged(*index).and_then(|forged| forged.code.clone())
            }
            _ => None,
        };
        let message_id = self.message_id(&outgoing.content);
        let taken = message_id.as_ref().and_then(|id| state.ledger.find(id));
        Seen::Receipt {
            status: self.kind(&outgoing.content).as_str(),
            code,
            to: taken.map(|taken| taken.request.to.clone()),
            message_id,
            forged: self.forgery(outgoing),
            copy: outgoing.copy,
            tries,
            is_early: outgoing.is_early,
            outcome,
        }
    }
}

/// What a receipt says of its message.
fn about(taken: &Taken, code: Option<String>) -> EventData {
    EventData {
        id: taken.id.clone(),
        reference: Some(taken.request.reference.clone()),
        to: taken.request.to.clone(),
        from: taken.request.from.clone(),
        code,
        text: None,
    }
}

/// The event before somebody changed what it says.
fn untampered(event: Event) -> Event {
    let kind = if event.kind == EventType::Sent { EventType::Delivered } else { EventType::Sent };
    Event { kind, ..event }
}
