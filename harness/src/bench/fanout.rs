//! `harness bench fanout`: thousands of sockets with a subscription each, and how soon all of them are told of a
//! change that was committed.
//!
//! One node of the service is a process of its own, and so are the clients. One campaign is hot: many follow it, and
//! it changes again and again, from a draft to scheduled and back; the others follow campaigns that change in turn.
//! Then some more follow the hot one with large answers and never read, and it is all done once more.
//!
//! **Invariant:** a run in which a client missed a change, saw one twice or out of order brings no figures.

mod stalled;
pub(super) mod watchers;

use super::{
    Error,
    figures::{Figures, float, median, percentile, rounded},
    handover::instant,
    plan::PLANS_AT,
    process::{Running, Service},
    seed, tell,
};
use crate::{client::Client, record::monotonic_us};
use api::{
    app::{App, Settings},
    config::Config,
    service::admin::KeySettings,
};
use domain::access::Role;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stalled::Stalled;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use watchers::{Seen, Watcher, Watchers};

/// The file of a service's database.
const FILE: &str = "sendoff.db";
/// The most sockets: two descriptors of each are open at once on a machine, in two processes.
const SOCKETS_MAX: usize = 15_000;
/// Subscribers of the seed: nobody is texted.
const PEOPLE: u32 = 1;
/// Campaigns beside the hot one.
const OTHERS: usize = 50;
/// Every so many changes of the hot campaign another one changes, too.
const OTHER_EVERY: usize = 5;
/// Steps of the hot campaign, and characters of each one's text: who asks for them and does not read is sent more
/// within ten seconds than a kernel keeps for a connection, which is four megabytes on Linux.
const HOT_STEPS: usize = 4;
const HOT_CHARACTERS: usize = 1_400;
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(400);
/// How long the last change is given to reach everybody.
const LAST_WAIT: Duration = Duration::from_secs(5);
/// Between the last socket and the look at the memory.
const SETTLING: Duration = Duration::from_secs(2);
/// Bytes of a KiB.
const KIB: f64 = 1_024.0;
/// Microseconds of a millisecond.
const US_OF_MS: f64 = 1e3;

const CREATE: &str = "mutation($input: CampaignCreateInput!) { campaignCreate(input: $input) { \
    campaign { id } userErrors { code } } }";
const AUDIENCES: &str = "{ site { audiences(first: 1) { nodes { id } } } }";
const ACTIVATE: &str = "mutation($id: ID!) { change: campaignActivate(id: $id, input: { schedule: { \
    atStoreTime: { localDateTime: \"2026-12-24T12:00:00\" } } }) { campaign { revision } \
    userErrors { code message } } }";
const CANCEL: &str = "mutation($id: ID!) { change: campaignCancel(id: $id) { campaign { revision } \
    userErrors { code message } } }";

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Sockets with one subscription each.
    #[arg(long, default_value_t = 5_000)]
    sockets: usize,
    /// Keys that they show, in turn.
    #[arg(long, default_value_t = 250)]
    keys: usize,
    /// Sockets that follow the hot campaign.
    #[arg(long, default_value_t = 1_000)]
    hot: usize,
    /// Changes of the hot campaign, each time.
    #[arg(long, default_value_t = 50)]
    changes: usize,
    /// Processes of clients.
    #[arg(long, default_value_t = 2)]
    clients: usize,
    /// Readers that stall, in the second part.
    #[arg(long, default_value_t = 1)]
    stalled: usize,
    /// Where the database is made.
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        if !(1..=SOCKETS_MAX).contains(&self.sockets) || self.hot > self.sockets {
            return Err(Error::Option("`--sockets` must be from 1 to 15000, and `--hot` no more"));
        }
        // Every campaign ends as it began.
        if !self.changes.is_multiple_of(2 * OTHER_EVERY) {
            return Err(Error::Option("`--changes` must be a multiple of 10"));
        }
        let counts = [self.keys, self.changes, self.clients, self.hot];
        if counts.contains(&0) || self.keys > self.sockets || self.stalled > self.keys {
            return Err(Error::Option(
                "`--keys`, `--changes`, `--clients`, `--hot` must be at least 1",
            ));
        }
        Ok(())
    }
}

