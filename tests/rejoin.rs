//! Every scenario in `scenarios/rejoin`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("rejoin")
}
