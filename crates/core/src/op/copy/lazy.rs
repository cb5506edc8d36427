//! The lazy part of a copy: source and target become snapshots of the same pages.

use alloc::vec::Vec;

use crate::contract::{Machine, Showing};
use crate::error::Kind;
use crate::geometry::PageRange;
use crate::object::{Content, ObjectId, Promise, Reach, View};
use crate::op::alias::Progress;
use crate::op::copy::plan::{How, Segment};
use crate::space::{AddressSpace, Edit};

/// The most runs that the pages of a lazy copy may be scattered over, per 64 pages:
/// beyond, they are gathered in one object again.
const SCATTER: u64 = 64;
/// Below this, scatter is no burden.
const FEW: usize = 16;

/// What becomes of a run of source pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::op) enum Step {
    /// Its bytes move into a new object.
    Gather,
    /// It shows its object's pages alone: they are frozen where they are.
    Freeze(Content),
    /// It is a snapshot that nobody stored to.
    Keep(Content),
    /// It is a snapshot that was stored to, of pages that nobody else has: its bytes
    /// go back there.
    GiveBack(Content),
}

/// What to do with each run of a source, one access each.
pub(in crate::op) type Steps = Vec<(Showing, Step)>;

impl AddressSpace {
    /// Copies a lazy segment; what the machine cannot freeze is copied as bytes.
    pub(super) fn copy_lazily<M: Machine>(
        &self,
        machine: &mut M,
        segment: Segment,
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        let source = self.geometry.touched(segment.source, segment.size)?;
        let target = self.geometry.touched(segment.target, segment.size)?;
        let steps = self.steps(machine, source, target);
        let captured = steps.and_then(|steps| self.capture(machine, &steps, progress));
        let Ok(captured) = captured else {
            return self.copy_bytes(machine, Segment { how: How::Eager, ..segment });
        };
        let begun = progress.edits.len();
        match self.show_copies(machine, source, target, &captured, progress) {
            Ok(()) => Ok(()),
            // A part of the source is overwritten: its bytes cannot be had again.
            Err(kind) if source.overlaps(target) && progress.edits.len() > begun => Err(kind),
            Err(_) => self.copy_bytes(machine, Segment { how: How::Eager, ..segment }),
        }
    }

    /// What to do with each run of the source.
    pub(in crate::op) fn steps<M: Machine>(
        &self,
        machine: &M,
        source: PageRange,
        target: PageRange,
    ) -> Result<Steps, Kind> {
        let ends = (source, target);
        let mut steps = self.steps_with(source, &mut |run, content, steps| {
            self.snapshot_steps(machine, run, content, ends, steps)
        })?;
        let limit = FEW.max((source.bytes() / self.geometry.page / SCATTER) as usize);
        if steps.len() > limit {
            // As if every page of the snapshots had been stored to.
            steps = self.steps_with(source, &mut |run, content, steps| {
                self.stored_steps(run, content, ends, steps);
                Ok(())
            })?;
        }
        if steps.len() > limit {
            steps.clear();
            self.each_step(source, Step::Gather, &mut steps);
        }
        Ok(steps)
    }

    /// The steps of a source, `snapshot` adding those of each run that shows one.
    fn steps_with(
        &self,
        source: PageRange,
        snapshot: &mut dyn FnMut(PageRange, Content, &mut Steps) -> Result<(), Kind>,
    ) -> Result<Steps, Kind> {
        let mut steps = Vec::new();
        for (run, content) in self.contents_of(source) {
            match content {
                None => self.each_step(run, Step::Gather, &mut steps),
                Some(content) => match content.view {
                    View::Shared => self.each_step(run, Step::Freeze(content), &mut steps),
                    View::Snapshot => snapshot(run, content, &mut steps)?,
                },
            }
        }
        Ok(steps)
    }

    /// Splits a step where access changes; what an object shows moves on with it.
    fn each_step(&self, run: PageRange, step: Step, steps: &mut Steps) {
        self.each_showing(run, &mut |showing| {
            let pages = (showing.range.start().get() - run.start().get()) / self.geometry.page;
            steps.push((showing, step.after(pages)));
        });
    }

    fn snapshot_steps<M: Machine>(
        &self,
        machine: &M,
        run: PageRange,
        content: Content,
        ends: (PageRange, PageRange),
        steps: &mut Steps,
    ) -> Result<(), Kind> {
        let page = self.geometry.page;
        let mut stored = Vec::new();
        machine.privatised(run, &mut |part| stored.extend(part.intersection(run)))?;
        let mut at = run.start().get();
        let from = |address: u64| content.after((address - run.start().get()) / page);
        for part in stored {
            if let Some(clean) = PageRange::between(at, part.start().get()) {
                self.each_step(clean, Step::Keep(from(at)), steps);
            }
            self.stored_steps(part, from(part.start().get()), ends, steps);
            at = part.end().get();
        }
        if let Some(clean) = PageRange::between(at, run.end().get()) {
            self.each_step(clean, Step::Keep(from(at)), steps);
        }
        Ok(())
    }

