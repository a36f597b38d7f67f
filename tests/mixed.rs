//! Every scenario in `scenarios/mixed`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("mixed")
}
