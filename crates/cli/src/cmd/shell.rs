//! `completions` and `man`, from the same definition as the command line itself.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;
use serde_json::json;

use crate::args::{self, Cli};
use crate::fail::Fail;
use crate::out::Answer;

pub(crate) fn completions(args: &args::Completions) -> Result<Answer, Fail> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pagewright", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    Ok(Answer { json: json!({"shell": args.shell.to_string(), "script": text}), text })
}

/// What the foot of every manual page says.
const SOURCE: &str = concat!("pagewright ", env!("CARGO_PKG_VERSION"));

/// A manual page and the name of its file.
#[derive(Debug)]
struct Page {
    name: String,
    text: String,
}

pub(crate) fn man(args: &args::Man) -> Result<Answer, Fail> {
    let pages = pages().map_err(|error| Fail::output(&error))?;
    if let Some(directory) = &args.out {
        return write_all(&pages, directory);
    }
    let wanted = match &args.page {
        Some(command) => format!("pagewright-{command}.1"),
        None => "pagewright.1".to_owned(),
    };
    let Some(page) = pages.into_iter().find(|page| page.name == wanted) else {
        let command = args.page.as_deref().unwrap_or_default();
        return Err(Fail::Usage(format!("there is no command {command}; see pagewright --help (COMMAND)")));
    };
    Ok(Answer { json: json!({"name": page.name, "text": page.text}), text: page.text })
}

fn pages() -> io::Result<Vec<Page>> {
    let mut command = Cli::command();
    command.build();
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let commands: Vec<_> = commands.collect();
    let mut pages = vec![page("pagewright".to_owned(), command)?];
    for command in commands {
        let name = format!("pagewright-{}", command.get_name());
        pages.push(page(name.clone(), command.display_name(name))?);
    }
    Ok(pages)
}

fn page(name: String, command: clap::Command) -> io::Result<Page> {
    let mut text = Vec::new();
    Man::new(command).source(SOURCE).manual("Pagewright").render(&mut text)?;
    Ok(Page { name: format!("{name}.1"), text: String::from_utf8_lossy(&text).into_owned() })
}

fn write_all(pages: &[Page], directory: &Path) -> Result<Answer, Fail> {
    fs::create_dir_all(directory).map_err(|error| Fail::file("--out", directory, &error))?;
    for page in pages {
        let path = directory.join(&page.name);
        fs::write(&path, &page.text).map_err(|error| Fail::file("--out", &path, &error))?;
    }
    let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
    let text = format!("{} pages written to {}\n", pages.len(), directory.display());
    Ok(Answer { json: json!({"directory": directory.to_string_lossy(), "pages": names}), text })
}
