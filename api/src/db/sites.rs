//! Sites.
//!
//! **Invariant:** a setting changes only through [`change`], together with its entry in the log of changes.

use super::{
    Result, Txn, bulk,
    events::{self, Cause},
    page::{self, Cursor, Page, PageRequest, Sort},
    site_changes,
};
use crate::ports::Ids;
use domain::{
    Instant,
    campaign::CampaignStatus,
    id::SiteId,
    place::Countries,
    rule_pack::RulePacks,
    setting,
    site::{
        QuietHours, SegmentPrice, Site, SiteStatus, SmartSending, SmsPlanStatus, TrialAllowance,
    },
    text::Frame,
    zone::Zone,
};
use entity::{
    campaign,
    convert::{self, ms, time_text},
    sender, site,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, SqlErr,
    sea_query::{Expr, LockType},
};
use uuid::Uuid;

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

/// The sites with these ids, in no order.
pub async fn find_many(connection: &impl ConnectionTrait, ids: &[SiteId]) -> Result<Vec<Site>> {
    let among = bulk::among(connection, site::Column::Id, ids.iter().map(|id| id.0));
    let rows = site::Entity::find().filter(among).all(connection).await?;
    Ok(rows.into_iter().map(convert::site).collect::<std::result::Result<_, _>>()?)
}

/// The site with this name: names are told apart by `admin`, not by the schema.
pub async fn find_by_name(connection: &impl ConnectionTrait, name: &str) -> Result<Option<Site>> {
    let row = site::Entity::find().filter(site::Column::Name.eq(name)).one(connection).await?;
    Ok(row.map(convert::site).transpose()?)
}

/// Those of the sites given that are there, in order of id.
pub async fn existing(connection: &impl ConnectionTrait, sites: &[SiteId]) -> Result<Vec<SiteId>> {
    let ids: Vec<Uuid> = site::Entity::find()
        .select_only()
        .column(site::Column::Id)
        .filter(site::Column::Id.is_in(sites.iter().map(|site| site.0)))
        .order_by_asc(site::Column::Id)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(SiteId::from).collect())
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

/// What is to be done to a site that is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its settings are to be changed, the subdomain not.
    Settings,
    /// Its subdomain too, which is unique: to PostgreSQL that is a key, which others may point to.
    Subdomain,
}

impl Purpose {
    /// What a change is for that names a subdomain, or does not.
    pub const fn of(names_subdomain: bool) -> Self {
        if names_subdomain { Self::Subdomain } else { Self::Settings }
    }
}

/// One site, locked against other writers until the transaction ends.
pub async fn lock(txn: &Txn, id: SiteId, purpose: Purpose) -> Result<Option<Site>> {
    let mut select = site::Entity::find_by_id(id.0);
    if txn.get_database_backend() == DbBackend::Postgres {
        // Rows that point to the site may still be written by others, unless the subdomain changes: asked
        // for later, the stronger lock would be waited for by those who wait for this one.
        select = select.lock(match purpose {
            Purpose::Settings => LockType::NoKeyUpdate,
            Purpose::Subdomain => LockType::Update,
        });
    }
    Ok(select.one(txn).await?.map(convert::site).transpose()?)
}

/// What became of a site that was to be written.
#[derive(Clone, Debug)]
pub enum Written {
    /// It is as given here.
    Done(Box<Site>),
    /// The subdomain is another site's. The transaction is of no more use.
    SubdomainTaken,
}

/// Makes a site, and opens its log.
pub async fn insert(txn: &Txn, new: &Site) -> Result<Written> {
    let row = site::ActiveModel {
        trial_used: Set(new.trial.used),
        trial_reserved: Set(new.trial.reserved),
        trial_ends_at: Set(new.trial.ends_at.map(ms)),
        created_at: Set(ms(new.created_at)),
        ..settings_of(new)
    };
    match row.insert(txn).await {
        Err(error) if is_taken(&error) => return Ok(Written::SubdomainTaken),
        done => drop(done?),
    }
    events::open_log(txn, new.id).await?;
    Ok(Written::Done(Box::new(new.clone())))
}

