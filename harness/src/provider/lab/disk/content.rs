//! The bytes of a file: as reads find them, and how to get back from there to what was synchronised.

use std::collections::VecDeque;

/// A file's bytes. Every change since the last synchronisation can be undone.
#[derive(Debug, Default)]
pub(super) struct Content {
    bytes: Vec<u8>,
    /// What was changed and is not synchronised, the oldest first.
    changes: VecDeque<Change>,
    /// How many changes were synchronised.
    synced: u64,
    /// A change of this number or a later one is in no synchronisation that has begun.
    begun: u64,
}

/// Some bytes became others, or the length did.
#[derive(Debug)]
struct Change {
    /// Where.
    at: usize,
    /// What stood there.
    overwritten: Vec<u8>,
    /// The length before.
    length: usize,
    /// How many bytes were written or cut off.
    changed: u64,
}

/// What a synchronisation covers: the changes before this one. It begins before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SyncMark(u64);

impl Content {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes at a place; a hole before it is zeros.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        let (length, end) = (self.bytes.len(), at + bytes.len());
        let overwritten = self.bytes.get(at..end.min(length)).unwrap_or_default().to_vec();
        self.note(Change { at, overwritten, length, changed: bytes.len() as u64 });
        if end > length {
            self.bytes.resize(end, 0);
        }
        self.bytes[at..end].copy_from_slice(bytes);
    }

    /// Cuts it off, or fills it up with zeros.
    pub(super) fn set_length(&mut self, to: usize) {
        let length = self.bytes.len();
        let overwritten = self.bytes.get(to..).unwrap_or_default().to_vec();
        self.note(Change { at: to.min(length), overwritten, length, changed: length.abs_diff(to) as u64 });
        self.bytes.resize(to, 0);
    }

    /// Many small writes at the end are one change, unless a synchronisation began between them.
    fn note(&mut self, change: Change) {
        let is_append = |change: &Change| change.overwritten.is_empty() && change.at == change.length;
        let count = self.synced + self.changes.len() as u64;
        match self.changes.back_mut() {
            Some(last) if count > self.begun && is_append(last) && is_append(&change) => last.changed += change.changed,
            _ => self.changes.push_back(change),
        }
    }

    /// A synchronisation begins: it will cover what was written so far.
    pub(super) fn begin_sync(&mut self) -> SyncMark {
        self.begun = self.synced + self.changes.len() as u64;
        SyncMark(self.begun)
    }

    /// It is done.
    pub(super) fn finish_sync(&mut self, SyncMark(mark): SyncMark) {
        // One that began later may have been done before.
        while self.synced < mark && self.changes.pop_front().is_some() {
            self.synced += 1;
        }
    }

    /// How many bytes were written or cut off and are not synchronised; none if nothing was changed.
    pub(super) fn unsynced_bytes(&self) -> Option<u64> {
        (!self.changes.is_empty()).then(|| self.changes.iter().map(|change| change.changed).sum())
    }

    /// Goes back to what was synchronised.
    pub(super) fn forget(&mut self) {
        while let Some(Change { at, overwritten, length, .. }) = self.changes.pop_back() {
            self.bytes.resize(length, 0);
            // Behind a hole nothing stood.
            let end = at.saturating_add(overwritten.len());
            if let Some(changed) = self.bytes.get_mut(at..end) {
                changed.copy_from_slice(&overwritten);
            }
        }
        self.begun = self.synced;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn synced(bytes: &[u8]) -> Content {
        let mut content = Content::default();
        content.write(0, bytes);
        let mark = content.begin_sync();
        content.finish_sync(mark);
        content
    }

    #[rstest]
    #[case::nothing(|_: &mut Content| (), b"abcdef", None)]
    #[case::append(|content: &mut Content| content.write(6, b"gh"), b"abcdefgh", Some(2))]
    #[case::overwrite(|content: &mut Content| content.write(1, b"XY"), b"aXYdef", Some(2))]
    #[case::over_the_end(|content: &mut Content| content.write(4, b"WXYZ"), b"abcdWXYZ", Some(4))]
    #[case::behind_a_hole(|content: &mut Content| content.write(8, b"X"), b"abcdef\0\0X", Some(1))]
    #[case::cut(|content: &mut Content| content.set_length(2), b"ab", Some(4))]
    #[case::stretched(|content: &mut Content| content.set_length(7), b"abcdef\0", Some(1))]
    #[case::several(|content: &mut Content| { content.set_length(1); content.write(1, b"Z"); content.write(2, b"Z"); }, b"aZZ", Some(7))]
    fn what_is_not_synchronised_is_forgotten(
        #[case] change: fn(&mut Content),
        #[case] reads: &[u8],
        #[case] unsynced: Option<u64>,
    ) {
        let mut content = synced(b"abcdef");
        change(&mut content);
        assert_eq!((content.bytes(), content.unsynced_bytes()), (reads, unsynced));
        content.forget();
        assert_eq!((content.bytes(), content.unsynced_bytes()), (&b"abcdef"[..], None));
    }

    /// What is written while a synchronisation is under way is not in it.
    #[test]
    fn a_synchronisation_covers_what_was_there_when_it_began() {
        let mut content = synced(b"ab");
        content.write(2, b"c");
        let first = content.begin_sync();
        content.write(3, b"d");
        let second = content.begin_sync();
        content.write(4, b"e");
        content.finish_sync(first);
        assert_eq!(content.unsynced_bytes(), Some(2));
        content.finish_sync(second);
        content.finish_sync(first);
        assert_eq!(content.unsynced_bytes(), Some(1));
        content.forget();
        assert_eq!(content.bytes(), b"abcd");
    }

    proptest! {
        /// Compared with a copy that was made when the last synchronisation began.
        #[test]
        fn it_goes_back_to_the_last_synchronisation(steps in prop::collection::vec((0_u8..4, 0_usize..20, prop::collection::vec(any::<u8>(), 0..6)), 0..40)) {
            let (mut content, mut safe, mut under_way) = (Content::default(), Vec::new(), Vec::new());
            for (step, place, bytes) in steps {
                match step {
                    0 => content.write(place, &bytes),
                    1 => content.set_length(place),
                    2 => under_way.push((content.begin_sync(), content.bytes().to_vec())),
                    _ if under_way.is_empty() => {}
                    _ => {
                        let (mark, then) = under_way.remove(0);
                        content.finish_sync(mark);
                        safe = then;
                    }
                }
            }
            content.forget();
            prop_assert_eq!(content.bytes(), safe);
        }
    }
}
