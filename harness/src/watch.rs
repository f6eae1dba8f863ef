//! `harness watch CAMPAIGN`: follows one campaign's status over WebSocket, a line a change.

use crate::client::{self, Client, Ended};
use api::{
    app::StartError,
    config::{Config, process_env},
};
use serde_json::{Value, json};
use std::{io::Write as _, path::PathBuf};

/// Why a campaign cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The configuration is not valid.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There is no key.
    #[error("cannot read the API key in {}: is the development world running?", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The subscription ended early.
    #[error("the subscription ended")]
    Ended(#[source] Ended),
    /// The service answered with an error.
    #[error("the service answered: {0}")]
    Answer(String),
    /// Nobody reads any more.
    #[error("cannot write to the terminal")]
    Output(#[from] std::io::Error),
}

/// What is asked.
const SUBSCRIPTION: &str = "subscription Watch($id: ID!) {
  campaignStatusChanged(campaignId: $id) {
    event { occurredAt fromStatus toStatus actor { name } reason { message remedy } }
    campaign { status }
  }
}";

/// Follows `campaign_id` in the development world until its status is final.
pub async fn watch(campaign_id: &str) -> Result<(), WatchError> {
    let config = Config::load(None, process_env()).map_err(StartError::from)?;
    let path = config.database.data_dir.join("dev-api-key");
    let key = std::fs::read_to_string(&path).map_err(|source| WatchError::Key { path, source })?;
    let url = format!("http://{}/graphql", config.server.listen);
    let client = Client::new(url, Some(key.trim().to_owned()))?;
    let variables = json!({ "id": campaign_id });
    let mut changes = client.subscribe(SUBSCRIPTION, variables).await.map_err(WatchError::Ended)?;
    while let Some(change) = changes.next_value().await {
        let change = match change {
            Ok(change) => change,
            Err(Ended::Complete) => break,
            Err(ended) => return Err(WatchError::Ended(ended)),
        };
        if let Some(error) = change.pointer("/errors/0/message").and_then(Value::as_str) {
            return Err(WatchError::Answer(error.to_owned()));
        }
        let line = line(&change);
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    Ok(())
}

/// One change in words: when, to which status, by whom, and why.
fn line(change: &Value) -> String {
    let root = change.pointer("/data/campaignStatusChanged").unwrap_or(change);
    let text = |path: &str| root.pointer(path).and_then(Value::as_str);
    let status = text("/event/toStatus").or(text("/campaign/status")).unwrap_or("?");
    let mut line = format!("{}  {status}", text("/event/occurredAt").unwrap_or_default());
    if let Some(actor) = text("/event/actor/name") {
        line.push_str("  by ");
        line.push_str(actor);
    }
    for reason in
        [text("/event/reason/message"), text("/event/reason/remedy")].into_iter().flatten()
    {
        line.push_str("  ");
        line.push_str(reason);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reads_as_a_line() {
        let change = json!({ "data": { "campaignStatusChanged": {
            "event": { "occurredAt": "2026-11-23T15:00:00.000Z", "fromStatus": "DRAFT",
                "toStatus": "PROCESSING", "actor": { "name": "development" }, "reason": null },
            "campaign": { "status": "SENDING" },
        } } });
        assert_eq!(line(&change), "2026-11-23T15:00:00.000Z  PROCESSING  by development");
    }
}
