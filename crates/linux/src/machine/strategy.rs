//! How commits are made: probed once, and said why.

use crate::sys::{self, Advice, Backing, OpenMode, Place, Prot};

/// How a commit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strategy {
    /// By removing guard markers: no mapping is split.
    Markers,
    /// By changing the protection of the pages.
    #[default]
    Mprotect,
}

/// Why a strategy was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reason {
    /// The kernel took a marker when tried.
    Works,
    /// The kernel has no markers (before Linux 6.13), or forbids them here.
    #[default]
    Refused,
    /// Overcommit is strict: opening a chunk would charge all of it.
    StrictOvercommit,
    /// Somebody asked for it.
    Forced,
}

/// A strategy and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Choice {
    /// How.
    pub strategy: Strategy,
    /// Why.
    pub reason: Reason,
}

impl Choice {
    /// Tries what this process may do.
    pub fn probe() -> Self {
        if overcommit_is_strict() {
            return Self { strategy: Strategy::Mprotect, reason: Reason::StrictOvercommit };
        }
        if takes_markers() {
            return Self { strategy: Strategy::Markers, reason: Reason::Works };
        }
        Self { strategy: Strategy::Mprotect, reason: Reason::Refused }
    }

    /// The strategy that somebody asked for.
    pub const fn forced(strategy: Strategy) -> Self {
        Self { strategy, reason: Reason::Forced }
    }
}

fn overcommit_is_strict() -> bool {
    let mut mode = [0];
    let file = sys::open(c"/proc/sys/vm/overcommit_memory", OpenMode::Read);
    matches!(file.and_then(|file| sys::read(file.raw(), &mut mode)), Ok(1)) && mode[0] == b'2'
}

fn takes_markers() -> bool {
    let page = 0x1000;
    // SAFETY: a new mapping at a place that the kernel chooses.
    let Ok(at) = (unsafe { sys::mmap(Place::Anywhere, page, Prot::NONE, Backing::AnonymousNoReserve) })
    else {
        return false;
    };
    // SAFETY: the page was mapped just now and nobody else knows it.
    let marked = unsafe { sys::madvise(at, page, Advice::GuardInstall) };
    // SAFETY: as above.
    let _ = unsafe { sys::munmap(at, page) };
    marked.is_ok()
}
