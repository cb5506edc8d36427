//! The tour: the main job on two real programs, with a proof from the kernel for every step.
//!
//! ```text
//!   program   starts, watches and, whatever happens, ends a child     kernel   what /proc says about it
//!   steps     what is done with each program: one function per step   proof    what a step tells
//!   both      what is done with both together                         show     what a person reads of it
//!   special   guards, written pages, physical and large pages
//! ```
//!
//! A step is a name and a function that does something and brings proofs; a tour is a list of them per program, one for
//! both together, one for what is special, and the way out.

mod both;
mod kernel;
mod program;
mod proof;
mod show;
mod special;
mod steps;

use serde_json::{Value, json};

use crate::fail::Fail;
use crate::out::Out;
use both::{Pair, Trial};
use kernel::Census;
use program::{End, Program};
use proof::{Step, Told};
use show::Show;
use special::Bench;
use steps::Stage;

/// How long the programs sleep on an idle machine. The tour itself takes a small part of that.
const SECONDS: u64 = 4;
/// How much longer they sleep at most where the tour will have to wait for its turns.
const PATIENCE: u64 = 12;

/// What was done, in order.
type Done = Vec<(&'static str, Told)>;

/// What happened in one program.
#[derive(Debug)]
struct Visit<'a> {
    program: &'a Program,
    stage: Option<Stage<'a>>,
    /// How many steps there should be.
    planned: usize,
    done: Done,
    end: Option<End>,
}

/// What happened between them, or later in one of them.
#[derive(Debug)]
struct Meeting {
    /// What the summary calls it.
    name: &'static str,
    planned: usize,
    done: Done,
    trials: Vec<Trial>,
}

/// Does all of it. An error if anything was not as it should be.
pub(crate) fn run(out: Out) -> Result<(), Fail> {
    let show = Show::new(out);
    let itineraries = steps::itineraries();
    let seconds = SECONDS + kernel::load().min(PATIENCE);
    show.opening(itineraries.len(), seconds)?;
    // Started together, so that they sleep at the same time.
    let programs: Vec<Program> =
        itineraries.iter().map(|_| Program::start(seconds)).collect::<Result<_, _>>()?;
    let mut visits = Vec::new();
    for (index, (program, itinerary)) in programs.iter().zip(&itineraries).enumerate() {
        show.program(index + 1, program)?;
        visits.push(Visit::make(program, itinerary, &show)?);
    }
    let both = Meeting::hold(&visits, &show)?;
    let special = Meeting::explore(&visits, &both, &show)?;
    let meetings = [both, special];
    show.leaving()?;
    for visit in &mut visits {
        visit.leave(&show)?;
    }
    show.waiting(&visits)?;
    for visit in &mut visits {
        let (end, told) = steps::finish(visit.program);
        visit.end = end;
        visit.done.push(("finish", told));
    }
    show.summary(&visits, &meetings)?;
    conclude(&visits, &meetings, out)
}

/// One step after the other, up to the first that fails.
fn follow<S>(stage: &mut S, steps: &[Step<S>], show: &Show) -> Result<Done, Fail> {
    let mut done = Done::new();
    for step in steps {
        let told = (step.act)(stage).unwrap_or_else(|fail| Told::failed(&fail));
        show.step(step.name, &told)?;
        let holds = told.holds();
        done.push((step.name, told));
        if !holds {
            break;
        }
    }
    Ok(done)
}

/// How many proofs there were, and how many of them hold.
fn tally(done: &Done) -> (usize, usize) {
    let proofs = || done.iter().flat_map(|(_, told)| &told.proofs);
    (proofs().count(), proofs().filter(|proof| proof.holds).count())
}

