//! The record: what hand-overs proved, gathered from what is remembered or from locked rows, then written together.

use super::{Ended, Gate, Outcome, Recorded, after, change, claimed, is_written_off, tries};
use crate::{
    db::{
        Result, Txn,
        bulk::{self, Bulk, Kind, Script},
        consent::{self, Verdict},
        counts::Deltas,
        decisions::{self, Decision},
        follow_ups, health,
        plans::{self, key, standing_of},
        rows,
        touches::{self, Asked, Pair},
        trials,
    },
    ports::Ids,
};
use domain::{
    Instant,
    message::{MessageState, Standing},
};
use entity::{attempt, convert::ms, message};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// What a record goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// What is remembered of claims, where that is enough: nearly always nothing else happened since. Where
    /// something did, the record fails.
    Claims,
    /// What rows say.
    Rows,
}

/// How attempts of one campaign on one connection ended, to be recorded in a transaction that entered the gate.
pub struct Record<'a> {
    news: News<'a>,
    /// The messages that something is told of.
    messages: HashMap<Uuid, message::Model>,
    /// What can be told by rows alone.
    unread: Vec<&'a Ended>,
    gate: Gate,
}

impl<'a> Record<'a> {
    /// Gathers what is told of attempts, as far as no row is needed for it. `gate` says what becomes of a message
    /// that was not sent.
    pub fn of(ended: &'a [Ended], (gate, basis): (Gate, Basis), now: Instant) -> Result<Self> {
        let (mut news, mut messages, mut unread) = (News::default(), HashMap::new(), Vec::new());
        // Of two words on one message, the second is judged by what the first made of it.
        let each: HashSet<Uuid> = ended.iter().map(|end| end.message_id.0).collect();
        let may_remember = basis == Basis::Claims && each.len() == ended.len();
        for end in ended {
            match claimed::row(end, gate).filter(|_| may_remember) {
                Some(row) => {
                    let row = messages.entry(row.id).or_insert_with(|| row.clone());
                    let known = Known { fence: row.fence, outcome: None };
                    news.note(end, &known, row, (gate, None), now)?;
                    news.remembered.insert(row.id);
                }
                None => unread.push(end),
            }
        }
        Ok(Self { news, messages, unread, gate })
    }

    /// Whether all of it speaks of messages that are in flight, every one of them taken: else it cannot be written.
    pub const fn is_of_messages_in_flight(&self) -> bool {
        self.unread.is_empty()
    }

    /// Records it. Recording the same again changes nothing.
    pub async fn write(self, txn: &Txn, ids: &Ids, now: Instant) -> Result<Recorded> {
        let Self { mut news, mut messages, unread, gate } = self;
        if !unread.is_empty() {
            let read = rows::lock(txn, unread.iter().map(|end| end.message_id.0)).await?;
            messages.extend(read);
            let attempts = attempts(txn, &unread).await?;
            let late = late_proofs(txn, &unread, &messages).await?;
            for end in unread {
                if let Some((known, row)) =
                    attempts.get(&end.attempt_id.0).zip(messages.get_mut(&end.message_id.0))
                {
                    let late = late.get(&end.attempt_id.0).copied();
                    news.note(end, known, row, (gate, late), now)?;
                }
            }
        }
        news.write(txn, ids, &messages, gate, now).await
    }
}

/// What a record tells, gathered before any of it is written.
#[derive(Default)]
struct News<'a> {
    /// Outcomes to write on their attempts.
    recorded: Vec<&'a Ended>,
    /// Messages whose rows changed.
    changed: BTreeSet<Uuid>,
    /// Those of them whose rows were not read.
    remembered: BTreeSet<Uuid>,
    /// Messages now known to have been taken.
    taken: Vec<Uuid>,
    /// Those of them that another may follow.
    followed: Vec<message::Model>,
    /// Those who were texted, and when.
    texted: Vec<(Pair, i64)>,
    /// The aggregator's ids that are new.
    accepted: Vec<String>,
    /// What was said of numbers themselves.
    verdicts: Vec<Verdict>,
    /// Messages whose answers were lost.
    lost: Vec<(Uuid, Standing)>,
    deltas: Deltas,
    campaign: Option<Uuid>,
}

