//! Plays a scenario against a whole service and tells what happened.
//!
//! The callers' steps go through the GraphQL API over HTTP; what the service says of itself comes by
//! a subscription over graphql-transport-ws that runs the whole time, as a dashboard's would; what
//! reached the world comes from the aggregator's journal.
//!
//! **Invariant:** everything is observed from outside: by the API, its events and the aggregator.
//! **Invariant:** a scenario's timeline is the same every time and on every database.

mod asks;
pub(crate) mod calls;
mod changes;
mod expected;
pub(crate) mod facts;
mod fields;
mod files;
pub(crate) mod moves;
mod record;
mod settings;
mod story;
mod verdict;

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::client;
use crate::privacy::mask_all;
use crate::scenario::Scenario;
use crate::world::{self, World};

pub use files::{Printed, run_files};

use story::Story;

/// A scenario that could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The world failed.
    #[error(transparent)]
    World(#[from] world::Error),
    /// A call brought no answer.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The subscription ended while the story went on.
    #[error("the subscription to the site's campaigns ended")]
    Ended(#[source] Box<client::Ended>),
    /// An event that was committed did not arrive.
    #[error("the event at the end of the log did not arrive in time")]
    EventLost,
    /// The service answered a call of the story with an error that is no refusal.
    #[error("{call} was answered {answer}")]
    Answer {
        /// The call, or what was looked for in its answer.
        call: String,
        /// The answer, phones masked.
        answer: String,
    },
    /// A step waits for what never comes.
    #[error("steps[{step}] waits for {what}, and nothing is left to do")]
    Never {
        /// The step, from 0.
        step: usize,
        /// What it waits for.
        what: String,
    },
    /// A name that no step gave.
    #[error("there is no campaign `{0}`")]
    NoCampaign(String),
}

/// What came of a scenario.
#[derive(Clone)]
pub struct Played {
    /// Its timeline, in words.
    pub timeline: String,
    /// What was not as it must be: what the scenario expects, and what holds for every story. None
    /// when all is well.
    pub problems: Vec<String>,
    /// The journal of the run, as the checker read it: phones and texts of the story stand in it.
    pub journal: String,
}

impl std::fmt::Debug for Played {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Played").field("problems", &self.problems).finish_non_exhaustive()
    }
}

impl From<client::Ended> for Error {
    fn from(ended: client::Ended) -> Self {
        Self::Ended(Box::new(ended))
    }
}

impl Error {
    /// An answer that is none to `call`.
    fn answer(call: &str, answer: &Value) -> Self {
        Self::Answer { call: call.to_owned(), answer: mask_all(&answer.to_string()) }
    }
}

/// Plays a scenario in a world of its own.
pub async fn play(scenario: &Scenario) -> Result<Played, Error> {
    let world = World::start(scenario).await?;
    let told = tell(&world, scenario).await;
    // A story that failed has told why; that its world is not idle then is no news.
    let stopped = world.stop().await;
    let mut played = told?;
    if let Err(error) = stopped {
        played.problems.push(api::causes::line(&error));
    }
    Ok(played)
}

async fn tell(world: &World, scenario: &Scenario) -> Result<Played, Error> {
    let mut story = Story::begin(world, scenario).await?;
    story.tell().await?;
    story.end().await
}
