//! The command `pagewright`: the memory of any live Linux process, in the words of Win32.
//!
//! `args` says what can be asked, `cmd` answers it through the library, `out` prints the answer. The names and the exit
//! statuses are what scripts rely on.

mod args;
mod cmd;
mod fail;
mod maps;
mod out;
mod parse;
mod region;
mod render;
mod tour;
mod words;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use fail::Fail;
use out::{Form, Out};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let form = if cli.json { Form::Json } else { Form::Text };
    match &cli.command {
        // It is a part of the answer.
        Command::Doctor(_) => {}
        _other => out::warn(&pagewright::doctor::misunderstood()),
    }
    match run(&cli.command, Out::new(form)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fail) => {
            out::refuse(form, &fail);
            ExitCode::from(fail.status())
        }
    }
}

fn run(command: &Command, out: Out) -> Result<(), Fail> {
    let answer = match command {
        Command::Tour => return tour::run(out),
        Command::Read(args) => return cmd::bytes::read(args, out),
        Command::Map(args) => cmd::look::map(args)?,
        Command::Query(args) => cmd::look::query(args)?,
        Command::Alloc(args) => cmd::memory::alloc(args)?,
        Command::Free(args) => cmd::memory::free(args)?,
        Command::Protect(args) => cmd::memory::protect(args)?,
        Command::Write(args) => cmd::bytes::write(args)?,
        Command::Alias(args) => cmd::share::alias(args)?,
        Command::Copy(args) => cmd::share::copy(args)?,
        Command::Watch(args) => cmd::watch::watch(args)?,
        Command::Status(args) => cmd::session::status(args)?,
        Command::Detach(args) => cmd::session::detach(args)?,
        Command::Doctor(args) => cmd::doctor::doctor(args)?,
        Command::Completions(args) => cmd::shell::completions(args)?,
        Command::Man(args) => cmd::shell::man(args)?,
    };
    out.answer(&answer)
}
