//! What a fork does to memory that is shown from objects.
//!
//! A fork copies private memory and snapshots by itself, and leaves shared views shared.
//! So what the child shall have a copy of is taken out of its shared view before the fork:
//!
//! ```text
//!   shown once         a snapshot, in parent and child: the kernel copies what is stored
//!   shown elsewhere    the bytes are captured, and the child shows those instead
//! ```
//!
//! Allocations whose memory is charged when it is committed stay as the system has it:
//! their shared views are shared.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::access::{Inheritance, Wiring};
use crate::contract::{Followers, Machine, Showing};
use crate::frame::FrameChange;
use crate::geometry::PageRange;
use crate::object::{Content, MemoryObject, ObjectId, Promise, Reach, View};
use crate::op::alias::Progress;
use crate::region::Heirs;
use crate::space::{AddressSpace, Change, Done, Edit};

/// What is left to do after a fork, in the parent and in the child.
#[derive(Clone, Debug, Default)]
pub struct Fork {
    /// What the child shows where it would share with the parent.
    copies: Vec<(Showing, Content)>,
    /// The objects that those are pages of, as the child is to know them.
    made: Vec<Edit>,
    /// What the child does not get.
    absent: Vec<PageRange>,
    /// What the child got, and must not have: the allocation, and the part of it.
    surplus: Vec<(PageRange, PageRange)>,
    /// What the machine was told to keep back for this fork alone.
    withheld: Vec<PageRange>,
}

impl AddressSpace {
    /// To be called before every other verb: whether the process was forked and nobody
    /// prepared it, so that its child shows the very pages that are shown here. Then they
    /// are nobody's alone any more: they are neither frozen in place nor used again.
    ///
    /// A fork during a verb is noticed by the next one.
    pub fn notice_forks<M: Machine>(&self, machine: &mut M) -> Option<Done<()>> {
        if self.objects.is_empty() || self.objects.values().all(|object| object.reach != Reach::Home) {
            return None;
        }
        match machine.followers() {
            Followers::None => None,
            Followers::Perhaps => {
                let mut progress = Progress::default();
                self.share_all(&mut progress);
                Some(progress.done(()))
            }
        }
    }

    fn share_all(&self, progress: &mut Progress) {
        let homes = self.objects().filter(|(_, object)| object.reach == Reach::Home);
        progress.edits.extend(homes.map(|(object, _)| Edit::Reach { object }));
    }

    /// Prepares a fork of the process: to be called before it, and the answer kept for
    /// [`Self::after_fork`] and [`Self::in_fork`]. Nobody changes the space in between.
    ///
    /// Nothing that a program can see changes. Each page that is captured is of one
    /// moment, whoever stores to it meanwhile.
    pub fn before_fork<M: Machine>(&self, machine: &mut M) -> Done<Fork> {
        let (mut fork, mut progress, mut captured) =
            (Fork::default(), Progress::default(), Progress::default());
        if machine.followers() == Followers::Perhaps {
            self.share_all(&mut progress);
        }
        let shown: Vec<_> = self.contents.iter().collect();
        for (range, content) in shown {
            self.each_heir(range, &mut |showing, promise, inheritance| {
                let pages = (showing.range.start().get() - range.start().get()) / self.geometry.page;
                let content = content.after(pages);
                match (inheritance, content.view, promise) {
                    (Inheritance::None, ..) => {}
                    (Inheritance::Copy, View::Shared, Promise::OnWrite) => {
                        self.copy_for_child(
                            machine,
                            showing,
                            content,
                            &mut fork,
                            (&mut progress, &mut captured),
                        );
                    }
                    // What was born shared is kept from a child until it is a snapshot.
                    _ if machine.inherit(showing.range, inheritance).is_err() => {
                        fork.absent.push(showing.range);
                    }
                    (Inheritance::Copy | Inheritance::Share, ..) => {
                        progress.edits.push(Edit::Reach { object: content.object });
                    }
                }
            });
        }
        self.each_disinherited(&mut |_, range| fork.absent.push(range));
        fork.absent.extend(self.fixed_regions());
        fork.made = captured.edits;
        progress.done(fork)
    }

