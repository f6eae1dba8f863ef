//! Subscribers.

use super::{ConsentEntryConnection, MessageConnection, Site};
use crate::{
    graphql::{
        connection::{PageArgs, Sort, Total},
        context::Caller,
        directive::requires_scope,
        enums::{Scope, SubscriberStatus, TimeZoneConfidence, TimeZoneSource},
        loaders::{self, ConsentOf, MessagesTo},
        scalars::{DateTime, PhoneNumber, TimeZone},
    },
    service::SubscriberView,
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};

/// A value for a variable of texts: what `{{ first_name }}` says to this subscriber.
#[derive(Clone, SimpleObject)]
pub(crate) struct SubscriberAttribute {
    /// The variable's name.
    name: String,
    /// What a text says in its place.
    value: String,
}

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

    /// The time zone used for this subscriber: the first of `timeZones`.
    fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.place.zones.principal())
    }

    /// Every time zone the subscriber may be in, where most people of the area live first: an area code
    /// can span several. Quiet hours hold in all of them.
    fn time_zones(&self) -> Vec<TimeZone> {
        self.0.place.zones.zones().iter().copied().map(TimeZone).collect()
    }

    /// How the time zones are known.
    fn time_zone_source(&self) -> TimeZoneSource {
        self.0.place.source.into()
    }

    /// How sure the time zone is.
    fn time_zone_confidence(&self) -> TimeZoneConfidence {
        self.0.place.confidence.into()
    }

    /// The country, or the state or province, whose rules protect the subscriber, in ISO 3166: `US-FL`.
    /// That of the postal code, else of the phone number.
    fn region(&self) -> Option<String> {
        self.0.place.region.map(|region| region.to_string())
    }

    /// The postal code, as it was given.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberPii))]
    async fn postal_code(&self, ctx: &Context<'_>) -> Option<Result<&str>> {
        // Whoever may not read it is not told either whether there is one.
        let allowed = Caller::with(ctx, Scope::SubscriberPii);
        allowed.map(|_| self.0.subscriber.postal_code.as_deref()).transpose()
    }

    /// Values for the variables of texts, by name.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberPii))]
    async fn attributes(&self, ctx: &Context<'_>) -> Option<Result<Vec<SubscriberAttribute>>> {
        let attribute = |(name, value): (&String, &String)| SubscriberAttribute {
            name: name.clone(),
            value: value.clone(),
        };
        let allowed = Caller::with(ctx, Scope::SubscriberPii);
        Some(allowed.map(|_| self.0.subscriber.attributes.iter().map(attribute).collect()))
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
        Caller::with(ctx, Scope::SubscriberRead)?;
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let page = loaders::page(ctx, ConsentOf(self.0.subscriber.id, page)).await?;
        Ok(ConsentEntryConnection::new(page, Sort::Id))
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
        Caller::with(ctx, Scope::MessageRead)?;
        let id = self.0.subscriber.id;
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let page = loaders::page(ctx, MessagesTo(id, page)).await?;
        Ok(MessageConnection::new(page, Sort::Id, Total::SubscriberMessages(id)))
    }
}