    /// Pages of a snapshot that were stored to: where nobody has the pages below, or their
    /// copies alone, which lose them now, the bytes can go back there. Those copies show
    /// them at once: what they are to show.
    fn stored_steps(
        &self,
        run: PageRange,
        content: Content,
        (source, target): (PageRange, PageRange),
        steps: &mut Steps,
    ) {
        let page = self.geometry.page;
        let Some(object) = self.objects.get(&content.object) else { return };
        let end = content.first + run.bytes() / page;
        for (first, stop, count) in object.counts(content.first, end) {
            let here = content.after(first - content.first);
            let start = run.start().get() + (first - content.first) * page;
            let Some(part) = PageRange::between(start, start + (stop - first) * page) else { continue };
            let lost = match count {
                0 | 1 => true,
                2 => self.is_copy(part, here, source, target),
                _ => false,
            };
            // Another page of the source may still need what the object has.
            let alone = self.runs_with(source, here, stop - first) == 1;
            let step = if object.reach == Reach::Home && lost && alone {
                Step::GiveBack(here)
            } else {
                Step::Gather
            };
            self.each_step(part, step, steps);
        }
    }

    /// Whether the pages of the target that `part` goes to show what it does.
    fn is_copy(&self, part: PageRange, content: Content, source: PageRange, target: PageRange) -> bool {
        let start = target.start().get() + (part.start().get() - source.start().get());
        let twin = PageRange::between(start, start + part.bytes());
        twin.is_some_and(|twin| self.contents_of(twin).eq([(twin, Some(content))]))
    }

    /// How many runs of `range` show any of these pages.
    fn runs_with(&self, range: PageRange, content: Content, pages: u64) -> usize {
        let (low, high) = (content.first, content.first + pages);
        let shows = |(run, other): &(PageRange, Option<Content>)| {
            other.is_some_and(|other| {
                let end = other.first + run.bytes() / self.geometry.page;
                other.object == content.object && other.first < high && low < end
            })
        };
        self.contents_of(range).filter(shows).count()
    }

    /// Makes every source run a snapshot, and answers of what. The caller settles, whatever
    /// the answer.
    pub(in crate::op) fn capture<M: Machine>(
        &self,
        machine: &mut M,
        steps: &[(Showing, Step)],
        progress: &mut Progress,
    ) -> Result<Vec<(Showing, Content)>, Kind> {
        let mut gathered = self.gathering(machine, steps, progress)?;
        let mut captured: Vec<(Showing, Content)> = Vec::new();
        for &(showing, step) in steps {
            let content = match step {
                Step::Gather => {
                    let Some((object, first)) = &mut gathered else { return Err(Kind::NoObject) };
                    let content = Content { object: *object, first: *first, view: View::Snapshot };
                    *first += showing.range.bytes() / self.geometry.page;
                    content
                }
                Step::Freeze(content) | Step::Keep(content) | Step::GiveBack(content) => {
                    content.viewed(View::Snapshot)
                }
            };
            let done = match step {
                Step::Keep(_) => Ok(()),
                Step::Freeze(_) => machine.show(showing.region, showing.range, content, showing.access),
                Step::Gather | Step::GiveBack(_) => machine.promote(&[showing], content),
            };
            if let Err(refusal) = done {
                if let Some((object, _)) = gathered {
                    progress.abandon(machine, object);
                }
                return Err(refusal.into());
            }
            progress.edits.push(Edit::Show { range: showing.range, content: Some(content) });
            captured.push((showing, content));
        }
        Ok(captured)
    }

    /// The object that takes the bytes that are nowhere else, and its first free page.
    fn gathering<M: Machine>(
        &self,
        machine: &mut M,
        steps: &[(Showing, Step)],
        progress: &mut Progress,
    ) -> Result<Option<(ObjectId, u64)>, Kind> {
        let gathered = steps.iter().filter(|(_, step)| *step == Step::Gather);
        let pages = gathered.map(|(showing, _)| showing.range.bytes() / self.geometry.page).sum();
        if pages == 0 {
            return Ok(None);
        }
        // Nobody is charged for a snapshot.
        Ok(Some((self.make_object(machine, pages, Promise::Full, progress)?, 0)))
    }

    /// Shows what was captured at the target.
    fn show_copies<M: Machine>(
        &self,
        machine: &mut M,
        source: PageRange,
        target: PageRange,
        captured: &[(Showing, Content)],
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        for &(showing, content) in captured {
            let offset = showing.range.start().get() - source.start().get();
            let start = target.start().get() + offset;
            let Some(run) = PageRange::between(start, start + showing.range.bytes()) else { continue };
            let mut places = Vec::new();
            self.each_showing(run, &mut |place| places.push(place));
            for place in places {
                let pages = (place.range.start().get() - start) / self.geometry.page;
                let content = content.after(pages);
                machine.show(place.region, place.range, content, place.access)?;
                progress.edits.push(Edit::Show { range: place.range, content: Some(content) });
            }
        }
        Ok(())
    }
}

impl Step {
    /// The same for what begins `pages` pages further on.
    const fn after(self, pages: u64) -> Self {
        match self {
            Self::Gather => Self::Gather,
            Self::Freeze(content) => Self::Freeze(content.after(pages)),
            Self::Keep(content) => Self::Keep(content.after(pages)),
            Self::GiveBack(content) => Self::GiveBack(content.after(pages)),
        }
    }
}
