//! `harness chaos resume`: many clients follow many campaigns live, while campaigns are scheduled, moved, called back,
//! paused, resumed and canceled, clients lose their connections, and the service is killed.
//!
//! Each client comes back with the last cursor that it handled. What it saw is held against the log of events, as the
//! service tells it in the end.
//!
//! **Invariant:** the moments are drawn from the seed; what the service does in them is its own.
//! **Invariant:** a call that a kill left without an answer is not made again: whether it was done, the log tells.

mod deeds;
mod watcher;

use super::{
    Error,
    kills::{SPEED, story},
    ledger::Entry,
    outcome::Outcome,
    place::{self, Place},
    stage::{Launch, Setting, Stage},
    tell,
    template::Template,
};
use crate::dice;
use deeds::{Deed, Told};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use watcher::{Finals, Seen, Watch, Watcher};

/// The recipients of each campaign.
const MESSAGES: u32 = 6;
/// Clients that follow the whole site, beside those of campaigns.
const OF_SITE: u64 = 4;
/// How late after a call begins the service may be killed, in microseconds.
const KILLED_WITHIN_US: u64 = 60_000;
/// How long clients may take to see the rest, once nothing happens any more.
const SEEN_WITHIN: Duration = Duration::from_mins(5);
/// Looks at campaigns until all have ended.
const LOOKS_MAX: usize = 2_000;
/// How long is waited between.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// The most campaigns, clients of one, and blows.
const COUNT_MAX: u64 = 10_000;
/// How often it is told how far it is.
const TOLD_EVERY: usize = 100;

/// What to run, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Campaigns.
    #[arg(long, default_value_t = 50)]
    campaigns: u64,
    /// Clients that follow each.
    #[arg(long, default_value_t = 20)]
    clients: u64,
    /// How often each campaign is scheduled, moved and called back.
    #[arg(long, default_value_t = 6)]
    rounds: u64,
    /// How often a client is to lose its connection; some have none at that moment.
    #[arg(long, default_value_t = 230)]
    disconnects: u64,
    /// How often the service is killed.
    #[arg(long, default_value_t = 20)]
    kills: u64,
    /// What the moments are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    place: place::Whereabouts,
}

/// Lets clients follow.
pub(super) async fn run(options: &Options) -> Result<Entry, Error> {
    let most = [options.disconnects, options.kills].into_iter().all(|count| count <= COUNT_MAX);
    let least = [options.campaigns, options.clients, options.rounds];
    if !most || !least.into_iter().all(|count| (1..=COUNT_MAX).contains(&count)) {
        return Err(Error::Option("counts must be at most 10000, and there must be somebody"));
    }
    let began = Instant::now();
    let place = Place::open(&options.place).await?;
    let story = story("resume", options.seed, MESSAGES);
    let template = Template::make(&place.store, "set_up", story).await?;
    let address = place::address()?;
    let setting = Setting { place: &place, template: &template, address, speed: SPEED };
    let mut stage = Stage::open(setting, "run").await?;
    stage.start(0).await?;
    let (mut outcome, events) = follow(&mut stage, &template, options).await?;
    outcome.kills = stage.leave().await?;
    outcome.runs = 1;
    outcome.show();
    place.store.drop("set_up").await?;
    let clients = options.campaigns.saturating_mul(options.clients).saturating_add(OF_SITE);
    let scenario = format!("{events} events, {clients} clients");
    let entry = Entry::new("resume", &outcome, began.elapsed())
        .of(&scenario, options.seed)
        .with_races(options.disconnects, 1);
    place.close(entry)
}

/// Answers what clients saw, and how many events there were to see.
async fn follow(
    stage: &mut Stage<'_>,
    template: &Template,
    options: &Options,
) -> Result<(Outcome, usize), Error> {
    let start = stage.ask(async |client| deeds::live_cursor(client).await).await?;
    let mut ids = Vec::new();
    for number in 0..options.campaigns {
        let launch = Launch {
            name: format!("Sale {number}"),
            audiences: template.audiences.values().cloned().collect(),
            steps: json!([{ "body": format!("Sale {number}: 20% off today") }]),
        };
        let caller = stage.caller();
        ids.push(stage.ask(async |_client| caller.create(&launch).await).await?);
    }
    let finals = Finals::default();
    let of_campaigns = ids.iter().flat_map(|id| (0..options.clients).map(|_| Some(id.clone())));
    let watched = of_campaigns.chain((0..OF_SITE).map(|_| None));
    let watchers: Vec<Watcher> = watched
        .map(|campaign| {
            Watcher::start(Watch {
                client: stage.client.clone(),
                campaign,
                after: start.clone(),
                finals: finals.clone(),
            })
        })
        .collect();
    play(stage, options, &ids, &watchers).await?;
    end(stage, &ids).await?;
    let mut logs: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    for id in &ids {
        logs.insert(id.clone(), stage.ask(async |client| deeds::log(client, id).await).await?);
    }
    finals.tell(&logs);
    let events = logs.values().map(Vec::len).sum();
    let until = tokio::time::Instant::now() + SEEN_WITHIN;
    let mut outcome = Outcome::default();
    let (mut connects, mut cuts) = (0_u64, 0_u64);
    for watcher in watchers {
        let seen = watcher.end(until).await?;
        connects = connects.saturating_add(seen.connects);
        cuts = cuts.saturating_add(seen.cuts);
        judge(&seen, &logs, &mut outcome);
    }
    tell(&format!("{events} events, {connects} connections, {cuts} of them cut by their clients"));
    outcome.violations = u64::try_from(outcome.evidence.len()).unwrap_or(u64::MAX);
    Ok((outcome, events))
}

