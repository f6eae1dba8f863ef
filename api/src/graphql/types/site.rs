//! Sites and their settings.

use super::{
    Aggregator, AudienceConnection, AuditEntryConnection, CampaignConnection, RulePack,
    SiteSettingChangeConnection, SubscriberConnection,
};
use crate::{
    graphql::{
        connection::{PageArgs, Sort, Total, int},
        context::Caller,
        directive::requires_scope,
        enums::{CampaignStatus, CampaignStatusReasonCode, Scope, SiteStatus, SmsPlanStatus},
        inputs::{
            AuditFilterInput, CampaignFilterInput, CampaignOrderInput, SubscriberFilterInput,
        },
        loaders::{self, AudiencesOf, AuditOf, CampaignsOf, SettingsOf, SubscribersOf},
        scalars::{DateTime, Duration, EventCursor, LocalTime, TimeZone},
    },
    service::{CampaignFilter, CampaignOrder, SubscriberFilter},
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use domain::reason::StatusReason;

/// The field of a page of campaigns for which the log is looked at.
const LIVE_CURSOR: &str = "liveCursor";

/// A store.
#[derive(Clone)]
pub(crate) struct Site(domain::site::Site);

impl From<domain::site::Site> for Site {
    fn from(site: domain::site::Site) -> Self {
        Self(site)
    }
}

/// A store: the owner of subscribers, audiences and campaigns.
#[Object]
impl Site {
    /// The global ID.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The store's name.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// The store's time zone: the one store-time campaigns use.
    fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.zone)
    }

    /// The subdomain that short links are served from. A site without one cannot send.
    fn subdomain(&self) -> Option<&str> {
        self.0.subdomain.as_deref()
    }

    /// Whether the site may operate at all.
    fn status(&self) -> SiteStatus {
        self.0.status.into()
    }

    /// The site's SMS subscription.
    fn sms_plan(&self) -> SmsPlan {
        SmsPlan::of(&self.0)
    }

    /// When subscribers must not be texted.
    fn quiet_hours(&self) -> QuietHours {
        self.0.quiet_hours.into()
    }

    /// How often one subscriber may be texted.
    fn smart_sending(&self) -> SmartSending {
        let cap = self.0.smart_sending;
        SmartSending { is_enabled: cap.is_enabled, window: Duration::of_seconds(cap.window_s) }
    }

    /// Every pack of legal rules there is, and whether it applies.
    fn rule_packs(&self) -> Vec<RulePack> {
        RulePack::all(self.0.rule_packs)
    }

    /// What was changed of the settings and by whom, newest first.
    async fn setting_changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
    ) -> Result<SiteSettingChangeConnection> {
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let page = loaders::page(ctx, SettingsOf(self.0.id, page)).await?;
        Ok(SiteSettingChangeConnection::new(page, Sort::Id))
    }

    /// Who did what, newest first: one entry for each mutation that changed something. Entries are kept for
    /// `api.audit_retention`, 400 days unless that is set.
    #[graphql(directive = requires_scope::apply(Scope::AuditRead))]
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
        #[graphql(desc = "Keep only matching entries.")] filter: Option<AuditFilterInput>,
    ) -> Result<AuditEntryConnection> {
        Caller::with(ctx, Scope::AuditRead)?;
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let asked = AuditOf(self.0.id, filter.unwrap_or_default().into(), page);
        Ok(AuditEntryConnection::new(loaders::page(ctx, asked).await?, Sort::Id))
    }

    /// The countries whose numbers are texted, by their ISO 3166-1 codes. Empty for every one.
    fn countries(&self) -> Vec<&str> {
        self.0.countries.codes().collect()
    }

    /// What stands before every text, followed by a colon. It counts as part of the text.
    fn text_prefix(&self) -> Option<&str> {
        self.0.frame.prefix.as_deref()
    }

    /// What stands below every text, on a line of its own. It counts as part of the text.
    fn text_footer(&self) -> Option<&str> {
        self.0.frame.footer.as_deref()
    }

    /// The aggregator that carries the site's messages. Null until one is set up.
    async fn aggregator(&self, ctx: &Context<'_>) -> Option<Result<Aggregator>> {
        let carrier = loaders::carrier(ctx, self.0.id).await;
        carrier.map(|carrier| carrier.aggregator.map(Aggregator::from)).transpose()
    }

    /// What a text that asks for `HELP` is answered with: the site's own words, or, where it has
    /// none, what must be told.
    fn help_reply(&self) -> String {
        self.0.answer_to_help()
    }

    /// Everything that would make a campaign fail if it were activated now. Empty when the site can
    /// send.
    async fn sending_blockers(&self, ctx: &Context<'_>) -> Result<Vec<SendingBlocker>> {
        let carrier = loaders::carrier(ctx, self.0.id).await?;
        let blockers = Caller::of(ctx)?.service.sending_blockers(&self.0, &carrier);
        Ok(blockers.into_iter().map(SendingBlocker::from).collect())
    }

    /// How many campaigns are in each status, every status included.
    #[graphql(directive = requires_scope::apply(Scope::CampaignRead))]
    async fn campaign_counts(&self, ctx: &Context<'_>) -> Result<Vec<CampaignStatusCount>> {
        Caller::with(ctx, Scope::CampaignRead)?;
        let counts = loaders::campaign_counts(ctx, self.0.id).await?;
        let of = |(status, count): (domain::campaign::CampaignStatus, i64)| CampaignStatusCount {
            status: status.into(),
            count: int(count),
        };
        Ok(counts.into_iter().map(of).collect())
    }

    /// The site's campaigns.
    #[graphql(directive = requires_scope::apply(Scope::CampaignRead))]
    #[expect(clippy::too_many_arguments, reason = "the arguments are the schema's")]
    async fn campaigns(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
        #[graphql(desc = "Keep only matching campaigns.")] filter: Option<CampaignFilterInput>,
        #[graphql(desc = "How to sort. Ties are broken by ID.")] order_by: Option<
            CampaignOrderInput,
        >,
    ) -> Result<CampaignConnection> {
        Caller::with(ctx, Scope::CampaignRead)?;
        let order = CampaignOrder::from(order_by.unwrap_or_default());
        let sort = Sort::from(order.field);
        let page = PageArgs { first, after, last, before }.request(sort)?;
        let filter = CampaignFilter::from(filter.unwrap_or_default());
        let site_id = self.0.id;
        // Read before the rows: a change made in between is told twice rather than never.
        let is_followed = ctx.look_ahead().field(LIVE_CURSOR).exists();
        let position = if is_followed { loaders::log_position(ctx, site_id).await? } else { 0 };
        let wanted = CampaignsOf(site_id, (filter.clone(), order, page));
        let page = loaders::page(ctx, wanted).await?;
        let live_cursor = EventCursor { site_id, position };
        let total = Total::Campaigns(site_id, filter);
        Ok(CampaignConnection::new(page, sort, total, live_cursor))
    }

    /// The site's audiences.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberRead))]
    async fn audiences(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
    ) -> Result<AudienceConnection> {
        Caller::with(ctx, Scope::SubscriberRead)?;
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let page = loaders::page(ctx, AudiencesOf(self.0.id, page)).await?;
        Ok(AudienceConnection::new(page, Sort::Id, Total::Audiences(self.0.id)))
    }

    /// The site's subscribers.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberRead))]
    async fn subscribers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
        #[graphql(desc = "Keep only matching subscribers.")] filter: Option<SubscriberFilterInput>,
    ) -> Result<SubscriberConnection> {
        Caller::with(ctx, Scope::SubscriberRead)?;
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let filter = SubscriberFilter::from(filter.unwrap_or_default());
        let page = loaders::page(ctx, SubscribersOf(self.0.id, filter.clone(), page)).await?;
        let total = Total::Subscribers(self.0.id, filter);
        Ok(SubscriberConnection::new(page, Sort::Id, total))
    }

    /// When the site was made.
    fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When the site last changed.
    fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

