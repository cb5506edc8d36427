//! Interesting values by name: the axes of tables.
//!
//! Everything is counted from the base of the one allocation that the prior
//! states of [`states`] work on, so that a table reads the same wherever its
//! subject lives.

use pagewright_core::{Action, Caching, Disposal, Geometry, Order, Protection, Wiring};

use crate::op::{Anchor, Op, Outcome, Size, Spot, Target, Unit, World};
use crate::subject::Subject;

/// Pages of the allocation in every state.
pub const PAGES: u64 = 16;

/// The eight kinds of protection.
pub const KINDS: [(&str, Protection); 8] = [
    ("none", Protection::NONE),
    ("r", Protection::READ),
    ("rw", Protection::READ_WRITE),
    ("rc", Protection::READ_COPY),
    ("x", Protection::EXECUTE),
    ("rx", Protection::READ_EXECUTE),
    ("rwx", Protection::READ_WRITE_EXECUTE),
    ("rcx", Protection::READ_COPY_EXECUTE),
];

/// The cache attributes.
pub const CACHINGS: [(&str, Caching); 3] =
    [("", Caching::Normal), ("+nocache", Caching::NoCache), ("+combine", Caching::WriteCombine)];

/// Every kind, plain and guarded, with every cache attribute: 48.
pub fn protections() -> Vec<(String, Protection)> {
    let mut all = Vec::new();
    for (name, kind) in KINDS {
        for (suffix, caching) in CACHINGS {
            let plain = kind.cached(caching);
            all.push((format!("{name}{suffix}"), plain));
            all.push((format!("{name}+guard{suffix}"), plain.guarded()));
        }
    }
    all
}

/// Addresses, for an allocation of [`PAGES`] pages at `base`.
pub fn addresses(geometry: &Geometry, base: u64) -> Vec<(&'static str, u64)> {
    let (page, end) = (geometry.page, base + PAGES * geometry.page);
    vec![
        ("0", 0),
        ("1", 1),
        ("lowest-1", geometry.lowest - 1),
        ("lowest", geometry.lowest),
        ("base-granule", base - geometry.granule),
        ("base-1", base - 1),
        ("base", base),
        ("base+1", base + 1),
        ("base+page-1", base + page - 1),
        ("base+page", base + page),
        ("base+page+1", base + page + 1),
        ("middle", base + PAGES / 2 * page),
        ("end-page", end - page),
        ("end-1", end - 1),
        ("end", end),
        ("end+1", end + 1),
        ("highest-page", geometry.highest - page),
        ("highest", geometry.highest),
        ("above", geometry.user_end()),
        ("max", u64::MAX),
    ]
}

/// Sizes.
pub fn sizes(geometry: &Geometry) -> Vec<(&'static str, u64)> {
    let (page, granule) = (geometry.page, geometry.granule);
    vec![
        ("0", 0),
        ("1", 1),
        ("page-1", page - 1),
        ("page", page),
        ("page+1", page + 1),
        ("granule-1", granule - 1),
        ("granule", granule),
        ("granule+1", granule + 1),
        ("chunk+page", 513 * page),
        ("tera", 1 << 40),
        ("user", geometry.user_end()),
        ("max-page", u64::MAX - page),
        ("max", u64::MAX),
    ]
}

/// Alignments: none, too small, crooked, and up to impossible.
pub fn alignments() -> Vec<(&'static str, u64)> {
    vec![
        ("none", 0),
        ("1", 1),
        ("page", 0x1000),
        ("half granule", 0x8000),
        ("granule", 0x1_0000),
        ("three granules", 0x3_0000),
        ("four granules", 0x4_0000),
        ("chunk", 0x20_0000),
        ("tera", 1 << 40),
        ("top bit", 1 << 63),
    ]
}

/// What to do, by name.
pub const ACTIONS: [(&str, Action); 3] =
    [("reserve", Action::Reserve), ("commit", Action::Commit), ("reserve+commit", Action::ReserveCommit)];

