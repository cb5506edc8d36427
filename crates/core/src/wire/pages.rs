//! The verbs that work page by page, as words.

use super::{Answer, Frame, Request, protection_word, word_protection};
use crate::access::{Attributes, Inheritance, Rights};
use crate::geometry::PageRange;
use crate::object::View;
use crate::op::{
    AttributeRange, Birth, Limit, Map, MapPlace, Overwrite, Owner, Remap, RemapCopy, Restrict, Sharing,
    Surveyed, Unmap, WireRange,
};
use crate::space::Attribute;

/// The numbers of these requests.
pub(super) const MAP: u64 = 16;
const UNMAP: u64 = 17;
const RESTRICT: u64 = 18;
const ATTRIBUTE: u64 = 19;
const WIRE: u64 = 20;
const REMAP: u64 = 21;
pub(super) const SURVEY: u64 = 22;

pub(super) fn encode_map(request: &Map) -> Frame {
    let birth = match request.birth {
        Birth::Private => 0,
        Birth::Shared => 1,
    };
    let [kind, at] = place_words(request.place);
    frame(&[
        MAP,
        kind,
        at,
        request.size,
        request.mask,
        protection_word(request.protection),
        request.maximum.bits().into(),
        inheritance_word(request.inheritance),
        overwrite_word(request.overwrite),
        birth,
    ])
}

pub(super) fn encode_unmap(request: &Unmap) -> Frame {
    frame(&[UNMAP, request.at, request.size])
}

pub(super) fn encode_restrict(request: &Restrict) -> Frame {
    let limit = match request.limit {
        Limit::Current => 0,
        Limit::Maximum => 1,
        Limit::Copied => 2,
    };
    frame(&[RESTRICT, request.at, request.size, request.rights.bits().into(), limit])
}

pub(super) fn encode_attribute(request: &AttributeRange) -> Frame {
    let (kind, value) = match request.change {
        Attribute::Maximum(rights) => (0, rights.bits().into()),
        Attribute::Inheritance(inheritance) => (1, inheritance_word(inheritance)),
        Attribute::Behavior(behavior) => (2, behavior.into()),
    };
    frame(&[ATTRIBUTE, request.at, request.size, kind, value])
}

pub(super) fn encode_wire(request: &WireRange) -> Frame {
    frame(&[WIRE, request.at, request.size, request.rights.bits().into()])
}

pub(super) fn encode_remap(request: &Remap) -> Frame {
    let copy = match request.copy {
        RemapCopy::Share => 0,
        RemapCopy::Snapshot => 1,
    };
    let [kind, at] = place_words(request.place);
    frame(&[
        REMAP,
        kind,
        at,
        request.size,
        request.mask,
        request.source,
        copy,
        inheritance_word(request.inheritance),
        overwrite_word(request.overwrite),
    ])
}

/// The request behind words that begin with [`MAP`] to [`SURVEY`].
pub(super) fn decode(frame: &Frame) -> Option<Request> {
    let (at, size, third) = (frame[1], frame[2], frame[3]);
    Some(match frame[0] {
        MAP => Request::Map(Map {
            place: words_place([frame[1], frame[2]])?,
            size: frame[3],
            mask: frame[4],
            protection: word_protection(frame[5])?,
            maximum: word_rights(frame[6])?,
            inheritance: word_inheritance(frame[7])?,
            overwrite: word_overwrite(frame[8])?,
            birth: match frame[9] {
                0 => Birth::Private,
                1 => Birth::Shared,
                _ => return None,
            },
        }),
        UNMAP => Request::Unmap(Unmap { at, size }),
        RESTRICT => {
            let limit = match frame[4] {
                0 => Limit::Current,
                1 => Limit::Maximum,
                2 => Limit::Copied,
                _ => return None,
            };
            Request::Restrict(Restrict { at, size, rights: word_rights(third)?, limit })
        }
        ATTRIBUTE => {
            let change = match third {
                0 => Attribute::Maximum(word_rights(frame[4])?),
                1 => Attribute::Inheritance(word_inheritance(frame[4])?),
                2 => Attribute::Behavior(u8::try_from(frame[4]).ok()?),
                _ => return None,
            };
            Request::Attribute(AttributeRange { at, size, change })
        }
        WIRE => Request::WireRange(WireRange { at, size, rights: word_rights(third)? }),
        REMAP => Request::Remap(Remap {
            place: words_place([frame[1], frame[2]])?,
            size: frame[3],
            mask: frame[4],
            source: frame[5],
            copy: match frame[6] {
                0 => RemapCopy::Share,
                1 => RemapCopy::Snapshot,
                _ => return None,
            },
            inheritance: word_inheritance(frame[7])?,
            overwrite: word_overwrite(frame[8])?,
        }),
        SURVEY => Request::Survey(at),
        _ => return None,
    })
}

/// The words of what was found, behind the number of the answer.
pub(super) fn encode_surveyed(number: u64, found: &Surveyed) -> Frame {
    let Attributes { maximum, inheritance, behavior } = found.attributes;
    let sharing = match found.sharing {
        Sharing::Alone => 0,
        Sharing::Shared => 1,
    };
    let view = match found.view {
        None => 0,
        Some(View::Shared) => 1,
        Some(View::Snapshot) => 2,
    };
    let owner = match found.owner {
        Owner::Own => 0,
        Owner::Foreign => 1,
    };
    frame(&[
        number,
        found.base,
        found.size,
        protection_word(found.protection),
        maximum.bits().into(),
        inheritance_word(inheritance),
        behavior.into(),
        sharing,
        found.refs.into(),
        view,
        found.wired.into(),
        owner,
        found.offset,
    ])
}

