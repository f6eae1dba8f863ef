//! Audiences.

use super::{Site, SubscriberConnection};
use crate::{
    graphql::{
        connection::{PageArgs, Sort, Total},
        loaders::{self, SubscribersOf},
        scalars::DateTime,
    },
    service::SubscriberFilter,
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};

/// A saved choice of subscribers.
#[derive(Clone)]
pub(crate) struct Audience(domain::audience::Audience);

impl From<domain::audience::Audience> for Audience {
    fn from(audience: domain::audience::Audience) -> Self {
        Self(audience)
    }
}

impl Audience {
    /// The subscribers who match.
    fn members(&self) -> SubscriberFilter {
        SubscriberFilter { audience: Some(self.0.id), ..SubscriberFilter::default() }
    }
}

/// A saved choice of subscribers. Membership is worked out when a campaign enters `PROCESSING`, not
/// before.
#[Object]
impl Audience {
    /// The global ID.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// The site it belongs to.
    async fn site(&self, ctx: &Context<'_>) -> Result<Site> {
        loaders::site(ctx, self.0.site_id).await.map(Site::from)
    }

    /// A label for people.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Whom it selects.
    fn rules(&self) -> AudienceRules {
        let rules = self.0.rules.clone();
        AudienceRules {
            tags_any: rules.tags_any,
            tags_all: rules.tags_all,
            tags_none: rules.tags_none,
            subscribed_from: rules.subscribed_from.map(DateTime),
            subscribed_until: rules.subscribed_until.map(DateTime),
        }
    }

    /// How many subscribers match now.
    async fn subscriber_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Total::Subscribers(self.0.site_id, self.members()).count(ctx).await
    }

    /// The subscribers who match now.
    async fn subscribers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
    ) -> Result<SubscriberConnection> {
        let page = PageArgs { first, after, last, before }.request(Sort::Id)?;
        let (site, filter) = (self.0.site_id, self.members());
        let page = loaders::page(ctx, SubscribersOf(site, filter.clone(), page)).await?;
        let total = Total::Subscribers(site, filter);
        Ok(SubscriberConnection::new(page, Sort::Id, total))
    }

    /// When it was made.
    fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it last changed.
    fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

/// Rules of an audience. A subscriber matches when every rule holds; an empty rule always holds.
#[derive(SimpleObject)]
pub(crate) struct AudienceRules {
    /// Has at least one of these tags.
    tags_any: Vec<String>,
    /// Has all of these tags.
    tags_all: Vec<String>,
    /// Has none of these tags.
    tags_none: Vec<String>,
    /// Gave consent within this span, start included.
    subscribed_from: Option<DateTime>,
    /// Gave consent before this instant.
    subscribed_until: Option<DateTime>,
}
