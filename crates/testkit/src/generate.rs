//! Strategies of operations: ordinary ones most of the time, and every edge.

use pagewright_core::{
    Action, After, Consent, Disposal, Fate, Order, Protection, Stores, Traits, Watch, Wiring,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::matrix;
use crate::op::{Anchor, Bound, Landing, Op, Size, Spot, Target, Unit};

/// Some ordinary allocations, and up to `most` operations on them and on anything.
pub fn ops(most: usize) -> impl Strategy<Value = Vec<Op>> {
    let found = (roomy(), prop::collection::vec(found(), 0..3));
    let scenes = prop::collection::vec(scene(), 1..most);
    (found, scenes).prop_map(|((roomy, found), scenes)| [vec![roomy], found, scenes.concat()].concat())
}

/// One operation, or two that chance alone would rarely bring together.
fn scene() -> impl Strategy<Value = Vec<Op>> {
    prop_oneof![
        10 => op().prop_map(|op| vec![op]),
        2 => alias_into_decommitted(),
        3 => mended_copy(),
        3 => watched(),
        1 => recycled(),
        1 => placeholders(),
    ]
}

/// Memory that a lazy copy finds room in.
fn roomy() -> impl Strategy<Value = Op> {
    (0..160_u64, 40..200_u64).prop_map(|(granule, count)| Op::Allocate {
        target: Target::At(Spot { anchor: Anchor::Arena(granule), delta: 0 }),
        size: Size::Of(Unit::Page, count, 0),
        action: Action::ReserveCommit,
        protection: Protection::READ_WRITE,
    })
}

/// An allocation that others can work on.
fn found() -> impl Strategy<Value = Op> {
    let at = |granule| Target::At(Spot { anchor: Anchor::Arena(granule), delta: 0 });
    let size = prop_oneof![
        3 => (1..40_u64).prop_map(|count| Size::Of(Unit::Page, count, 0)),
        2 => (32..90_u64).prop_map(|count| Size::Of(Unit::Page, count, 0)),
        1 => (1..3_u64).prop_map(|count| Size::Of(Unit::Chunk, count, 0x5000)),
    ];
    let action = select(vec![Action::Reserve, Action::ReserveCommit, Action::ReserveCommit]);
    let readable = prop_oneof![3 => Just(Protection::READ_WRITE), 1 => protection()];
    (0..192_u64, size, action, readable).prop_map(move |(granule, size, action, protection)| Op::Allocate {
        target: at(granule),
        size,
        action,
        protection,
    })
}

/// One operation of any kind.
pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => allocate(),
        4 => commit(),
        4 => (range(), disposal()).prop_map(|((at, size), disposal)| Op::Free { at, size, disposal }),
        4 => (range(), protection())
            .prop_map(|((at, size), protection)| Op::Protect { at, size, protection }),
        4 => (range(), wiring()).prop_map(|((at, size), wiring)| Op::Lock { at, size, wiring }),
        4 => alias(),
        6 => copy(),
        1 => (spot(), 0..9000_usize).prop_map(|(at, length)| Op::Read { at, length }),
        3 => (spot(), 0..9000_usize, any::<u8>())
            .prop_map(|(at, length, first)| Op::Write { at, length, first }),
        1 => spot().prop_map(|at| Op::Query { at }),
        1 => limit().prop_map(|pages| Op::SetLimit { pages }),
        1 => (range(), 0..40_u64).prop_map(|((at, size), pages)| Op::LockWithin { at, size, pages }),
        3 => (range(), most(), after()).prop_map(|((at, size), limit, after)| {
            Op::Written { at, size, limit, after }
        }),
        1 => (range(), stores()).prop_map(|((at, size), stores)| Op::Mark { at, size, stores }),
        1 => (range(), fate()).prop_map(|((at, size), fate)| Op::Recycle { at, size, fate }),
    ]
}

/// How many pages to report.
fn most() -> impl Strategy<Value = u64> {
    prop_oneof![2 => 0..5_u64, 1 => Just(u64::MAX)]
}

fn after() -> impl Strategy<Value = After> {
    select(vec![After::Keep, After::Forget])
}

fn stores() -> impl Strategy<Value = Stores> {
    select(vec![Stores::Note, Stores::Forget])
}

