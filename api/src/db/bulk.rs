//! Many rows found, changed or added by one statement, each with values of its own: a tuple, or whatever else is
//! written as an array.
//!
//! The values travel as one JSON array: the statement reads the same whatever the number of rows, so both
//! databases prepare it once, and a batch costs one round trip.
//!
//! **Invariant:** the statement changes exactly the rows that are given, or the transaction fails.

use super::{Result, Txn, expect_rows};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, QueryTrait, Statement,
    sea_query::{Expr, SimpleExpr, Values},
};
use serde::{Serialize, Serializer};
use serde_json::json;
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

impl Kind {
    /// How the value at a place of the row of values `r` is read.
    fn value(self, at: usize, backend: DbBackend) -> String {
        let value = format!("r.value ->> {at}");
        match (self, backend) {
            (Self::Id, DbBackend::Sqlite) => format!("unhex({value})"),
            (Self::Id, _) => format!("({value})::uuid"),
            (Self::Number, DbBackend::Postgres) => format!("({value})::bigint"),
            (Self::Number | Self::Text, _) => value,
        }
    }
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
    pub(super) async fn update<R: Serialize>(
        &self,
        txn: &Txn,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<()> {
        let mut script = Script::new(txn);
        script.update(self, rows);
        script.run(txn).await
    }

    fn sql(&self, backend: DbBackend) -> String {
        let Self { table, which, set, .. } = self;
        let (columns, source) = (self.columns(backend), source(backend));
        format!("UPDATE {table} SET {set} FROM (SELECT {columns} FROM {source}) AS v WHERE {which}")
    }

    /// The values as columns of their kinds.
    fn columns(&self, backend: DbBackend) -> String {
        let kinds = std::iter::once(Kind::Id).chain(self.kinds.iter().copied()).enumerate();
        let column = |(at, kind): (usize, Kind)| {
            let name = if at == 0 { "k".to_owned() } else { format!("c{at}") };
            format!("{} AS {name}", kind.value(at, backend))
        };
        kinds.map(column).collect::<Vec<_>>().join(", ")
    }

    fn lock_sql(&self, order: &str) -> String {
        let Self { table, which, .. } = self;
        let backend = DbBackend::Postgres;
        let (columns, source) = (self.columns(backend), source(backend));
        format!(
            "SELECT 1 FROM {table} JOIN (SELECT {columns} FROM {source}) AS v ON {which} \
             ORDER BY {order} FOR UPDATE OF {table}"
        )
    }
}

const fn source(backend: DbBackend) -> &'static str {
    match backend {
        // Each row of values is parsed once, with all others, and not again for each of its values.
        DbBackend::Sqlite => "jsonb_each(?) AS r",
        _ => "jsonb_array_elements($1::jsonb) AS r(value)",
    }
}

/// New rows of a table: which columns, what they hold, and what becomes of rows that are there already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Insert {
    /// What is being written, for the error.
    pub(super) what: &'static str,
    /// The table.
    pub(super) table: &'static str,
    /// The columns, in the order of the values.
    pub(super) columns: &'static [(&'static str, Kind)],
    /// What follows `ON CONFLICT`, if any row may be there.
    pub(super) on_conflict: Option<&'static str>,
}

impl Insert {
    fn sql(&self, backend: DbBackend) -> String {
        let Self { table, columns, .. } = self;
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let value = |(at, (_, kind)): (usize, &(&str, Kind))| kind.value(at, backend);
        let values: Vec<String> = columns.iter().enumerate().map(value).collect();
        let (names, values, source) = (names.join(", "), values.join(", "), source(backend));
        // SQLite would take what follows for the condition of a join, were there none.
        let tail = self
            .on_conflict
            .map_or_else(String::new, |what| format!(" WHERE true ON CONFLICT {what}"));
        format!("INSERT INTO {table} ({names}) SELECT {values} FROM {source}{tail}")
    }
}

/// Statements that change rows, to be run one after the other. SQLite takes them in one trip to the thread of its
/// connection, which costs more than most statements do.
#[derive(Debug)]
pub(super) struct Script {
    backend: DbBackend,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    what: &'static str,
    statement: Statement,
    /// The rows it must change; any number, if it only locks.
    expected: Option<u64>,
}

impl Script {
    /// A script for the database of `txn`, with nothing in it.
    pub(super) fn new(txn: &Txn) -> Self {
        Self { backend: txn.get_database_backend(), parts: Vec::new() }
    }

    /// Updates one row for each of `rows`: its id, then the values.
    pub(super) fn update<R: Serialize>(&mut self, bulk: &Bulk, rows: impl IntoIterator<Item = R>) {
        self.add(bulk.what, rows, |backend| bulk.sql(backend));
    }

    /// Adds a row for each of `rows`, its values.
    pub(super) fn insert<R: Serialize>(
        &mut self,
        insert: &Insert,
        rows: impl IntoIterator<Item = R>,
    ) {
        self.add(insert.what, rows, |backend| insert.sql(backend));
    }

    fn add<R: Serialize>(
        &mut self,
        what: &'static str,
        rows: impl IntoIterator<Item = R>,
        sql: impl Fn(DbBackend) -> String,
    ) {
        let (values, expected) = text(rows);
        if expected > 0 {
            let sql = sql(self.backend);
            let statement = Statement::from_sql_and_values(self.backend, sql, [values.into()]);
            self.parts.push(Part { what, statement, expected: Some(expected) });
        }
    }

