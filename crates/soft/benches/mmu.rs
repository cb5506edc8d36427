//! What a guest's accesses cost: hits, misses, first stores, and those through views.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pagewright_core::{Access, Content, Geometry, Machine, ObjectId, PageRange, Showing, View};
use pagewright_soft::Mmu;

const BASE: u64 = 0x2000_0000_0000;
const PAGE: u64 = 0x1000;
/// Accesses in one measurement, so that the loop around them does not count.
const ROUND: u64 = 1024;

fn range(pages: u64) -> PageRange {
    PageRange::between(BASE, BASE + pages * PAGE).expect("pages")
}

fn machine(pages: u64) -> Mmu {
    let mut mmu = Mmu::new(Geometry::X86_64);
    mmu.reserve(range(pages), Some(Access::all().unguarded())).expect("nothing is mapped yet");
    mmu
}

/// Addresses that walk `pages` pages in an order no prefetcher likes.
fn addresses(pages: u64) -> Vec<u64> {
    let step = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % (pages * PAGE / 8) * 8;
    (0..ROUND).map(|n| BASE + step(n)).collect()
}

fn hits(c: &mut Criterion) {
    let mut group = c.benchmark_group("hit");
    group.throughput(Throughput::Elements(ROUND));
    let mut mmu = machine(8);
    let at = addresses(8);
    // The limit to read the others against: the same words from a vector.
    let plain: Vec<u64> = (0..8 * PAGE / 8).collect();
    group.bench_function("limit_vector_u64", |b| {
        let word = |at: &u64| plain.get(((at - BASE) / 8) as usize).copied().unwrap_or(0);
        b.iter(|| at.iter().map(word).fold(0, u64::wrapping_add));
    });
    at.iter().for_each(|at| mmu.store(*at, *at).expect("committed"));
    group.bench_function("load_u64", |b| {
        b.iter(|| at.iter().map(|at| mmu.load::<u64>(*at).unwrap_or(0)).fold(0, u64::wrapping_add));
    });
    group.bench_function("store_u64", |b| {
        b.iter(|| at.iter().for_each(|at| mmu.store(*at, *at).expect("committed")));
    });
    group.bench_function("fetch_16", |b| {
        let mut bytes = [0; 16];
        b.iter(|| {
            for at in &at {
                let _ = black_box(mmu.fetch(*at & !15, &mut bytes));
            }
            bytes
        });
    });
    group.finish();
}

fn misses(c: &mut Criterion) {
    let mut group = c.benchmark_group("miss");
    group.throughput(Throughput::Elements(ROUND));
    let mut mmu = machine(1 << 14);
    let at = addresses(1 << 14);
    at.iter().for_each(|at| mmu.store(*at, *at).expect("committed"));
    group.bench_function("load_u64_over_64_mib", |b| {
        b.iter(|| at.iter().map(|at| mmu.load::<u64>(*at).unwrap_or(0)).fold(0, u64::wrapping_add));
    });
    group.bench_function("load_u64_crossing_pages", |b| {
        b.iter(|| (0..ROUND).map(|n| mmu.load::<u64>(BASE + n * PAGE + PAGE - 3).unwrap_or(0)).max());
    });
    group.finish();
}

/// `pages` pages that hold bytes, in an object, and as many more that show it.
fn shown_twice(pages: u64, view: View) -> Mmu {
    let mut mmu = machine(2 * pages);
    (0..pages).for_each(|page| mmu.store(BASE + page * PAGE, page).expect("committed"));
    let (whole, source, access) = (range(2 * pages), range(pages), Access::all().unguarded());
    let content = Content { object: ObjectId(1), first: 0, view };
    mmu.create(content.object, pages).expect("a new name");
    mmu.promote(&[Showing { region: whole, range: source, access }], content).expect("committed");
    let target = PageRange::between(source.end().get(), whole.end().get()).expect("pages");
    mmu.show(whole, target, content, access).expect("it has the pages");
    mmu
}

fn views(c: &mut Criterion) {
    let mut group = c.benchmark_group("view");
    group.throughput(Throughput::Elements(ROUND));
    let mut mmu = shown_twice(1 << 14, View::Shared);
    let at = addresses(1 << 15);
    group.bench_function("miss_of_a_shared_load_u64_over_128_mib", |b| {
        b.iter(|| at.iter().map(|at| mmu.load::<u64>(*at).unwrap_or(0)).fold(0, u64::wrapping_add));
    });
    let mut mmu = shown_twice(ROUND, View::Snapshot);
    let (source, content) = (range(ROUND), Content { object: ObjectId(1), first: 0, view: View::Snapshot });
    // To show the pages anew gives the copies' frames back: a thousandth of the time.
    group.bench_function("copy_on_write_of_1024_pages", |b| {
        b.iter(|| {
            mmu.show(source, source, content, Access::all().unguarded()).expect("it has the pages");
            (0..ROUND).for_each(|n| mmu.store(BASE + n * PAGE, n).expect("committed"));
        });
    });
    group.finish();
}

fn mappings(c: &mut Criterion) {
    let mut group = c.benchmark_group("machine");
    let whole = range(1 << 28);
    let one = range(1);
    group.bench_function("reserve_release_1_tib", |b| {
        let mut mmu = Mmu::new(Geometry::X86_64);
        b.iter(|| mmu.reserve(whole, None).and_then(|()| mmu.release(whole, whole)));
    });
    group.bench_function("commit_store_decommit_one_page", |b| {
        let mut mmu = Mmu::new(Geometry::X86_64);
        mmu.reserve(whole, None).expect("nothing is mapped yet");
        b.iter(|| {
            mmu.commit(whole, one, Access::all().unguarded()).expect("reserved");
            mmu.store(BASE, 1_u64).expect("committed");
            mmu.decommit(whole, one).expect("reserved");
        });
    });
    group.bench_function("first_stores_to_1024_pages", |b| {
        let stores = |mut mmu: Mmu| {
            (0..ROUND).for_each(|n| mmu.store(BASE + n * PAGE, n).expect("committed"));
            mmu
        };
        b.iter_batched(|| machine(ROUND), stores, BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, hits, misses, views, mappings);
criterion_main!(benches);
