//! Every scenario in `scenarios/load`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("load")
}
