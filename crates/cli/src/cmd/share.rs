//! `alias` and `copy`: the same bytes in a second place, as one memory or as two.

use std::time::Instant;

use pagewright::{
    Consent, CopyRange, Edges, Error, Kind, Memory, Onto, Place, Receipt, Share, Window, win32,
};
use serde_json::{Value, json};

use crate::args::{self, Edge};
use crate::cmd::Names;
use crate::fail::Fail;
use crate::out::{Answer, paint};
use crate::render::{Align, GOOD, HEAD, OURS, Table, WARN, cell, exact, hex, plain};

const PAGE: u64 = 0x1000;

/// The two ends of an alias, as the command line calls their arguments.
const SOURCE: Names = Names { process: "SRC_PID", ..Names::USUAL };
const TARGET: Names = Names { process: "--into", address: "--at", size: "--size" };

pub(crate) fn alias(args: &args::Alias) -> Result<Answer, Fail> {
    let protection =
        win32::decode_protection(args.protect.0).map_err(|failure| Names::USUAL.blame(failure))?;
    let (source, into) = (SOURCE.open(args.source)?, TARGET.open(args.into)?);
    let request = Share {
        source: args.at_source,
        size: args.size,
        onto: args.at.map_or(Onto::Fresh(Place::Window(Window::ANYWHERE)), Onto::Reserved),
        protection,
        edges: edges(args.edges),
        consent: if args.foreign { Consent::Foreign } else { Consent::OwnOnly },
    };
    let receipt = source.share(&into, &request).map_err(|error| alias_refused(args, error))?;
    Ok(Answer { json: receipt_json(&receipt), text: receipt_text(args, &receipt) })
}

const fn edges(edge: Edge) -> Edges {
    match edge {
        Edge::Strict => Edges::Strict,
        Edge::Split => Edges::Split,
        Edge::Whole => Edges::Whole,
    }
}

fn receipt_json(receipt: &Receipt) -> Value {
    json!({
        "base": hex(receipt.base),
        "size": receipt.size,
        "range": {"base": hex(receipt.range.start().get()), "size": receipt.range.bytes()},
        "shared": receipt.shared,
        "copied": receipt.copied,
        "exposed": receipt.exposed,
    })
}

fn receipt_text(args: &args::Alias, receipt: &Receipt) -> String {
    let mut text = format!(
        "{} at {} in process {}, {}: the memory at {} in process {}\n\n",
        exact(receipt.size),
        paint(OURS, &hex(receipt.base)),
        args.into,
        paint(HEAD, &args.protect.words()),
        paint(OURS, &hex(args.at_source)),
        args.source
    );
    let mut table = Table::bare([Align::Left, Align::Left]).wrapped();
    table.row([plain("shared"), cell(GOOD, exact(receipt.shared))]);
    if receipt.copied > 0 {
        let copied = format!("{}: a private copy made now, at the edges", exact(receipt.copied));
        table.row([plain("copied"), plain(copied)]);
    }
    let exposed = match receipt.exposed {
        0 => cell(GOOD, "nothing else"),
        bytes => {
            cell(WARN, format!("{} around them, which process {} can reach too", exact(bytes), args.into))
        }
    };
    table.row([plain("exposed"), exposed]);
    text.push_str(&table.render());
    text
}

/// Which end of an alias a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Source,
    Target,
}

fn alias_refused(args: &args::Alias, error: Error) -> Fail {
    let kind = error.kind();
    if kind == Kind::Misaligned {
        return misaligned(args, Fail::from(error));
    }
    // Some reasons belong to one end, wherever they were found out.
    let end = if matches!(kind, Kind::NoConsent | Kind::Special | Kind::NotCommitted) {
        End::Source
    } else if matches!(kind, Kind::Conflict | Kind::NotReserved | Kind::TargetCommitted) {
        End::Target
    } else {
        end(args, &error)
    };
    match end {
        End::Source => SOURCE.blame(error.into()),
        // "Give a smaller size" is one way out, another address the other.
        End::Target if kind == Kind::BadSize => Fail::from(error).about("--at, --size"),
        End::Target => TARGET.blame(error.into()),
    }
}

/// By the process that it names; in one process by the address.
fn end(args: &args::Alias, error: &Error) -> End {
    let target = if args.source == args.into {
        args.at == Some(error.address()) && error.address() != args.at_source
    } else {
        error.pid() == args.into
    };
    if target { End::Target } else { End::Source }
}

/// Three arguments can be the reason; which one it is can be seen here.
fn misaligned(args: &args::Alias, fail: Fail) -> Fail {
    let offset = args.at_source % PAGE;
    let strict = args.edges == Edge::Strict;
    if strict && offset != 0 {
        let message = format!(
            "the source begins at {}, inside of a page; give an address that is a multiple of {PAGE}, or the edges split or whole (ADDR, --edges)",
            hex(args.at_source)
        );
        return fail.saying(&message);
    }
    if strict && !args.size.is_multiple_of(PAGE) {
        let message = format!(
            "{} bytes are not whole pages; give a multiple of {PAGE}, or the edges split or whole (--size, --edges)",
            args.size
        );
        return fail.saying(&message);
    }
    match args.at {
        Some(at) if at % PAGE != offset => fail.saying(&format!(
            "{} lies at byte {} of its page, and the source at byte {offset}; give an address that agrees with the source (--at)",
            hex(at),
            at % PAGE
        )),
        Some(_) | None => fail.about("ADDR, --size, --edges"),
    }
}

pub(crate) fn copy(args: &args::CopyArgs) -> Result<Answer, Fail> {
    let process = Names::USUAL.open(args.pid)?;
    let request = CopyRange { source: args.source, size: args.size, target: args.target };
    let started = Instant::now();
    let size = process.copy(&request).map_err(|error| copy_refused(args, error))?;
    let took = started.elapsed();
    let text = format!(
        "{} from {} copied to {} in {:.2} ms\n",
        exact(size),
        hex(args.source),
        paint(OURS, &hex(args.target)),
        took.as_secs_f64() * 1e3
    );
    Ok(Answer { json: json!({"size": size, "source": hex(args.source), "target": hex(args.target)}), text })
}

fn copy_refused(args: &args::CopyArgs, error: Error) -> Fail {
    // Both ends are in one process; the address tells which one is meant.
    let address = if is_target(args, error.address()) { "--to" } else { "SRC" };
    Names { address, ..Names::USUAL }.blame(error.into())
}

fn is_target(args: &args::CopyArgs, at: u64) -> bool {
    let within = |base: u64| at.checked_sub(base).is_some_and(|offset| offset < args.size);
    at != args.source && (at == args.target || within(args.target) && !within(args.source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_that_an_address_belongs_to() {
        let args = args::CopyArgs { pid: 1, source: 0x1000, size: 0x3000, target: 0x2000 };
        for (at, target) in [(0x1000, false), (0x2000, true), (0x3000, false), (0x4000, true), (0, false)] {
            assert_eq!(is_target(&args, at), target, "{at:#x}");
        }
    }
}
