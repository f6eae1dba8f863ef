//! Facts of what was set up before anything happened, and of what was changed since.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClockKind, HowStopped};

facts! {
    /// The first fact of a writer.
    Header {
        /// The version of the format.
        version: u32,
        /// The civil clock.
        clock: ClockKind,
    }

    /// Hours of a day, `HH:MM`, the last not included.
    Hours {
        /// From.
        start: String,
        /// Until.
        end: String,
    }

    /// A site and how it is set.
    SiteState {
        /// Its id.
        site: String,
        /// Its name.
        name: String,
        /// Its zone.
        zone: String,
        /// When nothing leaves.
        #[serde(skip_serializing_if = "Option::is_none")]
        quiet_hours: Option<Hours>,
        /// Smart Sending's window in seconds; none where it is off.
        #[serde(skip_serializing_if = "Option::is_none")]
        smart_sending_s: Option<i64>,
        /// The rule packs that are switched on.
        rule_packs: Vec<String>,
        /// What stands before every text.
        #[serde(skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        /// What stands below every text.
        #[serde(skip_serializing_if = "Option::is_none")]
        footer: Option<String>,
        /// The segments left of a trial; none where the plan is no trial.
        #[serde(skip_serializing_if = "Option::is_none")]
        trial_left: Option<u64>,
    }

    /// A sender.
    Sender {
        /// Its number.
        phone: String,
        /// Segments it may send in a second; 0 for no limit.
        segments_per_s: u32,
    }

    /// Somebody who can be texted.
    Person {
        /// The site.
        site: String,
        /// The phone.
        phone: String,
        /// The zone that was given or observed.
        #[serde(skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
        /// Where they live, if that was said.
        #[serde(skip_serializing_if = "Option::is_none")]
        postal_code: Option<String>,
        /// Labels.
        tags: Vec<String>,
        /// Values for variables.
        attributes: BTreeMap<String, String>,
        /// Whether they had opted out before the journal began.
        is_opted_out: bool,
    }

    /// A process of the service.
    Service {
        /// Its node.
        node: String,
        /// How many hand-overs it may have under way; 0 if that is not known.
        max_in_flight: u64,
    }

    /// A process of the service that ended.
    Stopped {
        /// Its node.
        node: String,
        /// How.
        how: HowStopped,
    }
}
