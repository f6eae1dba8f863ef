//! The log of consent: what was said of each phone, in the order in which it came in. Rows are only added.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_log")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// E.164.
    pub phone: String,
    /// The subscriber that had the phone then, if any.
    pub subscriber_id: Option<Uuid>,
    /// A kind code.
    pub kind: String,
    /// A source code.
    pub source: String,
    /// The word that was understood, or the aggregator's code; never a text.
    pub word: Option<String>,
    /// The name of the key that called.
    pub actor: Option<String>,
    /// When it happened, in ms.
    pub occurred_at: i64,
    /// When it was recorded, in ms.
    pub recorded_at: i64,
    /// The receipt that it came in.
    pub receipt_id: Option<Uuid>,
}

impl ActiveModelBehavior for ActiveModel {}
