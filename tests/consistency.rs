//! Every scenario in `scenarios/consistency`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("consistency")
}
