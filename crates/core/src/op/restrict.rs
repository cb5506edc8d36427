//! Protection across allocations, within what each page may ever have.

use alloc::vec::Vec;

use crate::access::{Guard, Inheritance, Protection, Rights};
use crate::contract::{Backing, Machine, Showing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::object::{Content, Promise, View};
use crate::op::alias::Progress;
use crate::op::walk::{Piece, What};
use crate::space::{AddressSpace, Attribute, Change, Done, Edit};

/// A request for other rights, over any number of allocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restrict {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched changes.
    pub size: u64,
    /// The rights: of `READ`, `WRITE` and `EXECUTE`.
    pub rights: Rights,
    /// Which rights are meant.
    pub limit: Limit,
}

/// Which of the rights of a page a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// What may be done now.
    Current,
    /// What may ever be done, and with it what may be done now.
    Maximum,
    /// What may ever be done with a copy of its own, which each page becomes: stores to it
    /// are seen nowhere else, and are permitted from then on, whatever was. The rights are
    /// not given, they must be possible; what may be done now stays.
    Copied,
}

/// A run whose access changes: where, to what, and what it was.
#[derive(Clone, Copy, Debug)]
struct Step {
    piece: Piece,
    new: Protection,
}

impl AddressSpace {
    /// Gives every page of the range these rights now, or takes the others away for ever
    /// (mach.md, rows P3 to P9). The answer is the range, rounded out. Of memory that
    /// others mapped only the current rights can be changed.
    ///
    /// # Errors
    /// Nothing has changed, and the first page that stands in the way is meant:
    /// [`Kind::NotCommitted`] where there is no memory, [`Kind::AboveCeiling`] where it
    /// may not have them, [`Kind::Unsupported`] for what may ever be done with the memory
    /// of others. [`Kind::ZeroSize`], [`Kind::BadAddress`], [`Kind::BadSize`],
    /// [`Kind::BadProtection`] for the arguments; [`Kind::Conflict`] for a copy of what
    /// others show; [`Kind::MapBudget`], [`Kind::OutOfMemory`], [`Kind::AccessDenied`]
    /// when the kernel refuses: then some pages may be copies of their own already.
    pub fn restrict<M: Machine>(
        &self,
        machine: &mut M,
        request: &Restrict,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        let fail = |kind| Error::new(Verb::Protect, kind, request.at, request.size);
        let range = self.geometry.touched(request.at, request.size).map_err(|bad| fail(bad.into()))?;
        if !Rights::USUAL.contains(request.rights) {
            return Err(fail(Kind::BadProtection));
        }
        self.malleable(range).map_err(fail)?;
        let mut steps = Vec::new();
        self.walk(machine, range, &mut |piece| {
            steps.push(Step { piece, new: self.restricted(piece, request)? });
            Ok(())
        })
        .map_err(fail)?;
        let mut progress = Progress::default();
        match request.limit {
            Limit::Copied => {
                let done = self.privatise(machine, &steps, &mut progress);
                self.settle(machine, &progress);
                return Ok(progress.done(done.map(|()| range).map_err(fail)));
            }
            Limit::Current | Limit::Maximum => self.enforce(machine, &steps).map_err(fail)?,
        }
        if request.limit == Limit::Maximum {
            let change = Change::Attribute(Attribute::Maximum(request.rights));
            progress.edits.push(Edit::Pages { range, change });
        }
        for step in &steps {
            if let What::Ours(..) = step.piece.what {
                let change = Change::Protect(step.new);
                progress.edits.push(Edit::Pages { range: step.piece.range, change });
            }
        }
        Ok(progress.done(Ok(range)))
    }

    /// Makes every page a copy of its own. No store is lost, whoever makes it meanwhile.
    fn privatise<M: Machine>(
        &self,
        machine: &mut M,
        steps: &[Step],
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        for Step { piece, .. } in steps {
            let What::Ours(region, slot, protection) = piece.what else { continue };
            let inheritance = slot.attributes().inheritance;
            for (range, content) in self.contents_of(piece.range) {
                let Some(content) = content.filter(|content| content.view == View::Shared) else { continue };
                let showing = Showing { region, range, access: protection.effective() };
                self.detach(machine, showing, content, inheritance, progress)?;
            }
            let maximum = slot.attributes().maximum.union(Rights::WRITE);
            let change = Change::Attribute(Attribute::Maximum(maximum));
            progress.edits.push(Edit::Pages { range: piece.range, change });
        }
        Ok(())
    }

