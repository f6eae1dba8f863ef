//! The log of changes of a site's settings.

use super::event::Actor;
use crate::graphql::{enums::SiteSetting, scalars::DateTime};
use async_graphql::Object;
use domain::setting::LoggedChange;

/// A change of one setting.
#[derive(Clone)]
pub(crate) struct SiteSettingChange(LoggedChange);

impl From<LoggedChange> for SiteSettingChange {
    fn from(logged: LoggedChange) -> Self {
        Self(logged)
    }
}

/// A change of one of a site's settings. Entries are never changed or removed.
#[Object]
impl SiteSettingChange {
    /// The setting.
    fn setting(&self) -> SiteSetting {
        self.0.change.setting.into()
    }

    /// What it was, in words. Null where it was not set.
    fn before(&self) -> Option<&str> {
        self.0.change.before.as_deref()
    }

    /// What it became, in words. Null where it was taken away.
    fn after(&self) -> Option<&str> {
        self.0.change.after.as_deref()
    }

    /// By whom.
    fn actor(&self) -> Actor {
        Actor::new(self.0.actor_kind, self.0.actor_name.clone())
    }

    /// When.
    fn changed_at(&self) -> DateTime {
        self.0.changed_at.into()
    }
}
