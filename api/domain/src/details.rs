//! How a campaign is being delivered: what stands beside its status.
//!
//! **Invariant:** a completion is guessed only from what is known; a campaign that is paused, or whose
//! recipients are not all worked out, has no guess.

use crate::{
    Instant,
    campaign::CampaignStatus,
    delay::{messages, moment},
    message::MessageCounts,
    schedule::{Schedule, SendingMode},
    zone::Zone,
};
use chrono::TimeDelta;

/// Sending in one time zone: the initial message's part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneSending {
    /// The zone.
    pub zone: Zone,
    /// When its messages are due, quiet hours aside.
    pub starts_at: Instant,
    /// What became of them.
    pub counts: MessageCounts,
}

impl ZoneSending {
    /// Whether nothing is left to hand over in it.
    pub const fn is_done(&self) -> bool {
        self.counts.outstanding() == 0
    }
}

/// What quiet hours hold back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many messages.
    pub count: i64,
    /// When the last of them is due, if that is known.
    pub until: Option<Instant>,
}

/// One or two sentences: the method, then how far it is.
pub fn summary(
    status: CampaignStatus,
    schedule: &Schedule,
    zones: &[ZoneSending],
    held: Held,
) -> String {
    let verb = match status {
        CampaignStatus::Draft | CampaignStatus::Scheduled => "To be sent",
        CampaignStatus::Processing | CampaignStatus::Sending => "Sending",
        CampaignStatus::Sent => "Sent",
        CampaignStatus::Failed | CampaignStatus::Canceled => "Was to be sent",
    };
    let wall = schedule.local_date_time.map(|local| local.format("%H:%M on %Y-%m-%d").to_string());
    let method = match (schedule.mode, wall, schedule.zone) {
        (SendingMode::SubscriberTime, Some(wall), _) => {
            format!("{verb} at {wall} in each subscriber's time zone.")
        }
        (SendingMode::StoreTime, Some(wall), Some(zone)) => {
            format!("{verb} to everybody at {wall} ({zone}).")
        }
        _ => format!("{verb} to everybody at once, from {} on.", moment(schedule.starts_at)),
    };
    let progress = zones_in_words(status, schedule, zones).or_else(|| held_in_words(held));
    progress.map_or_else(|| method.clone(), |progress| format!("{method} {progress}"))
}

/// How many zones are done; none where there is one zone for all, or none yet.
fn zones_in_words(
    status: CampaignStatus,
    schedule: &Schedule,
    zones: &[ZoneSending],
) -> Option<String> {
    let of_each = schedule.mode == SendingMode::SubscriberTime && status.is_running();
    let last = zones.iter().map(|zone| zone.starts_at).max().filter(|_| of_each)?;
    let done = zones.iter().filter(|zone| zone.is_done()).count();
    let all = zones.len();
    let noun = if all == 1 { "time zone" } else { "time zones" };
    Some(format!("{done} of {all} {noun} done; the last starts at {}.", moment(last)))
}

fn held_in_words(held: Held) -> Option<String> {
    let count = (held.count > 0).then(|| messages(held.count))?;
    Some(match held.until {
        Some(until) => {
            format!("Quiet hours hold {count} back, the last until {}.", moment(until))
        }
        None => format!("Quiet hours hold {count} back."),
    })
}

/// What a guess of the end is made from.
#[derive(Clone, Copy, Debug)]
pub struct Outlook {
    /// Messages that wait for their hand-over.
    pub pending: i64,
    /// When the last of them is due.
    pub last_due_at: Option<Instant>,
    /// Segments of one message.
    pub segments: i64,
    /// Segments that the sender may send in a second; 0 for no limit.
    pub segments_per_s: i64,
    /// Seconds that the follow-ups still to come add after the last of those messages.
    pub follow_ups_s: i64,
    /// Whether all that wait are of the same step, so that the last due has all follow-ups ahead.
    pub is_one_step: bool,
}

