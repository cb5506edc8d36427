//! What a verb of several steps has done so far.

use alloc::vec::Vec;

use crate::access::{Rights, Wiring};
use crate::contract::{Machine, Showing};
use crate::error::Kind;
use crate::geometry::PageRange;
use crate::object::{Content, Contents, ObjectId, Promise, Reach, View};
use crate::op::fill::Moved;
use crate::space::{AddressSpace, Change, Done, Edit, join};

/// What a verb has done so far that nobody can see: kept even if it fails.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) edits: Vec<Edit>,
    objects: u64,
    /// Memory of the program's own that was moved into an object.
    pub(super) moved: Vec<(Showing, Content)>,
}

impl Progress {
    /// Makes what is the program's own private again, if nothing comes of the call: it shall
    /// not be shared with forked children for nothing.
    pub(super) fn put_back<M: Machine>(&mut self, machine: &mut M) {
        for (showing, content) in self.moved.drain(..) {
            // Best effort: what stays shared is what the caller permitted.
            let _ = machine.promote(&[showing], content.viewed(View::Snapshot));
        }
    }

    /// The answer together with everything that was done.
    pub(super) fn done<T>(self, value: T) -> Done<T> {
        let edit = if self.edits.is_empty() { Edit::None } else { Edit::Batch(self.edits) };
        Done::new(value, edit)
    }

    pub(super) fn introduce(
        &mut self,
        object: ObjectId,
        pages: u64,
        reach: Reach,
        ceiling: Rights,
        promise: Promise,
    ) {
        self.edits.push(Edit::Object { object, pages, reach, ceiling, promise });
    }

    /// Takes back an object that nothing came to show.
    pub(super) fn abandon<M: Machine>(&mut self, machine: &mut M, id: ObjectId) {
        let shows =
            |edit: &Edit| matches!(edit, Edit::Show { content: Some(content), .. } if content.object == id);
        if !self.edits.iter().any(shows) {
            machine.close(id);
            self.edits.retain(|edit| !matches!(edit, Edit::Object { object, .. } if *object == id));
        }
    }

    /// Takes back the objects that nothing came to show.
    pub(super) fn abandon_unshown<M: Machine>(&mut self, machine: &mut M) {
        let new = self.edits.iter().filter_map(|edit| match edit {
            Edit::Object { object, .. } => Some(*object),
            _ => None,
        });
        for object in new.collect::<Vec<_>>() {
            self.abandon(machine, object);
        }
    }
}

impl AddressSpace {
    /// The name of one more object.
    pub(super) fn fresh_object(&self, progress: &mut Progress) -> ObjectId {
        let object = ObjectId(self.next_object.0 + progress.objects);
        progress.objects += 1;
        object
    }

    /// One more object, for this address space alone.
    pub(super) fn make_object<M: Machine>(
        &self,
        machine: &mut M,
        pages: u64,
        promise: Promise,
        progress: &mut Progress,
    ) -> Result<ObjectId, Kind> {
        let object = self.fresh_object(progress);
        machine.create(object, pages)?;
        progress.introduce(object, pages, Reach::Home, Rights::USUAL, promise);
        Ok(object)
    }

    /// Records what a range shows since the machine mapped it anew. Such pages are pageable;
    /// what cannot be wired again is so.
    pub(super) fn mapped_anew<M: Machine>(
        &self,
        machine: &mut M,
        range: PageRange,
        content: Content,
        progress: &mut Progress,
    ) {
        progress.edits.push(Edit::Show { range, content: Some(content) });
        for range in self.rewire(machine, range) {
            progress.edits.push(Edit::Pages { range, change: Change::Wire(Wiring::Pageable) });
        }
    }

    /// Tells the machine what nobody shows any more: once, at the end of a verb, because
    /// the views that its steps took away count together.
    pub(super) fn settle<M: Machine>(&self, machine: &mut M, progress: &Progress) {
        let moved = self.moved(progress);
        self.let_go(machine, &moved.lost, &moved.kept);
        self.let_go_new(machine, &progress.edits, &moved.kept);
    }

    /// The ranges that a verb made show something else so far, and what they show now.
    pub(super) fn moved(&self, progress: &Progress) -> Moved {
        let mut shown = Contents::default();
        let mut lost = Vec::new();
        for edit in &progress.edits {
            if let Edit::Show { range, content } = *edit {
                shown.replace(&self.geometry, range, content);
                lost.push(range);
            }
        }
        lost.sort_by_key(|range| range.start());
        Moved { lost: join(lost).into_vec(), kept: shown.iter().collect() }
    }
}
