//! Why one person gets a message, or does not: the checks in the order of the [gate](crate::gate), each with
//! its outcome in words.
//!
//! **Invariant:** one check at the most stops a message; those before it were passed, those after it were
//! not asked.
//! **Invariant:** times are told on the recipient's clock.

use crate::{
    Instant,
    curfew::HeldBy,
    message::{MessageState, Standing},
    reason::MessageReason,
    zone::Zone,
};

crate::codes! {
    /// What is asked of every recipient, in order.
    pub enum RecipientCheck {
        /// An audience of the campaign selects them.
        Audience = "audience",
        /// They agreed to be texted.
        Consent = "consent",
        /// The number can be texted.
        PhoneNumber = "phone_number",
        /// No audience that is left out has them.
        Exclusion = "exclusion",
        /// No original of the campaign reached them.
        AlreadyReached = "already_reached",
        /// The text can be written for them.
        Text = "text",
        /// The chosen time, where they are.
        LocalTime = "local_time",
        /// They were not texted too recently.
        SmartSending = "smart_sending",
        /// No law's number of texts is reached.
        FrequencyCap = "frequency_cap",
        /// It can be handed over in time.
        SendBy = "send_by",
        /// It is not quiet hours where they are.
        QuietHours = "quiet_hours",
        /// The hand-over, and what came of it.
        HandOver = "hand_over",
    }
}

crate::codes! {
    /// What came of a check.
    pub enum CheckOutcome {
        /// Nothing stood in the way.
        Passed = "passed",
        /// The message waits, or waited, because of it.
        Held = "held",
        /// The message ends here.
        Stopped = "stopped",
        /// An earlier check decided.
        NotReached = "not_reached",
    }
}

impl RecipientCheck {
    /// The check that a reason comes from.
    pub const fn of(reason: MessageReason) -> Self {
        use MessageReason as Reason;
        match reason {
            Reason::NotSubscribed
            | Reason::Unsubscribed
            | Reason::Suppressed
            | Reason::KnownUnreachable => Self::Consent,
            Reason::DuplicatePhoneNumber
            | Reason::InvalidPhoneNumber
            | Reason::CountryNotServed => Self::PhoneNumber,
            Reason::Excluded => Self::Exclusion,
            Reason::AlreadyReached => Self::AlreadyReached,
            Reason::VariableMissing => Self::Text,
            Reason::WaitingForLocalTime | Reason::LocalTimePassed => Self::LocalTime,
            Reason::SmartSending => Self::SmartSending,
            Reason::FrequencyCap => Self::FrequencyCap,
            Reason::Expired => Self::SendBy,
            Reason::QuietHours => Self::QuietHours,
            _ => Self::HandOver,
        }
    }

    /// What is said when nothing stands in the way.
    const fn passed(self) -> &'static str {
        match self {
            Self::Audience => "An audience of the campaign selects the subscriber.",
            Self::Consent => "The subscriber consents to be texted.",
            Self::PhoneNumber => "The number can be texted.",
            Self::Exclusion => "No audience that the campaign leaves out has the subscriber.",
            Self::AlreadyReached => {
                "The campaign does not leave the subscriber out for having been reached before."
            }
            Self::Text => "The text can be written for the subscriber.",
            Self::LocalTime => "The chosen time has not passed where the subscriber is.",
            Self::SmartSending => "Smart Sending does not hold the message back.",
            Self::FrequencyCap => "No legal limit on the number of texts is reached.",
            Self::SendBy => "The message can be handed over in time.",
            Self::QuietHours => "It is not quiet hours where the subscriber is.",
            Self::HandOver => "The message can be handed over.",
        }
    }
}

/// One check of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Which.
    pub check: RecipientCheck,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// A sentence for people, or two.
    pub message: String,
    /// Until when the message is or was held, for a check that holds it.
    pub until: Option<Instant>,
}

