//! What a run of the program says, and what of it is kept: the results, and per seed a sum of the
//! calls, for those follow from the seed and the results.
//!
//! Used by the test that compares and by the task that records (`cargo xtask wine`).

/// How many seeds are recorded: from 0.
pub(crate) const SEEDS: u32 = 1000;

/// The seeds of a run, as it printed them.
pub(crate) fn parse(run: &str) -> Result<Vec<Seed<'_>>, String> {
    let mut seeds = Vec::new();
    for line in run.lines() {
        if let Some(title) = line.strip_prefix("seed ") {
            seeds.push(Seed::new(title)?);
        } else {
            let seed: &mut Seed = seeds.last_mut().ok_or_else(|| format!("before the first seed: {line}"))?;
            seed.lines.push(Line::new(line)?);
        }
    }
    Ok(seeds)
}

/// What one seed did.
#[derive(Debug)]
pub(crate) struct Seed<'a> {
    pub(crate) number: u32,
    pub(crate) theme: &'a str,
    pub(crate) lines: Vec<Line<'a>>,
}

impl<'a> Seed<'a> {
    fn new(title: &'a str) -> Result<Self, String> {
        let (number, theme) = title.split_once(' ').ok_or_else(|| format!("seed {title}"))?;
        let number = number.parse().map_err(|_| format!("seed {title}"))?;
        Ok(Self { number, theme, lines: Vec::new() })
    }

    /// A sum of the texts of the first calls.
    pub(crate) fn sum(&self, calls: usize) -> u64 {
        let bytes = self.lines.iter().take(calls).flat_map(|line| line.call.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// One call: what was asked, and what was answered.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) call: &'a str,
    pub(crate) result: &'a str,
}

impl<'a> Line<'a> {
    fn new(line: &'a str) -> Result<Self, String> {
        let (call, result) = line.split_once(" =").ok_or_else(|| format!("no result: {line}"))?;
        Ok(Self { call, result: result.trim_start() })
    }
}

/// The recording of a run.
pub(crate) fn write(seeds: &[Seed]) -> String {
    let mut text = String::new();
    for seed in seeds {
        text += &format!("seed {} {:x}\n", seed.number, seed.sum(seed.lines.len()));
        for line in &seed.lines {
            text += line.result;
            text.push('\n');
        }
    }
    text
}

/// The seeds of a recording.
pub(crate) fn read(text: &str) -> Result<Vec<Recorded<'_>>, String> {
    let mut seeds = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("seed ") {
            seeds.push(Recorded::new(title)?);
        } else {
            let seed: &mut Recorded = seeds.last_mut().ok_or("the recording begins without a seed")?;
            seed.results.push(line);
        }
    }
    Ok(seeds)
}

/// What Wine answered to one seed.
#[derive(Debug)]
pub(crate) struct Recorded<'a> {
    pub(crate) number: u32,
    /// As [`Seed::sum`], of all its calls.
    pub(crate) sum: u64,
    pub(crate) results: Vec<&'a str>,
}

impl<'a> Recorded<'a> {
    fn new(title: &'a str) -> Result<Self, String> {
        let odd = || format!("no title of a recorded seed: {title}");
        let (number, sum) = title.split_once(' ').ok_or_else(odd)?;
        let number = number.parse().map_err(|_| odd())?;
        let sum = u64::from_str_radix(sum, 16).map_err(|_| odd())?;
        Ok(Self { number, sum, results: Vec::new() })
    }
}
