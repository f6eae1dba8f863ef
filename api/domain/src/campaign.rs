//! A campaign's life, as one table.
//!
//! **Invariant:** [`TRANSITIONS`] is the only place that says which status may follow which. `decide`, the
//! database's compare-and-set, the API's `allowedActions` and the diagram in `docs/statuses.md` read it.

use self::{CampaignStatus::*, Trigger::*};
use crate::{
    Instant,
    id::{AudienceId, CampaignId, RevisionId, SiteId, StepId},
    reason::StatusReason,
    schedule::Schedule,
    site::QuietHours,
};
use std::fmt::Write as _;

crate::codes! {
    /// Where a campaign is in its life.
    pub enum CampaignStatus {
        /// Saved and not activated: it can be edited, and sends nothing.
        Draft = "draft",
        /// Activated for a time still ahead: nothing is handed over before it.
        Scheduled = "scheduled",
        /// Recipients are being worked out, or none has been handed over yet.
        Processing = "processing",
        /// The plan is complete, a hand-over has begun, and something is left to hand over.
        Sending = "sending",
        /// Everything is handed over or finally skipped: nothing can be prevented any more.
        Sent = "sent",
        /// It could not run; the reason says why and what to do.
        Failed = "failed",
        /// Stopped for good; it can only be duplicated.
        Canceled = "canceled",
    }
}

crate::codes! {
    /// What moves a campaign from one status to another.
    pub enum Trigger {
        /// A caller activates it for a time still ahead.
        Schedule = "schedule",
        /// A caller activates it for now, or its time has come.
        Start = "start",
        /// The plan is complete and a hand-over has begun.
        Release = "release",
        /// Nothing is left to hand over.
        Complete = "complete",
        /// A caller stops it.
        Cancel = "cancel",
        /// It cannot go on.
        Fail = "fail",
    }
}

/// Every lawful move, one a line. What is not here cannot happen.
pub const TRANSITIONS: [(CampaignStatus, Trigger, CampaignStatus); 12] = [
    (Draft, Schedule, Scheduled),
    (Draft, Start, Processing),
    (Scheduled, Start, Processing),
    (Scheduled, Cancel, Draft), // Nothing has left yet: the campaign can be edited again.
    (Scheduled, Fail, Failed),
    (Processing, Release, Sending),
    (Processing, Complete, Sent), // No hand-over ever began: there was nothing to send.
    (Processing, Cancel, Canceled),
    (Processing, Fail, Failed),
    (Sending, Complete, Sent),
    (Sending, Cancel, Canceled),
    (Sending, Fail, Failed),
];

/// The table has no such move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a campaign that is {status} cannot {trigger}")]
pub struct WrongStatus {
    /// The status the campaign is in.
    pub status: CampaignStatus,
    /// What was asked of it.
    pub trigger: Trigger,
}

impl CampaignStatus {
    /// Where `trigger` leads from here, if anywhere.
    #[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "const fn, bounded by len")]
    pub const fn after(self, trigger: Trigger) -> Option<Self> {
        let mut i = 0;
        while i < TRANSITIONS.len() {
            let (from, by, to) = TRANSITIONS[i];
            if from as u8 == self as u8 && by as u8 == trigger as u8 {
                return Some(to);
            }
            i += 1;
        }
        None
    }

    /// Where `trigger` leads, or the refusal that names both.
    pub fn decide(self, trigger: Trigger) -> Result<Self, WrongStatus> {
        self.after(trigger).ok_or(WrongStatus { status: self, trigger })
    }

    /// Sent, Failed and Canceled: no trigger leads out.
    pub fn is_final(self) -> bool {
        TRANSITIONS.iter().all(|&(from, ..)| from != self)
    }

    /// Whether messages of a campaign in this status may be planned and handed over.
    pub const fn is_running(self) -> bool {
        matches!(self, Processing | Sending)
    }

    /// The statuses in which messages may be handed over: the gate of every claim.
    pub const RUNNING: [Self; 2] = [Processing, Sending];
}