impl<'a> News<'a> {
    /// Changes a locked row by what became of its attempt.
    fn note(
        &mut self,
        end: &'a Ended,
        known: &Known,
        row: &mut message::Model,
        (gate, late): (Gate, Option<Asked>),
        now: Instant,
    ) -> Result<()> {
        // An attempt that ended before was recorded by a try whose commit was not heard of.
        if !known.is_open_to(&end.outcome) {
            return Ok(());
        }
        let is_latest = known.fence == row.fence;
        let is_current = is_latest && !is_written_off(row) && end.asked == tries(row);
        if !is_current && end.outcome.provider_id().is_none() {
            // Of an older attempt it is told all the same; of a question that was settled otherwise, nothing.
            self.recorded.extend((!is_latest).then_some(end));
            return Ok(());
        }
        self.recorded.push(end);
        self.campaign = Some(row.campaign_id);
        let before = standing_of(row)?;
        let after = plans::ends_as(row, after(before, end, is_latest, gate));
        if after != before {
            self.deltas.moved(key(row, before), after);
        }
        if after.state == MessageState::Unknown && row.resolve_tries.is_none() {
            self.lost.push((row.id, after));
        }
        self.verdicts.extend(Verdict::of_answer(row, &end.outcome, now));
        if let Some(provider_id) = end.outcome.provider_id() {
            self.accepted.push(provider_id.to_owned());
            // A receipt that overtook the answer has begun what follows already.
            if row.accepted_at.is_none() {
                row.accepted_at = Some(late.map_or(ms(now), |asked| asked.first));
                self.taken.push(row.id);
                if end.is_last {
                    self.deltas.spend(row, 0);
                } else {
                    self.followed.push(row.clone());
                }
            }
            let texted_at = late.map(|asked| asked.last).or(row.accepted_at);
            self.texted.extend(texted_at.map(|at| (Pair::from(&*row), at)));
        } else if is_latest && plans::is_over(after.state) {
            self.deltas.unreserve(row);
        }
        change(row, end, after, now);
        self.changed.insert(row.id);
        Ok(())
    }

    /// Whether what is written now must be read again before all is written.
    fn is_involved(&self, gate: Gate) -> bool {
        let is_plain = self.verdicts.is_empty() && self.lost.is_empty();
        !is_plain || matches!(gate, Gate::Closed(_))
    }

    async fn write(
        mut self,
        txn: &Txn,
        ids: &Ids,
        messages: &HashMap<Uuid, message::Model>,
        gate: Gate,
        now: Instant,
    ) -> Result<Recorded> {
        let is_involved = self.is_involved(gate);
        let mut script = Script::new(txn);
        self.write_rows(&mut script, messages, now);
        // Messages are locked before subscribers.
        script.flush_locks(txn).await?;
        let touched = self.texted.iter().map(|(pair, _)| pair.subscriber);
        let spoken_of = self.verdicts.iter().map(Verdict::subscriber_id);
        touches::hold(txn, touched.chain(spoken_of)).await?;
        touches::accepted(&mut script, self.texted);
        if is_involved {
            script.flush(txn).await?;
            note_lost(txn, ids, messages, self.lost, now).await?;
        }
        follow_ups::begin(txn, ids, &self.followed, &mut self.deltas, now).await?;
        consent::write_back(txn, ids, &self.verdicts, &mut self.deltas, now).await?;
        if let Some(campaign) = self.campaign.filter(|_| matches!(gate, Gate::Closed(_))) {
            trials::let_sequels_go(txn, campaign, &mut self.deltas).await?;
        }
        if let Some(campaign) = self.campaign.filter(|_| !self.accepted.is_empty()) {
            self.deltas.handed_over(campaign, now);
        }
        self.deltas.write(&mut script);
        script.run(txn).await?;
        let taken = self.taken.iter().filter_map(|id| messages.get(id));
        let waits = health::waited(txn, taken).await?;
        Ok(Recorded { waits, accepted: self.accepted })
    }

