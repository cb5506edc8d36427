//! Standard output: one JSON document, or text with colours where a person sees them.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use serde_json::Value;

use crate::fail::Fail;

/// What the caller wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

/// Where answers go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    pub(crate) form: Form,
    colours: bool,
}

/// What a command has to say, in both forms.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Out {
    pub(crate) fn new(form: Form) -> Self {
        Self { form, colours: AutoStream::choice(&io::stdout()) != ColorChoice::Never }
    }

    /// The whole answer, in the form that was asked for.
    pub(crate) fn answer(self, answer: &Answer) -> Result<(), Fail> {
        match self.form {
            Form::Text => self.say(&answer.text),
            Form::Json => self.document(&answer.json),
        }
    }

    /// The one document of `--json`.
    pub(crate) fn document(self, json: &Value) -> Result<(), Fail> {
        self.raw(format!("{json}\n").as_bytes())
    }

    /// Text; styles are taken out where nobody sees them.
    pub(crate) fn say(self, text: &str) -> Result<(), Fail> {
        if self.colours {
            self.raw(text.as_bytes())
        } else {
            self.raw(strip_str(text).to_string().as_bytes())
        }
    }

    /// Bytes as they are.
    pub(crate) fn raw(self, bytes: &[u8]) -> Result<(), Fail> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| Fail::output(&error))
    }

    /// Whether a person watches, so that a line may be drawn over.
    pub(crate) fn is_live(self) -> bool {
        self.form == Form::Text && self.colours && io::IsTerminal::is_terminal(&io::stdout())
    }
}

/// What is worth a line on standard error, and does not keep the command from its work.
pub(crate) fn warn(warnings: &[impl std::fmt::Display]) {
    for warning in warnings {
        // If nobody can read it, the work is done all the same.
        let _ = writeln!(io::stderr(), "pagewright: {warning}");
    }
}

/// A refusal: a sentence on standard error, or a document on standard output.
pub(crate) fn refuse(form: Form, fail: &Fail) {
    // If that cannot be written either, the exit status has to say it.
    match (form, fail) {
        (_, Fail::Pipe) => {}
        (Form::Json, Fail::Call { .. } | Fail::Tour { .. }) => {
            let _ = Out::new(form).document(&fail.json());
        }
        (Form::Text, _) | (Form::Json, Fail::Usage(_)) => {
            let label = paint(crate::render::BAD, "error:");
            let _ = writeln!(anstream::stderr(), "{label} {}", crate::render::safe(fail.message()));
        }
    }
}

/// Text in a style.
pub(crate) fn paint(style: Style, text: &str) -> String {
    let mut painted = String::new();
    // Writing to a string cannot fail.
    let _ = write!(painted, "{style}{text}{style:#}");
    painted
}