impl Trigger {
    /// The statuses this trigger may leave from, in the order of [`TRANSITIONS`].
    pub fn sources(self) -> impl Iterator<Item = CampaignStatus> {
        TRANSITIONS.into_iter().filter(move |&(_, by, _)| by == self).map(|(from, ..)| from)
    }
}

crate::codes! {
    /// What a caller can do to a campaign.
    pub enum CampaignAction {
        /// Change its content, audiences or settings.
        Edit = "edit",
        /// Start or schedule it.
        Activate = "activate",
        /// Move its scheduled time.
        Reschedule = "reschedule",
        /// Hold what is left to hand over.
        Pause = "pause",
        /// Let it go on.
        Resume = "resume",
        /// Stop it.
        Cancel = "cancel",
        /// Copy it to a new draft.
        Duplicate = "duplicate",
        /// Remove it.
        Delete = "delete",
    }
}

impl CampaignAction {
    /// Whether the action is allowed in `status`, read from the table. A pause is no status of its own: it
    /// lies beside one in which messages may be handed over, and leaves everything else as it is.
    pub fn is_allowed_in(self, status: CampaignStatus, is_paused: bool) -> bool {
        let is_draft = status.after(Trigger::Schedule).is_some();
        match self {
            Self::Edit | Self::Activate | Self::Delete => is_draft,
            Self::Reschedule => !is_draft && status.after(Trigger::Start).is_some(),
            Self::Pause => status.is_running() && !is_paused,
            Self::Resume => status.is_running() && is_paused,
            Self::Cancel => status.after(Trigger::Cancel).is_some(),
            Self::Duplicate => true,
        }
    }
}

crate::codes! {
    /// When a follow-up is sent to a recipient whose delay has run.
    pub enum StepCondition {
        /// In any case.
        Always = "always",
        /// Unless they have written since the message before it.
        NoReply = "no_reply",
        /// Unless the message before it was delivered.
        NotDelivered = "not_delivered",
    }
}

/// A campaign as its row tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// The id.
    pub id: CampaignId,
    /// The site that sends it.
    pub site_id: SiteId,
    /// A label for people.
    pub name: String,
    /// Where it is in its life.
    pub status: CampaignStatus,
    /// Why, when there is more to say than the status itself.
    pub status_reason: Option<StatusReason>,
    /// When it entered the status.
    pub status_changed_at: Instant,
    /// The sequence of its latest event: 1 for its making.
    pub revision: i64,
    /// The revision of its content in force.
    pub revision_id: RevisionId,
    /// Whether Smart Sending applies to it.
    pub uses_smart_sending: bool,
    /// Quiet hours of its own, beside the site's.
    pub quiet_hours: Option<QuietHours>,
    /// Seconds by which it may start late, set with its schedule; none for the service's own limit.
    pub max_lateness_s: Option<i64>,
    /// Since when it is paused, if it is.
    pub paused_at: Option<Instant>,
    /// When it goes out; none for a draft never scheduled.
    pub schedule: Option<Schedule>,
    /// The campaign it was copied from.
    pub duplicated_from: Option<CampaignId>,
    /// Whether it leaves out everybody the original reached.
    pub excludes_reached: bool,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl Campaign {
    /// Whether the action is allowed now.
    pub fn allows(&self, action: CampaignAction) -> bool {
        action.is_allowed_in(self.status, self.is_paused())
    }

    /// Whether nothing more is handed over until it is resumed.
    pub const fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }
}

/// One message of a campaign, as composed.
#[derive(Clone, PartialEq, Eq)]
pub struct Step {
    /// The id.
    pub id: StepId,
    /// Its place, the initial message being 0.
    pub position: i32,
    /// The text.
    pub body: String,
    /// A picture, which makes it an MMS.
    pub media_url: Option<String>,
    /// Seconds after the step before it was accepted for the recipient; none for the initial message.
    pub delay_s: Option<i64>,
    /// When it is sent; the initial message always is.
    pub condition: StepCondition,
}

