//! Words of the command line to numbers, strictly: what is not understood is refused.

use crate::words::{MODIFIERS, Protect, WORDS};

/// Bytes given as hex digits. A type of its own, so that clap takes one argument and not a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

/// The number of a process.
pub(crate) fn pid(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|_| !text.starts_with('+'));
    number.ok_or_else(|| "give the number of a process, as ps and pgrep print it".to_owned())
}

/// An address: `0x…` or decimal; `_` may group the digits.
pub(crate) fn address(text: &str) -> Result<u64, String> {
    number(text).ok_or_else(|| "give an address as hex (0x7f00…) or decimal, of at most 64 bits".to_owned())
}

/// A size in bytes: a number, with a suffix of K, M, G or T (also KB, KiB) for powers of 1024.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let hint = || "give a number of bytes, with a suffix of K, M or G if you like: 4096, 64K, 2M".to_owned();
    let (digits, shift) = split_unit(text);
    let count = number(digits).ok_or_else(hint)?;
    count
        .checked_mul(1 << shift)
        .ok_or_else(|| "the size does not fit into 64 bits; give a smaller one".to_owned())
}

/// Digits and the power of two behind them.
fn split_unit(text: &str) -> (&str, u32) {
    if text.starts_with("0x") || text.starts_with("0X") {
        // Hex digits and a trailing B cannot be told apart.
        return (text, 0);
    }
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return (text, 0),
    };
    (digits.trim_end(), shift)
}

fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let digits: String = digits.chars().filter(|digit| *digit != '_').collect();
    // A sign would be accepted by the standard library.
    if !digits.starts_with(|digit: char| digit.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(&digits, radix).ok()
}

/// A protection: one of the words, then modifiers in any order.
pub(crate) fn protection(text: &str) -> Result<Protect, String> {
    let mut parts = text.split('+');
    let first = parts.next().unwrap_or_default();
    let Some((_, bits)) = WORDS.iter().find(|(word, _)| *word == first) else {
        return Err(format!(
            "{first:?} is no protection; give one of none r rw rx rwx x rc rxc, then +guard +nocache +writecombine as needed"
        ));
    };
    let mut bits = *bits;
    for part in parts {
        let Some((_, bit)) = MODIFIERS.iter().find(|(word, _)| *word == part) else {
            return Err(format!("+{part} is no modifier; give +guard, +nocache or +writecombine"));
        };
        bits |= bit;
    }
    Ok(Protect(bits))
}

/// Pairs of hex digits; blanks, colons and one leading `0x` are skipped.
pub(crate) fn hex(text: &str) -> Result<Bytes, String> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits = text.chars().filter(|letter| !letter.is_whitespace() && *letter != ':');
    let digits: Option<Vec<u8>> = digits.map(|digit| Some(digit.to_digit(16)? as u8)).collect();
    let Some(digits) = digits else {
        return Err("give pairs of hex digits, as in 48656c6c6f or \"48 65 6c\"".to_owned());
    };
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return Err(format!("{} hex digits do not make whole bytes; give two for each byte", digits.len()));
    }
    Ok(Bytes(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hex_or_decimal() {
        assert_eq!(address("0x7fff00001000"), Ok(0x7fff_0000_1000));
        assert_eq!(address("0X10"), Ok(16));
        assert_eq!(address("65536"), Ok(65536));
        assert_eq!(address("0x7fff_0000_1000"), Ok(0x7fff_0000_1000));
        assert_eq!(address("0xffffffffffffffff"), Ok(u64::MAX));
        for bad in ["", "0x", "7fg", "-1", "+1", "0x-1", "0x+1", "_", "0x10000000000000000", "1K"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_take_suffixes_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("64K", 65536),
            ("64k", 65536),
            ("64KiB", 65536),
            ("64 KB", 65536),
            ("2M", 2 << 20),
            ("1G", 1 << 30),
            ("1T", 1 << 40),
            ("12B", 12),
            ("0x1000", 4096),
            ("0x1B", 0x1b),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "K", "1.5M", "-4K", "4Q", "4KK", "99999999999G", "18446744073709551616"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn protections_take_modifiers_in_any_order() {
        assert_eq!(protection("rw"), Ok(Protect(0x04)));
        assert_eq!(protection("rxc"), Ok(Protect(0x80)));
        assert_eq!(protection("rw+guard+nocache"), Ok(Protect(0x304)));
        assert_eq!(protection("rw+nocache+guard"), protection("rw+guard+nocache"));
        assert_eq!(protection("none+writecombine"), Ok(Protect(0x401)));
        for bad in ["", "w", "guard", "rw+", "rw+x", "RW", "rw guard", "+guard"] {
            assert!(protection(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hex_is_pairs_of_digits() {
        assert_eq!(hex("48 65:6C"), Ok(Bytes(b"Hel".to_vec())));
        assert_eq!(hex("0x00ff"), Ok(Bytes(vec![0, 255])));
        for bad in ["", "4", "zz", "0x"] {
            assert!(hex(bad).is_err(), "{bad}");
        }
    }
}
