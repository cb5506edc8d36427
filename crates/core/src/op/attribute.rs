//! What is known of pages beside their protection: inheritance and behaviour.

use alloc::vec::Vec;

use crate::access::{Inheritance, Rights};
use crate::contract::{Machine, Showing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::object::{Content, Reach, View};
use crate::op::alias::{Consent, Progress, Receiver};
use crate::op::restrict::{Limit, Restrict};
use crate::op::walk::{Piece, What};
use crate::space::{AddressSpace, Attribute, Change, Done, Edit};

/// A request for another attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeRange {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched changes.
    pub size: u64,
    /// The attribute.
    pub change: Attribute,
}

impl AddressSpace {
    /// Changes one attribute of every page of ours in the range; holes are passed over
    /// for the inheritance (mach.md, row I3), and refused for the others (B3, P6). The
    /// answer is the range, rounded out.
    ///
    /// Memory that a child shall share lives in an object from then on, so that it is
    /// shared however the child is made; memory that it shall have a copy of leaves its
    /// object, if nobody else shows that. Of others' memory nothing is recorded: a
    /// behaviour of it is ignored, and it can be kept from a child, not shared with it.
    ///
    /// # Errors
    /// Nothing has changed: [`Kind::ZeroSize`], [`Kind::BadAddress`], [`Kind::BadSize`],
    /// [`Kind::BadFlags`] for the arguments; [`Kind::NotCommitted`] for a hole;
    /// [`Kind::Unsupported`] to share others' memory; [`Kind::NoObject`],
    /// [`Kind::MapBudget`], [`Kind::OutOfMemory`]; for the maximum those of
    /// [`Self::restrict`].
    pub fn attribute<M: Machine>(
        &self,
        machine: &mut M,
        request: &AttributeRange,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        let AttributeRange { at, size, change } = *request;
        let fail = |kind| Error::new(Verb::Attribute, kind, at, size);
        let range = self.geometry.touched(at, size).map_err(|bad| fail(bad.into()))?;
        match change {
            Attribute::Maximum(rights) => {
                let restrict = Restrict { at, size, rights, limit: Limit::Maximum };
                self.restrict(machine, &restrict)
            }
            Attribute::Behavior(behavior) => {
                if behavior > 3 {
                    return Err(fail(Kind::BadFlags));
                }
                self.walk(machine, range, &mut |piece| match piece.what {
                    What::Hole => Err(Kind::NotCommitted),
                    What::Ours(..) | What::Others(..) => Ok(()),
                })
                .map_err(fail)?;
                let edit = Edit::Pages { range, change: Change::Attribute(change) };
                Ok(Done::new(Ok(range), edit))
            }
            Attribute::Inheritance(inheritance) => {
                self.malleable(range).map_err(fail)?;
                let mut progress = Progress::default();
                let done = self.bequeath(machine, range, inheritance, &mut progress);
                self.settle(machine, &progress);
                Ok(progress.done(done.map(|()| range).map_err(fail)))
            }
        }
    }

    fn bequeath<M: Machine>(
        &self,
        machine: &mut M,
        range: PageRange,
        inheritance: Inheritance,
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        let mut pieces = Vec::new();
        self.walk(machine, range, &mut |piece| {
            match (piece.what, inheritance) {
                (What::Hole, _) => {}
                (What::Others(..), Inheritance::Share) => return Err(Kind::Unsupported),
                (What::Others(..), Inheritance::Copy | Inheritance::None) | (What::Ours(..), _) => {
                    pieces.push(piece);
                }
            }
            Ok(())
        })?;
        // Moving bytes is not to be seen, so a refusal after it has changed nothing.
        match inheritance {
            Inheritance::Share => self.make_shareable(machine, &pieces, progress)?,
            Inheritance::Copy => self.make_copyable(machine, &pieces, progress),
            Inheritance::None => {}
        }
        for (index, piece) in pieces.iter().enumerate() {
            if let Err(refusal) = machine.inherit(piece.range, inheritance) {
                self.retell(machine, &pieces[..=index]);
                return Err(refusal.into());
            }
        }
        let change = Change::Attribute(Attribute::Inheritance(inheritance));
        progress.edits.push(Edit::Pages { range, change });
        Ok(())
    }

    /// Moves the private pages of ours into objects, one for each row of pieces.
    fn make_shareable<M: Machine>(
        &self,
        machine: &mut M,
        pieces: &[Piece],
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        let mut at = 0;
        while let Some(range) = row(&pieces[at..]) {
            let parts = self.parts(machine, range, Consent::OwnOnly, Rights::empty())?;
            self.realise(machine, range, &parts, Receiver::New, progress)?;
            at += pieces[at..].iter().take_while(|piece| range.covers(piece.range)).count();
        }
        Ok(())
    }

    /// Takes pages out of the objects that nobody else shows, as far as the machine does
    /// it: a snapshot is copied by a fork whichever way that is made.
    fn make_copyable<M: Machine>(&self, machine: &mut M, pieces: &[Piece], progress: &mut Progress) {
        for piece in pieces {
            let What::Ours(whole, _, protection) = piece.what else { continue };
            for (range, content) in self.contents_of(piece.range) {
                let Some(content) = content.filter(|content| self.is_lone_share(*content, range)) else {
                    continue;
                };
                let showing = Showing { region: whole, range, access: protection.effective() };
                self.freeze(machine, showing, content, progress);
            }
        }
    }

    /// Whether nobody but `range` shows these shared pages.
    pub(super) fn is_lone_share(&self, content: Content, range: PageRange) -> bool {
        let end = content.first + range.bytes() / self.geometry.page;
        content.view == View::Shared
            && self.objects.get(&content.object).is_some_and(|object| {
                object.reach == Reach::Home && object.counts(content.first, end).all(|run| run.2 == 1)
            })
    }

    /// Shows shared pages that nobody else shows as a snapshot, if the machine can.
    pub(super) fn freeze<M: Machine>(
        &self,
        machine: &mut M,
        showing: Showing,
        content: Content,
        progress: &mut Progress,
    ) {
        let Showing { region, range, access } = showing;
        let content = content.viewed(View::Snapshot);
        if machine.show(region, range, content, access).is_ok() {
            self.mapped_anew(machine, range, content, progress);
        }
    }

    /// Tells the machine again what the truth says of forks.
    fn retell<M: Machine>(&self, machine: &mut M, pieces: &[Piece]) {
        for piece in pieces {
            let inheritance = match piece.what {
                What::Ours(_, slot, _) => slot.attributes().inheritance,
                What::Others(..) | What::Hole => Inheritance::Copy,
            };
            let _ = machine.inherit(piece.range, inheritance);
        }
    }
}

/// The pieces at the start that follow each other in one allocation, as one range.
fn row(pieces: &[Piece]) -> Option<PageRange> {
    let first = pieces.first()?;
    let whole = first.allocation()?;
    let mut end = first.range.end();
    for piece in &pieces[1..] {
        if piece.range.start() != end || piece.allocation() != Some(whole) {
            break;
        }
        end = piece.range.end();
    }
    PageRange::between(first.range.start().get(), end.get())
}

impl Piece {
    /// The allocation of ours that it lies in.
    const fn allocation(&self) -> Option<PageRange> {
        match self.what {
            What::Ours(whole, ..) => Some(whole),
            What::Hole | What::Others(..) => None,
        }
    }
}
