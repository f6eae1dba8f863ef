//! Pages of each kind of object.

use super::{
    Audience, AuditEntry, Campaign, CampaignEvent, ConsentEntry, Message, Site, SiteSettingChange,
    Subscriber,
};
use crate::{
    graphql::{
        connection::{Edges, PageInfo, Sort, Total},
        scalars::EventCursor,
    },
    service::Page,
};
use async_graphql::{Context, Object, Result, SimpleObject};

/// Declares a connection, made from a page and what it carries besides, and its edge; `extra` are
/// the fields that only this connection has.
macro_rules! connection {
    (
        $(#[$doc:meta])* $name:ident { $($held:ident: $held_ty:ty),* }
        $(#[$edge_doc:meta])* $edge:ident
        $(#[$node_doc:meta])* node: $node:ty;
        $(#[$nodes_doc:meta])* nodes;
        $($extra:tt)*
    ) => {
        $(#[$edge_doc])*
        #[derive(SimpleObject)]
        pub(crate) struct $edge {
            $(#[$node_doc])*
            node: $node,
            /// The edge's position.
            cursor: String,
        }

        $(#[$doc])*
        pub(crate) struct $name {
            edges: Vec<$edge>,
            page_info: PageInfo,
            $($held: $held_ty,)*
        }

        impl $name {
            /// The page of a list in the order `sort`.
            pub(in crate::graphql) fn new<R: Into<$node>>(
                page: Page<R>,
                sort: Sort,
                $($held: $held_ty,)*
            ) -> Self {
                let Edges { entries, page_info } = Edges::new(page, sort);
                let edges = entries.into_iter().map(|(cursor, node)| $edge { node, cursor });
                Self { edges: edges.collect(), page_info, $($held,)* }
            }
        }

        $(#[$doc])*
        #[Object]
        impl $name {
            /// The page's edges.
            fn edges(&self) -> &[$edge] {
                &self.edges
            }

            $(#[$nodes_doc])*
            fn nodes(&self) -> Vec<&$node> {
                self.edges.iter().map(|edge| &edge.node).collect()
            }

            /// Where the page sits.
            fn page_info(&self) -> &PageInfo {
                &self.page_info
            }

            $($extra)*
        }
    };
}

connection! {
    /// A page of sites.
    SiteConnection {}
    /// A site in a page.
    SiteEdge
    /// The site.
    node: Site;
    /// The page's sites, without their edges.
    nodes;
}

connection! {
    /// A page of subscribers.
    SubscriberConnection { total: Total }
    /// A subscriber in a page.
    SubscriberEdge
    /// The subscriber.
    node: Subscriber;
    /// The page's subscribers, without their edges.
    nodes;

    /// How many match in all.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        self.total.count(ctx).await
    }
}

connection! {
    /// A page of audiences.
    AudienceConnection { total: Total }
    /// An audience in a page.
    AudienceEdge
    /// The audience.
    node: Audience;
    /// The page's audiences, without their edges.
    nodes;

    /// How many there are in all.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        self.total.count(ctx).await
    }
}

connection! {
    /// A page of campaigns.
    CampaignConnection { total: Total, live_cursor: EventCursor }
    /// A campaign in a page.
    CampaignEdge
    /// The campaign.
    node: Campaign;
    /// The page's campaigns, without their edges.
    nodes;

    /// How many match in all.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        self.total.count(ctx).await
    }

    /// A position in the event log no later than this page. Subscribe to `campaignsChanged` `after`
    /// it and no change is missed.
    fn live_cursor(&self) -> EventCursor {
        self.live_cursor
    }
}

connection! {
    /// A page of messages.
    MessageConnection { total: Total }
    /// A message in a page.
    MessageEdge
    /// The message.
    node: Message;
    /// The page's messages, without their edges.
    nodes;

    /// How many match in all.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        self.total.count(ctx).await
    }
}

connection! {
    /// A page of campaign events.
    CampaignEventConnection {}
    /// A campaign event in a page.
    CampaignEventEdge
    /// The event.
    node: CampaignEvent;
    /// The page's events, without their edges.
    nodes;
}

connection! {
    /// A page of the log of consent.
    ConsentEntryConnection {}
    /// An entry of the log of consent in a page.
    ConsentEntryEdge
    /// The entry.
    node: ConsentEntry;
    /// The page's entries, without their edges.
    nodes;
}

connection! {
    /// A page of changes of a site's settings.
    SiteSettingChangeConnection {}
    /// A change of a site's settings in a page.
    SiteSettingChangeEdge
    /// The change.
    node: SiteSettingChange;
    /// The page's changes, without their edges.
    nodes;
}

connection! {
    /// A page of the audit.
    AuditEntryConnection {}
    /// An entry of the audit in a page.
    AuditEntryEdge
    /// The entry.
    node: AuditEntry;
    /// The page's entries, without their edges.
    nodes;
}
