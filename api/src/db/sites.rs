//! Sites.

use super::{
    Result, Txn, events,
    page::{self, Cursor, Page, PageRequest, Sort},
};
use domain::{
    Instant,
    campaign::CampaignStatus,
    id::SiteId,
    place::Countries,
    rule_pack::RulePacks,
    site::{QuietHours, SegmentPrice, Site, SiteStatus, SmartSending, SmsPlanStatus},
    zone::Zone,
};
use entity::{
    campaign,
    convert::{self, ms, time_text},
    sender, site,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter,
    QuerySelect,
    sea_query::Expr,
};

/// Settings of a site; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The store's name.
    pub name: Option<String>,
    /// The store's zone.
    pub zone: Option<Zone>,
    /// The subdomain; an empty one takes it away.
    pub subdomain: Option<String>,
    /// Whether it may operate.
    pub status: Option<SiteStatus>,
    /// The state of its subscription.
    pub plan: Option<SmsPlanStatus>,
    /// Segments a trial may send.
    pub trial_limit: Option<i64>,
    /// The price of a segment.
    pub price: Option<SegmentPrice>,
    /// When subscribers must not be texted.
    pub quiet_hours: Option<QuietHours>,
    /// Whether the dated packs of legal rules apply.
    pub rule_packs: Option<RulePacks>,
    /// How often one subscriber may be texted.
    pub smart_sending: Option<SmartSending>,
    /// What stands before every text; an empty one takes it away.
    pub text_prefix: Option<String>,
    /// What stands below every text; an empty one takes it away.
    pub text_footer: Option<String>,
    /// The countries whose numbers are texted.
    pub countries: Option<Countries>,
    /// The answer to HELP; an empty one takes the site's own away.
    pub help_reply: Option<String>,
}

/// One site of those given.
pub async fn find(connection: &impl ConnectionTrait, id: SiteId) -> Result<Option<Site>> {
    let row = site::Entity::find_by_id(id.0).one(connection).await?;
    Ok(row.map(convert::site).transpose()?)
}

/// The site with this name: names are told apart by `admin`, not by the schema.
pub async fn find_by_name(connection: &impl ConnectionTrait, name: &str) -> Result<Option<Site>> {
    let row = site::Entity::find().filter(site::Column::Name.eq(name)).one(connection).await?;
    Ok(row.map(convert::site).transpose()?)
}

/// A page of the sites given, by id.
pub async fn page(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    request: &PageRequest,
) -> Result<Page<Site>> {
    let select =
        site::Entity::find().filter(site::Column::Id.is_in(sites.iter().map(|site| site.0)));
    let sort = Sort::by_id(Expr::col(site::Column::Id), |row: &site::Model| Cursor {
        value: String::new(),
        id: row.id,
    });
    Ok(page::fetch(connection, select, &sort, request).await?.try_map(convert::site)?)
}

/// Makes a site with `defaults`, and opens its log.
pub async fn insert(txn: &Txn, site: &Site) -> Result<()> {
    site::ActiveModel {
        id: Set(site.id.0),
        name: Set(site.name.clone()),
        time_zone: Set(site.zone.name().to_owned()),
        subdomain: Set(site.subdomain.clone()),
        status: Set(site.status.as_str().to_owned()),
        plan: Set(site.plan.as_str().to_owned()),
        trial_limit: Set(site.trial.limit),
        trial_used: Set(site.trial.used),
        trial_reserved: Set(site.trial.reserved),
        trial_ends_at: Set(site.trial.ends_at.map(ms)),
        price_amount: Set(site.price.as_ref().map(|price| price.amount.clone())),
        price_currency: Set(site.price.as_ref().map(|price| price.currency_code.clone())),
        quiet_hours_enabled: Set(site.quiet_hours.is_enabled()),
        quiet_hours_start: Set(time_text(site.quiet_hours.start())),
        quiet_hours_end: Set(time_text(site.quiet_hours.end())),
        rule_packs: Set(Some(site.rule_packs.to_string())),
        has_rule_packs: Set(site.rule_packs != RulePacks::NONE),
        smart_sending_enabled: Set(site.smart_sending.is_enabled),
        smart_sending_window_s: Set(site.smart_sending.window_s),
        text_prefix: Set(site.frame.prefix.clone()),
        text_footer: Set(site.frame.footer.clone()),
        countries: Set(Some(site.countries.to_string()).filter(|codes| !codes.is_empty())),
        help_reply: Set(site.help_reply.clone()),
        created_at: Set(ms(site.created_at)),
        updated_at: Set(ms(site.updated_at)),
    }
    .insert(txn)
    .await?;
    events::open_log(txn, site.id).await
}

