//! The one question asked of every recipient, at planning and again at hand-over.
//!
//! **Invariant:** both times the same function answers, in the same fixed order: the first rule that
//! applies is the reason.
//! **Invariant:** a rule that has grown stricter since activation binds too; one that was loosened does not
//! loosen a campaign under way.

use crate::{
    Instant,
    campaign::StepCondition,
    curfew::{Curfew, HORIZON, HeldBy, Opening},
    frequency_cap::frequency_cap,
    id::MessageId,
    message::MessageState,
    place::{Region, ZoneSet},
    reason::MessageReason,
    rule_pack::RulePacks,
    site::QuietHours,
    subscriber::SubscriberStatus,
};
use chrono::TimeDelta;
use std::collections::HashMap;

/// How long a message waits when another to the same phone is being handed over: whether that one is taken
/// decides about this one, and it is known about then.
pub const RESERVATION_PAUSE: TimeDelta = TimeDelta::seconds(1);

/// A hand-over as old as this whose outcome is still not known counts as one that was taken: nobody is
/// texted twice for want of an answer.
pub const RESERVATION_MAX: TimeDelta = TimeDelta::minutes(2);

/// How often the places of a recipient are asked in turn for the next opening. Each closes and opens a few
/// times a day at the most, and openings are looked for little more than a week ahead.
const OPENING_ROUNDS_MAX: usize = 64;

/// What binds every message of a campaign: what was frozen at activation, and whatever has grown stricter.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Quiet hours of the site, as frozen and as they are now.
    pub site_quiet_hours: Vec<QuietHours>,
    /// Quiet hours of the campaign's own.
    pub own_quiet_hours: Option<QuietHours>,
    /// Packs of legal rules.
    pub packs: RulePacks,
    /// How long a phone is left alone after a message; none where Smart Sending is off.
    pub smart_sending: Option<TimeDelta>,
}

/// Whether a recipient may be texted at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// They agreed.
    Given,
    /// They never did, or are no subscriber any more.
    Never,
    /// They withdrew it.
    Withdrawn,
    /// They wrote what may be a wish to opt out.
    Suspected,
    /// A carrier declared the number unreachable.
    Unreachable,
}

impl Consent {
    /// From what is stored: the subscriber's status, if there still is one, whether the phone opted out,
    /// and whether its words are to be looked at.
    pub const fn of(
        status: Option<SubscriberStatus>,
        has_opted_out: bool,
        is_suspected: bool,
    ) -> Self {
        match status {
            _ if has_opted_out => Self::Withdrawn,
            None => Self::Never,
            Some(SubscriberStatus::Unsubscribed) => Self::Withdrawn,
            Some(_) if is_suspected => Self::Suspected,
            Some(SubscriberStatus::Unreachable) => Self::Unreachable,
            Some(SubscriberStatus::Subscribed) => Self::Given,
        }
    }

    /// Why nothing is sent; none where they may be texted.
    pub const fn obstacle(self) -> Option<MessageReason> {
        match self {
            Self::Given => None,
            Self::Never => Some(MessageReason::NotSubscribed),
            Self::Withdrawn => Some(MessageReason::Unsubscribed),
            Self::Suspected => Some(MessageReason::Suppressed),
            Self::Unreachable => Some(MessageReason::KnownUnreachable),
        }
    }
}

/// An earlier message to the same phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The message.
    pub message: MessageId,
    /// When the aggregator accepted it, or when its hand-over began.
    pub at: Instant,
}

/// What a follow-up follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    /// When it is to be sent.
    pub condition: StepCondition,
    /// What became of the message before it.
    pub state: MessageState,
    /// Whether the recipient has written since that one was accepted.
    pub has_replied: bool,
}

impl Previous {
    /// Why the follow-up is not sent, by what is known; none where it is.
    pub const fn obstacle(self) -> Option<MessageReason> {
        let is_lost = matches!(self.state, MessageState::Undelivered);
        match self.condition {
            StepCondition::NotDelivered if matches!(self.state, MessageState::Delivered) => {
                Some(MessageReason::ConditionNotMet)
            }
            StepCondition::NotDelivered => None,
            _ if is_lost => Some(MessageReason::PreviousStepNotSent),
            StepCondition::NoReply if self.has_replied => Some(MessageReason::ConditionNotMet),
            StepCondition::NoReply | StepCondition::Always => None,
        }
    }
}

