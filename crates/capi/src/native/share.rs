//! Showing memory in a second place.

use rust::{Consent, Edges, Onto, Place, Receipt, Share};

use super::code::Code;
use super::handle::Handle;
use super::pointer::{In, Out, Record};
use super::report::{Refusal, Report, Result, answer};
use super::words::{self, meant};

/// `pw_share_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Request {
    struct_size: u32,
    edges: u32,
    source: u64,
    size: u64,
    at: u64,
    protection: u32,
    onto: u32,
    consent: u32,
    unused: u32,
}

// SAFETY: numbers, and no padding: 2 · 4 + 3 · 8 + 4 · 4.
unsafe impl Record for Request {
    const NAME: &'static str = "pw_share_request";
}

/// `pw_receipt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Answer {
    struct_size: u32,
    unused: u32,
    base: u64,
    size: u64,
    view_base: u64,
    view_size: u64,
    shared: u64,
    copied: u64,
    exposed: u64,
}

// SAFETY: numbers, and no padding: 2 · 4 + 7 · 8.
unsafe impl Record for Answer {
    const NAME: &'static str = "pw_receipt";
}

const _: () = assert!(size_of::<Request>() == 48 && size_of::<Answer>() == 64, "as the header says");

/// `pw_onto`.
const FRESH: u32 = 0;
const RESERVED: u32 = 1;
const VIEW: u32 = 2;

impl Request {
    fn decode(&self) -> Result<Share> {
        Ok(Share {
            source: self.source,
            size: self.size,
            onto: self.onto()?,
            protection: words::protection(self.protection)?,
            edges: meant::<Edges>(self.edges)?,
            consent: match self.consent {
                0 => Consent::OwnOnly,
                1 => Consent::Foreign,
                other => return Err(unknown("pw_consent", other)),
            },
        })
    }

    fn onto(&self) -> Result<Onto> {
        let place = match self.at {
            0 => Place::Window(rust::Window::ANYWHERE),
            at => Place::At(at),
        };
        match self.onto {
            FRESH => Ok(Onto::Fresh(place)),
            RESERVED => Ok(Onto::Reserved(self.at)),
            VIEW => Ok(Onto::View(place)),
            other => Err(unknown("pw_onto", other)),
        }
    }
}

fn unknown(name: &str, number: u32) -> Refusal {
    Refusal::argument(format!("there is no {name} with the number {number}; give one of the header"))
}

impl From<Receipt> for Answer {
    fn from(receipt: Receipt) -> Self {
        Self {
            struct_size: 0,
            unused: 0,
            base: receipt.base,
            size: receipt.size,
            view_base: receipt.range.start().get(),
            view_size: receipt.range.bytes(),
            shared: receipt.shared,
            copied: receipt.copied,
            exposed: receipt.exposed,
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn pw_share(
    source: Handle,
    target: Handle,
    request: In<Request>,
    receipt: Out<Answer>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let receipt = receipt.checked()?;
        let share = request.get_record()?.decode()?;
        receipt.put_record(source.process()?.share(&target.process()?, &share)?.into());
        Ok(())
    })
}
