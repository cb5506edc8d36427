//! Memory that goes from one task to another, or stays in the one.

use pagewright_core::{
    Alias, Attribute, AttributeRange, Birth, Consent, Free, Inheritance, Kind, Map, Onto, Owner, RemapCopy,
    Rights, Surveyed,
};

use super::code::{KernReturn, Result};
use super::profile::consent;
use super::sanitize::Span;
use super::task::{Granted, Remapped, Remapping, Source, Target, Task, start};
use super::types::vm_prot_t;
use super::words;
use crate::memory::Memory;
use crate::process::Process;
use crate::share::{Edges, Share};

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
    let mut runs = Task::of(from).runs(source)?;
    if request.copy == RemapCopy::Share {
        runs = sharable(runs);
    }
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
    Task::of(into).placed(source.size, target, |target| {
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
    })
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
        let said = into.attribute(&AttributeRange { at: made, size: source.size, change });
        said.inspect_err(|_| Task::of(into).discard(made, source.size))?;
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
    let map = Map { place, mask, overwrite, inheritance, birth: Birth::Private, ..Map::new(size) };
    Ok(start(into.map(&map)?))
}

/// A second mapping of memory that the program mapped itself, which moves into an object
/// for that: it is shared with forked children from then on.
fn alias_foreign(task: &Process, request: &Remapping) -> Result<Remapped> {
    let source = request.source()?;
    let (current, maximum) = common(&sharable(Task::of(task).runs(source)?));
    let (view, rights) = (Task::of(task), Granted { current, maximum });
    let at = view.placed(source.size, &Target::of(request)?, |target| {
        let at = alias(task, source, target, maximum)?;
        let made = Span { at, size: source.size };
        view.grant(made, &rights).inspect_err(|_| view.discard(at, source.size))?;
        Ok(at)
    })?;
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
    let (own, runs) = (Process::current(), &sharable(runs.to_vec()));
    let target = Target::anywhere(Inheritance::Share);
    if !from.is_current() {
        return bring(from, source, runs, &own, &target, RemapCopy::Share);
    }
    let remap = target.remap(source.at, source.size, RemapCopy::Share);
    match own.remap(&remap) {
        Ok((range, ..)) => Ok(start(range)),
        Err(error) if error.kind() == Kind::NoConsent => alias(&own, source, &target, common(runs).1),
        Err(error) => Err(error.into()),
    }
}

/// Runs with the rights that a view of them may have: what the program has forbidden itself
/// in memory of its own is not for a view to permit.
fn sharable(mut runs: Vec<(Span, Surveyed)>) -> Vec<(Span, Surveyed)> {
    for (_, found) in runs.iter_mut().filter(|(_, found)| found.owner == Owner::Foreign) {
        found.attributes.maximum = found.protection.rights.intersection(Rights::USUAL);
    }
    runs
}

/// The rights that all runs have, and may have.
pub(super) fn common(runs: &[(Span, Surveyed)]) -> (Rights, Rights) {
    runs.iter().fold((Rights::USUAL, Rights::USUAL), |(current, maximum), (_, found)| {
        let rights = found.protection.rights;
        (current.intersection(rights), maximum.intersection(found.attributes.maximum))
    })
}
