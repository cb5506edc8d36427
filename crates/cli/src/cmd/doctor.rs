//! `doctor`: what this kernel can do, and who uses up the mappings.

use pagewright::Process;
use pagewright::doctor::{self, Budget, Feature, Misunderstood, Report, Setting, Supply, User, Verdict};
use serde_json::{Value, json};

use crate::args;
use crate::cmd::look::title;
use crate::cmd::{open, usual};
use crate::fail::Fail;
use crate::out::{Answer, paint};
use crate::render::{
    self, Align, BAD, DIM, GOOD, HEAD, OURS, Table, WARN, bar, cell, count, human, plain, thousands,
};

/// How many users of mappings are shown.
const TOP: usize = 10;
/// How wide a bar may be.
const BAR: u64 = 30;

pub(crate) fn doctor(args: &args::Doctor) -> Result<Answer, Fail> {
    let process = args.pid.map_or_else(|| Ok(Process::current()), open)?;
    let budget = doctor::budget(&process).map_err(usual)?;
    let report = doctor::report();
    let text = format!(
        "{}\n\n{}\n{}\n{}{}\n{}\n{}",
        paint(HEAD, &format!("Linux {}", report.kernel)),
        features(&report.features),
        settings(&report.settings),
        strategy(&report),
        misunderstood(&report.misunderstood),
        supply(&report.supply),
        mappings(process.pid(), &budget)
    );
    Ok(Answer { json: document(&process, &report, &budget), text })
}

fn features(features: &[Feature]) -> String {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("KERNEL FEATURE", Align::Left),
        ("SINCE", Align::Right),
        ("USED FOR", Align::Left),
    ])
    .wrapped();
    for feature in features {
        let (mark, style, text) = match feature.found {
            true => ("✓", GOOD, feature.purpose.to_owned()),
            false => ("✗", BAD, format!("missing: {}", feature.without)),
        };
        let text = cell(if feature.found { anstyle::Style::new() } else { WARN }, text);
        table.row([cell(style, mark), plain(feature.name), cell(DIM, feature.since), text]);
    }
    table.render()
}

fn settings(settings: &[Setting]) -> String {
    let mut table = Table::new(&[
        ("", Align::Left),
        ("SETTING", Align::Left),
        ("VALUE", Align::Right),
        ("MEANS", Align::Left),
    ])
    .wrapped();
    for setting in settings {
        let (mark, style) = match setting.verdict {
            Verdict::Fine => ("✓", GOOD),
            Verdict::Limits => ("!", WARN),
        };
        let value = setting.value.as_deref().unwrap_or("-");
        table.row([cell(style, mark), plain(setting.name), plain(value), plain(&setting.meaning)]);
    }
    table.render()
}

fn strategy(report: &Report) -> String {
    format!(
        "Commits by {}: {}.\nStores held back during aliases and copies: {}: {}.\nGuards by {}: {}.\nWrite watch by {}: {} ({}).\n",
        paint(HEAD, report.strategy),
        report.reason,
        paint(HEAD, report.freezing),
        report.freezing_means,
        paint(HEAD, report.guards.way),
        report.guards.meaning,
        paint(HEAD, report.watching.name()),
        report.watching.means(),
        report.watching.because()
    )
}

/// A line for each variable that is set to something that does not exist.
fn misunderstood(all: &[Misunderstood]) -> String {
    all.iter().map(|wrong| format!("{} {wrong}.\n", paint(WARN, "!"))).collect()
}

fn supply(supply: &Supply) -> String {
    let mut table = Table::new(&[("", Align::Left), ("SUPPLY", Align::Left), ("", Align::Left)]).wrapped();
    let mut row = |found: bool, name: String, text: String| {
        let (mark, style) = if found { ("✓", GOOD) } else { ("!", WARN) };
        table.row([cell(style, mark), plain(name), plain(text)]);
    };
    for pool in &supply.pools {
        let text = match pool.total {
            0 => "none are set aside; allocations of them are refused with 1450".to_owned(),
            total => format!("{} of {} free", thousands(pool.free), thousands(total)),
        };
        row(pool.free > 0, format!("pages of {}", human(pool.page)), text);
    }
    let nodes = supply.nodes.iter();
    let nodes: Vec<_> = nodes
        .map(|node| format!("node {}: {} of {} free", node.number, human(node.free), human(node.total)))
        .collect();
    row(!nodes.is_empty(), "NUMA".to_owned(), nodes.join(", "));
    let privilege = if supply.may_lock_pages {
        "held: large pages and physical memory (AWE) may be had"
    } else {
        "not held (CAP_IPC_LOCK, or an unlimited RLIMIT_MEMLOCK): large pages and physical memory (AWE) are refused with 1314"
    };
    row(supply.may_lock_pages, "lock privilege".to_owned(), privilege.to_owned());
    table.render()
}

