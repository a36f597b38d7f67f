//! Another program that is measured beside the loads.

use std::fmt;
use std::process::{Command, Stdio};

use crate::load::{Keys, Load, LoadPace, Op};
use crate::plan::Plan;
use crate::present::BenchFigures;

/// Another program that is measured beside the loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Rival {
    RedisBenchmark,
    ValkeyBenchmark,
}

/// How many operations it does beside a load that has no number of them, for each command of a pipeline up to eight.
const OPERATIONS: u64 = 200_000;

/// Runs the program that it is given as its name by TLS: where the files for it are is known in the lab alone.
const WITH_TLS: &str =
    r#"exec "$0" --tls --cacert "$TLS_CA_CERT_FILE" --cert "$TLS_CERT_FILE" --key "$TLS_KEY_FILE" "$@""#;

/// What it is told to do.
pub(super) struct RivalCommand {
    /// The program and its arguments.
    pub(super) arguments: Vec<String>,
    /// How many operations that is.
    pub(super) operations: u64,
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RedisBenchmark => "redis-benchmark",
            Self::ValkeyBenchmark => "valkey-benchmark",
        })
    }
}

impl Rival {
    /// Whether it can be run here. The error says why not.
    pub(super) fn is_there(self) -> Result<(), String> {
        let asked = Command::new(self.to_string()).arg("--version").stdin(Stdio::null()).output();
        asked.map(drop).map_err(|error| format!("cannot run `{self}`: {error}"))
    }

    /// Its command for what that load does; none if it cannot do that.
    pub(super) fn command(self, plan: &Plan, load: &Load) -> Option<RivalCommand> {
        let (test, bytes) = match &load.mix[..] {
            [Op::Get(_)] => ("get", 16),
            [Op::Set(set)] if set.wait.is_none() => ("set", set.value.fixed()?.bytes),
            _ => return None,
        };
        let Keys::Uniform(_) = load.keys else { return None };
        if !matches!(load.pace, LoadPace::Closed) || load.think.is_some() {
            return None;
        }
        let speaks_tls = plan.tls().is_some() && load.client.tls != Some(false);
        let address = plan.nodes.first()?.address;
        // Beside TLS, plain TCP has a port of its own.
        let address = if plan.tls().is_some() && !speaks_tls { address.plain() } else { address };
        let [ip, port] = [address.ip().to_string(), address.0.port().to_string()];
        let [workers, pipeline] = [load.workers().to_string(), load.pipeline().to_string()];
        let operations = load.operations.unwrap_or(OPERATIONS * u64::from(load.pipeline()).min(8));
        let [count, keys, bytes] = [operations.to_string(), load.keys.count().to_string(), bytes.to_string()];
        let program = self.to_string();
        let arguments = [
            &program,
            "--cluster",
            "-h",
            &ip,
            "-p",
            &port,
            "-c",
            &workers,
            "-P",
            &pipeline,
            "-n",
            &count,
            "-r",
            &keys,
            "-d",
            &bytes,
            "-t",
            test,
            "--csv",
        ];
        let password = load.client.password.iter().flat_map(|password| ["-a", password]);
        let user = load.client.user.iter().flat_map(|user| ["--user", user]);
        let through: &[&str] = if speaks_tls { &["sh", "-c", WITH_TLS] } else { &[] };
        let arguments = through.iter().copied().chain(arguments).chain(user).chain(password);
        let arguments = arguments.map(str::to_owned).collect();
        Some(RivalCommand { arguments, operations })
    }
}

/// What it says in its last line, and the processor time that it took: `"SET","85034.01","0.511",..`, which is the test, operations
/// a second, and the average, least, median, 95th and 99th percentile of latency in milliseconds (`redis-benchmark.c`,
/// `showLatencyReport`).
pub(super) fn figures(printed: &str, cpu_ms: f64, operations: u64) -> Option<BenchFigures> {
    let number = |field: &str| field.trim_matches('"').parse::<f64>().ok();
    let fields: Vec<_> = printed.lines().last()?.split(',').skip(1).map(number).collect::<Option<_>>()?;
    let [per_second, _average, _least, p50_ms, _p95, p99_ms, ..] = fields[..] else { return None };
    Some(BenchFigures { per_second, p50_ms, p99_ms, late_p99_us: None, cpu_us: cpu_ms * 1e3 / operations as f64 })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::redis_7(
        "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
         \"SET\",\"85034.01\",\"0.511\",\"0.096\",\"0.503\",\"0.631\",\"0.775\",\"3.031\"\n",
        Some((85_034.01, 0.503, 0.775))
    )]
    #[case::only_a_heading("\"test\",\"rps\"\n", None)]
    #[case::cut_short("\"SET\",\"85034.01\",\"0.511\"\n", None)]
    #[case::no_table("Could not connect to Redis at 10.128.0.2:6379\n", None)]
    #[case::nothing("", None)]
    fn figures_are_read(#[case] printed: &str, #[case] expected: Option<(f64, f64, f64)>) {
        let figures = figures(printed, 2_000.0, 200_000);
        assert_eq!(figures.map(|figures| (figures.per_second, figures.p50_ms, figures.p99_ms)), expected);
        assert!(figures.is_none_or(|figures| (figures.cpu_us - 10.0).abs() < 1e-9));
    }
}
