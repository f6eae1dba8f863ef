//! The message ledger.

use super::{
    Campaign, MessageBlocker, MessageEvent, MessageHop, MessageRule, MessageStep, Subscriber,
};
use crate::{
    graphql::{
        connection::int,
        context::Caller,
        directive::requires_scope,
        enums::{MessageReasonCode, MessageStatus, Scope},
        error::Missing,
        loaders,
        scalars::{DateTime, TimeZone},
    },
    service,
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use domain::journey::{self, Evidence};

/// One message to one recipient.
pub(crate) struct Message(service::Message);

impl From<service::Message> for Message {
    fn from(message: service::Message) -> Self {
        Self(message)
    }
}

/// One message to one recipient: a row of the ledger.
#[Object]
impl Message {
    /// The global ID.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The campaign it is part of.
    async fn campaign(&self, ctx: &Context<'_>) -> Result<Campaign> {
        loaders::campaign(ctx, self.0.campaign_id).await.map(Campaign::from)
    }

    /// The step it is an instance of.
    async fn step(&self, ctx: &Context<'_>) -> Result<MessageStep> {
        let campaign = loaders::campaign(ctx, self.0.campaign_id).await?;
        let steps = loaders::steps(ctx, campaign.revision_id).await?;
        match steps.iter().find(|step| step.id == self.0.step_id) {
            Some(step) => Ok(MessageStep::new(&campaign, step.clone())),
            None => Err(Caller::of(ctx)?.internal(&Missing("step"))),
        }
    }

    /// Its recipient.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberRead))]
    async fn subscriber(&self, ctx: &Context<'_>) -> Result<Subscriber> {
        Caller::with(ctx, Scope::SubscriberRead)?;
        loaders::subscriber(ctx, self.0.subscriber_id).await.map(Subscriber::from)
    }

    /// What became of it.
    fn status(&self) -> MessageStatus {
        self.0.standing.state.into()
    }

    /// Why, for a status that has a reason.
    fn reason(&self) -> Option<MessageReason> {
        let code = || self.0.aggregator_code.clone();
        let rule = self.0.rule;
        let reason = self.0.standing.reason;
        reason.map(|reason| MessageReason::new(reason, code()).ruled_by(rule))
    }

    /// The time zone its due time was worked out in.
    fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.zone)
    }

    /// Every time zone the recipient may be in, that one first: quiet hours must be over in all.
    fn time_zones(&self) -> Vec<TimeZone> {
        self.0.zones.zones().iter().copied().map(TimeZone).collect()
    }

    /// The earlier message for whose sake Smart Sending or a legal cap skipped it. Null for any other
    /// message.
    fn blocked_by(&self) -> Option<MessageBlocker> {
        use domain::reason::MessageReason::{FrequencyCap, SmartSending};
        let is_blocked = matches!(self.0.standing.reason, Some(SmartSending | FrequencyCap));
        let at = self.0.blocked_at.filter(|_| is_blocked)?;
        Some(MessageBlocker { id: self.0.blocked_by, at })
    }

    /// When it is or was due.
    fn due_at(&self) -> DateTime {
        self.0.due_at.into()
    }

    /// When it was due before it was deferred. Null if it never was.
    fn deferred_from(&self) -> Option<DateTime> {
        self.0.deferred_from.map(DateTime)
    }

    /// When the aggregator accepted it.
    fn accepted_at(&self) -> Option<DateTime> {
        self.0.accepted_at.map(DateTime)
    }

    /// When it reached the handset, by the carrier's account.
    fn delivered_at(&self) -> Option<DateTime> {
        self.0.delivered_at.map(DateTime)
    }

    /// Its way to the handset, hop by hop, as far as receipts prove it: why handed over is not
    /// delivered.
    async fn journey(&self, ctx: &Context<'_>) -> Result<Vec<MessageHop>> {
        let evidence = Evidence {
            standing: self.0.standing,
            accepted_at: self.0.accepted_at,
            passed_on_at: self.0.passed_on_at,
            delivered_at: self.0.delivered_at,
            stopped_at: self.0.stopped_at,
            is_toll_free: loaders::carrier(ctx, self.0.site_id).await?.is_toll_free,
        };
        Ok(journey::journey(&evidence).into_iter().map(MessageHop::from).collect())
    }

    /// Whether its status can no longer change.
    fn is_final(&self) -> bool {
        self.0.standing.state.is_final()
    }

    /// The aggregator's ID for it.
    fn aggregator_message_id(&self) -> Option<&str> {
        self.0.aggregator_message_id.as_deref()
    }

    /// Attempts to hand it over.
    fn attempt_count(&self) -> i32 {
        int(self.0.attempt_count)
    }

    /// Billable segments. Null until the text is rendered.
    fn segment_count(&self) -> Option<i32> {
        self.0.segment_count.map(int)
    }

    /// Everything that happened to it, oldest first.
    async fn events(&self, ctx: &Context<'_>) -> Result<Vec<MessageEvent>> {
        let events = loaders::message_events(ctx, self.0.id).await?;
        Ok(events.into_iter().map(MessageEvent::from).collect())
    }
}

/// Why a message is in its state.
#[derive(SimpleObject)]
pub(crate) struct MessageReason {
    /// A code to branch on.
    code: MessageReasonCode,
    /// A sentence for people.
    message: &'static str,
    /// What to do about it, if anything can be done.
    remedy: Option<&'static str>,
    /// The aggregator's own code, if it gave one.
    aggregator_code: Option<String>,
    /// The rule behind it: the quiet hours or the legal rule pack that holds or stopped the message.
    rule: Option<MessageRule>,
}

impl MessageReason {
    /// The reason, with the aggregator's own code for it.
    pub(super) fn new(
        reason: domain::reason::MessageReason,
        aggregator_code: Option<String>,
    ) -> Self {
        Self {
            code: reason.into(),
            message: reason.message(),
            remedy: reason.remedy(),
            aggregator_code,
            rule: None,
        }
    }
    /// The same reason, with the rule behind it where one stands behind such a reason.
    pub(super) fn ruled_by(self, rule: Option<domain::curfew::HeldBy>) -> Self {
        let reason = domain::reason::MessageReason::from(self.code);
        let rule = rule.filter(|_| domain::explanation::is_ruled(reason));
        Self { rule: rule.map(|rule| MessageRule::new(rule, reason)), ..self }
    }
}
