//! Memory that goes from one task to another, or stays in the one.

use pagewright_core::{
    Alias, Attribute, AttributeRange, Birth, Consent, Free, Inheritance, Kind, Map, MapPlace, Onto,
    Overwrite, Remap, RemapCopy, Rights, Surveyed,
};

use super::code::{KernReturn, Result};
use super::profile::consent;
use super::sanitize::Span;
use super::task::{Granted, Remapped, Remapping, Source, Task, overwrite, place, start};
use super::types::vm_prot_t;
use super::words;
use crate::memory::Memory;
use crate::process::Process;
use crate::share::{Edges, Share};

/// Where a mapping goes, and what a child gets of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) place: MapPlace,
    pub(super) mask: u64,
    pub(super) overwrite: Overwrite,
    pub(super) inheritance: Inheritance,
}

impl Target {
    /// Anywhere.
    pub(super) const fn anywhere(inheritance: Inheritance) -> Self {
        Self { place: MapPlace::Above(0), mask: 0, overwrite: Overwrite::Refuse, inheritance }
    }

    /// Where the words of a remapping put it.
    fn of(request: &Remapping) -> Result<Self> {
        Ok(Self {
            place: place(request.at, request.flags),
            mask: request.mask,
            overwrite: overwrite(request.flags),
            inheritance: words::inheritance(request.inherit)?,
        })
    }
}

/// `vm_remap` from one task to another, or within one.
///
/// # Errors
/// As [`Task::remap`].
pub(super) fn remap(from: &Process, into: &Process, request: &Remapping) -> Result<Remapped> {
    if from.pid() == into.pid() {
        return match Task::of(into).remap(request) {
            Err(KernReturn::PROTECTION_FAILURE)
                if request.copy == RemapCopy::Share && consent() == Consent::Foreign =>
            {
                alias_foreign(into, request)
            }
            done => done,
        };
    }
    let source = request.source()?;
    let runs = Task::of(from).runs(source)?;
    let made = bring(from, source, &runs, into, &Target::of(request)?, request.copy)?;
    let (current, maximum) = common(&runs);
    Ok((made + request.lead(), words::prot(current), words::prot(maximum)))
}

/// `vm_remap_new` from one task to another, or within one.
///
/// # Errors
/// As [`Task::remap_new`].
pub(super) fn remap_new(
    from: &Process,
    into: &Process,
    request: &Remapping,
    protection: vm_prot_t,
    maximum: vm_prot_t,
) -> Result<Remapped> {
    if from.pid() == into.pid() {
        return Task::of(into).remap_new(request, protection, maximum);
    }
    let rights = Granted::decode(protection, maximum)?;
    let source = request.source()?;
    let task = Task::of(from);
    match task.check_source(source, request.copy, &rights)? {
        Source::HasAll | Source::LacksSome => {}
    }
    let mut runs = task.runs(source)?;
    for (_, found) in &mut runs {
        found.protection = words::protection(rights.current);
        found.attributes.maximum = rights.maximum;
    }
    let made = bring(from, source, &runs, into, &Target::of(request)?, request.copy)?;
    Ok((made + request.lead(), protection, maximum))
}

/// Makes pages of one task a mapping of another, each run with the rights that it has in
/// `runs`. Answers where.
pub(super) fn bring(
    from: &Process,
    source: Span,
    runs: &[(Span, Surveyed)],
    into: &Process,
    target: &Target,
    copy: RemapCopy,
) -> Result<u64> {
    let made = match copy {
        RemapCopy::Share => show(from, source, runs, into, target)?,
        RemapCopy::Snapshot => hand_over(from, source, into, target)?,
    };
    let task = Task::of(into);
    for (run, found) in runs {
        let at = made + (run.at - source.at);
        let rights = Granted { current: found.protection.rights, maximum: found.attributes.maximum };
        let granted = task.grant(Span { at, size: run.size }, &rights);
        granted.inspect_err(|_| task.discard(made, source.size))?;
    }
    Ok(made)
}

