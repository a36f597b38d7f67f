//! Every scenario in `scenarios/partition`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("partition")
}
