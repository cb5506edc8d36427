//! Copies whose target shows pages of the source: they take a detour.

use crate::contract::{Machine, Showing};
use crate::error::Kind;
use crate::geometry::{PageRange, Va};
use crate::object::{Content, Reach, View};
use crate::op::allocate::Allocate;
use crate::op::copy::CopyRange;
use crate::op::copy::plan::{How, STORABLE, Segment};
use crate::space::AddressSpace;

impl AddressSpace {
    /// Whether a page of the target is, by way of an alias, a page of the source that goes
    /// elsewhere: then a part that is copied early could overwrite what is copied later. Or
    /// a page that the target shows twice is copied from above to below.
    pub(super) fn is_entangled(&self, request: &CopyRange) -> Result<bool, Kind> {
        let source = self.geometry.touched(request.source, request.size)?;
        let target = self.geometry.touched(request.target, request.size)?;
        if self.may_be_the_programs(source, target) || self.may_be_the_programs(target, source) {
            return Ok(true);
        }
        if self.contents.is_private(target) {
            return Ok(false);
        }
        if source.overlaps(target) && self.shows_twice(target) {
            return Ok(true);
        }
        let distance = request.target.wrapping_sub(request.source);
        let entangled = self.shared_runs(source).any(|(from, source)| {
            self.shared_runs(target).any(|(to, target)| {
                let same_place = to.start().get().wrapping_sub(from.start().get());
                let pages = target.first.wrapping_sub(source.first);
                let stays = same_place.wrapping_sub(pages.wrapping_mul(self.geometry.page)) == distance;
                source.object == target.object && !stays && self.overlap((from, source), (to, target))
            })
        });
        Ok(entangled)
    }

    /// Whether the one side shows memory that the program mapped itself, and the other may
    /// be where the program has it: nobody counts its views.
    fn may_be_the_programs(&self, ours: PageRange, theirs: PageRange) -> bool {
        let mapped_by_it = |content: Content| {
            self.objects.get(&content.object).is_some_and(|object| object.reach == Reach::Program)
        };
        self.shared_runs(ours).any(|(_, content)| mapped_by_it(content)) && !self.is_all_ours(theirs)
    }

    fn is_all_ours(&self, range: PageRange) -> bool {
        self.ours_in(range).map(|(_, part)| part.bytes()).sum::<u64>() == range.bytes()
    }

    /// Whether two pages of a range are one.
    fn shows_twice(&self, range: PageRange) -> bool {
        self.shared_runs(range).enumerate().any(|(index, one)| {
            let mut others = self.shared_runs(range).skip(index + 1);
            others.any(|other| one.1.object == other.1.object && self.overlap(one, other))
        })
    }

    fn shared_runs(&self, range: PageRange) -> impl Iterator<Item = (PageRange, Content)> + '_ {
        let shared = |content: &Content| content.view == View::Shared;
        self.contents_of(range).filter_map(move |(run, content)| Some((run, content.filter(shared)?)))
    }

    /// Whether two runs of one object show a page that both have.
    fn overlap(&self, one: (PageRange, Content), other: (PageRange, Content)) -> bool {
        let end = |(run, content): (PageRange, Content)| content.first + run.bytes() / self.geometry.page;
        one.1.first < end(other) && other.1.first < end(one)
    }

    /// Copies by way of memory that nobody else knows.
    pub(super) fn copy_by_detour<M: Machine>(
        &self,
        machine: &mut M,
        request: &CopyRange,
    ) -> Result<(), Kind> {
        let CopyRange { source, size, target } = *request;
        let room = self.allocate(machine, &Allocate::new(size).reserve()).map_err(|error| error.kind)?.value;
        let copied = self.copy_over(machine, room, Segment { source, target, size, how: How::Eager });
        // A mapping that was made just now can be taken back.
        let _ = machine.release(room, room);
        copied
    }

    fn copy_over<M: Machine>(&self, machine: &mut M, room: PageRange, segment: Segment) -> Result<(), Kind> {
        let at = room.start().get();
        machine.commit(room, room, STORABLE)?;
        let held = self.held(segment.source, segment.size);
        machine.transfer(&held, Va::new(segment.source), Va::new(at), segment.size)?;
        let held = [Showing { region: room, range: room, access: STORABLE }];
        self.copy_held(machine, Segment { source: at, ..segment }, &held)
    }
}