/// Changes the settings of a site, which must be locked, and logs each that becomes another. Where none
/// does, nothing is written.
pub async fn change(
    txn: &Txn,
    ids: &Ids,
    cause: &Cause,
    before: &Site,
    settings: Settings,
    now: Instant,
) -> Result<Written> {
    let after = Site { updated_at: now, ..settings.over(before) };
    let changes = setting::changes(before, &after);
    if changes.is_empty() {
        return Ok(Written::Done(Box::new(before.clone())));
    }
    match settings_of(&after).update(txn).await {
        Err(error) if is_taken(&error) => return Ok(Written::SubdomainTaken),
        done => drop(done?),
    }
    site_changes::append(txn, ids, cause, after.id, &changes, now).await?;
    Ok(Written::Done(Box::new(after)))
}

/// The one thing of a site that no other may have is its subdomain.
fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

impl Settings {
    /// The site with these settings over its own. An empty text takes away what may be missing.
    pub fn over(self, site: &Site) -> Site {
        let site = site.clone();
        let text = |new: Option<String>, old: Option<String>| match new {
            Some(text) => Some(text).filter(|text| !text.is_empty()),
            None => old,
        };
        Site {
            name: self.name.unwrap_or(site.name),
            zone: self.zone.unwrap_or(site.zone),
            subdomain: text(self.subdomain, site.subdomain),
            status: self.status.unwrap_or(site.status),
            plan: self.plan.unwrap_or(site.plan),
            trial: TrialAllowance {
                limit: self.trial_limit.unwrap_or(site.trial.limit),
                ..site.trial
            },
            price: self.price.or(site.price),
            quiet_hours: self.quiet_hours.unwrap_or(site.quiet_hours),
            rule_packs: self.rule_packs.unwrap_or(site.rule_packs),
            smart_sending: self.smart_sending.unwrap_or(site.smart_sending),
            countries: self.countries.unwrap_or(site.countries),
            frame: Frame {
                prefix: text(self.text_prefix, site.frame.prefix),
                footer: text(self.text_footer, site.frame.footer),
            },
            help_reply: text(self.help_reply, site.help_reply),
            ..site
        }
    }
}

/// A row's settings. What the service counts itself is left as it is.
fn settings_of(site: &Site) -> site::ActiveModel {
    site::ActiveModel {
        id: Set(site.id.0),
        name: Set(site.name.clone()),
        time_zone: Set(site.zone.name().to_owned()),
        subdomain: Set(site.subdomain.clone()),
        status: Set(site.status.as_str().to_owned()),
        plan: Set(site.plan.as_str().to_owned()),
        trial_limit: Set(site.trial.limit),
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
        updated_at: Set(ms(site.updated_at)),
        ..Default::default()
    }
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
    site_id: Uuid,
    status: String,
    count: i64,
}

/// How many campaigns of each site are in each status; statuses without one are left out.
pub async fn campaign_counts(
    connection: &impl ConnectionTrait,
    ids: &[SiteId],
) -> Result<Vec<(SiteId, CampaignStatus, i64)>> {
    let rows = campaign::Entity::find()
        .select_only()
        .column(campaign::Column::SiteId)
        .column(campaign::Column::Status)
        .column_as(campaign::Column::Id.count(), "count")
        .filter(bulk::among(connection, campaign::Column::SiteId, ids.iter().map(|id| id.0)))
        .group_by(campaign::Column::SiteId)
        .group_by(campaign::Column::Status)
        .into_model::<StatusCount>()
        .all(connection)
        .await?;
    let read = |row: StatusCount| {
        Ok((row.site_id.into(), convert::code("campaign", &row.status)?, row.count))
    };
    rows.into_iter().map(read).collect()
}