/// A placeholder that is cut, filled, emptied and joined again.
fn placeholders() -> impl Strategy<Value = Vec<Op>> {
    let steps = prop::collection::vec((0..8_u8, 0..6_u64, 1..7_u64, protection(), op()), 2..9);
    (0..192_u64, 2..6_u64, steps).prop_map(|(granule, count, steps)| {
        let spot = |page: u64| Spot { anchor: Anchor::Arena(granule), delta: (page * 0x1000) as i64 };
        let pages = |count| Size::Of(Unit::Page, count, 0);
        let (action, protection) = (Action::Placeholder, Protection::NONE);
        let first = Op::Allocate { target: Target::At(spot(0)), size: pages(count), action, protection };
        let mut ops = vec![first];
        ops.extend(steps.into_iter().map(|(kind, at, length, protection, other)| {
            let (at, target) = (spot(at), Target::Placeholder(spot(at)));
            let free = |disposal| Op::Free { at, size: pages(length), disposal };
            let fill = |action, protection| Op::Allocate { target, size: pages(length), action, protection };
            let traits = Traits { watch: Watch::On, ..Traits::PLAIN };
            match kind {
                0 | 1 => free(Disposal::Hold),
                2 => free(Disposal::Join),
                3 => fill(Action::ReserveCommit, Protection::READ_WRITE),
                4 => fill(Action::Reserve, protection),
                5 => Op::AllocateOf {
                    target,
                    size: pages(length),
                    action: Action::ReserveCommit,
                    protection,
                    traits,
                },
                6 => Op::Write { at, length: 0x900, first: 3 },
                _ => other,
            }
        }));
        let (at, size) = (spot(0), pages(count));
        ops.push(Op::Free { at, size, disposal: Disposal::Join });
        ops
    })
}

fn fate() -> impl Strategy<Value = Fate> {
    select(vec![Fate::Reset, Fate::UndoReset])
}

/// Watched memory, stores to it, something else that may hide them, and questions.
fn watched() -> impl Strategy<Value = Vec<Op>> {
    let watch = Traits { watch: Watch::On, ..Traits::PLAIN };
    let action = select(vec![Action::Reserve, Action::ReserveCommit, Action::ReserveCommit]);
    let between = prop::collection::vec((0..5_u8, 0..30_u64, 1..8_u64, protection(), op()), 0..5);
    let first = (0..192_u64, 8..40_u64, action, protection());
    let stores = prop::collection::vec((0..30_i64, 1..0x2800_usize), 1..5);
    (first, stores, between, most(), after()).prop_map(
        move |((granule, count, action, protection), stores, between, limit, after)| {
            let spot = move |delta| Spot { anchor: Anchor::Arena(granule), delta };
            let page = move |page: u64| spot((page * 0x1000) as i64);
            let all = Size::Of(Unit::Page, count, 0);
            let target = Target::At(spot(0));
            let opened = Op::Allocate {
                target,
                size: all,
                action: Action::Commit,
                protection: Protection::READ_WRITE,
            };
            let asks = |limit, after| Op::Written { at: spot(0), size: all, limit, after };
            let mut ops =
                vec![Op::AllocateOf { target, size: all, action, protection, traits: watch }, opened];
            for (index, (at, length)) in stores.into_iter().enumerate() {
                ops.push(Op::Write { at: spot(at * 0x1000 + 0xf00), length, first: 7 + index as u8 });
                if let Some((kind, at, count, protection, other)) = between.get(index).copied() {
                    let (at, size) = (page(at), Size::Of(Unit::Page, count, 0));
                    ops.push(match kind {
                        0 | 1 => Op::Protect { at, size, protection },
                        2 => Op::Free { at, size, disposal: Disposal::Decommit },
                        3 => asks(count, after),
                        _ => other,
                    });
                }
            }
            ops.extend([asks(limit, after), opened, asks(u64::MAX, After::Keep)]);
            ops
        },
    )
}

/// Content that may be dropped, a store or two meanwhile, and the question whether it was.
fn recycled() -> impl Strategy<Value = Vec<Op>> {
    let fates = select(vec![
        [Fate::Reset, Fate::UndoReset],
        [Fate::Offer, Fate::Reclaim],
        [Fate::Discard, Fate::UndoReset],
    ]);
    (page_inside(), 1..20_u64, 0..20_i64, op(), fates).prop_map(|(at, count, page, other, [go, back])| {
        let size = Size::Within(count, 0);
        let store = |page: i64| Op::Write {
            at: Spot { delta: at.delta + page * 0x1000, ..at },
            length: 99,
            first: 3,
        };
        let action = Action::Commit;
        let opened =
            Op::Allocate { target: Target::At(at), size, action, protection: Protection::READ_WRITE };
        let recycle = |fate| Op::Recycle { at, size, fate };
        vec![opened, store(0), store(page), recycle(go), other, store(page), recycle(back)]
    })
}

