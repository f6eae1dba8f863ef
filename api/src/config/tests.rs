//! The sources, their order, and every way in which they can be wrong.

use std::{path::Path, time::Duration};

use secrecy::ExposeSecret as _;

use super::{keys::KEYS, *};

fn env(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> + use<> {
    pairs
        .iter()
        .map(|(name, value)| (String::from(*name), String::from(*value)))
        .collect::<Vec<_>>()
        .into_iter()
}

fn from_env(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(None, env(pairs))
}

fn from_file(text: &str) -> Result<Config, ConfigError> {
    Config::load(Some(text), env(&[]))
}

/// The error's text, which must be one line.
fn refusal(result: Result<Config, ConfigError>) -> String {
    let text = result.unwrap_err().to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn nothing_gives_the_defaults() {
    let config = from_env(&[("PATH", "/bin"), ("HOME", ""), ("SENDOFFICE", "1")]).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}

#[test]
fn later_sources_win() {
    let file = "[engine]\nlease = \"40s\"\nperiod = \"2s\"\n[log]\nformat = \"json\"";
    let config = Config::load(Some(file), env(&[("SENDOFF_ENGINE__PERIOD", "250ms")])).unwrap();
    assert_eq!(config.engine.period, Duration::from_millis(250));
    assert_eq!(config.engine.lease, Duration::from_secs(40));
    assert_eq!(config.engine.submit_timeout, Duration::from_secs(10));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn the_plain_variables_are_known() {
    let config = from_env(&[
        ("SENDOFF_LISTEN", "0.0.0.0:9999"),
        ("SENDOFF_DATA_DIR", "/tmp/x y"),
        ("SENDOFF_AGGREGATOR_URL", "http://127.0.0.1:9000/v1/"),
        ("SENDOFF_AGGREGATOR_TOKEN", "t0ken"),
        ("SENDOFF_WEBHOOK_SECRET", "whsec_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ"),
        ("SENDOFF_DEV_SITES", "all"),
        ("DATABASE_URL", "postgres://u:p@h/d"),
    ])
    .unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:9999");
    assert_eq!(config.server.public_url(config.server.listen), "http://127.0.0.1:9999");
    assert_eq!(config.database.data_dir, Path::new("/tmp/x y"));
    assert_eq!(config.database.url.unwrap().expose_secret(), "postgres://u:p@h/d");
    assert_eq!(config.aggregator.url.unwrap(), "http://127.0.0.1:9000/v1");
    assert_eq!(config.aggregator.token.unwrap().expose_secret(), "t0ken");
    assert_eq!(config.dev.sites, DevSites::All);
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    // Of these sections no key makes sense alone.
    let whole = ["aggregator", "jwt"];
    for key in KEYS.iter().filter(|key| !whole.contains(&key.section)) {
        let (Ok(text) | Err(text)) = key.default;
        let text = text.trim_matches('"').trim_matches(['[', ']']);
        from_env(&[(key.variable().as_str(), text)]).unwrap();
    }
    let origins = "https://a.example, http://b.example:8000";
    let config = from_env(&[("SENDOFF_SERVER__ALLOWED_ORIGINS", origins)]).unwrap();
    assert_eq!(config.server.allowed_origins, ["https://a.example", "http://b.example:8000"]);
}

#[test]
fn an_empty_variable_counts_as_none() {
    let config = from_env(&[("DATABASE_URL", ""), ("SENDOFF_AGGREGATOR_URL", "")]).unwrap();
    assert!(config.database.url.is_none());
    assert!(config.aggregator.url.is_none());
}

#[test]
fn the_defaults_file_reads_back_as_the_defaults() {
    let text = Config::defaults_toml();
    assert_eq!(format!("{:?}", from_file(&text).unwrap()), format!("{:?}", Config::default()));
    assert!(text.lines().all(|line| line.len() <= 100), "a line is too long");
    // Every default is written, not left to the code: the sections parse to no `None` but the
    // keys that have no default.
    let table: toml::Table = text.parse().unwrap();
    for key in KEYS {
        let is_written = table[key.section].get(key.name).is_some();
        assert_eq!(is_written, key.default.is_ok(), "{}", key.path());
    }
}

/// Goal: no field without a row in the table. Method: with the rows that have no default put in by
/// their examples, no layer field may be left `None`.
#[test]
fn every_field_has_a_row() {
    let mut file = toml::Table::new();
    for key in KEYS {
        let (Ok(text) | Err(text)) = key.default;
        let line: toml::Table = format!("value = {text}").parse().unwrap();
        let section = file
            .entry(key.section)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .unwrap();
        key.check(&key.path(), &line["value"]).unwrap();
        assert!(section.insert(String::from(key.name), line["value"].clone()).is_none());
    }
    let layer: ConfigLayer = file.try_into().unwrap();
    let text = format!("{layer:?}");
    assert!(!text.contains("None"), "{text}");
}

#[test]
fn docs_config_toml_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/config.toml");
    if let Err(error) = keep_file(&path, &Config::defaults_toml()) {
        panic!("{error}");
    }
}

#[test]
fn an_unknown_key_names_the_nearest() {
    let cases = [
        ("[engine]\nmax_inflight = 3", "engine.max_inflight", "engine.max_in_flight"),
        ("[engin]\nlease = \"3s\"", "engin.lease", "engine.lease"),
        ("listen = \"127.0.0.1:1\"", "listen", "server.listen"),
        ("[databse]", "databse", "database.url"),
        ("[lgo]\n", "lgo", "log.format"),
        ("[server]\ndata_dir = \"x\"", "server.data_dir", "database.data_dir"),
    ];
    for (file, key, nearest) in cases {
        let expected =
            format!("unknown configuration key `{key}`; the nearest known one is `{nearest}`");
        assert_eq!(refusal(from_file(file)), expected);
    }
}

#[test]
fn an_unknown_variable_names_the_nearest() {
    let cases = [
        ("SENDOFF_LISTN", "SENDOFF_LISTEN"),
        ("SENDOFF_ENGINE_LEASE", "SENDOFF_ENGINE__LEASE"),
        ("SENDOFF_MAX_IN_FLIGHT", "SENDOFF_ENGINE__MAX_IN_FLIGHT"),
        ("SENDOFF_DATABASE_URL", "DATABASE_URL"),
        ("SENDOFF_engine__lease", "SENDOFF_ENGINE__LEASE"),
        ("SENDOFF_AGGREGATOR_TOKN", "SENDOFF_AGGREGATOR_TOKEN"),
    ];
    for (variable, nearest) in cases {
        let expected =
            format!("unknown configuration key `{variable}`; the nearest known one is `{nearest}`");
        assert_eq!(refusal(from_env(&[(variable, "1")])), expected);
        assert_eq!(refusal(from_env(&[(variable, "")])), expected);
    }
}

#[test]
fn a_wrong_value_names_its_key_and_what_it_takes() {
    let cases = [
        ("[engine]\nmax_in_flight = 0", "engine.max_in_flight", "from 1 to 4096, not 0"),
        ("[engine]\nmax_in_flight = 5000", "engine.max_in_flight", "from 1 to 4096, not 5000"),
        ("[engine]\nmax_in_flight = -1", "engine.max_in_flight", "not -1"),
        ("[engine]\nmax_in_flight = \"5\"", "engine.max_in_flight", "not \"5\""),
        ("[engine]\nperiod = 5", "engine.period", "from 10ms to 1h, such as `10s`, not 5"),
        ("[engine]\nperiod = \"5 parsecs\"", "engine.period", "not \"5 parsecs\""),
        ("[engine]\nperiod = \"1ms\"", "engine.period", "not \"1ms\""),
        ("[server]\nlisten = \"localhost\"", "server.listen", "an address and a port"),
        ("[server]\npublic_url = \"ftp://x\"", "server.public_url", "http or https"),
        ("[server]\npublic_url = \"http://\"", "server.public_url", "http or https"),
        ("[server]\nallowed_origins = \"x\"", "server.allowed_origins", "a list of origins"),
        ("[server]\nallowed_origins = [\"http://a/b\"]", "server.allowed_origins", "origins"),
        ("[database]\nurl = \"mysql://x\"", "database.url", "a `postgres://` or `sqlite://` URL"),
        ("[database]\ndata_dir = \"\"", "database.data_dir", "the path of a directory"),
        ("[log]\nformat = \"xml\"", "log.format", "`text` or `json`"),
        ("[log]\nfilter = \"a=loud\"", "log.filter", "a level"),
        ("[dev]\nsites = \"none\"", "dev.sites", "`demo` or `all`"),
        ("engine = 5", "engine", "a section"),
    ];
    for (file, key, part) in cases {
        let text = refusal(from_file(file));
        assert!(text.starts_with(&format!("`{key}` must be ")) && text.contains(part), "{text}");
    }
    let text = refusal(from_env(&[("SENDOFF_ENGINE__MAX_IN_FLIGHT", "many")]));
    assert!(text.starts_with("`SENDOFF_ENGINE__MAX_IN_FLIGHT` must be a whole number"), "{text}");
    let text = refusal(from_env(&[("SENDOFF_DATA_DIR", "/tmp/\u{fffd}")]));
    assert_eq!(text, "`SENDOFF_DATA_DIR` must be valid UTF-8");
}

#[test]
fn values_that_do_not_go_together_name_both_keys() {
    let lease = "[engine]\nlease = \"10s\"";
    let text = refusal(from_file(lease));
    assert_eq!(text, "`engine.submit_timeout` must be less than `engine.lease`");
    let sum = "[engine]\nlease = \"12s\"";
    let text = refusal(from_file(sum));
    let first = "engine.dispatch_grace + engine.submit_timeout";
    assert_eq!(text, format!("`{first}` must be less than `engine.lease`"));
    from_file("[engine]\nlease = \"13s\"").unwrap();

    let text = refusal(from_env(&[("SENDOFF_AGGREGATOR_URL", "http://127.0.0.1:1")]));
    assert_eq!(text, "`aggregator.url` cannot be set without `aggregator.token`");
    let text = refusal(from_env(&[("SENDOFF_AGGREGATOR_TOKEN", "x")]));
    assert_eq!(text, "`aggregator.token` cannot be set without `aggregator.url`");
}

#[test]
fn two_variables_for_one_key_must_agree() {
    let plain = ("SENDOFF_LISTEN", "127.0.0.1:1");
    from_env(&[plain, ("SENDOFF_SERVER__LISTEN", "127.0.0.1:1")]).unwrap();
    let text = refusal(from_env(&[plain, ("SENDOFF_SERVER__LISTEN", "127.0.0.1:2")]));
    let pair = "`SENDOFF_LISTEN` and `SENDOFF_SERVER__LISTEN`";
    assert_eq!(text, format!("{pair} set the same key to different values; keep one of them"));
}

#[test]
fn broken_toml_names_the_line_and_not_its_text() {
    let text = refusal(from_file("[aggregator]\n\ntoken = \"hunter2\nurl = 1"));
    assert!(text.starts_with("the configuration file is not valid TOML: line 3: "), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn secrets_are_never_shown() {
    let secrets = [
        ("DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("SENDOFF_AGGREGATOR_URL", "http://127.0.0.1:1"),
        ("SENDOFF_AGGREGATOR_TOKEN", "hunter2"),
        ("SENDOFF_WEBHOOK_SECRET", "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVy"),
    ];
    let text = format!("{:?}", from_env(&secrets).unwrap());
    assert!(!text.contains("hunter2") && !text.contains("whsec_"), "{text}");

    let wrong = [
        ("DATABASE_URL", "hunter2://"),
        ("SENDOFF_AGGREGATOR_TOKEN", "hunter2 hunter2"),
        ("SENDOFF_WEBHOOK_SECRET", "hunter2"),
        ("SENDOFF_WEBHOOK_SECRET", "whsec_hunter2"),
        ("SENDOFF_WEBHOOK_SECRET", "whsec_aHVudGVyMg=="),
    ];
    for pair in wrong {
        let text = refusal(from_env(&[pair]));
        assert!(!text.contains("hunter2"), "{text}");
    }
    let text = refusal(from_file("[aggregator]\ntoken = 1234567"));
    assert!(!text.contains("1234567"), "{text}");
}

#[test]
fn signed_tokens_are_checked_in_full_or_not_taken() {
    let all = [
        ("SENDOFF_JWT__ISSUER", "https://login.example.com/"),
        ("SENDOFF_JWT__AUDIENCE", "sendoff"),
        ("SENDOFF_JWT__KEYS_FILE", "./jwks.json"),
    ];
    let config = from_env(&all).unwrap();
    assert_eq!(config.jwt.keys_file.as_deref(), Some(Path::new("./jwks.json")));
    for left_out in 0..all.len() {
        let some: Vec<_> = (0..all.len()).filter(|at| *at != left_out).map(|at| all[at]).collect();
        let fault = from_env(&some).unwrap_err().to_string();
        assert!(fault.contains("is of no use without `jwt."), "{fault}");
    }
}
