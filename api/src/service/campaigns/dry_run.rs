//! A plan that is only thought through: whom a campaign would reach, and whether one person is among them.
//!
//! **Invariant:** the planner's own code decides, on what the tables say at this moment; nothing is written.

use super::{
    super::{Actor, Message, MessageFilter, SubscriberView},
    activate,
};
use crate::{
    db::{
        audiences,
        binding::{self, Binding},
        counts, messages,
        page::{PageRequest, Slice},
        prospects::{self, Bench, Planned, Prospect, Search, outset},
        revisions::{self, FrozenRules},
        sites, subscribers,
    },
    service::{Fault, Service},
};
use chrono::TimeDelta;
use domain::{
    Instant,
    campaign::{Campaign, CampaignStatus},
    estimate::{self, Tally},
    explanation::{self, CheckReport, Fate, RecipientCheck},
    gate::{Skip, Verdict},
    id::SubscriberId,
    limits::PAGE_MAX,
    message::{MessageState, Standing},
    phone::PhoneNumber,
    refusal::{CampaignError, Refusal},
    schedule::{Places, Schedule, ScheduleRequest},
    site::{self, SegmentPrice, Site, SmsPlanStatus},
};
use std::collections::BTreeSet;

/// Subscribers worked out at once.
const PAGE: u64 = 500;
/// Subscribers that an estimate looks at; what is said of more is said of the first of them.
const RECIPIENTS_MAX: i64 = 100_000;
/// How long an estimate may look, in lease time.
const LOOKING_MAX: TimeDelta = TimeDelta::seconds(5);

/// Whom an explanation is about.
#[derive(Clone, Debug)]
pub enum Whom {
    /// Whoever has this number.
    Phone(PhoneNumber),
    /// The subscriber; none for an id that is no subscriber's.
    Id(Option<SubscriberId>),
}

/// Why one subscriber gets a campaign's messages, or does not.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The subscriber.
    pub subscriber: SubscriberView,
    /// Whether the campaign selects them.
    pub is_recipient: bool,
    /// The whole of it in a sentence or two.
    pub summary: String,
    /// Every check, in order.
    pub trail: Vec<CheckReport>,
    /// The messages there are, the initial one first.
    pub messages: Vec<Message>,
}

/// Whom a draft would reach and what it would cost.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// When it was worked out.
    pub as_of: Instant,
    /// Until when the schedule could be changed.
    pub last_change_at: Instant,
    /// The sums.
    pub tally: Tally,
    /// The price of the segments, if the site has one.
    pub cost: Option<SegmentPrice>,
    /// Whether everybody was looked at.
    pub is_complete: bool,
    /// What to look at before activating.
    pub warnings: Vec<String>,
}

/// What asking for an estimate came to.
#[derive(Clone, Debug)]
pub enum Estimated {
    /// It was worked out.
    Done(Box<Estimate>),
    /// The campaign is activated: there is nothing to estimate.
    Activated,
    /// Activation would refuse the schedule, and why.
    Refused(Vec<Refusal<CampaignError>>),
    /// So many are being worked out that this one has to be asked for again later.
    Busy,
}

/// What a plan would be made from.
struct Plan {
    binding: Binding,
    rules: FrozenRules,
    /// When processing would begin, or began.
    processing_at: Instant,
}

impl Service {
    /// Whom a draft would reach, when, and what it would cost, if it were activated so. A few are worked out at
    /// once, and some more wait for their turn.
    pub async fn estimate(
        &self,
        campaign: &Campaign,
        request: ScheduleRequest,
        send_by: Option<Instant>,
    ) -> Result<Estimated, Fault> {
        if campaign.status != CampaignStatus::Draft {
            return Ok(Estimated::Activated);
        }
        let Some(place) = self.estimates.place() else { return Ok(Estimated::Busy) };
        let _turn = place.turn().await;
        let now = self.clock.now();
        let Some(site) = sites::find(self.db.read(), campaign.site_id).await? else {
            return Ok(Estimated::Activated);
        };
        let zones = match request {
            ScheduleRequest::AtSubscriberTime(..) => {
                audiences::zones(self.db.read(), campaign, site.zone).await?
            }
            ScheduleRequest::Now | ScheduleRequest::AtStoreTime(_) => Vec::new(),
        };
        let places = Places { site: site.zone, recipients: &zones };
        let schedule = match Schedule::resolve(request, places, send_by, now) {
            Ok(schedule) => schedule,
            Err(problem) => {
                return Ok(Estimated::Refused(vec![activate::schedule_refusal(problem, request)]));
            }
        };
        let last_change_at = schedule.launches_at;
        let scheduled = Campaign { schedule: Some(schedule), ..campaign.clone() };
        let Some(plan) = self.plan(scheduled, now).await? else {
            return Ok(Estimated::Activated);
        };
        let (tally, is_complete, too_long) = self.tally(&plan).await?;
        let mut warnings = self.warnings(&plan, &site, now).await?;
        if too_long {
            warnings.push(
                "A text comes out longer than carriers take for some recipients, so the campaign would \
                 fail."
                    .to_owned(),
            );
        }
        let is_on_trial = site.plan == SmsPlanStatus::Trial;
        warnings.extend(tally.warnings(is_on_trial.then(|| site.trial.remaining())));
        if !is_complete {
            let count = tally.recipients();
            warnings.push(format!("The figures are those of the first {count} recipients."));
        }
        let cost = site.price.as_ref().and_then(|price| {
            let amount = estimate::cost(&price.amount, tally.segments())?;
            Some(SegmentPrice { amount, currency_code: price.currency_code.clone() })
        });
        let as_of = now;
        let estimate = Estimate { as_of, last_change_at, tally, cost, is_complete, warnings };
        Ok(Estimated::Done(Box::new(estimate)))
    }

