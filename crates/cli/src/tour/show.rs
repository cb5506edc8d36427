//! The tour for people: every step as it happens, and a summary at the end.

use std::time::Duration;

use anstyle::Style;

use crate::fail::Fail;
use crate::out::{Form, Out, paint};
use crate::render::{Align, BAD, Cell, DIM, GOOD, HEAD, OURS, Table, cell, count, human, plain, safe};
use crate::tour::both::{COPIED, Trial};
use crate::tour::kernel::Census;
use crate::tour::program::Program;
use crate::tour::proof::{Told, change, milliseconds};
use crate::tour::{Done, Meeting, Visit, is_sound, score, tally};

/// Columns of the narration.
const NAME: usize = 9;
const SOURCE: usize = 7;
const CLAIM: usize = 28;

/// How the tour talks; with `--json` it is silent until the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Show {
    out: Out,
}

impl Show {
    pub(super) const fn new(out: Out) -> Self {
        Self { out }
    }

    fn say(&self, text: &str) -> Result<(), Fail> {
        match self.out.form {
            Form::Text => self.out.say(text),
            Form::Json => Ok(()),
        }
    }

    pub(super) fn opening(&self, programs: usize, seconds: u64) -> Result<(), Fail> {
        let title = paint(HEAD, "Pagewright tour");
        let what = format!(
            "{} that sleep for {seconds} seconds, and do not know of us",
            count(programs as u64, "program")
        );
        self.say(&format!(
            "{title}: {what}.\n{}\n",
            paint(DIM, "Behind each step: what the kernel says about it, mostly in /proc/PID.")
        ))
    }

    pub(super) fn program(&self, number: usize, program: &Program) -> Result<(), Fail> {
        let title =
            paint(HEAD, &format!("Program {number}: {}, process {}", program.command(), program.pid()));
        let has = &program.before;
        let counts = [
            count(has.threads as u64, "thread"),
            count(has.descriptors as u64, "descriptor"),
            count(has.mappings.len() as u64, "mapping"),
        ];
        self.say(&format!("\n{title}  {}\n\n", paint(DIM, &counts.join(", "))))
    }

    pub(super) fn step(&self, name: &str, told: &Told) -> Result<(), Fail> {
        let mut text = format!(
            "  {} {} {}\n",
            mark(told.holds()),
            paint(HEAD, &format!("{name:NAME$}")),
            safe(&told.did)
        );
        for proof in &told.proofs {
            let claim = format!("{:CLAIM$}", proof.claim);
            let claim = if proof.holds { claim } else { paint(BAD, &claim) };
            let source = paint(DIM, &format!("{:SOURCE$}", proof.source));
            let tick = if proof.holds { paint(GOOD, "·") } else { mark(false) };
            text.push_str(&format!("      {tick} {source} {claim} {}\n", paint(DIM, &safe(&proof.seen))));
        }
        self.say(&text)
    }

    pub(super) fn together(&self) -> Result<(), Fail> {
        let title =
            paint(HEAD, "Both: memory of one in the other, and a copy that costs nothing until a write");
        self.say(&format!("\n{title}\n\n"))
    }

    pub(super) fn special(&self) -> Result<(), Fail> {
        let title = paint(HEAD, "Program 1 again: guards, written pages, physical and large pages");
        self.say(&format!("\n{title}\n\n"))
    }

    pub(super) fn leaving(&self) -> Result<(), Fail> {
        self.say(&format!("\n{}\n\n", paint(HEAD, "Out again")))
    }

