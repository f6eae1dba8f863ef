//! What can go wrong with a world. None of it is a refusal of the service: those are answers.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::privacy::mask_all;
use crate::{aggregator, client};

/// A world that cannot start, go on or stop in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The temporary directory cannot be made.
    #[error("a temporary directory cannot be made")]
    Directory(#[source] std::io::Error),
    /// The PostgreSQL server that tests run on cannot be used.
    #[error("the server named by TEST_DATABASE_URL cannot be used")]
    TestServer(#[source] sea_orm::DbErr),
    /// `TEST_DATABASE_URL` is not a URL of a database.
    #[error("TEST_DATABASE_URL is not a url with a database's name")]
    ServerUrl,
    /// The service's database cannot be used.
    #[error("the database of the service cannot be used")]
    Database(#[source] api::db::Error),
    /// No port can be had.
    #[error("the service cannot listen on the loopback")]
    Listen(#[source] std::io::Error),
    /// The service does not start, or its server failed.
    #[error("the service cannot run")]
    Start(#[source] api::app::StartError),
    /// The server's task panicked.
    #[error("the server of the service died")]
    Server(#[source] tokio::task::JoinError),
    /// The server does not stop.
    #[error("the server of the service does not stop")]
    Stuck(#[source] tokio::time::error::Elapsed),
    /// The aggregator cannot start.
    #[error(transparent)]
    Aggregator(#[from] aggregator::Error),
    /// Setting up failed.
    #[error("the service cannot be set up")]
    Setup(#[from] api::service::admin::SetUpError),
    /// The scenario says something that the service does not take.
    #[error("`{value}` is not a value that the service takes")]
    Value {
        /// What it says.
        value: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no audience of that name.
    #[error("there is no audience `{0}`")]
    NoAudience(String),
    /// A text that opts out cannot be signed or posted.
    #[error("an opt-out cannot be signed")]
    Signing(#[source] crate::contract::signing::SecretError),
    /// A text that opts out was not taken.
    #[error("an opt-out was answered {0}")]
    OptOut(u16),
    /// An opt-out cannot be posted.
    #[error("an opt-out cannot be posted")]
    Post(#[source] reqwest::Error),
    /// A call brought no answer.
    #[error("a call brought no answer")]
    Client(#[from] client::Error),
    /// An answer is not what the schema promises.
    #[error("the answer lacks `{path}`: {answer}")]
    Answer {
        /// What was looked for.
        path: String,
        /// What there was, phones masked.
        answer: String,
    },
    /// The engine failed.
    #[error("the {task} failed")]
    Engine {
        /// Which reconciler.
        task: &'static str,
        /// Why.
        #[source]
        source: api::engine::Fault,
    },
    /// The engine found something to do time and again.
    #[error("the engine does not settle at {at}: after {rounds} rounds there is still {what}")]
    Restless {
        /// The instant of the story.
        at: DateTime<Utc>,
        /// How often it looked.
        rounds: usize,
        /// Which reconcilers were busy.
        what: String,
    },
    /// Time moved on and on, and there was always more to come.
    #[error("the story does not end: after {instants} instants there is still {what}")]
    Endless {
        /// How many instants were visited.
        instants: usize,
        /// What is still to come.
        what: String,
    },
    /// The service was to die in the middle of a hand-over, and none was under way.
    #[error("{0} messages were to be on their way at once, taken and not answered, and were not")]
    NotUnderWay(u64),
    /// The service was to be idle.
    #[error("the service was to be idle, and there was {0}")]
    NotIdle(String),
    /// The ledger does not add up.
    #[error("the ledger of {campaign} does not add up: {what}")]
    Ledger {
        /// The campaign.
        campaign: String,
        /// What does not.
        what: String,
    },
}

impl Error {
    /// An answer that lacks what is at `path`.
    pub(super) fn answer(path: &str, answer: &Value) -> Self {
        Self::Answer { path: path.to_owned(), answer: mask_all(&answer.to_string()) }
    }
}
