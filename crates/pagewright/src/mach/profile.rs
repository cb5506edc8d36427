//! Which of the contracts that share these names is kept where they differ.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use pagewright_core::Consent;

/// The contract, where the specification page of `vm_copy`, GNU Mach and XNU differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Profile {
    /// What the specification page says, and where it is silent what is safest: copies to
    /// the byte, protection failures are that at every size.
    #[default]
    Doc,
    /// `vm_copy` and `vm_write` take whole pages only, else `KERN_INVALID_ARGUMENT`.
    GnuMach,
    /// A protection failure in a small copy, read or write is `KERN_INVALID_ADDRESS`.
    Xnu,
}

static PROFILE: AtomicU8 = AtomicU8::new(Profile::Doc as u8);
static FOREIGN: AtomicBool = AtomicBool::new(false);

/// Chooses the contract for all calls of this process that begin after this one.
pub fn set_profile(profile: Profile) {
    PROFILE.store(profile as u8, Ordering::Relaxed);
}

/// The contract that calls keep now.
pub fn profile() -> Profile {
    match PROFILE.load(Ordering::Relaxed) {
        1 => Profile::GnuMach,
        2 => Profile::Xnu,
        _ => Profile::Doc,
    }
}

/// Whether [`super::vm_remap`] and memory entries may share memory that the program or a
/// library mapped itself. At the beginning they may not ([`Consent::OwnOnly`]), and say
/// `KERN_PROTECTION_FAILURE`; copies of it are always possible.
///
/// With [`Consent::Foreign`] such memory moves into an object when it is shared, and stays
/// there: from then on forked children see the parent's stores in it, and the parent theirs.
/// For a heap that is fatal, so a program that forks must not permit it.
pub fn set_consent(consent: Consent) {
    FOREIGN.store(consent == Consent::Foreign, Ordering::Relaxed);
}

/// What [`set_consent`] has said last.
pub(super) fn consent() -> Consent {
    if FOREIGN.load(Ordering::Relaxed) { Consent::Foreign } else { Consent::OwnOnly }
}

/// Up to this many bytes go through a buffer of the kernel in XNU on x86-64.
pub(super) const SMALL: u64 = 16 << 10;