/// What the rules need to know of one recipient at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whether they may be texted at all.
    pub consent: Consent,
    /// What rules them out for good, found when the message was planned; see [`MessageReason`]'s order.
    pub unfit: Option<MessageReason>,
    /// What a follow-up follows; none for an initial message.
    pub previous: Option<Previous>,
    /// The zones they may be in, the likeliest first.
    pub zones: ZoneSet,
    /// The region whose laws protect them, if it is known.
    pub region: Option<Region>,
    /// Where they are taken to be by now, where that is not where the message was planned for: what holds
    /// there binds too.
    pub moved_to: Option<(ZoneSet, Option<Region>)>,
    /// When the message is due.
    pub due_at: Instant,
    /// Messages not handed over by then are skipped.
    pub send_by: Option<Instant>,
    /// The last message accepted for the phone.
    pub last: Option<Touch>,
    /// Messages accepted for the phone within the longest window of any cap, and those whose outcome has not
    /// been known for [`RESERVATION_MAX`]; may be left empty where no cap covers the region.
    pub recent: &'a [Touch],
    /// Another message to the phone that is being handed over, or whose outcome is not known.
    pub reservation: Option<Touch>,
}

impl Facts<'_> {
    /// Where they may be: as the message was planned, and by now.
    fn places(&self) -> impl Iterator<Item = (ZoneSet, Option<Region>)> {
        std::iter::once((self.zones, self.region)).chain(self.moved_to)
    }
}

/// What is to be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be handed over at its due time.
    Send,
    /// It waits until then: the rule holds it.
    Defer {
        /// When it may be handed over.
        until: Instant,
        /// What holds it.
        rule: HeldBy,
    },
    /// It waits until then for another message to the phone, whose outcome decides about this one.
    Wait {
        /// When to ask again.
        until: Instant,
    },
    /// It is never to be sent.
    Skip(Skip),
}

/// Why a message is never to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The first reason that applies.
    pub reason: MessageReason,
    /// The rule behind the reason, where one has a name.
    pub rule: Option<HeldBy>,
    /// The earlier message for whose sake it is skipped.
    pub blocked_by: Option<Touch>,
}

impl Skip {
    /// For `reason` alone.
    pub const fn because(reason: MessageReason) -> Self {
        Self { reason, rule: None, blocked_by: None }
    }
}

/// Judges recipients at one moment under one campaign's rules. Recipients in the same zones and region
/// share the search for the end of quiet hours.
#[derive(Debug)]
pub struct Judge<'a> {
    rules: &'a Rules,
    now: Instant,
    curfews: HashMap<Option<Region>, Curfew>,
    openings: HashMap<(Instant, ZoneSet, Option<Region>), Opening>,
    closings: HashMap<(Instant, ZoneSet, Option<Region>), Option<Instant>>,
}

impl<'a> Judge<'a> {
    /// A judge at `now`.
    pub fn new(rules: &'a Rules, now: Instant) -> Self {
        Self {
            rules,
            now,
            curfews: HashMap::new(),
            openings: HashMap::new(),
            closings: HashMap::new(),
        }
    }

    /// Judges one recipient.
    pub fn verdict(&mut self, facts: &Facts<'_>) -> Verdict {
        let is_no_number = |reason: &MessageReason| *reason == MessageReason::InvalidPhoneNumber;
        let unfit = facts.unfit.filter(is_no_number);
        let unfit = unfit.or(facts.consent.obstacle()).or(facts.unfit);
        let unfit = unfit.or_else(|| facts.previous.and_then(Previous::obstacle));
        if let Some(reason) = unfit {
            return Verdict::Skip(Skip::because(reason));
        }
        let due_at = facts.due_at.max(self.now);
        let opening = self.opening_for(due_at, facts);
        let Some(at) = opening.at else {
            let expired = Skip::because(MessageReason::Expired);
            return Verdict::Skip(Skip { rule: opening.held_by, ..expired });
        };
        if let Some(verdict) = self.recently_texted(facts, at) {
            return verdict;
        }
        if facts.send_by.is_some_and(|send_by| at >= send_by) {
            let expired = Skip::because(MessageReason::Expired);
            return Verdict::Skip(Skip { rule: opening.held_by, ..expired });
        }
        match opening.held_by {
            Some(rule) if at > due_at => Verdict::Defer { until: at, rule },
            _ => Verdict::Send,
        }
    }

    /// The end of the open span that `at` lies in: the last moment at which a message that is handed over
    /// then may still arrive.
    pub fn closes_at(&mut self, at: Instant, facts: &Facts<'_>) -> Option<Instant> {
        let closings = facts.places().map(|(zones, region)| self.closing(at, zones, region));
        closings.flatten().min()
    }

