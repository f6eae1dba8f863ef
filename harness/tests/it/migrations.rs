//! The steps of the schema, up and down: what they leave behind is what the entities say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use api::config::ServerRole;
use api::db::Schema;
use api::ports::Task;
use chrono::TimeDelta;
use harness::world::World;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityName as _, EntityTrait, Iterable as _,
    PrimaryKeyToColumn as _, QueryResult, Statement,
};

use crate::common::{TABLES, activated, now, page, status, world};
use crate::nodes::Node;
use crate::restart::{process, run};

/// A table's columns: whether each may be null, and its place in the primary key, from 1.
type Columns = BTreeMap<String, (bool, i64)>;

/// Goal: rows and entities agree, on both databases. Method: on the schema of a new world, compare
/// each table's columns, their nullability and the primary key with the entity's; take every step
/// back, until nothing is left; take them again, and compare again.
#[tokio::test]
async fn the_schema_is_that_of_the_entities_up_and_down_and_up_again() {
    let world = world("subscribers: []\n").await;
    compare(&world).await;
    world.db().unmigrate().await.unwrap();
    assert_eq!(tables(&world).await, [""; 0], "nothing is left behind");
    let none = Schema { behind: migration_count(), ahead: 0 };
    assert_eq!(world.db().schema().await.unwrap(), none);
    world.db().migrate().await.unwrap();
    compare(&world).await;
    assert_eq!(world.db().schema().await.unwrap(), Schema::default());
    world.db().migrate().await.unwrap();
    compare(&world).await;
}

/// What a newer version does to every table, and what it notes of it.
async fn upgrade(world: &World) {
    let txn = world.db().begin_write().await.unwrap();
    for table in TABLES {
        let sql = format!("ALTER TABLE \"{table}\" ADD COLUMN newer text DEFAULT 'unknown to us'");
        txn.execute_unprepared(&sql).await.unwrap();
    }
    txn.execute_unprepared("CREATE TABLE newer (site_id text NOT NULL)").await.unwrap();
    let note = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 1)";
    txn.execute_unprepared(note).await.unwrap();
    txn.commit().await.unwrap();
}

/// Goal: while an upgrade is under way nodes of the version before go on, and may begin again. Method: what a
/// newer version may do to every table happens while a campaign is handed over, and by statements that were
/// prepared before; the same process goes on, another begins on what it finds, and a node answers that it is ready.
#[tokio::test]
async fn a_version_goes_on_beside_a_newer_one() {
    let world = world("subscribers: [{ count: 4 }]\ndefaults: { receipts: [] }\n").await;
    let sent = activated(&world, now()).await;
    run(&world.app()).await;
    assert_eq!(status(&world, &sent).await, "SENT");
    let waiting = activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();

    upgrade(&world).await;
    assert_eq!(world.db().schema().await.unwrap(), Schema { behind: 0, ahead: 1 });
    world.db().migrate().await.unwrap();

    run(&world.app()).await;
    assert_eq!(status(&world, &waiting).await, "SENT");
    let next = activated(&world, now()).await;
    run(&process(&world, TimeDelta::zero())).await;
    assert_eq!(status(&world, &next).await, "SENT");
    assert_eq!(world.aggregator().core().summary().accepted, 12);
    let node = Node::start(&world, ServerRole::All, TimeDelta::hours(1).to_std().unwrap()).await;
    let (code, body) = page(&format!("{}/readyz", node.url), None).await;
    assert_eq!(code, 200, "{body}");
    node.stop().await;
    world.stop().await.unwrap();
}

/// Goal: no entity is left out of these tests. Method: the list is that of the files.
#[test]
fn every_entity_is_looked_at() {
    let mut files = rust_files("entity/src");
    files.retain(|name| !["lib", "convert", "secret"].contains(&name.as_str()));
    assert_eq!(files, TABLES);
}

async fn compare(world: &World) {
    let wanted = entities();
    let found = tables(world).await;
    assert_eq!(found, wanted.keys().map(String::as_str).collect::<Vec<_>>());
    for (table, columns) in &wanted {
        assert_eq!(&read(world, table).await, columns, "{table}");
    }
}

fn migration_count() -> usize {
    rust_files("migration/src").iter().filter(|name| name.starts_with("m0")).count()
}

/// The names of the sources in a folder of the workspace, in order.
fn rust_files(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.filter_map(|name| name.to_str()?.strip_suffix(".rs").map(str::to_owned));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// What an entity says of its table.
fn columns<E: EntityTrait>(_: E) -> Columns {
    let keys: Vec<String> = E::PrimaryKey::iter().map(|key| name_of(&key.into_column())).collect();
    E::Column::iter()
        .map(|column| {
            let name = name_of(&column);
            let place = keys.iter().position(|key| *key == name).map_or(0, |at| at + 1);
            (name, (column.def().is_null(), i64::try_from(place).unwrap()))
        })
        .collect()
}

fn name_of(column: &impl ColumnTrait) -> String {
    column.as_str().to_owned()
}

macro_rules! entities {
    ($($table:ident),+ $(,)?) => {
        /// What every entity says, by the name of its table.
        fn entities() -> BTreeMap<String, Columns> {
            BTreeMap::from([$((
                entity::$table::Entity.table_name().to_owned(),
                columns(entity::$table::Entity),
            )),+])
        }
    };
}
crate::common::for_tables!(entities);

/// The tables that there are, in order, without the one that counts the steps.
async fn tables(world: &World) -> Vec<String> {
    let sql = if world.db().is_sqlite() {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    } else {
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
    };
    let mut names: Vec<String> = query(world, sql.to_owned())
        .await
        .iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .filter(|name| name != "seaql_migrations")
        .collect();
    names.sort();
    names
}

/// What a database says of a table.
async fn read(world: &World, table: &str) -> Columns {
    let sql = if world.db().is_sqlite() {
        format!("SELECT name, \"notnull\" = 0, pk FROM pragma_table_info('{table}')")
    } else {
        format!(
            "SELECT c.column_name::text, c.is_nullable = 'YES', COALESCE(k.ordinal_position, 0)::bigint \
             FROM information_schema.columns c \
             LEFT JOIN information_schema.table_constraints t ON t.table_schema = c.table_schema \
                AND t.table_name = c.table_name AND t.constraint_type = 'PRIMARY KEY' \
             LEFT JOIN information_schema.key_column_usage k \
                ON k.constraint_name = t.constraint_name AND k.table_schema = c.table_schema \
                AND k.column_name = c.column_name \
             WHERE c.table_schema = 'public' AND c.table_name = '{table}'"
        )
    };
    let column = |row: &QueryResult| {
        let (can_be_null, place) = (row.try_get_by_index(1), row.try_get_by_index(2));
        (row.try_get_by_index(0).unwrap(), (can_be_null.unwrap(), place.unwrap()))
    };
    query(world, sql).await.iter().map(column).collect()
}

async fn query(world: &World, sql: String) -> Vec<QueryResult> {
    let db = world.db().read();
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_all_raw(statement).await.unwrap()
}
