//! Prospects: subscribers as a plan finds them, each with what the rules need to know.
//!
//! **Invariant:** a plan and an estimate ask here, and work each prospect out in one way: what an estimate
//! says is what a plan would do.

use super::{
    Result,
    audiences::{self, AsOf},
    binding::Binding,
    outcomes,
    revisions::FrozenRules,
    subscribers,
    touches::{self, Touches},
};
use domain::{
    Instant,
    campaign::Campaign,
    gate::{Consent, Facts, Judge, Skip, Verdict},
    id::SubscriberId,
    limits::SEGMENTS_MAX,
    message::MessageState,
    phone::PhoneNumber,
    place::{self, Place},
    reason::MessageReason,
    schedule::Due,
    subscriber::SubscriberStatus,
    template,
    zone::Zone,
};
use entity::{
    attempt, campaign,
    convert::{self, code, ms},
    message, subscriber,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, Select,
    sea_query::{Expr, Query},
};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// Originals whose reach a duplicate of a duplicate leaves out.
const ORIGINALS_MAX: usize = 16;

/// Which subscribers to look at.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Whom the campaign selects and leaves out.
    pub rules: &'a FrozenRules,
    /// Who is a member at this moment is a recipient, whatever becomes of their tags later.
    pub joined_by: Instant,
    /// The last subscriber looked at.
    pub after: Option<Uuid>,
    /// How many at the most.
    pub limit: u64,
}

/// A subscriber whom a campaign selects.
#[derive(Clone, Debug)]
pub struct Prospect {
    /// The subscriber.
    pub row: subscriber::Model,
    has_opted_out: bool,
    is_excluded: bool,
    was_reached: bool,
}

/// What is to become of a prospect: the beginnings of the initial message's row.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Where the prospect is.
    pub place: Place,
    /// When the message is due, quiet hours aside.
    pub due_at: Instant,
    /// What is to be done with it.
    pub verdict: Verdict,
    /// Segments of the initial message; none when it cannot be rendered.
    pub segments: Option<u32>,
    /// Segments of all steps together.
    pub segments_of_all: u32,
    /// The values the texts use.
    pub values: BTreeMap<String, String>,
}

/// A text that came out longer than any carrier takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// The next prospects of a campaign, in the order of their ids.
pub async fn next(
    connection: &impl ConnectionTrait,
    campaign: &Campaign,
    search: Search<'_>,
) -> Result<Vec<Prospect>> {
    let mut select = selected(campaign, search);
    if let Some(after) = search.after {
        select = select.filter(subscriber::Column::Id.gt(after));
    }
    let select = select.order_by_asc(subscriber::Column::Id).limit(search.limit);
    found(connection, campaign, search, select).await
}

/// One subscriber as a plan would find them; none whom the campaign does not select.
pub async fn one(
    connection: &impl ConnectionTrait,
    campaign: &Campaign,
    search: Search<'_>,
    id: SubscriberId,
) -> Result<Option<Prospect>> {
    if search.rules.included.is_empty() {
        return Ok(None);
    }
    let select = selected(campaign, search).filter(subscriber::Column::Id.eq(id.0));
    Ok(found(connection, campaign, search, select.limit(1)).await?.pop())
}

/// The subscribers whom a campaign selects.
fn selected(campaign: &Campaign, search: Search<'_>) -> Select<subscriber::Entity> {
    let included = search.rules.included.iter();
    let as_of = AsOf::Then(search.joined_by);
    let any =
        included.fold(Condition::any(), |any, rules| any.add(audiences::members(rules, as_of)));
    subscriber::Entity::find()
        .filter(subscriber::Column::SiteId.eq(campaign.site_id.0))
        .filter(subscriber::Column::CreatedAt.lte(ms(search.joined_by)))
        .filter(any)
}

/// A subscriber, and whether the phone opted out.
struct Found {
    row: subscriber::Model,
    has_opted_out: bool,
}

/// The name of what is read beside a subscriber's own columns.
const HAS_OPTED_OUT: &str = "has_opted_out";

impl FromQueryResult for Found {
    fn from_query_result(result: &QueryResult, prefix: &str) -> std::result::Result<Self, DbErr> {
        Ok(Self {
            row: subscriber::Model::from_query_result(result, prefix)?,
            has_opted_out: result.try_get(prefix, HAS_OPTED_OUT)?,
        })
    }
}

/// Reads subscribers, and looks up what their rows do not tell.
async fn found(
    connection: &impl ConnectionTrait,
    campaign: &Campaign,
    search: Search<'_>,
    select: Select<subscriber::Entity>,
) -> Result<Vec<Prospect>> {
    let opted_out = Expr::exists(subscribers::opt_out_of_row());
    let found: Vec<Found> =
        select.expr_as(opted_out, HAS_OPTED_OUT).into_model().all(connection).await?;
    let rows = || found.iter().map(|found| &found.row);
    let reached = reached(connection, campaign, rows().map(|row| row.phone.as_str())).await?;
    let excluded = excluded(connection, search, rows().map(|row| row.id)).await?;
    let prospect = |Found { row, has_opted_out }: Found| Prospect {
        has_opted_out,
        is_excluded: excluded.contains(&row.id),
        was_reached: reached.contains(&row.phone),
        row,
    };
    Ok(found.into_iter().map(prospect).collect())
}

