//! Every scenario in `scenarios/sentinel`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("sentinel")
}