    /// Runs a statement that must change one row.
    pub(super) fn change_one(&mut self, what: &'static str, statement: &impl QueryTrait) {
        let statement = statement.build(self.backend);
        self.parts.push(Part { what, statement, expected: Some(1) });
    }

    /// Locks the rows that `rows` are for, in the order of `order`, so that two updates of the same rows never
    /// wait for each other in a circle. On SQLite there is one writer, and nothing to lock.
    pub(super) fn lock<R: Serialize>(&mut self, bulk: &Bulk, rows: &[R], order: &str) {
        if self.backend == DbBackend::Postgres && rows.len() > 1 {
            let (values, _) = text(rows);
            let sql = bulk.lock_sql(order);
            let statement = Statement::from_sql_and_values(self.backend, sql, [values.into()]);
            self.parts.push(Part { what: bulk.what, statement, expected: None });
        }
    }

    /// Runs what is in it by now, for those who read it before they go on.
    pub(super) async fn flush(&mut self, txn: &Txn) -> Result<()> {
        let parts = std::mem::take(&mut self.parts);
        Self { backend: self.backend, parts }.run(txn).await
    }

    /// Runs what is in it by now where that locks rows, so that others are locked after them. SQLite has one writer, and
    /// takes all in one trip.
    pub(super) async fn flush_locks(&mut self, txn: &Txn) -> Result<()> {
        if self.backend == DbBackend::Postgres { self.flush(txn).await } else { Ok(()) }
    }

    /// Runs the statements, each of which must change exactly the rows that it is for.
    pub(super) async fn run(self, txn: &Txn) -> Result<()> {
        if self.backend == DbBackend::Sqlite {
            return self.run_together(txn).await;
        }
        for Part { what, statement, expected } in self.parts {
            let changed = txn.execute_raw(statement).await?;
            if let Some(expected) = expected {
                expect_rows(what, changed.rows_affected(), expected)?;
            }
        }
        Ok(())
    }

    /// All in one trip. No statement can change more rows than it is for, so that the sum is right only if each
    /// is.
    async fn run_together(self, txn: &Txn) -> Result<()> {
        let Some(first) = self.parts.first() else { return Ok(()) };
        let what = if self.parts.len() == 1 { first.what } else { "a script" };
        let expected = self.parts.iter().filter_map(|part| part.expected).sum();
        let (sql, values): (Vec<String>, Vec<Option<Values>>) =
            self.parts.into_iter().map(|part| (part.statement.sql, part.statement.values)).unzip();
        let values = values.into_iter().flatten().flat_map(|values| values.0);
        let statement = Statement::from_sql_and_values(self.backend, sql.join("; "), values);
        let changed = txn.execute_raw(statement).await?;
        expect_rows(what, changed.rows_affected(), expected)
    }
}

/// That a column holds one of these ids, which travel as one value.
pub(super) fn among<C: ColumnTrait>(
    db: &impl ConnectionTrait,
    column: C,
    ids: impl Iterator<Item = Uuid>,
) -> SimpleExpr {
    let ids: Vec<String> = ids.map(|id| id.simple().to_string()).collect();
    match db.get_database_backend() {
        DbBackend::Sqlite => {
            one_of(column, "? IN (SELECT unhex(value) FROM json_each(?))", json!(ids).to_string())
        }
        _ => one_of(column, "$1 = ANY(string_to_array($2, ',')::uuid[])", ids.join(",")),
    }
}

/// That a column holds one of these texts, which travel as one value.
pub(super) fn among_texts<'a, C: ColumnTrait>(
    db: &impl ConnectionTrait,
    column: C,
    texts: impl Iterator<Item = &'a str>,
) -> SimpleExpr {
    let texts = json!(texts.collect::<Vec<_>>()).to_string();
    let sql = match db.get_database_backend() {
        DbBackend::Sqlite => "? IN (SELECT value FROM json_each(?))",
        _ => "$1 = ANY(ARRAY(SELECT json_array_elements_text($2::json)))",
    };
    one_of(column, sql, texts)
}

fn one_of<C: ColumnTrait>(column: C, sql: &'static str, values: String) -> SimpleExpr {
    let column = Expr::col((column.entity_name(), column));
    Expr::cust_with_exprs(sql, [column, Expr::val(values)])
}

/// Rows of values as one value, and how many there are. Whatever a row is made of can be written; were it not, a
/// statement with a part of them would fail, and its transaction with it.
fn text<R: Serialize>(rows: impl IntoIterator<Item = R>) -> (String, u64) {
    let (mut text, mut count) = (Vec::new(), 0);
    let counted = rows.into_iter().inspect(|_| count += 1);
    let written = serde_json::Serializer::new(&mut text).collect_seq(counted);
    debug_assert!(written.is_ok(), "values are numbers and texts");
    (String::from_utf8(text).unwrap_or_default(), count)
}

/// An id as a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id(Uuid);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.simple().encode_lower(&mut Uuid::encode_buffer()))
    }
}

/// An id as a value.
pub(super) const fn id(id: Uuid) -> Id {
    Id(id)
}
