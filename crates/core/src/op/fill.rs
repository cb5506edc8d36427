//! Giving the pages of a new mapping what they show.

use alloc::vec::Vec;

use crate::access::{Access, Attributes, Inheritance, Protection};
use crate::contract::{Machine, Refusal};
use crate::error::Kind;
use crate::geometry::{Geometry, PageRange};
use crate::object::{Content, Contents, Promise};
use crate::op::alias::Progress;
use crate::op::site::{Plot, Site};
use crate::space::{AddressSpace, Attribute, Change, Edit, join};
use crate::traits::Traits;

/// How the pages of a run look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) protection: Protection,
    pub(super) attributes: Attributes,
    /// What the first page shows; the ones after it show the next ones.
    pub(super) content: Option<Content>,
    /// What the machine is told about forks, unless it is what it does anyway.
    pub(super) told: Option<Inheritance>,
}

/// What a verb has done so far to what ranges show.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Ranges that show something else now.
    pub(super) lost: Vec<PageRange>,
    /// What they show.
    pub(super) kept: Shown,
}

/// Ranges and what each shows.
type Shown = Vec<(PageRange, Content)>;

/// Why a run was not filled, and whether what stood there is gone.
enum Spoiled {
    /// It shows what it did.
    Nothing(Refusal),
    /// What it showed is lost.
    Content(Refusal),
}

impl AddressSpace {
    /// Gives a site its pages, run by run, and records them. Where nothing was, pages
    /// that are to be private have their access already.
    ///
    /// On error what was free is free again, and what was replaced until then is gone.
    pub(super) fn fill<M: Machine>(
        &self,
        machine: &mut M,
        site: &Site,
        looks: &[(PageRange, Look)],
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        let mut spoiled = 0;
        for (index, plot) in site.plots.iter().enumerate() {
            for (run, look) in self.looks_in(plot.part, looks) {
                match self.fill_run(machine, plot, run, look) {
                    Ok(()) => spoiled = index + 1,
                    Err(why) => {
                        let refusal = match why {
                            Spoiled::Nothing(refusal) => refusal,
                            Spoiled::Content(refusal) => {
                                spoiled = index + 1;
                                refusal
                            }
                        };
                        self.withdraw(machine, site, spoiled, progress);
                        return Err(refusal.into());
                    }
                }
            }
        }
        let replaced = site.replaced();
        let moved = self.moved(progress);
        let mut kept = moved.without(&self.geometry, &replaced);
        kept.extend(looks.iter().filter_map(|(run, look)| Some((*run, look.content?))));
        self.let_go(machine, &moved.together(&replaced), &kept);
        self.let_go_new(machine, &progress.edits, &kept);
        progress.edits.extend(replaced.into_iter().map(|range| Edit::Remove { range }));
        for plot in &site.plots {
            self.record_plot(plot, looks, progress);
        }
        Ok(())
    }

    fn fill_run<M: Machine>(
        &self,
        machine: &mut M,
        plot: &Plot,
        run: PageRange,
        look: Look,
    ) -> Result<(), Spoiled> {
        let access = look.protection.effective();
        match (look.content, plot.old) {
            (Some(content), _) => {
                machine.show(plot.region(), run, content, access).map_err(Spoiled::Nothing)?;
            }
            (None, Some(whole)) => self.renew(machine, whole, run, access)?,
            (None, None) => {}
        }
        // A machine that cannot say what a child gets of them has the pages all the same.
        let told = look.told.unwrap_or(Inheritance::Copy);
        if look.told.is_some() || plot.old.is_some() {
            let _ = machine.inherit(run, told);
        }
        Ok(())
    }

    /// Fresh pages in the place of ours, without a hole in time that others could take.
    fn renew<M: Machine>(
        &self,
        machine: &mut M,
        whole: PageRange,
        run: PageRange,
        access: Access,
    ) -> Result<(), Spoiled> {
        let region = self.region_at(run.start());
        if region.is_some_and(|(_, region)| region.committed_bytes(&self.geometry, run) > 0) {
            machine.decommit(whole, run).map_err(Spoiled::Nothing)?;
        }
        machine.commit(whole, run, access).map_err(Spoiled::Content)
    }

    /// Takes a site back after a failure: what was free is free again, and of what had to
    /// go, the first `spoiled` plots are gone.
    fn withdraw<M: Machine>(&self, machine: &mut M, site: &Site, spoiled: usize, progress: &mut Progress) {
        site.abandon(machine);
        let gone = site.plots[..spoiled].iter().filter_map(|plot| Some((plot.old?, plot.part)));
        let gone: Vec<_> = gone.collect();
        let lost: Vec<_> = gone.iter().map(|(_, part)| *part).collect();
        for (whole, part) in gone {
            // If even that fails the pages are nobody's in the truth and taken on the
            // machine, which refuses them to the next who asks.
            let _ = machine.release(whole, part);
        }
        let moved = self.moved(progress);
        let kept = moved.without(&self.geometry, &lost);
        self.let_go(machine, &moved.together(&lost), &kept);
        self.let_go_new(machine, &progress.edits, &kept);
        progress.edits.extend(lost.into_iter().map(|range| Edit::Remove { range }));
    }

    fn record_plot(&self, plot: &Plot, looks: &[(PageRange, Look)], progress: &mut Progress) {
        let runs = self.looks_in(plot.part, looks);
        let Some((first, look)) = runs.first().copied() else { return };
        progress.edits.push(Edit::Insert {
            range: plot.part,
            initial: look.protection,
            committed: Some(look.protection),
            attributes: look.attributes,
            promise: Promise::OnWrite,
            traits: Traits::PLAIN,
        });
        for (run, look) in runs {
            if run != first {
                look.record(run, progress);
            }
            let content = look.content;
            progress.edits.extend(content.map(|_| Edit::Show { range: run, content }));
        }
    }

    /// The parts of `range`, each with its look.
    fn looks_in(&self, range: PageRange, looks: &[(PageRange, Look)]) -> Vec<(PageRange, Look)> {
        let page = self.geometry.page;
        let part = |(run, look): &(PageRange, Look)| {
            let part = run.intersection(range)?;
            let pages = (part.start().get() - run.start().get()) / page;
            let content = look.content.map(|content| content.after(pages));
            Some((part, Look { content, ..*look }))
        };
        looks.iter().filter_map(part).collect()
    }
}

impl Moved {
    /// What the ranges show, but for those of `gone`.
    fn without(&self, geometry: &Geometry, gone: &[PageRange]) -> Shown {
        let mut shown = Contents::default();
        for (range, content) in &self.kept {
            shown.replace(geometry, *range, Some(*content));
        }
        gone.iter().for_each(|range| drop(shown.replace(geometry, *range, None)));
        shown.iter().collect()
    }

    /// The ranges that show something else, and those of `others`, each page once.
    fn together(&self, others: &[PageRange]) -> Vec<PageRange> {
        let mut ranges = self.lost.clone();
        ranges.extend_from_slice(others);
        ranges.sort_by_key(|range| range.start());
        join(ranges).into_vec()
    }
}

impl Look {
    /// Gives pages that were inserted with another look this one.
    fn record(&self, range: PageRange, progress: &mut Progress) {
        let Attributes { maximum, inheritance, behavior } = self.attributes;
        let changes = [
            Change::Protect(self.protection),
            Change::Attribute(Attribute::Maximum(maximum)),
            Change::Attribute(Attribute::Inheritance(inheritance)),
            Change::Attribute(Attribute::Behavior(behavior)),
        ];
        progress.edits.extend(changes.map(|change| Edit::Pages { range, change }));
    }
}
