//! Every invariant of an address space, in one place.

use alloc::format;
use alloc::string::{String, ToString};

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
        for (run, slot) in region.runs(geometry, range) {
            if let Some(protection) = slot.protection() {
                promised += run.bytes();
                if protection.caching != region.caching() {
                    return Err(format!("{run} has not the cache attribute of its region"));
                }
            }
        }
    }
    if promised != space.charge().used() {
        return Err(format!("charge is {}, but {promised} bytes are committed", space.charge().used()));
    }
    Ok(())
}