/// What to give back, by name.
pub const DISPOSALS: [(&str, Disposal); 2] =
    [("decommit", Disposal::Decommit), ("release", Disposal::Release)];

/// From which end, by name.
pub const ORDERS: [(&str, Order); 2] = [("up", Order::BottomUp), ("down", Order::TopDown)];

/// Where the allocation of every state is, in granules of the arena: with room
/// before it, and in the middle of it a boundary of core's tables.
pub const GRANULE: u64 = 31;

fn page(number: u64) -> Spot {
    Spot { anchor: Anchor::Arena(GRANULE), delta: (number * 0x1000) as i64 }
}

const fn pages(count: u64) -> Size {
    Size::Of(Unit::Page, count, 0)
}

fn allocate(first: u64, count: u64, action: Action, protection: Protection) -> Op {
    Op::Allocate { target: Target::At(page(first)), size: pages(count), action, protection }
}

fn free(first: u64, count: u64, disposal: Disposal) -> Op {
    Op::Free { at: page(first), size: pages(count), disposal }
}

fn protect(first: u64, count: u64, protection: Protection) -> Op {
    Op::Protect { at: page(first), size: pages(count), protection }
}

fn lock(first: u64, count: u64) -> Op {
    Op::Lock { at: page(first), size: pages(count), wiring: Wiring::Wired }
}

/// Prior states by name: what was done before, on 4 KiB pages.
pub fn states() -> Vec<(&'static str, Vec<Op>)> {
    let rw = Protection::READ_WRITE;
    let reserved = || allocate(0, PAGES, Action::Reserve, Protection::NONE);
    let committed = || allocate(0, PAGES, Action::ReserveCommit, rw);
    let written = || Op::Write { at: page(0), length: 0x3000, first: 1 };
    vec![
        ("free", vec![]),
        ("reserved", vec![reserved()]),
        ("committed", vec![committed()]),
        ("written", vec![committed(), written()]),
        ("first page", vec![reserved(), allocate(0, 1, Action::Commit, rw)]),
        ("middle", vec![reserved(), allocate(6, 4, Action::Commit, rw)]),
        ("decommitted", vec![committed(), written(), free(0, PAGES, Disposal::Decommit)]),
        ("released", vec![committed(), written(), free(0, PAGES, Disposal::Release)]),
        ("no first page", vec![committed(), free(0, 1, Disposal::Release)]),
        ("hole", vec![committed(), written(), free(1, 1, Disposal::Release)]),
        ("read-only", vec![committed(), written(), protect(0, PAGES, Protection::READ)]),
        ("no access", vec![committed(), written(), protect(0, PAGES, Protection::NONE)]),
        ("mixed", vec![committed(), protect(1, 1, Protection::READ), protect(8, 8, Protection::NONE)]),
        ("guarded", vec![committed(), protect(0, 2, rw.guarded())]),
        ("guard behind", vec![committed(), protect(1, 1, rw.guarded())]),
        ("not cached", vec![allocate(0, PAGES, Action::ReserveCommit, rw.cached(Caching::NoCache))]),
        ("locked", vec![committed(), written(), lock(0, PAGES)]),
        ("locked without access", vec![committed(), lock(0, PAGES), protect(0, PAGES, Protection::NONE)]),
        ("partly locked", vec![committed(), lock(0, 1), lock(2, 1)]),
        ("two", vec![committed(), allocate(PAGES, PAGES, Action::ReserveCommit, rw)]),
    ]
}

/// The base of the allocation that the states work on.
pub fn base(world: &World) -> u64 {
    world.arena.start + GRANULE * world.geometry.granule
}

/// Brings a subject into a state.
///
/// # Panics
/// If it refuses: a table on a state that was not reached would be a lie.
pub fn prepare(subject: &mut dyn Subject, ops: &[Op]) -> World {
    let mut world = World::of(subject);
    for op in ops {
        let step = world.resolve(op);
        let outcome = step.perform(subject);
        assert!(!matches!(outcome, Outcome::Refused(_)), "{step:x?}: {outcome:?}");
        world.learn(&step, &outcome);
    }
    world
}
