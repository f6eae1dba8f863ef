//! What a caller may do.

crate::codes! {
    /// What an API key may do.
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
            Scope::SiteWrite | Scope::SubscriberPii | Scope::ApiKeyWrite | Scope::OperatorRead => {
                Self::Admin
            }
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
    fn each_role_grants_all_of_the_one_below() {
        let granted: Vec<usize> = Role::ALL.iter().map(|role| role.scopes().count()).collect();
        assert_eq!(granted, [4, 6, 7, 11]);
        for scope in Scope::ALL {
            for pair in Role::ALL.windows(2) {
                assert!(pair[1].grants(*scope) || !pair[0].grants(*scope), "{scope}");
            }
        }
    }
}