/// Changes a site's settings.
pub async fn update(txn: &Txn, id: SiteId, settings: Settings, now: Instant) -> Result<()> {
    fn set<T: Into<sea_orm::Value>>(value: Option<T>) -> sea_orm::ActiveValue<T> {
        value.map_or(NotSet, Set)
    }
    // An empty text takes away what may be missing.
    let kept = |text: String| (!text.is_empty()).then_some(text);
    let quiet = settings.quiet_hours;
    let smart = settings.smart_sending;
    let (amount, currency) =
        settings.price.map(|price| (price.amount, price.currency_code)).unzip();
    site::ActiveModel {
        id: Set(id.0),
        name: set(settings.name),
        time_zone: set(settings.zone.map(|zone| zone.name().to_owned())),
        subdomain: set(settings.subdomain.map(kept)),
        status: set(settings.status.map(|status| status.as_str().to_owned())),
        plan: set(settings.plan.map(|plan| plan.as_str().to_owned())),
        trial_limit: set(settings.trial_limit),
        price_amount: set(amount.map(Some)),
        price_currency: set(currency.map(Some)),
        quiet_hours_enabled: set(quiet.map(QuietHours::is_enabled)),
        quiet_hours_start: set(quiet.map(|quiet| time_text(quiet.start()))),
        quiet_hours_end: set(quiet.map(|quiet| time_text(quiet.end()))),
        rule_packs: set(settings.rule_packs.map(|packs| Some(packs.to_string()))),
        has_rule_packs: set(settings.rule_packs.map(|packs| packs != RulePacks::NONE)),
        smart_sending_enabled: set(smart.map(|smart| smart.is_enabled)),
        smart_sending_window_s: set(smart.map(|smart| smart.window_s)),
        text_prefix: set(settings.text_prefix.map(kept)),
        text_footer: set(settings.text_footer.map(kept)),
        countries: set(settings.countries.map(|countries| kept(countries.to_string()))),
        help_reply: set(settings.help_reply.map(kept)),
        updated_at: Set(ms(now)),
        ..Default::default()
    }
    .update(txn)
    .await?;
    Ok(())
}

/// Whether a sending number of the site is ready.
pub async fn has_ready_sender(connection: &impl ConnectionTrait, id: SiteId) -> Result<bool> {
    let ready = sender::Entity::find()
        .filter(sender::Column::SiteId.eq(id.0))
        .filter(sender::Column::IsReady.eq(true))
        .count(connection)
        .await?;
    Ok(ready > 0)
}

#[derive(FromQueryResult)]
struct StatusCount {
    status: String,
    count: i64,
}

/// How many of the site's campaigns are in each status; statuses without one are left out.
pub async fn campaign_counts(
    connection: &impl ConnectionTrait,
    id: SiteId,
) -> Result<Vec<(CampaignStatus, i64)>> {
    let rows = campaign::Entity::find()
        .select_only()
        .column(campaign::Column::Status)
        .column_as(campaign::Column::Id.count(), "count")
        .filter(campaign::Column::SiteId.eq(id.0))
        .group_by(campaign::Column::Status)
        .into_model::<StatusCount>()
        .all(connection)
        .await?;
    let read = |row: StatusCount| Ok((convert::code("campaign", &row.status)?, row.count));
    rows.into_iter().map(read).collect()
}
