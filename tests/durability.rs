//! Every scenario in `scenarios/durability`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("durability")
}
