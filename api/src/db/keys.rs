//! API keys and the sites they reach.

use super::{Result, Txn, bulk};
use domain::{
    Instant,
    access::Role,
    id::{ApiKeyId, SiteId},
};
use entity::{
    api_key, api_key_site,
    convert::{code, instant, ms},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};
use std::collections::HashMap;
use uuid::Uuid;

/// An API key as callers see it: never its secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The id.
    pub id: ApiKeyId,
    /// A label for people.
    pub name: String,
    /// The first characters of the secret, enough to tell keys apart.
    pub prefix: String,
    /// The role.
    pub role: Role,
    /// When it was made.
    pub created_at: Instant,
    /// When it last authenticated a request, to the minute.
    pub last_used_at: Option<Instant>,
    /// When it stops working.
    pub expires_at: Option<Instant>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
}

/// A key to make.
#[derive(Clone, Debug)]
pub struct NewKey<'a> {
    /// The id.
    pub id: ApiKeyId,
    /// A label for people.
    pub name: &'a str,
    /// The first characters of the secret.
    pub prefix: &'a str,
    /// The digest of the secret.
    pub secret_hash: &'a str,
    /// The role.
    pub role: Role,
    /// Whether it is the development world's key, which production refuses.
    pub is_development: bool,
    /// The sites it reaches.
    pub sites: &'a [SiteId],
}

fn read(row: api_key::Model) -> Result<ApiKey> {
    Ok(ApiKey {
        id: row.id.into(),
        role: code("api_key", &row.role)?,
        name: row.name,
        prefix: row.prefix,
        created_at: instant(row.created_at),
        last_used_at: row.last_used_at.map(instant),
        expires_at: row.expires_at.map(instant),
        revoked_at: row.revoked_at.map(instant),
    })
}

/// The key whose secret has this digest.
pub async fn find_by_hash(connection: &impl ConnectionTrait, hash: &str) -> Result<Option<ApiKey>> {
    let row = api_key::Entity::find()
        .filter(api_key::Column::SecretHash.eq(hash))
        .one(connection)
        .await?;
    row.map(read).transpose()
}

/// Who holds a secret: the key, whether or not it still works, and what it reaches.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The key.
    pub id: ApiKeyId,
    /// Its label.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// When it last authenticated a request, to the minute.
    pub last_used_at: Option<Instant>,
    /// When it stops working.
    pub expires_at: Option<Instant>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
    /// The sites it reaches, in order of id.
    pub sites: Vec<SiteId>,
}

/// A digest, its key's id, name and role, when it was last used, expires and was revoked, and a site it reaches.
type HeldRow = (String, Uuid, String, String, Option<i64>, Option<i64>, Option<i64>, Option<Uuid>);

/// Who holds the secrets with these digests, by digest. All are asked for by one statement, with what they reach:
/// every request begins with it.
pub async fn holders(
    connection: &impl ConnectionTrait,
    hashes: &[String],
) -> Result<HashMap<String, Holder>> {
    use api_key::Column;
    let reached = api_key::Entity::belongs_to(api_key_site::Entity)
        .from(Column::Id)
        .to(api_key_site::Column::ApiKeyId)
        .into();
    let hashes = hashes.iter().map(String::as_str);
    let rows: Vec<HeldRow> = api_key::Entity::find()
        .select_only()
        .columns([Column::SecretHash, Column::Id, Column::Name, Column::Role])
        .columns([Column::LastUsedAt, Column::ExpiresAt, Column::RevokedAt])
        .column(api_key_site::Column::SiteId)
        .join(JoinType::LeftJoin, reached)
        .filter(bulk::among_texts(connection, Column::SecretHash, hashes))
        .order_by_asc(api_key_site::Column::SiteId)
        .into_tuple()
        .all(connection)
        .await?;
    let mut holders: HashMap<String, Holder> = HashMap::new();
    for (hash, id, name, role, last_used_at, expires_at, revoked_at, site) in rows {
        let role = code("api_key", &role)?;
        let holder = holders.entry(hash).or_insert_with(|| Holder {
            id: id.into(),
            name,
            role,
            last_used_at: last_used_at.map(instant),
            expires_at: expires_at.map(instant),
            revoked_at: revoked_at.map(instant),
            sites: Vec::new(),
        });
        holder.sites.extend(site.map(SiteId::from));
    }
    Ok(holders)
}