    /// Thinks the plan through, as far as an estimate may: the sums, whether that was everybody, and
    /// whether a text came out too long for somebody.
    async fn tally(&self, plan: &Plan) -> Result<(Tally, bool, bool), Fault> {
        let db = self.db.read();
        let until = self.clock.lease_now() + LOOKING_MAX;
        let (mut tally, mut too_long, mut after) = (Tally::default(), false, None);
        if plan.rules.included.is_empty() {
            return Ok((tally, true, too_long));
        }
        while tally.recipients() < RECIPIENTS_MAX && self.clock.lease_now() < until {
            let search =
                Search { rules: &plan.rules, joined_by: plan.processing_at, after, limit: PAGE };
            let found = prospects::next(db, &plan.binding.campaign, search).await?;
            let at = plan.processing_at;
            let mut bench = Bench::of(db, &plan.binding, at, &found, at).await?;
            for prospect in &found {
                match bench.work_out(prospect)? {
                    Ok(planned) => count(&mut tally, &planned, at),
                    Err(prospects::TooLong) => too_long = true,
                }
            }
            after = found.last().map(|prospect| prospect.row.id).or(after);
            if u64::try_from(found.len()).is_ok_and(|found| found < PAGE) {
                return Ok((tally, true, too_long));
            }
        }
        Ok((tally, false, too_long))
    }

    /// What would keep the campaign from being activated, or leave a gap in its texts.
    async fn warnings(&self, plan: &Plan, site: &Site, now: Instant) -> Result<Vec<String>, Fault> {
        let binding = &plan.binding;
        let has_ready_sender = sites::has_ready_sender(self.db.read(), site.id).await?;
        let blockers = site::sending_blockers(site, has_ready_sender, now);
        let mut warnings: Vec<String> =
            blockers.into_iter().map(|reason| reason.message().to_owned()).collect();
        if binding.steps.is_empty() {
            warnings.push("The campaign has no message to send.".to_owned());
        }
        if plan.rules.included.is_empty() {
            warnings.push("The campaign has no audience.".to_owned());
        }
        let mut unknown = BTreeSet::new();
        for (step, _) in &binding.steps {
            let preview = self.step_preview(&binding.campaign, site, step).await?;
            unknown.extend(preview.unknown_variables);
            let number = step.position.saturating_add(1);
            let of_step = |problem| format!("Message {number}: {problem}");
            warnings.extend(preview.problem.map(of_step));
        }
        let unfilled =
            |name: &String| format!("No subscriber of the site has a value for `{name}`.");
        warnings.extend(unknown.iter().map(unfilled));
        Ok(warnings)
    }

    /// Why one subscriber gets a campaign's messages, or does not; none for a subscriber that the
    /// campaign's site does not have.
    pub async fn explain_recipient(
        &self,
        actor: &Actor,
        campaign: &Campaign,
        whom: Whom,
    ) -> Result<Option<Explanation>, Fault> {
        let (db, site_id) = (self.db.read(), campaign.site_id);
        let id = match whom {
            Whom::Id(id) => id,
            Whom::Phone(phone) => {
                let found = subscribers::find_by_phones(db, site_id, &[phone]).await?;
                found.into_values().next().map(|subscriber| subscriber.id)
            }
        };
        let Some(id) = id else { return Ok(None) };
        let found = self.subscriber(actor, id).await?;
        let Some(view) = found.filter(|view| view.subscriber.site_id == site_id) else {
            return Ok(None);
        };
        let filter = MessageFilter { subscriber_id: Some(Some(id)), ..MessageFilter::default() };
        let all = PageRequest { slice: Slice::First(PAGE_MAX), after: None, before: None };
        let page = messages::page(db, &[site_id], campaign.id, &filter, &all).await?;
        let messages: Vec<Message> = page.items.into_iter().map(|(_, message)| message).collect();
        // Follow-ups come to be after the message that they follow.
        let (summary, trail, is_recipient) = match messages.first() {
            Some(initial) => told(&fate_of(initial)),
            None => self.explain_without_messages(campaign, id).await?,
        };
        Ok(Some(Explanation { subscriber: view, is_recipient, summary, trail, messages }))
    }

