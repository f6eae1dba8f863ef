//! Short names for the columns every step declares.

use sea_orm_migration::{
    prelude::{
        ColumnDef, ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, Index,
        IndexCreateStatement,
    },
    schema,
};

/// A UUID that may not be null.
pub(crate) fn id(name: &'static str) -> ColumnDef {
    schema::uuid(name)
}

/// A UUID that may be null.
pub(crate) fn id_null(name: &'static str) -> ColumnDef {
    schema::uuid_null(name)
}

/// Text that may not be null.
pub(crate) fn text(name: &'static str) -> ColumnDef {
    schema::text(name)
}

/// Text that may be null.
pub(crate) fn text_null(name: &'static str) -> ColumnDef {
    schema::text_null(name)
}

/// A 64-bit number: a count, an instant in milliseconds, a duration in seconds.
pub(crate) fn number(name: &'static str) -> ColumnDef {
    schema::big_integer(name)
}

/// A 64-bit number that may be null.
pub(crate) fn number_null(name: &'static str) -> ColumnDef {
    schema::big_integer_null(name)
}

/// Yes or no.
pub(crate) fn flag(name: &'static str) -> ColumnDef {
    schema::boolean(name)
}

/// A foreign key to another table's `id` that forbids removing what is pointed to.
pub(crate) fn points_to(
    from: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(from, column).to(to, "id").to_owned()
}

/// A foreign key whose rows vanish with what they point to.
pub(crate) fn part_of(
    from: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    points_to(from, column, to).on_delete(ForeignKeyAction::Cascade).to_owned()
}

/// A composite primary key.
pub(crate) fn key(columns: &[&'static str]) -> IndexCreateStatement {
    let mut key = Index::create();
    for column in columns {
        key.col(*column);
    }
    key.primary().to_owned()
}

/// An index over `columns`.
pub(crate) fn index(
    name: &'static str,
    table: &'static str,
    columns: &[&'static str],
) -> IndexCreateStatement {
    let mut index = Index::create().name(name).table(table).to_owned();
    for column in columns {
        index.col(*column);
    }
    index
}

/// A JSON document.
pub(crate) fn json(name: &'static str) -> ColumnDef {
    schema::json(name)
}

/// A JSON document that may be null.
pub(crate) fn json_null(name: &'static str) -> ColumnDef {
    schema::json_null(name)
}