fn allocate() -> impl Strategy<Value = Op> {
    (target(), size(), action(), protection()).prop_map(|(target, size, action, protection)| Op::Allocate {
        target,
        size,
        action,
        protection,
    })
}

/// A commit inside of what was reserved: chance alone would rarely make one.
fn commit() -> impl Strategy<Value = Op> {
    (range(), protection()).prop_map(|((at, size), protection)| {
        let (target, action) = (Target::At(at), Action::Commit);
        Op::Allocate { target, size, action, protection }
    })
}

fn alias() -> impl Strategy<Value = Op> {
    let exact = || (page_inside(), some_pages());
    let source = prop_oneof![4 => exact().boxed(), 1 => range().boxed()];
    (source, landing(), protection(), consent()).prop_map(|((source, size), onto, protection, consent)| {
        Op::Alias { source, size, onto, protection, consent }
    })
}

/// An alias onto pages that were given back just now.
fn alias_into_decommitted() -> impl Strategy<Value = Vec<Op>> {
    let protection = prop_oneof![3 => Just(Protection::READ_WRITE), 1 => protection()];
    (page_inside(), page_inside(), some_pages(), protection).prop_map(|(source, target, size, protection)| {
        let (onto, consent) = (Landing::Reserved(target), Consent::OwnOnly);
        vec![
            Op::Free { at: target, size, disposal: Disposal::Decommit },
            Op::Alias { source, size, onto, protection, consent },
        ]
    })
}

fn landing() -> impl Strategy<Value = Landing> {
    let anywhere =
        Target::Window { low: Bound::None, high: Bound::None, alignment: 0, order: Order::BottomUp };
    let granule = (0..192_u64).prop_map(|granule| Spot { anchor: Anchor::Arena(granule), delta: 0 });
    prop_oneof![
        3 => page_inside().prop_map(Landing::Reserved),
        1 => spot().prop_map(Landing::Reserved),
        2 => granule.prop_map(|spot| Landing::Fresh(Target::At(spot))),
        2 => Just(Landing::Fresh(anywhere)),
        2 => target().prop_map(Landing::Fresh),
    ]
}

fn consent() -> impl Strategy<Value = Consent> {
    select(vec![Consent::OwnOnly, Consent::Foreign])
}

/// A copy: of whole pages from whole pages most of the time, with edges, with other
/// edges on both sides, over itself, and of nonsense.
fn copy() -> impl Strategy<Value = Op> {
    let edge = || prop_oneof![3 => Just(0), 2 => select(vec![1_i64, -1, 0x7ff, 0x800, 0xfff])];
    let alike = (page_inside(), page_inside(), edge(), copied()).prop_map(|(source, target, delta, size)| {
        let moved = |spot: Spot| Spot { delta: spot.delta + delta, ..spot };
        Op::Copy { source: moved(source), size, target: moved(target) }
    });
    let crooked = (page_inside(), page_inside(), edge(), edge(), copied()).prop_map(
        |(source, target, from, to, size)| {
            let moved = |spot: Spot, by| Spot { delta: spot.delta + by, ..spot };
            Op::Copy { source: moved(source, from), size, target: moved(target, to) }
        },
    );
    let over_itself =
        (page_inside(), -40..40_i64, edge(), copied()).prop_map(|(source, pages, edge, size)| {
            let target = Spot { delta: source.delta + pages * 0x1000 + edge, ..source };
            Op::Copy { source, size, target }
        });
    let anything =
        (spot(), spot(), size()).prop_map(|(source, target, size)| Op::Copy { source, size, target });
    prop_oneof![6 => alike, 2 => crooked, 3 => over_itself, 2 => anything]
}

