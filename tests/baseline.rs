//! Every scenario in `scenarios/baseline`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("baseline")
}