/// Measures.
pub(super) async fn run(options: &Options) -> Result<Figures, Error> {
    options.check()?;
    let dir = options.dir.as_deref();
    let dir = dir.map_or_else(TempDir::new, TempDir::new_in).map_err(Error::Directory)?;
    let keys = seeded(dir.path(), options.keys).await?;
    let service = Service::start(&Running::new(instant(PLANS_AT)?).dir(dir.path()))?;
    let first = keys.first().ok_or(Error::Value("a key"))?.clone();
    let client = Client::new(format!("{}/graphql", service.url()), Some(first))?;
    let campaigns = campaigns(&client).await?;
    let idle = service.rss_bytes()?;
    tell(&format!("{} sockets", options.sockets));
    let crowd = crowd(options, &service, dir.path(), &keys, &campaigns)?;
    tokio::time::sleep(SETTLING).await;
    let grown = service.rss_bytes()?.saturating_sub(idle);
    let cpu = service.cpu()?;
    let mut changes = Changes::default();
    changes.make(options, &client, &campaigns).await?;
    let calm = changes.made.len();
    let busy = service.cpu()?.saturating_sub(cpu);
    let hot = campaigns.first().ok_or(Error::Value("a campaign"))?;
    let stalled = Stalled::open(service.url(), keys.iter().take(options.stalled), hot).await?;
    changes.make(options, &client, &campaigns).await?;
    tokio::time::sleep(LAST_WAIT).await;
    let seen = crowd.into_iter().map(Watchers::stop).collect::<Result<Vec<_>, _>>()?;
    let told = Told::of(&changes, calm, &seen.into_iter().flatten().collect::<Vec<_>>())?;
    let cut = stalled.cut().await;
    let peak = service.peak_bytes()?;
    service.stop()?;
    let per_socket = float(grown) / KIB / float(u64::try_from(options.sockets).unwrap_or(1));
    Ok(told
        .figures(options)
        .with("kib_per_socket", rounded(per_socket, 1))
        .with("rss_peak_mb", rounded(float(peak) / 1e6, 1))
        .with("cpu_s", rounded(busy.as_secs_f64(), 2))
        .with("stalled_cut", cut))
}

/// Makes the database; answers the keys.
async fn seeded(dir: &Path, count: usize) -> Result<Vec<String>, Error> {
    let file = dir.join(FILE);
    let seed::Seeded { site, .. } = seed::seed(&file, instant(PLANS_AT)?, PEOPLE).await?;
    let db = seed::open(&file).await?;
    let clock = Arc::new(crate::clock::RunningClock::new(instant(PLANS_AT)?));
    let settings = Settings::new(&Config::default(), "http://127.0.0.1:9".to_owned());
    let app = App::new(db.clone(), clock, settings)?;
    let mut keys = Vec::with_capacity(count);
    for number in 0..count {
        let name = format!("watcher {number}");
        let (role, sites) = (Role::Admin, &[site][..]);
        let key = KeySettings { name: &name, role, sites, is_development: false };
        let (_, secret) = app.service().admin_key(key).await?;
        keys.push(secret.expose_secret().to_owned());
    }
    drop(app);
    db.close().await?;
    Ok(keys)
}

/// The hot campaign, and the others.
async fn campaigns(client: &Client) -> Result<Vec<String>, Error> {
    let answer = client.post(AUDIENCES, json!({})).await?;
    let audience = answer.pointer("/data/site/audiences/nodes/0/id").cloned();
    let mut ids = Vec::with_capacity(OTHERS + 1);
    for number in 0..=OTHERS {
        let steps = if number == 0 { large_steps() } else { json!([{ "body": "20% off today" }]) };
        let input =
            json!({ "name": format!("Sale {number}"), "audienceIds": [audience], "steps": steps });
        let answer = client.post(CREATE, json!({ "input": input })).await?;
        let id = answer.pointer("/data/campaignCreate/campaign/id").and_then(Value::as_str);
        ids.push(id.ok_or_else(|| Error::Wrong(answer.to_string()))?.to_owned());
    }
    Ok(ids)
}

/// Steps whose texts are about as long as they may be.
fn large_steps() -> Value {
    let body = "x".repeat(HOT_CHARACTERS);
    let step = |number| match number {
        0 => json!({ "body": body }),
        _ => json!({ "body": body, "delay": "P1D" }),
    };
    (0..HOT_STEPS).map(step).collect()
}

