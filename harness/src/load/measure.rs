//! What the driver itself costs, measured against `redis-benchmark` on the same server in the same run:
//! `cargo test --release --lib load::measure -- --ignored --nocapture`.

use std::process::Command;
use std::time::Duration;

use super::testing::{Redis, journal, load, task};
use super::{Load, RunningLoads};
use crate::evidence::{HistoryReader, Operation};

const ROUNDS: usize = 3;

/// Runs the load for three seconds and returns its operations.
async fn run(redis: &Redis, load: Load) -> Vec<Operation> {
    let (_temporary, directory, journal) = journal();
    let running = RunningLoads::start(&[task(load, &[redis.address])], journal, directory.history()).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    running.stop().await.unwrap();
    let file = std::fs::File::open(directory.history()).unwrap();
    HistoryReader::new(std::io::BufReader::new(file)).unwrap().read_all().unwrap()
}

/// Operations a second, and the quantiles of their latency in milliseconds.
fn figures(operations: &[Operation], quantiles: &[usize]) -> (f64, Vec<f64>) {
    let mut nanos: Vec<_> = operations.iter().map(Operation::latency_nanos).collect();
    nanos.sort_unstable();
    let began = operations.iter().map(|op| op.intended).min().unwrap();
    let ended = operations.iter().map(|op| op.ended).max().unwrap();
    let rate = nanos.len() as f64 / (ended.nanos_since(began) as f64 / 1e9);
    (rate, quantiles.iter().map(|quantile| nanos[(nanos.len() - 1) * quantile / 1000] as f64 / 1e6).collect())
}

/// Quantiles of how much later than intended operations began, in milliseconds.
fn late(operations: &[Operation], quantiles: &[usize]) -> Vec<f64> {
    let mut nanos: Vec<_> = operations.iter().map(|op| op.started.nanos_since(op.intended)).collect();
    nanos.sort_unstable();
    quantiles.iter().map(|quantile| nanos[(nanos.len() - 1) * quantile / 1000] as f64 / 1e6).collect()
}

/// What `redis-benchmark` reports: operations a second and its median in milliseconds.
fn benchmark(redis: &Redis, test: &str, clients: &str, pipeline: &str) -> (f64, f64) {
    let port = redis.address.0.port().to_string();
    let count = if pipeline == "1" { "200000" } else { "2000000" };
    let arguments =
        ["-p", &port, "-c", clients, "-P", pipeline, "-n", count, "-d", "16", "-r", "10000", "-t", test, "--csv"];
    let output = Command::new("redis-benchmark").args(arguments).output().unwrap();
    let csv = String::from_utf8(output.stdout).unwrap();
    let fields: Vec<f64> =
        csv.lines().last().unwrap().split(',').skip(1).map(|field| field.trim_matches('"').parse().unwrap()).collect();
    (fields[0], fields[3])
}

#[tokio::test]
#[ignore = "measures for half a minute"]
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
async fn against_redis_benchmark() {
    let redis = Redis::start().await;
    for _ in 0..ROUNDS {
        for (test, mix) in [("set", r#"Set(value: "16B")"#), ("get", "Get()")] {
            for pipeline in ["1", "16"] {
                let (their_rate, their_p50) = benchmark(&redis, test, "50", pipeline);
                let fields = format!("mix: [{mix}], keys: Uniform(100000), workers: 50, pipeline: {pipeline}");
                let (rate, latency) = figures(&run(&redis, load("app", &fields)).await, &[500, 990]);
                println!(
                    "{test} pipeline {pipeline}: {rate:.0}/s p50 {:.3} ms p99 {:.3} ms; redis-benchmark: \
                     {their_rate:.0}/s p50 {their_p50:.3} ms; rate {:.2} of its, p50 {:.2} of its",
                    latency[0],
                    latency[1],
                    rate / their_rate,
                    latency[0] / their_p50
                );
            }
        }
        let open = r#"mix: [Set(value: "16B"), Get()], keys: Uniform(10000), workers: 4, pace: Open(per_second: 2000)"#;
        let operations = run(&redis, load("app", open)).await;
        let (rate, latency) = figures(&operations, &[500, 990, 999]);
        let late = late(&operations, &[500, 990, 999]);
        println!(
            "open 2000/s: {rate:.0}/s, p50 / p99 / p99.9 {latency:.3?} ms from the intended start, of which the \
             machine woke us late by {late:.3?} ms"
        );
    }
}
