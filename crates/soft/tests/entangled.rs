//! A copy whose target shows a page of its source by way of an alias.

use pagewright_core::{Alias, Allocate, Consent, CopyRange, Geometry, Managed, Onto, Protection};
use pagewright_soft::Mmu;

const PAGE: u64 = 0x1000;
const PAGES: u64 = 33;

#[test]
fn the_whole_source_is_read_before_an_aliased_target_is_written() {
    let mut guest = Managed::new(Mmu::new(Geometry::X86_64), u64::MAX);
    let source = guest.allocate(&Allocate::new(PAGES * PAGE)).expect("room").start().get();
    for page in 0..PAGES {
        guest.machine_mut().store(source + page * PAGE, page + 1).expect("committed");
    }
    // The first page of the target is the last one of the source.
    let target = guest.allocate(&Allocate::new(PAGES * PAGE).reserve()).expect("room").start().get();
    let last = Alias {
        source: source + (PAGES - 1) * PAGE,
        size: PAGE,
        onto: Onto::Reserved(target),
        protection: Protection::READ_WRITE,
        consent: Consent::OwnOnly,
    };
    guest.alias(&last).expect("reserved");
    guest.allocate(&Allocate::new((PAGES - 1) * PAGE).commit().at(target + PAGE)).expect("reserved");
    let copied = guest.copy(&CopyRange { source, size: PAGES * PAGE, target });
    assert_eq!(copied, Ok(PAGES * PAGE));
    for page in 0..PAGES {
        assert_eq!(guest.machine_mut().load::<u64>(target + page * PAGE), Ok(page + 1), "page {page}");
    }
    let first = guest.machine_mut().load::<u64>(source + (PAGES - 1) * PAGE);
    assert_eq!(first, Ok(1), "the source's last page is the target's first");
}
