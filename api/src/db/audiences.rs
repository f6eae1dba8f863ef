//! Audiences, and the condition that finds their members.

use super::{
    Result, Txn, bulk, each,
    page::{self, Cursor, Page, PageRequest, Sort},
    revisions, subscribers,
};
use domain::{
    Instant,
    audience::{Audience, AudienceRules},
    campaign::Campaign,
    id::{AudienceId, SiteId},
    subscriber::SubscriberStatus,
    zone::Zone,
};
use entity::{
    audience,
    convert::{self, ms, rules_json},
    subscriber, subscriber_tag, subscriber_tag_past,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, Select,
    sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement, SimpleExpr},
};
use std::collections::HashMap;

/// Saves an audience, unless its name is taken on the site; answers whether it was saved.
pub async fn insert(txn: &Txn, audience: &Audience) -> Result<bool> {
    let row = audience::ActiveModel {
        id: Set(audience.id.0),
        site_id: Set(audience.site_id.0),
        name: Set(audience.name.clone()),
        rules: Set(rules_json(&audience.rules)),
        created_at: Set(ms(audience.created_at)),
        updated_at: Set(ms(audience.updated_at)),
    };
    let saved = audience::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(saved == 1)
}

/// The audiences with these ids on the sites given, in no order.
pub async fn find_many(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[AudienceId],
) -> Result<Vec<Audience>> {
    let rows = audience::Entity::find()
        .filter(bulk::among(connection, audience::Column::Id, ids.iter().map(|id| id.0)))
        .filter(audience::Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(convert::audience).collect::<std::result::Result<_, _>>()?)
}

fn of_site(site: SiteId) -> Select<audience::Entity> {
    audience::Entity::find().filter(audience::Column::SiteId.eq(site.0))
}

/// A page of each site's audiences, by id, in the order of `sites`.
pub async fn pages(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    request: &PageRequest,
) -> Result<Vec<Page<Audience>>> {
    let lists = sites.iter().map(|site| of_site(*site)).collect();
    let sort = Sort::by_id(Expr::col(audience::Column::Id), |row: &audience::Model| Cursor {
        value: String::new(),
        id: row.id,
    });
    let pages = page::fetch_each(connection, lists, &sort, request).await?;
    let read = |page: Page<audience::Model>| Ok(page.try_map(convert::audience)?);
    pages.into_iter().map(read).collect()
}

/// How many audiences each site has.
pub async fn counts(connection: &impl ConnectionTrait, sites: &[SiteId]) -> Result<Vec<i64>> {
    each::counts(connection, sites.iter().map(|site| of_site(*site)).collect()).await
}

/// The zones in which a campaign that is not frozen yet finds its recipients, each the likeliest of theirs
/// and named once; `site` is that of recipients of whom nothing tells. All members of the audiences are
/// looked through, without those who withdrew their consent.
pub async fn zones(
    connection: &impl ConnectionTrait,
    campaign: &Campaign,
    site: Zone,
) -> Result<Vec<Zone>> {
    let targeting = revisions::targeting(connection, campaign.revision_id).await?;
    if targeting.included.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<AudienceId> =
        targeting.included.iter().chain(&targeting.excluded).copied().collect();
    let found = find_many(connection, &[campaign.site_id], &ids).await?;
    let rules: HashMap<AudienceId, AudienceRules> =
        found.into_iter().map(|audience| (audience.id, audience.rules)).collect();
    let named = |ids: &[AudienceId]| -> Vec<AudienceRules> {
        ids.iter().filter_map(|id| rules.get(id).cloned()).collect()
    };
    let recipients = recipients(&named(&targeting.included), &named(&targeting.excluded));
    let groups = subscribers::zones_of(connection, campaign.site_id, recipients, site).await?;
    let mut zones = Vec::new();
    for (set, _) in groups {
        let zone = set.principal();
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    Ok(zones)
}

/// The condition, on the table of subscribers, that holds at this moment for whoever one of `included` selects
/// and none of `excluded`, and who has not withdrawn consent. There must be one to include.
pub(super) fn recipients(included: &[AudienceRules], excluded: &[AudienceRules]) -> Condition {
    let any = |rules: &[AudienceRules]| {
        rules.iter().fold(Condition::any(), |any, rules| any.add(members(rules, AsOf::Now)))
    };
    let consenting = subscriber::Column::Status.eq(SubscriberStatus::Subscribed.as_str());
    let recipients = Condition::all().add(consenting).add(any(included));
    if excluded.is_empty() { recipients } else { recipients.add(any(excluded).not()) }
}

/// The moment as of which members are asked for. What changes at that very moment may count either way.
#[derive(Clone, Copy, Debug)]
pub(super) enum AsOf {
    /// This one.
    Now,
    /// One that has passed, or is to come. The past reaches as far back as the plans that are not complete.
    Then(Instant),
}

/// The condition, on the table of subscribers, that holds for whoever `rules` select.
pub(super) fn members(rules: &AudienceRules, as_of: AsOf) -> Condition {
    let mut condition = Condition::all();
    if !rules.tags_any.is_empty() {
        condition = condition.add(has_tag(&rules.tags_any, as_of));
    }
    for tag in &rules.tags_all {
        condition = condition.add(has_tag(std::slice::from_ref(tag), as_of));
    }
    if !rules.tags_none.is_empty() {
        condition = condition.add(has_tag(&rules.tags_none, as_of).not());
    }
    if let Some(from) = rules.subscribed_from {
        condition = condition.add(subscriber::Column::SubscribedAt.gte(ms(from)));
    }
    if let Some(until) = rules.subscribed_until {
        condition = condition.add(subscriber::Column::SubscribedAt.lt(ms(until)));
    }
    condition
}

/// Has at least one of `tags`, or had one.
pub(super) fn has_tag(tags: &[String], as_of: AsOf) -> SimpleExpr {
    // No tag has a NUL, and PostgreSQL would not even be asked for one.
    let tags = || tags.iter().filter(|tag| !tag.contains('\0')).map(String::as_str);
    let mut tagged = of_subscriber(subscriber_tag::Entity, subscriber_tag::Column::SubscriberId);
    tagged.and_where(subscriber_tag::Column::Tag.is_in(tags()));
    let AsOf::Then(at) = as_of else { return Expr::exists(tagged) };
    tagged.and_where(subscriber_tag::Column::AddedAt.lte(ms(at)));
    let mut was_tagged =
        of_subscriber(subscriber_tag_past::Entity, subscriber_tag_past::Column::SubscriberId);
    was_tagged
        .and_where(subscriber_tag_past::Column::Tag.is_in(tags()))
        .and_where(subscriber_tag_past::Column::AddedAt.lte(ms(at)))
        .and_where(subscriber_tag_past::Column::RemovedAt.gt(ms(at)));
    Expr::exists(tagged).or(Expr::exists(was_tagged))
}

/// The rows of a table that belong to the subscriber looked at.
fn of_subscriber<E: EntityTrait>(entity: E, id: E::Column) -> SelectStatement {
    let of = Expr::col((entity, id)).equals((subscriber::Entity, subscriber::Column::Id));
    Query::select().expr(Expr::val(1)).from(entity).and_where(of).to_owned()
}