/// A site's SMS subscription.
#[derive(SimpleObject)]
pub(crate) struct SmsPlan {
    /// The state of the subscription.
    status: SmsPlanStatus,
    /// The trial allowance. Null unless the status is `TRIAL`.
    trial: Option<TrialAllowance>,
}

impl SmsPlan {
    fn of(site: &domain::site::Site) -> Self {
        let trial = site.trial;
        let is_trial = site.plan == domain::site::SmsPlanStatus::Trial;
        let trial = is_trial.then(|| TrialAllowance {
            limit: int(trial.limit),
            used: int(trial.used),
            reserved: int(trial.reserved),
            remaining: int(trial.remaining()),
            ends_at: trial.ends_at.map(DateTime),
        });
        Self { status: site.plan.into(), trial }
    }
}

/// What a trial may send.
#[derive(SimpleObject)]
pub(crate) struct TrialAllowance {
    /// Segments allowed.
    limit: i32,
    /// Segments used.
    used: i32,
    /// Segments reserved by activated campaigns and not yet used.
    reserved: i32,
    /// Segments left, never negative.
    remaining: i32,
    /// When the trial ends.
    ends_at: Option<DateTime>,
}

/// The daily window in which nobody is texted, read in each subscriber's own time zone. A window
/// may span midnight.
#[derive(SimpleObject)]
pub(crate) struct QuietHours {
    /// Whether the window is enforced.
    is_enabled: bool,
    /// When quiet begins.
    start: LocalTime,
    /// When quiet ends.
    end: LocalTime,
}

impl From<domain::site::QuietHours> for QuietHours {
    fn from(hours: domain::site::QuietHours) -> Self {
        Self {
            is_enabled: hours.is_enabled(),
            start: LocalTime(hours.start()),
            end: LocalTime(hours.end()),
        }
    }
}

/// A cap on frequency: whoever was texted within the window is skipped.
#[derive(SimpleObject)]
pub(crate) struct SmartSending {
    /// Whether the cap is enforced.
    is_enabled: bool,
    /// How long after one campaign message a subscriber is left alone.
    window: Duration,
}

/// A reason a site cannot send.
#[derive(SimpleObject)]
pub(crate) struct SendingBlocker {
    /// The code a campaign would fail with.
    code: CampaignStatusReasonCode,
    /// What is wrong and how to put it right.
    message: String,
}

impl From<StatusReason> for SendingBlocker {
    fn from(reason: StatusReason) -> Self {
        // The reason's own remedy speaks of a campaign that has failed; here none has.
        let remedy = match reason {
            StatusReason::SiteInactive => Some("Reactivate the site."),
            StatusReason::SmsPlanMissing => Some("Start an SMS subscription."),
            StatusReason::TrialLimitReached => Some("Upgrade the subscription."),
            StatusReason::SubdomainMissing => Some("Set the site's subdomain."),
            StatusReason::SenderNotReady => Some("Register a sending number."),
            other => other.remedy(),
        };
        let sentences: Vec<&str> = std::iter::once(reason.message()).chain(remedy).collect();
        Self { code: reason.into(), message: sentences.join(" ") }
    }
}

/// How many campaigns are in one status.
#[derive(SimpleObject)]
pub(crate) struct CampaignStatusCount {
    /// The status.
    status: CampaignStatus,
    /// The number of campaigns.
    count: i32,
}
