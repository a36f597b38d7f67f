//! What sabotaged servers do wrong: each is a line of the table and the few lines that it names.

mod elements;
mod life;
mod messages;
mod reads;
mod service;
mod writes;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use harness::system::resp::push_command;

/// A server that does one thing wrong.
pub(super) struct Sabotage {
    /// What it does wrong; by this name it is started.
    pub(super) name: &'static str,
    /// The node whose server it is. Those of all others are true ones.
    pub(super) node: &'static str,
    /// What its configuration says beside what it should.
    pub(super) arguments: &'static [&'static str],
    /// What it does before it starts, in its data directory.
    pub(super) before_start: fn() -> io::Result<()>,
    /// What it does by itself while it runs.
    pub(super) act: Option<fn(SocketAddrV4)>,
    /// What it does in place of a command.
    pub(super) command: InPlaceOfCommand,
    /// What becomes of a message to a subscriber.
    pub(super) message: InPlaceOfMessage,
    /// Whether this part of the stream to a replica is passed on.
    pub(super) stream: fn(&[u8], &SharedMemory) -> bool,
}

/// From a command's name in capitals, its words and what was asked before it to what is done; none if what was told.
type InPlaceOfCommand = fn(&[u8], &[&[u8]], &mut Asked, &SharedMemory) -> Option<Deed>;

/// From a message's words, and how they were written, to what a subscriber hears.
type InPlaceOfMessage = fn(&[&[u8]], &[u8], &SharedMemory) -> Vec<u8>;

/// Does nothing wrong.
const HONEST: Sabotage = Sabotage {
    name: "honest",
    node: "A",
    arguments: &[],
    before_start: || Ok(()),
    act: None,
    command: |_, _, _, _| None,
    message: |_, written, _| written.to_vec(),
    stream: |_, _| true,
};

const ALL: &[Sabotage] = &[
    HONEST,
    Sabotage { name: "acknowledges_and_drops", command: writes::acknowledges_and_drops, ..HONEST },
    Sabotage { name: "serves_stale_reads", command: reads::serves_stale_reads, ..HONEST },
    Sabotage { name: "answers_another_keys_value", command: reads::answers_another_keys_value, ..HONEST },
    Sabotage { name: "garbles_a_value", command: reads::garbles_a_value, ..HONEST },
    Sabotage { name: "duplicates_an_increment", command: writes::duplicates_an_increment, ..HONEST },
    Sabotage { name: "applies_half_a_transaction", command: writes::applies_half_a_transaction, ..HONEST },
    Sabotage { name: "reorders_a_list", command: writes::reorders_a_list, ..HONEST },
    Sabotage { name: "forgets_an_element", command: writes::forgets_an_element, ..HONEST },
    Sabotage { name: "leaves_an_element_out", command: elements::leaves_an_element_out, ..HONEST },
    Sabotage { name: "reads_a_list_backwards", command: elements::reads_a_list_backwards, ..HONEST },
    Sabotage { name: "reads_a_counter_back", command: elements::reads_a_counter_back, ..HONEST },
    Sabotage { name: "transfers_a_half", command: elements::transfers_a_half, ..HONEST },
    Sabotage { name: "answers_slowly", command: service::answers_slowly, ..HONEST },
    Sabotage { name: "stands_still", command: service::stands_still, ..HONEST },
    Sabotage { name: "refuses_now_and_then", command: service::refuses_now_and_then, ..HONEST },
    Sabotage { name: "loses_a_message", message: messages::loses_a_message, ..HONEST },
    Sabotage { name: "repeats_a_message", message: messages::repeats_a_message, ..HONEST },
    Sabotage { name: "delays_messages", message: messages::delays_messages, ..HONEST },
    Sabotage { name: "leaves_keys_out_of_scans", command: reads::leaves_keys_out_of_scans, ..HONEST },
    Sabotage { name: "keeps_what_expired", command: writes::keeps_what_expired, ..HONEST },
    Sabotage { name: "expires_too_early", command: writes::expires_too_early, ..HONEST },
    Sabotage { name: "keeps_what_was_removed", command: writes::keeps_what_was_removed, ..HONEST },
    Sabotage { name: "forgets_on_restart", before_start: life::forget, ..HONEST },
    Sabotage { name: "dies_quietly", command: life::dies_quietly, ..HONEST },
    Sabotage { name: "never_fails_over", node: "A1", arguments: &["--cluster-replica-no-failover", "yes"], ..HONEST },
    Sabotage { name: "leaves_its_replica_behind", stream: life::leaves_its_replica_behind, ..HONEST },
    Sabotage {
        name: "claims_copies_that_nobody_has",
        command: writes::claims_copies,
        stream: life::leaves_its_replica_behind,
        ..HONEST
    },
    Sabotage { name: "serves_late_after_failover", node: "A1", command: service::serves_late, ..HONEST },
    Sabotage { name: "takes_over_for_no_reason", node: "A1", act: Some(life::take_over), ..HONEST },
    Sabotage { name: "keeps_anothers_key", act: Some(life::keeps_anothers_key), ..HONEST },
    Sabotage { name: "acknowledges_alone", command: writes::acknowledges_alone, ..HONEST },
    Sabotage { name: "gives_a_lock_to_everybody", command: writes::gives_a_lock_to_everybody, ..HONEST },
];

