//! The command line as clap reads it. Help, completions and manual pages come from here too.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use crate::parse::{address, pid, protection, size};
use crate::words::Protect;

const ABOUT: &str = "The memory of any live Linux process, in the words of Win32";

const LONG: &str = "\
The memory of any live Linux process, in the words of Win32: reserve, commit, protect, query, read, write, alias, \
copy and free pages in a process that runs on meanwhile.

PID is any live process that you may trace. Addresses are hex (0x…) or decimal; sizes take the suffixes K, M and G \
(1024-based). Protections are none r rw rx rwx x rc rxc, followed by any of +guard +nocache +writecombine.

With --json, every command prints one JSON document on standard output.";

const EXITS: &str = "\
Exit status: 0 done, 1 refused (one sentence on standard error, or a JSON error), 2 wrong usage.

Start here:
  pagewright tour";

#[derive(Debug, Parser)]
#[command(
    name = "pagewright",
    bin_name = "pagewright",
    version,
    about = ABOUT,
    long_about = LONG,
    after_help = EXITS,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// Print one JSON document instead of text
    // Scripts that add it to whatever they are given must not be refused for saying it twice.
    #[arg(long, global = true, display_order = 900, overrides_with = "json")]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Do the whole job on two real programs, each step proven from /proc
    #[command(after_help = "Example:\n  pagewright tour")]
    Tour,
    /// List every region of a process, ours and its own
    #[command(after_help = "Example:\n  pagewright map 4711")]
    Map(Map),
    /// Say what is at an address (VirtualQueryEx)
    #[command(after_help = "Example:\n  pagewright query 4711 0x200000000000")]
    Query(Query),
    /// Reserve, commit, or both (VirtualAllocEx)
    #[command(after_help = "Example:\n  pagewright alloc 4711 --size 64K --protect rw+guard")]
    Alloc(Alloc),
    /// Release an allocation, or decommit pages of it (VirtualFreeEx)
    #[command(after_help = "Example:\n  pagewright free 4711 0x200000000000")]
    Free(Free),
    /// Change the protection of committed pages (VirtualProtectEx)
    #[command(after_help = "Example:\n  pagewright protect 4711 0x200000000000 --size 4K --protect rx")]
    Protect(ProtectArgs),
    /// Copy bytes out (ReadProcessMemory)
    #[command(after_help = "Example:\n  pagewright read 4711 0x200000000000 --size 64")]
    Read(Read),
    /// Copy bytes in (WriteProcessMemory)
    #[command(after_help = "Example:\n  pagewright write 4711 0x200000000000 --text 'hello'")]
    Write(Write),
    /// Show memory of one process in another: the same bytes, no copy (VirtualAllocCopyEx, VirtualCopyEx)
    #[command(after_help = "Example:\n  pagewright alias 4711 0x200000000000 --size 64K --into 4712")]
    Alias(Alias),
    /// Copy bytes inside a process, without moving whole pages until one side is written (vm_copy)
    #[command(after_help = "Example:\n  pagewright copy 4711 0x200000000000 --size 64M --to 0x200010000000")]
    Copy(CopyArgs),
    /// Say which pages were written, of memory that was allocated with --write-watch (GetWriteWatch)
    #[command(after_help = "Example:\n  pagewright watch 4711 0x200000000000 --size 64K --reset")]
    Watch(Watch),
    /// Say whether the resident is in a process, and what it holds
    #[command(after_help = "Example:\n  pagewright status 4711")]
    Status(Status),
    /// Take the resident out of a process again, without a trace
    #[command(after_help = "Example:\n  pagewright detach 4711 --release")]
    Detach(Detach),
    /// Say what this kernel can do, how commits are made, and who uses up the mappings
    #[command(after_help = "Example:\n  pagewright doctor 4711")]
    Doctor(Doctor),
    /// Print the completions of a shell
    #[command(
        after_help = "Example:\n  pagewright completions bash > ~/.local/share/bash-completion/completions/pagewright"
    )]
    Completions(Completions),
    /// Print the manual page, or write all of them into a directory
    #[command(after_help = "Example:\n  pagewright man --out ~/.local/share/man/man1")]
    Man(Man),
}

#[derive(Debug, Args)]
pub(crate) struct Map {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// Only what was allocated with Pagewright
    #[arg(long)]
    pub(crate) ours: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// Any address of the user range
    #[arg(value_name = "ADDR", value_parser = address)]
    pub(crate) at: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Alloc {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// How many bytes
    #[arg(long, value_name = "N", value_parser = size)]
    pub(crate) size: u64,
    /// Exactly there (rounded down to 64 KiB; to a page when only committing)
    #[arg(long, value_name = "ADDR", value_parser = address, conflicts_with = "near")]
    pub(crate) at: Option<u64>,
    /// As near as possible to that address, and within 2 GiB of it
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) near: Option<u64>,
    #[command(flatten)]
    pub(crate) steps: Steps,
    /// What may be done with the pages: none r rw rx rwx x, +guard +nocache +writecombine
    #[arg(long, value_name = "P", default_value = "rw", value_parser = protection)]
    pub(crate) protect: Protect,
    #[command(flatten)]
    pub(crate) extras: Extras,
}

/// Neither means both.
#[derive(Debug, Args)]
pub(crate) struct Steps {
    /// Only reserve the range (with --commit: reserve and commit, as without both)
    #[arg(long)]
    pub(crate) reserve: bool,
    /// Only commit pages of the reservation at --at
    #[arg(long)]
    pub(crate) commit: bool,
}

