//! The proof that a verb survives a machine that fails.

use std::collections::BTreeSet;

use pagewright_core::access::Latch;
use pagewright_core::region::Region;
use pagewright_core::{Geometry, Machine, PageRange, Protection, Refusal, Slot, Va};

use super::{Fault, Faulty, Mode, Spared};
use crate::null::Null;
use crate::op::{Outcome, Step};
use crate::subject::{Local, Subject};

/// Core on a null machine that can be made to fail.
pub type Fragile = Local<Faulty<Null>>;

/// An empty [`Fragile`], audited against its machine.
pub fn fragile() -> Fragile {
    let machine = Faulty::new(Null::new(Geometry::X86_64));
    Local::new(machine, crate::ARENA).audited(|managed| managed.machine().inner().mirrors(managed.space()))
}

/// Pages that are alike: first, behind the last, state.
type Run = (u64, u64, Slot);

/// All that a caller can tell, and all that the machine holds.
#[derive(Debug, PartialEq)]
struct Snapshot {
    regions: Vec<(PageRange, Protection, Vec<Run>)>,
    charge: u64,
    machine: Null,
}

impl Snapshot {
    fn of(subject: &Fragile) -> Self {
        let space = subject.managed().space();
        let runs = |region: &Region| {
            region.pages.runs(region.pages.first(), region.pages.end()).collect::<Vec<Run>>()
        };
        Self {
            regions: space.regions().map(|(at, region)| (at, region.initial, runs(region))).collect(),
            charge: space.charge().used(),
            machine: subject.managed().machine().inner().clone(),
        }
    }
}

impl Snapshot {
    /// The pages that count as stored to.
    fn stored(&self) -> BTreeSet<u64> {
        let mut stored = self.machine.stored();
        let page = self.machine.geometry().page;
        for (_, _, runs) in &self.regions {
            let latched = runs.iter().filter(|(_, _, slot)| slot.latch() == Latch::Set);
            stored.extend(latched.flat_map(|(first, end, _)| (*first..*end).map(|number| number * page)));
        }
        stored
    }

    /// The regions, but for what is remembered of stores.
    fn unlatched(&self) -> Vec<(PageRange, Protection, Vec<Run>)> {
        let open = |runs: &Vec<Run>| {
            let mut joined: Vec<Run> = Vec::new();
            for (first, end, slot) in runs.iter().map(|run| (run.0, run.1, run.2.latched(Latch::Open))) {
                match joined.last_mut() {
                    Some(last) if last.1 == first && last.2 == slot => last.1 = end,
                    Some(_) | None => joined.push((first, end, slot)),
                }
            }
            joined
        };
        self.regions.iter().map(|(range, initial, runs)| (*range, *initial, open(runs))).collect()
    }
}

/// Every way in which one call can fail.
const WAYS: [(Mode, Refusal); 3] = [
    (Mode::Before, Refusal::OutOfMemory),
    (Mode::Half, Refusal::OutOfMemory),
    // Core looks elsewhere when a place is taken: that path has calls of its own.
    (Mode::Before, Refusal::Occupied),
];

/// Proves that `step` on `subject` happens or does not, whichever call fails, and
/// that it happens when tried again. Returns how many failures were tried.
///
/// # Errors
/// The first failure that left something in between, in words.
pub fn atomic(subject: &Fragile, step: &Step) -> Result<u64, String> {
    let before = Snapshot::of(subject);
    let mut healthy = subject.clone();
    let outcome = step.perform(&mut healthy);
    let after = Snapshot::of(&healthy);
    let mut tried = 0;
    for (mode, refusal) in WAYS {
        for call in 1.. {
            let fault = Fault { call, mode, refusal };
            let mut trial = subject.clone();
            trial.managed().machine().spare(spared(step));
            trial.managed().machine().arm(fault);
            let said = step.perform(&mut trial);
            if !trial.managed().machine().disarm() {
                break;
            }
            tried += 1;
            settled(&mut trial, step, &said, &before, (&outcome, &after))
                .and_then(|()| again(trial, step, &said, (&outcome, &after)))
                .map_err(|what| format!("{step:?} with {fault:?} said {said:?}: {what}"))?;
        }
    }
    Ok(tried)
}

fn spared(step: &Step) -> Spared {
    match step {
        Step::Alias(_) | Step::Copy(_) => Spared::Cleaning,
        Step::Allocate(_)
        | Step::Free(_)
        | Step::Protect(_)
        | Step::Lock(_)
        | Step::Read { .. }
        | Step::Write { .. }
        | Step::Query { .. }
        | Step::SetLimit { .. }
        | Step::Written(_)
        | Step::Mark(_)
        | Step::Recycle(_) => Spared::None,
    }
}

/// The step happened with its outcome, or was refused and did not. Of a copy, a part may
/// have happened, if it was refused when it had begun.
fn settled(
    trial: &mut Fragile,
    step: &Step,
    said: &Outcome,
    before: &Snapshot,
    done: (&Outcome, &Snapshot),
) -> Result<(), String> {
    trial.check()?;
    let now = Snapshot::of(trial);
    let placed_elsewhere = matches!((said, done.0), (Outcome::Range(_), Outcome::Range(_)));
    if let (Outcome::Refused(_), Some(page)) = (said, yielded_anew(&now, before)) {
        return Err(format!("{page:#x} may lose its content, although it was refused"));
    }
    if let Step::Written(_) | Step::Mark(_) = step {
        return settled_stores(&now, said, before, done);
    }
    match said {
        Outcome::Refused(_) if now == *before => Ok(()),
        Outcome::Refused(_) if is_part(trial, step) => partly(trial, &now, before, done.1),
        _ if (said, &now) == done || placed_elsewhere => Ok(()),
        // It stopped short at a guard, which the machine could not take away: it is met again.
        Outcome::Count(_) | Outcome::Bytes(_) if said == done.0 && now.regions == before.regions => Ok(()),
        _ => Err(format!("it is in between: {}", difference(&now, before))),
    }
}