/// The text is left out: bodies never reach a log.
impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step")
            .field("id", &self.id)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// Who receives a campaign, and who does not even so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targeting {
    /// Audiences whose members receive it.
    pub included: Vec<AudienceId>,
    /// Audiences whose members do not, even if in one of the above.
    pub excluded: Vec<AudienceId>,
}

/// The statuses and their moves as a Mermaid state diagram, for the docs.
pub fn diagram() -> String {
    let mut text = "stateDiagram-v2\n    [*] --> draft\n".to_owned();
    for (from, by, to) in TRANSITIONS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {from} --> {to}: {by}");
    }
    for status in CampaignStatus::ALL.iter().filter(|status| status.is_final()) {
        let _ = writeln!(text, "    {status} --> [*]");
    }
    text
}

// A status and a trigger lead to one place: checked before the program runs.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "evaluated at compile time")]
const _: () = {
    let mut i = 0;
    while i < TRANSITIONS.len() {
        let mut j = i + 1;
        while j < TRANSITIONS.len() {
            let (a, b) = (&TRANSITIONS[i], &TRANSITIONS[j]);
            assert!(a.0 as u8 != b.0 as u8 || a.1 as u8 != b.1 as u8);
            j += 1;
        }
        i += 1;
    }
};
// Once sent, nothing can be called back; once canceled, nothing starts again.
const _: () = assert!(Sent.after(Cancel).is_none());
const _: () = assert!(Canceled.after(Start).is_none() && Canceled.after(Schedule).is_none());
// Only a start leads to Processing, and never from Sending.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "evaluated at compile time")]
const _: () = {
    let mut i = 0;
    while i < TRANSITIONS.len() {
        let (from, by, to) = TRANSITIONS[i];
        if to as u8 == Processing as u8 {
            assert!(by as u8 == Start as u8 && from as u8 != Sending as u8);
        }
        i += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The design's moves in its own words: a change of the table is a change of the design.
    #[test]
    fn the_table_is_the_design() {
        let moves: Vec<String> =
            TRANSITIONS.iter().map(|(from, by, to)| format!("{from} {by} {to}")).collect();
        let designed = [
            "draft schedule scheduled",
            "draft start processing",
            "scheduled start processing",
            "scheduled cancel draft",
            "scheduled fail failed",
            "processing release sending",
            "processing complete sent",
            "processing cancel canceled",
            "processing fail failed",
            "sending complete sent",
            "sending cancel canceled",
            "sending fail failed",
        ];
        assert_eq!(moves, designed);
        for status in CampaignStatus::ALL {
            assert_eq!(status.is_final(), matches!(status, Sent | Failed | Canceled), "{status}");
        }
        assert_eq!(Cancel.sources().collect::<Vec<_>>(), [Scheduled, Processing, Sending]);
        assert_eq!(Scheduled.decide(Cancel), Ok(Draft));
        assert_eq!(Sending.decide(Cancel), Ok(Canceled));
        assert_eq!(Sent.decide(Cancel), Err(WrongStatus { status: Sent, trigger: Cancel }));
        assert_eq!(Draft.decide(Fail), Err(WrongStatus { status: Draft, trigger: Fail }));
    }

    #[test]
    fn actions_follow_the_table() {
        let allowed = |status: CampaignStatus, is_paused: bool| -> Vec<&str> {
            let all = CampaignAction::ALL.iter();
            all.filter(|a| a.is_allowed_in(status, is_paused)).map(|a| a.as_str()).collect()
        };
        assert_eq!(allowed(Draft, false), ["edit", "activate", "duplicate", "delete"]);
        assert_eq!(allowed(Scheduled, false), ["reschedule", "cancel", "duplicate"]);
        for status in CampaignStatus::RUNNING {
            assert_eq!(allowed(status, false), ["pause", "cancel", "duplicate"]);
            assert_eq!(allowed(status, true), ["resume", "cancel", "duplicate"]);
        }
        for status in [Sent, Failed, Canceled] {
            assert_eq!(allowed(status, false), ["duplicate"]);
        }
    }
}
