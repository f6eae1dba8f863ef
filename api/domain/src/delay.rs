//! What a campaign waits for, in codes and in words: why a long processing or sending is normal, or is not.
//!
//! **Invariant:** whatever waits has a cause that is named, and a time where one is known.

use crate::{Instant, campaign::CampaignStatus, reason::MessageReason};

crate::codes! {
    /// Causes of delay that lie with the campaign and its rules; an aggregator's own are
    /// [`AggregatorDelayCode`](crate::health::AggregatorDelayCode).
    pub enum DelayCode {
        /// Somebody paused the campaign.
        Paused = "paused",
        /// Recipients are in quiet hours.
        QuietHours = "quiet_hours",
        /// The chosen time has yet to come in some time zones.
        WaitingForTimeZones = "waiting_for_time_zones",
        /// Follow-ups wait out their delay.
        FollowUpDelay = "follow_up_delay",
    }
}

impl DelayCode {
    /// The delay that messages wait for which are deferred for `reason`; none where it lies with the
    /// aggregator.
    pub const fn of(reason: MessageReason) -> Option<Self> {
        match reason {
            MessageReason::QuietHours => Some(Self::QuietHours),
            MessageReason::WaitingForLocalTime => Some(Self::WaitingForTimeZones),
            MessageReason::FollowUpDelay => Some(Self::FollowUpDelay),
            _ => None,
        }
    }
}

/// Something that messages of a campaign wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// What.
    pub code: DelayCode,
    /// How many messages wait for it.
    pub message_count: i64,
    /// Since when, if that is known.
    pub since: Option<Instant>,
    /// When the last of them is due, if that is known.
    pub clears_at: Option<Instant>,
}

impl Delay {
    /// A sentence for people.
    pub fn message(&self) -> String {
        let wait = if self.message_count == 1 { "waits" } else { "wait" };
        let what = match self.code {
            DelayCode::Paused => {
                let messages = messages(self.message_count);
                return format!("The campaign is paused: {messages} {wait} until it is resumed.");
            }
            DelayCode::QuietHours => "the end of the recipients' quiet hours",
            DelayCode::WaitingForTimeZones => "the chosen time to come in the recipients' zones",
            DelayCode::FollowUpDelay => "the delay after the message before to pass",
        };
        let messages = messages(self.message_count);
        match self.clears_at {
            Some(at) => {
                format!("{messages} {wait} for {what}, the last until {}.", moment(at))
            }
            None => format!("{messages} {wait} for {what}."),
        }
    }
}

/// A number of messages in words.
pub fn messages(count: i64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// An instant in words, to the minute: `2026-11-27 14:30 UTC`.
pub fn moment(at: Instant) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// How a campaign stands, as far as it matters to whoever wonders what it waits for.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Its status.
    pub status: CampaignStatus,
    /// Whether it is paused.
    pub is_paused: bool,
    /// Whether its recipients are worked out.
    pub is_planned: bool,
    /// When it starts.
    pub starts_at: Option<Instant>,
    /// When its next message is due, if one is left.
    pub next_due_at: Option<Instant>,
    /// Messages that are being handed over.
    pub in_flight: i64,
    /// What its messages wait for.
    pub delays: &'a [Delay],
    /// What keeps messages at the aggregator, in a sentence.
    pub aggregator: Option<&'a str>,
}

/// What a campaign waits for at `now`, and until when, in a sentence or two; none when it waits for nothing.
pub fn waiting_for(situation: &Situation<'_>, now: Instant) -> Option<String> {
    match situation.status {
        CampaignStatus::Draft
        | CampaignStatus::Sent
        | CampaignStatus::Failed
        | CampaignStatus::Canceled => return None,
        CampaignStatus::Scheduled => {
            let starts_at = situation.starts_at?;
            return Some(format!("It waits for its start at {}.", moment(starts_at)));
        }
        CampaignStatus::Processing | CampaignStatus::Sending => {}
    }
    if situation.is_paused {
        return Some("It is paused, and goes on when somebody resumes it.".to_owned());
    }
    if !situation.is_planned {
        return Some("Its recipients are being worked out.".to_owned());
    }
    let aggregator = situation.aggregator.map(str::to_owned);
    let Some(next_due_at) = situation.next_due_at else {
        let in_flight = messages(situation.in_flight);
        return (situation.in_flight > 0)
            .then(|| format!("It waits for the aggregator's answer about {in_flight}."));
    };
    if next_due_at <= now {
        return aggregator;
    }
    let greatest = situation.delays.iter().max_by_key(|delay| delay.message_count);
    let why = greatest.map(Delay::message).or(aggregator);
    let until = format!("Its next message is due at {}.", moment(next_due_at));
    Some(why.map_or_else(|| until.clone(), |why| format!("{why} {until}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn delay(code: DelayCode, message_count: i64, clears_at: Option<&str>) -> Delay {
        Delay { code, message_count, since: None, clears_at: clears_at.map(at) }
    }

    #[test]
    fn delays_say_what_and_until_when() {
        let quiet = delay(DelayCode::QuietHours, 12, Some("2026-11-25T14:00:00Z"));
        assert_eq!(
            quiet.message(),
            "12 messages wait for the end of the recipients' quiet hours, the last until \
             2026-11-25 14:00 UTC."
        );
        let paused = delay(DelayCode::Paused, 1, None);
        assert_eq!(
            paused.message(),
            "The campaign is paused: 1 message waits until it is resumed."
        );
        for code in DelayCode::ALL {
            assert!(delay(*code, 2, None).message().ends_with('.'), "{code}");
        }
    }

    #[test]
    fn a_campaign_says_what_it_waits_for() {
        let now = at("2026-11-25T03:00:00Z");
        let quiet = [
            delay(DelayCode::FollowUpDelay, 1, None),
            delay(DelayCode::QuietHours, 3, Some("2026-11-25T14:00:00Z")),
        ];
        let sending = Situation {
            status: CampaignStatus::Sending,
            is_paused: false,
            is_planned: true,
            starts_at: Some(now),
            next_due_at: Some(at("2026-11-25T13:00:00Z")),
            in_flight: 0,
            delays: &quiet,
            aggregator: None,
        };
        let says = |situation: Situation<'_>| waiting_for(&situation, now);
        assert_eq!(
            says(sending).unwrap(),
            "3 messages wait for the end of the recipients' quiet hours, the last until 2026-11-25 \
             14:00 UTC. Its next message is due at 2026-11-25 13:00 UTC."
        );
        let due = Situation { next_due_at: Some(now), ..sending };
        assert_eq!(says(due), None, "it is handing over");
        let away = Situation { aggregator: Some("The aggregator is away."), ..due };
        assert_eq!(says(away).unwrap(), "The aggregator is away.");
        let paused = Situation { is_paused: true, ..sending };
        assert!(says(paused).unwrap().contains("resumes"));
        let last = Situation { next_due_at: None, in_flight: 1, delays: &[], ..sending };
        assert_eq!(says(last).unwrap(), "It waits for the aggregator's answer about 1 message.");
        let scheduled = Situation { status: CampaignStatus::Scheduled, ..sending };
        assert_eq!(says(scheduled).unwrap(), "It waits for its start at 2026-11-25 03:00 UTC.");
        for status in [CampaignStatus::Draft, CampaignStatus::Sent, CampaignStatus::Canceled] {
            assert_eq!(says(Situation { status, ..sending }), None, "{status}");
        }
    }
}
