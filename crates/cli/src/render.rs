//! Tables and figures for people.

use anstyle::{AnsiColor, Style};

/// Headings.
pub(crate) const HEAD: Style = Style::new().bold();
/// What matters less.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What is ours.
pub(crate) const OURS: Style = AnsiColor::Cyan.on_default().bold();
/// Good news.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Bad news.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something to look at.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
const CODE: Style = AnsiColor::Magenta.on_default();
const PLAIN: Style = Style::new();

/// A piece of text with a style.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

/// Text that may come from elsewhere, in a style.
pub(crate) fn cell(style: Style, text: impl AsRef<str>) -> Cell {
    Cell { text: safe(text.as_ref()), style }
}

/// Text without a style.
pub(crate) fn plain(text: impl AsRef<str>) -> Cell {
    cell(PLAIN, text)
}

/// On which side the blanks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// What happens to a last column that is too long for the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// Its middle is left out: for names.
    Cut,
    /// It goes on below: for sentences.
    Wrap,
}

/// Rows in aligned columns, two blanks apart; the last column is not filled up.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Align>,
    fit: Fit,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        let mut table = Self::bare(columns.iter().map(|(_, align)| *align));
        table.row(columns.iter().map(|(title, _)| cell(DIM, title)));
        table
    }

    /// A table without headings.
    pub(crate) fn bare(columns: impl IntoIterator<Item = Align>) -> Self {
        Self { columns: columns.into_iter().collect(), fit: Fit::Cut, rows: Vec::new() }
    }

    /// The same table, with sentences in its last column.
    pub(crate) fn wrapped(self) -> Self {
        Self { fit: Fit::Wrap, ..self }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table; on a terminal its last column is made to fit.
    pub(crate) fn render(&self) -> String {
        self.render_within(terminal_width())
    }

    fn render_within(&self, terminal: Option<usize>) -> String {
        let widths = self.widths();
        let used: usize = widths.iter().rev().skip(1).map(|width| width + 2).sum();
        let room = terminal.map_or(usize::MAX, |width| width.saturating_sub(used).max(16));
        let mut text = String::new();
        for row in &self.rows {
            let Some((last, cells)) = row.split_last() else { continue };
            let mut line = String::new();
            for (index, cell) in cells.iter().enumerate() {
                line.push_str(&self.filled(index, cell, &widths));
                line.push_str("  ");
            }
            match self.fit {
                Fit::Cut => line.push_str(&styled(last.style, &shorten(&last.text, room))),
                Fit::Wrap => {
                    let parts = wrap(&last.text, room);
                    let parts: Vec<String> = parts.iter().map(|part| styled(last.style, part)).collect();
                    line.push_str(&parts.join(&format!("\n{}", " ".repeat(used))));
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// A cell that is as wide as its column.
    fn filled(&self, column: usize, cell: &Cell, widths: &[usize]) -> String {
        let width = widths.get(column).copied().unwrap_or_default();
        let blanks = " ".repeat(width.saturating_sub(cell.text.chars().count()));
        let text = styled(cell.style, &cell.text);
        match self.columns.get(column) {
            Some(Align::Right) => blanks + &text,
            Some(Align::Left) | None => text + &blanks,
        }
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.text.chars().count()).max().unwrap_or_default()
        };
        (0..self.columns.len()).map(width).collect()
    }
}

fn styled(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

/// Lines of at most `room` characters, broken between words.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| line.chars().count() + 1 + word.chars().count() <= room);
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => line.extend([" ", word]),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The colour of a protection word.
pub(crate) fn protect_style(words: &str) -> Style {
    match words {
        words if words.contains("+guard") => WARN,
        "rwx" => BAD,
        words if words.contains('x') => CODE,
        words if words.contains('w') || words.contains('c') => GOOD,
        "none" => DIM,
        _ => PLAIN,
    }
}

/// The colour of a state word.
pub(crate) fn state_style(state: &str) -> Style {
    match state {
        "reserve" => WARN,
        "free" => DIM,
        _ => PLAIN,
    }
}

/// An address as everywhere.
pub(crate) fn hex(at: u64) -> String {
    format!("{at:#x}")
}

/// A size for people: `64K`, `2M`, `1.7G`; exact figures are what `--json` is for.
pub(crate) fn human(bytes: u64) -> String {
    let units = ["", "K", "M", "G", "T", "P", "E"];
    let step = (bytes.checked_ilog2().unwrap_or(0) / 10) as usize;
    let unit = 1_u64 << (10 * step);
    let name = units.get(step).copied().unwrap_or_default();
    if bytes.is_multiple_of(unit) || bytes / unit >= 100 {
        return format!("{}{name}", bytes / unit);
    }
    // One decimal, and never "0.0" more than there is.
    let tenths = (bytes % unit) as u128 * 10 / unit as u128;
    format!("{}.{tenths}{name}", bytes / unit)
}

/// `64K`, or `64.5K (66,048 bytes)` where the short form is not exact.
pub(crate) fn exact(bytes: u64) -> String {
    let step = (bytes.checked_ilog2().unwrap_or(0) / 10) * 10;
    match step {
        0 => count(bytes, "byte"),
        _ if bytes.is_multiple_of(1 << step) => human(bytes),
        _ => format!("{} ({} bytes)", human(bytes), thousands(bytes)),
    }
}

/// A figure with its thousands apart.
pub(crate) fn thousands(figure: u64) -> String {
    let digits = figure.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 region`, `2 regions`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// How wide bars may be behind `used` characters.
pub(crate) fn bar_room(used: usize, most: usize) -> u64 {
    terminal_width().map_or(most, |width| width.saturating_sub(used).clamp(8, most)) as u64
}

/// A part of a whole as a bar; a part that is not nothing shows.
pub(crate) fn bar(part: u64, whole: u64, width: u64) -> String {
    if part == 0 || whole == 0 {
        return String::new();
    }
    let eighths = (u128::from(part) * u128::from(width) * 8 / u128::from(whole)).max(1) as usize;
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{rest}", "█".repeat(eighths / 8))
}

/// Without characters that a terminal obeys: names come from other people's processes.
pub(crate) fn safe(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// At most `room` characters, cut in the middle: both ends of a path say something. Where there is little room, the
/// end says more.
fn shorten(text: &str, room: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= room {
        return text.to_owned();
    }
    let head = if room < 32 { 0 } else { (room - 1) / 3 };
    let tail = room - 1 - head;
    letters[..head].iter().chain(['…'].iter()).chain(&letters[letters.len() - tail..]).collect()
}

/// Whether a table of regions has no room for everything.
pub(crate) fn is_narrow() -> bool {
    terminal_width().is_some_and(|width| width < 100)
}

/// Whether a person looks at it.
pub(crate) fn is_terminal() -> bool {
    terminal_width().is_some()
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0"),
            (1, "1"),
            (1023, "1023"),
            (1024, "1K"),
            (4096, "4K"),
            (65536, "64K"),
            (1 << 20, "1M"),
            ((1 << 20) + (1 << 19), "1.5M"),
            (132 << 10, "132K"),
            ((1 << 30) - 4096, "1023M"),
            (u64::MAX, "15.9E"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn exact_sizes_say_so() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (64 << 10, "64K"),
            ((64 << 10) + 512, "64.5K (66,048 bytes)"),
            ((200 << 10) + 1, "200K (204,801 bytes)"),
        ] {
            assert_eq!(exact(bytes), text);
        }
    }

    #[test]
    fn figures_and_bars() {
        assert_eq!(thousands(65530), "65,530");
        assert_eq!(thousands(123), "123");
        assert_eq!(count(1, "region"), "1 region");
        assert_eq!(bar(1, 2, 8), "████");
        assert_eq!(bar(1, u64::MAX, 8), "▏");
        assert_eq!(bar(0, 8, 8), "");
    }

    #[test]
    fn names_cannot_command_a_terminal() {
        assert_eq!(safe("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
        assert_eq!(shorten("/usr/lib/x86_64-linux-gnu/libc.so.6", 16), "…x-gnu/libc.so.6");
    }

    #[test]
    fn the_last_column_fits_the_terminal() {
        let rows = |fit| {
            let mut table = Table { fit, ..Table::bare([Align::Left, Align::Left]) };
            table.row([plain("name"), plain("a sentence of many words")]);
            table.render_within(Some(20))
        };
        assert_eq!(rows(Fit::Wrap), "name  a sentence of\n      many words\n");
        assert_eq!(rows(Fit::Cut), "name  …e of many words\n");
    }
}
