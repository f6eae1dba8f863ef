//! Which messages receipts are about.

use super::Waiting;
use crate::db::{Result, Txn, touches::Asked};
use entity::{attempt, message};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// What a receipt is about.
#[derive(Clone, Copy)]
pub(super) struct About {
    /// The message.
    pub(super) message: Uuid,
    /// When the attempt that it names was asked for: the aggregator took it then, whenever that is found out.
    pub(super) asked: Option<Asked>,
}

/// Which message each receipt is about, and the campaigns of all of them: by our reference where it is
/// echoed, else by the aggregator's id.
pub(super) async fn messages(
    txn: &Txn,
    receipts: impl Iterator<Item = &Waiting> + Clone,
) -> Result<(HashMap<Uuid, About>, BTreeSet<Uuid>)> {
    let attempts = attempt::Entity::find()
        .filter(attempt::Column::Id.is_in(receipts.clone().filter_map(Waiting::attempt)))
        .all(txn)
        .await?;
    // An echo counts only on the connection the attempt went out on.
    let mut campaigns: BTreeSet<Uuid> = attempts.iter().map(|row| row.campaign_id).collect();
    let about = |row: attempt::Model| {
        let asked = Some(Asked::new(row.started_at, row.repeated_at));
        let about = About { message: row.message_id, asked };
        ((row.connection_id, row.id), about)
    };
    let by_attempt: HashMap<(Uuid, Uuid), About> = attempts.into_iter().map(about).collect();
    let by_provider = by_provider_id(txn, receipts.clone(), &mut campaigns).await?;
    let mut found = HashMap::new();
    for receipt in receipts {
        let by_echo = receipt.attempt().and_then(|id| by_attempt.get(&(receipt.connection_id, id)));
        let by_id = receipt
            .provider_id
            .as_ref()
            .and_then(|id| by_provider.get(&(receipt.connection_id, id.clone())))
            .map(|message| About { message: *message, asked: None });
        if let Some(about) = by_echo.copied().or(by_id) {
            found.insert(receipt.id, about);
        }
    }
    Ok((found, campaigns))
}

/// The messages that receipts name by the aggregator's id. Ids are told apart by their connection, so each
/// connection is asked for on its own.
async fn by_provider_id(
    txn: &Txn,
    receipts: impl Iterator<Item = &Waiting>,
    campaigns: &mut BTreeSet<Uuid>,
) -> Result<HashMap<(Uuid, String), Uuid>> {
    let mut wanted: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
    for receipt in receipts {
        if let Some(provider_id) = &receipt.provider_id {
            wanted.entry(receipt.connection_id).or_default().push(provider_id);
        }
    }
    let mut found = HashMap::new();
    for (connection, provider_ids) in wanted {
        let rows = message::Entity::find()
            .filter(message::Column::ConnectionId.eq(connection))
            .filter(message::Column::ProviderId.is_in(provider_ids))
            .all(txn)
            .await?;
        for row in rows {
            campaigns.insert(row.campaign_id);
            if let Some(provider_id) = row.provider_id {
                found.insert((connection, provider_id), row.id);
            }
        }
    }
    Ok(found)
}
