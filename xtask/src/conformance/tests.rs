//! The functions of a Rust source file, as far as tags need them.

/// A function in a source file, by lines.
#[derive(Debug)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// Where its attributes and comments begin, and its last line.
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) is_test: bool,
    pub(crate) is_ignored: bool,
}

/// The functions of a formatted source file.
///
/// A function ends at the first brace that stands where its first word stands, which is
/// where the formatter puts it.
pub(crate) fn functions<'a>(lines: &[&'a str]) -> Vec<Function<'a>> {
    let mut found = Vec::new();
    for (named, line) in lines.iter().enumerate() {
        let Some(name) = name(line) else { continue };
        let first = head(lines, named);
        let attributes = || lines[first..named].iter().map(|line| line.trim());
        found.push(Function {
            name,
            first,
            last: end(lines, named),
            is_test: attributes().any(|line| line == "#[test]"),
            is_ignored: attributes().any(|line| line.starts_with("#[ignore")),
        });
    }
    found
}

fn name(line: &str) -> Option<&str> {
    let words = line.trim_start();
    if words.starts_with("//") {
        return None;
    }
    let after = ["fn ", "pub fn ", "pub(crate) fn ", "unsafe fn ", "extern \"C\" fn "]
        .iter()
        .find_map(|before| words.strip_prefix(before))?;
    after.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
}

/// The first line of what stands directly above: attributes and comments.
fn head(lines: &[&str], named: usize) -> usize {
    let above = lines[..named].iter().rev();
    named - above.take_while(|line| line.trim().starts_with("#[") || line.trim().starts_with("//")).count()
}

fn end(lines: &[&str], named: usize) -> usize {
    if lines[named].trim_end().ends_with('}') {
        return named;
    }
    let indent = lines[named].len() - lines[named].trim_start().len();
    let close = |line: &&str| line.trim_end() == format!("{}}}", " ".repeat(indent));
    lines[named..].iter().position(close).map_or(lines.len() - 1, |after| named + after)
}
