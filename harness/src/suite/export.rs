//! `redis-harness export`.

use std::io::Write;
use std::path::Path;

use super::Exit;
use crate::evidence::{Evidence, RunDirectory};
use crate::present::{self, ExportFormat};

/// Writes the history of a finished run to standard output.
pub fn export(path: &Path, format: ExportFormat) -> Exit {
    let evidence = match Evidence::read(&RunDirectory::new(path)) {
        Ok(evidence) => evidence,
        Err(error) => {
            present::print_error(&format!("error: {error}\n"));
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
