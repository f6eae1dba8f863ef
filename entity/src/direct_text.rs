//! Texts outside any campaign's ledger, each with its latest attempt, written ahead of the request.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "direct_text")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// The campaign that a test is of; it may be gone.
    pub campaign_id: Option<Uuid>,
    /// The step that a test is of; it may be gone.
    pub step_id: Option<Uuid>,
    /// A kind code.
    pub kind: String,
    /// E.164.
    pub phone: String,
    /// The text as it goes out.
    pub text: String,
    /// A picture's URL.
    pub media_url: Option<String>,
    /// Billable segments, by our count.
    pub segments: i64,
    /// Segments of a trial that it was charged.
    pub charged: i64,
    /// A message state code.
    pub state: String,
    /// A message reason code.
    pub reason: Option<String>,
    /// The aggregator's own code for that reason.
    pub aggregator_code: Option<String>,
    /// When it is due, in ms.
    pub due_at: i64,
    /// Attempts to hand it over.
    pub attempt_count: i64,
    /// The latest attempt.
    pub attempt_id: Option<Uuid>,
    /// The aggregator connection that attempt went to.
    pub connection_id: Option<Uuid>,
    /// The node that made it.
    pub node: Option<String>,
    /// A digest of its request.
    pub request_digest: Option<String>,
    /// Until when it is held, in ms of lease time.
    pub lease_until: Option<i64>,
    /// When it began, in ms.
    pub started_at: Option<i64>,
    /// What it proved.
    pub outcome: Option<String>,
    /// The aggregator's code with it.
    pub outcome_code: Option<String>,
    /// When it ended, in ms.
    pub ended_at: Option<i64>,
    /// The aggregator's id of the text.
    pub provider_id: Option<String>,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// When the row last changed, in ms.
    pub updated_at: i64,
    /// The site it belongs to.
    #[sea_orm(belongs_to, from = "site_id", to = "id")]
    pub site: BelongsTo<super::site::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
