//! Whom an audience selects.

use crate::{
    Instant,
    id::{AudienceId, SiteId},
};

/// Rules of an audience: a subscriber matches when every rule holds; an empty rule always holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceRules {
    /// Has at least one of these tags.
    pub tags_any: Vec<String>,
    /// Has all of these tags.
    pub tags_all: Vec<String>,
    /// Has none of these tags.
    pub tags_none: Vec<String>,
    /// Gave consent at this instant or later.
    pub subscribed_from: Option<Instant>,
    /// Gave consent before this instant.
    pub subscribed_until: Option<Instant>,
}

/// A saved choice of subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// The id.
    pub id: AudienceId,
    /// The site it belongs to.
    pub site_id: SiteId,
    /// A label for people.
    pub name: String,
    /// Whom it selects.
    pub rules: AudienceRules,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}
