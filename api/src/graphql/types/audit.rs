//! The audit of a site: who did what.

use super::event::Actor;
use crate::graphql::scalars::DateTime;
use async_graphql::{Enum, ID, Object};

/// What callers do that changes something: one for each mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::audit::AuditOperation")]
pub(crate) enum AuditOperation {
    /// A campaign was made.
    CampaignCreate,
    /// A draft was edited.
    CampaignUpdate,
    /// A campaign was activated.
    CampaignActivate,
    /// A campaign's time was moved.
    CampaignReschedule,
    /// A campaign was paused.
    CampaignPause,
    /// Messages whose outcome nobody knew were sent again or written off.
    CampaignResolveUnknown,
    /// A campaign was resumed.
    CampaignResume,
    /// A campaign was canceled.
    CampaignCancel,
    /// A draft was removed.
    CampaignDelete,
    /// A campaign was copied. The object is the copy.
    CampaignDuplicate,
    /// A campaign's text was sent as a test.
    CampaignSendTest,
    /// An audience was made.
    AudienceCreate,
    /// Subscribers were added or changed. The object is the site.
    SubscribersUpsert,
    /// A subscriber was unsubscribed.
    SubscriberUnsubscribe,
    /// A subscriber's words were found to be no wish to opt out.
    SubscriberClearPossibleOptOut,
    /// Settings of a site were changed: `Site.settingChanges` says which.
    SiteUpdate,
}

/// What came of it. What changed nothing leaves no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::audit::AuditOutcome")]
pub(crate) enum AuditOutcome {
    /// All of it was done.
    Done,
    /// A part was done, and a part refused.
    Partial,
}

/// An entry of the audit.
#[derive(Clone)]
pub(crate) struct AuditEntry(domain::audit::AuditEntry);

impl From<domain::audit::AuditEntry> for AuditEntry {
    fn from(entry: domain::audit::AuditEntry) -> Self {
        Self(entry)
    }
}

/// Something that a caller did. Entries are never changed, and are removed when they are old.
#[Object]
impl AuditEntry {
    /// Who did it: the ID of an API key, or `subject:` and the subject of a signed token.
    async fn actor_id(&self) -> ID {
        self.0.actor.to_string().into()
    }

    /// Who did it, by the name they had then.
    fn actor(&self) -> Actor {
        Actor::new(self.0.actor.kind(), self.0.actor_name.clone())
    }

    /// What they did.
    fn operation(&self) -> AuditOperation {
        self.0.operation.into()
    }

    /// What they did it to, which it outlives.
    fn object_id(&self) -> ID {
        self.0.object_id.clone().into()
    }

    /// What came of it.
    fn outcome(&self) -> AuditOutcome {
        self.0.outcome.into()
    }

    /// When.
    fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }
}
