//! Aggregator connections and senders: what `sendoff admin` sets up.

use super::{Result, Txn, bulk};
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
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sea_query::{ExprTrait as _, OnConflict},
};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;

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

/// What a site's messages leave by.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    /// The sender they leave from: the ready one made first.
    pub sender: Option<Sender>,
    /// The connection that carries them: the sender's, or, without one, that made first.
    pub connection: Option<Connection>,
}

/// What the messages of several sites leave by.
pub async fn carriers(
    db: &impl ConnectionTrait,
    sites: &[SiteId],
) -> Result<HashMap<SiteId, Carriers>> {
    use aggregator_connection::Column;
    let among = bulk::among(db, sender::Column::SiteId, sites.iter().map(|site| site.0));
    let senders = sender::Entity::find()
        .filter(among)
        .filter(sender::Column::IsReady.eq(true))
        .order_by_asc(sender::Column::Id)
        .all(db)
        .await?;
    let mut carriers: HashMap<SiteId, Carriers> = HashMap::new();
    for row in &senders {
        let sender = sender(row)?;
        carriers.entry(sender.site_id).or_default().sender.get_or_insert(sender);
    }
    let chosen = carriers.values().filter_map(|of| Some(of.sender.as_ref()?.connection_id.0));
    let of_sender = bulk::among(db, Column::Id, chosen);
    let of_site = bulk::among(db, Column::SiteId, sites.iter().map(|site| site.0));
    let rows = aggregator_connection::Entity::find()
        .filter(of_sender.or(of_site))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let connections: Vec<Connection> = rows.into_iter().map(connection).collect();
    for site in sites {
        let of = carriers.entry(*site).or_default();
        let found = connections.iter().find(|connection| match &of.sender {
            Some(sender) => connection.id == sender.connection_id,
            None => connection.site_id == *site,
        });
        of.connection = found.cloned();
    }
    Ok(carriers)
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
