//! Every scenario in `scenarios/no_data_loss`, a trial each.

fn main() -> std::process::ExitCode {
    harness::suite::main("no_data_loss")
}