/// Sizes around where a copy becomes lazy, with and without a rest.
fn copied() -> impl Strategy<Value = Size> {
    let delta = prop_oneof![3 => Just(0), 1 => select(vec![1_i64, -1, 0x800])];
    let count = prop_oneof![2 => 1..16_u64, 1 => 14..19_u64, 3 => 16..80_u64, 1 => 500..1000_u64];
    prop_oneof![
        6 => (count.clone(), delta.clone()).prop_map(|(count, delta)| Size::Within(count, delta)),
        1 => (count, delta).prop_map(|(count, delta)| Size::Of(Unit::Page, count, delta)),
        1 => Just(Size::ToEnd(0)),
    ]
}

/// A copy between places that were made fit for one and stored to, a store into one of
/// them afterwards, and most often another copy of the same pages.
fn mended_copy() -> impl Strategy<Value = Vec<Op>> {
    let near = (page_inside(), -30..30_i64)
        .prop_map(|(spot, pages)| (spot, Spot { delta: spot.delta + pages * 0x1000, ..spot }));
    let ends = prop_oneof![2 => (page_inside(), page_inside()), 1 => near];
    let count = prop_oneof![3 => 16..64_u64, 1 => 1..20_u64];
    let again = (page_inside(), 0..5_u8);
    let stores = (0..40_i64, 0..40_i64, 0..40_i64, any::<u8>());
    (ends, count, stores, any::<bool>(), again).prop_map(
        |((source, target), count, (first, second, third, byte), back, (place, again))| {
            let size = Size::Within(count, 0);
            let (action, protection) = (Action::Commit, Protection::READ_WRITE);
            let mend = |at| Op::Allocate { target: Target::At(at), size, action, protection };
            let write = |spot: Spot, page: i64, first| {
                let at = Spot { delta: spot.delta + page * 0x1000 + 5, ..spot };
                Op::Write { at, length: 0x1800, first }
            };
            let copy = |source, target| Op::Copy { source, size, target };
            let mut ops = vec![
                mend(source),
                mend(target),
                write(source, first, byte),
                write(target, second, byte.wrapping_add(77)),
                copy(source, target),
                write(if back { source } else { target }, third, byte.wrapping_add(33)),
            ];
            match again {
                0 => {}
                1 | 2 => ops.push(copy(source, target)),
                3 => ops.push(copy(target, source)),
                _ => ops.push(copy(source, place)),
            }
            ops
        },
    )
}

/// The start of a page inside of an allocation.
fn page_inside() -> impl Strategy<Value = Spot> {
    let anchor = prop_oneof![
        1 => (0..6_usize).prop_map(Anchor::Start),
        2 => (0..6_usize, 0..80_u64).prop_map(|(index, page)| Anchor::Inside(index, page)),
    ];
    anchor.prop_map(|anchor| Spot { anchor, delta: 0 })
}

fn some_pages() -> impl Strategy<Value = Size> {
    prop_oneof![
        3 => (1..6_u64).prop_map(|count| Size::Within(count, 0)),
        2 => (6..64_u64).prop_map(|count| Size::Within(count, 0)),
        1 => (1..64_u64).prop_map(|count| Size::Of(Unit::Page, count, 0)),
    ]
}

/// Where and how much: some pages inside of an allocation, most of the time.
pub fn range() -> impl Strategy<Value = (Spot, Size)> {
    let anchor = prop_oneof![
        1 => (0..4_usize).prop_map(Anchor::Start),
        2 => (0..4_usize, 0..40_u64).prop_map(|(index, page)| Anchor::Inside(index, page)),
    ];
    let inside = anchor.prop_map(|anchor| Spot { anchor, delta: 0 });
    let pages = prop_oneof![
        3 => (1..6_u64).prop_map(|count| Size::Of(Unit::Page, count, 0)),
        2 => Just(Size::ToEnd(0)),
    ];
    let whole =
        (0..4_usize).prop_map(|index| (Spot { anchor: Anchor::Start(index), delta: 0 }, Size::ToEnd(0)));
    prop_oneof![3 => (inside, pages), 2 => whole, 2 => (spot(), size())]
}

/// An address, most often in or at the edge of an earlier allocation.
pub fn spot() -> impl Strategy<Value = Spot> {
    (anchor(), delta()).prop_map(|(anchor, delta)| Spot { anchor, delta })
}

