//! Aggregator connections and senders: what `sendoff admin` sets up.

use super::{Result, Txn};
use crate::ports::Connection;
use domain::{
    Instant,
    id::{ConnectionId, SenderId, SiteId},
    phone::PhoneNumber,
};
use entity::{
    aggregator_connection,
    convert::{self, ms},
    secret::Secret,
    sender,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, sea_query::OnConflict,
};
use secrecy::{ExposeSecret, SecretString};

/// A number that messages are sent from.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The id.
    pub id: SenderId,
    /// The site.
    pub site_id: SiteId,
    /// The connection that carries its messages.
    pub connection_id: ConnectionId,
    /// The number.
    pub phone: PhoneNumber,
    /// Segments a second it may send; 0 for no limit.
    pub segments_per_s: i64,
    /// Whether it is registered and may send.
    pub is_ready: bool,
}

fn secret(text: &SecretString) -> Secret {
    Secret(text.expose_secret().to_owned())
}

fn connection(row: aggregator_connection::Model) -> Connection {
    Connection {
        id: row.id.into(),
        site_id: row.site_id.into(),
        name: row.name,
        kind: row.kind,
        base_url: row.base_url,
        token: row.token.0.into(),
        webhook_secret: row.webhook_secret.0.into(),
        webhook_secret_next: row.webhook_secret_next.map(|next| next.0.into()),
        key_window_s: row.key_window_s,
        has_lookup: row.has_lookup,
        status_page_url: row.status_page_url,
        segments_per_s: row.segments_per_s,
    }
}

fn sender(row: &sender::Model) -> Result<Sender> {
    Ok(Sender {
        id: row.id.into(),
        site_id: row.site_id.into(),
        connection_id: row.connection_id.into(),
        phone: convert::phone("sender", &row.phone)?,
        segments_per_s: row.segments_per_s,
        is_ready: row.is_ready,
    })
}

/// A connection by id.
pub async fn find_connection(
    db: &impl ConnectionTrait,
    id: ConnectionId,
) -> Result<Option<Connection>> {
    let row = aggregator_connection::Entity::find_by_id(id.0).one(db).await?;
    Ok(row.map(connection))
}

/// A site's connection by name.
pub async fn find_connection_by_name(
    db: &impl ConnectionTrait,
    site_id: SiteId,
    name: &str,
) -> Result<Option<Connection>> {
    let row = aggregator_connection::Entity::find()
        .filter(aggregator_connection::Column::SiteId.eq(site_id.0))
        .filter(aggregator_connection::Column::Name.eq(name))
        .one(db)
        .await?;
    Ok(row.map(connection))
}

/// The connection that carries a site's messages: that of the sender they leave from, or else the one made
/// first.
pub async fn site_connection(
    db: &impl ConnectionTrait,
    site_id: SiteId,
) -> Result<Option<Connection>> {
    if let Some(sender) = ready_sender(db, site_id).await? {
        return find_connection(db, sender.connection_id).await;
    }
    let row = aggregator_connection::Entity::find()
        .filter(aggregator_connection::Column::SiteId.eq(site_id.0))
        .order_by_asc(aggregator_connection::Column::Id)
        .one(db)
        .await?;
    Ok(row.map(connection))
}

/// How many connections there are in all.
pub async fn count_connections(db: &impl ConnectionTrait) -> Result<u64> {
    Ok(aggregator_connection::Entity::find().count(db).await?)
}

/// Makes a connection, or changes the one with its id.
pub async fn save_connection(txn: &Txn, new: &Connection, now: Instant) -> Result<()> {
    use aggregator_connection::Column;
    let next = new.webhook_secret_next.as_ref();
    let row = aggregator_connection::ActiveModel {
        id: Set(new.id.0),
        site_id: Set(new.site_id.0),
        name: Set(new.name.clone()),
        kind: Set(new.kind.clone()),
        base_url: Set(new.base_url.clone()),
        token: Set(secret(&new.token)),
        webhook_secret: Set(secret(&new.webhook_secret)),
        webhook_secret_next: Set(next.map(secret)),
        key_window_s: Set(new.key_window_s),
        has_lookup: Set(new.has_lookup),
        status_page_url: Set(new.status_page_url.clone()),
        segments_per_s: Set(new.segments_per_s),
        created_at: Set(ms(now)),
        updated_at: Set(ms(now)),
    };
    let changed = [
        Column::Name,
        Column::BaseUrl,
        Column::Token,
        Column::WebhookSecret,
        Column::WebhookSecretNext,
        Column::KeyWindowS,
        Column::HasLookup,
        Column::StatusPageUrl,
        Column::SegmentsPerS,
        Column::UpdatedAt,
    ];
    aggregator_connection::Entity::insert(row)
        .on_conflict(OnConflict::column(Column::Id).update_columns(changed).to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

/// A site's sender by number.
pub async fn find_sender(
    db: &impl ConnectionTrait,
    site_id: SiteId,
    phone: &PhoneNumber,
) -> Result<Option<Sender>> {
    let row = sender::Entity::find()
        .filter(sender::Column::SiteId.eq(site_id.0))
        .filter(sender::Column::Phone.eq(phone.as_str()))
        .one(db)
        .await?;
    row.as_ref().map(sender).transpose()
}

/// The sender a site's messages leave from: the ready one made first.
pub async fn ready_sender(db: &impl ConnectionTrait, site_id: SiteId) -> Result<Option<Sender>> {
    let row = sender::Entity::find()
        .filter(sender::Column::SiteId.eq(site_id.0))
        .filter(sender::Column::IsReady.eq(true))
        .order_by_asc(sender::Column::Id)
        .one(db)
        .await?;
    row.as_ref().map(sender).transpose()
}

/// Makes a sender, or changes the one with its id.
pub async fn save_sender(txn: &Txn, new: &Sender, now: Instant) -> Result<()> {
    use sender::Column;
    let row = sender::ActiveModel {
        id: Set(new.id.0),
        site_id: Set(new.site_id.0),
        connection_id: Set(new.connection_id.0),
        phone: Set(new.phone.as_str().to_owned()),
        segments_per_s: Set(new.segments_per_s),
        is_ready: Set(new.is_ready),
        created_at: Set(ms(now)),
        updated_at: Set(ms(now)),
    };
    let changed = [Column::ConnectionId, Column::SegmentsPerS, Column::IsReady, Column::UpdatedAt];
    sender::Entity::insert(row)
        .on_conflict(OnConflict::column(Column::Id).update_columns(changed).to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(())
}
