//! Who did what: the entries of a site's audit.
//!
//! **Invariant:** an entry names what was done and to what, by ids alone: what was written into a campaign or
//! said by a subscriber stands elsewhere.

use crate::{Instant, access::CallerId, id::SiteId};

crate::codes! {
    /// What callers do: one for each command that can change something.
    pub enum AuditOperation {
        /// A campaign was made.
        CampaignCreate = "campaign_create",
        /// A draft was edited.
        CampaignUpdate = "campaign_update",
        /// A campaign was activated.
        CampaignActivate = "campaign_activate",
        /// A campaign's time was moved.
        CampaignReschedule = "campaign_reschedule",
        /// A campaign was paused.
        CampaignPause = "campaign_pause",
        /// Messages whose outcome nobody knew were settled.
        CampaignResolveUnknown = "campaign_resolve_unknown",
        /// A campaign was resumed.
        CampaignResume = "campaign_resume",
        /// A campaign was canceled.
        CampaignCancel = "campaign_cancel",
        /// A draft was removed.
        CampaignDelete = "campaign_delete",
        /// A campaign was copied; the object is the copy.
        CampaignDuplicate = "campaign_duplicate",
        /// A campaign's text was sent as a test.
        CampaignSendTest = "campaign_send_test",
        /// An audience was made.
        AudienceCreate = "audience_create",
        /// Subscribers were added or changed; the object is the site.
        SubscribersUpsert = "subscribers_upsert",
        /// A subscriber was unsubscribed.
        SubscriberUnsubscribe = "subscriber_unsubscribe",
        /// A subscriber's words were found to be no wish to opt out.
        SubscriberClearPossibleOptOut = "subscriber_clear_possible_opt_out",
        /// Settings of a site were changed.
        SiteUpdate = "site_update",
    }
}

crate::codes! {
    /// What came of it. What changed nothing leaves no entry.
    pub enum AuditOutcome {
        /// All of it was done.
        Done = "done",
        /// A part was done, and a part refused.
        Partial = "partial",
    }
}

/// An entry of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The site.
    pub site_id: SiteId,
    /// Who did it.
    pub actor: CallerId,
    /// What they were called then.
    pub actor_name: String,
    /// What they did.
    pub operation: AuditOperation,
    /// What they did it to: an id as the API writes it.
    pub object_id: String,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// When.
    pub occurred_at: Instant,
}
