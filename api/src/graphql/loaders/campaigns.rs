//! What belongs to campaigns: steps, audiences, counts, what they wait for.

use super::{Load, carrier, find, observed};
use crate::{
    graphql::{context::Caller, error::Missing},
    service::{CampaignView, Circumstances, Fault, Ledger, Preview, StepText, Tally},
};
use async_graphql::{Context, Result};
use domain::{
    campaign::{Campaign, Step},
    health::Observed,
    id::{CampaignId, RevisionId},
};
use futures_util::try_join;
use std::{collections::HashMap, sync::Arc};

/// The steps of a revision.
#[derive(Clone, PartialEq, Eq, Hash)]
struct StepsOf(RevisionId);

impl Load for StepsOf {
    type Value = Arc<[Step]>;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, Arc<[Step]>>, Fault> {
        let ids: Vec<RevisionId> = asked.iter().map(|asked| asked.0).collect();
        let found = caller.service.campaign_steps(&caller.actor, &ids).await?;
        Ok(found.into_iter().map(|(id, steps)| (Self(id), steps.into())).collect())
    }
}

/// The audiences of a revision.
#[derive(Clone, PartialEq, Eq, Hash)]
struct AudiencesOf(RevisionId);

impl Load for AudiencesOf {
    type Value = Arc<CampaignView>;

    async fn load(
        caller: &Caller,
        asked: &[Self],
    ) -> Result<HashMap<Self, Arc<CampaignView>>, Fault> {
        let ids: Vec<RevisionId> = asked.iter().map(|asked| asked.0).collect();
        let found = caller.service.campaign_audiences(&caller.actor, &ids).await?;
        Ok(found.into_iter().map(|(id, view)| (Self(id), Arc::new(view))).collect())
    }
}

/// What became of a campaign's messages.
#[derive(Clone, PartialEq, Eq, Hash)]
struct TallyOf(CampaignId);

impl Load for TallyOf {
    type Value = Arc<Tally>;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, Arc<Tally>>, Fault> {
        let ids: Vec<CampaignId> = asked.iter().map(|asked| asked.0).collect();
        let found = caller.service.tallies(&caller.actor, &ids).await?;
        Ok(found.into_iter().map(|(id, tally)| (Self(id), Arc::new(tally))).collect())
    }
}

/// A campaign's messages, and until when they wait.
#[derive(Clone, PartialEq, Eq, Hash)]
struct LedgerOf(CampaignId);

impl Load for LedgerOf {
    type Value = Arc<Ledger>;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, Arc<Ledger>>, Fault> {
        let ids: Vec<CampaignId> = asked.iter().map(|asked| asked.0).collect();
        let found = caller.service.ledgers(&caller.actor, &ids).await?;
        Ok(found.into_iter().map(|(id, ledger)| (Self(id), ledger)).collect())
    }
}

/// The position of the event of that number of a campaign.
#[derive(Clone, PartialEq, Eq, Hash)]
struct EventOf(CampaignId, i64);

impl Load for EventOf {
    type Value = i64;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, i64>, Fault> {
        let events: Vec<(CampaignId, i64)> = asked.iter().map(|asked| (asked.0, asked.1)).collect();
        let found = caller.service.event_positions(&caller.actor, &events).await?;
        Ok(found.into_iter().map(|((id, number), at)| (Self(id, number), at)).collect())
    }
}

impl Load for StepText {
    type Value = Preview;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, Preview>, Fault> {
        caller.service.step_previews(&caller.actor, asked).await
    }
}

/// The steps of a campaign's revision.
pub(in crate::graphql) async fn steps(ctx: &Context<'_>, id: RevisionId) -> Result<Arc<[Step]>> {
    Ok(find(ctx, StepsOf(id)).await?.unwrap_or_default())
}

/// The audiences of a campaign's revision.
pub(in crate::graphql) async fn audiences(
    ctx: &Context<'_>,
    id: RevisionId,
) -> Result<Option<Arc<CampaignView>>> {
    find(ctx, AudiencesOf(id)).await
}

/// What became of a campaign's messages.
pub(in crate::graphql) async fn tally(ctx: &Context<'_>, id: CampaignId) -> Result<Arc<Tally>> {
    Ok(find(ctx, TallyOf(id)).await?.unwrap_or_default())
}

/// All that says what a campaign waits for.
pub(in crate::graphql) async fn circumstances(
    ctx: &Context<'_>,
    campaign: &Campaign,
) -> Result<Circumstances> {
    let (ledger, carrier) =
        try_join!(find(ctx, LedgerOf(campaign.id)), carrier(ctx, campaign.site_id))?;
    let observed = match &carrier.aggregator {
        Some(aggregator) => observed(ctx, aggregator.connection_id).await?,
        None => Observed::default(),
    };
    Ok(Circumstances { ledger: ledger.unwrap_or_default(), carrier, observed })
}

/// The position in the site's log of the event that made the campaign what it is here. A campaign just deleted
/// has no events left; no position is later than the log's beginning.
pub(in crate::graphql) async fn position(ctx: &Context<'_>, campaign: &Campaign) -> Result<i64> {
    Ok(find(ctx, EventOf(campaign.id, campaign.revision)).await?.unwrap_or_default())
}

/// How the text of a step goes out, of a site that is there.
pub(in crate::graphql) async fn previews(ctx: &Context<'_>, text: StepText) -> Result<Preview> {
    match find(ctx, text).await? {
        Some(preview) => Ok(preview),
        None => Err(Caller::of(ctx)?.internal(&Missing("site"))),
    }
}
