//! `sendoff admin`: sites, connections, senders and keys, set up before there is any caller.

use super::Source;
use crate::{
    app::{App, Settings, StartError},
    config::{Config, WEBHOOK_SECRET, is_token, is_url, is_webhook_secret},
    db::{self, Db},
    service::{
        Fault, Service,
        admin::{ConnectionSettings, KeySettings, SenderSettings, SetUpError, SiteSettings},
    },
    wall_clock::WallClock,
};
use clap::{Args, Subcommand};
use domain::{
    access::Role,
    consent,
    id::{ConnectionId, SiteId},
    limits::NAME_CHARS_MAX,
    phone::PhoneNumber,
    place::Countries,
    rule_pack::RulePacks,
    site::{
        QuietHours, SegmentPrice, SiteStatus, SmartSending, SmsPlanStatus, problem_in_subdomain,
    },
    text::{self, Frame},
    zone::Zone,
};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// `sendoff admin`.
#[derive(Args)]
pub(super) struct Admin {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Bring the database's schema to this version.
    Migrate,
    /// Sites.
    #[command(subcommand)]
    Site(SiteCommand),
    /// Connections to aggregators.
    #[command(subcommand)]
    Connection(ConnectionCommand),
    /// Sending numbers.
    #[command(subcommand)]
    Sender(SenderCommand),
    /// API keys.
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Subcommand)]
pub(super) enum SiteCommand {
    /// Make a site, or find the one of this name, and apply the settings given. Prints its id.
    Create {
        /// The store's name, which tells sites apart here.
        #[arg(long)]
        name: String,
        #[command(flatten)]
        flags: SiteFlags,
    },
    /// Apply settings to a site. Prints its id.
    Set {
        /// The site: `site_…`.
        #[arg(long)]
        site: SiteId,
        /// A new name.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        flags: SiteFlags,
    },
}

/// Settings of a site; what is left out stays as it is.
#[derive(Args)]
pub(super) struct SiteFlags {
    /// The store's IANA time zone, such as `America/New_York`.
    #[arg(long)]
    zone: Option<Zone>,
    /// The subdomain that short links are served from; empty takes it away.
    #[arg(long, value_parser = subdomain)]
    subdomain: Option<String>,
    /// active or inactive.
    #[arg(long)]
    status: Option<SiteStatus>,
    /// none, trial or active.
    #[arg(long)]
    plan: Option<SmsPlanStatus>,
    /// Segments a trial may send.
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..))]
    trial_segments: Option<i64>,
    /// The price of a segment, such as 0.0125.
    #[arg(long, requires = "currency")]
    price: Option<String>,
    /// The price's ISO 4217 code, such as USD.
    #[arg(long, requires = "price")]
    currency: Option<String>,
    /// When nobody is texted, such as 20:00-09:00, or off.
    #[arg(long, value_parser = quiet_hours)]
    quiet_hours: Option<QuietHours>,
    /// Whether the dated packs of legal rules apply.
    #[arg(long)]
    rule_packs: Option<bool>,
    /// Hours for which Smart Sending leaves a subscriber alone; 0 is off.
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..=168))]
    smart_sending_hours: Option<i64>,
    /// What stands before every text, such as the store's name; empty takes it away.
    #[arg(long, value_parser = prefix)]
    text_prefix: Option<String>,
    /// What stands below every text, such as how to opt out; empty takes it away.
    #[arg(long, value_parser = footer)]
    text_footer: Option<String>,
    /// The countries whose numbers are texted, such as US,CA; empty for every one.
    #[arg(long)]
    countries: Option<Countries>,
    /// The answer to a text that says HELP; empty takes the site's own away.
    #[arg(long, value_parser = help_reply)]
    help_reply: Option<String>,
}

#[derive(Subcommand)]
pub(super) enum ConnectionCommand {
    /// Make a connection, or change what is given of the one of this name. Prints its id.
    Set {
        /// The site.
        #[arg(long)]
        site: SiteId,
        /// A label, unique on the site.
        #[arg(long)]
        name: String,
        /// The aggregator's base URL; a new connection needs it.
        #[arg(long)]
        base_url: Option<String>,
        /// The bearer token it expects; a new connection needs it.
        #[arg(long)]
        token: Option<SecretString>,
        /// The secret it signs receipts with, whsec_ and 24 to 64 bytes in base64; a new connection
        /// needs it.
        #[arg(long)]
        webhook_secret: Option<SecretString>,
        /// A second secret that is also taken, while the first is being replaced; empty takes it away.
        #[arg(long)]
        webhook_secret_next: Option<SecretString>,
        /// Hours for which it honours idempotency keys, 0 for never; 24 for a new connection.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..=720))]
        key_window_hours: Option<i64>,
        /// Whether messages can be looked up by our reference; true for a new connection.
        #[arg(long)]
        look_up: Option<bool>,
        /// The URL of its status page, in the Statuspage format; empty takes it away.
        #[arg(long)]
        status_page_url: Option<String>,
        /// Segments a second of the account, whichever sender they leave from; 0 for no limit, as of a new
        /// connection.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..=100_000))]
        segments_per_second: Option<i64>,
    },
}