/// Of stores none got lost that was not reported, or that was not to be forgotten; and
/// nothing else changed.
fn settled_stores(
    now: &Snapshot,
    said: &Outcome,
    before: &Snapshot,
    (outcome, done): (&Outcome, &Snapshot),
) -> Result<(), String> {
    let reported: BTreeSet<u64> = match said {
        Outcome::Runs(runs) => runs.iter().flat_map(|run| now.machine.pages_of(*run)).collect(),
        _ => BTreeSet::new(),
    };
    let forgotten: BTreeSet<u64> = before.stored().difference(&done.stored()).copied().collect();
    let lost = before.stored().into_iter().filter(|page| !now.stored().contains(page));
    // A call that forgets may have forgotten a part when it fails: the caller wants it gone.
    let may_go = |page: &u64| match (said, outcome) {
        (Outcome::Runs(_), _) => reported.contains(page),
        (_, Outcome::Done) => forgotten.contains(page),
        _ => false,
    };
    if let Some(page) = lost.into_iter().find(|page| !may_go(page)) {
        return Err(format!("the store to {page:#x} got lost"));
    }
    let bare = |snapshot: &Snapshot| (snapshot.unlatched(), snapshot.charge, snapshot.machine.clean());
    if bare(now) != bare(before) {
        return Err(format!("more changed than what is known of stores: {}", difference(now, before)));
    }
    Ok(())
}

/// A page whose content may be dropped now, and before not.
fn yielded_anew(now: &Snapshot, before: &Snapshot) -> Option<u64> {
    now.machine.yielded().difference(&before.machine.yielded()).next().copied()
}

/// Whether a part of a step may be done: of a copy whose bytes began to move.
fn is_part(trial: &Fragile, step: &Step) -> bool {
    matches!(step, Step::Copy(_)) && trial.managed().machine().passed()
}

/// Every byte is the old or the new one, and nothing else changed.
fn partly(trial: &Fragile, now: &Snapshot, before: &Snapshot, done: &Snapshot) -> Result<(), String> {
    if now.regions != before.regions || now.charge != before.charge {
        return Err(format!("a copy changed more than bytes: {}", difference(now, before)));
    }
    let page = now.machine.geometry().page;
    for (range, _, runs) in &now.regions {
        let committed = runs.iter().filter(|(_, _, slot)| slot.is_committed());
        for at in committed.flat_map(|(first, end, _)| *first..*end).map(|number| number * page) {
            if has_aliases(trial, at) {
                // Two pages of the target can be one: then it had a third state in between.
                continue;
            }
            let load = |machine: &Null| {
                let mut bytes = vec![0; page as usize];
                machine.read(Va::new(at), &mut bytes);
                bytes
            };
            let (bytes, old, new) = (load(&now.machine), load(&before.machine), load(&done.machine));
            let known =
                bytes.iter().zip(old.iter().zip(&new)).all(|(byte, (old, new))| byte == old || byte == new);
            if !known {
                return Err(format!(
                    "in {range}, {at:#x} has bytes that are neither the old nor the new ones"
                ));
            }
        }
    }
    Ok(())
}

fn has_aliases(trial: &Fragile, at: u64) -> bool {
    let space = trial.managed().space();
    let page = PageRange::between(at, at + space.geometry().page).expect("a page");
    let content = space.contents_of(page).find_map(|(_, content)| content);
    content.is_some_and(|content| {
        space.objects().any(|(id, object)| id == content.object && object.count(content.first) > 1)
    })
}

/// What was refused succeeds now.
fn again(mut trial: Fragile, step: &Step, said: &Outcome, done: (&Outcome, &Snapshot)) -> Result<(), String> {
    if !matches!(said, Outcome::Refused(_)) || said == done.0 {
        return Ok(());
    }
    if let (Step::Written(_) | Step::Mark(_), Outcome::Runs(_) | Outcome::Done) = (step, done.0) {
        // A part may have been forgotten before: what counts is that it is possible now.
        return match step.perform(&mut trial) {
            Outcome::Refused(why) => Err(format!("tried again it said {why:?}")),
            _ => Ok(()),
        };
    }
    // What a copy over itself left is another source.
    let part = is_part(&trial, step);
    let outcome = step.perform(&mut trial);
    if part && &outcome == done.0 {
        return Ok(());
    }
    if (&outcome, &Snapshot::of(&trial)) == done {
        return Ok(());
    }
    Err(format!("tried again it said {outcome:?} instead of {:?}", done.0))
}

fn difference(now: &Snapshot, before: &Snapshot) -> &'static str {
    if now.regions != before.regions {
        "the truth changed"
    } else if now.charge != before.charge {
        "the charge changed"
    } else {
        "the machine changed"
    }
}
