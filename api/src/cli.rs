//! The command line of `sendoff`: `serve`, `admin`, `schema` and `config --defaults`.

mod admin;
mod logging;
mod serve;

pub use logging::start_logging;

use crate::{
    app::{self, StartError},
    config::{Config, process_env},
};
use clap::{Args, Parser, Subcommand};
use std::{io::Write as _, path::PathBuf};

/// Sendoff: SMS campaigns that tell the truth about every message.
#[derive(Parser)]
#[command(name = "sendoff", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service.
    Serve(Source),
    /// Set the service up; every command can be repeated and prints the id.
    Admin(Box<admin::Admin>),
    /// Print the GraphQL schema.
    Schema,
    /// Print the configuration.
    Config {
        /// Print every key with its default.
        #[arg(long, required = true)]
        defaults: bool,
    },
}

/// Where the configuration comes from: a file, and over it the environment.
#[derive(Args)]
struct Source {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl Source {
    fn load(&self) -> Result<Config, StartError> {
        let text = self.config.as_ref().map(|path| {
            std::fs::read_to_string(path)
                .map_err(|source| StartError::ConfigFile { path: path.clone(), source })
        });
        Ok(Config::load(text.transpose()?.as_deref(), process_env())?)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Admin(#[from] admin::AdminError),
    #[error("cannot write to the terminal")]
    Output(#[from] std::io::Error),
}

/// Runs the command line: 0 for success, 1 for a failure, told in one line on standard error.
pub fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> std::process::ExitCode {
    // Nobody is left to tell if standard error is gone too.
    let _ = writeln!(std::io::stderr(), "sendoff: {}", crate::causes::line(error));
    std::process::ExitCode::FAILURE
}

async fn run(cli: Cli) -> Result<(), CliError> {
    match cli.command {
        Command::Serve(source) => Ok(serve::serve(&source.load()?).await?),
        Command::Admin(admin) => {
            let config = admin.source.load()?;
            let db = app::open_database(&config).await?;
            let printed = admin::run(admin.command, db).await?;
            if let Some(note) = printed.note {
                writeln!(std::io::stderr(), "{note}")?;
            }
            print(&printed.answer)
        }
        Command::Schema => print(&crate::graphql::sdl()),
        Command::Config { defaults: _ } => print(&Config::defaults_toml()),
    }
}

fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