    /// Makes pages that are shown shared a copy that nobody else shows: what is shown once
    /// stays where it is.
    fn detach<M: Machine>(
        &self,
        machine: &mut M,
        showing: Showing,
        content: Content,
        inheritance: Inheritance,
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        let alone = self.is_lone_share(content, showing.range);
        // A child shares what lies in an object, and in no other way.
        let view = match inheritance {
            Inheritance::Share if alone => return Ok(()),
            Inheritance::Share => View::Shared,
            Inheritance::Copy | Inheritance::None => View::Snapshot,
        };
        let before = progress.edits.len();
        if alone {
            self.freeze(machine, showing, content, progress);
        }
        if progress.edits.len() == before {
            let pages = showing.range.bytes() / self.geometry.page;
            // Nobody is charged for a snapshot.
            let promise = match view {
                View::Shared => self.promise_over(showing.range),
                View::Snapshot => Promise::Full,
            };
            let object = self.make_object(machine, pages, promise, progress)?;
            let content = Content { object, first: 0, view };
            if let Err(refusal) = machine.promote(&[showing], content) {
                progress.abandon(machine, object);
                return Err(refusal.into());
            }
            self.mapped_anew(machine, showing.range, content, progress);
        }
        Ok(())
    }

    /// The protection that a piece gets.
    fn restricted(&self, piece: Piece, request: &Restrict) -> Result<Protection, Kind> {
        match piece.what {
            What::Hole => Err(Kind::NotCommitted),
            What::Ours(_, slot, protection) => {
                let most = slot.attributes().maximum;
                let (most, ceiling) = match request.limit {
                    // A copy may be stored to, and is no reason for other rights.
                    Limit::Copied => (most.union(Rights::WRITE), Rights::USUAL),
                    Limit::Current | Limit::Maximum => (most, self.ceiling_of(piece.range)),
                };
                if !most.contains(request.rights) || !ceiling.contains(request.rights) {
                    return Err(Kind::AboveCeiling);
                }
                Ok(match request.limit {
                    Limit::Current => {
                        Protection { rights: request.rights, guard: Guard::Clear, ..protection }
                    }
                    Limit::Maximum => {
                        let kept = request.rights.union(Rights::COPY);
                        Protection { rights: protection.rights.intersection(kept), ..protection }
                    }
                    Limit::Copied => protection,
                })
            }
            What::Others(protection, backing) => match request.limit {
                // What the program mapped for itself alone is a copy already.
                Limit::Copied if backing == Backing::View => Err(Kind::Conflict),
                Limit::Copied => Ok(protection),
                Limit::Current => Ok(Protection { rights: request.rights, ..protection }),
                Limit::Maximum if request.rights == Rights::USUAL => Ok(protection),
                Limit::Maximum => Err(Kind::Unsupported),
            },
        }
    }

    /// What the objects that a range shows permit any view of them.
    pub(super) fn ceiling_of(&self, range: PageRange) -> Rights {
        let objects = self.contents_of(range).filter_map(|(_, content)| self.objects.get(&content?.object));
        objects.fold(Rights::USUAL, |most, object| most.intersection(object.ceiling))
    }

    fn enforce<M: Machine>(&self, machine: &mut M, steps: &[Step]) -> Result<(), Kind> {
        for (index, step) in steps.iter().enumerate() {
            let Some(old) = step.piece.protection() else { continue };
            let access = step.new.effective();
            if old.effective() == access {
                continue;
            }
            let done = match step.piece.what {
                What::Ours(whole, ..) => machine.protect(whole, step.piece.range, access),
                What::Others(..) | What::Hole => machine.protect_foreign(step.piece.range, access),
            };
            if let Err(refusal) = done {
                self.undo(machine, &steps[..=index]);
                return Err(refusal.into());
            }
        }
        Ok(())
    }

    /// Gives pages the access back that the truth, or their owner, says they have.
    fn undo<M: Machine>(&self, machine: &mut M, steps: &[Step]) {
        for Step { piece, .. } in steps {
            match piece.what {
                What::Ours(whole, ..) => {
                    if let Some((_, region)) = self.region_at(piece.range.start()) {
                        machine.resync(whole, piece.range, &self.truth(region, piece.range));
                    }
                }
                What::Others(old, _) => {
                    // It had that access a moment ago, and going back needs nothing.
                    let _ = machine.protect_foreign(piece.range, old.effective());
                }
                What::Hole => {}
            }
        }
    }
}
