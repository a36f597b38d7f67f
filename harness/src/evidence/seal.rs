//! The seal: what every file of the evidence was when the run had ended, so that what is judged is what the run left.
//!
//! It is made of checksums and is no signature: it tells damage, mix-ups and edits; an edit that is sealed anew is not kept
//! out.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::RunDirectory;

/// No seal is longer: that of fifty million operations has about 4 MB.
const SEAL_BYTES_MAX: u64 = 64 << 20;

/// `seal.json`: its contents, and the checksum of these.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    contents: Contents,
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    harness_version: String,
    /// By their names in the run directory.
    files: BTreeMap<String, Sealed>,
}

/// A file as it was sealed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    bytes: u64,
    sha256: String,
    /// A link for each of the file's [`Pieces`]: the beginning of the checksum of everything up to its end. The first that
    /// differs says where the file was altered.
    chain: Vec<String>,
}

/// Seals the evidence. Call it once, when nobody writes to the directory any more.
pub fn seal(directory: &RunDirectory) -> io::Result<()> {
    let mut files = BTreeMap::new();
    for (name, path) in evidence(directory)? {
        let sealed = Sealed::of(&name, File::open(path)?)?;
        files.insert(name, sealed);
    }
    let contents = Contents { harness_version: env!("CARGO_PKG_VERSION").to_owned(), files };
    fs::write(directory.seal(), Seal { sha256: contents.checksum()?, contents }.to_bytes()?)
}