    /// After a fork, or one that failed, in the parent.
    pub fn after_fork<M: Machine>(&self, machine: &mut M, fork: &Fork) {
        for edit in &fork.made {
            if let Edit::Object { object, .. } = edit {
                machine.close(*object);
            }
        }
        for range in &fork.withheld {
            // It did what it is told to do now until a moment ago.
            let _ = machine.inherit(*range, Inheritance::Copy);
        }
        // Of this child all is known.
        let _ = machine.followers();
    }

    /// After a fork, in the child, which has a copy of this space: what it did not get is
    /// not there, and what it was to have a copy of is one.
    pub fn in_fork<M: Machine>(&self, machine: &mut M, fork: &Fork) -> Done<()> {
        let mut progress = Progress::default();
        progress.edits.extend(fork.made.iter().cloned());
        let mut lost = fork.absent.clone();
        let mut shows = Vec::new();
        for (region, range) in &fork.surplus {
            self.part_with(machine, *region, *range, &mut lost);
        }
        for (showing, content) in &fork.copies {
            let Showing { region, range, access } = *showing;
            match machine.show(region, range, *content, access) {
                Ok(()) => shows.push((range, *content)),
                // Rather nothing than the bytes of the parent.
                Err(_) => self.part_with(machine, region, range, &mut lost),
            }
        }
        fork.absent.iter().for_each(|range| machine.forsake(*range));
        self.close_unseen(machine, &lost, &shows);
        progress.edits.extend(lost.into_iter().map(|range| Edit::Remove { range }));
        self.lose_frames(machine, &mut progress);
        for (range, content) in shows {
            progress.edits.push(Edit::Show { range, content: Some(content) });
        }
        // The kernel lets a child inherit no wiring, and what is counted must be true.
        for (range, _) in self.wires.iter() {
            let _ = machine.unwire(range);
            progress.edits.push(Edit::Pages { range, change: Change::Wire(Wiring::Pageable) });
        }
        progress.done(())
    }

    /// In the child of a fork that nobody prepared: what it does not have is not there.
    /// Whatever it shows, the parent may show as well.
    pub fn in_bare_fork<M: Machine>(&self, machine: &mut M) -> Done<()> {
        let mut progress = Progress::default();
        let mut lost: Vec<_> = self.fixed_regions().collect();
        let mut look = |range: PageRange| {
            if !machine.holds(range) {
                lost.push(range);
            }
        };
        self.each_disinherited(&mut |_, range| look(range));
        let shown: Vec<_> = self.contents.iter().collect();
        for (range, content) in shown {
            progress.edits.push(Edit::Reach { object: content.object });
            self.each_heir(range, &mut |showing, _, inheritance| match inheritance {
                Inheritance::None => {}
                Inheritance::Copy | Inheritance::Share => look(showing.range),
            });
        }
        lost.iter().for_each(|range| machine.forsake(*range));
        self.close_unseen(machine, &lost, &[]);
        progress.edits.extend(lost.into_iter().map(|range| Edit::Remove { range }));
        self.lose_frames(machine, &mut progress);
        progress.done(())
    }

    /// Sees to it that the child has a copy of shared pages.
    fn copy_for_child<M: Machine>(
        &self,
        machine: &mut M,
        showing: Showing,
        content: Content,
        fork: &mut Fork,
        (progress, captured): (&mut Progress, &mut Progress),
    ) {
        let page = self.geometry.page;
        let end = content.first + showing.range.bytes() / page;
        let Some(object) = self.objects.get(&content.object) else { return };
        for (first, stop, _) in object.counts(content.first, end) {
            let start = showing.range.start().get() + (first - content.first) * page;
            let Some(range) = PageRange::between(start, start + (stop - first) * page) else { continue };
            let part = Showing { range, ..showing };
            let content = content.after(first - content.first);
            let alone = self.is_lone_share(content, range);
            if !alone || !self.freeze_for_child(machine, part, content, progress) {
                self.capture_for_child(machine, part, fork, captured);
            }
        }
    }

