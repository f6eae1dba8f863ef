//! How often what happened to messages in which state: what a number of schedules is worth.

use std::collections::BTreeMap;
use std::fmt;

use super::people::Call;
use super::play::{Play, index};

/// How often each pair of an event and a message's state at that moment occurred.
#[derive(Clone, Debug, Default)]
pub(super) struct Coverage(BTreeMap<(String, String), u64>);

impl Coverage {
    fn add(&mut self, event: &str, state: String, count: u64) {
        *self.0.entry((event.to_owned(), state)).or_default() += count;
    }

    /// Adds what others saw.
    pub(super) fn join(&mut self, other: &Self) {
        for ((event, state), count) in &other.0 {
            self.add(event, state.clone(), *count);
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<40} {:<14} {:>12}", "event", "state", "times")?;
        for ((event, state), count) in &self.0 {
            writeln!(f, "{event:<40} {state:<14} {count:>12}")?;
        }
        Ok(())
    }
}

impl Play {
    /// Something became of a request: in which state was its message?
    pub(super) fn cover_post(&mut self, event: &str, number: usize) {
        if !self.is_covered {
            return;
        }
        let attempt = self.hub.world().posts.get(number).map(|post| post.attempt);
        let Some(attempt) = attempt else { return };
        self.cover(
            event,
            "SELECT m.state, 1 FROM message m JOIN attempt a ON a.message_id = m.id WHERE a.id = ?1",
            attempt.as_bytes(),
        );
    }

    /// A person calls about a campaign: in which states are its messages?
    pub(super) fn cover_campaign(&mut self, call: Call) {
        let campaign = self.campaigns.get(index(call.campaign)).map(|it| it.id.0);
        let Some(campaign) = campaign.filter(|_| self.is_covered) else { return };
        let act = format!("{:?}", call.act).to_lowercase();
        self.cover(
            &act,
            "SELECT state, count(*) FROM message WHERE campaign_id = ?1 GROUP BY state",
            campaign.as_bytes(),
        );
    }

    /// A node dies: in which states are the messages it attempted last, and where are their requests?
    pub(super) fn cover_crash(&mut self, node: u32) {
        if !self.is_covered {
            return;
        }
        let on_the_way: Vec<(usize, &'static str)> = {
            let world = self.hub.world();
            let own = world.posts.iter().enumerate();
            let own = own.filter(|(_, post)| post.node == node && post.is_awaited);
            own.map(|(number, post)| {
                (
                    number,
                    match post.way {
                        super::world::Way::Out => "crash before it was taken",
                        _ => "crash before the answer",
                    },
                )
            })
            .collect()
        };
        for (number, event) in on_the_way {
            self.cover_post(event, number);
        }
        let site = self.plot.site.0;
        self.cover(
            "crash, of any message",
            "SELECT state, count(*) FROM message WHERE site_id = ?1 GROUP BY state",
            site.as_bytes(),
        );
    }

    fn cover(&mut self, event: &str, sql: &str, id: &[u8; 16]) {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?));
        let rows: Vec<(String, i64)> =
            self.hub.store.ask(sql, [id.as_slice()], read).unwrap_or_default();
        for (state, count) in rows {
            self.played.coverage.add(event, state, u64::try_from(count).unwrap_or_default());
        }
    }
}
