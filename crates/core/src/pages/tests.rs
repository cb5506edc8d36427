//! A map against a plain list of its pages.

use std::vec::Vec;

use super::*;
use crate::access::{Protection, Wiring};

fn slots() -> [Slot; 3] {
    [Slot::RESERVED, Slot::committed(Protection::READ_WRITE), Slot::committed(Protection::READ)]
}

#[test]
fn random_updates_agree_with_a_plain_vector() {
    let mut seed = 0x5eed_0002_u64;
    let mut random = move |limit: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % limit
    };
    for first in [0, 300, 512] {
        let mut map = PageMap::reserved(first, first + 3000);
        let mut model: Vec<Slot> = std::vec![Slot::RESERVED; 3000];
        for step in 0..600 {
            let from = random(3000);
            let length = if step % 3 == 0 { random(2000) } else { random(4) };
            let to = (from + 1 + length).min(3000);
            let slot = slots()[random(3) as usize];
            map.update(first + from, first + to, |_| slot);
            model[from as usize..to as usize].fill(slot);
            map.check().expect("the extents hold");
            let mut at = 0;
            for (start, end, slot) in map.runs(first, first + 3000) {
                assert_eq!(start, first + at);
                assert!(model[(start - first) as usize..(end - first) as usize].iter().all(|s| *s == slot));
                at = end - first;
                let around = [start, (start + end) / 2, end - 1].map(|page| map.run_around(page));
                assert_eq!(around, [(start, end); 3]);
            }
            assert_eq!(at, 3000);
        }
        let cut = first + 1000;
        let upper = map.split_off(cut);
        map.check().expect("the lower part holds");
        upper.check().expect("the upper part holds");
        for page in first..first + 3000 {
            let half = if page < cut { &map } else { &upper };
            assert_eq!(half.slot(page), model[(page - first) as usize], "page {page}");
        }
    }
}

/// Two copies that share their bits, as the two sides of a truth do: faults meet guards
/// before, between and after the two applications of each edit.
#[test]
fn guards_that_are_met_meanwhile_agree_with_a_plain_vector() {
    const PAGES: u64 = 2000;
    let mut seed = 0x5eed_0003_u64;
    let mut random = move |limit: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % limit
    };
    let guarded = Slot::committed(Protection::READ_WRITE.guarded());
    let first = 300;
    let mut pair = [PageMap::reserved(first, first + PAGES), PageMap::reserved(first, first + PAGES)];
    let mut model: Vec<Slot> = std::vec![Slot::RESERVED; PAGES as usize];
    for step in 0..800 {
        let from = random(PAGES);
        let to = (from + 1 + if step % 3 == 0 { random(1500) } else { random(5) }).min(PAGES);
        let met = Met::none(first + from, first + to);
        let kind = random(5);
        let change = |old: Slot| match kind {
            0 | 1 => guarded.wired(old.wiring()),
            2 => old.wired(Wiring::Wired),
            3 => slots()[(from % 3) as usize].wired(old.wiring()),
            _ => old,
        };
        let trips: Vec<u64> = (0..6).map(|_| from + random(to - from)).collect();
        let trip = |map: &PageMap, page: u64, model: &mut Vec<Slot>| {
            let slot = &mut model[page as usize];
            let found = map.trip(first + page);
            if slot.is_guarded() {
                *slot = slot.unguarded();
                assert_eq!(found, Found::Guard(*slot), "step {step}, page {page}");
            } else {
                assert!(matches!(found, Found::Met(now) | Found::Plain(now) if now == *slot));
            }
        };
        for page in &trips[..2] {
            trip(&pair[0], *page, &mut model);
        }
        model[from as usize..to as usize].iter_mut().for_each(|slot| *slot = change(*slot));
        for index in 0..2 {
            pair[index].update(first + from, first + to, change);
            if kind < 2 {
                pair[index].arm(first + from, first + to, met.clone());
            }
            pair[index].check().expect("the extents hold");
            for page in &trips[2 + 2 * index..4 + 2 * index] {
                trip(&pair[index], *page, &mut model);
            }
        }
        for map in &pair {
            agree(map, &model);
        }
    }
    let [mut map, other] = pair;
    let upper = map.split_off(first + 900);
    agree(&other, &model);
    for (half, pages) in [(&map, &model[..900]), (&upper, &model[900..])] {
        half.check().expect("the half holds");
        agree(half, pages);
    }
}

/// Whether a map says the same as a list of all its pages, run by run.
fn agree(map: &PageMap, model: &[Slot]) {
    let mut at = map.first();
    for (start, end, slot) in map.runs(map.first(), map.end()) {
        assert_eq!(start, at);
        let pages = &model[(start - map.first()) as usize..(end - map.first()) as usize];
        assert!(pages.iter().all(|page| *page == slot), "{start}..{end}");
        let around = [start, (start + end) / 2, end - 1].map(|page| map.run_around(page));
        assert_eq!(around, [(start, end); 3]);
        at = end;
    }
    assert_eq!(at, map.end());
}

#[test]
fn a_huge_uniform_range_is_one_extent() {
    let mut map = PageMap::reserved(16, 1 << 28);
    map.update(16, 1 << 28, |_| slots()[1]);
    assert_eq!(map.extents.len(), 1);
    assert_eq!(map.visible_run(20).1, 1 << 28);
}