    /// Makes a snapshot of pages that are shown once; whether that was done.
    fn freeze_for_child<M: Machine>(
        &self,
        machine: &mut M,
        showing: Showing,
        content: Content,
        progress: &mut Progress,
    ) -> bool {
        let before = progress.edits.len();
        self.freeze(machine, showing, content, progress);
        if progress.edits.len() == before {
            return false;
        }
        // As a snapshot it can be copied by any fork.
        if machine.inherit(showing.range, Inheritance::Copy).is_err() {
            return false;
        }
        progress.edits.push(Edit::Reach { object: content.object });
        true
    }

    /// Copies pages that are shown elsewhere too, for the child. If that cannot be done,
    /// the child does not get them.
    fn capture_for_child<M: Machine>(
        &self,
        machine: &mut M,
        showing: Showing,
        fork: &mut Fork,
        captured: &mut Progress,
    ) {
        match self.stage(machine, showing.range, showing.range.end(), captured) {
            Ok(content) => fork.copies.push((showing, content)),
            Err(_) if machine.inherit(showing.range, Inheritance::None).is_ok() => {
                fork.withheld.push(showing.range);
                fork.absent.push(showing.range);
            }
            Err(_) => fork.surplus.push((showing.region, showing.range)),
        }
    }

    /// Takes pages away that the child must not have.
    fn part_with<M: Machine>(
        &self,
        machine: &mut M,
        region: PageRange,
        range: PageRange,
        lost: &mut Vec<PageRange>,
    ) {
        // What cannot be taken away cannot be made private either: it stays shared.
        if machine.release(region, range).is_ok() {
            lost.push(range);
        }
    }

    /// Makes the machine forget the objects that this process does not show any more. Of
    /// the others no page is dropped: the parent may show it.
    fn close_unseen<M: Machine>(&self, machine: &mut M, lost: &[PageRange], shows: &[(PageRange, Content)]) {
        let mut left = self.contents.clone();
        let gone = lost.iter().chain(shows.iter().map(|(range, _)| range));
        gone.for_each(|range| drop(left.replace(&self.geometry, *range, None)));
        let seen: BTreeSet<ObjectId> = left.iter().map(|(_, content)| content.object).collect();
        let unseen = |id: &ObjectId, object: &MemoryObject| {
            !seen.contains(id) && !object.is_idle() && !object.is_kept() && object.reach != Reach::Frames
        };
        for (id, _) in self.objects().filter(|(id, object)| unseen(id, object)) {
            machine.close(id);
        }
    }

    /// Visits the parts of a range of ours, with what a child is to get of each.
    fn each_heir(&self, range: PageRange, visit: &mut dyn FnMut(Showing, Promise, Inheritance)) {
        self.each_committed(range, &mut |showing, region, slot| {
            if region.traits.pages.is_fixed() {
                return;
            }
            visit(showing, region.promise, slot.attributes().inheritance);
        });
    }

    /// The allocations that a child gets nothing of, by what they are made of.
    fn fixed_regions(&self) -> impl Iterator<Item = PageRange> + '_ {
        self.regions().filter(|(_, region)| region.traits.pages.is_fixed()).map(|(whole, _)| whole)
    }

    /// A child owns no frames.
    fn lose_frames<M: Machine>(&self, machine: &mut M, progress: &mut Progress) {
        let objects = self.frames.objects();
        if !objects.is_empty() {
            objects.keys().for_each(|object| machine.close(*object));
            progress.edits.push(Edit::Frames(FrameChange::Lost));
        }
    }

    /// Visits what a child gets nothing of: the allocation, and the part of it.
    fn each_disinherited(&self, visit: &mut dyn FnMut(PageRange, PageRange)) {
        for (whole, region) in self.regions().filter(|(_, region)| region.heirs == Heirs::Chosen) {
            for (run, slot) in region.runs(&self.geometry, whole) {
                if slot.is_committed() && slot.attributes().inheritance == Inheritance::None {
                    visit(whole, run);
                }
            }
        }
    }
}
