//! Every scenario in `scenarios/redlock`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("redlock")
}
