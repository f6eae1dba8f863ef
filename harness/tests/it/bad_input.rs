//! Bad input, over real HTTP: each answer names what is wrong and where, and nothing changes.

mod campaigns;
mod follow_ups;
mod ids;
pub(crate) mod keys;
mod lives;
mod pauses;
mod people;
mod requests;
mod schedules;
mod settings;

use harness::client::Client;
use harness::world::World;
use serde_json::Value;

use crate::common::{Rows, post, problems};

/// What is wrong, the variables that are, and the problems to be told.
pub(crate) type Case<'a> = (&'a str, Value, &'a [&'a str]);

/// Sends the operation with the variables of each case: it must be told those problems, and no row
/// of the service may change.
pub(crate) async fn all_refused(world: &World, client: &Client, query: &str, cases: &[Case<'_>]) {
    let before = Rows::of(world).await;
    for (what, variables, wanted) in cases {
        let answer = post(client, query, variables.clone()).await;
        assert_eq!(problems(&answer), *wanted, "{what}: {answer}");
    }
    assert_eq!(Rows::of(world).await.differing(&before), [""; 0], "one of them changed rows");
}
