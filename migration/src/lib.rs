//! The schema, one file a step, for SQLite and PostgreSQL alike.
//!
//! Instants are milliseconds since 1970 in UTC, as `bigint`; codes are `snake_case` text; ids are UUIDs.
//!
//! **Invariant:** a released step never changes, and imports nothing of ours: history must not move when
//! today's types do.
//! **Invariant:** every table carries `site_id`, so that the data can be sharded by site.

#![expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides them, and async_trait needs both sides alike"
)]

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, async_trait};

mod columns;
mod m0001_sites;
mod m0002_subscribers;
mod m0003_aggregators;
mod m0004_campaigns;
mod m0005_events;
mod m0006_ledger;
mod m0007_rules;
mod m0008_consent;
mod m0009_status_pages;
mod m0010_direct_texts;
mod m0011_history;
mod m0012_resolution;
mod m0013_site_changes;
mod m0014_memberships;
mod m0015_touches;
mod m0016_unheard;
mod m0017_paces;
mod m0018_uncertain;
mod m0019_callers;
mod m0020_audit;

/// Brings a database to the schema of this version.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_sites::Migration),
            Box::new(m0002_subscribers::Migration),
            Box::new(m0003_aggregators::Migration),
            Box::new(m0004_campaigns::Migration),
            Box::new(m0005_events::Migration),
            Box::new(m0006_ledger::Migration),
            Box::new(m0007_rules::Migration),
            Box::new(m0008_consent::Migration),
            Box::new(m0009_status_pages::Migration),
            Box::new(m0010_direct_texts::Migration),
            Box::new(m0011_history::Migration),
            Box::new(m0012_resolution::Migration),
            Box::new(m0013_site_changes::Migration),
            Box::new(m0014_memberships::Migration),
            Box::new(m0015_touches::Migration),
            Box::new(m0016_unheard::Migration),
            Box::new(m0017_paces::Migration),
            Box::new(m0018_uncertain::Migration),
            Box::new(m0019_callers::Migration),
            Box::new(m0020_audit::Migration),
        ]
    }
}
