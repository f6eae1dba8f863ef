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

/// An update of many rows: which table, what the columns of `v`, the given values, hold, and what is set.
/// `v.k` is the row's id; `v.c1` is the first value after it, and so on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bulk {
    /// What is being written, for the error.
    pub(super) what: &'static str,
    /// The table; its key is `id`.
    pub(super) table: &'static str,
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
        let Self { table, set, kinds, .. } = self;
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
        let source = if is_sqlite {
            "json_each(?) AS r"
        } else {
            "json_array_elements($1::json) AS r(value)"
        };
        let columns = columns.join(", ");
        format!(
            "UPDATE {table} SET {set} FROM (SELECT {columns} FROM {source}) AS v WHERE {table}.id = v.k"
        )
    }
}

/// An id as a value.
pub(super) fn id(id: Uuid) -> Value {
    Value::String(id.simple().to_string())
}