/// Which of `subscribers` the campaign leaves out.
async fn excluded(
    connection: &impl ConnectionTrait,
    Search { rules, joined_by, .. }: Search<'_>,
    subscribers: impl Iterator<Item = Uuid>,
) -> Result<HashSet<Uuid>> {
    let as_of = AsOf::Then(joined_by);
    if rules.excluded.is_empty() {
        return Ok(HashSet::new());
    }
    let any = rules
        .excluded
        .iter()
        .fold(Condition::any(), |any, rules| any.add(audiences::members(rules, as_of)));
    let ids: Vec<Uuid> = subscriber::Entity::find()
        .select_only()
        .column(subscriber::Column::Id)
        .filter(subscriber::Column::Id.is_in(subscribers))
        .filter(any)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().collect())
}

/// Which of `phones` the originals of a campaign that leaves them out have reached.
async fn reached(
    connection: &impl ConnectionTrait,
    campaign: &Campaign,
    phones: impl Iterator<Item = &str>,
) -> Result<HashSet<String>> {
    // Here alone: elsewhere its `max` would stand in the way of a number's.
    use sea_orm::sea_query::ExprTrait as _;

    let originals = originals(connection, campaign).await?;
    if originals.is_empty() {
        return Ok(HashSet::new());
    }
    let states = [
        MessageState::Unknown,
        MessageState::Accepted,
        MessageState::Unconfirmed,
        MessageState::Delivered,
        MessageState::InFlight,
    ];
    // One that was to be sent again and then was not may have been taken the first time.
    let may_have_been_taken = Expr::exists(
        Query::select()
            .expr(Expr::val(1))
            .from(attempt::Entity)
            .and_where(
                Expr::col((attempt::Entity, attempt::Column::MessageId))
                    .equals((message::Entity, message::Column::Id)),
            )
            .and_where(Expr::col((attempt::Entity, attempt::Column::Outcome)).eq(outcomes::UNKNOWN))
            .to_owned(),
    );
    let is_reached = Condition::any()
        .add(message::Column::State.is_in(states.map(MessageState::as_str)))
        .add(may_have_been_taken);
    let phones: Vec<String> = message::Entity::find()
        .select_only()
        .column(message::Column::Phone)
        .filter(message::Column::CampaignId.is_in(originals))
        .filter(is_reached)
        .filter(message::Column::Phone.is_in(phones))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(phones.into_iter().collect())
}

/// The campaign this one was copied from, and those that one left out in turn.
async fn originals(connection: &impl ConnectionTrait, campaign: &Campaign) -> Result<Vec<Uuid>> {
    let mut originals = Vec::new();
    let mut next = campaign.duplicated_from.filter(|_| campaign.excludes_reached).map(|id| id.0);
    while let Some(id) = next
        && originals.len() < ORIGINALS_MAX
    {
        originals.push(id);
        let row = campaign::Entity::find_by_id(id).one(connection).await?;
        next = row.filter(|row| row.excludes_reached).and_then(|row| row.duplicated_from);
    }
    Ok(originals)
}

/// What is asked while prospects are worked out: the campaign's binding, and a judge at this moment.
#[derive(Debug)]
pub struct Bench<'a> {
    /// What binds the campaign.
    pub binding: &'a Binding,
    /// When its processing began.
    pub processing_at: Instant,
    /// The judge.
    pub judge: Judge<'a>,
    /// What the prospects were sent lately.
    pub touches: Touches,
    /// When initial messages are due, by zone.
    dues: HashMap<Zone, Due>,
}

impl<'a> Bench<'a> {
    /// Reads what the prospects were sent lately, and sits down to judge at `now`.
    pub async fn of(
        connection: &impl ConnectionTrait,
        binding: &'a Binding,
        processing_at: Instant,
        prospects: &[Prospect],
        now: Instant,
    ) -> Result<Self> {
        let rows = prospects.iter().map(|prospect| &prospect.row);
        let touches = touches::recent(connection, binding.rules.packs, rows, now).await?;
        let judge = Judge::new(&binding.rules, now);
        Ok(Self { binding, processing_at, judge, touches, dues: HashMap::new() })
    }