impl Sabotage {
    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|sabotage| sabotage.name == name)
    }
}

/// What the true server is told, and how each of its replies becomes what the client is told.
pub(super) struct Deed {
    pub(super) commands: Vec<u8>,
    pub(super) treatments: Vec<Treatment>,
}

/// Makes of a reply what the client is told.
pub(super) type Treatment = Box<dyn FnOnce(&[u8]) -> Vec<u8> + Send>;

impl Deed {
    /// Nothing is wrong.
    pub(super) fn as_told(written: &[u8]) -> Self {
        Self { commands: written.to_vec(), treatments: vec![Box::new(<[u8]>::to_vec)] }
    }

    /// Another command in its place.
    fn instead(words: &[&[u8]]) -> Self {
        let mut commands = Vec::new();
        push_command(&mut commands, words);
        Self::as_told(&commands)
    }

    /// The client is told this, whatever the server says.
    fn telling(self, told: &[u8]) -> Self {
        let told = told.to_vec();
        Self { treatments: vec![Box::new(move |_| told)], ..self }
    }

    /// And another one behind it.
    fn then(mut self, next: Self) -> Self {
        self.commands.extend(next.commands);
        self.treatments.extend(next.treatments);
        self
    }
}

/// What was asked on one connection.
#[derive(Default)]
pub(super) struct Asked {
    /// Whether it subscribes to channels.
    pub(super) listens: bool,
    /// How many writes its transaction has so far, with the present one; none outside of one.
    writes_together: Option<u32>,
}

impl Asked {
    /// A command of this name, in capitals, comes next.
    pub(super) fn follow(&mut self, name: &[u8]) {
        match name {
            b"MULTI" => self.writes_together = Some(0),
            b"EXEC" | b"DISCARD" => self.writes_together = None,
            b"SET" => self.writes_together = self.writes_together.map(|writes| writes + 1),
            _ => {}
        }
    }
}

/// What all connections of a server have in common.
#[derive(Default)]
pub(super) struct Memory {
    /// How many chances to lie there were.
    chances: u64,
    /// The key that was read last.
    last_key: Vec<u8>,
    /// What the first read of each key returned.
    first_values: HashMap<Vec<u8>, Vec<u8>>,
    /// When a write was asked for first.
    first_write: Option<Instant>,
}

/// A server's memory, in the hands of all its connections.
pub(super) type SharedMemory = Arc<Mutex<Memory>>;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether it is time to lie again, which it is one time in so many.
fn one_in(times: u64, memory: &SharedMemory) -> bool {
    let mut memory = lock(memory);
    memory.chances += 1;
    memory.chances.is_multiple_of(times)
}