fn anchor() -> impl Strategy<Value = Anchor> {
    prop_oneof![
        6 => (0..6_usize).prop_map(Anchor::Start),
        6 => (0..6_usize, 0..2000_u64).prop_map(|(index, page)| Anchor::Inside(index, page)),
        2 => (0..6_usize).prop_map(Anchor::End),
        4 => (0..192_u64).prop_map(Anchor::Arena),
        1 => select(vec![
            Anchor::Zero,
            Anchor::Lowest,
            Anchor::Highest,
            Anchor::Above,
            Anchor::Max,
        ]),
    ]
}

fn delta() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(0),
        3 => select(vec![1, -1, 0x800, 0xfff, 0x1000, -0x1000, 0x1001, 0x8000]),
        1 => select(vec![0x1_0000, -0x1_0000, 0xffff, 0x1f_f000, 0x20_0000, -0x20_0000]),
    ]
}

/// A size: of some pages, of an edge, of many tables, or of nonsense.
pub fn size() -> impl Strategy<Value = Size> {
    let delta = || prop_oneof![3 => Just(0), 2 => select(vec![1_i64, -1, 0x800])];
    prop_oneof![
        6 => (1..20_u64, delta()).prop_map(|(count, delta)| Size::Of(Unit::Page, count, delta)),
        3 => (1..4_u64, delta()).prop_map(|(count, delta)| Size::Of(Unit::Granule, count, delta)),
        2 => (1..3_u64, select(vec![-0x1000_i64, 0, 1, 0x5000]))
            .prop_map(|(count, delta)| Size::Of(Unit::Chunk, count, delta)),
        2 => delta().prop_map(Size::ToEnd),
        2 => (0..2_u64).prop_map(|count| Size::Of(Unit::Byte, count, 0)),
        1 => select(vec![
            Size::Of(Unit::Tera, 1, 0),
            Size::Of(Unit::Tera, 127, 0),
            Size::Of(Unit::Tera, 128, 0),
            Size::Of(Unit::Byte, 0, -1),
            Size::Of(Unit::Byte, 0, -0x1000),
            Size::Wrap(0),
            Size::Wrap(1),
            Size::Wrap(0x2000),
        ]),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        6 => spot().prop_map(Target::At),
        1 => spot().prop_map(Target::Near),
        4 => (bound(), bound(), alignment(), order()).prop_map(|(low, high, alignment, order)| {
            Target::Window { low, high, alignment, order }
        }),
        // Ordered bounds inside the arena: the other windows are mostly impossible.
        3 => (0..96_u64, 96..192_u64, delta(), alignment(), order()).prop_map(
            |(low, high, delta, alignment, order)| Target::Window {
                low: Bound::At(Spot { anchor: Anchor::Arena(low), delta: 0 }),
                high: Bound::At(Spot { anchor: Anchor::Arena(high), delta }),
                alignment,
                order,
            }
        ),
    ]
}

fn bound() -> impl Strategy<Value = Bound> {
    prop_oneof![1 => Just(Bound::None), 2 => spot().prop_map(Bound::At)]
}

fn alignment() -> impl Strategy<Value = u64> {
    let values = matrix::alignments().into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    prop_oneof![4 => Just(0), 2 => Just(0x2_0000), 1 => select(values)]
}

fn order() -> impl Strategy<Value = Order> {
    select(vec![Order::BottomUp, Order::TopDown])
}

fn action() -> impl Strategy<Value = Action> {
    select(vec![Action::Reserve, Action::ReserveCommit, Action::ReserveCommit, Action::Commit])
}

fn disposal() -> impl Strategy<Value = Disposal> {
    let usual = || select(vec![Disposal::Decommit, Disposal::Release]);
    let rare = select(vec![Disposal::Hold, Disposal::Join, Disposal::UnmapAndHold]);
    prop_oneof![9 => usual(), 1 => rare]
}

fn wiring() -> impl Strategy<Value = Wiring> {
    select(vec![Wiring::Wired, Wiring::Pageable])
}

/// Read-write half of the time: what cannot be accessed cannot go wrong.
pub fn protection() -> impl Strategy<Value = Protection> {
    let values = matrix::protections().into_iter().map(|(_, value)| value).collect::<Vec<_>>();
    prop_oneof![
        4 => Just(Protection::READ_WRITE),
        2 => select(vec![Protection::READ, Protection::NONE, Protection::READ_WRITE_EXECUTE]),
        2 => select(values),
    ]
}

fn limit() -> impl Strategy<Value = u64> {
    prop_oneof![1 => 0..4_u64, 2 => 4..200_u64, 3 => Just(4096_u64)]
}
