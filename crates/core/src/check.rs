//! Every invariant of an address space, in one place.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::access::Wiring;
use crate::geometry::Va;
use crate::object::{MemoryObject, ObjectId, Promise, Reach};
use crate::region::{Form, Region, pages_of};
use crate::space::AddressSpace;
use crate::traits::PageKind;

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
        if region.form == Form::Placeholder && region.committed_bytes(geometry, range) > 0 {
            return Err(format!("{range} is a placeholder and has memory"));
        }
        for (run, slot) in region.runs(geometry, range) {
            if slot.protection().is_some_and(|protection| protection.caching != region.caching()) {
                return Err(format!("{run} has not the cache attribute of its region"));
            }
        }
    }
    check_wires(space)?;
    promised += check_objects(space)?;
    promised += check_frames(space)?;
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
        let is_view = |region: &Region| matches!(region.form, Form::View(origin) if origin.object == *id);
        let views = space.regions().filter(|(_, region)| is_view(region)).count();
        if views != object.views as usize {
            return Err(format!("object {} counts {} views, and there are {views}", id.0, object.views));
        }
        let Some(counted) = counted.get(id) else {
            if object.reach == Reach::Frames || object.reach == Reach::Program && object.is_idle() {
                continue;
            }
            if object.is_kept() && object.is_unshown() {
                promised += object.supplied() * geometry.page;
                continue;
            }
            return Err(format!("nothing shows object {}", id.0));
        };
        if !object.matches(counted) {
            return Err(format!("object {} does not count its views", id.0));
        }
        promised += object.supplied() * geometry.page;
        if object.promise == Promise::Full {
            promised += object.shared_pages(0, object.pages) * geometry.page;
        }
    }
    Ok(promised)
}

/// Proves that frames are pages of objects of their own, each shown once at most, and in
/// windows only. Answers their bytes.
fn check_frames(space: &AddressSpace) -> Result<u64, String> {
    let mut owned: BTreeMap<ObjectId, Vec<(u64, u64)>> = BTreeMap::new();
    for (first, end, spot) in space.frames.runs() {
        owned.entry(spot.object).or_default().push((spot.page, spot.page + (end - first)));
    }
    let count = |runs: &Vec<(u64, u64)>| runs.iter().map(|(first, end)| end - first).sum::<u64>();
    if !owned.iter().map(|(id, runs)| (*id, count(runs))).eq(space.frames.objects().clone()) {
        return Err("the frames of an object are not counted".to_string());
    }
    for (id, object) in space.objects.iter().filter(|(_, object)| object.reach == Reach::Frames) {
        let runs = owned.remove(id).ok_or_else(|| format!("no frame of object {} is owned", id.0))?;
        if let Some((_, end)) = runs.iter().find(|(_, end)| *end > object.pages) {
            return Err(format!("object {} has frames up to {end}, and {} pages", id.0, object.pages));
        }
        for (first, end, count) in object.counts(0, object.pages).filter(|run| run.2 > 0) {
            let is_owned = runs.iter().any(|run| run.0 <= first && end <= run.1);
            if count > 1 || !is_owned {
                return Err(format!("pages {first} to {end} of object {} are shown {count} times", id.0));
            }
        }
    }
    if let Some(id) = owned.keys().next() {
        return Err(format!("frames are pages of object {}, which is none of frames", id.0));
    }
    for (range, region) in space.regions() {
        let is_window = region.traits.pages == PageKind::Window;
        for (run, content) in space.contents_of(range) {
            let object = content.and_then(|content| space.objects.get(&content.object));
            let frames = object.is_some_and(|object| object.reach == Reach::Frames);
            if frames != is_window && content.is_some() {
                return Err(format!("{run} shows what its region does not"));
            }
            if is_window && content.is_none() && region.committed_bytes(space.geometry(), run) > 0 {
                return Err(format!("{run} of a window has memory and shows no frame"));
            }
        }
    }
    Ok(space.frame_bytes())
}
