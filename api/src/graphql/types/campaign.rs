//! Campaigns.

use super::{
    Audience, CampaignDelay, CampaignEstimate, CampaignEventConnection, CampaignProgress,
    CampaignSchedule, MessageConnection, MessageStep, QuietHours, RecipientExplanation,
    SendingDetails, Site,
};
use crate::{
    graphql::{
        connection::{PageArgs, Sort, Total, int},
        context::{Answered as _, Caller, id},
        directive::requires_scope,
        enums::{CampaignAction, CampaignStatus, CampaignStatusReasonCode, Scope},
        error,
        inputs::{CampaignScheduleInput, MessageFilterInput},
        loaders::{self, EventsOf, MessagesOf},
        scalars::{DateTime, Duration, EventCursor, PhoneNumber},
    },
    service::{self, Estimated, MessageFilter, Progress, Tally, Whom},
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use domain::{reason::StatusReason, schedule::ScheduleRequest};
use futures_util::try_join;
use std::sync::Arc;

/// What is said when too many estimates are asked for.
const BUSY: &str =
    "Too many estimates are being worked out at this moment. Ask again in a few seconds.";

/// A campaign.
#[derive(Clone)]
pub(crate) struct Campaign {
    row: domain::campaign::Campaign,
    sample: Option<Progress>,
}

impl From<domain::campaign::Campaign> for Campaign {
    fn from(row: domain::campaign::Campaign) -> Self {
        Self { row, sample: None }
    }
}

impl Campaign {
    /// The campaign with the progress it is sent for, so that the two are of one moment.
    pub(in crate::graphql) fn sampled(
        row: domain::campaign::Campaign,
        sample: Option<Progress>,
    ) -> Self {
        Self { row, sample }
    }

    /// The version of the progress it is sent for.
    #[cfg(test)]
    pub(in crate::graphql) fn version(&self) -> Option<i64> {
        self.sample.as_ref().map(|sample| sample.version)
    }
}

// Each field of each campaign of a list makes room for the largest of all: what takes much is kept apart.
/// A message, or a chain of messages, for an audience.
#[Object]
impl Campaign {
    /// The global ID.
    pub(crate) async fn id(&self) -> ID {
        self.row.id.to_string().into()
    }

    /// The site that sends it.
    async fn site(&self, ctx: &Context<'_>) -> Result<Site> {
        loaders::site(ctx, self.row.site_id).await.map(Site::from)
    }

    /// A label for people.
    fn name(&self) -> &str {
        &self.row.name
    }

    /// Where the campaign is in its life.
    fn status(&self) -> CampaignStatus {
        self.row.status.into()
    }

    /// Why it is in that status, when there is more to say than the status itself.
    fn status_reason(&self) -> Option<CampaignStatusReason> {
        self.row.status_reason.map(CampaignStatusReason::from)
    }

    /// Whether it is paused, beside its status: nothing more is handed over until it is resumed. False
    /// unless it is `PROCESSING` or `SENDING`.
    fn is_paused(&self) -> bool {
        self.row.is_paused()
    }

    /// When it entered that status.
    fn status_changed_at(&self) -> DateTime {
        self.row.status_changed_at.into()
    }

    /// What the caller may do to the campaign now, given its status and the caller's scopes.
    fn allowed_actions(&self, ctx: &Context<'_>) -> Result<Vec<CampaignAction>> {
        let actor = Caller::of(ctx)?.actor;
        let actions = domain::campaign::CampaignAction::ALL.iter().copied();
        let allowed = actions
            .filter(|action| self.row.allows(*action))
            .filter(|action| actor.may(scope_of(*action)));
        Ok(allowed.map(CampaignAction::from).collect())
    }

    /// What canceling now would do. Null when it cannot be canceled.
    async fn cancel_preview(&self, ctx: &Context<'_>) -> Option<Result<CancelPreview>> {
        let tally = loaders::tally(ctx, self.row.id).await;
        let preview = |tally: Arc<Tally>| tally.cancel_preview(&self.row).map(CancelPreview::from);
        tally.map(preview).transpose()
    }

    /// Who receives it.
    async fn audiences(&self, ctx: &Context<'_>) -> Result<Vec<Audience>> {
        let view = loaders::audiences(ctx, self.row.revision_id).await?;
        let included = view.iter().flat_map(|view| view.included.iter().cloned());
        Ok(included.map(Audience::from).collect())
    }

    /// Who does not, even if in an audience above.
    async fn excluded_audiences(&self, ctx: &Context<'_>) -> Result<Vec<Audience>> {
        let view = loaders::audiences(ctx, self.row.revision_id).await?;
        let excluded = view.iter().flat_map(|view| view.excluded.iter().cloned());
        Ok(excluded.map(Audience::from).collect())
    }

    /// Its messages, the initial one first, then the follow-ups.
    async fn steps(&self, ctx: &Context<'_>) -> Result<Vec<MessageStep>> {
        let steps = loaders::steps(ctx, self.row.revision_id).await?;
        Ok(steps.iter().map(|step| MessageStep::new(&self.row, step.clone())).collect())
    }

    /// When it goes out. Null for a draft never scheduled.
    fn schedule(&self) -> Option<CampaignSchedule> {
        self.row.schedule.clone().map(CampaignSchedule::from)
    }

    /// Whether Smart Sending applies to it.
    fn uses_smart_sending(&self) -> bool {
        self.row.uses_smart_sending
    }

    /// Quiet hours of its own, enforced beside the site's. Null when it has none.
    fn quiet_hours(&self) -> Option<QuietHours> {
        self.row.quiet_hours.map(QuietHours::from)
    }

    /// How late it may start, as after an outage: later, it fails with `SCHEDULE_MISSED`. Null when
    /// the service's own limit holds, and for a draft.
    fn max_lateness(&self) -> Option<Duration> {
        self.row.max_lateness_s.map(Duration::of_seconds)
    }

    /// How it is being delivered: what the (i) beside the status shows. Null before activation.
    async fn sending_details(&self, ctx: &Context<'_>) -> Option<Result<SendingDetails>> {
        let details = async {
            let Caller { service, .. } = Caller::of(ctx)?;
            let (around, steps, site) = try_join!(
                loaders::circumstances(ctx, &self.row),
                loaders::steps(ctx, self.row.revision_id),
                loaders::site(ctx, self.row.site_id),
            )?;
            let details = service.sending_details(&self.row, &around, &steps, site.zone);
            Ok(details.map(SendingDetails::from))
        };
        Box::pin(details).await.transpose()
    }

    /// What it waits for and until when, in a sentence or two. Null when it waits for nothing.
    async fn waiting_for(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let waiting = async {
            let around = loaders::circumstances(ctx, &self.row).await?;
            Ok(Caller::of(ctx)?.service.campaign_waiting_for(&self.row, &around))
        };
        Box::pin(waiting).await.transpose()
    }

    /// How far along it is. Null before it enters `PROCESSING`.
    async fn progress(&self, ctx: &Context<'_>) -> Option<Result<CampaignProgress>> {
        if let Some(sample) = &self.sample {
            return Some(Ok(sample.clone().into()));
        }
        let progress = async {
            let tally = loaders::tally(ctx, self.row.id).await?;
            let progress = Caller::of(ctx)?.service.progress(&tally);
            Ok(progress.map(CampaignProgress::from))
        };
        progress.await.transpose()
    }

    /// What it is waiting for, if it is waiting: why a long `PROCESSING` or `SENDING` is normal, or
    /// is not, and why a message handed over has not arrived.
    async fn delays(&self, ctx: &Context<'_>) -> Result<Vec<CampaignDelay>> {
        let around = Box::pin(loaders::circumstances(ctx, &self.row)).await?;
        let delays = Caller::of(ctx)?.service.campaign_delays(&self.row, &around);
        let own = delays.own.into_iter().map(CampaignDelay::from);
        Ok(own.chain(delays.aggregator.into_iter().map(CampaignDelay::from)).collect())
    }

    /// Whom it would reach, when, and what it would cost, if activated so: the planner run dry. Null
    /// once activated. Many asked for at once are refused with `RATE_LIMITED`; ask again a little later.
    async fn estimate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The schedule to try. By default, now.")] schedule: Option<
            CampaignScheduleInput,
        >,
        #[graphql(desc = "Messages not handed over by then would be skipped.")] send_by: Option<
            DateTime,
        >,
    ) -> Option<Result<CampaignEstimate>> {
        let estimate = async {
            let caller = Caller::of(ctx)?;
            let must = |must: &str| error::bad_argument("schedule", must);
            let request = schedule.map_or(Ok(ScheduleRequest::Now), ScheduleRequest::try_from);
            let request = request.map_err(|_not_now| must("not be `now: false`"))?;
            let send_by = send_by.map(|at| at.0);
            let estimate = caller.service.estimate(&self.row, request, send_by).await;
            match estimate.or_internal(&caller)? {
                Estimated::Done(estimate) => Ok(Some(CampaignEstimate::from(*estimate))),
                Estimated::Activated => Ok(None),
                Estimated::Refused(refusals) => {
                    let why: Vec<String> = refusals.into_iter().map(|it| it.message).collect();
                    Err(error::coded(error::code::BAD_USER_INPUT, why.join(" ")))
                }
                Estimated::Busy => Err(error::coded(error::code::RATE_LIMITED, BUSY)),
            }
        };
        Box::pin(estimate).await.transpose()
    }

    /// Why one subscriber gets its messages, or does not: give the subscriber's ID or phone number.
    /// Null when its site has no such subscriber.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberRead))]
    async fn explain_recipient(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The subscriber's phone number.")] phone_number: Option<PhoneNumber>,
        #[graphql(desc = "The subscriber. Not with `phoneNumber`.")] subscriber_id: Option<ID>,
    ) -> Option<Result<RecipientExplanation>> {
        let explanation = async {
            let caller = Caller::with(ctx, Scope::SubscriberRead)?;
            let whom = match (phone_number, subscriber_id) {
                (Some(phone), None) => Whom::Phone(phone.0),
                (None, Some(text)) => Whom::Id(id(&text)),
                (None, None) => {
                    return Err(error::bad_argument("subscriberId", "be given, or `phoneNumber`"));
                }
                (Some(_), Some(_)) => {
                    let must = "not be given with `phoneNumber`";
                    return Err(error::bad_argument("subscriberId", must));
                }
            };
            let (service, actor) = (&caller.service, &caller.actor);
            let found = service.explain_recipient(actor, &self.row, whom).await;
            Ok(found.or_internal(&caller)?.map(RecipientExplanation::from))
        };
        Box::pin(explanation).await.transpose()
    }

    /// Its message ledger: one row for each recipient and step.
    #[graphql(directive = requires_scope::apply(Scope::MessageRead))]
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
        #[graphql(desc = "Keep only matching messages.")] filter: Option<MessageFilterInput>,
    ) -> Result<MessageConnection> {
        Caller::with(ctx, Scope::MessageRead)?;
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let filter = MessageFilter::from(filter.unwrap_or_default());
        let wanted = MessagesOf(self.row.id, filter.clone(), page);
        let page = Box::pin(loaders::page(ctx, wanted)).await?;
        let total = Total::Messages(self.row.id, filter);
        Ok(MessageConnection::new(page, Sort::Id, total))
    }

    /// Its history, oldest first.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
    ) -> Result<CampaignEventConnection> {
        let page = PageArgs { first, after, last, before }.request(Sort::Sequence)?;
        let page = Box::pin(loaders::page(ctx, EventsOf(self.row.id, page))).await?;
        Ok(CampaignEventConnection::new(page, Sort::Sequence))
    }

    /// The campaign this one was duplicated from.
    async fn duplicated_from(&self, ctx: &Context<'_>) -> Option<Result<Campaign>> {
        let original = loaders::campaign_if_any(ctx, self.row.duplicated_from?).await;
        original.map(|original| original.map(Campaign::from)).transpose()
    }

    /// The `sequence` of its latest event. Pass it as `expectedRevision` to refuse to act on a
    /// stale view.
    fn revision(&self) -> i32 {
        int(self.row.revision)
    }

    /// A position in the event log no later than this object's state. Subscribe `after` it and no
    /// change is missed.
    async fn live_cursor(&self, ctx: &Context<'_>) -> Result<EventCursor> {
        let position = loaders::position(ctx, &self.row).await?;
        Ok(EventCursor { site_id: self.row.site_id, position })
    }

    /// When it was made.
    fn created_at(&self) -> DateTime {
        self.row.created_at.into()
    }

    /// When it last changed.
    fn updated_at(&self) -> DateTime {
        self.row.updated_at.into()
    }
}

