//! `status` and `detach`: whether we are in a process, and out again.

use pagewright::Leftovers;
use serde_json::json;

use crate::args;
use crate::cmd::look::title;
use crate::cmd::{open, usual};
use crate::fail::Fail;
use crate::out::{Answer, paint};
use crate::render::{Align, GOOD, HEAD, Table, cell, human, plain, thousands};

pub(crate) fn status(args: &args::Status) -> Result<Answer, Fail> {
    let status = open(args.pid)?.status().map_err(usual)?;
    let json = json!({
        "attached": status.attached,
        "version": status.version,
        "tid": status.tid,
        "regions": status.regions,
        "committed": status.committed,
        "limit": status.limit,
        "overhead": status.overhead,
        "uptime_ms": status.uptime_ms,
        "strategy": status.strategy,
    });
    let mut text = format!("{}\n\n", paint(HEAD, &title(args.pid)));
    if !status.attached {
        text.push_str("Not attached: nothing of Pagewright is in it.\n");
        return Ok(Answer { json, text });
    }
    let mut table = Table::bare([Align::Left, Align::Left]);
    table.row([plain("attached"), cell(GOOD, "yes")]);
    for (name, value) in [
        ("resident", format!("thread {}, version {}", status.tid, status.version)),
        ("up for", uptime(status.uptime_ms)),
        ("regions", thousands(status.regions)),
        ("committed", format!("{} of {}", human(status.committed), human(status.limit))),
        ("overhead", human(status.overhead)),
        ("commits by", status.strategy),
    ] {
        table.row([plain(name), plain(value)]);
    }
    text.push_str(&table.render());
    Ok(Answer { json, text })
}

fn uptime(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match (seconds / 86_400, seconds / 3600, seconds / 60) {
        (0, 0, 0) => format!("{}.{:03} s", seconds, milliseconds % 1000),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

pub(crate) fn detach(args: &args::Detach) -> Result<Answer, Fail> {
    let process = open(args.pid)?;
    let before = process.status().map_err(usual)?;
    let leftovers = if args.release { Leftovers::Release } else { Leftovers::Keep };
    process.detach(leftovers).map_err(usual)?;
    let fate = match (before.regions, leftovers) {
        (0, _) => String::new(),
        (regions, Leftovers::Release) => format!("; {} released", crate::render::count(regions, "region")),
        (regions, Leftovers::Keep) => {
            format!("; {} left in it as ordinary memory", crate::render::count(regions, "region"))
        }
    };
    let text = if before.attached {
        format!("Detached from process {}{fate}.\n", args.pid)
    } else {
        format!("Process {} was not attached.\n", args.pid)
    };
    Ok(Answer { json: json!({"attached": false}), text })
}