#[derive(Subcommand)]
pub(super) enum SenderCommand {
    /// Make a sender, or change what is given of the one of this number. Prints its id.
    Set {
        /// The site.
        #[arg(long)]
        site: SiteId,
        /// The connection that carries its messages, one of the site's; a new sender needs it.
        #[arg(long)]
        connection: Option<ConnectionId>,
        /// The number, in E.164.
        #[arg(long, value_parser = phone)]
        number: PhoneNumber,
        /// Segments a second, 0 for no limit; 3 for a new sender.
        #[arg(long, value_parser = clap::value_parser!(i64).range(0..=100_000))]
        segments_per_second: Option<i64>,
        /// Whether it is registered and may send: true if no value follows; false for a new sender.
        #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "true|false")]
        ready: Option<bool>,
    },
}

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key, unless one of this name, role and sites works already. Prints a new key's secret, this
    /// once, and its id on standard error; of a key that there is, the id.
    Create {
        /// A site it reaches; repeat it for several.
        #[arg(long, required = true)]
        site: Vec<SiteId>,
        /// A label for people.
        #[arg(long)]
        name: String,
        /// viewer, editor, sender or admin.
        #[arg(long)]
        role: Role,
    },
}

/// Why an act of set-up was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    #[error("the database could not be brought to this version")]
    Migrate(#[source] db::Error),
    #[error("there is no site {0}")]
    NoSite(SiteId),
    #[error(
        "a name is blank, longer than {NAME_CHARS_MAX} characters, or has some that cannot be seen"
    )]
    Name,
    #[error("the base URL must be an http or https URL without a user name, a query or a fragment")]
    BaseUrl,
    #[error("the status page is an http or https URL without a user name, a query or a fragment")]
    StatusPage,
    #[error("a token is blank, or holds what no header can carry")]
    Token,
    #[error("a webhook secret is {WEBHOOK_SECRET}")]
    WebhookSecret,
}

/// What to print: the answer on standard output, a note for people on standard error.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) answer: String,
    pub(super) note: Option<String>,
}

impl From<String> for Printed {
    fn from(answer: String) -> Self {
        Self { answer, note: None }
    }
}

/// Runs one act and answers with what to print.
pub(super) async fn run(command: Command, db: Db) -> Result<Printed, AdminError> {
    if let Command::Migrate = command {
        db.migrate().await.map_err(AdminError::Migrate)?;
        return Ok("the database has the schema of this version".to_owned().into());
    }
    let schema = db.schema().await.map_err(AdminError::Migrate)?;
    if schema.behind > 0 {
        return Err(StartError::SchemaBehind(schema.behind).into());
    }
    let settings = Settings::new(&Config::default(), String::new());
    let app = App::new(db, Arc::new(WallClock::new()), settings)?;
    act(command, app.service()).await
}

async fn act(command: Command, service: &Service) -> Result<Printed, AdminError> {
    match command {
        Command::Migrate => Ok(String::new().into()),
        Command::Site(command) => Ok(site(command, service).await?.into()),
        Command::Connection(command) => Ok(connection(command, service).await?.into()),
        Command::Sender(command) => Ok(sender(command, service).await?.into()),
        Command::Key(command) => key(command, service).await,
    }
}

async fn key(command: KeyCommand, service: &Service) -> Result<Printed, AdminError> {
    let KeyCommand::Create { site, name, role } = command;
    for id in &site {
        check_site(service, *id).await?;
    }
    let name = check_name(&name)?;
    let new = KeySettings { name, role, sites: &site, is_development: false };
    let (id, secret) = service.admin_key_once(new).await?;
    Ok(match secret {
        Some(secret) => {
            Printed { answer: secret.expose_secret().to_owned(), note: Some(id.to_string()) }
        }
        None => Printed {
            answer: id.to_string(),
            note: Some("there is such a key: its secret was shown when it was made".to_owned()),
        },
    })
}

async fn site(command: SiteCommand, service: &Service) -> Result<String, AdminError> {
    match command {
        SiteCommand::Create { name, flags } => {
            let id = service.admin_site(check_name(&name)?, flags.settings(None)).await?;
            Ok(id.to_string())
        }
        SiteCommand::Set { site, name, flags } => {
            if let Some(name) = &name {
                check_name(name)?;
            }
            let is_there = service.admin_site_set(site, flags.settings(name)).await?;
            if is_there { Ok(site.to_string()) } else { Err(AdminError::NoSite(site)) }
        }
    }
}

