//! The tour for people: every step as it happens, and a summary at the end.

use std::time::Duration;

use anstyle::Style;

use crate::fail::Fail;
use crate::out::{Form, Out, paint};
use crate::render::{Align, BAD, Cell, DIM, GOOD, HEAD, OURS, Table, cell, count, plain, safe};
use crate::tour::kernel::Census;
use crate::tour::program::Program;
use crate::tour::steps::{Told, change, milliseconds};
use crate::tour::{Visit, score};

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

    /// Counts down while the programs sleep.
    pub(super) fn waiting(&self, visits: &[Visit]) -> Result<(), Fail> {
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

    pub(super) fn summary(&self, visits: &[Visit]) -> Result<(), Fail> {
        let mut table = Table::bare(std::iter::repeat_n(Align::Left, visits.len() + 1));
        let commands = visits
            .iter()
            .map(|visit| cell(HEAD, format!("{} ({})", visit.program.command(), visit.program.pid())));
        table.row([cell(HEAD, "Summary")].into_iter().chain(commands));
        for (name, figure) in FIGURES {
            table.row([plain(name)].into_iter().chain(visits.iter().map(figure)));
        }
        let (proofs, hold) = score(visits);
        let verdict = if proofs == hold {
            let text = format!(
                "All {proofs} proofs hold. The programs did their own work, and nothing of us is left."
            );
            format!("{} {}", mark(true), paint(OURS, &text))
        } else {
            format!(
                "{} {}",
                mark(false),
                paint(BAD, &format!("{} of {proofs} proofs failed.", proofs - hold))
            )
        };
        self.say(&format!("\n{}\n{verdict}\n", table.render()))
    }
}

/// A row of the summary: its name, and what it says about a program.
type Figure = (&'static str, fn(&Visit) -> Cell);

const FIGURES: [Figure; 8] = [
    ("steps", steps),
    ("proofs", proofs),
    ("stood still for", |visit| plain(milliseconds(visit.stopped_ns))),
    ("threads", |visit| count_cell(visit, |census| census.threads)),
    ("descriptors", |visit| count_cell(visit, |census| census.descriptors)),
    ("mappings", |visit| count_cell(visit, |census| census.mappings.len())),
    ("finished after", finished),
    ("exit code", code),
];

fn steps(visit: &Visit) -> Cell {
    let hold = visit.done.iter().filter(|(_, told)| told.holds()).count();
    cell(verdict(hold == visit.planned), format!("{hold} of {}", visit.planned))
}

fn proofs(visit: &Visit) -> Cell {
    let (proofs, hold) = visit.score();
    cell(verdict(hold == proofs), format!("{hold} of {proofs}"))
}

fn count_cell(visit: &Visit, count: fn(&Census) -> usize) -> Cell {
    let before = count(&visit.program.before);
    match visit.after.as_ref().map(count) {
        Some(after) => cell(verdict(before == after), change(before, after)),
        None => cell(BAD, format!("{before} → ?")),
    }
}

fn finished(visit: &Visit) -> Cell {
    match visit.end {
        Some(end) => plain(format!("{:.3} s", end.after.as_secs_f64())),
        None => cell(BAD, "not"),
    }
}

fn code(visit: &Visit) -> Cell {
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
