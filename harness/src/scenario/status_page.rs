//! What the aggregator's status page says, and from when on.

use serde::Deserialize;

use super::values::Span;

/// What the page says from an instant on. Before the first notice all is well.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct StatusNotice {
    /// From when on, as an offset.
    pub at: Span,
    /// The verdict on everything together.
    pub indicator: PageIndicator,
    /// The component it is about; the page lists it as operational besides, if none is named.
    pub component: Option<String>,
    /// How that component is.
    pub component_status: ComponentStatus,
    /// The title of an incident that goes on.
    pub incident: Option<String>,
}

/// A verdict on everything together.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum PageIndicator {
    /// All is well.
    #[default]
    None,
    /// Planned work.
    Maintenance,
    /// A small trouble.
    Minor,
    /// A great one.
    Major,
    /// A total one.
    Critical,
}

impl PageIndicator {
    /// As the page writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Maintenance => "maintenance",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }
}

/// How a component is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ComponentStatus {
    /// All is well.
    #[default]
    Operational,
    /// It works slowly.
    DegradedPerformance,
    /// A part of it does not work.
    PartialOutage,
    /// It does not work.
    MajorOutage,
    /// Planned work.
    UnderMaintenance,
}

impl ComponentStatus {
    /// As the page writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::DegradedPerformance => "degraded_performance",
            Self::PartialOutage => "partial_outage",
            Self::MajorOutage => "major_outage",
            Self::UnderMaintenance => "under_maintenance",
        }
    }
}
