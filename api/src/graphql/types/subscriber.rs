//! Subscribers.

use super::{ConsentEntryConnection, MessageConnection, Site};
use crate::{
    graphql::{
        connection::{PageArgs, Sort, Total},
        context::{Answered as _, Caller},
        directive::requires_scope,
        enums::{Scope, SubscriberStatus, TimeZoneSource},
        loaders,
        scalars::{DateTime, PhoneNumber, TimeZone},
    },
    service::SubscriberView,
};
use async_graphql::{Context, ID, Object, Result};

/// A person who can be texted.
#[derive(Clone)]
pub(crate) struct Subscriber(SubscriberView);

impl From<SubscriberView> for Subscriber {
    fn from(view: SubscriberView) -> Self {
        Self(view)
    }
}

/// A person who can be texted.
#[Object]
impl Subscriber {
    /// The global ID.
    pub(crate) async fn id(&self) -> ID {
        self.0.subscriber.id.to_string().into()
    }

    /// The site subscribed to.
    async fn site(&self, ctx: &Context<'_>) -> Result<Site> {
        loaders::site(ctx, self.0.subscriber.site_id).await.map(Site::from)
    }

    /// The phone number.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberPii))]
    async fn phone_number(&self, ctx: &Context<'_>) -> Option<Result<PhoneNumber>> {
        let allowed = Caller::with(ctx, Scope::SubscriberPii);
        Some(allowed.map(|_| PhoneNumber(self.0.subscriber.phone.clone())))
    }

    /// The phone number, all but its country code and last two digits hidden: `+1••••••••00`.
    fn masked_phone_number(&self) -> String {
        self.0.subscriber.phone.masked()
    }

    /// Whether the subscriber consents to be texted.
    fn status(&self) -> SubscriberStatus {
        self.0.subscriber.status.into()
    }

    /// The time zone used for this subscriber.
    fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.zone)
    }

    /// How the time zone is known.
    fn time_zone_source(&self) -> TimeZoneSource {
        self.0.zone_source.into()
    }

    /// Labels that audiences select on.
    fn tags(&self) -> &[String] {
        &self.0.tags
    }

    /// When consent was given.
    fn subscribed_at(&self) -> DateTime {
        self.0.subscriber.subscribed_at.into()
    }

    /// When consent was withdrawn, if it was.
    fn unsubscribed_at(&self) -> Option<DateTime> {
        self.0.subscriber.unsubscribed_at.map(DateTime)
    }

    /// When a campaign message was last handed over for this subscriber: what Smart Sending looks
    /// at.
    fn last_messaged_at(&self) -> Option<DateTime> {
        self.0.subscriber.last_messaged_at.map(DateTime)
    }

    /// When they wrote what may be a wish to opt out, while nobody has cleared it. Until then their
    /// messages are skipped with `SUPPRESSED`. See `subscriberClearPossibleOptOut`.
    fn possible_opt_out_at(&self) -> Option<DateTime> {
        self.0.subscriber.suspected_opt_out_at.map(DateTime)
    }

    /// What was said of their phone and bears on whether it may be texted, newest first, from before
    /// it was added, too.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberRead))]
    async fn consent_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
    ) -> Result<ConsentEntryConnection> {
        let caller = Caller::with(ctx, Scope::SubscriberRead)?;
        let id = self.0.subscriber.id;
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let page = caller.service.subscriber_consent_log(&caller.actor, id, &page).await;
        Ok(ConsentEntryConnection::new(page.or_internal(&caller)?, Sort::Id))
    }

    /// Messages to this subscriber, newest first.
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
    ) -> Result<MessageConnection> {
        let caller = Caller::with(ctx, Scope::MessageRead)?;
        let id = self.0.subscriber.id;
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let page = caller.service.subscriber_messages(&caller.actor, id, &page).await;
        let total = Total::SubscriberMessages(id);
        Ok(MessageConnection::new(page.or_internal(&caller)?, Sort::Id, total))
    }
}
