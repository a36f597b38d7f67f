//! Every scenario in `scenarios/replication`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("replication")
}
