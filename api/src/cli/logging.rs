//! Where logs go: standard error, as text or as JSON lines.
//!
//! **Invariant:** no field of a log holds a phone number, a text or a token.

use crate::config::{LogConfig, LogFormat};
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Starts logging as configured. A second start changes nothing: tests share a process.
pub fn start_logging(config: &LogConfig) {
    // The filter was checked when the configuration was read.
    let filter: Targets = config.filter.parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match config.format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
}