/// The clients, with all their sockets open and told where their campaigns stand.
fn crowd(
    options: &Options,
    service: &Service,
    dir: &Path,
    keys: &[String],
    campaigns: &[String],
) -> Result<Vec<Watchers>, Error> {
    let mut plans: Vec<Vec<Watcher>> = vec![Vec::new(); options.clients];
    for number in 0..options.sockets {
        let followed = if number < options.hot { 0 } else { 1 + number % OTHERS };
        let (Some(key), Some(campaign)) =
            (keys.get(number % options.keys), campaigns.get(followed))
        else {
            return Err(Error::Value("a key"));
        };
        let watcher = Watcher { key: key.clone(), campaign: campaign.clone() };
        let client = number % options.clients;
        plans.get_mut(client).ok_or(Error::Value("a client"))?.push(watcher);
    }
    let start = |(number, plan): (usize, Vec<Watcher>)| {
        Watchers::start(service.url(), &dir.join(format!("clients-{number}")), &plan)
    };
    plans.into_iter().enumerate().map(start).collect()
}

/// Changes that were made.
#[derive(Default)]
struct Changes {
    /// The campaign, the number of its event, and when the change was asked for.
    made: Vec<(String, i64, u64)>,
}

impl Changes {
    /// Makes them, one after the other.
    async fn make(
        &mut self,
        options: &Options,
        client: &Client,
        campaigns: &[String],
    ) -> Result<(), Error> {
        let (hot, others) = campaigns.split_first().ok_or(Error::Value("a campaign"))?;
        for number in 0..options.changes {
            self.change(client, hot, number).await?;
            if number.is_multiple_of(OTHER_EVERY) {
                // Each is activated by one change, and canceled by a later one.
                let turn = number / OTHER_EVERY;
                let other =
                    others.get(turn / 2 % others.len()).ok_or(Error::Value("a campaign"))?;
                self.change(client, other, turn).await?;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn change(&mut self, client: &Client, id: &str, turn: usize) -> Result<(), Error> {
        let mutation = if turn.is_multiple_of(2) { ACTIVATE } else { CANCEL };
        let at = monotonic_us();
        let answer = client.post(mutation, json!({ "id": id })).await?;
        let revision = answer.pointer("/data/change/campaign/revision").and_then(Value::as_i64);
        let revision = revision.ok_or_else(|| Error::Wrong(answer.to_string()))?;
        self.made.push((id.to_owned(), revision, at));
        Ok(())
    }
}

/// How long it took until clients were told, in milliseconds.
struct Told {
    calm: Vec<f64>,
    beside_stalled: Vec<f64>,
}

impl Told {
    /// Holds what each socket saw against what was changed.
    fn of(changes: &Changes, calm: usize, seen: &[Seen]) -> Result<Self, Error> {
        let mut asked: HashMap<&str, Vec<(usize, i64, u64)>> = HashMap::new();
        for (number, (id, revision, at)) in changes.made.iter().enumerate() {
            asked.entry(id).or_default().push((number, *revision, *at));
        }
        let mut told = Self { calm: Vec::new(), beside_stalled: Vec::new() };
        for socket in seen {
            let made = asked.get(socket.campaign.as_str()).map_or(&[][..], Vec::as_slice);
            let wanted = made.iter().map(|(_, revision, _)| *revision);
            if !wanted.eq(socket.events.iter().map(|(revision, _)| *revision)) {
                let (saw, of) = (socket.events.len(), made.len());
                return Err(Error::Wrong(format!("a socket saw {saw} changes of {of}, or not so")));
            }
            for ((number, _, asked_at), (_, seen_at)) in made.iter().zip(&socket.events) {
                let span = seen_at.saturating_sub(*asked_at);
                let waits = if *number < calm { &mut told.calm } else { &mut told.beside_stalled };
                waits.push(float(span) / US_OF_MS);
            }
        }
        Ok(told)
    }

    fn figures(&self, options: &Options) -> Figures {
        let max = |waits: &[f64]| waits.iter().copied().fold(0.0, f64::max);
        Figures::of("fanout")
            .with("database", "sqlite")
            .with("sockets", options.sockets)
            .with("keys", options.keys)
            .with("hot", options.hot)
            .with("changes", options.changes)
            .with("clients", options.clients)
            .with("stalled", options.stalled)
            .with("deliveries", self.calm.len() + self.beside_stalled.len())
            .with("p50_ms", rounded(median(&self.calm), 1))
            .with("p99_ms", rounded(percentile(&self.calm, 99), 1))
            .with("max_ms", rounded(max(&self.calm), 1))
            .with("stalled_p50_ms", rounded(median(&self.beside_stalled), 1))
            .with("stalled_p99_ms", rounded(percentile(&self.beside_stalled, 99), 1))
            .with("stalled_max_ms", rounded(max(&self.beside_stalled), 1))
    }
}