/// When the last message is expected to be handed over: the later of when it is due, and of when the sender
/// has sent all that is ahead of it; then the follow-ups' delays. None when nothing waits.
pub fn expected_completion(outlook: &Outlook, now: Instant) -> Option<Instant> {
    let last_due_at = outlook.last_due_at.filter(|_| outlook.pending > 0)?;
    let segments = outlook.pending.saturating_mul(outlook.segments.max(1));
    let busy_s = match outlook.segments_per_s {
        pace if pace > 0 => segments.saturating_add(pace - 1).checked_div(pace)?,
        _ => 0,
    };
    let sent_at = now.checked_add_signed(TimeDelta::try_seconds(busy_s)?)?;
    let delays = TimeDelta::try_seconds(outlook.follow_ups_s)?;
    let last = last_due_at.max(sent_at);
    let followed_from = if outlook.is_one_step { last } else { sent_at };
    Some(last.max(followed_from.checked_add_signed(delays)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{PassedTimePolicy, Places, ScheduleRequest};

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn zone_sending(name: &str, starts_at: &str, queued: i64) -> ZoneSending {
        let counts = MessageCounts { queued, delivered: 2, ..MessageCounts::default() };
        ZoneSending { zone: zone(name), starts_at: at(starts_at), counts }
    }

    #[test]
    fn the_summary_is_the_method_and_how_far_it_is() {
        let now = at("2026-11-27T06:00:00Z");
        let local = "2026-11-27T09:30:00".parse().unwrap();
        let recipients = [zone("America/New_York"), zone("Pacific/Honolulu")];
        let places = Places { site: zone("America/New_York"), recipients: &recipients };
        let resolve = |request| Schedule::resolve(request, places, None, now).unwrap();
        let theirs = resolve(ScheduleRequest::AtSubscriberTime(local, PassedTimePolicy::SendNow));
        let zones = [
            zone_sending("America/New_York", "2026-11-27T14:30:00Z", 0),
            zone_sending("Pacific/Honolulu", "2026-11-27T19:30:00Z", 3),
        ];
        let held = Held { count: 2, until: Some(at("2026-11-28T13:00:00Z")) };
        let sending = CampaignStatus::Sending;
        assert_eq!(
            summary(sending, &theirs, &zones, held),
            "Sending at 09:30 on 2026-11-27 in each subscriber's time zone. 1 of 2 time zones done; \
             the last starts at 2026-11-27 19:30 UTC."
        );
        let ours = resolve(ScheduleRequest::AtStoreTime(local));
        assert_eq!(
            summary(CampaignStatus::Scheduled, &ours, &[], Held::default()),
            "To be sent to everybody at 09:30 on 2026-11-27 (America/New_York)."
        );
        let at_once = resolve(ScheduleRequest::Now);
        assert_eq!(
            summary(sending, &at_once, &zones, held),
            "Sending to everybody at once, from 2026-11-27 06:00 UTC on. Quiet hours hold 2 messages \
             back, the last until 2026-11-28 13:00 UTC."
        );
    }

    #[test]
    fn the_end_is_the_worst_of_due_times_and_pace() {
        let now = at("2026-11-27T06:00:00Z");
        let due = |seconds| now + TimeDelta::seconds(seconds);
        let outlook = Outlook {
            pending: 10,
            last_due_at: Some(due(2)),
            segments: 2,
            segments_per_s: 4,
            follow_ups_s: 0,
            is_one_step: true,
        };
        let guess = |outlook: Outlook| expected_completion(&outlook, now);
        assert_eq!(guess(outlook), Some(due(5)), "twenty segments at four a second");
        assert_eq!(guess(Outlook { segments_per_s: 0, ..outlook }), Some(due(2)), "no limit");
        assert_eq!(guess(Outlook { last_due_at: Some(due(60)), ..outlook }), Some(due(60)));
        let followed = Outlook { follow_ups_s: 100, ..outlook };
        assert_eq!(guess(followed), Some(due(105)));
        // The last due may be a follow-up itself.
        let mixed = Outlook { last_due_at: Some(due(60)), is_one_step: false, ..followed };
        assert_eq!(guess(mixed), Some(due(105)));
        assert_eq!(guess(Outlook { pending: 0, ..outlook }), None);
    }
}
