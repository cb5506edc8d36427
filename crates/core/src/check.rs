//! Every invariant of an address space, in one place.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use crate::access::Wiring;
use crate::geometry::Va;
use crate::object::{MemoryObject, ObjectId, Promise, Reach};
use crate::region::pages_of;
use crate::space::AddressSpace;

/// Proves that `space` is consistent; for tests and for debugging.
///
/// # Errors
/// The first thing that does not hold, in words.
pub fn check(space: &AddressSpace) -> Result<(), String> {
    space.regions.check().map_err(ToString::to_string)?;
    let geometry = space.geometry();
    let mut promised = 0;
    for (range, region) in space.regions() {
        let (start, end) = (range.start().get(), range.end().get());
        if start % geometry.page != 0 || end % geometry.page != 0 {
            return Err(format!("region {range} is not whole pages"));
        }
        if start < geometry.lowest || end > geometry.user_end() {
            return Err(format!("region {range} leaves the user range"));
        }
        if (region.pages.first(), region.pages.end()) != pages_of(geometry, range) {
            return Err(format!("the pages of region {range} are those of another range"));
        }
        region.pages.check().map_err(|what| format!("region {range}: {what}"))?;
        promised += space.charged(region, range);
        for (run, slot) in region.runs(geometry, range) {
            if slot.protection().is_some_and(|protection| protection.caching != region.caching()) {
                return Err(format!("{run} has not the cache attribute of its region"));
            }
        }
    }
    check_wires(space)?;
    promised += check_objects(space)?;
    if promised != space.charge().used() {
        return Err(format!("charge is {}, but {promised} bytes are committed", space.charge().used()));
    }
    Ok(())
}

/// Proves that pages are counted as wired only if they are.
fn check_wires(space: &AddressSpace) -> Result<(), String> {
    let geometry = space.geometry();
    for (range, count) in space.wires.iter() {
        let wired = |at: u64| {
            let region = space.region_at(Va::new(at));
            region.is_some_and(|(_, region)| region.pages.slot(at / geometry.page).wiring() == Wiring::Wired)
        };
        let mut pages = (range.start().get()..range.end().get()).step_by(geometry.page as usize);
        if count == 0 || !pages.all(wired) {
            return Err(format!("{range} is counted as wired {count} times, and is not"));
        }
    }
    Ok(())
}

/// Proves that pages show what exists and are committed, and that objects count their
/// views. Answers the bytes that objects have promised.
fn check_objects(space: &AddressSpace) -> Result<u64, String> {
    let geometry = space.geometry();
    let mut counted: BTreeMap<ObjectId, MemoryObject> = BTreeMap::new();
    for (range, content) in space.contents.iter() {
        let Some(object) = space.objects.get(&content.object) else {
            return Err(format!("{range} shows an object that there is not"));
        };
        let end = content.first + range.bytes() / geometry.page;
        if end > object.pages {
            return Err(format!("{range} shows more than the object has"));
        }
        let committed = |page: u64| {
            let region = space.region_at(Va::new(page));
            region.is_some_and(|(_, region)| region.pages.slot(page / geometry.page).is_committed())
        };
        let mut pages = (range.start().get()..range.end().get()).step_by(geometry.page as usize);
        if !pages.all(committed) {
            return Err(format!("{range} shows an object and is not committed"));
        }
        let empty = || MemoryObject::new(object.pages, object.reach, object.ceiling, object.promise);
        counted.entry(content.object).or_insert_with(empty).gain(content.first, end, content.view);
    }
    let mut promised = 0;
    for (id, object) in &space.objects {
        let Some(counted) = counted.get(id) else {
            if object.reach == Reach::Program && object.is_idle() {
                continue;
            }
            return Err(format!("nothing shows object {}", id.0));
        };
        if !object.matches(counted) {
            return Err(format!("object {} does not count its views", id.0));
        }
        if object.promise == Promise::Full {
            promised += object.shared_pages(0, object.pages) * geometry.page;
        }
    }
    Ok(promised)
}
