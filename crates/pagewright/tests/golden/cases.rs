//! Which arguments are tried in which states.

use std::collections::HashSet;

use super::At::{A, Is};
use super::{At, Call, Case, Prior};

/// The first address that no program has.
const TOP: u64 = 0x7fff_ffff_f000;
const KERNEL: u64 = 0xffff_8000_0000_0000;

pub(crate) const COMMIT: u32 = 0x1000;
pub(crate) const RESERVE: u32 = 0x2000;
pub(crate) const RESET: u32 = 0x8_0000;
pub(crate) const TOP_DOWN: u32 = 0x10_0000;
pub(crate) const WRITE_WATCH: u32 = 0x20_0000;
pub(crate) const PHYSICAL: u32 = 0x40_0000;
pub(crate) const RESET_UNDO: u32 = 0x100_0000;
pub(crate) const LARGE: u32 = 0x2000_0000;
pub(crate) const DECOMMIT: u32 = 0x4000;
pub(crate) const RELEASE: u32 = 0x8000;

const KINDS: [(u32, &str); 8] = [
    (COMMIT, "COMMIT"),
    (RESERVE, "RESERVE"),
    (RESET, "RESET"),
    (TOP_DOWN, "TOP_DOWN"),
    (WRITE_WATCH, "WATCH"),
    (PHYSICAL, "PHYSICAL"),
    (RESET_UNDO, "UNDO"),
    (LARGE, "LARGE"),
];

/// Every row of the table, in order, each once.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    allocation_types(&mut cases);
    protections(&mut cases);
    places(&mut cases);
    recommits(&mut cases);
    requirements(&mut cases);
    frees(&mut cases);
    protects(&mut cases);
    queries(&mut cases);
    locks(&mut cases);
    copies(&mut cases);
    let mut seen = HashSet::new();
    cases.retain(|case| seen.insert(*case));
    cases
}

/// Every combination of the documented bits, and some that nobody documented.
fn allocation_types(cases: &mut Vec<Case>) {
    let documented = (0..256_u32).map(|set| {
        KINDS.iter().enumerate().filter(|(bit, _)| set & (1 << bit) != 0).map(|(_, (kind, _))| kind).sum()
    });
    let odd = [0x1, 0x4000, 0x8000, 0x1_0000, 0x4_0000, 0x80_0000, 0x4000_0000, 0x8000_0000]
        .into_iter()
        .flat_map(|bit| [bit, bit | RESERVE, bit | RESERVE | COMMIT]);
    for kind in documented.chain(odd).chain([u32::MAX]) {
        for at in [Is(0), A(0)] {
            push(cases, Prior::Free, Call::Alloc { at, size: 0x1000, kind, protect: 4 });
        }
    }
    for protect in [1, 2, 8, 0x40, 0x104] {
        let kind = PHYSICAL | RESERVE;
        push(cases, Prior::Free, Call::Alloc { at: Is(0), size: 0x1000, kind, protect });
    }
}

/// Every combination of accesses, every access with every set of modifiers.
fn protections(cases: &mut Vec<Case>) {
    let accesses = (0..=0xff_u32).chain([0x800, 0x804, 0x1000, 0x1004, 0x8000_0004, u32::MAX]);
    let modified =
        (0..8).flat_map(|bit| (1..16_u32).map(move |set| (1 << bit) | (set & 7) << 8 | (set >> 3) << 30));
    for protect in accesses.chain(modified) {
        for kind in [RESERVE, RESERVE | COMMIT] {
            push(cases, Prior::Free, Call::Alloc { at: A(0), size: 0x1000, kind, protect });
        }
        push(cases, Prior::NoAccess, Call::Protect { at: A(0), size: 0x1000, protect });
    }
}

fn places(cases: &mut Vec<Case>) {
    let spots = [
        A(0),
        A(0x10),
        A(0x1000),
        A(0x1010),
        A(0x2000),
        A(0x3000),
        A(0x8000),
        A(0xf000),
        A(0xffff),
        A(0x1_0000),
    ];
    let sizes = [1, 0x1000, 0x1001, 0x3000, 0x1_0000, 0x1_1000];
    let priors = [
        Prior::Free,
        Prior::Short,
        Prior::Reserved,
        Prior::Committed,
        Prior::Mixed,
        Prior::Pair,
        Prior::Hole,
    ];
    for kind in [RESERVE, COMMIT, RESERVE | COMMIT] {
        for prior in priors {
            for (at, size) in product(&spots, &sizes) {
                push(cases, prior, Call::Alloc { at, size, kind, protect: 4 });
            }
        }
        for (at, size) in impossible(&spots) {
            push(cases, Prior::Reserved, Call::Alloc { at, size, kind, protect: 4 });
        }
        for size in [1, 0x1000] {
            push(cases, Prior::Free, Call::Alloc { at: Is(1), size, kind, protect: 4 });
            push(cases, Prior::Free, Call::Alloc { at: Is(0xffff), size, kind, protect: 4 });
        }
    }
    for size in sizes.into_iter().chain([0, 1 << 47, u64::MAX]) {
        for kind in [RESERVE, COMMIT, RESERVE | COMMIT, RESERVE | TOP_DOWN] {
            push(cases, Prior::Free, Call::Alloc { at: Is(0), size, kind, protect: 1 });
        }
    }
}