    /// Explains from a plan made now where none was made, and else why the plan has no message.
    async fn explain_without_messages(
        &self,
        campaign: &Campaign,
        id: SubscriberId,
    ) -> Result<Told, Fault> {
        let left_out = |why: &str| {
            (why.to_owned(), explanation::ruled_out(RecipientCheck::Audience, why), false)
        };
        let run = counts::run(self.db.read(), campaign.id).await?;
        if run.is_some_and(|run| run.planned_at.is_some()) {
            return Ok(left_out(
                "No audience of the campaign selected the subscriber when its recipients were worked \
                 out.",
            ));
        }
        if campaign.status.is_final() {
            return Ok(left_out("The campaign ended before its recipients were worked out."));
        }
        let Some(plan) = self.plan(campaign.clone(), self.clock.now()).await? else {
            return Ok(left_out("The campaign's texts cannot be understood."));
        };
        let Some(prospect) = self.prospect(&plan, id).await? else {
            return Ok(left_out("No audience of the campaign selects the subscriber."));
        };
        let (db, at) = (self.db.read(), plan.processing_at);
        let found = [prospect];
        let mut bench = Bench::of(db, &plan.binding, at, &found, at).await?;
        let [prospect] = &found;
        if let Ok(planned) = bench.work_out(prospect)? {
            return Ok(told(&fate_to_be(&planned, at)));
        }
        let why = "A text comes out longer than carriers take for the subscriber.";
        Ok((why.to_owned(), explanation::ruled_out(RecipientCheck::Text, why), true))
    }

    async fn prospect(&self, plan: &Plan, id: SubscriberId) -> Result<Option<Prospect>, Fault> {
        let search =
            Search { rules: &plan.rules, joined_by: plan.processing_at, after: None, limit: 1 };
        Ok(prospects::one(self.db.read(), &plan.binding.campaign, search, id).await?)
    }

    /// What a plan of the campaign would be made from, now or when its time comes.
    async fn plan(&self, campaign: Campaign, now: Instant) -> Result<Option<Plan>, Fault> {
        let db = self.db.read();
        let launches_at = campaign.schedule.as_ref().map_or(now, |schedule| schedule.launches_at);
        let run = counts::run(db, campaign.id).await?;
        let processing_at = run.map_or(launches_at.max(now), |run| run.processing_at);
        let rules = match campaign.status {
            CampaignStatus::Draft => self.draft_rules(&campaign).await?,
            _ => revisions::frozen_rules(db, campaign.revision_id).await?,
        };
        let binding = binding::read(db, campaign).await?;
        Ok(binding.map(|binding| Plan { binding, rules, processing_at }))
    }

    /// What a draft would freeze of its audiences.
    async fn draft_rules(&self, campaign: &Campaign) -> Result<FrozenRules, Fault> {
        let db = self.db.read();
        let targeting = revisions::targeting(db, campaign.revision_id).await?;
        let sites = [campaign.site_id];
        let included = audiences::find_many(db, &sites, &targeting.included).await?;
        let excluded = audiences::find_many(db, &sites, &targeting.excluded).await?;
        Ok(FrozenRules {
            included: included.into_iter().map(|audience| audience.rules).collect(),
            excluded: excluded.into_iter().map(|audience| audience.rules).collect(),
        })
    }
}

/// A summary, the checks, and whether the campaign selects the subscriber.
type Told = (String, Vec<CheckReport>, bool);

fn told(fate: &Fate) -> Told {
    (explanation::summary(fate), explanation::trail(fate), true)
}

/// Counts what a plan would make of one prospect.
fn count(tally: &mut Tally, planned: &Planned, at: Instant) {
    let outset = outset(&planned.verdict, planned.due_at, at);
    if let (MessageState::Skipped, Some(reason)) = (outset.state, outset.reason) {
        tally.skip(reason);
    } else {
        let zone = planned.place.zones.principal();
        let is_moved = outset.deferred_from.is_some();
        tally.send(zone, outset.due_at, planned.segments_of_all, is_moved);
    }
}

fn fate_of(message: &Message) -> Fate {
    Fate {
        is_real: true,
        standing: message.standing,
        rule: message.rule,
        due_at: message.due_at,
        deferred_from: message.deferred_from,
        blocked_at: message.blocked_at,
        accepted_at: message.accepted_at,
        delivered_at: message.delivered_at,
        zone: message.zone,
    }
}

fn fate_to_be(planned: &Planned, at: Instant) -> Fate {
    let outset = outset(&planned.verdict, planned.due_at, at);
    let (rule, blocked_at) = match planned.verdict {
        Verdict::Defer { rule, .. } => (Some(rule), None),
        Verdict::Skip(Skip { rule, blocked_by, .. }) => (rule, blocked_by.map(|touch| touch.at)),
        Verdict::Send | Verdict::Wait { .. } => (None, None),
    };
    Fate {
        is_real: false,
        standing: Standing { state: outset.state, reason: outset.reason },
        rule,
        due_at: outset.due_at,
        deferred_from: outset.deferred_from,
        blocked_at,
        accepted_at: None,
        delivered_at: None,
        zone: planned.place.zones.principal(),
    }
}