fn mappings(pid: u32, budget: &Budget) -> String {
    let mut text = format!(
        "{}\n{} of {} mappings used, {} left\n\n",
        paint(HEAD, &title(pid)),
        thousands(budget.used),
        thousands(budget.limit),
        thousands(budget.left)
    );
    let mut table = Table::new(&[
        ("MAPPINGS", Align::Right),
        ("SIZE", Align::Right),
        ("", Align::Left),
        ("BY", Align::Left),
    ]);
    let most = budget.users.first().map_or(0, |user| user.mappings);
    for user in budget.users.iter().take(TOP) {
        let style = if user.name == "pagewright" { OURS } else { anstyle::Style::new() };
        table.row([
            plain(thousands(user.mappings)),
            plain(human(user.bytes)),
            cell(DIM, bar(user.mappings, most, BAR)),
            cell(style, who(user)),
        ]);
    }
    text.push_str(&table.render());
    if let Some(others) = budget.users.get(TOP..).filter(|others| !others.is_empty()) {
        let sum = others.iter().map(|user| user.mappings).sum();
        let line = format!("and {} by {}", count(sum, "mapping"), count(others.len() as u64, "other"));
        text.push_str(&format!("{}\n", paint(render::DIM, &line)));
    }
    text
}

fn who(user: &User) -> &str {
    if user.name.is_empty() { "anonymous memory" } else { &user.name }
}

fn document(process: &Process, report: &Report, budget: &Budget) -> Value {
    let features: Vec<Value> = report.features.iter().map(feature_json).collect();
    let settings: Vec<Value> = report.settings.iter().map(setting_json).collect();
    let users = budget.users.iter().map(|user| {
        let name = (!user.name.is_empty()).then_some(&user.name);
        json!({"name": name, "mappings": user.mappings, "bytes": user.bytes})
    });
    json!({
        "kernel": report.kernel,
        "features": features,
        "settings": settings,
        "strategy": {"name": report.strategy, "reason": report.reason},
        "freezing": {"name": report.freezing, "meaning": report.freezing_means},
        "guards": {"name": report.guards.way, "meaning": report.guards.meaning},
        "write_watch": {
            "name": report.watching.name(),
            "meaning": report.watching.means(),
            "reason": report.watching.because(),
        },
        "misunderstood": report.misunderstood.iter().map(misunderstood_json).collect::<Vec<_>>(),
        "supply": supply_json(&report.supply),
        "pid": process.pid(),
        "mappings": {
            "limit": budget.limit,
            "used": budget.used,
            "left": budget.left,
            "users": users.collect::<Vec<_>>(),
        },
    })
}

fn misunderstood_json(wrong: &Misunderstood) -> Value {
    json!({
        "variable": wrong.variable,
        "value": wrong.value,
        "values": wrong.values,
        "message": wrong.to_string(),
    })
}

fn supply_json(supply: &Supply) -> Value {
    let pools = supply.pools.iter();
    let pools = pools.map(|pool| json!({"page": pool.page, "total": pool.total, "free": pool.free}));
    let nodes = supply.nodes.iter();
    let nodes = nodes.map(|node| json!({"node": node.number, "total": node.total, "free": node.free}));
    json!({
        "large_pages": pools.collect::<Vec<_>>(),
        "nodes": nodes.collect::<Vec<_>>(),
        "may_lock_pages": supply.may_lock_pages,
    })
}

fn feature_json(feature: &Feature) -> Value {
    json!({
        "name": feature.name,
        "since": feature.since,
        "found": feature.found,
        "purpose": feature.purpose,
        "without": feature.without,
    })
}

fn setting_json(setting: &Setting) -> Value {
    json!({
        "name": setting.name,
        "value": setting.value,
        "fine": setting.verdict == Verdict::Fine,
        "meaning": setting.meaning,
    })
}
