//! The picture: a panel of bars for each line, as SVG that reads well on light and on dark.

use std::fmt::Write as _;

use crate::{
    measure::{Kind, Unit},
    report::{Row, Section, ratio},
    statistics::short,
};

const WIDTH: f64 = 920.0;
/// Where bars begin; what they are is written before.
const LEFT: f64 = 350.0;
/// Where the longest bar ends; its value is written after.
const RIGHT: f64 = 730.0;
const MARGIN: f64 = 16.0;
const TITLE: f64 = 30.0;
const BAR: f64 = 16.0;
const STEP: f64 = 23.0;
const AXIS: f64 = 20.0;
const GAP: f64 = 26.0;
/// Values further apart than this are drawn on a logarithmic scale.
const LINEAR_RANGE: f64 = 20.0;

const STYLE: &str = "\
text { font: 12px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #3d444d }
.title, tspan.title { font-size: 14px; font-weight: 600 }
.work, .axis { fill: #656d76 } .axis { font-size: 10px }
.swath { fill: #1a7f64 } .peer { fill: #8c959f } .limit { fill: none; stroke: #9a6700; stroke-dasharray: 4 2 }
.grid { stroke: #8c959f; stroke-opacity: .35 } .spread { stroke: #3d444d }
.bold { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #d1d7e0 } .work, .axis { fill: #9198a1 } .swath { fill: #3fb68b } .peer { fill: #6e7681 }
  .limit { stroke: #d29922 } .spread { stroke: #d1d7e0 }
}
";

pub(crate) fn draw(sections: &[Section]) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    y = legend(&mut body, y);
    for section in sections {
        let rows = section.rows();
        let mut is_first = true;
        for unit in units(&rows) {
            let rows: Vec<&Row> = rows.iter().filter(|row| row.unit == unit).collect();
            y = panel(&mut body, y, (section, is_first), unit, rows);
            is_first = false;
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y:.0}\" viewBox=\"0 0 {WIDTH} {y:.0}\" \
         role=\"img\" aria-label=\"Swath and its peers\">\n<style>\n{STYLE}</style>\n{body}</svg>\n"
    )
}

/// The units of a line in the order of its rows, but for those that compare with nothing here.
fn units(rows: &[Row]) -> Vec<Unit> {
    let mut units = Vec::new();
    for row in rows.iter().filter(|row| row.unit.is_comparable()) {
        if !units.contains(&row.unit) {
            units.push(row.unit);
        }
    }
    units
}

fn legend(body: &mut String, y: f64) -> f64 {
    let mut x = MARGIN;
    for (class, name, width) in
        [("swath", "Swath", 60.0), ("peer", "other systems", 105.0), ("limit", "what the machine can do", 160.0)]
    {
        // Writing to a string cannot fail.
        let _ = writeln!(body, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"12\" height=\"12\" rx=\"2\"/>");
        text(body, (x + 18.0, y + 10.5), "work", "start", name);
        x += 18.0 + width;
    }
    text(body, (WIDTH - MARGIN, y + 10.5), "work", "end", "medians; shorter is better; × is the ratio to Swath");
    y + 12.0 + GAP
}

/// The bars of one unit of a line; returns where the next panel begins.
fn panel(body: &mut String, top: f64, head: (&Section, bool), unit: Unit, mut rows: Vec<&Row>) -> f64 {
    let (section, is_first) = head;
    rows.sort_by(|a, b| a.summary.median.total_cmp(&b.summary.median));
    let scale = Scale::of(&rows);
    let mut y = top;
    if is_first {
        title(body, y + 12.0, section);
        y += TITLE;
    }
    let bottom = y + STEP * rows.len() as f64;
    for (at, label) in scale.marks() {
        let _ = writeln!(body, "<path class=\"grid\" d=\"M{at:.1} {:.1}V{bottom:.1}\"/>", y - 3.0);
        text(body, (at, bottom + 11.0), "axis", "middle", &label);
    }
    let scale_name =
        if scale.is_logarithmic { format!("{}, logarithmic", unit.name()) } else { unit.name().to_owned() };
    text(body, (LEFT - 20.0, bottom + 11.0), "axis", "end", &scale_name);
    for row in rows {
        bar(body, y, &scale, row);
        y += STEP;
    }
    bottom + AXIS + GAP
}

fn bar(body: &mut String, y: f64, scale: &Scale, row: &Row) {
    let (class, weight) = match row.kind {
        Kind::Swath => ("swath", "bold"),
        Kind::Peer => ("peer", ""),
        Kind::Limit => ("limit", "work"),
    };
    let summary = row.summary;
    let end = scale.at(summary.median).max(LEFT + 2.0);
    let baseline = y + 12.5;
    text(body, (LEFT - 8.0, baseline), weight, "end", &row.system);
    let width = end - LEFT;
    let _ = writeln!(
        body,
        "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>"
    );
    let (from, to, middle) = (scale.at(summary.least), scale.at(summary.greatest), y + BAR / 2.0);
    if to - from > 2.0 {
        let _ = writeln!(body, "<path class=\"spread\" d=\"M{from:.1} {middle:.1}H{to:.1}\"/>");
    }
    let value = match row.kind {
        Kind::Swath if (row.ratio - 1.0).abs() < 0.005 => format!("{} {}", short(summary.median), row.unit.name()),
        _ if row.ratio.is_nan() => format!("{} {}", short(summary.median), row.unit.name()),
        _ => format!("{} {} · {}×", short(summary.median), row.unit.name(), ratio(row.ratio)),
    };
    text(body, (end.max(to) + 6.0, baseline), weight, "start", &value);
}

/// The name of a line, and what is done.
fn title(body: &mut String, y: f64, section: &Section) {
    let (line, work) = (escape(&section.head.line), escape(&section.head.work));
    let _ = writeln!(
        body,
        "<text x=\"{MARGIN}\" y=\"{y:.1}\"><tspan class=\"title\">{line}</tspan><tspan class=\"work\" dx=\"10\">{work}</tspan></text>"
    );
}

fn text(body: &mut String, at: (f64, f64), class: &str, anchor: &str, words: &str) {
    let (words, (x, y)) = (escape(words), at);
    let _ = writeln!(body, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// From values to places between [`LEFT`] and [`RIGHT`].
struct Scale {
    is_logarithmic: bool,
    from: f64,
    to: f64,
}

impl Scale {
    fn of(rows: &[&Row]) -> Self {
        let medians = rows.iter().map(|row| row.summary.median).filter(|value| *value > 0.0);
        let least = medians.fold(f64::INFINITY, f64::min);
        let greatest = rows.iter().map(|row| row.summary.greatest).fold(0.0, f64::max).max(1e-9);
        if greatest / least > LINEAR_RANGE && least.is_finite() {
            // The shortest bar is still one.
            let from = 10_f64.powf((least / 1.5).log10().floor());
            Self { is_logarithmic: true, from, to: greatest }
        } else {
            Self { is_logarithmic: false, from: 0.0, to: greatest }
        }
    }

    fn at(&self, value: f64) -> f64 {
        let part = if self.is_logarithmic {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// Where lines are drawn, and what stands at them.
    fn marks(&self) -> Vec<(f64, String)> {
        let values: Vec<f64> = if self.is_logarithmic {
            let (first, last) = (self.from.log10().round() as i32, self.to.log10().floor() as i32);
            (first..=last).map(|exponent| 10_f64.powi(exponent)).collect()
        } else {
            let step = round_step(self.to / 4.0);
            (0..=(self.to / step) as u32).map(|index| f64::from(index) * step).collect()
        };
        values.into_iter().map(|value| (self.at(value), number(value))).collect()
    }
}

/// 1, 2 or 5 times a power of ten, near to this or below.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    match step / power {
        factor if factor >= 5.0 => 5.0 * power,
        factor if factor >= 2.0 => 2.0 * power,
        _ => power,
    }
}

/// A round number without zeros after the point.
fn number(value: f64) -> String {
    if value >= 1000.0 {
        return short(value);
    }
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_escaped_and_within_the_picture() {
        let picture = draw(&[crate::report::tests::section()]);
        assert!(picture.contains("a &lt;peer&gt;") && picture.ends_with("</svg>\n"), "{picture}");
        assert!(picture.contains("s, logarithmic"), "{picture}");
    }

    #[test]
    fn steps_are_round() {
        assert_eq!([0.03, 1.0, 2.7, 7.0, 130.0].map(round_step), [0.02, 1.0, 2.0, 5.0, 100.0]);
        assert_eq!([0.001, 0.5, 20.0, 5000.0].map(number), ["0.001", "0.5", "20", "5,000"]);
    }
}