    /// Counts down while the programs sleep.
    pub(super) fn waiting(&self, visits: &[Visit<'_>]) -> Result<(), Fail> {
        let longest = || visits.iter().map(|visit| visit.program.remaining()).max().unwrap_or_default();
        let line = |left: Duration| {
            format!("Waiting for the programs to finish their own work: {:.1} s", left.as_secs_f64())
        };
        if !self.out.is_live() {
            return self.say(&format!("\n{}\n", line(longest())));
        }
        self.say("\n")?;
        while !longest().is_zero() {
            self.say(&format!("\r{}", line(longest())))?;
            std::thread::sleep(longest().min(Duration::from_millis(100)));
        }
        // Drawn over and gone: the summary comes instead.
        self.say(&format!("\r{}\r", " ".repeat(line(Duration::ZERO).len() + 8)))
    }

    pub(super) fn summary(&self, visits: &[Visit<'_>], meetings: &[Meeting]) -> Result<(), Fail> {
        let columns = 1 + visits.len() + meetings.len();
        let mut table = Table::bare(std::iter::repeat_n(Align::Left, columns));
        let commands = visits
            .iter()
            .map(|visit| cell(HEAD, format!("{} ({})", visit.program.command(), visit.program.pid())));
        let names = meetings.iter().map(|meeting| cell(HEAD, meeting.name));
        table.row([cell(HEAD, "Summary")].into_iter().chain(commands).chain(names));
        for (name, figure, both) in FIGURES {
            let figures = visits.iter().map(figure).chain(meetings.iter().map(both));
            table.row([plain(name)].into_iter().chain(figures));
        }
        self.say(&format!(
            "\n{}{}\n{}\n",
            table.render(),
            meetings.iter().map(|meeting| trials(&meeting.trials)).collect::<String>(),
            final_word(visits, meetings)
        ))
    }
}

fn final_word(visits: &[Visit<'_>], meetings: &[Meeting]) -> String {
    let (proofs, hold) = score(visits, meetings);
    if is_sound(visits, meetings) {
        let text =
            format!("All {proofs} proofs hold. The programs did their own work, and nothing of us is left.");
        return format!("{} {}", mark(true), paint(OURS, &text));
    }
    format!("{} {}", mark(false), paint(BAD, &format!("{} of {proofs} proofs failed.", proofs - hold)))
}

/// What the copies cost, beside each other.
fn trials(trials: &[Trial]) -> String {
    if trials.is_empty() {
        return String::new();
    }
    let mut table = Table::bare([Align::Left, Align::Right, Align::Right, Align::Left]).wrapped();
    let head = ["time", "memory", "what is measured"].map(|text| cell(HEAD, text));
    table.row([cell(HEAD, format!("{} copied", human(COPIED)))].into_iter().chain(head));
    for trial in trials {
        let added = format!("+{}", human(trial.added));
        let figures = [plain(milliseconds(trial.nanoseconds)), plain(added), cell(DIM, trial.note)];
        table.row([plain(trial.name)].into_iter().chain(figures));
    }
    format!("\n{}", table.render())
}

/// A row of the summary: its name, and what it says about a program and about a later part.
type Figure = (&'static str, fn(&Visit<'_>) -> Cell, fn(&Meeting) -> Cell);

const FIGURES: [Figure; 8] = [
    ("steps", |visit| steps(&visit.done, visit.planned), |both| steps(&both.done, both.planned)),
    ("proofs", |visit| proofs(&visit.done), |both| proofs(&both.done)),
    ("stood still for", |visit| plain(milliseconds(visit.stopped_ns())), nothing),
    ("threads", |visit| count_cell(visit, |census| census.threads), nothing),
    ("descriptors", |visit| count_cell(visit, |census| census.descriptors), nothing),
    ("mappings", |visit| count_cell(visit, |census| census.mappings.len()), nothing),
    ("finished after", finished, nothing),
    ("exit code", code, nothing),
];

fn nothing(_: &Meeting) -> Cell {
    plain("")
}

fn steps(done: &Done, planned: usize) -> Cell {
    let hold = done.iter().filter(|(_, told)| told.holds()).count();
    cell(verdict(hold == planned), format!("{hold} of {planned}"))
}

fn proofs(done: &Done) -> Cell {
    let (proofs, hold) = tally(done);
    cell(verdict(hold == proofs), format!("{hold} of {proofs}"))
}

fn count_cell(visit: &Visit<'_>, count: fn(&Census) -> usize) -> Cell {
    let before = count(&visit.program.before);
    match visit.after().map(count) {
        Some(after) => cell(verdict(before == after), change(before, after)),
        None => cell(BAD, format!("{before} → ?")),
    }
}

fn finished(visit: &Visit<'_>) -> Cell {
    match visit.end {
        Some(end) => plain(format!("{:.3} s", end.after.as_secs_f64())),
        None => cell(BAD, "not"),
    }
}

fn code(visit: &Visit<'_>) -> Cell {
    match visit.end.and_then(|end| end.code) {
        Some(code) => cell(verdict(code == 0), code.to_string()),
        None => cell(BAD, "none"),
    }
}

const fn verdict(good: bool) -> Style {
    if good { GOOD } else { BAD }
}

fn mark(good: bool) -> String {
    if good { paint(GOOD, "✓") } else { paint(BAD, "✗") }
}
