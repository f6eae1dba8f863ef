//! Subscribers.

use sea_orm::entity::prelude::*;
use serde::Deserialize;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "subscriber")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// E.164.
    pub phone: String,
    /// A status code.
    pub status: String,
    /// An IANA time zone.
    pub time_zone: Option<String>,
    /// Subscribed at, in ms.
    pub subscribed_at: i64,
    /// Unsubscribed at, in ms.
    pub unsubscribed_at: Option<i64>,
    /// Last messaged at, in ms.
    pub last_messaged_at: Option<i64>,
    /// A postal code.
    pub postal_code: Option<String>,
    /// The IANA time zone last seen.
    pub observed_time_zone: Option<String>,
    /// Values for variables of texts: a flat object of strings.
    pub attributes: Option<Json>,
    /// The zones the subscriber may be in, principal first, with spaces between; none where not located yet.
    pub zones: Option<String>,
    /// How they are known.
    pub zone_source: Option<String>,
    /// The region: `US-FL`.
    pub region: Option<String>,
    /// The message last accepted.
    pub last_message_id: Option<Uuid>,
    /// When they last texted, in ms.
    pub last_inbound_at: Option<i64>,
    /// When they wrote what may be a wish to opt out, in ms.
    pub suspected_opt_out_at: Option<i64>,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// When the row last changed, in ms.
    pub updated_at: i64,
    /// The site it belongs to.
    #[sea_orm(belongs_to, from = "site_id", to = "id")]
    #[serde(skip)]
    pub site: BelongsTo<super::site::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
