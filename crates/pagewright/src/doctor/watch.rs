//! How stores to watched memory are noted here.

use pagewright_core::Geometry;
use pagewright_linux::machine::{Choice, Linux, MapsFile, WatchHelp};
pub use pagewright_linux::machine::{WatchReason, WatchWay};

use crate::own;

/// The way in which this process notes stores to watched memory, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watching {
    /// How; `None`: memory cannot be watched here.
    pub way: Option<WatchWay>,
    /// Why.
    pub reason: WatchReason,
}

impl Watching {
    /// `async`, `sync`, `mprotect` or `none`.
    pub const fn name(self) -> &'static str {
        match self.way {
            Some(WatchWay::Async) => "async",
            Some(WatchWay::Sync) => "sync",
            Some(WatchWay::Mprotect) => "mprotect",
            None => "none",
        }
    }

    /// What that means.
    pub const fn means(self) -> &'static str {
        match self.way {
            Some(WatchWay::Async) => {
                "the kernel notes stores itself; memory of other processes can be watched too"
            }
            Some(WatchWay::Sync) => {
                "the first store to a page waits for a thread of ours; in other processes, too, if they may hold back stores of the \
                 kernel's"
            }
            Some(WatchWay::Mprotect) => {
                "the first store to a page faults, and a system call that stores to a clean page fails with EFAULT; \
                 memory of other processes cannot be watched"
            }
            None => "memory cannot be watched",
        }
    }

    /// Why, in words.
    pub const fn because(self) -> &'static str {
        match self.reason {
            WatchReason::Works => "it worked when tried",
            WatchReason::BetterRefused => {
                "userfaultfd lacks what is better (before Linux 6.7), or is forbidden here"
            }
            WatchReason::Forced => "PAGEWRIGHT_WATCH in the environment asks for it",
            WatchReason::NoneWorks => "the way that PAGEWRIGHT_WATCH asks for did not work when tried",
        }
    }
}

/// Tries, on a page of its own. Starts no thread and puts no handler in place.
pub(super) fn watching() -> Watching {
    let mut machine = Linux::with(Geometry::X86_64, MapsFile::OnDemand, Choice::default());
    machine.set_faults(own::chosen_faults());
    machine.set_watch(own::chosen_watch(), WatchHelp { serve: Some(|_| true), catch: Some(|| true) });
    let choice = machine.watch_choice();
    Watching { way: choice.way, reason: choice.reason }
}
