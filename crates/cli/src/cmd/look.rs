//! `map` and `query`: what is where.

use pagewright::{Memory, Owner, Process};
use serde_json::{Value, json};

use crate::args;
use crate::cmd::{open, usual};
use crate::fail::Fail;
use crate::maps::{self, Line};
use crate::out::{Answer, paint};
use crate::region::{self, Region};
use crate::render::{self, Align, HEAD, Table, bar, cell, count, human, plain};

/// How wide a bar may be, and what stands before it.
const BAR: usize = 40;
const BEFORE_BAR: usize = 48;

pub(crate) fn query(args: &args::Query) -> Result<Answer, Fail> {
    let process = open(args.pid)?;
    let info = process.query(args.at).map_err(usual)?;
    let region = Region::new(&info, &names(&process));
    let mut text = region::table([&region]).render();
    if let Some((base, protect)) = &region.allocation {
        text.push_str(&format!("\nAllocation: base {}, made as {protect}\n", render::hex(*base)));
    }
    Ok(Answer { json: region.json(), text })
}

pub(crate) fn map(args: &args::Map) -> Result<Answer, Fail> {
    let process = open(args.pid)?;
    let infos = process.regions().map_err(usual)?;
    let lines = names(&process);
    let regions = infos.iter().map(|info| Region::new(info, &lines));
    let regions: Vec<Region> = regions.filter(|region| !args.ours || region.owner == Owner::Own).collect();
    let list: Vec<Value> = regions.iter().map(Region::json).collect();
    let text = format!(
        "{}\n\n{}\n{}",
        paint(HEAD, &title(args.pid)),
        region::table(&regions).render(),
        picture(&regions)
    );
    Ok(Answer { json: json!({"pid": args.pid, "regions": list}), text })
}

/// The kernel's list, for names. That it cannot be read is no reason to refuse: the library has answered already.
fn names(process: &Process) -> Vec<Line> {
    maps::read(process.pid()).unwrap_or_default()
}

/// `Process 4711: sleep 60`.
pub(crate) fn title(pid: u32) -> String {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).replace('\0', " ");
    match words.trim() {
        "" => format!("Process {pid}"),
        words => format!("Process {pid}: {}", render::safe(&words.chars().take(120).collect::<String>())),
    }
}

/// How much there is of what, as bars.
fn picture(regions: &[Region]) -> String {
    let groups = [
        (
            "ours, committed",
            render::OURS,
            Part::of(regions, |region| is_ours(region) && region.state == "commit"),
        ),
        (
            "ours, reserved",
            render::WARN,
            Part::of(regions, |region| is_ours(region) && region.state == "reserve"),
        ),
        (
            "program and libraries",
            render::DIM,
            Part::of(regions, |region| !is_ours(region) && region.kind == Some("image")),
        ),
        (
            "files and shared",
            render::DIM,
            Part::of(regions, |region| !is_ours(region) && region.kind == Some("mapped")),
        ),
        (
            "its own memory",
            render::DIM,
            Part::of(regions, |region| !is_ours(region) && region.kind == Some("private")),
        ),
    ];
    let most = groups.iter().map(|(.., part)| part.bytes).max().unwrap_or_default();
    let mut table = Table::bare([Align::Left, Align::Right, Align::Right, Align::Left]);
    for (name, style, part) in groups {
        if part.regions > 0 {
            let bar = bar(part.bytes, most, render::bar_room(BEFORE_BAR, BAR));
            table.row([
                plain(name),
                plain(count(part.regions, "region")),
                plain(human(part.bytes)),
                cell(style, bar),
            ]);
        }
    }
    if regions.is_empty() {
        return "No regions.\n".to_owned();
    }
    table.render()
}

fn is_ours(region: &Region) -> bool {
    region.owner == Owner::Own
}

/// How much of something.
#[derive(Clone, Copy, Debug)]
struct Part {
    regions: u64,
    bytes: u64,
}

impl Part {
    fn of(regions: &[Region], belongs: impl Fn(&Region) -> bool) -> Self {
        let mut part = Self { regions: 0, bytes: 0 };
        for region in regions.iter().filter(|region| belongs(region)) {
            part.regions += 1;
            part.bytes += region.size;
        }
        part
    }
}