/// What the memory is to be, beside its protection.
#[derive(Debug, Args)]
pub(crate) struct Extras {
    /// At the highest free address
    #[arg(long, conflicts_with = "near")]
    pub(crate) top_down: bool,
    /// Of large pages (2 MiB; needs the privilege to lock pages, and pages that were set aside)
    #[arg(long, conflicts_with_all = ["near", "write_watch"])]
    pub(crate) large: bool,
    /// Of ordinary pages that the kernel may join into large ones; needs no privilege
    #[arg(long, conflicts_with = "large")]
    pub(crate) joined: bool,
    /// With a record of the pages that are written; `pagewright watch` reads it
    #[arg(long)]
    pub(crate) write_watch: bool,
    /// From this NUMA node if it has memory left
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct Free {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// The base of the allocation; with a size, any address in it
    #[arg(value_name = "ADDR", value_parser = address)]
    pub(crate) at: u64,
    /// Only that many bytes, with --decommit; without it the whole allocation
    #[arg(long, value_name = "N", value_parser = size, default_value = "0", hide_default_value = true)]
    pub(crate) size: u64,
    /// Give back the memory but keep the range reserved
    #[arg(long)]
    pub(crate) decommit: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProtectArgs {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// Where to begin
    #[arg(value_name = "ADDR", value_parser = address)]
    pub(crate) at: u64,
    /// How many bytes; every page touched changes
    #[arg(long, value_name = "N", value_parser = size)]
    pub(crate) size: u64,
    /// What may be done with them: none r rw rx rwx x rc rxc, +guard +nocache +writecombine
    #[arg(long, value_name = "P", value_parser = protection)]
    pub(crate) protect: Protect,
}

#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// Where to begin
    #[arg(value_name = "ADDR", value_parser = address)]
    pub(crate) at: u64,
    /// How many bytes
    #[arg(long, value_name = "N", value_parser = size)]
    pub(crate) size: u64,
    /// Write the bytes to a file, all or nothing (-: standard output)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["hex", "text", "input"]))]
pub(crate) struct Write {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// Where to begin
    #[arg(value_name = "ADDR", value_parser = address)]
    pub(crate) at: u64,
    /// These bytes, as pairs of hex digits; blanks are skipped
    #[arg(long, value_name = "H", value_parser = crate::parse::hex)]
    pub(crate) hex: Option<crate::parse::Bytes>,
    /// This text, as UTF-8, without a zero behind it
    #[arg(long, value_name = "T")]
    pub(crate) text: Option<String>,
    /// The bytes of a file (-: standard input)
    #[arg(long = "in", id = "input", value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
}

impl Write {
    /// The argument that the bytes come from.
    pub(crate) const fn given(&self) -> &'static str {
        match (&self.hex, &self.text) {
            (Some(_), _) => "--hex",
            (None, Some(_)) => "--text",
            (None, None) => "--in",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Alias {
    /// The process that has the memory
    #[arg(value_name = "SRC_PID", value_parser = pid)]
    pub(crate) source: u32,
    /// The first byte to show
    #[arg(value_name = "ADDR", value_parser = address)]
    pub(crate) at_source: u64,
    /// How many bytes
    #[arg(long, value_name = "N", value_parser = size)]
    pub(crate) size: u64,
    /// The process that shall see them; may be the same
    #[arg(long, value_name = "DST_PID", value_parser = pid)]
    pub(crate) into: u32,
    /// The address that the first byte gets there, in pages that are reserved; without it, a reservation is made
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) at: Option<u64>,
    /// What DST_PID may do with them: none r rw rx rwx x, +guard +nocache +writecombine
    #[arg(long, value_name = "P", default_value = "rw", value_parser = protection)]
    pub(crate) protect: Protect,
    /// What happens where the range begins or ends inside of a page
    #[arg(long, value_enum, default_value_t = Edge::Strict)]
    pub(crate) edges: Edge,
    /// Also memory that the program mapped itself: its heap, its data. Hazard: a forked child shares it too
    ///
    /// Such memory becomes shared memory. A child that the program forks from then on shares it, instead of having a
    /// copy of its own, so parent and child overwrite each other's data there. Detaching does not undo that.
    #[arg(long)]
    pub(crate) foreign: bool,
}

/// What happens to a page of which only a part is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Edge {
    /// Refuse a range that is not whole pages
    Strict,
    /// Share whole pages; of a page at the edge, show a private copy without the bytes around the range
    Split,
    /// Share every page touched as a whole: the bytes around the range can be reached too
    Whole,
}

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// The first byte to copy
    #[arg(value_name = "SRC", value_parser = address)]
    pub(crate) source: u64,
    /// How many bytes
    #[arg(long, value_name = "N", value_parser = size)]
    pub(crate) size: u64,
    /// Where the first byte goes; the ranges may overlap
    #[arg(long = "to", value_name = "DST", value_parser = address)]
    pub(crate) target: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// Where to begin, in an allocation that is watched
    #[arg(value_name = "ADDR", value_parser = address)]
    pub(crate) at: u64,
    /// How many bytes; every page touched is looked at
    #[arg(long, value_name = "N", value_parser = size)]
    pub(crate) size: u64,
    /// Forget the pages that are reported, so that the next time only new stores are
    #[arg(long)]
    pub(crate) reset: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Detach {
    /// The process
    #[arg(value_parser = pid)]
    pub(crate) pid: u32,
    /// Release first what was allocated; without it, it stays in the process
    #[arg(long)]
    pub(crate) release: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The process whose mappings are counted; without it, this command itself
    #[arg(value_parser = pid)]
    pub(crate) pid: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The page of one command instead of the first page
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub(crate) page: Option<String>,
    /// Write every page into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
