//! Whose files a lab uses: those that whoever started it may use, but for what servers of any user keep in its memory.

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};

/// While it lives, the calling thread uses files as root of the lab.
pub(in crate::provider) struct AsRoot(Uid);

impl AsRoot {
    pub(in crate::provider) fn begin() -> Self {
        Self(setfsuid(Uid::from_raw(0)))
    }
}

impl Drop for AsRoot {
    fn drop(&mut self) {
        setfsuid(self.0);
    }
}

/// As whom the calling thread uses files.
pub(in crate::provider) fn file_user() -> (Uid, Gid) {
    // Nobody has this id, so nothing is changed and the answer is as always who it was before.
    (setfsuid(Uid::from_raw(u32::MAX)), setfsgid(Gid::from_raw(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_root_for_a_while_at_most() {
        let before = file_user();
        let root = AsRoot::begin();
        drop(root);
        assert_eq!(file_user(), before);
    }
}
