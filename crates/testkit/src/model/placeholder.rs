//! Placeholders, as the rows PH01 to PH32 have them.

use pagewright_core::{Action, Allocate, Disposal, Free, Kind, PageRange, Protection, Traits, Watch};

use super::{Allocation, Model, Refused, Standing};

/// Whether a wish suits a placeholder (PH01).
pub(super) fn check(request: &Allocate) -> Result<(), Refused> {
    if request.action != Action::Placeholder {
        return Ok(());
    }
    let mut reasons = Vec::new();
    reasons.extend((request.protection != Protection::NONE).then_some(Kind::BadProtection));
    let plain = Traits { watch: Watch::Off, node: None, ..request.traits } == Traits::PLAIN;
    reasons.extend((!plain || request.traits.watch == Watch::On).then_some(Kind::BadFlags));
    Refused::unless_empty(reasons)
}

impl Model {
    /// Memory in place of a placeholder of exactly that range (PH03, PH08, PH12).
    pub(super) fn replace(&mut self, at: u64, request: &Allocate) -> Result<PageRange, Refused> {
        let range = self.touched(at, request.size)?;
        let index = self.exactly(range, Standing::Placeholder)?;
        if self.over_limit(Self::fresh_bytes(request, range)) {
            return Err(Refused::with(Kind::CommitLimit));
        }
        self.allocations.remove(index);
        self.insert(range, request);
        if let Some(made) = self.allocations.last_mut().filter(|made| made.standing == Standing::Memory) {
            made.standing = Standing::Instead;
        }
        Ok(range)
    }

    /// The allocation that is all of a range, and is that.
    fn exactly(&self, range: PageRange, standing: Standing) -> Result<usize, Refused> {
        let is = |made: &Allocation| made.range == range && made.standing == standing;
        self.allocations.iter().position(is).ok_or(Refused::with(Kind::NotPlaceholder))
    }

    /// A placeholder of its own (PH04, PH15, PH16, PH18 to PH20).
    pub(super) fn hold(&mut self, request: &Free) -> Result<PageRange, Refused> {
        let range = self.touched(request.at, request.size)?;
        let Some(index) = self.holder(range.start().get()) else {
            return Err(self.nothing_there(range));
        };
        let (whole, standing) = (self.allocations[index].range, self.allocations[index].standing);
        let suits = match standing {
            Standing::Memory => false,
            Standing::Instead => whole == range,
            Standing::Placeholder => whole.covers(range) && whole != range,
        };
        if !suits {
            return Err(Refused::with(Kind::NotPlaceholder));
        }
        self.allocations.remove(index);
        let cuts = [whole.start(), range.start(), range.end(), whole.end()].map(|at| at.get());
        self.allocations.extend(cuts.windows(2).filter_map(|cut| placeholder(cut[0], cut[1])));
        self.store.sweep(&self.shown());
        Ok(range)
    }

    /// Several become one (PH22 to PH31).
    pub(super) fn join(&mut self, request: &Free) -> Result<PageRange, Refused> {
        let range = self.touched(request.at, request.size)?;
        let inside = |made: &Allocation| made.range.intersection(range).is_some();
        let parts: Vec<_> = self.allocations.iter().filter(|made| inside(made)).collect();
        let all = parts.iter().all(|made| range.covers(made.range) && made.standing == Standing::Placeholder);
        let bytes: u64 = parts.iter().map(|made| made.range.bytes()).sum();
        if parts.len() < 2 || !all || bytes != range.bytes() {
            return Err(Refused::with(Kind::NotPlaceholder));
        }
        self.allocations.retain(|made| !inside(made));
        self.allocations.extend(placeholder(range.start().get(), range.end().get()));
        Ok(range)
    }

    /// The model has no views: there is never one to put a placeholder back for.
    pub(super) fn no_view(&self, request: &Free) -> Result<PageRange, Refused> {
        let range = self.touched(request.at, 1)?;
        match self.holder(range.start().get()) {
            Some(_) => Err(Refused::with(Kind::NotAllocated)),
            None => Err(self.nothing_there(range)),
        }
    }

    /// Why nothing can be given back where nothing of ours is.
    pub(super) fn nothing_there(&self, range: PageRange) -> Refused {
        let known = self.knows(range.start().get());
        let kinds = [Kind::NotAllocated, Kind::ForeignView];
        Refused { any_of: kinds[..if known { 1 } else { 2 }].to_vec(), why: "" }
    }

    /// What is done to placeholders instead of memory; `None` for everything else.
    pub(super) fn free_to_placeholder(&mut self, request: &Free) -> Option<Result<PageRange, Refused>> {
        match request.disposal {
            Disposal::Decommit | Disposal::Release | Disposal::Unmap => None,
            Disposal::Hold => Some(self.hold(request)),
            Disposal::Join => Some(self.join(request)),
            Disposal::UnmapAndHold => Some(self.no_view(request)),
        }
    }
}

fn placeholder(start: u64, end: u64) -> Option<Allocation> {
    let range = PageRange::between(start, end)?;
    let made = Allocation::reserved(range, Protection::NONE, Traits::PLAIN);
    Some(Allocation { standing: Standing::Placeholder, ..made })
}
