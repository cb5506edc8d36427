//! What stands at an address or above it, with everything that is known of it.

use crate::access::{Attributes, Inheritance, Protection, Slot, Wiring};
use crate::contract::{Backing, Machine, Standing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::{PageRange, Va};
use crate::object::{Content, Promise, Reach, View};
use crate::op::query::Owner;
use crate::region::Region;
use crate::space::{AddressSpace, range_of};

/// A range of pages that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surveyed {
    /// The first byte.
    pub base: u64,
    /// How many bytes are alike.
    pub size: u64,
    /// What may be done with them.
    pub protection: Protection,
    /// What else is known of them.
    pub attributes: Attributes,
    /// Whether stores through other ranges, or by others, are seen here.
    pub sharing: Sharing,
    /// How many ranges here show the pages; 1 when they are private.
    pub refs: u32,
    /// How the pages of an object are shown; none when they are private.
    pub view: Option<View>,
    /// How often they are wired, by count; once, if without.
    pub wired: u32,
    /// Who made them.
    pub owner: Owner,
    /// Where in their object they begin, in bytes.
    pub offset: u64,
}

/// Whether stores elsewhere are seen in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// They are not.
    Alone,
    /// They are.
    Shared,
}

/// What makes pages alike.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kin {
    slot: Slot,
    content: Option<Content>,
    wired: u32,
}

impl AddressSpace {
    /// What stands at `at`, or else the next thing above it: as far down and up as pages
    /// are alike. Neighbours that show nothing but themselves and are not charged are
    /// taken together, whichever requests made them (mach.md, rows G1 to G3, P13).
    ///
    /// # Errors
    /// [`Kind::NotAllocated`] when nothing is there or above.
    pub fn survey<M: Machine>(&self, machine: &M, at: u64) -> Result<Surveyed, Error> {
        let fail = |kind| Error::new(Verb::Query, kind, at, 0);
        let mut next = self.geometry.page_down(at);
        while next <= self.geometry.highest {
            let (found, end) = match self.region_at(Va::new(next)) {
                Some((whole, region)) => self.survey_own(whole, region, next),
                None => self.survey_outside(machine, next).map_err(fail)?,
            };
            if let Some(found) = found {
                return Ok(found);
            }
            next = end;
        }
        Err(fail(Kind::NotAllocated))
    }

    /// The page at `at` of a region of ours; where its run ends, if it has no memory.
    fn survey_own(&self, whole: PageRange, region: &Region, at: u64) -> (Option<Surveyed>, u64) {
        let Some((run, kin)) = self.kin_around(whole, region, at) else { return (None, whole.end().get()) };
        let Some(protection) = kin.slot.protection() else { return (None, run.end().get()) };
        let run = self.with_neighbours(run, whole, region, kin);
        let attributes = kin.slot.attributes();
        let (refs, sharing) = self.shown(kin.content, run, attributes.inheritance);
        let found = Surveyed {
            base: run.start().get(),
            size: run.bytes(),
            protection,
            attributes,
            sharing,
            refs,
            view: kin.content.map(|content| content.view),
            wired: kin.wired.max(u32::from(kin.slot.wiring() == Wiring::Wired)),
            owner: Owner::Own,
            offset: kin.content.map_or(0, |content| content.first * self.geometry.page),
        };
        (Some(found), run.end().get())
    }

    /// The run of pages of one region that are alike, around `at`.
    fn kin_around(&self, whole: PageRange, region: &Region, at: u64) -> Option<(PageRange, Kin)> {
        let (run, slot) = region.run_around(&self.geometry, Va::new(at))?;
        let run = run.intersection(whole)?;
        let (run, _) = self.contents.around(&self.geometry, run, at);
        let (run, wired) = self.wires.around(run, at);
        // Cut by the count, the run may begin further on than its content.
        let (run, content) = self.contents.around(&self.geometry, run, at);
        Some((run, Kin { slot, content, wired }))
    }

    /// A run together with the regions beside it that are alike.
    fn with_neighbours(&self, run: PageRange, whole: PageRange, region: &Region, kin: Kin) -> PageRange {
        if kin.content.is_some() || region.promise != Promise::OnWrite {
            return run;
        }
        let (mut low, mut high) = (run.start().get(), run.end().get());
        let mut reaches = (low == whole.start().get(), high == whole.end().get());
        while reaches.0 && low > 0 {
            let Some((beside, part)) = self.alike_at(low - 1, kin) else { break };
            low = part.start().get();
            reaches.0 = part.start() == beside.start();
        }
        while reaches.1 {
            let Some((beside, part)) = self.alike_at(high, kin) else { break };
            high = part.end().get();
            reaches.1 = part.end() == beside.end();
        }
        PageRange::between(low, high).unwrap_or(run)
    }

    /// The run of another region around `at`, if it is alike.
    fn alike_at(&self, at: u64, kin: Kin) -> Option<(PageRange, PageRange)> {
        let entry = self.regions.get(at).filter(|entry| entry.value.promise == Promise::OnWrite)?;
        let whole = range_of(&entry)?;
        let (run, other) = self.kin_around(whole, entry.value, at)?;
        (other == kin).then_some((whole, run))
    }

    /// How often the pages of a run are shown, and whether by others.
    fn shown(&self, content: Option<Content>, run: PageRange, inheritance: Inheritance) -> (u32, Sharing) {
        let shown = content.and_then(|content| Some((content, self.objects.get(&content.object)?)));
        let Some((content, object)) = shown else { return (1, Sharing::Alone) };
        let end = content.first + run.bytes() / self.geometry.page;
        let refs = object.counts(content.first, end).map(|run| run.2).max().unwrap_or(1);
        let sharing = match (content.view, object.reach) {
            (View::Snapshot, _) => Sharing::Alone,
            (View::Shared, Reach::Abroad | Reach::Program | Reach::Frames) => Sharing::Shared,
            (View::Shared, Reach::Home) if refs > 1 || inheritance == Inheritance::Share => Sharing::Shared,
            (View::Shared, Reach::Home) => Sharing::Alone,
        };
        (refs, sharing)
    }

    /// What others have at `at`, and where that, or the hole, ends.
    fn survey_outside<M: Machine>(&self, machine: &M, at: u64) -> Result<(Option<Surveyed>, u64), Kind> {
        let run = machine.foreign(Va::new(at))?;
        let end = self.foreign_end(Va::new(at), &run).min(self.geometry.user_end());
        let Standing::Mapped { protection, backing, .. } = run.standing else {
            return Ok((None, end.max(at + self.geometry.page)));
        };
        let ours = self.regions.floor(at).map_or(0, |entry| entry.end);
        let base = run.start.max(ours).min(at);
        let found = Surveyed {
            base,
            size: end.saturating_sub(base),
            protection,
            attributes: Attributes::default(),
            sharing: match backing {
                Backing::View => Sharing::Shared,
                Backing::Private | Backing::Image => Sharing::Alone,
            },
            refs: 1,
            view: None,
            wired: 0,
            owner: Owner::Foreign,
            offset: 0,
        };
        Ok((Some(found), end))
    }
}