    /// Has messages and their attempts written.
    fn write_rows(
        &self,
        script: &mut Script,
        messages: &HashMap<Uuid, message::Model>,
        now: Instant,
    ) {
        let (remembered, read): (Vec<&Ended>, Vec<&Ended>) =
            self.recorded.iter().partition(|end| self.remembered.contains(&end.message_id.0));
        let rows =
            remembered.into_iter().filter_map(|end| Some((messages.get(&end.message_id.0)?, end)));
        claimed::write(script, rows, now);
        script.update(&END, read.into_iter().map(|end| of_attempt(end, now)));
        let changed = self.changed.difference(&self.remembered);
        rows::write_back(script, changed.filter_map(|id| messages.get(id)));
    }
}

/// Writes down that the answers about messages were lost: an attempt's outcome may be found out later.
async fn note_lost(
    txn: &Txn,
    ids: &Ids,
    messages: &HashMap<Uuid, message::Model>,
    lost: Vec<(Uuid, Standing)>,
    now: Instant,
) -> Result<()> {
    let decisions = lost.into_iter().filter_map(|(id, to)| {
        let row = messages.get(&id)?;
        Some(Decision { row, to, rule: None, due_at: row.due_at, is_by_caller: false })
    });
    decisions::write(txn, ids, decisions.collect(), now).await
}

/// What is known of an attempt.
struct Known {
    fence: i64,
    outcome: Option<String>,
}

impl Known {
    /// Whether `outcome` says more than is known. An acceptance is a fact, whatever was believed before it: a
    /// repeat under the same key may have been taken after the first request was not.
    fn is_open_to(&self, outcome: &Outcome) -> bool {
        match self.outcome.as_deref() {
            None | Some(super::UNKNOWN) => true,
            Some(super::ACCEPTED) => false,
            Some(_) => outcome.provider_id().is_some(),
        }
    }
}

/// The attempts that ended.
async fn attempts(txn: &Txn, ended: &[&Ended]) -> Result<HashMap<Uuid, Known>> {
    let rows: Vec<(Uuid, i64, Option<String>)> = attempt::Entity::find()
        .select_only()
        .columns([attempt::Column::Id, attempt::Column::Fence, attempt::Column::Outcome])
        .filter(bulk::among(txn, attempt::Column::Id, ended.iter().map(|end| end.attempt_id.0)))
        .into_tuple()
        .all(txn)
        .await?;
    let known = rows.into_iter().map(|(id, fence, outcome)| (id, Known { fence, outcome }));
    Ok(known.collect())
}

/// When those attempts were asked for that turn out to have been taken after nobody knew: their messages were
/// accepted then, and not when it was found out.
async fn late_proofs(
    txn: &Txn,
    ended: &[&Ended],
    messages: &HashMap<Uuid, message::Model>,
) -> Result<HashMap<Uuid, Asked>> {
    let was_unknown = |end: &&&Ended| {
        let row = messages.get(&end.message_id.0);
        end.outcome.provider_id().is_some()
            && row.is_some_and(|row| row.state == MessageState::Unknown.as_str())
    };
    let late: Vec<Uuid> = ended.iter().filter(was_unknown).map(|end| end.attempt_id.0).collect();
    if late.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, i64, Option<i64>)> = attempt::Entity::find()
        .select_only()
        .column(attempt::Column::Id)
        .column(attempt::Column::StartedAt)
        .column(attempt::Column::RepeatedAt)
        .filter(attempt::Column::Id.is_in(late))
        .into_tuple()
        .all(txn)
        .await?;
    let asked = |(id, started_at, repeated_at)| (id, Asked::new(started_at, repeated_at));
    Ok(rows.into_iter().map(asked).collect())
}

/// Attempts that ended.
const END: Bulk = Bulk {
    what: "attempts' outcomes",
    table: "attempt",
    which: bulk::BY_ID,
    kinds: &[Kind::Text, Kind::Text, Kind::Number, Kind::Text],
    set: "outcome = v.c1, outcome_code = v.c2, ended_at = v.c3, provider_id = v.c4, \
          request = CASE WHEN v.c1 = 'unknown' THEN request ELSE NULL END",
};