/// Lets everything happen to campaigns, and blows befall clients and the service meanwhile.
async fn play(
    stage: &mut Stage<'_>,
    options: &Options,
    ids: &[String],
    watchers: &[Watcher],
) -> Result<(), Error> {
    let deeds = deeds::all(options.seed, ids.len(), options.rounds);
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let at = |what: &str, number: u64, below: usize| {
        dice::below(options.seed, &[what, &number.to_string()], count(below))
    };
    let kills: Vec<u64> = (0..options.kills).map(|it| at("kill", it, deeds.len())).collect();
    let cuts: Vec<(u64, u64)> = (0..options.disconnects)
        .map(|it| (at("cut", it, deeds.len()), at("who", it, watchers.len())))
        .collect();
    for (number, (place, deed)) in deeds.iter().enumerate() {
        let Some(id) = ids.get(*place) else { continue };
        for (_, who) in cuts.iter().filter(|(at, _)| *at == count(number)) {
            if let Some(watcher) = usize::try_from(*who).ok().and_then(|who| watchers.get(who)) {
                watcher.cut();
            }
        }
        let fatal = kills.iter().filter(|at| **at == count(number)).count();
        act(stage, options.seed, (number, *deed, id), fatal).await?;
        if number.is_multiple_of(TOLD_EVERY) {
            tell(&format!("{number} of {} calls", deeds.len()));
        }
    }
    Ok(())
}

/// Makes one call, during which the service is killed `fatal` times.
async fn act(
    stage: &mut Stage<'_>,
    seed: u64,
    (number, deed, id): (usize, Deed, &str),
    fatal: usize,
) -> Result<(), Error> {
    let (client, recorder) = (stage.client.clone(), stage.recorder.clone());
    let done = async { deeds::act(&client, &recorder, deed, id).await };
    let killed = async {
        for nth in 0..fatal {
            let parts = ["life", &number.to_string(), &nth.to_string()];
            let life = dice::below(seed, &parts, KILLED_WITHIN_US);
            tokio::time::sleep(Duration::from_micros(life)).await;
            stage.kill().await?;
            stage.start(0).await?;
        }
        Ok(())
    };
    let (done, killed) = tokio::join!(done, killed);
    match done {
        Err(error) if error.is_nobody() => {}
        done => done?,
    }
    killed
}

/// Brings every campaign to its end.
async fn end(stage: &mut Stage<'_>, ids: &[String]) -> Result<(), Error> {
    for _ in 0..LOOKS_MAX {
        let mut is_over = true;
        for id in ids {
            let recorder = stage.recorder.clone();
            let is_ended = stage.ask(async |client| deeds::end(client, &recorder, id).await);
            is_over &= is_ended.await?;
        }
        if is_over {
            return Ok(());
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Err(Error::Mute)
}

/// Holds what a client saw against what there was to see.
fn judge(seen: &Seen, logs: &BTreeMap<String, Vec<Told>>, outcome: &mut Outcome) {
    let mut violate = |words: String| outcome.evidence.push(words);
    if seen.resyncs > 0 {
        violate(format!("{} times a client was told to begin anew", seen.resyncs));
    }
    let none = Vec::new();
    for (id, log) in logs.iter().filter(|(id, _)| seen.campaign.as_ref().is_none_or(|it| it == *id))
    {
        let found = seen.sequences.get(id).unwrap_or(&none);
        if !found.is_sorted() {
            violate(format!("{id}: out of order: {found:?}"));
        }
        let is_of_site = seen.campaign.is_none();
        // Who follows the site may be told of several events at once by the last of them.
        let is_owed = |told: &&Told| if is_of_site { told.is_last } else { told.enters_status };
        let wanted: Vec<i64> = log.iter().filter(is_owed).map(|told| told.sequence).collect();
        let lost = wanted.iter().filter(|one| !found.contains(one)).count();
        let mut once = found.clone();
        once.dedup();
        let doubled = found.len().saturating_sub(once.len());
        if !is_of_site && found.iter().any(|one| !wanted.contains(one)) {
            violate(format!("{id}: told what is no status of it: {found:?}, not {wanted:?}"));
        }
        for (sum, more) in [
            (&mut outcome.messages, wanted.len()),
            (&mut outcome.lost, lost),
            (&mut outcome.doubled, doubled),
        ] {
            *sum = sum.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        }
        if lost > 0 {
            tell(&format!("{id}: saw {found:?} of {wanted:?}"));
        }
    }
}

/// A member of an answer.
fn member<'a>(answer: &'a Value, path: &str) -> Option<&'a Value> {
    answer.pointer(path).filter(|value| !value.is_null())
}