/// Committing what is committed changes its protection.
fn recommits(cases: &mut Vec<Case>) {
    let priors = [
        Prior::Reserved,
        Prior::Committed,
        Prior::Mixed,
        Prior::ReadOnly,
        Prior::NoAccess,
        Prior::Guarded,
        Prior::NoCache,
        Prior::Locked,
    ];
    for prior in priors {
        for protect in [1, 2, 4, 0x20, 0x40, 0x104, 0x204] {
            for (at, size) in product(&[A(0), A(0x1000)], &[0x1000, 0x3000]) {
                push(cases, prior, Call::Alloc { at, size, kind: COMMIT, protect });
            }
        }
    }
}

fn requirements(cases: &mut Vec<Case>) {
    let none = Is(0);
    let mut row = |prior, at, size, lowest, highest, alignment| {
        push(cases, prior, Call::Alloc2 { at, size, lowest, highest, alignment });
    };
    row(Prior::Free, none, 0x1000, none, none, 0);
    row(Prior::Free, A(0), 0x1000, none, none, 0);
    row(Prior::Free, A(0), 0x1000, A(0), none, 0);
    row(Prior::Free, A(0), 0x1000, none, none, 0x1_0000);
    row(Prior::Reserved, A(0), 0x1000, none, A(0xffff), 0);
    let lows = [none, A(0), A(1), A(0x1000), A(0x2_0000), Is(0x7fff_ffff_0000), Is(TOP)];
    let highs = [
        none,
        A(0xffff),
        A(0x1000),
        A(0x1ffe),
        A(0x3_ffff),
        A(0xf_ffff),
        Is(TOP - 1),
        Is(TOP + 0xfff),
        Is(u64::MAX),
    ];
    for prior in [Prior::Free, Prior::Reserved] {
        for lowest in lows {
            for highest in highs {
                for alignment in [0, 0x1_0000, 0x4_0000] {
                    row(prior, none, 0x2_0000, lowest, highest, alignment);
                }
            }
        }
    }
    for alignment in [1, 0x1000, 0x8000, 0x3_0000, 0x2000_0000_0000, u64::MAX] {
        row(Prior::Free, none, 0x1000, none, none, alignment);
        row(Prior::Free, none, 0x1000, A(0x1_0000), A(0xf_ffff), alignment);
    }
}

fn frees(cases: &mut Vec<Case>) {
    for kind in (0..32).map(|bit| 1 << bit).chain([0, DECOMMIT | RELEASE, RELEASE | 1, RELEASE | 2, u32::MAX])
    {
        for size in [0, 0x1000] {
            push(cases, Prior::Committed, Call::Free { at: A(0), size, kind });
        }
    }
    let spots = [
        Is(0),
        A(0),
        A(1),
        A(0xffe),
        A(0xfff),
        A(0x1000),
        A(0x1001),
        A(0x1fff),
        A(0x2000),
        A(0x8000),
        A(0x1_0000),
    ];
    let sizes = [0, 2, 0xfff, 0x1000, 0x1001, 0x3000, 0x1_0000];
    let priors = [
        Prior::Free,
        Prior::Short,
        Prior::Reserved,
        Prior::Committed,
        Prior::Mixed,
        Prior::Pair,
        Prior::Hole,
        Prior::Locked,
    ];
    for prior in priors {
        for (at, size) in product(&spots, &sizes) {
            push(cases, prior, Call::Free { at, size, kind: DECOMMIT });
        }
        for (at, size) in product(&spots, &[0, 1]) {
            push(cases, prior, Call::Free { at, size, kind: RELEASE });
        }
    }
    for (at, size) in impossible(&spots) {
        for kind in [DECOMMIT, RELEASE] {
            push(cases, Prior::Committed, Call::Free { at, size, kind });
        }
    }
}

