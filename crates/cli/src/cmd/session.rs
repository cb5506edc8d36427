//! `status` and `detach`: whether we are in a process, and out again.

use std::time::Duration;

use pagewright::{GuardAccess, GuardHit, Leftovers};
use serde_json::{Value, json};

use crate::args;
use crate::cmd::look::title;
use crate::cmd::{open, usual};
use crate::fail::Fail;
use crate::out::{Answer, paint};
use crate::render::{Align, GOOD, HEAD, Table, cell, hex, human, plain, thousands};

pub(crate) fn status(args: &args::Status) -> Result<Answer, Fail> {
    let process = open(args.pid)?;
    let status = process.status().map_err(usual)?;
    // The own process tells its guards to its handlers, and to nobody else.
    let met = if status.attached && !process.is_current() {
        process.guard_hits(Duration::ZERO).map_err(usual)?.hits
    } else {
        Vec::new()
    };
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
        "guards_met": met.last().map_or(0, |hit| hit.number),
        "guards": met.iter().map(hit_json).collect::<Vec<_>>(),
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
        ("guards met", met.last().map_or_else(|| "none".to_owned(), last_hit)),
    ] {
        table.row([plain(name), plain(value)]);
    }
    text.push_str(&table.render());
    Ok(Answer { json, text })
}

/// How often, and where last.
fn last_hit(hit: &GuardHit) -> String {
    format!("{}, last at {} by thread {}", thousands(hit.number), hex(hit.at), hit.thread)
}

fn hit_json(hit: &GuardHit) -> Value {
    let access = match hit.access {
        GuardAccess::Load => "load",
        GuardAccess::Store => "store",
    };
    json!({"address": hex(hit.at), "access": access, "tid": hit.thread, "time_ns": hit.time_ns})
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
