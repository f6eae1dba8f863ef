//! How the aggregator behind a connection is: what its status page says, and what the engine saw of it.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection_health")]
pub struct Model {
    /// The aggregator connection.
    #[sea_orm(primary_key, auto_increment = false)]
    pub connection_id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// The page's verdict on everything, a code; none while the page was never read.
    pub indicator: Option<String>,
    /// The component that has to do with texts and is worst off, by the page's name.
    pub component: Option<String>,
    /// How it is, a code.
    pub component_status: Option<String>,
    /// The title of the incident that the page reports.
    pub incident: Option<String>,
    /// Where to read about it.
    pub incident_url: Option<String>,
    /// Since when the page reports trouble, in ms.
    pub since: Option<i64>,
    /// When the page was last asked, in ms; whoever asks next swaps it first.
    pub checked_at: Option<i64>,
    /// What the page's last answer is told by.
    pub etag: Option<String>,
    /// Since when the page cannot be read, in ms.
    pub failed_at: Option<i64>,
    /// Why the aggregator was left alone, a code; none since it took a message.
    pub hold: Option<String>,
    /// Since when, in ms.
    pub held_since: Option<i64>,
    /// Until when, in ms.
    pub held_until: Option<i64>,
    /// The aggregator's code with which the hold began.
    pub last_error_code: Option<String>,
    /// When a hand-over last got no certain answer, in ms.
    pub unanswered_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