/// What [`END`] writes of an attempt.
fn of_attempt(end: &Ended, now: Instant) -> impl Serialize {
    let Ended { attempt_id, outcome, .. } = end;
    let id = bulk::id(attempt_id.0);
    (id, outcome.as_str(), outcome.code(), ms(now), outcome.provider_id())
}

#[cfg(test)]
mod tests {
    use super::super::Unsent;
    use super::*;

    /// A message whose attempt number `fence` is under way.
    fn in_flight(fence: i64) -> message::Model {
        let id = Uuid::nil();
        message::Model {
            id,
            site_id: id,
            campaign_id: id,
            step_id: id,
            step_position: 1,
            subscriber_id: id,
            phone: "+12125550142".to_owned(),
            time_zone: "America/New_York".to_owned(),
            state: MessageState::InFlight.as_str().to_owned(),
            reason: None,
            aggregator_code: None,
            due_at: 0,
            deferred_from: None,
            send_by: None,
            fence,
            lease_until: Some(1),
            attempt_count: fence,
            segments: Some(1),
            connection_id: Some(id),
            provider_id: None,
            accepted_at: None,
            delivered_at: None,
            passed_on_at: None,
            stopped_at: None,
            updated_at: 0,
            zones: None,
            region: None,
            rule: None,
            blocked_by: None,
            blocked_at: None,
            variables: None,
            reserved: 0,
            evaluated_at: 0,
            previous_id: None,
            resolve_at: None,
            resolve_tries: None,
            uncertain_at: None,
        }
    }

    /// Goal: the next messages are claimed along, judged by what was so before, only with a record that speaks of messages
    /// in flight and of no other. Method: an acceptance whose claim is remembered, by claims and by rows; one whose claim
    /// is not; two of one message.
    #[test]
    fn a_record_by_claims_is_of_messages_in_flight() {
        let now: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        let accepted = |claimed| Ended {
            attempt_id: Uuid::nil().into(),
            message_id: Uuid::nil().into(),
            asked: 0,
            is_last: true,
            claimed,
            outcome: Outcome::Accepted { provider_id: "m".to_owned(), segments: None },
        };
        let is_so = |ended: &[Ended], basis| {
            Record::of(ended, (Gate::Open, basis), now).unwrap().is_of_messages_in_flight()
        };
        let remembered = accepted(Some(claimed::AsClaimed::as_is(in_flight(1))));
        let one = [remembered.clone()];
        assert!(is_so(&one, Basis::Claims));
        assert!(!is_so(&one, Basis::Rows));
        assert!(!is_so(&[accepted(None)], Basis::Claims));
        assert!(!is_so(&[remembered.clone(), remembered], Basis::Claims));
    }

    /// Goal: a node that slept through its lease cannot make a message ready again that was meanwhile sent again by a
    /// person and is in flight. Method: its answer, that nothing was taken, comes while a second attempt is under
    /// way; then the same answer comes of the second.
    #[test]
    fn an_older_attempt_changes_nothing_of_a_newer_one() {
        let now: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        let not_sent = Outcome::NotSent { retry_at: now, unsent: Unsent::Unavailable, code: None };
        let end = Ended {
            attempt_id: Uuid::nil().into(),
            message_id: Uuid::nil().into(),
            asked: 0,
            is_last: false,
            claimed: None,
            outcome: not_sent,
        };
        let given_up = Some(super::super::UNKNOWN.to_owned());
        let (older, newer) =
            (Known { fence: 1, outcome: given_up }, Known { fence: 2, outcome: None });
        let mut row = in_flight(2);
        let mut news = News::default();
        news.note(&end, &older, &mut row, (Gate::Open, None), now).unwrap();
        assert_eq!(row, in_flight(2));
        assert_eq!((news.recorded.len(), news.changed.len()), (1, 0), "of the attempt it is told");
        news.note(&end, &newer, &mut row, (Gate::Open, None), now).unwrap();
        assert_eq!(row.state, MessageState::Deferred.as_str());
    }
}
