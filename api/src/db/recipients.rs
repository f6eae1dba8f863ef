//! The recipients of messages that are due: what is known of them at hand-over, for the gate to judge.
//!
//! **Invariant:** their rows are locked while they are judged, so that of two campaigns that race for one phone
//! the second sees the first.
//! **Invariant:** where a recipient was when the message was planned binds still; where they are taken to be by
//! now binds too.

use super::{
    Result, Txn,
    binding::Binding,
    prospects, receipts, subscribers,
    touches::{self, Touches},
};
use domain::{
    Instant,
    gate::{Consent, Facts, Previous},
    id::SiteId,
    message::MessageState,
    place::{Region, ZoneSet},
    zone::Zone,
};
use entity::{
    convert::{self, instant},
    message, opt_out, receipt, subscriber,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, UnionType},
};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// What is known of the recipients of due messages, their rows locked.
pub(super) struct Found {
    subscribers: HashMap<Uuid, subscriber::Model>,
    words: Words,
    touches: Touches,
    previous: HashMap<Uuid, (MessageState, Option<i64>)>,
}

impl Found {
    /// Locks the recipients of `rows` and reads what is known of them.
    pub(super) async fn of(
        txn: &Txn,
        binding: &Binding,
        rows: &[message::Model],
        now: Instant,
    ) -> Result<Self> {
        let subscribers = touches::lock(txn, rows.iter().map(|row| row.subscriber_id)).await?;
        let phones = rows.iter().map(|row| row.phone.as_str());
        let words = Words::of(txn, binding.campaign.site_id, phones).await?;
        let packs = binding.rules.packs;
        let in_regions = || {
            let known = |row: &message::Model| subscribers.get(&row.subscriber_id);
            rows.iter().filter_map(move |row| Some((known(row)?, row.region.as_deref())))
        };
        let mut touches = touches::recent(txn, packs, in_regions(), now).await?;
        let is_asked = |row: &message::Model| words.uncertain.contains(&row.phone);
        touches.add_uncertain(txn, is_asked, rows, now).await?;
        let previous = previous(txn, rows).await?;
        Ok(Self { subscribers, words, touches, previous })
    }

    /// Whether the recipient of `row` texted something that is not acted on yet: it may be a STOP.
    pub(super) fn is_unheard(&self, row: &message::Model) -> bool {
        self.words.unheard.contains(&row.phone)
    }

    /// What the gate needs to know of the recipient of `row`.
    pub(super) fn facts(&self, binding: &Binding, row: &message::Model) -> Result<Facts<'_>> {
        let subscriber = self.subscribers.get(&row.subscriber_id);
        let has_opted_out = self.words.opted_out.contains(&row.phone);
        let consent = match subscriber {
            Some(subscriber) => prospects::consent(subscriber, has_opted_out)?,
            None => Consent::of(None, has_opted_out, false),
        };
        let (zones, region) = (convert::rules::zones(row)?, convert::rules::region(row)?);
        let moved_to = match subscriber {
            Some(found) => moved_to(found, row, (zones, region), binding.zone)?,
            None => None,
        };
        Ok(Facts {
            consent,
            unfit: None,
            previous: self.previous(binding, row, subscriber),
            zones,
            region,
            moved_to,
            due_at: instant(row.due_at),
            send_by: row.send_by.map(instant),
            last: subscriber.and_then(touches::last),
            recent: self.touches.of(row.subscriber_id),
            reservation: self.touches.reservation(row.subscriber_id),
        })
    }

    fn previous(
        &self,
        binding: &Binding,
        row: &message::Model,
        subscriber: Option<&subscriber::Model>,
    ) -> Option<Previous> {
        let (state, accepted_at) = *self.previous.get(&row.previous_id?)?;
        let (step, _) = binding.step(row.step_position)?;
        let replied_at = subscriber.and_then(|found| found.last_inbound_at);
        let has_replied = replied_at.zip(accepted_at).is_some_and(|(reply, sent)| reply > sent);
        Some(Previous { condition: step.condition, state, has_replied })
    }
}

/// Phones of a site that opted out, those whose text is not acted on yet, and those with a message that is on its
/// way, of unknown outcome, or sent again although it may have been taken.
#[derive(Default)]
struct Words {
    opted_out: HashSet<String>,
    unheard: HashSet<String>,
    uncertain: HashSet<String>,
}

impl Words {
    /// Those among `phones`, by one statement.
    async fn of<'a>(
        txn: &Txn,
        site_id: SiteId,
        phones: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Self> {
        let named = |what: i64| Expr::val(what).cast_as("BIGINT");
        let opted_out = subscribers::opted_out_among(txn, site_id, phones.clone())
            .select_only()
            .column(opt_out::Column::Phone)
            .expr_as(named(OPTED_OUT), "word");
        let unheard = receipts::unheard(txn, site_id, phones.clone())
            .select_only()
            .column(receipt::Column::Phone)
            .expr_as(named(UNHEARD), "word");
        let uncertain = |messages: Select<message::Entity>| {
            let phones = messages.select_only().column(message::Column::Phone);
            phones.expr_as(named(UNCERTAIN), "word").into_query()
        };
        let outstanding = touches::outstanding(txn, site_id, phones.clone());
        let mut all = opted_out.into_query();
        all.union(UnionType::All, unheard.into_query());
        all.union(UnionType::All, uncertain(outstanding));
        all.union(UnionType::All, uncertain(touches::resent(txn, site_id, phones)));
        let mut words = Self::default();
        for row in txn.query_all(&all).await? {
            let phone: Option<String> = row.try_get("", "phone")?;
            let of = match row.try_get::<i64>("", "word")? {
                OPTED_OUT => &mut words.opted_out,
                UNHEARD => &mut words.unheard,
                _ => &mut words.uncertain,
            };
            of.extend(phone);
        }
        Ok(words)
    }
}

/// What a phone's word is called while it is read.
const OPTED_OUT: i64 = 0;
const UNHEARD: i64 = 1;
const UNCERTAIN: i64 = 2;

/// Where a subscriber is taken to be by now; none where that is still the place that `row` was planned for.
fn moved_to(
    subscriber: &subscriber::Model,
    row: &message::Model,
    planned: (ZoneSet, Option<Region>),
    site: Zone,
) -> Result<Option<(ZoneSet, Option<Region>)>> {
    let zones = row.zones.as_deref().unwrap_or(&row.time_zone);
    // The rows say so of almost everybody, and then nobody need be located.
    if subscriber.zones.as_deref() == Some(zones) && subscriber.region == row.region {
        return Ok(None);
    }
    let place = convert::rules::place(subscriber, site)?;
    Ok(Some((place.zones, place.region)).filter(|place| *place != planned))
}

/// States of the messages that `rows` follow up, and when they were accepted.
async fn previous(
    txn: &Txn,
    rows: &[message::Model],
) -> Result<HashMap<Uuid, (MessageState, Option<i64>)>> {
    let ids: Vec<Uuid> = rows.iter().filter_map(|row| row.previous_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = message::Entity::find().filter(message::Column::Id.is_in(ids)).all(txn).await?;
    let read = |row: message::Model| {
        Ok((row.id, (convert::code("message", &row.state)?, row.accepted_at)))
    };
    rows.into_iter().map(read).collect()
}