fn protects(cases: &mut Vec<Case>) {
    let spots = [Is(0), A(0), A(1), A(0xfff), A(0x1000), A(0x2000), A(0xf000), A(0xffff), A(0x1_0000)];
    let sizes = [1, 2, 0x1001, 0x1_0000, 0x1_1000];
    let priors = [
        Prior::Free,
        Prior::Short,
        Prior::Reserved,
        Prior::Committed,
        Prior::Mixed,
        Prior::Edge,
        Prior::Pair,
        Prior::Hole,
    ];
    for prior in priors {
        for (at, size) in product(&spots, &sizes) {
            push(cases, prior, Call::Protect { at, size, protect: 2 });
        }
    }
    for (at, size) in impossible(&spots) {
        push(cases, Prior::Committed, Call::Protect { at, size, protect: 2 });
    }
    for prior in [Prior::Guarded, Prior::NoCache, Prior::Locked, Prior::Edge] {
        for protect in [1, 2, 4, 8, 0x20, 0x80, 0x104, 0x204, 0x404, 0x4000_0020] {
            for (at, size) in product(&[A(0), A(0x1000)], &[0x1000, 0x3000]) {
                push(cases, prior, Call::Protect { at, size, protect });
            }
        }
    }
}

fn queries(cases: &mut Vec<Case>) {
    let spots = [
        A(0),
        A(1),
        A(0xfff),
        A(0x1000),
        A(0x2000),
        A(0x2fff),
        A(0x3000),
        A(0x5700),
        A(0xf000),
        A(0x1_0000),
        A(0x2_0000),
        Is(0),
        Is(0xffff),
        Is(TOP - 1),
        Is(TOP),
        Is(KERNEL),
        Is(u64::MAX),
    ];
    for prior in PRIORS {
        for at in spots {
            push(cases, prior, Call::Query { at });
        }
    }
}

fn locks(cases: &mut Vec<Case>) {
    let (spots, sizes) = ([A(0), A(0xfff), A(0x1000), A(0x2000), A(0xf000)], [1, 2, 0x2000, 0x1_1000]);
    for prior in PRIORS {
        for (at, size) in product(&spots, &sizes) {
            push(cases, prior, Call::Lock { at, size });
            push(cases, prior, Call::Unlock { at, size });
        }
    }
    for (at, size) in impossible(&spots) {
        push(cases, Prior::Locked, Call::Lock { at, size });
        push(cases, Prior::Locked, Call::Unlock { at, size });
    }
}

fn copies(cases: &mut Vec<Case>) {
    let spots = [A(0), A(0xff0), A(0x1000), A(0x1ff0), A(0x2000), A(0xfff0), A(0x1_0000)];
    for prior in PRIORS {
        for (at, size) in product(&spots, &[0, 0x20, 0x201, 0x2000, 0xe000, 0x1_1000]) {
            push(cases, prior, Call::Read { at, size });
            push(cases, prior, Call::Write { at, size });
        }
    }
    for at in [Is(0x1234), Is(TOP - 8), Is(TOP), Is(KERNEL), Is(u64::MAX)] {
        for size in [0, 1, 0x20] {
            push(cases, Prior::Committed, Call::Read { at, size });
            push(cases, Prior::Committed, Call::Write { at, size });
        }
    }
}

const PRIORS: [Prior; 14] = [
    Prior::Free,
    Prior::Short,
    Prior::Reserved,
    Prior::Committed,
    Prior::Mixed,
    Prior::ReadOnly,
    Prior::NoAccess,
    Prior::Code,
    Prior::Edge,
    Prior::Guarded,
    Prior::NoCache,
    Prior::Pair,
    Prior::Hole,
    Prior::Locked,
];

fn product<'a>(spots: &'a [At], sizes: &'a [u64]) -> impl Iterator<Item = (At, u64)> + 'a {
    spots.iter().flat_map(|at| sizes.iter().map(|size| (*at, *size)))
}

/// Arguments that no address space can serve: refused whatever is there.
fn impossible(spots: &[At]) -> Vec<(At, u64)> {
    let outside = product(&[Is(TOP), Is(KERNEL), Is(u64::MAX)], &[1, 0x1000, u64::MAX]).collect::<Vec<_>>();
    let inside = product(&spots[..2], &[0, 1 << 47, u64::MAX]).collect::<Vec<_>>();
    [outside, inside].concat()
}

fn push(cases: &mut Vec<Case>, prior: Prior, call: Call) {
    cases.push(Case { prior, call });
}

/// An allocation type in words, or as a number if it has none.
pub(crate) fn kind(kind: u32) -> String {
    let known: u32 = KINDS.iter().map(|(bit, _)| bit).sum();
    if kind == 0 || kind & !known != 0 {
        return format!("{kind:#x}");
    }
    let names: Vec<_> = KINDS.iter().filter(|(bit, _)| kind & bit != 0).map(|(_, name)| *name).collect();
    names.join("|")
}

/// A free type in words, or as a number.
pub(crate) fn free_kind(kind: u32) -> String {
    match kind {
        DECOMMIT => "DECOMMIT".into(),
        RELEASE => "RELEASE".into(),
        other => format!("{other:#x}"),
    }
}
