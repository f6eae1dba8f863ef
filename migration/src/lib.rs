//! The schema, one file a step, for SQLite and PostgreSQL alike.
//!
//! Instants are milliseconds since 1970 in UTC, as `bigint`; codes are `snake_case` text; ids are UUIDs.
//!
//! **Invariant:** a released step never changes, and imports nothing of ours: history must not move when
//! today's types do.
//! **Invariant:** a step adds, and takes nothing away that the version before it uses: nodes of both run side by side
//! while an upgrade is under way. What is no longer used goes a version later.
//! **Invariant:** every table carries `site_id`, so that the data can be sharded by site.

#![expect(
    elided_lifetimes_in_paths,
    reason = "the trait elides them, and async_trait needs both sides alike"
)]

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{
    DbErr, MigrationTrait, SchemaManager, async_trait,
    sea_orm::{DatabaseConnection, EntityTrait, QuerySelect},
    seaql_migrations,
};
use std::collections::HashSet;

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
mod m0021_outstanding;
mod m0022_room;

/// Brings a database to the schema of this version.
#[derive(Debug)]
pub struct Migrator;

/// How the schema of a database compares with that of this version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Steps that the database does not have yet.
    pub behind: usize,
    /// Steps that this version does not know: a newer one took them, which leaves this one all it uses.
    pub ahead: usize,
}

impl Migrator {
    /// How the schema of `db` compares with this version's, without changing anything.
    pub async fn standing(db: &DatabaseConnection) -> Result<Standing, DbErr> {
        let known: HashSet<String> =
            Self::migrations().iter().map(|step| step.name().to_owned()).collect();
        if !SchemaManager::new(db).has_table("seaql_migrations").await? {
            return Ok(Standing { behind: known.len(), ahead: 0 });
        }
        let taken: Vec<String> = seaql_migrations::Entity::find()
            .select_only()
            .column(seaql_migrations::Column::Version)
            .into_tuple()
            .all(db)
            .await?;
        let taken: HashSet<String> = taken.into_iter().collect();
        let (behind, ahead) = (known.difference(&taken).count(), taken.difference(&known).count());
        Ok(Standing { behind, ahead })
    }
}

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
            Box::new(m0021_outstanding::Migration),
            Box::new(m0022_room::Migration),
        ]
    }
}
