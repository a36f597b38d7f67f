//! Another program that is measured beside the loads.

use std::fmt;
use std::net::SocketAddrV4;
use std::process::{Command, Stdio};

use crate::load::{Keys, Load, LoadPace, Op};
use crate::plan::Plan;
use crate::present::BenchFigures;

/// Another program that is measured beside the loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Rival {
    #[value(name = "redis-benchmark")]
    Redis,
    #[value(name = "valkey-benchmark")]
    Valkey,
    #[value(name = "memtier_benchmark")]
    Memtier,
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
            Self::Redis => "redis-benchmark",
            Self::Valkey => "valkey-benchmark",
            Self::Memtier => "memtier_benchmark",
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
        let asked = Asked {
            test,
            bytes,
            address: address.0,
            load,
            operations: load.operations.unwrap_or(OPERATIONS * u64::from(load.pipeline()).min(8)),
        };
        let (arguments, operations) = match self {
            Self::Redis | Self::Valkey => (asked.of_redis_benchmark(), asked.operations),
            Self::Memtier => asked.of_memtier_benchmark(),
        };
        let through: &[&str] = if speaks_tls { &["sh", "-c", WITH_TLS] } else { &[] };
        let program = [self.to_string()];
        let arguments = through.iter().map(ToString::to_string).chain(program).chain(arguments).collect();
        Some(RivalCommand { arguments, operations })
    }

    /// What it printed, and the processor time that it took.
    pub(super) fn figures(self, printed: &str, cpu_ms: f64, operations: u64) -> Option<BenchFigures> {
        let [per_second, p50_ms, p99_ms] = match self {
            Self::Redis | Self::Valkey => said_by_redis_benchmark(printed),
            Self::Memtier => said_by_memtier_benchmark(printed),
        }?;
        Some(BenchFigures { per_second, p50_ms, p99_ms, late_p99_us: None, cpu_us: cpu_ms * 1e3 / operations as f64 })
    }
}

/// What a load does, as another program is to do it.
struct Asked<'a> {
    /// `get` or `set`.
    test: &'a str,
    bytes: u64,
    address: SocketAddrV4,
    load: &'a Load,
    operations: u64,
}

impl Asked<'_> {
    fn of_redis_benchmark(&self) -> Vec<String> {
        let Self { test, bytes, address, load, operations } = self;
        let (ip, port, keys) = (address.ip(), address.port(), load.keys.count());
        let (workers, pipeline) = (load.workers(), load.pipeline());
        let asked = format!(
            "--cluster -h {ip} -p {port} -c {workers} -P {pipeline} -n {operations} -r {keys} -d {bytes} -t {test} --csv"
        );
        let user = load.client.user.iter().flat_map(|user| ["--user", user]);
        let password = load.client.password.iter().flat_map(|password| ["-a", password]);
        asked.split(' ').chain(user).chain(password).map(str::to_owned).collect()
    }

    /// Each of its clients has a connection to every master, and an equal share of the operations: also returns how many these are.
    fn of_memtier_benchmark(&self) -> (Vec<String>, u64) {
        let Self { test, bytes, address, load, operations } = self;
        let (ip, port, keys) = (address.ip(), address.port(), load.keys.count());
        let (workers, pipeline) = (load.workers(), load.pipeline());
        let ratio = if *test == "set" { "1:0" } else { "0:1" };
        let each = operations.div_ceil(workers.max(1).into());
        let asked = format!(
            "--cluster-mode -s {ip} -p {port} -t 1 -c {workers} --pipeline {pipeline} -n {each} --ratio {ratio} -d {bytes} \
             --key-prefix key: --key-minimum 1 --key-maximum {keys} --key-pattern R:R --hide-histogram"
        );
        let login = load.client.password.as_ref().map(|password| match &load.client.user {
            Some(user) => format!("{user}:{password}"),
            None => password.clone(),
        });
        let login = login.into_iter().flat_map(|login| ["--authenticate".to_owned(), login]);
        (asked.split(' ').map(str::to_owned).chain(login).collect(), each * u64::from(workers))
    }
}

/// Operations a second, and the median and 99th percentile of latency in milliseconds, of its last line: `"SET","85034.01","0.511",..`,
/// which is the test, operations a second, and the average, least, median, 95th and 99th percentile (`redis-benchmark.c`,
/// `showLatencyReport`).
fn said_by_redis_benchmark(printed: &str) -> Option<[f64; 3]> {
    let number = |field: &str| field.trim_matches('"').parse::<f64>().ok();
    let fields: Vec<_> = printed.lines().last()?.split(',').skip(1).map(number).collect::<Option<_>>()?;
    let [per_second, _average, _least, p50_ms, _p95, p99_ms, ..] = fields[..] else { return None };
    Some([per_second, p50_ms, p99_ms])
}

/// The same of its line of totals: operations a second, what they were, and the average, median, 99th and 99.9th percentile and kilobytes
/// a second at the end (`run_stats.cpp`, `print`).
fn said_by_memtier_benchmark(printed: &str) -> Option<[f64; 3]> {
    let totals = printed.lines().find_map(|line| line.strip_prefix("Totals"))?;
    let fields: Vec<_> = totals.split_whitespace().collect();
    let [per_second, .., p50_ms, p99_ms, _p999, _kilobytes] = fields[..] else { return None };
    let [per_second, p50_ms, p99_ms] = [per_second, p50_ms, p99_ms].map(|field| field.parse().ok());
    let (per_second, p50_ms, p99_ms): (f64, f64, f64) = (per_second?, p50_ms?, p99_ms?);
    (per_second > 0.0).then_some([per_second, p50_ms, p99_ms])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const REDIS: Rival = Rival::Redis;
    const MEMTIER: Rival = Rival::Memtier;

    #[rstest]
    #[case::redis_7(
        REDIS,
        "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
         \"SET\",\"85034.01\",\"0.511\",\"0.096\",\"0.503\",\"0.631\",\"0.775\",\"3.031\"\n",
        Some((85_034.01, 0.503, 0.775))
    )]
    #[case::only_a_heading(REDIS, "\"test\",\"rps\"\n", None)]
    #[case::cut_short(REDIS, "\"SET\",\"85034.01\",\"0.511\"\n", None)]
    #[case::no_table(REDIS, "Could not connect to Redis at 10.128.0.2:6379\n", None)]
    #[case::nothing(REDIS, "", None)]
    #[case::of_a_cluster(
        MEMTIER,
        "Type  Ops/sec\nGets 0.00 0.00 0.00\nTotals 81234.50 0.00 0.00 0.00 0.00 1.20000 1.10300 2.30300 4.90000 6212.00\n",
        Some((81_234.5, 1.103, 2.303))
    )]
    #[case::of_one_server(MEMTIER, "Totals 81234.50 0.00 0.00 1.20000 1.10300 2.30300 4.90000 6212.00\n", Some((81_234.5, 1.103, 2.303)))]
    #[case::it_could_not_connect(MEMTIER, "Totals 0.00 0.00 0.00 0.00 0.00 -nan 0.00700 0.00700 0.00700 0.00\n", None)]
    #[case::no_totals(MEMTIER, "connect: resolve error\n", None)]
    fn figures_are_read(#[case] rival: Rival, #[case] printed: &str, #[case] expected: Option<(f64, f64, f64)>) {
        let figures = rival.figures(printed, 2_000.0, 200_000);
        assert_eq!(figures.map(|figures| (figures.per_second, figures.p50_ms, figures.p99_ms)), expected);
        assert!(figures.is_none_or(|figures| (figures.cpu_us - 10.0).abs() < 1e-9));
    }
}
