//! `redis-harness`: arguments to library calls to an exit code.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use harness::{present, run, suite};

/// Breaks a real Redis or Valkey cluster under load and says, with proof, whether it keeps its promises.
///
/// Exit codes: 0 pass, 1 fail, 2 inconclusive, 3 wrong usage or a scenario with errors, 4 an error of the harness,
/// 130 interrupted.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios, one after the other.
    Run(suite::RunOptions),
    /// Look for errors in scenarios, and ask the servers' binaries whether they accept their directives. No cluster is
    /// started.
    Check {
        /// Scenario files, or directories of them.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        provider: suite::ProviderOptions,
    },
    /// List scenarios and what they are about.
    List {
        /// Scenario files, or directories of them.
        #[arg(default_value = "scenarios")]
        files: Vec<PathBuf>,
    },
    /// Tell in words what a scenario does.
    Explain {
        /// The scenario file.
        file: PathBuf,
    },
    /// Measure what loads do on a fresh cluster, without faults.
    Bench(suite::BenchOptions),
    /// Judge a finished run again from its directory.
    Judge {
        /// The run's directory, as a run prints it.
        directory: PathBuf,
    },
    /// Write the history of a finished run to standard output, for other tools.
    Export {
        /// The run's directory, as a run prints it.
        directory: PathBuf,
        /// The format.
        #[arg(long, value_enum)]
        format: present::ExportFormat,
    },
    /// Tell what this machine can do for scenarios and how it is set, and the commands that improve it.
    Doctor,
}

fn main() -> ExitCode {
    run::enter_if_lab();
    let arguments = Arguments::try_parse().unwrap_or_else(|error| {
        // clap exits with 2, which here means inconclusive.
        let _ = error.print();
        std::process::exit(if error.use_stderr() { 3 } else { 0 })
    });
    let end = match arguments.command {
        Command::Run(options) => suite::run(&options),
        Command::Check { files, provider } => suite::check(&files, &provider),
        Command::List { files } => suite::list(&files),
        Command::Explain { file } => suite::explain(&file),
        Command::Bench(options) => suite::bench(&options),
        Command::Judge { directory } => suite::judge(&directory),
        Command::Export { directory, format } => suite::export(&directory, format),
        Command::Doctor => suite::doctor(),
    };
    end.into()
}
