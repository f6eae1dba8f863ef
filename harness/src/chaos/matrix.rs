//! `harness chaos matrix`: the service dies at every step of its ports, once each.
//!
//! A first run counts the steps. Then, for every step, a service begins on a fresh copy of the database, dies
//! at that very step, and another goes on with what it left. Schedules differ from run to run, so a number names
//! no certain event; but every number is died at, and so is every kind of place many times over.
//!
//! **Invariant:** a run in which the service did not die where it was to is not counted as a kill.

use super::{
    Error,
    ledger::Entry,
    outcome::Outcome,
    place::{self, Place},
    plays::Play,
    stage::{Launch, Setting, Stage, post_stop},
    tell,
    template::Template,
};
use crate::{client::http_builder, runner::calls::step_input, world};
use futures_util::future::try_join_all;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How many times as fast as time civil time passes: a follow-up's shortest delay, a minute, takes 0.4 s, and a
/// webhook's five minutes are two seconds.
const SPEED: u32 = 150;
/// How often a run looks whether a phone was reached.
const PAUSE: Duration = Duration::from_millis(5);
/// How often it looks at the most, and how often the service is asked meanwhile.
const LOOKS_MAX: usize = 6_000;
const ASKED_EVERY: usize = 12;
/// How many steps a play may have.
const STEPS_MAX: u64 = 20_000;
/// How many runs may be under way at once.
const LANES_MAX: u8 = 16;
/// How often it is told how far it is.
const TOLD_EVERY: u64 = 50;

/// What to run, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The campaign to die in: `campaign`, `look-up` or `hold`.
    #[arg(long)]
    scenario: String,
    /// Runs under way at once.
    #[arg(long, default_value_t = 4)]
    lanes: u8,
    /// The most steps that are died at, spread evenly over all; all if left out.
    #[arg(long)]
    points: Option<u64>,
    #[command(flatten)]
    place: place::Whereabouts,
}

/// Runs the play once without a death and once for each step.
pub(super) async fn run(options: &Options) -> Result<Entry, Error> {
    if options.lanes == 0 || options.lanes > LANES_MAX || options.points == Some(0) {
        return Err(Error::Option("`--lanes` must be from 1 to 16, and `--points` at least 1"));
    }
    let began = Instant::now();
    let play = Play::named(&options.scenario)?;
    let place = Place::open(&options.place).await?;
    let template = Template::make(&place.store, "set_up", play.scenario()?).await?;
    let matrix = Matrix { play, place: &place, template: &template };
    let (mut sum, steps) = matrix.count().await?;
    let points = points(steps, options.points);
    tell(&format!("{}: {steps} steps, {} of them to die at", play.name, points.len()));
    let (next, all) = (AtomicU64::new(0), Mutex::new(Outcome::default()));
    let lanes = (0..options.lanes).map(|_| matrix.lane(&points, &next, &all));
    let done = try_join_all(lanes).await;
    place.store.drop("set_up").await?;
    done?;
    sum.add(std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner)));
    let entry = Entry::new("matrix", &sum, began.elapsed())
        .of(play.name, 0)
        .with_races(0, u64::try_from(points.len()).unwrap_or(u64::MAX));
    place.close(entry)
}

/// The steps to die at: all, or so many, spread evenly.
fn points(steps: u64, most: Option<u64>) -> Vec<u64> {
    let steps = steps.min(STEPS_MAX);
    let count = most.unwrap_or(steps).min(steps);
    (0..count).map(|place| 1 + place * steps / count).collect()
}

#[derive(Clone, Copy)]
struct Matrix<'a> {
    play: &'a Play,
    place: &'a Place,
    template: &'a Template,
}

impl<'a> Matrix<'a> {
    fn setting(&self) -> Result<Setting<'a>, Error> {
        let address = place::address()?;
        Ok(Setting { place: self.place, template: self.template, address, speed: SPEED })
    }

    /// Plays it without a death; answers how many steps there were.
    async fn count(&self) -> Result<(Outcome, u64), Error> {
        let mut stage = Stage::open(self.setting()?, "counted").await?;
        stage.start(0).await?;
        let campaign = self.play_on(&mut stage).await?;
        stage.drained(self.play.rest).await?;
        let steps = stage.stop().await?;
        stage.start(0).await?;
        let outcome = stage.judge(&[campaign], self.play.rest).await?;
        Ok((outcome, steps))
    }

    /// Runs one after the other, until no step is left.
    async fn lane(
        &self,
        points: &[u64],
        next: &AtomicU64,
        all: &Mutex<Outcome>,
    ) -> Result<(), Error> {
        let setting = self.setting()?;
        for _ in 0..points.len() {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            let Some(step) = points.get(place) else { return Ok(()) };
            let outcome = Box::pin(self.die_at(setting, *step)).await?;
            if !outcome.is_clean() {
                tell(&format!("{} step {step}:", self.play.name));
                outcome.show();
            }
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.add(outcome);
            if all.runs.is_multiple_of(TOLD_EVERY) {
                tell(&format!("{}: {} runs, {} kills", self.play.name, all.runs, all.kills));
            }
        }
        Ok(())
    }

    async fn die_at(&self, setting: Setting<'a>, step: u64) -> Result<Outcome, Error> {
        let mut stage = Stage::open(setting, &format!("step_{step}")).await?;
        stage.start(step).await?;
        let campaign = self.play_on(&mut stage).await?;
        stage.judge(&[campaign], self.play.rest).await
    }

    /// Makes the campaign, activates it, and lets who is to text STOP do so.
    async fn play_on(&self, stage: &mut Stage<'_>) -> Result<String, Error> {
        let scenario = &self.template.scenario;
        let campaign = &scenario.campaign;
        let known = &self.template.audiences;
        let audiences = campaign.audiences.iter().filter_map(|name| known.get(name)).cloned();
        let audiences = audiences.collect();
        let launch = Launch {
            name: campaign.name.clone(),
            audiences,
            steps: campaign.steps.iter().map(step_input).collect(),
        };
        let id = stage.launch(&launch).await?;
        if let Some(phone) = self.play.rest.stops {
            stop_once_reached(stage, phone).await?;
        }
        Ok(id)
    }
}

/// Waits until a message was taken for a phone, and lets it text STOP until that is answered.
async fn stop_once_reached(stage: &mut Stage<'_>, phone: &str) -> Result<(), Error> {
    let http = http_builder().build().map_err(world::Error::Post)?;
    let (hook, clock) = (stage.hook(), stage.clock());
    for look in 1..=LOOKS_MAX {
        if look.is_multiple_of(ASKED_EVERY) {
            // Asking notices the death of the service, and starts the next one.
            stage.progress().await?;
        }
        let is_reached = stage
            .aggregator
            .core()
            .with_ledger(|taken| taken.iter().any(|one| one.request.to == phone));
        if is_reached {
            match post_stop(&stage.recorder, (&http, &hook), &clock, phone).await {
                Ok(200..=299) => return Ok(()),
                Err(error) if !error.is_nobody() => return Err(error),
                _ => {}
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
