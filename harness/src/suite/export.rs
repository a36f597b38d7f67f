//! `redis-harness export`.

use std::io::Write;
use std::path::Path;

use super::Exit;
use super::commands::run_directory;
use crate::evidence::Evidence;
use crate::present::{self, ExportFormat};

/// Writes the history of a finished run to standard output.
pub fn export(path: &Path, format: ExportFormat) -> Exit {
    let read = |directory| Evidence::read(&directory).map_err(|error| format!("error: {error}\n"));
    let evidence = match run_directory(path).and_then(read) {
        Ok(evidence) => evidence,
        Err(message) => {
            present::print_error(&message);
            return Exit::Usage;
        }
    };
    let mut out = present::plain_output();
    match present::export(&evidence, format, &mut out).and_then(|left_out| out.flush().map(|()| left_out)) {
        Ok(0) => Exit::Pass,
        Ok(left_out) => {
            present::print_error(&format!("{left_out} operations are left out: they neither read nor write a value\n"));
            Exit::Pass
        }
        // Whoever read it has had enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Pass,
        Err(error) => {
            present::print_error(&format!("error: {error}\n"));
            Exit::Internal
        }
    }
}
