//! The tour: the main job on two real programs, with a proof from the kernel for every step.
//!
//! ```text
//!   program   starts, watches and, whatever happens, ends a child     kernel   what /proc says about it
//!   steps     what is done: one function per step, told with proofs   show     what a person reads of it
//! ```
//!
//! A step is a name and a function that does something and brings proofs; a tour is a list of them per program. What
//! comes later in the project appends to the lists.

mod kernel;
mod program;
mod show;
mod steps;

use serde_json::{Value, json};

use crate::fail::Fail;
use crate::out::Out;
use kernel::Census;
use program::{End, Program};
use show::Show;
use steps::{Stage, Step, Told};

/// How long the programs sleep. The tour itself takes a small part of that.
const SECONDS: u64 = 3;

/// What happened in one program.
#[derive(Debug)]
struct Visit {
    program: Program,
    /// How many steps there should be.
    planned: usize,
    done: Vec<(&'static str, Told)>,
    stopped_ns: u64,
    after: Option<Census>,
    end: Option<End>,
}

/// Does all of it. An error if anything was not as it should be.
pub(crate) fn run(out: Out) -> Result<(), Fail> {
    let show = Show::new(out);
    let itineraries = steps::itineraries();
    show.opening(itineraries.len(), SECONDS)?;
    // Started together, so that they sleep at the same time.
    let mut visits = Vec::new();
    for itinerary in &itineraries {
        // Its own end is the last step.
        let planned = itinerary.len() + 1;
        visits.push(Visit::new(Program::start(SECONDS)?, planned));
    }
    for (index, (visit, itinerary)) in visits.iter_mut().zip(&itineraries).enumerate() {
        show.program(index + 1, &visit.program)?;
        follow(visit, itinerary, &show)?;
    }
    show.waiting(&visits)?;
    for visit in &mut visits {
        let (end, told) = steps::finish(&visit.program);
        visit.end = end;
        visit.done.push(("finish", told));
    }
    show.summary(&visits)?;
    conclude(&visits, out)
}

/// One step after the other. After a failure only the last one is done, which takes us out of the program.
fn follow(visit: &mut Visit, itinerary: &[Step], show: &Show) -> Result<(), Fail> {
    let mut stage = match Stage::enter(&visit.program) {
        Ok(stage) => stage,
        Err(fail) => {
            let told = Told::failed(&fail);
            show.step("open", &told)?;
            visit.done.push(("open", told));
            return Ok(());
        }
    };
    let mut sound = true;
    for (index, step) in itinerary.iter().enumerate() {
        if !sound && index + 1 < itinerary.len() {
            continue;
        }
        let told = (step.act)(&mut stage).unwrap_or_else(|fail| Told::failed(&fail));
        sound &= told.holds();
        show.step(step.name, &told)?;
        visit.done.push((step.name, told));
    }
    (visit.stopped_ns, visit.after) = (stage.stopped_ns, stage.after);
    Ok(())
}

/// How many proofs there were, and how many of them hold.
fn score(visits: &[Visit]) -> (usize, usize) {
    let scores = || visits.iter().map(Visit::score);
    (scores().map(|(proofs, _)| proofs).sum(), scores().map(|(_, hold)| hold).sum())
}

fn conclude(visits: &[Visit], out: Out) -> Result<(), Fail> {
    let (proofs, hold) = score(visits);
    let report = json!({
        "ok": proofs == hold,
        "proofs": proofs,
        "hold": hold,
        "programs": visits.iter().map(Visit::json).collect::<Vec<_>>(),
    });
    if proofs != hold {
        let message = format!(
            "{} of {proofs} proofs of the tour failed; run pagewright doctor to see why",
            proofs - hold
        );
        return Err(Fail::Tour { message, report });
    }
    match out.form {
        crate::out::Form::Json => out.document(&report),
        crate::out::Form::Text => Ok(()),
    }
}

impl Visit {
    fn new(program: Program, planned: usize) -> Self {
        Self { program, planned, done: Vec::new(), stopped_ns: 0, after: None, end: None }
    }

    /// Its proofs, and those that hold.
    fn score(&self) -> (usize, usize) {
        let proofs = || self.done.iter().flat_map(|(_, told)| &told.proofs);
        (proofs().count(), proofs().filter(|proof| proof.holds).count())
    }

    fn json(&self) -> Value {
        let steps = self.done.iter().map(|(name, told)| {
            let proofs = told.proofs.iter().map(|proof| {
                json!({"claim": proof.claim, "seen": proof.seen, "source": proof.source, "holds": proof.holds})
            });
            json!({"step": name, "did": told.did, "holds": told.holds(), "proofs": proofs.collect::<Vec<_>>()})
        });
        json!({
            "pid": self.program.pid(),
            "command": self.program.command(),
            "stopped_ns": self.stopped_ns,
            "exit_code": self.end.and_then(|end| end.code),
            "seconds": self.end.map(|end| end.after.as_secs_f64()),
            "steps": steps.collect::<Vec<_>>(),
        })
    }
}