/// The same of everything.
fn score(visits: &[Visit<'_>], meetings: &[Meeting]) -> (usize, usize) {
    let parts = visits.iter().map(|visit| &visit.done).chain(meetings.iter().map(|meeting| &meeting.done));
    parts.map(tally).fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
}

/// Whether every step was done, and every proof holds.
fn is_sound(visits: &[Visit<'_>], meetings: &[Meeting]) -> bool {
    let (proofs, hold) = score(visits, meetings);
    proofs == hold
        && visits.iter().all(|visit| visit.done.len() == visit.planned)
        && meetings.iter().all(|meeting| meeting.done.len() == meeting.planned)
}

fn conclude(visits: &[Visit<'_>], meetings: &[Meeting; 2], out: Out) -> Result<(), Fail> {
    let (proofs, hold) = score(visits, meetings);
    let sound = is_sound(visits, meetings);
    let [both, special] = meetings;
    let report = json!({
        "ok": sound,
        "proofs": proofs,
        "hold": hold,
        "programs": visits.iter().map(Visit::json).collect::<Vec<_>>(),
        "together": both.json(),
        "special": steps_json(&special.done),
    });
    if !sound {
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

impl<'a> Visit<'a> {
    /// Goes into a program and follows its itinerary. The way out comes later.
    fn make(program: &'a Program, itinerary: &[Step<Stage<'a>>], show: &Show) -> Result<Self, Fail> {
        // Its detach and its own end are the last steps.
        let planned = itinerary.len() + 2;
        let mut visit = Self { program, stage: None, planned, done: Done::new(), end: None };
        match Stage::enter(program) {
            Ok(stage) => {
                let stage = visit.stage.insert(stage);
                visit.done = follow(stage, itinerary, show)?;
            }
            Err(fail) => {
                let told = Told::failed(&fail);
                show.step("open", &told)?;
                visit.done.push(("open", told));
            }
        }
        Ok(visit)
    }

    /// Out again, whatever happened before.
    fn leave(&mut self, show: &Show) -> Result<(), Fail> {
        let Some(stage) = &mut self.stage else { return Ok(()) };
        let way_out = [Step { name: "detach", act: steps::detach }];
        self.done.extend(follow(stage, &way_out, show)?);
        Ok(())
    }

    fn stopped_ns(&self) -> u64 {
        self.stage.as_ref().map_or(0, |stage| stage.stopped_ns)
    }

    /// What the kernel counted in the end.
    fn after(&self) -> Option<&Census> {
        self.stage.as_ref()?.after.as_ref()
    }

    fn json(&self) -> Value {
        json!({
            "pid": self.program.pid(),
            "command": self.program.command(),
            "stopped_ns": self.stopped_ns(),
            "exit_code": self.end.and_then(|end| end.code),
            "seconds": self.end.map(|end| end.after.as_secs_f64()),
            "steps": steps_json(&self.done),
        })
    }
}

impl Meeting {
    /// What is done with both programs, if nothing has failed in either.
    fn hold(visits: &[Visit<'_>], show: &Show) -> Result<Self, Fail> {
        let itinerary = both::itinerary();
        let mut meeting =
            Self { name: "both", planned: itinerary.len(), done: Done::new(), trials: Vec::new() };
        let sound = visits.iter().all(|visit| holds(&visit.done));
        let stages: Vec<_> = visits.iter().filter_map(|visit| visit.stage.as_ref()).collect();
        if let ([first, second], true) = (stages.as_slice(), sound) {
            show.together()?;
            let mut pair = Pair::new(first, second);
            meeting.done = follow(&mut pair, &itinerary, show)?;
            meeting.trials = pair.trials;
        }
        Ok(meeting)
    }

    /// What is special, in the first program, if nothing has failed so far.
    fn explore(visits: &[Visit<'_>], both: &Self, show: &Show) -> Result<Self, Fail> {
        let itinerary = special::itinerary();
        let mut meeting =
            Self { name: "special", planned: itinerary.len(), done: Done::new(), trials: Vec::new() };
        let sound = holds(&both.done) && visits.iter().all(|visit| holds(&visit.done));
        if let (Some(stage), true) = (visits.first().and_then(|visit| visit.stage.as_ref()), sound) {
            show.special()?;
            meeting.done = follow(&mut Bench::new(stage), &itinerary, show)?;
        }
        Ok(meeting)
    }

    fn json(&self) -> Value {
        let trials = self.trials.iter().map(|trial| {
            json!({"name": trial.name, "ns": trial.nanoseconds, "added": trial.added, "note": trial.note})
        });
        json!({"steps": steps_json(&self.done), "copied": both::COPIED, "trials": trials.collect::<Vec<_>>()})
    }
}

/// Whether all of it was as it should be.
fn holds(done: &Done) -> bool {
    done.iter().all(|(_, told)| told.holds())
}

fn steps_json(done: &Done) -> Vec<Value> {
    let step = |(name, told): &(&'static str, Told)| {
        let proofs = told.proofs.iter().map(|proof| {
            json!({"claim": proof.claim, "seen": proof.seen, "source": proof.source, "holds": proof.holds})
        });
        json!({"step": name, "did": told.did, "holds": told.holds(), "proofs": proofs.collect::<Vec<_>>()})
    };
    done.iter().map(step).collect()
}
