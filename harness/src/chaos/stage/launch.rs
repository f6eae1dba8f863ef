//! Making a campaign and activating it, by a caller who repeats both under their keys when nobody answers.
//!
//! **Invariant:** a launch that is repeated is one launch: its keys are made of its name.

use super::{Error, Stage, call};
use crate::{
    client::Client,
    clock::{Now, SharedClock},
    record::{Fact, Frozen, Recorder},
    runner::{
        calls::{ACTIVATE, CREATE},
        facts,
    },
};
use serde_json::{Value, json};

/// A campaign to make and to send at once.
pub(in crate::chaos) struct Launch {
    /// Its name, which no other of the run has.
    pub(in crate::chaos) name: String,
    /// Whom it goes to, by the ids of audiences.
    pub(in crate::chaos) audiences: Vec<String>,
    /// Its steps, as the API takes them. No two campaigns of a run have one text.
    pub(in crate::chaos) steps: Value,
}

/// Somebody who calls the service and records what it answers.
#[derive(Clone)]
pub(in crate::chaos) struct Caller {
    pub(in crate::chaos) client: Client,
    pub(in crate::chaos) recorder: Recorder,
    pub(in crate::chaos) clock: SharedClock,
    pub(in crate::chaos) site: String,
}

impl Caller {
    /// Makes the campaign; answers its id.
    pub(in crate::chaos) async fn create(&self, launch: &Launch) -> Result<String, Error> {
        let input = json!({
            "name": launch.name,
            "audienceIds": launch.audiences,
            "steps": launch.steps,
            "usesSmartSending": false,
            "idempotencyKey": format!("create {}", launch.name),
        });
        let create = ("create", CREATE);
        let variables = json!({ "input": input });
        let (made, _) = call(&self.client, &self.recorder, create, variables).await?;
        let id = made.pointer("/campaign/id").and_then(Value::as_str);
        Ok(id.unwrap_or_default().to_owned())
    }

    /// Activates it for now.
    pub(in crate::chaos) async fn activate(&self, id: &str) -> Result<(), Error> {
        let input =
            json!({ "schedule": { "now": true }, "idempotencyKey": format!("activate {id}") });
        let variables = json!({ "id": id, "input": input });
        let activate = ("activate", ACTIVATE);
        call(&self.client, &self.recorder, activate, variables).await.map(drop)
    }

    /// Records what the activation froze, which was asked for at `activated_ms`.
    pub(in crate::chaos) async fn frozen(&self, id: &str, activated_ms: i64) -> Result<(), Error> {
        let frozen = facts::frozen(&self.client, id, activated_ms).await?;
        self.recorder.record(Fact::Frozen(Frozen { site: self.site.clone(), ..frozen }));
        Ok(())
    }

    /// The civil time now, in milliseconds since 1970.
    pub(in crate::chaos) fn now_ms(&self) -> i64 {
        Now::now(&self.clock).timestamp_millis()
    }
}

impl Stage<'_> {
    /// A caller of the service of this run.
    pub(in crate::chaos) fn caller(&self) -> Caller {
        Caller {
            client: self.client.clone(),
            recorder: self.recorder.clone(),
            clock: self.clock,
            site: self.site_id(),
        }
    }

    /// Makes a campaign and activates it, over as many deaths of the service as come; answers its id.
    pub(in crate::chaos) async fn launch(&mut self, launch: &Launch) -> Result<String, Error> {
        let caller = self.caller();
        let began_ms = caller.now_ms();
        let launched = self.ask(async |_client| {
            let id = caller.create(launch).await?;
            caller.activate(&id).await?;
            caller.frozen(&id, began_ms).await?;
            Ok(id)
        });
        launched.await
    }
}
