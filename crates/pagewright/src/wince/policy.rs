//! What a process has decided once for all its Windows CE calls.

use std::sync::atomic::{AtomicU8, Ordering};

use pagewright_core::Consent;

/// Whether memory that a program mapped itself (its heap, its static data) may be the
/// source of an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignSources {
    /// No: such calls fail with `ERROR_ACCESS_DENIED`.
    Refused,
    /// Yes, as on Windows CE, which knows no other memory. Aliased once, such memory is
    /// shared with forked children too: what they store there is seen by the parent.
    Allowed,
}

/// Which code tells that the source of an alias has no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diagnostics {
    /// 87, as Microsoft's knowledge base says.
    Documented,
    /// 487 (`ERROR_INVALID_ADDRESS`), which nothing else gives.
    Strict,
}

static FOREIGN: AtomicU8 = AtomicU8::new(ForeignSources::Refused as u8);
static DIAGNOSTICS: AtomicU8 = AtomicU8::new(Diagnostics::Documented as u8);

/// Decides about the memory that programs mapped themselves, for all threads. Refused
/// until somebody says otherwise.
pub fn allow_foreign_sources(which: ForeignSources) {
    FOREIGN.store(which as u8, Ordering::Relaxed);
}

/// Decides how a source without memory is told, for all threads.
pub fn set_diagnostics(which: Diagnostics) {
    DIAGNOSTICS.store(which as u8, Ordering::Relaxed);
}

pub(super) fn consent() -> Consent {
    if FOREIGN.load(Ordering::Relaxed) == ForeignSources::Allowed as u8 {
        Consent::Foreign
    } else {
        Consent::OwnOnly
    }
}

pub(super) fn diagnostics() -> Diagnostics {
    if DIAGNOSTICS.load(Ordering::Relaxed) == Diagnostics::Strict as u8 {
        Diagnostics::Strict
    } else {
        Diagnostics::Documented
    }
}
