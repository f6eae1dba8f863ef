//! Holding a story to what it expects.
//!
//! **Invariant:** what is otherwise than expected is told with both sides, what should be and what is,
//! and under the rules of the source that it was to prove. Phones are masked.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Error;
use super::fields::{offset, selection, unmet};
use super::story::{Made, Story};
use crate::aggregator::Ledger;
use crate::privacy::mask;
use crate::scenario::{CancelAnswer, Expect, Fields, Recipient};
use crate::world::{Audit, Row};

/// A call that was refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The step's name.
    pub(super) verb: &'static str,
    /// The campaign it was about.
    pub(super) campaign: Option<String>,
    /// The codes.
    pub(super) codes: Vec<String>,
}

/// A cancel that was done.
#[derive(Clone, Debug)]
pub(super) struct CancelDone {
    /// The campaign.
    pub(super) campaign: String,
    /// The status it ended in.
    pub(super) status: String,
    /// Messages stopped.
    pub(super) stopped: u64,
    /// Messages that had been handed over.
    pub(super) handed_over: u64,
    /// Messages in flight.
    pub(super) in_flight: u64,
}

/// What is otherwise, so far.
struct Unmet {
    start: DateTime<Utc>,
    found: Vec<String>,
}

impl Unmet {
    fn push(&mut self, what: String) {
        self.found.push(what);
    }

    /// Notes a difference, if there is one.
    fn same<T: PartialEq + Display>(&mut self, what: impl Display, wanted: &T, found: &T) {
        if wanted != found {
            self.push(format!("expected {what} {wanted}, and it is {found}"));
        }
    }

    /// Notes a difference of instants.
    fn same_instant(
        &mut self,
        what: impl Display,
        wanted: Option<DateTime<Utc>>,
        found: Option<DateTime<Utc>>,
    ) {
        if wanted != found {
            let show = |at: Option<DateTime<Utc>>| {
                at.map_or_else(|| "none".to_owned(), |at| offset(self.start, at))
            };
            let (wanted, found) = (show(wanted), show(found));
            self.push(format!("expected {what} {wanted}, and it is {found}"));
        }
    }
}

