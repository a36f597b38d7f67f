//! Every scenario in `scenarios/failover`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("failover")
}
