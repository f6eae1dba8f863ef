//! The harness binary; without a subcommand, the development world.

use clap::{Parser, Subcommand};
use harness::bench::{self, Bench};
use harness::chaos::{self, Chaos};
use harness::runner::{Printed, run_files};
use harness::simulate::{self, Simulate};
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code for a journal that cannot be judged.
const CANNOT_JUDGE: u8 = 2;

/// Sendoff's harness. Without a subcommand: the development world.
#[derive(Parser)]
#[command(name = "harness", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Follow one campaign of the development world, a line for each change of its status.
    Watch {
        /// The campaign's id: `camp_…`.
        campaign: String,
    },
    /// Prove the invariants of the campaign ledger from a journal: exits with 0 if all hold, with 1 if
    /// one does not, and with 2 if the journal cannot be judged.
    Check {
        /// The journal.
        file: PathBuf,
    },
    /// Play scenario files against a fresh service each, on virtual time.
    Run {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print each timeline.
        #[arg(long)]
        print: bool,
        /// Write each run's journal to a file in this folder: `NAME.jsonl`.
        #[arg(long)]
        journals: Option<PathBuf>,
    },
    /// Play schedules that seeds decide, each a tiny world full of faults, and hold the ledger against what the
    /// world saw: exits with 0 if every invariant held in all of them. The last line is the run's figures.
    #[command(args_override_self = true)]
    Simulate(Simulate),
    /// Kill the service, cancel and text STOP at any moment, and prove that no message is lost or doubled: exits
    /// with 1 if one is. docs/journal.md tells how.
    Chaos {
        #[command(subcommand)]
        chaos: Chaos,
    },
    /// Measure how fast the service is; harness/benches/README.md tells how.
    Bench {
        #[command(subcommand)]
        bench: Bench,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // It has runtimes of its own, whose time stands still.
    if let Some(Command::Simulate(wanted)) = &cli.command {
        return simulated(wanted);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    runtime.block_on(async {
        match cli.command {
            None => told(harness::dev::run().await),
            Some(Command::Watch { campaign }) => told(harness::watch::watch(&campaign).await),
            Some(Command::Bench { bench }) => {
                told(bench::run(&bench, &mut std::io::stdout()).await)
            }
            Some(Command::Chaos { chaos }) => {
                match chaos::run(&chaos, &mut std::io::stdout()).await {
                    Ok(true) => ExitCode::SUCCESS,
                    Ok(false) => ExitCode::FAILURE,
                    Err(error) => fail(&error),
                }
            }
            Some(Command::Check { file }) => check(&file),
            Some(Command::Simulate(wanted)) => simulated(&wanted),
            Some(Command::Run { files, print, journals }) => {
                let printed = if print { Printed::Timeline } else { Printed::Problems };
                let journals = journals.as_deref();
                let played = run_files(&files, printed, journals, &mut std::io::stdout()).await;
                match played {
                    Ok(true) => ExitCode::SUCCESS,
                    Ok(false) => ExitCode::FAILURE,
                    Err(error) => fail(&error),
                }
            }
        }
    })
}

fn check(file: &Path) -> ExitCode {
    let judged = harness::check::check_file(file)
        .and_then(|report| report.print(&mut std::io::stdout().lock()).map(|()| report.is_clean()));
    match judged {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            fail(&error);
            ExitCode::from(CANNOT_JUDGE)
        }
    }
}

fn simulated(wanted: &Simulate) -> ExitCode {
    match simulate::simulate(wanted) {
        Ok(run) => match run.print(&mut std::io::stdout().lock()) {
            Ok(()) if run.summary.violations == 0 => ExitCode::SUCCESS,
            Ok(()) => ExitCode::FAILURE,
            Err(error) => fail(&error),
        },
        Err(error) => fail(&error),
    }
}

fn told<E: std::error::Error + 'static>(outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    // Nobody is left to tell if standard error is gone too.
    let _ = writeln!(std::io::stderr(), "harness: {}", api::causes::line(error));
    ExitCode::FAILURE
}
