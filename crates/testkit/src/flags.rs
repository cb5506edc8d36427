//! Every combination of the documented bits of Win32 calls, and what the facts say of each.
//!
//! ```text
//!   words(&TYPE_BITS)       all 2^n of them
//!   pairs(seed, n)          all types x few protections, few types x all protections,
//!                           and n of the whole product
//!   allocation(type, prot)  the verdict, row by row from `reference/win32.md`
//! ```
//!
//! The verdicts are about bits alone: what is valid can still fail for what stands at the
//! address, for its size, or for want of a privilege. Nothing here is taken from the
//! implementation.

mod verdict;

pub use verdict::{Asks, Cause, Freeing, Verdict, allocation, change, content_change, freeing};

/// A documented bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bit {
    /// As the documents spell it, without its prefix.
    pub name: &'static str,
    /// Its value.
    pub value: u32,
}

const fn bit(name: &'static str, value: u32) -> Bit {
    Bit { name, value }
}

/// Every `MEM_` bit that is documented anywhere in this family: some are states, some belong
/// to other calls, and some mean two things.
pub const TYPE_BITS: [Bit; 17] = [
    bit("COALESCE_PLACEHOLDERS", 0x1),
    bit("PRESERVE_PLACEHOLDER", 0x2),
    bit("COMMIT", 0x1000),
    bit("RESERVE", 0x2000),
    bit("DECOMMIT/REPLACE_PLACEHOLDER", 0x4000),
    bit("RELEASE", 0x8000),
    bit("FREE", 0x1_0000),
    bit("PRIVATE", 0x2_0000),
    bit("MAPPED/RESERVE_PLACEHOLDER", 0x4_0000),
    bit("RESET", 0x8_0000),
    bit("TOP_DOWN", 0x10_0000),
    bit("WRITE_WATCH", 0x20_0000),
    bit("PHYSICAL", 0x40_0000),
    bit("RESET_UNDO/IMAGE", 0x100_0000),
    bit("LARGE_PAGES", 0x2000_0000),
    bit("AT_ROUND_TO_PAGE", 0x4000_0000),
    bit("4MB_PAGES", 0x8000_0000),
];

/// Every `PAGE_` bit.
pub const PROTECTION_BITS: [Bit; 13] = [
    bit("NOACCESS", 0x1),
    bit("READONLY", 0x2),
    bit("READWRITE", 0x4),
    bit("WRITECOPY", 0x8),
    bit("EXECUTE", 0x10),
    bit("EXECUTE_READ", 0x20),
    bit("EXECUTE_READWRITE", 0x40),
    bit("EXECUTE_WRITECOPY", 0x80),
    bit("GUARD", 0x100),
    bit("NOCACHE", 0x200),
    bit("WRITECOMBINE", 0x400),
    bit("TARGETS_INVALID/NO_UPDATE", 0x4000_0000),
    bit("a bit without a name", 0x800),
];

/// The protections that every type meets: each kind of judgement once.
pub const FEW_PROTECTIONS: [u32; 12] =
    [0x0, 0x1, 0x2, 0x4, 0x8, 0x40, 0x6, 0x104, 0x101, 0x204, 0x604, 0x4000_0040];

/// The types that every protection meets: each kind of request once, and none.
pub const FEW_TYPES: [u32; 13] = [
    0,
    0x1000,
    0x2000,
    0x3000,
    0x10_3000,
    0x20_2000,
    0x20_3000,
    0x8_0000,
    0x100_0000,
    0x40_2000,
    0x50_2000,
    0x2000_3000,
    u32::MAX,
];

/// All combinations of some bits, none and all of them too, in ascending order of their
/// numbers: bit n of the number stands for the nth of `bits`.
pub fn words(bits: &[Bit]) -> impl Iterator<Item = u32> + Clone + use<'_> {
    (0..1_u32 << bits.len()).map(|number| word(bits, number))
}

