//! Who calls, and what they may do.

use crate::{event::ActorKind, id::ApiKeyId};
use std::{fmt, str::FromStr};

/// What the text of a token's subject begins with.
const SUBJECT_PREFIX: &str = "subject:";

/// Who calls: in one spelling wherever it is kept, so that a caller's own are found again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CallerId {
    /// An API key.
    Key(ApiKeyId),
    /// The subject of a token that another service signed.
    Subject(String),
}

/// Text that names no caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither the id of an API key nor a subject")]
pub struct NoCaller;

impl CallerId {
    /// The kind of actor that it is.
    pub const fn kind(&self) -> ActorKind {
        match self {
            Self::Key(_) => ActorKind::ApiKey,
            Self::Subject(_) => ActorKind::Token,
        }
    }
}

impl From<ApiKeyId> for CallerId {
    fn from(id: ApiKeyId) -> Self {
        Self::Key(id)
    }
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::Subject(subject) => write!(f, "{SUBJECT_PREFIX}{subject}"),
        }
    }
}

impl FromStr for CallerId {
    type Err = NoCaller;

    fn from_str(text: &str) -> Result<Self, NoCaller> {
        if let Some(subject) = text.strip_prefix(SUBJECT_PREFIX) {
            return if subject.is_empty() {
                Err(NoCaller)
            } else {
                Ok(Self::Subject(subject.to_owned()))
            };
        }
        text.parse().map(Self::Key).map_err(|_no_key| NoCaller)
    }
}

crate::codes! {
    /// What a caller may do.
    pub enum Scope {
        /// Read sites and their settings.
        SiteRead = "site_read",
        /// Change a site's settings.
        SiteWrite = "site_write",
        /// Read campaigns, progress and events.
        CampaignRead = "campaign_read",
        /// Create, edit, duplicate and delete campaigns.
        CampaignWrite = "campaign_write",
        /// Activate and cancel campaigns: the scope that spends money.
        CampaignSend = "campaign_send",
        /// Read the message ledger.
        MessageRead = "message_read",
        /// Read subscribers and audiences, phone numbers masked.
        SubscriberRead = "subscriber_read",
        /// Read whole phone numbers.
        SubscriberPii = "subscriber_pii",
        /// Add, change and unsubscribe subscribers, and change audiences.
        SubscriberWrite = "subscriber_write",
        /// Create and revoke API keys.
        ApiKeyWrite = "api_key_write",
        /// Read who did what.
        AuditRead = "audit_read",
        /// Read how the service itself is doing, which tells nothing of a site.
        OperatorRead = "operator_read",
    }
}

crate::codes! {
    /// A named bundle of scopes.
    pub enum Role {
        /// Every read scope.
        Viewer = "viewer",
        /// A viewer, with campaign and subscriber writes.
        Editor = "editor",
        /// An editor, with activation and cancellation.
        Sender = "sender",
        /// Everything.
        Admin = "admin",
    }
}

impl Role {
    /// Whether the role grants `scope`.
    pub fn grants(self, scope: Scope) -> bool {
        let least = match scope {
            Scope::SiteRead | Scope::CampaignRead | Scope::MessageRead | Scope::SubscriberRead => {
                Self::Viewer
            }
            Scope::CampaignWrite | Scope::SubscriberWrite => Self::Editor,
            Scope::CampaignSend => Self::Sender,
            Scope::SiteWrite
            | Scope::SubscriberPii
            | Scope::ApiKeyWrite
            | Scope::AuditRead
            | Scope::OperatorRead => Self::Admin,
        };
        self >= least
    }

    /// The scopes the role grants.
    pub fn scopes(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.grants(*scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_one_spelling() {
        let key = "key_0190a5b20000700080000000000000ff";
        for text in [key, "subject:auth0|7", "subject:key_1", "subject:subject:a"] {
            let caller: CallerId = text.parse().unwrap();
            assert_eq!(caller.to_string(), text);
            assert_eq!(caller.kind() == ActorKind::ApiKey, text == key);
        }
        for text in ["", "subject:", "auth0|7", "site_0190a5b20000700080000000000000ff"] {
            assert_eq!(text.parse::<CallerId>(), Err(NoCaller), "{text}");
        }
    }

    #[test]
    fn each_role_grants_all_of_the_one_below() {
        let granted: Vec<usize> = Role::ALL.iter().map(|role| role.scopes().count()).collect();
        assert_eq!(granted, [4, 6, 7, 12]);
        for scope in Scope::ALL {
            for pair in Role::ALL.windows(2) {
                assert!(pair[1].grants(*scope) || !pair[0].grants(*scope), "{scope}");
            }
        }
    }
}
