//! A client that follows a campaign, or the whole site, and comes back whenever its connection is gone.
//!
//! **Invariant:** it comes back with the cursor of the last change that it handled, and with nothing else.

use super::{Error, deeds::Told, member};
use crate::client::{Client, Ended, Subscription};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

const OF_CAMPAIGN: &str = "subscription($id: ID!, $after: EventCursor) { change: \
    campaignStatusChanged(campaignId: $id, after: $after) { cursor kind event { sequence \
    campaignId } } }";
const OF_SITE: &str = "subscription($after: EventCursor) { change: campaignsChanged(after: $after) \
    { cursor kind event { sequence campaignId } } }";
/// How often one client connects.
const CONNECTS_MAX: u64 = 5_000;
/// How long it waits before it connects again.
const PAUSE: Duration = Duration::from_millis(100);

/// The last event of each campaign, once that is known.
#[derive(Clone)]
pub(super) struct Finals(Arc<watch::Sender<Option<HashMap<String, i64>>>>);

impl Default for Finals {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Finals {
    /// Tells what is to be seen.
    pub(super) fn tell(&self, logs: &BTreeMap<String, Vec<Told>>) {
        let last = |(id, log): (&String, &Vec<Told>)| Some((id.clone(), log.last()?.sequence));
        self.0.send_replace(Some(logs.iter().filter_map(last).collect()));
    }
}

/// What to follow, from where.
pub(super) struct Watch {
    pub(super) client: Client,
    /// The campaign; none for the site.
    pub(super) campaign: Option<String>,
    pub(super) after: Value,
    pub(super) finals: Finals,
}

/// What a client saw.
pub(super) struct Seen {
    /// The campaign; none for the site.
    pub(super) campaign: Option<String>,
    /// The numbers of events, as they came, by campaign.
    pub(super) sequences: BTreeMap<String, Vec<i64>>,
    /// How often it was told to begin anew.
    pub(super) resyncs: u64,
    /// How often it connected.
    pub(super) connects: u64,
    /// How often it lost its connection by its own doing.
    pub(super) cuts: u64,
}

/// A client at work.
pub(super) struct Watcher {
    cut: Arc<Notify>,
    task: JoinHandle<Seen>,
}

impl Watcher {
    /// Lets it begin.
    pub(super) fn start(watch: Watch) -> Self {
        let cut = Arc::new(Notify::new());
        let task = tokio::spawn(follow(watch, Arc::clone(&cut)));
        Self { cut, task }
    }

    /// Lets it lose its connection, the next one if it has none.
    pub(super) fn cut(&self) {
        self.cut.notify_one();
    }

    /// What it saw, which must be all by then.
    pub(super) async fn end(self, until: Instant) -> Result<Seen, Error> {
        let abort = self.task.abort_handle();
        match timeout_at(until, self.task).await {
            Ok(seen) => Ok(seen?),
            Err(_late) => {
                abort.abort();
                Err(Error::Late)
            }
        }
    }
}

/// Why a connection is over.
enum Over {
    /// There is nothing more to see.
    All,
    /// The client cut it.
    Cut,
    /// It broke.
    Broken,
}

async fn follow(watch: Watch, cut: Arc<Notify>) -> Seen {
    let Watch { client, campaign, mut after, finals } = watch;
    let mut seen = Seen { campaign, sequences: BTreeMap::new(), resyncs: 0, connects: 0, cuts: 0 };
    let mut finals = finals.0.subscribe();
    let query = if seen.campaign.is_some() { OF_CAMPAIGN } else { OF_SITE };
    while seen.connects < CONNECTS_MAX {
        seen.connects = seen.connects.saturating_add(1);
        let variables = json!({ "id": seen.campaign, "after": after });
        if let Ok(mut live) = client.subscribe(query, variables).await {
            match read(&mut live, &mut seen, &mut after, &mut finals, &cut).await {
                Over::All => return seen,
                Over::Cut => seen.cuts = seen.cuts.saturating_add(1),
                Over::Broken => {}
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    seen
}

/// Reads from one connection.
async fn read(
    live: &mut Subscription,
    seen: &mut Seen,
    after: &mut Value,
    finals: &mut watch::Receiver<Option<HashMap<String, i64>>>,
    cut: &Notify,
) -> Over {
    loop {
        if seen.campaign.is_none() && has_all(seen, finals.borrow_and_update().as_ref()) {
            return Over::All;
        }
        let told = tokio::select! {
            () = cut.notified() => return Over::Cut,
            Ok(()) = finals.changed() => continue,
            told = live.next_value() => told,
        };
        match told {
            Some(Ok(payload)) => take(&payload, seen, after),
            Some(Err(Ended::Complete)) => return Over::All,
            _ => return Over::Broken,
        }
    }
}

fn has_all(seen: &Seen, finals: Option<&HashMap<String, i64>>) -> bool {
    let is_seen = |(id, last): (&String, &i64)| {
        seen.sequences.get(id).is_some_and(|sequences| sequences.contains(last))
    };
    finals.is_some_and(|finals| finals.iter().all(is_seen))
}

/// Handles one change.
fn take(payload: &Value, seen: &mut Seen, after: &mut Value) {
    let Some(change) = member(payload, "/data/change") else { return };
    if let Some(cursor) = member(change, "/cursor") {
        *after = cursor.clone();
    }
    if change.get("kind") == Some(&json!("RESYNC")) {
        seen.resyncs = seen.resyncs.saturating_add(1);
    }
    let id = member(change, "/event/campaignId").and_then(Value::as_str);
    let sequence = member(change, "/event/sequence").and_then(Value::as_i64);
    if let (Some(id), Some(sequence)) = (id, sequence) {
        seen.sequences.entry(id.to_owned()).or_default().push(sequence);
    }
}