/// Compares the evidence with its seal. The error is every difference, in words. It reads no more than was sealed.
pub(super) fn verify(directory: &RunDirectory) -> Result<(), Vec<String>> {
    let contents = Seal::read(directory).map_err(|why| vec![why])?;
    let there = evidence(directory).map_err(|error| vec![format!("the directory cannot be read: {error}")])?;
    let of_sealed = contents.files.iter().filter_map(|(name, sealed)| {
        sealed.difference(name, &directory.path().join(name)).map(|difference| format!("{name}: {difference}"))
    });
    let added = there.keys().filter(|name| !contents.files.contains_key(*name));
    let differences: Vec<_> = of_sealed.chain(added.map(|name| format!("{name}: added after the run"))).collect();
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

/// The files that are evidence, by their names in the run directory. Reports can be made again, and what somebody else puts
/// beside them is theirs.
fn evidence(directory: &RunDirectory) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut open = vec![
        directory.scenario(),
        directory.plan(),
        directory.snapshot(),
        directory.info(),
        directory.events(),
        directory.topology(),
        directory.replication(),
        directory.samples(),
        directory.history(),
        directory.subscribers(),
        directory.elements(),
        directory.key_lists(),
        directory.lab_log(),
        directory.nodes(),
    ];
    let mut found = BTreeMap::new();
    while let Some(path) = open.pop() {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                for entry in fs::read_dir(&path)? {
                    open.push(entry?.path());
                }
            }
            Ok(_) => {
                let name = path.strip_prefix(directory.path()).unwrap_or(&path).to_string_lossy().into_owned();
                found.insert(name, path);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

impl Seal {
    /// The contents of a directory's seal, or what is wrong with it.
    fn read(directory: &RunDirectory) -> Result<Contents, String> {
        let path = directory.seal();
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.len() > SEAL_BYTES_MAX => {
                return Err(format!("seal.json: altered: no seal has more than {} MiB", SEAL_BYTES_MAX >> 20));
            }
            Ok(metadata) if metadata.is_file() => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(never_sealed(directory)),
            _ => return Err("seal.json: it is no file".to_owned()),
        }
        let bytes = fs::read(path).map_err(|error| format!("seal.json: {error}"))?;
        let seal: Self = serde_json::from_slice(&bytes).map_err(|error| {
            format!("seal.json: altered, or not of this version ({}): {error}", env!("CARGO_PKG_VERSION"))
        })?;
        let is_intact = seal.contents.checksum().is_ok_and(|sha256| sha256 == seal.sha256)
            && seal.to_bytes().is_ok_and(|sealed| sealed == bytes);
        if is_intact { Ok(seal.contents) } else { Err("seal.json: altered".to_owned()) }
    }

    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

fn never_sealed(directory: &RunDirectory) -> String {
    let by = directory.told("harness_version").map(|version| format!(" (redis-harness {version} wrote it)"));
    format!("it was never sealed: the run did not end, or its seal.json was removed{}", by.unwrap_or_default())
}

impl Contents {
    fn checksum(&self) -> io::Result<String> {
        Ok(hex(&Sha256::digest(serde_json::to_vec(self)?)))
    }
}

/// The bytes of a checksum that a link keeps: enough to say where a file that is known to differ does.
const LINK_BYTES: usize = 8;

impl Sealed {
    fn of(name: &str, file: impl Read) -> io::Result<Self> {
        let pieces = Pieces::of(name);
        let mut reader = BufReader::with_capacity(64 << 10, file);
        let (mut hash, mut bytes, mut chain, mut in_piece) = (Sha256::new(), 0, Vec::new(), false);
        let link = |hash: &Sha256| hex(&hash.clone().finalize()[..LINK_BYTES]);
        loop {
            let buffer = reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let (taken, ends) = pieces.take(bytes, buffer);
            hash.update(&buffer[..taken]);
            bytes += taken as u64;
            reader.consume(taken);
            in_piece = !ends;
            if ends {
                chain.push(link(&hash));
            }
        }
        if in_piece {
            chain.push(link(&hash));
        }
        Ok(Self { bytes, sha256: hex(&hash.finalize()), chain })
    }

    /// How the file differs from what was sealed, in words; none if it does not.
    fn difference(&self, name: &str, path: &Path) -> Option<String> {
        let length = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Some("it is no file any more".to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Some("missing".to_owned()),
            Err(error) => return Some(error.to_string()),
        };
        let now = match File::open(path).and_then(|file| Self::of(name, file.take(self.bytes))) {
            Ok(now) => now,
            Err(error) => return Some(error.to_string()),
        };
        let more = length.checked_sub(self.bytes).filter(|more| *more > 0);
        let more = more.map(|more| format!("{more} bytes more than the run wrote"));
        if (now.bytes, &now.sha256) == (self.bytes, &self.sha256) {
            return more;
        }
        let intact = now.chain.iter().zip(&self.chain).take_while(|(now, sealed)| now == sealed).count();
        let pieces = Pieces::of(name);
        if intact == now.chain.len() {
            return Some(format!("cut after {}", pieces.count(now.bytes, intact)));
        }
        let is_shorter = now.bytes < self.bytes;
        let cut = if is_shorter && intact + 1 == now.chain.len() { "cut or " } else { "" };
        let left = is_shorter.then(|| format!("{length} of {} bytes are left", self.bytes));
        let size = more.or(left).map(|size| format!(", {size}")).unwrap_or_default();
        Some(format!("{cut}altered {}{size}", pieces.place(intact, self.bytes)))
    }
}

/// What a file's chain has a link for: each line of a text, each block of binary records.
#[derive(Clone, Copy)]
enum Pieces {
    Lines,
    Blocks,
}

const BLOCK_BYTES: u64 = 8 << 10;

impl Pieces {
    fn of(name: &str) -> Self {
        if Path::new(name).extension().is_some_and(|extension| extension == "bin") { Self::Blocks } else { Self::Lines }
    }

    /// How much of the buffer, which begins at `at` in the file, belongs to the piece there, and whether the piece ends with it.
    fn take(self, at: u64, buffer: &[u8]) -> (usize, bool) {
        let rest = match self {
            Self::Lines => buffer.iter().position(|byte| *byte == b'\n').map(|newline| newline + 1),
            Self::Blocks => usize::try_from(BLOCK_BYTES - at % BLOCK_BYTES).ok().filter(|rest| *rest <= buffer.len()),
        };
        (rest.unwrap_or(buffer.len()), rest.is_some())
    }

    /// Where a piece of a file of this many bytes is.
    fn place(self, index: usize, bytes: u64) -> String {
        let index = index as u64;
        match self {
            Self::Lines => format!("at line {}", index + 1),
            Self::Blocks => {
                format!("between byte {} and {}", index * BLOCK_BYTES + 1, bytes.min((index + 1) * BLOCK_BYTES))
            }
        }
    }

    /// This many bytes in that many pieces, in words.
    fn count(self, bytes: u64, pieces: usize) -> String {
        match self {
            Self::Lines => format!("line {pieces}"),
            Self::Blocks => format!("byte {bytes}"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