impl Story<'_> {
    /// Holds the story so far to one entry, and notes what is otherwise. `audits` are campaigns that
    /// were read already.
    pub(super) async fn hold_to(
        &mut self,
        place: &str,
        expect: &Expect,
        audits: &[Audit],
    ) -> Result<(), Error> {
        let mut unmet = Unmet { start: self.scenario.start(), found: Vec::new() };
        let about = match self.about(expect.campaign.as_ref()) {
            Ok(made) => Some(made),
            Err(error) if expect.campaign.is_some() => return Err(error),
            Err(_) => None,
        };
        if let Some(made) = &about {
            let known = audits.iter().find(|audit| audit.id == made.id);
            let audit = match known {
                Some(audit) => audit.clone(),
                None => self.world.audit(&made.id).await?,
            };
            self.of_campaign(&mut unmet, expect, made, &audit).await?;
            let named = expect.campaign.is_some().then_some(&audit);
            self.of_aggregator(&mut unmet, expect, named);
        } else {
            self.of_aggregator(&mut unmet, expect, None);
        }
        self.of_calls(&mut unmet, expect, about.as_ref());
        for (phone, fields) in &expect.subscribers {
            let found = self.subscriber(phone, fields).await?;
            unmet.found.extend(fields_of(
                unmet.start,
                &format!("{}'s ", mask(phone)),
                fields,
                &found,
            ));
        }
        if !expect.site.is_empty() {
            let query = format!("query {{ site {{ {} }} }}", names(&expect.site));
            let found = self.answer(&query, json!({}), "/data/site").await?;
            unmet.found.extend(fields_of(unmet.start, "the site's ", &expect.site, &found));
        }
        let under = heading(place, expect);
        self.problems.extend(unmet.found.into_iter().map(|what| format!("{under}{what}")));
        Ok(())
    }

    async fn of_campaign(
        &self,
        unmet: &mut Unmet,
        expect: &Expect,
        made: &Made,
        audit: &Audit,
    ) -> Result<(), Error> {
        if let Some(status) = expect.status {
            // The words of old: a status is what most stories end with.
            if status.as_str() != audit.status {
                unmet.push(format!("expected {}, and it is {}", status.as_str(), audit.status));
            }
        }
        if let Some(reason) = &expect.reason {
            let wanted = reason.as_option().map(crate::scenario::Code::name);
            unmet.same("its reason to be", &or_none(wanted), &or_none(audit.reason.clone()));
        }
        for (name, wanted) in &expect.counts {
            unmet.same(name, wanted, &audit.count(name).unwrap_or_default());
        }
        for (reason, wanted) in &expect.reasons {
            let name = reason.name();
            let of = audit.rows.iter().filter(|row| row.reason.as_ref() == Some(&name)).count();
            unmet.same(&name, wanted, &u64::try_from(of).unwrap_or(u64::MAX));
        }
        let told = |list: &[String]| list.join(", ");
        if let Some(statuses) = &expect.statuses {
            let wanted: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
            let found = told(&self.changes.statuses(&made.id));
            unmet.same("the statuses", &wanted.join(", "), &found);
        }
        if let Some(events) = &expect.events {
            unmet.same("the events", &told(events), &told(&self.changes.events(&made.id)));
        }
        for (phone, recipients) in &expect.recipients {
            for recipient in recipients {
                let row = audit.row(phone, recipient.step);
                self.of_recipient(unmet, phone, recipient, row).await?;
            }
        }
        if !expect.fields.is_empty() {
            let query =
                format!("query($id: ID!) {{ campaign(id: $id) {{ {} }} }}", names(&expect.fields));
            let id = json!({ "id": made.id });
            let found = self.answer(&query, id, "/data/campaign").await?;
            unmet.found.extend(fields_of(unmet.start, "", &expect.fields, &found));
        }
        Ok(())
    }

    async fn of_recipient(
        &self,
        unmet: &mut Unmet,
        phone: &str,
        wanted: &Recipient,
        row: Option<&Row>,
    ) -> Result<(), Error> {
        let who = match wanted.step {
            0 => mask(phone),
            step => format!("{} at step {step}", mask(phone)),
        };
        let Some(row) = row else {
            unmet.push(format!("expected a message to {who}, and there is none"));
            return Ok(());
        };
        if let Some(state) = &wanted.state {
            unmet.same(format_args!("{who} to be"), &state.name(), &row.status);
        }
        if let Some(reason) = &wanted.reason {
            let wanted = or_none(reason.as_option().map(crate::scenario::Code::name));
            unmet.same(format_args!("{who}'s reason"), &wanted, &or_none(row.reason.clone()));
        }
        if let Some(rule) = &wanted.rule {
            let wanted = or_none(rule.as_option().cloned());
            unmet.same(format_args!("{who}'s rule"), &wanted, &or_none(row.rule.clone()));
        }
        if let Some(zone) = &wanted.zone {
            unmet.same(format_args!("{who}'s zone"), zone, &row.zone);
        }
        for (what, wanted, found) in [
            ("attempts", wanted.attempts, row.attempts),
            ("segments", wanted.segments, row.segments),
        ] {
            if let Some(wanted) = wanted {
                unmet.same(format_args!("{who}'s {what}"), &wanted, &found.unwrap_or_default());
            }
        }
        let start = unmet.start;
        if let Some(due) = wanted.due {
            unmet.same_instant(format_args!("{who}'s due"), Some(due.instant(start)), row.due_at);
        }
        let instants = [
            ("deferred_from", &wanted.deferred_from, row.deferred_from),
            ("accepted", &wanted.accepted, row.accepted_at),
            ("delivered", &wanted.delivered, row.delivered_at),
        ];
        for (what, wanted, found) in instants {
            if let Some(wanted) = wanted {
                let wanted = wanted.as_option().map(|moment| moment.instant(start));
                unmet.same_instant(format_args!("{who}'s {what}"), wanted, found);
            }
        }
        if !wanted.fields.is_empty() {
            let query = format!(
                "query($id: ID!) {{ node(id: $id) {{ ... on Message {{ {} }} }} }}",
                names(&wanted.fields)
            );
            let found = self.answer(&query, json!({ "id": row.id }), "/data/node").await?;
            unmet.found.extend(fields_of(start, &format!("{who}'s "), &wanted.fields, &found));
        }
        Ok(())
    }

    /// What reached the aggregator: of the campaign audited, or of all.
    fn of_aggregator(&self, unmet: &mut Unmet, expect: &Expect, only: Option<&Audit>) {
        let core = self.world.aggregator().core();
        let start = unmet.start;
        let is_of = |id: &str| only.is_none_or(|audit| audit.has_taken(id));
        core.with_ledger(|ledger: &Ledger| {
            let to = |phone: &str| -> Vec<_> {
                let taken = ledger.iter();
                taken.filter(|taken| taken.request.to == phone && is_of(&taken.id)).collect()
            };
            for (phone, wanted) in &expect.handed_over {
                let wanted = wanted.0.iter().map(|moment| offset(start, moment.instant(start)));
                let found = to(phone);
                let found = found.iter().map(|taken| offset(start, taken.accepted_at));
                let what = format!("texts for {} to be taken at", mask(phone));
                unmet.same(what, &listed(wanted), &listed(found));
            }
            for (phone, wanted) in &expect.texts {
                let found: Vec<String> =
                    to(phone).into_iter().map(|taken| taken.request.text.clone()).collect();
                unmet.same(
                    format_args!("the number of texts for {} to be", mask(phone)),
                    &wanted.0.len(),
                    &found.len(),
                );
                for (wanted, found) in wanted.iter().zip(&found) {
                    unmet.found.extend(other_text(phone, wanted, found));
                }
            }
        });
        let asked = self.handed_over_at();
        for (phone, moment) in &expect.not_before {
            let before = moment.instant(start);
            let early = asked.iter().find(|(at, to)| to == phone && *at < before);
            if let Some((at, to)) = early {
                let (to, at) = (mask(to), offset(start, *at));
                let before = offset(start, before);
                unmet
                    .push(format!("expected nothing for {to} before {before}, and it was at {at}"));
            }
        }
        if let Some(before) = expect.none_before.map(|moment| moment.instant(start))
            && let Some((at, _)) = asked.iter().find(|(at, _)| *at < before)
        {
            let (before, at) = (offset(start, before), offset(start, *at));
            unmet.push(format!("expected no hand-over before {before}, and one was at {at}"));
        }
        if let Some(after) = expect.none_after.map(|moment| moment.instant(start))
            && let Some((at, _)) = asked.iter().find(|(at, _)| *at >= after)
        {
            let (after, at) = (offset(start, after), offset(start, *at));
            unmet.push(format!("expected no hand-over from {after} on, and one was at {at}"));
        }
    }

    /// What callers were answered: about the campaign, if it was named.
    fn of_calls(&self, unmet: &mut Unmet, expect: &Expect, about: Option<&Made>) {
        let named = about.filter(|_| expect.campaign.is_some()).map(|made| &made.id);
        for (verb, wanted) in &expect.refused {
            let found = self.refusals.iter().filter(|refusal| {
                refusal.verb == verb.as_str()
                    && (named.is_none() || refusal.campaign.as_ref() == named)
            });
            let found = listed(found.map(|refusal| refusal.codes.join(" ")));
            let what = format!("{verb} to be refused with");
            unmet.same(what, &listed(wanted.iter().cloned()), &found);
        }
        let Some(made) = about.filter(|_| !expect.cancel.is_empty()) else { return };
        let done: Vec<&CancelDone> =
            self.cancels.iter().filter(|cancel| cancel.campaign == made.id).collect();
        if done.len() != expect.cancel.0.len() {
            let wanted = expect.cancel.0.len();
            unmet.push(format!("expected {wanted} cancels, and there were {}", done.len()));
        }
        for (wanted, found) in expect.cancel.iter().zip(done) {
            of_cancel(unmet, wanted, found);
        }
    }

    /// Fields of a subscriber.
    async fn subscriber(&self, phone: &str, fields: &Fields) -> Result<Value, Error> {
        let query = format!(
            "query($phone: PhoneNumber) {{ site {{ subscribers(first: 1, filter: {{ \
             phoneNumber: $phone }}) {{ nodes {{ {} }} }} }} }}",
            names(fields)
        );
        let variables = json!({ "phone": phone });
        self.answer(&query, variables, "/data/site/subscribers/nodes/0").await
    }

    /// What a query is answered at a place of the answer.
    pub(super) async fn answer(
        &self,
        query: &str,
        variables: Value,
        pointer: &str,
    ) -> Result<Value, Error> {
        let answer = self.world.client().post(query, variables).await?;
        let found = answer.pointer(pointer).filter(|found| !found.is_null());
        let found = found.filter(|_| answer.get("errors").is_none()).cloned();
        found.ok_or_else(|| Error::answer(query, &answer))
    }
}