fn word(bits: &[Bit], number: u32) -> u32 {
    let chosen = bits.iter().enumerate().filter(|(index, _)| number >> index & 1 == 1);
    chosen.fold(0, |word, (_, bit)| word | bit.value)
}

/// Pairs of type and protection: all types with [`FEW_PROTECTIONS`], all protections with
/// [`FEW_TYPES`], and `count` of the product, the same for the same seed. Half of those have
/// few bits, for of the others hardly any is valid.
pub fn pairs(seed: u64, count: usize) -> impl Iterator<Item = (u32, u32)> {
    let types = words(&TYPE_BITS).flat_map(|kind| FEW_PROTECTIONS.map(|protect| (kind, protect)));
    let few = |protect| FEW_TYPES.map(|kind| (kind, protect));
    let protections = words(&PROTECTION_BITS).flat_map(few);
    types.chain(protections).chain(sample(seed, count))
}

/// `count` pairs of the product, the same for the same seed.
pub fn sample(seed: u64, count: usize) -> impl Iterator<Item = (u32, u32)> {
    let mut random = Random(seed);
    (0..count).map(move |index| {
        let sparse = index % 2 == 0;
        (random.word(&TYPE_BITS, sparse), random.word(&PROTECTION_BITS, sparse))
    })
}

/// The names in a word, for messages.
pub fn spell(bits: &[Bit], word: u32) -> String {
    let names = bits.iter().filter(|bit| word & bit.value != 0).map(|bit| bit.name.to_owned());
    let rest = bits.iter().fold(word, |rest, bit| rest & !bit.value);
    let names: Vec<String> = names.chain((rest != 0).then(|| format!("{rest:#x}"))).collect();
    if names.is_empty() { "0".to_owned() } else { names.join("|") }
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Any combination of bits, or one of at most three.
    fn word(&mut self, bits: &[Bit], sparse: bool) -> u32 {
        let raw = self.next();
        if !sparse {
            return word(bits, (raw >> 20) as u32);
        }
        let chosen =
            [raw, raw >> 16, raw >> 32].map(|part| bits[(part & 0xffff) as usize % bits.len()].value);
        let count = 1 + (raw >> 48) as usize % 3;
        chosen[..count].iter().fold(0, |word, value| word | value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_all_combinations_and_each_once() {
        for bits in [&TYPE_BITS[..], &PROTECTION_BITS[..]] {
            let all: BTreeSet<u32> = words(bits).collect();
            assert_eq!(all.len(), 1 << bits.len());
            assert!(all.contains(&0) && all.contains(&bits.iter().fold(0, |all, bit| all | bit.value)));
            assert_eq!(words(bits).count(), all.len());
        }
    }

    #[test]
    fn a_sample_is_the_same_for_a_seed_and_reaches_every_bit() {
        let one: Vec<_> = sample(1, 1000).collect();
        assert_eq!(one, sample(1, 1000).collect::<Vec<_>>());
        assert_ne!(one, sample(2, 1000).collect::<Vec<_>>());
        let (types, protections) = one.iter().fold((0, 0), |(a, b), (c, d)| (a | c, b | d));
        assert_eq!(types, TYPE_BITS.iter().fold(0, |all, bit| all | bit.value));
        assert_eq!(protections, PROTECTION_BITS.iter().fold(0, |all, bit| all | bit.value));
        let valid = sample(1, 20_000)
            .filter(|(kind, protect)| matches!(allocation(*kind, *protect), Verdict::Valid(_)));
        assert!(valid.count() > 20, "half of them are to have few bits");
    }

    #[test]
    fn words_are_spelled_with_what_they_are_made_of() {
        assert_eq!(spell(&TYPE_BITS, 0x10_3000), "COMMIT|RESERVE|TOP_DOWN");
        assert_eq!(spell(&PROTECTION_BITS, 0x1104), "READWRITE|GUARD|0x1000");
        assert_eq!(spell(&PROTECTION_BITS, 0), "0");
    }
}