/// The key with this id.
pub async fn find(connection: &impl ConnectionTrait, id: ApiKeyId) -> Result<Option<ApiKey>> {
    api_key::Entity::find_by_id(id.0).one(connection).await?.map(read).transpose()
}

/// The oldest key of this name and role that reaches exactly `sites` and still works at `now`; never the
/// development world's.
pub async fn find_working(
    connection: &impl ConnectionTrait,
    name: &str,
    role: Role,
    sites: &[SiteId],
    now: Instant,
) -> Result<Option<ApiKey>> {
    use api_key::Column;
    let reaching = |condition| {
        Query::select()
            .column(api_key_site::Column::ApiKeyId)
            .from(api_key_site::Entity)
            .and_where(condition)
            .take()
    };
    let site = || Expr::col(api_key_site::Column::SiteId);
    let others = reaching(site().is_not_in(sites.iter().map(|site| site.0)));
    let mut found = api_key::Entity::find()
        .filter(Column::Name.eq(name))
        .filter(Column::Role.eq(role.as_str()))
        .filter(Column::IsDevelopment.eq(false))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.is_null().or(Column::ExpiresAt.gt(ms(now))))
        .filter(Column::Id.not_in_subquery(others));
    for reached in sites {
        found = found.filter(Column::Id.in_subquery(reaching(site().eq(reached.0))));
    }
    found.order_by_asc(Column::Id).one(connection).await?.map(read).transpose()
}

/// Notes that a key was used at `at`.
pub async fn touch(txn: &Txn, id: ApiKeyId, at: Instant) -> Result<()> {
    api_key::Entity::update_many()
        .col_expr(api_key::Column::LastUsedAt, Expr::value(ms(at)))
        .filter(api_key::Column::Id.eq(id.0))
        .exec(txn)
        .await?;
    Ok(())
}

/// Makes a key.
pub async fn insert(txn: &Txn, new: NewKey<'_>, now: Instant) -> Result<()> {
    api_key::ActiveModel {
        id: Set(new.id.0),
        name: Set(new.name.to_owned()),
        prefix: Set(new.prefix.to_owned()),
        secret_hash: Set(new.secret_hash.to_owned()),
        role: Set(new.role.as_str().to_owned()),
        is_development: Set(new.is_development),
        created_at: Set(ms(now)),
        last_used_at: Set(None),
        expires_at: Set(None),
        revoked_at: Set(None),
    }
    .insert(txn)
    .await?;
    reach(txn, new.id, new.sites).await
}

/// Makes a key reach exactly `sites`.
pub async fn reach(txn: &Txn, id: ApiKeyId, sites: &[SiteId]) -> Result<()> {
    api_key_site::Entity::delete_many()
        .filter(api_key_site::Column::ApiKeyId.eq(id.0))
        .filter(api_key_site::Column::SiteId.is_not_in(sites.iter().map(|site| site.0)))
        .exec(txn)
        .await?;
    let rows = sites
        .iter()
        .map(|site| api_key_site::ActiveModel { api_key_id: Set(id.0), site_id: Set(site.0) });
    api_key_site::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

/// Whether the development world's key is in this database and still works.
pub async fn has_development_key(connection: &impl ConnectionTrait) -> Result<bool> {
    let found = api_key::Entity::find()
        .filter(api_key::Column::IsDevelopment.eq(true))
        .filter(Expr::col(api_key::Column::RevokedAt).is_null())
        .count(connection)
        .await?;
    Ok(found > 0)
}
