//! `doctor`: what this kernel can do, and who uses up the mappings.

use pagewright::Process;
use pagewright::doctor::{self, Budget, Feature, Report, Setting, User, Verdict};
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
        "{}\n\n{}\n{}\n{}\n{}",
        paint(HEAD, &format!("Linux {}", report.kernel)),
        features(&report.features),
        settings(&report.settings),
        strategy(&report),
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
        "Commits by {}: {}.\nStores held back during aliases and copies: {}: {}.\n",
        paint(HEAD, report.strategy),
        report.reason,
        paint(HEAD, report.freezing),
        report.freezing_means
    )
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
        "pid": process.pid(),
        "mappings": {
            "limit": budget.limit,
            "used": budget.used,
            "left": budget.left,
            "users": users.collect::<Vec<_>>(),
        },
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
