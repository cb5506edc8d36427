//! `PAGE_…` words in and out.

use pagewright_core::{Caching, Guard, Protection, Rights};

use super::constants::{
    PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, PAGE_GUARD,
    PAGE_NOACCESS, PAGE_NOCACHE, PAGE_READONLY, PAGE_READWRITE, PAGE_TARGETS_INVALID, PAGE_WRITECOMBINE,
    PAGE_WRITECOPY,
};
use super::failure::Failure;
use super::status::NtStatus;
use super::types::PAGE_PROTECTION_FLAGS;

const MODIFIERS: u32 = PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE | PAGE_TARGETS_INVALID;

/// The protection behind a `PAGE_…` word, for any memory (VA49 to VA62).
///
/// # Errors
/// `INVALID_PAGE_PROTECTION` for no access or several, unknown bits, and modifiers
/// that exclude each other.
pub fn decode_protection(word: u32) -> Result<Protection, Failure> {
    let refuse =
        |fix| Err(Failure::argument(NtStatus::INVALID_PAGE_PROTECTION, "protection", u64::from(word), fix));
    let Some(protection) = access(word & !MODIFIERS) else {
        // VA49 to VA51, VA53, VA56.
        return refuse("give exactly one access of PAGE_NOACCESS to PAGE_EXECUTE_WRITECOPY");
    };
    let guard = word & PAGE_GUARD != 0;
    let caching = match (word & PAGE_NOCACHE != 0, word & PAGE_WRITECOMBINE != 0) {
        (false, false) => Caching::Normal,
        (true, false) => Caching::NoCache,
        (false, true) => Caching::WriteCombine,
        (true, true) => return refuse("remove PAGE_NOCACHE or PAGE_WRITECOMBINE"), // VA59
    };
    if guard && caching != Caching::Normal {
        return refuse("remove PAGE_GUARD or the cache modifier"); // VA59
    }
    if protection == Protection::NONE && (guard || caching != Caching::Normal) {
        return refuse("remove the modifier: PAGE_NOACCESS takes none"); // VA57 to VA59
    }
    if word & PAGE_TARGETS_INVALID != 0 && !protection.rights.contains(Rights::EXECUTE) {
        return refuse("remove the flag 0x40000000: it goes with execute access only"); // VA61
    }
    let guard = if guard { Guard::Armed } else { Guard::Clear };
    Ok(Protection { guard, ..protection.cached(caching) })
}

/// The same for private memory, which has no copy-on-write kinds (VA54).
pub(super) fn decode_private(word: u32) -> Result<Protection, Failure> {
    let protection = decode_protection(word)?;
    if protection.rights.contains(Rights::COPY) {
        return Err(Failure::argument(
            NtStatus::INVALID_PAGE_PROTECTION,
            "protection",
            u64::from(word),
            "private memory has no copy-on-write kind; give PAGE_READWRITE or PAGE_EXECUTE_READWRITE",
        ));
    }
    Ok(protection)
}

const fn access(word: u32) -> Option<Protection> {
    Some(match word {
        PAGE_NOACCESS => Protection::NONE,
        PAGE_READONLY => Protection::READ,
        PAGE_READWRITE => Protection::READ_WRITE,
        PAGE_WRITECOPY => Protection::READ_COPY,
        PAGE_EXECUTE => Protection::EXECUTE,
        PAGE_EXECUTE_READ => Protection::READ_EXECUTE,
        PAGE_EXECUTE_READWRITE => Protection::READ_WRITE_EXECUTE,
        PAGE_EXECUTE_WRITECOPY => Protection::READ_COPY_EXECUTE,
        _ => return None,
    })
}

/// The `PAGE_…` word of a protection. `PAGE_TARGETS_…` is never reported (VA61).
pub fn encode_protection(protection: Protection) -> PAGE_PROTECTION_FLAGS {
    let guard = match protection.guard {
        Guard::Clear => 0,
        Guard::Armed => PAGE_GUARD,
    };
    let caching = match protection.caching {
        Caching::Normal => 0,
        Caching::NoCache => PAGE_NOCACHE,
        Caching::WriteCombine => PAGE_WRITECOMBINE,
    };
    word(protection.rights) | guard | caching
}

/// Win32 has no word for stores without loads; who may store may load.
const fn word(rights: Rights) -> u32 {
    let execute = rights.contains(Rights::EXECUTE);
    if rights.contains(Rights::COPY) {
        if execute { PAGE_EXECUTE_WRITECOPY } else { PAGE_WRITECOPY }
    } else if rights.contains(Rights::WRITE) {
        if execute { PAGE_EXECUTE_READWRITE } else { PAGE_READWRITE }
    } else if rights.contains(Rights::READ) {
        if execute { PAGE_EXECUTE_READ } else { PAGE_READONLY }
    } else if execute {
        PAGE_EXECUTE
    } else {
        PAGE_NOACCESS
    }
}