/// The scope that the action's mutation requires.
fn scope_of(action: domain::campaign::CampaignAction) -> domain::access::Scope {
    use domain::{access::Scope, campaign::CampaignAction::*};
    match action {
        Edit | Duplicate | Delete => Scope::CampaignWrite,
        Activate | Reschedule | Pause | Resume | Cancel => Scope::CampaignSend,
    }
}

/// Why a campaign is in its status.
#[derive(SimpleObject)]
pub(crate) struct CampaignStatusReason {
    /// A code to branch on.
    code: CampaignStatusReasonCode,
    /// A sentence for people.
    message: &'static str,
    /// What to do next, if anything can be done.
    remedy: Option<&'static str>,
}

impl From<StatusReason> for CampaignStatusReason {
    fn from(reason: StatusReason) -> Self {
        Self { code: reason.into(), message: reason.message(), remedy: reason.remedy() }
    }
}

/// What canceling would do now.
#[derive(SimpleObject)]
pub(crate) struct CancelPreview {
    /// The status it would end in: `DRAFT` from `SCHEDULED`, otherwise `CANCELED`.
    resulting_status: CampaignStatus,
    /// Messages that would be stopped.
    stoppable_count: i32,
    /// Messages already handed over, which cannot be called back.
    handed_over_count: i32,
    /// Messages being handed over at this moment. At most these can still slip through.
    in_flight_count: i32,
}

impl From<service::CancelPreview> for CancelPreview {
    fn from(preview: service::CancelPreview) -> Self {
        Self {
            resulting_status: preview.resulting_status.into(),
            stoppable_count: int(preview.stoppable_count),
            handed_over_count: int(preview.handed_over_count),
            in_flight_count: int(preview.in_flight_count),
        }
    }
}