/// What became, or would become, of a recipient's initial message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Whether this is told of a message that there is; else of what a plan made now would do.
    pub is_real: bool,
    /// Where it stands.
    pub standing: Standing,
    /// The rule behind that.
    pub rule: Option<HeldBy>,
    /// When it is or was due.
    pub due_at: Instant,
    /// When it was due before it was held.
    pub deferred_from: Option<Instant>,
    /// When the message was accepted for whose sake it is skipped.
    pub blocked_at: Option<Instant>,
    /// When it was accepted.
    pub accepted_at: Option<Instant>,
    /// When it was delivered.
    pub delivered_at: Option<Instant>,
    /// The recipient's zone.
    pub zone: Zone,
}

impl Fate {
    fn local(&self, at: Instant) -> String {
        local(at, self.zone)
    }

    /// The check that decided against the message, with why; none when none did.
    fn stop(&self) -> Option<(RecipientCheck, String)> {
        let reason = self.standing.reason?;
        if !matches!(
            self.standing.state,
            MessageState::Skipped | MessageState::Canceled | MessageState::Undelivered
        ) {
            return None;
        }
        Some((RecipientCheck::of(reason), self.because(reason)))
    }

    /// A reason in words, with the rule behind it and the times that belong to it.
    fn because(&self, reason: MessageReason) -> String {
        let rule = self.rule.filter(|_| is_ruled(reason));
        let rule = rule.map(|rule| rule_message(rule, reason));
        let blocker =
            self.blocked_at.map(|at| format!("The last message was at {}.", self.local(at)));
        let is_blocked =
            matches!(reason, MessageReason::SmartSending | MessageReason::FrequencyCap);
        let blocker = blocker.filter(|_| is_blocked);
        let parts = [Some(reason.message().to_owned()), rule, blocker];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The rule of quiet hours that holds or held the message, and from when.
    fn curfew(&self) -> Option<(HeldBy, Instant)> {
        let is_over = self.standing.state == MessageState::Skipped;
        self.rule.filter(|_| !is_over).zip(self.deferred_from)
    }
}

/// Every check in order, with what came of it.
pub fn trail(fate: &Fate) -> Vec<CheckReport> {
    let stop = fate.stop();
    let decided = stop.as_ref().map(|(check, _)| *check);
    let report = |check: RecipientCheck| {
        let (outcome, message, until) = match (&stop, decided) {
            (Some((_, why)), Some(at)) if at == check => (CheckOutcome::Stopped, why.clone(), None),
            (_, Some(at)) if at < check => {
                (CheckOutcome::NotReached, "An earlier check decided.".to_owned(), None)
            }
            _ => undecided(fate, check),
        };
        CheckReport { check, outcome, message, until }
    };
    RecipientCheck::ALL.iter().copied().map(report).collect()
}

/// What came of a check that did not end the message.
fn undecided(fate: &Fate, check: RecipientCheck) -> (CheckOutcome, String, Option<Instant>) {
    let held = |message, until| (CheckOutcome::Held, message, Some(until));
    let passed = || (CheckOutcome::Passed, check.passed().to_owned(), None);
    match check {
        RecipientCheck::QuietHours => match fate.curfew() {
            Some((rule, from)) => {
                let rule = rule.message();
                let (from, until) = (fate.local(from), fate.local(fate.due_at));
                let message = format!("{rule} It was due at {from} and is held until {until}.");
                held(message, fate.due_at)
            }
            None => passed(),
        },
        RecipientCheck::LocalTime => {
            let due_at = fate.deferred_from.unwrap_or(fate.due_at);
            let is_ahead = fate.standing.reason == Some(MessageReason::WaitingForLocalTime);
            let due = fate.local(due_at);
            if is_ahead {
                held(format!("The chosen time comes at {due}."), due_at)
            } else {
                (CheckOutcome::Passed, format!("The message is due at {due}."), None)
            }
        }
        RecipientCheck::HandOver if fate.is_real => hand_over(fate),
        RecipientCheck::HandOver => {
            (CheckOutcome::NotReached, "Nothing is handed over yet.".to_owned(), None)
        }
        _ => passed(),
    }
}

/// What came of the hand-over of a message that nothing stopped.
fn hand_over(fate: &Fate) -> (CheckOutcome, String, Option<Instant>) {
    let message = summary(fate);
    match fate.standing.state {
        MessageState::Deferred | MessageState::Queued => match fate.standing.reason {
            Some(MessageReason::AggregatorBackpressure) => {
                (CheckOutcome::Held, message, Some(fate.due_at))
            }
            _ => (CheckOutcome::NotReached, "It has not come to that yet.".to_owned(), None),
        },
        MessageState::InFlight | MessageState::Unknown => (CheckOutcome::Held, message, None),
        _ => (CheckOutcome::Passed, message, None),
    }
}

/// The whole of it in a sentence or two.
pub fn summary(fate: &Fate) -> String {
    let because = fate.standing.reason.map(|reason| fate.because(reason)).unwrap_or_default();
    let at =
        |at: Option<Instant>| at.map_or_else(String::new, |at| format!(" at {}", fate.local(at)));
    let due = fate.local(fate.due_at);
    let words = match (fate.is_real, fate.standing.state) {
        (false, MessageState::Skipped) => {
            format!("The subscriber would get no message: {because}")
        }
        (false, MessageState::Deferred) => {
            format!("The subscriber would get the message at {due}: {because}")
        }
        (false, _) => format!("The subscriber would get the message at {due}."),
        (true, MessageState::Deferred) => format!("The message waits until {due}: {because}"),
        (true, MessageState::Queued) => "The message is due and waits its turn.".to_owned(),
        (true, MessageState::InFlight) => {
            "The message is being handed over at this moment.".to_owned()
        }
        (true, MessageState::Accepted) => format!(
            "The aggregator accepted the message{}; no word of delivery has come yet.",
            at(fate.accepted_at)
        ),
        (true, MessageState::Delivered) => {
            format!("The message was delivered{}.", at(fate.delivered_at))
        }
        (true, MessageState::Undelivered) => format!("The message was not delivered: {because}"),
        (true, MessageState::Unconfirmed | MessageState::Unknown) => {
            format!("Whether the message arrived is not known: {because}")
        }
        (true, MessageState::Skipped) => format!("The subscriber gets no message: {because}"),
        (true, MessageState::Canceled) => format!("The message was stopped: {because}"),
    };
    words.trim_end().to_owned()
}

/// The checks of a subscriber whom one check rules out before anything else is known.
pub fn ruled_out(check: RecipientCheck, why: &str) -> Vec<CheckReport> {
    let report = |at: RecipientCheck| {
        let (outcome, message) = match at {
            at if at < check => (CheckOutcome::Passed, at.passed()),
            at if at == check => (CheckOutcome::Stopped, why),
            _ => (CheckOutcome::NotReached, "An earlier check decided."),
        };
        CheckReport { check: at, outcome, message: message.to_owned(), until: None }
    };
    RecipientCheck::ALL.iter().copied().map(report).collect()
}

/// Whether a rule with a name stands behind such a reason.
pub const fn is_ruled(reason: MessageReason) -> bool {
    matches!(
        reason,
        MessageReason::QuietHours | MessageReason::FrequencyCap | MessageReason::Expired
    )
}

/// What a rule says, as far as it led to a reason: its hours, or its limit.
pub fn rule_message(rule: HeldBy, reason: MessageReason) -> String {
    let cap = match rule {
        HeldBy::Rule(pack) if reason == MessageReason::FrequencyCap => {
            pack.facts().cap.map(|cap| (pack.facts(), cap))
        }
        _ => None,
    };
    let Some((facts, cap)) = cap else { return rule.message() };
    let hours = cap.window.num_hours();
    let texts = if cap.messages == 1 { "text" } else { "texts" };
    format!(
        "{}: at most {} {texts} in {hours} hours are allowed ({}).",
        facts.name, cap.messages, facts.source
    )
}

/// An instant on a wall clock, in words: `2026-11-27 09:30 (America/New_York)`.
pub fn local(at: Instant, zone: Zone) -> String {
    format!("{} ({zone})", zone.local_of(at).format("%Y-%m-%d %H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule_pack::RulePack;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn fate(state: MessageState, reason: Option<MessageReason>) -> Fate {
        Fate {
            is_real: true,
            standing: Standing { state, reason },
            rule: None,
            due_at: at("2026-11-27T14:30:00Z"),
            deferred_from: None,
            blocked_at: None,
            accepted_at: None,
            delivered_at: None,
            zone: "America/New_York".parse().unwrap(),
        }
    }

    fn outcome(fate: &Fate, check: RecipientCheck) -> (CheckOutcome, String) {
        let found = trail(fate).into_iter().find(|report| report.check == check).unwrap();
        (found.outcome, found.message)
    }

    #[test]
    fn one_check_stops_and_the_rest_is_not_asked() {
        let fate = Fate {
            blocked_at: Some(at("2026-11-27T03:00:00Z")),
            ..fate(MessageState::Skipped, Some(MessageReason::SmartSending))
        };
        for report in trail(&fate) {
            let wanted = match report.check.cmp(&RecipientCheck::SmartSending) {
                std::cmp::Ordering::Less => CheckOutcome::Passed,
                std::cmp::Ordering::Equal => CheckOutcome::Stopped,
                std::cmp::Ordering::Greater => CheckOutcome::NotReached,
            };
            assert_eq!(report.outcome, wanted, "{}", report.check);
            assert!(report.message.ends_with('.'), "{}", report.message);
        }
        assert_eq!(
            summary(&fate),
            "The subscriber gets no message: The recipient was texted too recently. The last message \
             was at 2026-11-26 22:00 (America/New_York)."
        );
    }

    #[test]
    fn what_is_held_says_by_what_and_until_when() {
        let held = Fate {
            rule: Some(HeldBy::SiteQuietHours),
            deferred_from: Some(at("2026-11-27T04:00:00Z")),
            ..fate(MessageState::Deferred, Some(MessageReason::QuietHours))
        };
        let (is, message) = outcome(&held, RecipientCheck::QuietHours);
        assert_eq!(is, CheckOutcome::Held);
        assert_eq!(
            message,
            "The recipient is in the site's quiet hours. It was due at 2026-11-26 23:00 \
             (America/New_York) and is held until 2026-11-27 09:30 (America/New_York)."
        );
        assert_eq!(outcome(&held, RecipientCheck::HandOver).0, CheckOutcome::NotReached);
        let delivered = Fate {
            delivered_at: Some(at("2026-11-27T14:30:05Z")),
            ..Fate { standing: Standing::plain(MessageState::Delivered), ..held }
        };
        assert_eq!(outcome(&delivered, RecipientCheck::QuietHours).0, CheckOutcome::Held);
        assert_eq!(
            outcome(&delivered, RecipientCheck::HandOver),
            (
                CheckOutcome::Passed,
                "The message was delivered at 2026-11-27 09:30 (America/New_York).".to_owned()
            )
        );
    }

    /// Every reason belongs to a check, and whatever the state there is a sentence.
    #[test]
    fn every_fate_has_words() {
        for state in MessageState::ALL {
            for reason in MessageReason::ALL.iter().copied().map(Some).chain([None]) {
                for is_real in [true, false] {
                    let fate = Fate { is_real, ..fate(*state, reason) };
                    let mut said = trail(&fate);
                    let stopped = |report: &&CheckReport| report.outcome == CheckOutcome::Stopped;
                    assert!(said.iter().filter(stopped).count() <= 1, "{state} {reason:?}");
                    said.retain(|report| report.message.is_empty());
                    assert_eq!(said, []);
                    assert!(!summary(&fate).is_empty());
                }
            }
        }
        let why = "No audience of the campaign selects the subscriber.";
        let out = ruled_out(RecipientCheck::Audience, why);
        assert_eq!((out[0].outcome, out[0].message.as_str()), (CheckOutcome::Stopped, why));
        assert_eq!(out[1].outcome, CheckOutcome::NotReached);
    }

    #[test]
    fn a_cap_speaks_of_its_number_and_hours_speak_of_hours() {
        let florida = HeldBy::Rule(RulePack::Florida);
        let cap = rule_message(florida, MessageReason::FrequencyCap);
        assert!(cap.contains("at most 3 texts in 24 hours"), "{cap}");
        assert_eq!(rule_message(florida, MessageReason::QuietHours), florida.message());
    }
}
