//! Bars, drawn as SVG: one an arm, with a whisker from the slowest to the fastest round.
//!
//! By hand, since that is all there is to draw, and so that the colours can follow the reader's theme,
//! which a picture of a chart library can't.

use crate::report::figure;
use crate::statistics::Spread;
use std::fmt::Write as _;

pub struct Bar {
    pub label: String,
    pub value: Spread,
}

const WIDTH: f64 = 790.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 110.0;
const TOP: f64 = 44.0;
const ROW: f64 = 34.0;
const BAR: f64 = 20.0;

/// Dark figures on white, light ones on dark where the reader's system is dark.
const STYLE: &str = "
  .page { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, sans-serif }
  .title { font-weight: 600 } .unit { fill: #59636e }
  .ours { fill: #1a7f64 } .theirs { fill: #8c959f } .spread { stroke: #1f2328; stroke-width: 1.5 }
  .grid { stroke: #d1d9e0 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #e6edf3 } .unit { fill: #9198a1 }
    .ours { fill: #2fbf98 } .theirs { fill: #656c76 } .spread { stroke: #e6edf3 } .grid { stroke: #3d444d }
  }";

/// The chart; the scale starts at zero. Arms of ours stand out by their colour.
pub fn draw(title: &str, unit: &str, bars: &[Bar]) -> String {
    let largest = bars.iter().map(|bar| bar.value.high).fold(0.0, f64::max);
    let step = tick_step(largest);
    let axis = TOP + ROW * bars.len() as f64;
    let height = axis + 46.0;
    let x = |value: f64| LEFT + value / largest * (WIDTH - LEFT - RIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>{title}</title>\n<style>{STYLE}\n</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n\
         <text class=\"title\" x=\"16\" y=\"26\">{title}</text>\n",
        title = escape(title)
    );
    let mut tick = 0.0;
    while tick <= largest {
        let at = x(tick);
        write!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{axis}\"/>\n\
             <text class=\"unit\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            axis + 18.0,
            figure(tick)
        )
        .expect("writing to a String");
        tick += step;
    }
    for (place, bar) in bars.iter().enumerate() {
        draw_bar(&mut svg, bar, TOP + ROW * place as f64, &x);
    }
    write!(
        svg,
        "<text class=\"unit\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} (bar: median, line: slowest to fastest round)</text>\n</svg>\n",
        (LEFT + WIDTH - RIGHT) / 2.0,
        axis + 37.0,
        escape(unit)
    )
    .expect("writing to a String");
    svg
}

fn draw_bar(svg: &mut String, bar: &Bar, top: f64, x: &impl Fn(f64) -> f64) {
    let Spread { median, low, high } = bar.value;
    let middle = top + ROW / 2.0;
    let class = if bar.label.starts_with("Stockroom") {
        "ours"
    } else {
        "theirs"
    };
    write!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{BAR}\"/>\n\
         <line class=\"spread\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
        LEFT - 10.0,
        middle + 4.5,
        escape(&bar.label),
        middle - BAR / 2.0,
        x(median) - LEFT,
        x(low),
        x(high),
        x(high) + 8.0,
        middle + 4.5,
        figure(median)
    )
    .expect("writing to a String");
}

/// 1, 2 or 5 times a power of ten, so that there are three to seven ticks.
fn tick_step(largest: f64) -> f64 {
    let power = 10f64.powf((largest / 3.0).log10().floor());
    let steps = [5.0, 2.0, 1.0].map(|factor| factor * power);
    steps
        .into_iter()
        .find(|step| largest / step >= 3.0)
        .unwrap_or(power)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (largest, step) in [(9.0, 2.0), (100.0, 20.0), (31.0, 10.0), (0.7, 0.2)] {
            assert!((tick_step(largest) - step).abs() < 1e-9, "{largest}");
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_median() {
        let value = |median| Spread {
            median,
            low: median,
            high: median,
        };
        let bars = [("Stockroom", 100.0), ("a < b", 50.0)].map(|(label, median)| Bar {
            label: label.into(),
            value: value(median),
        });
        let svg = draw("x", "claims/s", &bars);
        assert!(svg.contains("width=\"380.0\"") && svg.contains("width=\"190.0\""));
        assert!(svg.contains("a &lt; b"));
    }
}
