//! Objects that hold memory of the program's own, and that it is done with.
//!
//! Nobody tells when a program unmaps what became pages of an object. So whenever another
//! object is made, some of those are looked for where their pages were; what is found
//! nowhere else either goes, with its descriptor and its memory.

use alloc::vec::Vec;

use pagewright_core::{ObjectId, PageRange};

use super::maps::each_mapping;
use super::object::Object;
use super::{Linux, Mapping};

/// How many objects are looked for when one more is made.
const LOOKS: usize = 16;

impl Linux {
    /// Notes that memory of the program's, at `range`, is pages of an object now.
    pub(super) fn note_program(&mut self, object: ObjectId, range: PageRange) {
        if let Some(known) = self.objects.map.get_mut(&object) {
            known.program = Some(range.start().get());
        }
    }

    /// Forgets objects of the program's that are mapped nowhere any more: of a few, or of all
    /// where there is no room for another.
    pub(super) fn let_go(&mut self) {
        let looks = if self.objects.is_full() { usize::MAX } else { LOOKS };
        let mut gone = self.missing(looks);
        if gone.is_empty() {
            return;
        }
        // It may have been moved, or its first page be another's.
        let listed = each_mapping(&mut |mapping, _| gone.retain(|(_, file)| mapping.file != Some(*file)));
        if listed.is_err() {
            return;
        }
        for (object, _) in gone {
            self.shown.forget_object(object);
            self.close_object(object);
        }
    }

    /// Those of the next few that are not where they were.
    fn missing(&mut self, looks: usize) -> Vec<(ObjectId, (u64, u64))> {
        let mut gone = Vec::new();
        let after = self.objects.looked_at.map_or(0, |last| last.0 + 1);
        let (low, high) =
            (self.objects.map.range(..ObjectId(after)), self.objects.map.range(ObjectId(after)..));
        let mut last = None;
        let places = high.chain(low).filter_map(|(id, object)| Some((*id, object, object.program?)));
        for (id, object, at) in places.take(looks) {
            last = Some(id);
            if !self.is_at(object, at) {
                gone.push((id, object.file));
            }
        }
        self.objects.looked_at = last.or(self.objects.looked_at);
        gone
    }

    /// Whether an object is mapped there; yes, where that cannot be found out.
    fn is_at(&self, object: &Object, at: u64) -> bool {
        let shows = |mapping: Mapping| mapping.start <= at && mapping.file == Some(object.file);
        self.maps.at_or_after(at).map_or(true, |found| found.is_some_and(shows))
    }
}
