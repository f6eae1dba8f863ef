//! Many rows changed by one statement, each to values of its own.
//!
//! The values travel as one JSON array of arrays: the statement reads the same whatever the number of rows,
//! so both databases prepare it once, and a batch costs one round trip.
//!
//! **Invariant:** the statement changes exactly the rows that are given, or the transaction fails.

use super::{Result, Txn, expect_rows};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::Value;
use uuid::Uuid;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A UUID.
    Id,
    /// A whole number.
    Number,
    /// Text.
    Text,
}

/// The row whose id the values begin with.
pub(super) const BY_ID: &str = "id = v.k";

/// An update of many rows: which table, what the columns of `v`, the given values, hold, and what is set.
/// `v.k` is the id that each row of values begins with; `v.c1` is the first value after it, and so on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bulk {
    /// What is being written, for the error.
    pub(super) what: &'static str,
    /// The table.
    pub(super) table: &'static str,
    /// Which row of the table a row of values is for, such as [`BY_ID`].
    pub(super) which: &'static str,
    /// The kinds of the values after the id.
    pub(super) kinds: &'static [Kind],
    /// What follows `SET`.
    pub(super) set: &'static str,
}

impl Bulk {
    /// Updates one row for each of `rows`: its id, then the values.
    pub(super) async fn update(&self, txn: &Txn, rows: Vec<Value>) -> Result<()> {
        let expected = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        if expected == 0 {
            return Ok(());
        }
        let backend = txn.get_database_backend();
        let values = Value::Array(rows).to_string();
        let statement = Statement::from_sql_and_values(backend, self.sql(backend), [values.into()]);
        let updated = txn.execute_raw(statement).await?;
        expect_rows(self.what, updated.rows_affected(), expected)
    }

    fn sql(&self, backend: DbBackend) -> String {
        let Self { table, which, set, .. } = self;
        let (columns, source) = (self.columns(backend), source(backend));
        format!("UPDATE {table} SET {set} FROM (SELECT {columns} FROM {source}) AS v WHERE {which}")
    }

    /// The values as columns of their kinds.
    fn columns(&self, backend: DbBackend) -> String {
        let Self { kinds, .. } = self;
        let is_sqlite = backend == DbBackend::Sqlite;
        let columns = std::iter::once(Kind::Id).chain(kinds.iter().copied()).enumerate();
        let columns: Vec<String> = columns
            .map(|(at, kind)| {
                let name = if at == 0 { "k".to_owned() } else { format!("c{at}") };
                let value = format!("r.value ->> {at}");
                match (kind, is_sqlite) {
                    (Kind::Id, true) => format!("unhex({value}) AS {name}"),
                    (Kind::Id, false) => format!("({value})::uuid AS {name}"),
                    (Kind::Number, false) => format!("({value})::bigint AS {name}"),
                    (Kind::Number | Kind::Text, _) => format!("{value} AS {name}"),
                }
            })
            .collect();
        columns.join(", ")
    }

    /// Locks the rows that `rows` are for, in the order of `order`, so that two updates of the same rows never
    /// wait for each other in a circle. On SQLite there is one writer, and nothing to lock.
    pub(super) async fn lock(&self, txn: &Txn, rows: &[Value], order: &str) -> Result<()> {
        let Self { table, which, .. } = self;
        let backend = txn.get_database_backend();
        if backend != DbBackend::Postgres || rows.len() < 2 {
            return Ok(());
        }
        let (columns, source) = (self.columns(backend), source(backend));
        let sql = format!(
            "SELECT 1 FROM {table} JOIN (SELECT {columns} FROM {source}) AS v ON {which} \
             ORDER BY {order} FOR UPDATE OF {table}"
        );
        let values = Value::Array(rows.to_vec()).to_string();
        txn.execute_raw(Statement::from_sql_and_values(backend, sql, [values.into()])).await?;
        Ok(())
    }
}

const fn source(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "json_each(?) AS r",
        _ => "json_array_elements($1::json) AS r(value)",
    }
}

/// An id as a value.
pub(super) fn id(id: Uuid) -> Value {
    Value::String(id.simple().to_string())
}
