//! The clients of `harness bench fanout`: a process that holds many sockets, and notes when each was told what.
//!
//! **Invariant:** its first line comes once every socket was told where its campaign stands; it ends with its
//! standard input, and has written down by then what was seen.

use crate::{
    bench::Error,
    child::{self, Child},
    client::{Subscription, subscribe},
    record::monotonic_us,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Sockets opened at once.
const OPENED_AT_ONCE: usize = 16;

const SUBSCRIPTION: &str = "subscription($id: ID!) { campaignStatusChanged(campaignId: $id) { \
    cursor kind event { sequence } campaign { id name status } } }";

/// Where the clients find what to do, and leave what they saw.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where the service is reached.
    #[arg(long)]
    url: String,
    /// The file with the sockets to open; what they saw goes into its place.
    #[arg(long)]
    file: PathBuf,
}

/// A socket to open.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Watcher {
    /// The key it shows.
    pub(super) key: String,
    /// The campaign it follows.
    pub(super) campaign: String,
}

/// What a socket saw.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The campaign it followed.
    pub(super) campaign: String,
    /// The numbers of events, in the order in which they came, and when.
    pub(super) events: Vec<(i64, u64)>,
}

type Notes = Arc<Mutex<Seen>>;

/// Holds the sockets until standard input ends.
pub(in crate::bench) async fn serve(
    options: &Options,
    out: &mut (impl Write + Send),
) -> Result<(), Error> {
    let plan = fs::read_to_string(&options.file).map_err(Error::Directory)?;
    let plan: Vec<Watcher> = serde_json::from_str(&plan).map_err(|_json| Error::Ended)?;
    let url = format!("{}/graphql", options.url.replacen("http", "ws", 1));
    let opened = plan.into_iter().map(|watcher| open(&url, watcher));
    let notes: Vec<Notes> =
        stream::iter(opened).buffer_unordered(OPENED_AT_ONCE).try_collect().await?;
    child::tell_url(&options.url, out)?;
    child::input_ended().await;
    let seen: Vec<Seen> = notes.iter().map(|notes| lock(notes).clone()).collect();
    fs::write(&options.file, json!(seen).to_string()).map_err(Error::Directory)
}

/// Opens a socket, and reads on once it was told where its campaign stands.
async fn open(url: &str, watcher: Watcher) -> Result<Notes, Error> {
    let variables = json!({ "id": watcher.campaign });
    let broken = |ended| Error::Wrong(format!("a socket broke: {ended}"));
    let opened = subscribe(url, Some(&watcher.key), SUBSCRIPTION, variables).await;
    let mut socket = opened.map_err(broken)?;
    match socket.next_value().await {
        Some(Ok(value)) if sequence(&value).is_some() => {}
        other => return Err(Error::Wrong(format!("a socket was told {other:?}"))),
    }
    let notes = Notes::new(Mutex::new(Seen { campaign: watcher.campaign, events: Vec::new() }));
    tokio::spawn(note(socket, Arc::clone(&notes)));
    Ok(notes)
}

async fn note(mut socket: Subscription, notes: Notes) {
    while let Some(Ok(value)) = socket.next_value().await {
        let at = monotonic_us();
        // What has no number is noted as what nobody waits for.
        lock(&notes).events.push((sequence(&value).unwrap_or(-1), at));
    }
}

fn sequence(value: &Value) -> Option<i64> {
    value.pointer("/data/campaignStatusChanged/event/sequence")?.as_i64()
}

fn lock(notes: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Clients that run.
pub(super) struct Watchers {
    child: Child,
    file: PathBuf,
}

impl Watchers {
    /// Starts them, and waits until all their sockets are open.
    pub(super) fn start(url: &str, file: &Path, plan: &[Watcher]) -> Result<Self, Error> {
        fs::write(file, json!(plan).to_string()).map_err(Error::Directory)?;
        let options = ["--url".to_owned(), url.to_owned(), "--file".to_owned()];
        let options: Vec<String> =
            options.into_iter().chain([file.display().to_string()]).collect();
        let child = Child::start(&["bench", "watchers"], &options)?;
        Ok(Self { child, file: file.to_owned() })
    }

    /// Ends them; answers what they saw.
    pub(super) fn stop(self) -> Result<Vec<Seen>, Error> {
        self.child.stop()?;
        let seen = fs::read_to_string(self.file).map_err(Error::Directory)?;
        serde_json::from_str(&seen).map_err(|_json| Error::Ended)
    }
}
