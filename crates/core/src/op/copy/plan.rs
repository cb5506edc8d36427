//! Which parts of a copy are lazy.

use alloc::vec::Vec;

use crate::access::{Access, Inheritance, Protection, Rights, Slot, Wiring};
use crate::geometry::PageRange;
use crate::object::{Content, View};
use crate::op::copy::CopyRange;
use crate::region::Form;
use crate::space::AddressSpace;

/// Fewer pages than this are copied at once: two mappings and the faults that they
/// cause cost as much as 64 KiB of bytes.
const LEAST: u64 = 16;

/// What a page needs to be stored to.
pub(in crate::op) const STORABLE: Access = Access::READ.union(Access::WRITE);

/// A part of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) source: u64,
    pub(super) target: u64,
    pub(super) size: u64,
    pub(super) how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Whole pages that can be shared until one side stores to them.
    Lazy,
    /// Bytes.
    Eager,
}

pub(super) fn may_be_read(protection: Protection) -> bool {
    protection.rights.contains(Rights::READ)
}

/// Memory for stores alone (Mach's row C18) counts, although no processor can store there.
pub(super) fn may_be_written(protection: Protection) -> bool {
    protection.rights.intersects(Rights::WRITE.union(Rights::COPY))
}

impl AddressSpace {
    /// The parts of a copy, in ascending order. Of ranges that overlap there is one: its
    /// parts would overwrite each other.
    pub(super) fn plan_copy(&self, request: &CopyRange) -> Vec<Segment> {
        let CopyRange { source, size, target } = *request;
        let page = self.geometry.page;
        let eager = Segment { source, target, size, how: How::Eager };
        let overlap = source.abs_diff(target) < size;
        let first = source.next_multiple_of(page);
        let end = (source + size) & !(page - 1);
        if source % page != target % page || end.saturating_sub(first) < LEAST * page {
            return alloc::vec![eager];
        }
        let mut segments = Vec::new();
        let distance = target.wrapping_sub(source);
        push(&mut segments, source, first, How::Eager, distance);
        for (start, stop, how) in self.middle(first, end, distance) {
            push(&mut segments, start, stop, how, distance);
        }
        push(&mut segments, end, source + size, How::Eager, distance);
        if segments.len() > 1 && (overlap || segments.iter().all(|part| part.how == How::Eager)) {
            return alloc::vec![eager];
        }
        segments
    }

    /// The whole pages of a copy, run by run; short lazy runs are eager.
    fn middle(&self, first: u64, end: u64, distance: u64) -> Vec<(u64, u64, How)> {
        let mut runs: Vec<(u64, u64, How)> = Vec::new();
        let mut at = first;
        while at < end {
            let (source_end, source) = self.can_be_frozen(at, end, Side::Source);
            let target_at = at.wrapping_add(distance);
            let (target_end, target) =
                self.can_be_frozen(target_at, end.wrapping_add(distance), Side::Target);
            let stop = source_end.min(target_end.wrapping_sub(distance));
            let how = if source && target { How::Lazy } else { How::Eager };
            match runs.last_mut() {
                Some(last) if last.2 == how => last.1 = stop,
                Some(_) | None => runs.push((at, stop, how)),
            }
            at = stop;
        }
        let short = |run: &(u64, u64, How)| run.1 - run.0 < LEAST * self.geometry.page;
        for run in &mut runs {
            if short(run) {
                run.2 = How::Eager;
            }
        }
        runs
    }

    /// Whether the run of pages at `at` can be the one end of a lazy copy, and where it ends.
    pub(in crate::op) fn can_be_frozen(&self, at: u64, limit: u64, side: Side) -> (u64, bool) {
        let region = self.regions.at_or_after(at);
        let Some(entry) = region.filter(|entry| entry.start <= at) else {
            return (region.map_or(limit, |entry| entry.start.min(limit)), false);
        };
        let Some(rest) = PageRange::between(at, entry.end.min(limit)) else { return (limit, false) };
        // Bytes that are stored to watched memory count, views that are changed do not.
        if entry.value.is_watched() {
            return (rest.end().get(), false);
        }
        let Some((run, slot)) = entry.value.runs(&self.geometry, rest).next() else { return (limit, false) };
        let Some((part, content)) = self.contents_of(run).next() else { return (limit, false) };
        let end = part.end().get();
        // Of a snapshot it does not matter who else has it: all of them have frozen it; but a
        // view of a section copies pages that others may still store to.
        let frozen = |content: Content| content.view == View::Snapshot && entry.value.form == Form::Memory;
        let own = content.is_none_or(|content| frozen(content) || self.is_lone_share(content, part));
        let plain = !entry.value.traits.pages.is_fixed();
        (end, plain && own && fits(slot, side))
    }
}

/// The end of a copy that pages are at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::op) enum Side {
    Source,
    Target,
}

/// Wired pages stay where they are (C27, C28), and executable ones are stored to (C29).
fn fits(slot: Slot, side: Side) -> bool {
    let access = slot.protection().map_or(Access::empty(), Protection::effective);
    // A snapshot is not shared with a child, whatever is said of it.
    let pageable = slot.wiring() == Wiring::Pageable && slot.attributes().inheritance != Inheritance::Share;
    match side {
        Side::Source => pageable && slot.is_committed(),
        Side::Target => pageable && slot.is_committed() && !access.contains(Access::EXECUTE),
    }
}

fn push(segments: &mut Vec<Segment>, start: u64, end: u64, how: How, distance: u64) {
    if start >= end {
        return;
    }
    if let Some(last) = segments.last_mut()
        && last.how == how
    {
        last.size = end - last.source;
        return;
    }
    segments.push(Segment { source: start, target: start.wrapping_add(distance), size: end - start, how });
}
