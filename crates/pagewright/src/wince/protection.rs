//! `PAGE_…` words in. The bit 0x400 means two things, so there are two decoders.

use pagewright_core::{Caching, Guard, Protection};

use super::constants::PAGE_PHYSICAL;
use super::failure::Failure;
use crate::win32::{
    PAGE_EXECUTE, PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_GUARD, PAGE_NOACCESS, PAGE_NOCACHE,
    PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOMBINE,
};

const _: () = assert!(PAGE_PHYSICAL == PAGE_WRITECOMBINE, "the clash that the two decoders are for");

/// How the source of an alias is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By an address of the source process.
    Virtual,
    /// By a physical address, shifted right by 8.
    Physical,
}

/// The protection behind the word of an allocation or a protection call; there 0x400
/// is `PAGE_WRITECOMBINE`.
///
/// # Errors
/// 87 for no access or several, the copy-on-write kinds, unknown bits, and modifiers
/// that exclude each other.
pub fn decode_memory(word: u32) -> Result<Protection, Failure> {
    let combine = word & PAGE_WRITECOMBINE != 0;
    let protection = decode(word & !PAGE_WRITECOMBINE, word)?;
    match (combine, protection.caching) {
        (false, _) => Ok(protection),
        (true, Caching::Normal | Caching::WriteCombine) => Ok(protection.cached(Caching::WriteCombine)),
        (true, Caching::NoCache) => Err(refused(word, "remove PAGE_NOCACHE or PAGE_WRITECOMBINE")),
    }
}

/// The same for the calls that alias; there 0x400 is `PAGE_PHYSICAL`.
pub(super) fn decode_view(word: u32) -> Result<(Protection, Naming), Failure> {
    let naming = if word & PAGE_PHYSICAL != 0 { Naming::Physical } else { Naming::Virtual };
    Ok((decode(word & !PAGE_PHYSICAL, word)?, naming))
}

/// `rest` is the word without the bit that means two things.
fn decode(rest: u32, word: u32) -> Result<Protection, Failure> {
    let Some(protection) = access(rest & !(PAGE_GUARD | PAGE_NOCACHE)) else {
        let fix = "give exactly one access of PAGE_NOACCESS to PAGE_EXECUTE_READWRITE, and no bit that Windows CE does not know";
        return Err(refused(word, fix));
    };
    let guard = if rest & PAGE_GUARD != 0 { Guard::Armed } else { Guard::Clear };
    if guard == Guard::Armed && protection == Protection::NONE {
        return Err(refused(word, "remove PAGE_GUARD: PAGE_NOACCESS takes no guard"));
    }
    let caching = if rest & PAGE_NOCACHE != 0 { Caching::NoCache } else { Caching::Normal };
    Ok(Protection { guard, ..protection.cached(caching) })
}

const fn refused(word: u32, fix: &'static str) -> Failure {
    Failure::argument("protection", word as u64, fix)
}

const fn access(word: u32) -> Option<Protection> {
    Some(match word {
        PAGE_NOACCESS => Protection::NONE,
        PAGE_READONLY => Protection::READ,
        PAGE_READWRITE => Protection::READ_WRITE,
        PAGE_EXECUTE => Protection::EXECUTE,
        PAGE_EXECUTE_READ => Protection::READ_EXECUTE,
        PAGE_EXECUTE_READWRITE => Protection::READ_WRITE_EXECUTE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bit_means_two_things() {
        let combined = Protection::READ_WRITE.cached(Caching::WriteCombine);
        assert_eq!(decode_memory(PAGE_READWRITE | 0x400), Ok(combined));
        assert_eq!(decode_view(PAGE_READWRITE | 0x400), Ok((Protection::READ_WRITE, Naming::Physical)));
        let registers = Protection::READ_WRITE.cached(Caching::NoCache);
        assert_eq!(decode_view(PAGE_READWRITE | PAGE_NOCACHE | 0x400), Ok((registers, Naming::Physical)));
        assert!(decode_memory(PAGE_READWRITE | PAGE_NOCACHE | 0x400).is_err());
    }

    #[test]
    fn every_word_but_the_listed_ones_is_refused() {
        let bases = [1, 2, 4, 0x10, 0x20, 0x40];
        let modifiers = [0, PAGE_GUARD, PAGE_NOCACHE, PAGE_GUARD | PAGE_NOCACHE];
        let listed = |word: u32| {
            let word = word & !PAGE_PHYSICAL;
            bases.iter().any(|base| {
                modifiers.iter().any(|more| base | more == word && !(*base == 1 && more & PAGE_GUARD != 0))
            })
        };
        for word in (0..0x1000).chain((12..32).map(|bit| PAGE_READWRITE | 1 << bit)) {
            assert_eq!(decode_view(word).is_ok(), listed(word), "{word:#x}");
        }
    }
}
