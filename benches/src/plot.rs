//! The chart of docs/performance.md: bars, one contestant below the other.

use std::fmt::Write as _;

use crate::contestant::Contestant;
use crate::load::Load;
use crate::plan::Results;

const ROW: usize = 22;
const BARS: f64 = 420.0;

/// Processor time a message under one load, on a logarithmic scale: the slowest is hundreds of times the fastest.
pub fn chart(results: &Results, load: Load) -> String {
    let bars = Contestant::ALL.into_iter().filter_map(|one| Some((one, results.loads.get(&(load, one))?.cpu)));
    let bars: Vec<_> = bars.collect();
    let most = bars.iter().map(|(_, cpu)| *cpu).fold(1.0, f64::max);
    let height = 40 + ROW * bars.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"720\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"22\">Server CPU, µs a message, log scale: {load}</text>\n"
    );
    for (index, (one, cpu)) in bars.iter().enumerate() {
        let y = 36 + ROW * index;
        let width = BARS * cpu.max(1.0).ln() / most.ln();
        let colour = if one.name().starts_with("mockmx") { "#2b6cb0" } else { "#a0aec0" };
        let _ = writeln!(
            svg,
            "<text x=\"180\" y=\"{text}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"190\" y=\"{y}\" width=\"{width:.0}\" height=\"16\" fill=\"{colour}\"/>\
             <text x=\"{end:.0}\" y=\"{text}\">{cpu:.0}</text>",
            text = y + 13,
            name = one.name(),
            end = 196.0 + width,
        );
    }
    svg.push_str("</svg>\n");
    svg
}
