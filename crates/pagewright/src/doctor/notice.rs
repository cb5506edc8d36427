//! How it is noticed that a guard is met.

use crate::guard::{self, Delivery};

/// How something is noticed: a word, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The word, as the environment takes it (`PAGEWRIGHT_GUARD`).
    pub way: &'static str,
    /// What it means for programs.
    pub meaning: &'static str,
}

/// For guards of this process.
pub(super) fn guards() -> Notice {
    match guard::delivery() {
        Delivery::Signal => Notice {
            way: "signal",
            meaning: "a handler of SIGSEGV, in front of the program's own, which is asked afterwards",
        },
        Delivery::Userfault => Notice {
            way: "userfault",
            meaning: "a thread that the kernel tells; the program keeps SIGSEGV to itself",
        },
        Delivery::Off => Notice { way: "off", meaning: "nobody notices: armed pages are inaccessible" },
    }
}
