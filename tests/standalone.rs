//! Every scenario in `scenarios/standalone`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("standalone")
}
