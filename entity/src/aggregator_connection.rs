//! Connections to aggregators, with their secrets.

use crate::secret::Secret;
use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "aggregator_connection")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// A label for people.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// Base url.
    pub base_url: String,
    /// Token.
    pub token: Secret,
    /// Webhook secret.
    pub webhook_secret: Secret,
    /// Webhook secret next.
    pub webhook_secret_next: Option<Secret>,
    /// Key window, in seconds.
    pub key_window_s: i64,
    /// Has lookup.
    pub has_lookup: bool,
    /// Status page url.
    pub status_page_url: Option<String>,
    /// Segments a second of the account; 0 for no limit.
    pub segments_per_s: i64,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// When the row last changed, in ms.
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