fn of_cancel(unmet: &mut Unmet, wanted: &CancelAnswer, found: &CancelDone) {
    if let Some(status) = wanted.status {
        unmet.same("the cancel to end in", &status.as_str().to_owned(), &found.status);
    }
    let counts = [
        ("canceled", wanted.canceled, found.stopped),
        ("handed over", wanted.handed_over, found.handed_over),
        ("in flight", wanted.in_flight, found.in_flight),
    ];
    for (what, wanted, found) in counts {
        if let Some(wanted) = wanted {
            unmet.same(format_args!("the cancel to say {what}"), &wanted, &found);
        }
    }
}

/// Where a text is otherwise than wanted; neither is shown.
fn other_text(phone: &str, wanted: &str, found: &str) -> Option<String> {
    let same = wanted.chars().zip(found.chars()).take_while(|(one, other)| one == other).count();
    let (long, wide) = (wanted.chars().count(), found.chars().count());
    (wanted != found).then(|| {
        let (to, from) = (mask(phone), same.saturating_add(1));
        format!("expected a text of {long} characters for {to}, and one of {wide} differs from character {from} on")
    })
}

/// The selection that asks for fields.
fn names(fields: &Fields) -> String {
    selection(fields.keys().map(String::as_str))
}

fn fields_of(start: DateTime<Utc>, of: &str, fields: &Fields, found: &Value) -> Vec<String> {
    unmet(start, of, fields, found)
}

/// What a problem of an entry begins with: the rules it was to prove, else where it stands. The plain
/// end of a story needs neither.
fn heading(place: &str, expect: &Expect) -> String {
    if !expect.proves.is_empty() {
        let rules: Vec<String> = expect.proves.iter().map(ToString::to_string).collect();
        return format!("{} at {place}: ", rules.join(", "));
    }
    if place == "expect" { String::new() } else { format!("{place}: ") }
}

fn or_none(value: Option<String>) -> String {
    value.unwrap_or_else(|| "none".to_owned())
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { "never".to_owned() } else { values.join(", ") }
}
