//! Protection and inheritance words in and out.

use pagewright_core::{Inheritance, Protection, Rights};

use super::code::{KernReturn, Result};
use super::constants::{
    VM_INHERIT_COPY, VM_INHERIT_NONE, VM_INHERIT_SHARE, VM_PROT_ALL, VM_PROT_EXECUTE, VM_PROT_READ,
    VM_PROT_WRITE,
};
use super::types::{vm_inherit_t, vm_prot_t};

/// The rights behind a word that may have no other bits.
///
/// # Errors
/// `KERN_INVALID_ARGUMENT` (P2, V3).
pub(super) fn rights(word: vm_prot_t) -> Result<Rights> {
    if word & !VM_PROT_ALL != 0 {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    Ok(known_rights(word))
}

/// The rights in a word, other bits left out.
pub(super) fn known_rights(word: vm_prot_t) -> Rights {
    let mut rights = Rights::empty();
    rights.set(Rights::READ, word & VM_PROT_READ != 0);
    rights.set(Rights::WRITE, word & VM_PROT_WRITE != 0);
    rights.set(Rights::EXECUTE, word & VM_PROT_EXECUTE != 0);
    rights
}

/// The word of some rights. Copy-on-write memory of others may be stored to.
pub(super) fn prot(rights: Rights) -> vm_prot_t {
    let mut word = 0;
    for (right, bit) in [
        (Rights::READ, VM_PROT_READ),
        (Rights::WRITE, VM_PROT_WRITE),
        (Rights::COPY, VM_PROT_WRITE),
        (Rights::EXECUTE, VM_PROT_EXECUTE),
    ] {
        if rights.contains(right) {
            word |= bit;
        }
    }
    word
}

/// A protection without anything that Mach does not know.
pub(super) const fn protection(rights: Rights) -> Protection {
    Protection { rights, ..Protection::NONE }
}

/// The inheritance behind a word.
///
/// # Errors
/// `KERN_INVALID_ARGUMENT` (I2).
pub(super) const fn inheritance(word: vm_inherit_t) -> Result<Inheritance> {
    match word {
        VM_INHERIT_SHARE => Ok(Inheritance::Share),
        VM_INHERIT_COPY => Ok(Inheritance::Copy),
        VM_INHERIT_NONE => Ok(Inheritance::None),
        _ => Err(KernReturn::INVALID_ARGUMENT),
    }
}

/// The word of an inheritance.
pub(super) const fn inherit(inheritance: Inheritance) -> vm_inherit_t {
    match inheritance {
        Inheritance::Share => VM_INHERIT_SHARE,
        Inheritance::Copy => VM_INHERIT_COPY,
        Inheritance::None => VM_INHERIT_NONE,
    }
}
