//! Wiring that counts: wired twice is let go twice.

use alloc::vec::Vec;

use crate::access::{Rights, Wiring};
use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::op::walk::{Piece, What};
use crate::space::{AddressSpace, Change, Done, Edit};

/// A request to wire pages once more, or once less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireRange {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched is meant.
    pub size: u64,
    /// What the pages must permit to be wired; none to let them go once.
    pub rights: Rights,
}

/// How a count changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wired once more.
    More,
    /// Let go once; what was wired once is not afterwards.
    Less,
}

impl AddressSpace {
    /// Wires the pages of a range once more, or lets them go once (mach.md, rows W2 to
    /// W8). Pages that are wired already are not asked for their rights again. The answer
    /// is the range, rounded out. Of others' memory no count is kept.
    ///
    /// # Errors
    /// Nothing has changed: [`Kind::ZeroSize`], [`Kind::BadAddress`], [`Kind::BadSize`],
    /// [`Kind::BadProtection`] for the arguments; [`Kind::NotCommitted`] where nothing is
    /// (to let go: at the start; further on holes are passed over); [`Kind::NoAccess`]
    /// where the pages lack the rights; [`Kind::LockQuota`], [`Kind::OutOfMemory`].
    pub fn wire_range<M: Machine>(
        &self,
        machine: &mut M,
        request: &WireRange,
    ) -> Result<Done<PageRange>, Error> {
        let verb = if request.rights.is_empty() { Verb::Unlock } else { Verb::Lock };
        let fail = |kind| Error::new(verb, kind, request.at, request.size);
        let range = self.geometry.touched(request.at, request.size).map_err(|bad| fail(bad.into()))?;
        if !Rights::USUAL.contains(request.rights) {
            return Err(fail(Kind::BadProtection));
        }
        let edit = if request.rights.is_empty() {
            self.let_go_once(machine, range)
        } else {
            self.wire_once(machine, range, request.rights)
        };
        Ok(Done::new(range, edit.map_err(fail)?))
    }

    fn wire_once<M: Machine>(&self, machine: &mut M, range: PageRange, rights: Rights) -> Result<Edit, Kind> {
        self.malleable(range)?;
        let mut loose: Vec<PageRange> = Vec::new();
        self.walk(machine, range, &mut |piece| {
            let Some(protection) = piece.protection() else { return Err(Kind::NotCommitted) };
            if piece.is_wired() {
                return Ok(());
            }
            let permits = protection.rights.contains(rights) && !protection.effective().now().is_empty();
            if !permits {
                return Err(Kind::NoAccess);
            }
            match loose.last_mut().filter(|last| last.end() == piece.range.start()) {
                Some(last) => {
                    *last = PageRange::between(last.start().get(), piece.range.end().get()).unwrap_or(*last);
                }
                None => loose.push(piece.range),
            }
            Ok(())
        })?;
        for (index, run) in loose.iter().enumerate() {
            if let Err(refusal) = machine.wire(*run) {
                for done in &loose[..index] {
                    let _ = machine.unwire(*done);
                }
                return Err(refusal.into());
            }
        }
        let wired = Edit::Pages { range, change: Change::Wire(Wiring::Wired) };
        Ok(Edit::Batch(alloc::vec![wired, Edit::Wires { range, step: Step::More }]))
    }

    fn let_go_once<M: Machine>(&self, machine: &mut M, range: PageRange) -> Result<Edit, Kind> {
        let mut last: Vec<PageRange> = Vec::new();
        self.walk(machine, range, &mut |piece| {
            match piece.what {
                What::Hole if piece.range.start() == range.start() => return Err(Kind::NotCommitted),
                What::Hole => {}
                // Whether others' memory is wired is not known, and letting go does no harm.
                What::Others(..) => last.push(piece.range),
                What::Ours(..) => {
                    let runs = self.wires.runs(piece.range);
                    last.extend(runs.filter(|(_, count)| *count == 1).map(|(run, _)| run));
                }
            }
            Ok(())
        })?;
        for (index, run) in last.iter().enumerate() {
            if let Err(refusal) = machine.unwire(*run) {
                for done in &last[..=index] {
                    self.rewire(machine, *done);
                }
                return Err(refusal.into());
            }
        }
        let mut edits = alloc::vec![Edit::Wires { range, step: Step::Less }];
        edits.extend(
            last.into_iter().map(|range| Edit::Pages { range, change: Change::Wire(Wiring::Pageable) }),
        );
        Ok(Edit::Batch(edits))
    }
}

impl Piece {
    const fn is_wired(&self) -> bool {
        match self.what {
            What::Ours(_, slot, _) => matches!(slot.wiring(), Wiring::Wired),
            What::Hole | What::Others(..) => false,
        }
    }
}