/// The same bytes in another task.
fn show(
    from: &Process,
    source: Span,
    runs: &[(Span, Surveyed)],
    into: &Process,
    target: &Target,
) -> Result<u64> {
    let made = claim(into, source.size, target)?;
    let done = shown_at(from, source, runs, into, made);
    done.inspect_err(|_| Task::of(into).discard(made, source.size))?;
    let change = Attribute::Inheritance(target.inheritance);
    if target.inheritance != Inheritance::Copy {
        into.attribute(&AttributeRange { at: made, size: source.size, change })?;
    }
    Ok(made)
}

fn shown_at(
    from: &Process,
    source: Span,
    runs: &[(Span, Surveyed)],
    into: &Process,
    made: u64,
) -> Result<()> {
    // A view takes the place of pages without memory.
    into.free(&Free::decommit(made, source.size))?;
    for (run, found) in runs {
        let share = Share {
            source: run.at,
            size: run.size,
            onto: Onto::Reserved(made + (run.at - source.at)),
            // What a view is made with is what it may be given later.
            protection: words::protection(found.attributes.maximum),
            edges: Edges::Strict,
            consent: consent(),
        };
        from.share(into, &share)?;
    }
    Ok(())
}

/// A copy of the bytes in another task.
fn hand_over(from: &Process, source: Span, into: &Process, target: &Target) -> Result<u64> {
    let made = claim(into, source.size, target)?;
    let copied = Task::of(from).overwrite(source.at, source.size, Task::of(into), made);
    copied.inspect_err(|_| Task::of(into).discard(made, source.size))?;
    Ok(made)
}

/// Fresh memory for what comes from elsewhere.
fn claim(into: &Process, size: u64, target: &Target) -> Result<u64> {
    let Target { place, mask, overwrite, inheritance } = *target;
    Task::of(into).may_replace(place, size, overwrite)?;
    let map = Map { place, mask, overwrite, inheritance, birth: Birth::Private, ..Map::new(size) };
    Ok(start(into.map(&map)?))
}

/// A second mapping of memory that the program mapped itself, which moves into an object
/// for that: it is shared with forked children from then on.
fn alias_foreign(task: &Process, request: &Remapping) -> Result<Remapped> {
    let source = request.source()?;
    let runs = Task::of(task).runs(source)?;
    let (current, maximum) = common(&runs);
    let at = alias(task, source, &Target::of(request)?, maximum)?;
    let view = Task::of(task);
    let rights = Granted { current, maximum };
    view.grant(Span { at, size: source.size }, &rights).inspect_err(|_| view.discard(at, source.size))?;
    Ok((at + request.lead(), words::prot(current), words::prot(maximum)))
}

fn alias(task: &Process, source: Span, target: &Target, rights: Rights) -> Result<u64> {
    let made = claim(task, source.size, target)?;
    let done = task.free(&Free::decommit(made, source.size)).and_then(|_| {
        task.alias(&Alias {
            source: source.at,
            size: source.size,
            onto: Onto::Reserved(made),
            protection: words::protection(rights),
            consent: consent(),
        })
    });
    match done {
        Ok(range) => Ok(start(range)),
        Err(error) => {
            Task::of(task).discard(made, source.size);
            Err(error.into())
        }
    }
}

/// The same bytes once more in this process, for a memory entry.
pub(super) fn keep(from: &Process, source: Span, runs: &[(Span, Surveyed)]) -> Result<u64> {
    let own = Process::current();
    let target = Target::anywhere(Inheritance::Share);
    if !from.is_current() {
        return bring(from, source, runs, &own, &target, RemapCopy::Share);
    }
    let remap = Remap {
        source: source.at,
        size: source.size,
        place: target.place,
        mask: 0,
        copy: RemapCopy::Share,
        inheritance: target.inheritance,
        overwrite: Overwrite::Refuse,
    };
    match own.remap(&remap) {
        Ok((range, ..)) => Ok(start(range)),
        Err(error) if error.kind() == Kind::NoConsent => alias(&own, source, &target, common(runs).1),
        Err(error) => Err(error.into()),
    }
}

/// The rights that all runs have, and may have.
pub(super) fn common(runs: &[(Span, Surveyed)]) -> (Rights, Rights) {
    runs.iter().fold((Rights::USUAL, Rights::USUAL), |(current, maximum), (_, found)| {
        let rights = found.protection.rights;
        (current.intersection(rights), maximum.intersection(found.attributes.maximum))
    })
}