async fn connection(command: ConnectionCommand, service: &Service) -> Result<String, AdminError> {
    const HOUR_S: i64 = 3_600;
    let ConnectionCommand::Set {
        site,
        name,
        base_url,
        token,
        webhook_secret,
        webhook_secret_next,
        key_window_hours,
        look_up,
        status_page_url,
        segments_per_second,
    } = command;
    check_site(service, site).await?;
    check_name(&name)?;
    // Checked here and not by the command line's parser, which repeats what it refuses.
    if base_url.as_deref().is_some_and(|url| !is_url(url)) {
        return Err(AdminError::BaseUrl);
    }
    if status_page_url.as_deref().is_some_and(|url| !url.is_empty() && !is_url(url)) {
        return Err(AdminError::StatusPage);
    }
    if token.as_ref().is_some_and(|token| !is_token(token.expose_secret())) {
        return Err(AdminError::Token);
    }
    let is_secret = |secret: &SecretString| is_webhook_secret(secret.expose_secret());
    let is_none = |secret: &SecretString| secret.expose_secret().is_empty();
    let is_fine = webhook_secret.as_ref().is_none_or(is_secret)
        && webhook_secret_next.as_ref().is_none_or(|next| is_none(next) || is_secret(next));
    if !is_fine {
        return Err(AdminError::WebhookSecret);
    }
    let new = ConnectionSettings {
        site_id: site,
        name,
        base_url,
        token,
        webhook_secret,
        webhook_secret_next,
        key_window_s: key_window_hours.map(|hours| hours * HOUR_S),
        has_lookup: look_up,
        status_page_url,
        segments_per_s: segments_per_second,
    };
    Ok(service.admin_connection(new).await?.to_string())
}

async fn sender(command: SenderCommand, service: &Service) -> Result<String, AdminError> {
    let SenderCommand::Set { site, connection, number, segments_per_second, ready } = command;
    check_site(service, site).await?;
    let new = SenderSettings {
        site_id: site,
        phone: number,
        connection_id: connection,
        segments_per_s: segments_per_second,
        is_ready: ready,
    };
    Ok(service.admin_sender(new).await?.to_string())
}

async fn check_site(service: &Service, id: SiteId) -> Result<(), AdminError> {
    if service.admin_has_site(id).await? { Ok(()) } else { Err(AdminError::NoSite(id)) }
}

fn check_name(name: &str) -> Result<&str, AdminError> {
    let is_fine = !text::is_blank(name)
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(char::is_control)
        && text::problem_in(name).is_none();
    if is_fine { Ok(name) } else { Err(AdminError::Name) }
}

impl SiteFlags {
    fn settings(self, name: Option<String>) -> SiteSettings {
        const HOUR_S: i64 = 3_600;
        let price = self.price.zip(self.currency);
        SiteSettings {
            name,
            zone: self.zone,
            subdomain: self.subdomain,
            status: self.status,
            plan: self.plan,
            trial_limit: self.trial_segments,
            price: price.map(|(amount, currency_code)| SegmentPrice { amount, currency_code }),
            quiet_hours: self.quiet_hours,
            rule_packs: self.rule_packs.map(|on| if on { RulePacks::ALL } else { RulePacks::NONE }),
            smart_sending: self.smart_sending_hours.map(|hours| match hours {
                0 => SmartSending { is_enabled: false, ..SmartSending::DEFAULT },
                hours => SmartSending { is_enabled: true, window_s: hours * HOUR_S },
            }),
            text_prefix: self.text_prefix,
            text_footer: self.text_footer,
            countries: self.countries,
            help_reply: self.help_reply,
        }
    }
}

fn quiet_hours(text: &str) -> Result<QuietHours, String> {
    let form = || "a window such as 20:00-09:00, or off".to_owned();
    let time =
        |text: &str| chrono::NaiveTime::parse_from_str(text, "%H:%M").map_err(|_parse| form());
    if text == "off" {
        return Ok(QuietHours::DEFAULT.switched(false));
    }
    let (start, end) = text.split_once('-').ok_or_else(form)?;
    QuietHours::new(time(start)?, time(end)?).map_err(|zero_width| zero_width.to_string())
}

fn subdomain(text: &str) -> Result<String, String> {
    let problem = (!text.is_empty()).then(|| problem_in_subdomain(text)).flatten();
    problem.map_or_else(|| Ok(text.to_owned()), Err)
}

fn prefix(text: &str) -> Result<String, String> {
    Frame::problem_in_prefix(text).map_or_else(|| Ok(text.to_owned()), Err)
}

fn footer(text: &str) -> Result<String, String> {
    Frame::problem_in_footer(text).map_or_else(|| Ok(text.to_owned()), Err)
}

fn help_reply(text: &str) -> Result<String, String> {
    consent::problem_in_help_reply(text).map_or_else(|| Ok(text.to_owned()), Err)
}

fn phone(text: &str) -> Result<PhoneNumber, String> {
    PhoneNumber::parse(text).map_err(|invalid| invalid.to_string())
}

#[cfg(test)]
mod tests;