    /// Works one prospect out.
    pub fn work_out(
        &mut self,
        prospect: &Prospect,
    ) -> Result<std::result::Result<Planned, TooLong>> {
        let binding = self.binding;
        let place = convert::rules::place(&prospect.row, binding.zone)?;
        let texts = match texts(binding, prospect)? {
            Ok(texts) => texts,
            Err(too_long) => return Ok(Err(too_long)),
        };
        let due = self.due(place.zones.principal());
        let due_at = match due {
            Due::At(at) => at,
            Due::Passed => self.processing_at,
        };
        let facts = Facts {
            consent: consent(&prospect.row, prospect.has_opted_out)?,
            unfit: unfit(binding, prospect, &texts, due),
            previous: None,
            zones: place.zones,
            region: place.region,
            due_at,
            send_by: binding.schedule.as_ref().and_then(|schedule| schedule.send_by),
            last: touches::last(&prospect.row),
            recent: self.touches.of(prospect.row.id),
            // What is being handed over at this moment is asked about at hand-over.
            reservation: None,
        };
        let verdict = self.judge.verdict(&facts);
        Ok(Ok(Planned {
            place,
            due_at,
            verdict,
            segments: texts.segments,
            segments_of_all: texts.segments_of_all,
            values: texts.values,
        }))
    }
}

impl Bench<'_> {
    /// When the initial message of a recipient in `zone` is due, quiet hours aside.
    fn due(&mut self, zone: Zone) -> Due {
        let Self { binding, processing_at, .. } = *self;
        *self.dues.entry(zone).or_insert_with(|| {
            let schedule = binding.schedule.as_ref();
            schedule.map_or(Due::At(processing_at), |schedule| schedule.due(zone, processing_at))
        })
    }
}

/// What rules a prospect out for good, the first reason that applies.
fn unfit(binding: &Binding, prospect: &Prospect, texts: &Texts, due: Due) -> Option<MessageReason> {
    let country = place::region_of_phone(&prospect.row.phone);
    if PhoneNumber::parse(&prospect.row.phone).is_err() {
        Some(MessageReason::InvalidPhoneNumber)
    } else if prospect.is_excluded {
        Some(MessageReason::Excluded)
    } else if prospect.was_reached {
        Some(MessageReason::AlreadyReached)
    } else if !binding.site.countries.serve(country) {
        Some(MessageReason::CountryNotServed)
    } else if texts.segments.is_none() {
        Some(MessageReason::VariableMissing)
    } else if due == Due::Passed {
        Some(MessageReason::LocalTimePassed)
    } else {
        None
    }
}

/// Whether a subscriber may be texted at all, from the row and whether the phone opted out.
pub(super) fn consent(row: &subscriber::Model, has_opted_out: bool) -> Result<Consent> {
    let status = code::<SubscriberStatus>("subscriber", &row.status)?;
    Ok(Consent::of(Some(status), has_opted_out, row.suspected_opt_out_at.is_some()))
}

/// The texts of all steps for one prospect.
struct Texts {
    segments: Option<u32>,
    segments_of_all: u32,
    values: BTreeMap<String, String>,
}

fn texts(binding: &Binding, prospect: &Prospect) -> Result<std::result::Result<Texts, TooLong>> {
    let attributes = convert::values("subscriber", "attributes", prospect.row.attributes.as_ref())?;
    let mut texts = Texts { segments: None, segments_of_all: 0, values: BTreeMap::new() };
    for (step, template) in &binding.steps {
        texts.values.extend(template.values(&attributes, &binding.site.name));
        // A follow-up whose variable has no value is skipped when its turn comes.
        let Ok(rendered) = template::render(template, &binding.frame, &texts.values) else {
            continue;
        };
        if rendered.measure.segments > SEGMENTS_MAX {
            return Ok(Err(TooLong));
        }
        let segments = rendered.measure.segments.max(1);
        texts.segments_of_all += segments;
        if step.position == 0 {
            texts.segments = Some(segments);
        }
    }
    Ok(Ok(texts))
}

/// The parts of a standing that a verdict leads to when a message is planned.
#[derive(Clone, Copy, Debug)]
pub struct Outset {
    /// The state.
    pub state: MessageState,
    /// Why.
    pub reason: Option<MessageReason>,
    /// When it is due.
    pub due_at: Instant,
    /// When it was due before quiet hours held it.
    pub deferred_from: Option<Instant>,
}

/// Where a message starts: held, waiting its turn, or skipped.
pub fn outset(verdict: &Verdict, due_at: Instant, now: Instant) -> Outset {
    let at = |state, reason, due_at, deferred_from| Outset { state, reason, due_at, deferred_from };
    match *verdict {
        Verdict::Skip(Skip { reason, .. }) => at(MessageState::Skipped, Some(reason), due_at, None),
        Verdict::Defer { until, .. } => {
            at(MessageState::Deferred, Some(MessageReason::QuietHours), until, Some(due_at))
        }
        Verdict::Send | Verdict::Wait { .. } if due_at > now => {
            at(MessageState::Deferred, Some(MessageReason::WaitingForLocalTime), due_at, None)
        }
        Verdict::Send | Verdict::Wait { .. } => at(MessageState::Queued, None, due_at, None),
    }
}