/// What was found, behind the words. A run that is empty or wraps around would send a
/// walk in circles, so there is none.
pub(super) fn decode_surveyed(frame: &Frame) -> Option<Surveyed> {
    let (base, size) = (frame[1], frame[2]);
    if size == 0 || base.checked_add(size).is_none() {
        return None;
    }
    Some(Surveyed {
        base,
        size,
        protection: word_protection(frame[3])?,
        attributes: Attributes {
            maximum: word_rights(frame[4])?,
            inheritance: word_inheritance(frame[5])?,
            behavior: u8::try_from(frame[6]).ok()?,
        },
        sharing: match frame[7] {
            0 => Sharing::Alone,
            1 => Sharing::Shared,
            _ => return None,
        },
        refs: u32::try_from(frame[8]).ok()?,
        view: match frame[9] {
            0 => None,
            1 => Some(View::Shared),
            2 => Some(View::Snapshot),
            _ => return None,
        },
        wired: u32::try_from(frame[10]).ok()?,
        owner: match frame[11] {
            0 => Owner::Own,
            1 => Owner::Foreign,
            _ => return None,
        },
        offset: frame[12],
    })
}

pub(super) fn encode_remapped(number: u64, range: PageRange, current: Rights, maximum: Rights) -> Frame {
    let (start, end) = (range.start().get(), range.end().get());
    frame(&[number, start, end, current.bits().into(), maximum.bits().into()])
}

pub(super) fn decode_remapped(frame: &Frame) -> Option<Answer> {
    let range = PageRange::between(frame[1], frame[2])?;
    Some(Answer::Remapped(range, word_rights(frame[3])?, word_rights(frame[4])?))
}

fn frame(words: &[u64]) -> Frame {
    let mut frame = [0; 16];
    frame[..words.len()].copy_from_slice(words);
    frame
}

const fn place_words(place: MapPlace) -> [u64; 2] {
    match place {
        MapPlace::Fixed(at) => [0, at],
        MapPlace::Above(at) => [1, at],
    }
}

const fn words_place(words: [u64; 2]) -> Option<MapPlace> {
    match words {
        [0, at] => Some(MapPlace::Fixed(at)),
        [1, at] => Some(MapPlace::Above(at)),
        _ => None,
    }
}

fn word_rights(word: u64) -> Option<Rights> {
    u8::try_from(word).ok().and_then(Rights::from_bits)
}

const fn inheritance_word(inheritance: Inheritance) -> u64 {
    match inheritance {
        Inheritance::Copy => 0,
        Inheritance::Share => 1,
        Inheritance::None => 2,
    }
}

const fn word_inheritance(word: u64) -> Option<Inheritance> {
    match word {
        0 => Some(Inheritance::Copy),
        1 => Some(Inheritance::Share),
        2 => Some(Inheritance::None),
        _ => None,
    }
}

const fn overwrite_word(overwrite: Overwrite) -> u64 {
    match overwrite {
        Overwrite::Refuse => 0,
        Overwrite::Replace => 1,
    }
}

const fn word_overwrite(word: u64) -> Option<Overwrite> {
    match word {
        0 => Some(Overwrite::Refuse),
        1 => Some(Overwrite::Replace),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode_result, encode_result};
    use super::*;
    use crate::access::Protection;
    use crate::error::Verb;

    fn requests() -> [Request; 10] {
        let map = Map { mask: 7, birth: Birth::Shared, inheritance: Inheritance::Share, ..Map::new(5) };
        let remap = Remap {
            source: 1,
            size: 2,
            place: MapPlace::Above(3),
            mask: 4,
            copy: RemapCopy::Snapshot,
            inheritance: Inheritance::None,
            overwrite: Overwrite::Replace,
        };
        let attribute = |change| Request::Attribute(AttributeRange { at: 1, size: 2, change });
        [
            Request::Map(map.at(9)),
            Request::Unmap(Unmap { at: 1, size: 2 }),
            Request::Restrict(Restrict { at: 1, size: 2, rights: Rights::READ, limit: Limit::Maximum }),
            Request::Restrict(Restrict { at: 1, size: 2, rights: Rights::READ, limit: Limit::Copied }),
            attribute(Attribute::Maximum(Rights::EXECUTE)),
            attribute(Attribute::Inheritance(Inheritance::None)),
            attribute(Attribute::Behavior(3)),
            Request::WireRange(WireRange { at: 1, size: 2, rights: Rights::WRITE }),
            Request::Remap(remap),
            Request::Survey(11),
        ]
    }

    #[test]
    fn every_request_survives_the_wire() {
        for request in requests() {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        let mut frame = Request::Map(Map::new(5)).encode();
        frame[9] = 2;
        assert_eq!(Request::decode(&frame), None);
    }

    #[test]
    fn every_answer_survives_the_wire() {
        let found = Surveyed {
            base: 0x1000,
            size: 0x2000,
            protection: Protection::READ,
            attributes: Attributes { maximum: Rights::READ, inheritance: Inheritance::Share, behavior: 2 },
            sharing: Sharing::Shared,
            refs: 3,
            view: Some(View::Snapshot),
            wired: 4,
            owner: Owner::Own,
            offset: 0x5000,
        };
        let range = PageRange::between(0x1000, 0x3000).expect("not empty");
        for answer in [Answer::Surveyed(found), Answer::Remapped(range, Rights::READ, Rights::USUAL)] {
            assert_eq!(decode_result(&encode_result(&Ok(answer)), Verb::Query), Ok(answer));
        }
        assert_eq!(decode_surveyed(&encode_surveyed(0, &Surveyed { size: 0, ..found })), None);
    }
}