    fn closing(&mut self, at: Instant, zones: ZoneSet, region: Option<Region>) -> Option<Instant> {
        let key = (at, zones, region);
        if let Some(known) = self.closings.get(&key) {
            return *known;
        }
        let closes_at = self.curfew(region).closes_at(at, zones.zones());
        self.closings.insert(key, closes_at);
        closes_at
    }

    /// The first instant at which every place of a recipient is open.
    fn opening_for(&mut self, due_at: Instant, facts: &Facts<'_>) -> Opening {
        let mut at = due_at;
        let mut held_by = None;
        for _ in 0..OPENING_ROUNDS_MAX {
            let from = at;
            for (zones, region) in facts.places() {
                let opening = self.opening(at, zones, region);
                held_by = held_by.or(opening.held_by);
                let Some(open_at) = opening.at else { return Opening { at: None, held_by } };
                at = open_at;
            }
            if at == from || facts.moved_to.is_none() {
                return Opening { at: Some(at), held_by };
            }
            if at - due_at > HORIZON {
                break;
            }
        }
        Opening { at: None, held_by }
    }

    fn opening(&mut self, at: Instant, zones: ZoneSet, region: Option<Region>) -> Opening {
        let key = (at, zones, region);
        if let Some(known) = self.openings.get(&key) {
            return *known;
        }
        let opening = self.curfew(region).first_open(at, zones.zones());
        self.openings.insert(key, opening);
        opening
    }

    fn curfew(&mut self, region: Option<Region>) -> &Curfew {
        let rules = self.rules;
        self.curfews.entry(region).or_insert_with(|| {
            Curfew::new(&rules.site_quiet_hours, rules.own_quiet_hours, rules.packs, region)
        })
    }

    /// Smart Sending, which binds initial messages only, and then the law's caps, which bind all: both ask
    /// what the phone will have been sent when this message leaves `at`.
    fn recently_texted(&self, facts: &Facts<'_>, at: Instant) -> Option<Verdict> {
        let smart = self.rules.smart_sending.filter(|_| facts.previous.is_none());
        let caps =
            facts.places().filter_map(|(_, region)| frequency_cap(self.rules.packs, region, at));
        let cap = caps.min_by_key(|cap| (cap.messages, -cap.window));
        let (underway, uncertain) = match facts.reservation {
            Some(other) if self.now - other.at >= RESERVATION_MAX => (None, Some(other)),
            other => (other, None),
        };
        let is_listed = |other: &Touch| facts.recent.iter().any(|it| it.message == other.message);
        // One that was repeated may have been taken by its repeat, of which the reservation alone tells.
        let latest = |touch: &Touch| match uncertain {
            Some(other) if other.message == touch.message && other.at > touch.at => other,
            _ => *touch,
        };
        let unlisted = uncertain.filter(|other| !is_listed(other));
        let touches = || facts.recent.iter().map(latest).chain(unlisted);
        let counts = |touch: &Touch, window: TimeDelta| touch.at > at - window;
        if let Some(window) = smart {
            let last = facts.last.into_iter().chain(touches()).max_by_key(|touch| touch.at);
            if let Some(last) = last.filter(|last| counts(last, window)) {
                let skip = Skip::because(MessageReason::SmartSending);
                return Some(Verdict::Skip(Skip { blocked_by: Some(last), ..skip }));
            }
        }
        if let Some(cap) = cap {
            let mut recent: Vec<Touch> = touches().collect();
            recent.retain(|touch| counts(touch, cap.window));
            recent.sort_unstable_by_key(|touch| touch.at);
            let allowed = usize::try_from(cap.messages).unwrap_or(usize::MAX);
            if recent.len() >= allowed {
                return Some(Verdict::Skip(Skip {
                    reason: MessageReason::FrequencyCap,
                    rule: Some(HeldBy::Rule(cap.rule)),
                    blocked_by: recent.last().copied(),
                }));
            }
        }
        let is_bound = smart.is_some() || cap.is_some();
        underway.filter(|_| is_bound).map(|_| Verdict::Wait { until: self.now + RESERVATION_PAUSE })
    }
}

/// Messages this old no longer count for any cap: how far back [`Facts::recent`] must reach.
pub const CAP_WINDOW_MAX: TimeDelta = TimeDelta::hours(24);

#[cfg(test)]
mod tests;
