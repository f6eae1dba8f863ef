//! What the core sees and does, as facts of a journal.
//!
//! **Invariant:** what was decided is recorded under the lock it is decided under, before anybody is answered.

use super::Core;
use crate::aggregator::event::{Content, Outcome, Outgoing};
use crate::aggregator::wire::Reply;
use crate::contract::SubmitRequest;
use crate::record::{
    Answered, Decided, Did, Fact, LookedUp, Read, Receipt, Received, Recorder, digest,
};

impl Core {
    /// Records from here on what it sees and does. Only the first recorder given is used.
    pub fn record_to(&self, recorder: Recorder) {
        // A second one is refused: two journals of one aggregator would each be half of it.
        self.recorder.set(recorder).ok();
    }

    /// Gives a request its number, when its first bytes come.
    pub(crate) fn begun(&self) -> u64 {
        let Some(recorder) = self.recorder.get() else { return 0 };
        let req = recorder.next_request();
        recorder.record_at(self.now(), Fact::Begun { req });
        req
    }

    /// Notes that an answer leaves, or that its connection is cut.
    pub(crate) fn answered(&self, req: u64) {
        self.record(|| Fact::Answered(Answered { req }));
    }

    pub(super) fn was_read(&self, req: u64, key: &str, read: &SubmitRequest, body: &[u8]) {
        self.record(|| {
            Fact::Read(Read {
                req,
                key: key.to_owned(),
                reference: read.reference.clone(),
                digest: digest(body),
                to: read.to.clone(),
                from: read.from.clone(),
                text: read.text.clone(),
                media: u32::try_from(read.media_urls.len()).unwrap_or(u32::MAX),
                not_after_ms: read.not_after.map(|at| at.timestamp_millis()),
            })
        });
    }

    pub(super) fn decided(&self, req: u64, did: Did, id: Option<&str>, reply: &Reply) {
        self.record(|| {
            let json: Option<serde_json::Value> = serde_json::from_slice(&reply.body).ok();
            let code = json.as_ref().and_then(|json| json.get("code")?.as_str());
            let segments = json.as_ref().and_then(|json| json.get("segments")?.as_u64());
            let is_cut = reply.transport.is_some();
            let wait = reply.headers.iter().find(|(name, _)| name == "retry-after");
            Fact::Decided(Decided {
                req,
                did,
                id: id.map(str::to_owned),
                status: (!is_cut).then_some(reply.status),
                code: code.filter(|_| !is_cut).map(str::to_owned),
                segments: segments.filter(|_| !is_cut).and_then(|count| u32::try_from(count).ok()),
                retry_after_s: wait.filter(|_| !is_cut).and_then(|(_, text)| text.parse().ok()),
            })
        });
    }

    pub(super) fn looked_up(&self, reference: &str, found: &[String]) {
        self.record(|| {
            Fact::LookedUp(LookedUp { reference: reference.to_owned(), found: found.to_vec() })
        });
    }

    pub(super) fn posted(&self, outgoing: &Outgoing, outcome: &Outcome) {
        let answered = match outcome {
            Outcome::Answered(status) => Some(*status),
            Outcome::NoAnswer => None,
            // Nothing was posted, so nothing happened.
            Outcome::Nowhere => return,
        };
        self.record(|| {
            if let Content::Inbound { index } = &outgoing.content {
                let text = self.script.inbound.get(*index);
                let said = text.map_or(outgoing.due, |text| self.script.instant(text.at));
                return Fact::Received(Received {
                    from: text.map(|text| text.from.clone()).unwrap_or_default(),
                    text: text.map(|text| text.body.clone()).unwrap_or_default(),
                    said_ms: said.timestamp_millis(),
                    answered,
                });
            }
            Fact::Receipt(Receipt {
                status: self.kind(&outgoing.content).as_str().to_owned(),
                id: self.message_id(&outgoing.content),
                is_forged: self.forgery(outgoing).is_some(),
                answered,
            })
        });
    }

    fn record(&self, fact: impl FnOnce() -> Fact) {
        if let Some(recorder) = self.recorder.get() {
            recorder.record_at(self.now(), fact());
        }
    }
}
