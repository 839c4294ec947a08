//! The page: the machine, one table, and what must be known to read it.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    measure::{Kind, Measure, Unit},
    outcome::Outcome,
    raw::Head,
    statistics::{Summary, group, short, summarize},
};

/// All turns of one line.
pub(crate) struct Section {
    pub(crate) head: Head,
    pub(crate) outcomes: Vec<Outcome>,
}

/// All turns of one system at one thing.
pub(crate) struct Row {
    pub(crate) system: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
    pub(crate) summary: Summary,
    /// To the first row of Swath that is measured in the same unit.
    pub(crate) ratio: f64,
    verified: String,
    detail: String,
}

impl Section {
    pub(crate) fn measures(&self) -> Vec<&Measure> {
        let measured = self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Measured(measures) => Some(measures),
            Outcome::Failed { .. } => None,
        });
        measured.flatten().collect()
    }

    /// In the order of the line.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let measures = self.measures();
        let mut rows: Vec<Row> = Vec::new();
        for measure in &measures {
            if rows.iter().any(|row| row.system == measure.system) {
                continue;
            }
            let same = measures.iter().filter(|other| other.system == measure.system);
            let (values, last): (Vec<f64>, Vec<&&Measure>) = same.map(|measure| (measure.value, measure)).unzip();
            if let (Some(summary), Some(last)) = (summarize(&values), last.last()) {
                rows.push(Row {
                    system: measure.system.clone(),
                    kind: measure.kind,
                    unit: measure.unit,
                    summary,
                    ratio: 1.0,
                    verified: last.verified.clone(),
                    detail: last.detail.clone(),
                });
            }
        }
        let mut bases: BTreeMap<&'static str, f64> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.kind == Kind::Swath) {
            bases.entry(row.unit.name()).or_insert(row.summary.median);
        }
        for row in &mut rows {
            let base = bases.get(row.unit.name()).filter(|_| row.unit.is_comparable());
            row.ratio = base.map_or(f64::NAN, |base| row.summary.median / base);
        }
        rows
    }

    fn failures(&self) -> impl Iterator<Item = (&str, Kind, &str)> {
        self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Failed { system, kind, reason } => Some((system.as_str(), *kind, reason.as_str())),
            Outcome::Measured(_) => None,
        })
    }

    pub(crate) fn failures_of_swath(&self) -> impl Iterator<Item = String> {
        let failures = self.failures().filter(|(_, kind, _)| *kind == Kind::Swath);
        failures.map(|(system, _, reason)| format!("{}: {system}: {reason}", self.head.line))
    }
}

const HEAD: &str = "\
# Performance

Written by `cargo xtask bench`: each line runs Swath and its peers in turn on the same machine, in the same run, and
verifies every result. Read ratios, not seconds: another machine, or another day, gives other seconds.
";

const LEGEND: &str = "\
Each value is the median of all turns, with the least and the greatest beside it. \"To Swath\" is the ratio of the median
to that of the first row of Swath in the same unit: above 1 it takes longer, or more, than Swath. Rows called *limit* are
what the machine itself can do.
";

/// The whole page, which shows `performance.svg` from beside it.
pub(crate) fn page(sections: &[Section], is_quick: bool) -> String {
    let mut page = HEAD.to_owned();
    if is_quick {
        page += "\n**This is a quick run, with a hundredth of the work. What it says is no result.**\n";
    }
    page += "\n| machine | |\n| --- | --- |\n";
    for (name, value) in machine(sections) {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| {name} | {} |", cell(&value));
    }
    page += "\n![Bars of the table below](performance.svg)\n\n";
    page += LEGEND;
    page += "\n| line | work | system | median | spread | to Swath | verified | notes |\n";
    page += "| --- | --- | --- | ---: | --- | ---: | --- | --- |\n";
    for section in sections {
        write_rows(&mut page, section);
    }
    for Section { head, .. } in sections.iter().filter(|section| !section.head.remarks.is_empty()) {
        let _ = write!(page, "\n`{}`: {}.\n", head.line, head.remarks.join(". "));
    }
    page
}

/// The values of a property, each with the lines whose figures are from a machine that has it.
type Values<'a> = Vec<(String, Vec<&'a str>)>;

/// The properties of the machine that the figures are from; where they are not the same for all lines, each value with
/// its lines.
fn machine(sections: &[Section]) -> Vec<(String, String)> {
    let mut properties: Vec<(String, Values<'_>)> = Vec::new();
    for Section { head, .. } in sections {
        for (name, value) in &head.machine {
            if properties.iter().all(|(known, _)| known != name) {
                properties.push((name.clone(), Vec::new()));
            }
            let Some((_, values)) = properties.iter_mut().find(|(known, _)| known == name) else { continue };
            match values.iter_mut().find(|(known, _)| known == value) {
                Some((_, lines)) => lines.push(&head.line),
                None => values.push((value.clone(), vec![&head.line])),
            }
        }
    }
    let text = |values: Values<'_>| match &values[..] {
        [(value, lines)] if lines.len() == sections.len() => value.clone(),
        values => {
            let each = values.iter().map(|(value, lines)| format!("{value}: {}", lines.join(", ")));
            each.collect::<Vec<_>>().join("; ")
        }
    };
    properties.into_iter().map(|(name, values)| (name, text(values))).collect()
}

fn write_rows(page: &mut String, section: &Section) {
    let mut begin = format!("| `{}` | {} |", section.head.line, cell(&section.head.work));
    for row in section.rows() {
        let (unit, summary) = (row.unit.name(), row.summary);
        let system = if row.kind == Kind::Swath { format!("**{}**", cell(&row.system)) } else { cell(&row.system) };
        let _ = writeln!(
            page,
            "{begin} {system} | {} {unit} | {} to {} | {} | {} | {} |",
            short(summary.median),
            short(summary.least),
            short(summary.greatest),
            ratio(row.ratio),
            cell(&row.verified),
            cell(&row.detail),
        );
        "| | |".clone_into(&mut begin);
    }
    for (system, _, reason) in section.failures() {
        let _ = writeln!(page, "{begin} {} | failed | | | | {} |", cell(system), cell(reason));
        "| | |".clone_into(&mut begin);
    }
}

/// With two digits after the point below 10.
pub(crate) fn ratio(ratio: f64) -> String {
    match ratio {
        ratio if ratio.is_nan() => String::new(),
        ratio if ratio >= 10.0 => group(ratio),
        ratio => format!("{ratio:.2}"),
    }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn section() -> Section {
        let measured = |system: &str, kind, value| {
            Outcome::Measured(vec![Measure::new(system, kind, Unit::Seconds, value).verified("sum")])
        };
        Section {
            head: Head {
                line: "file".to_owned(),
                quick: true,
                work: "squares".to_owned(),
                remarks: vec!["A remark".to_owned()],
                machine: vec![("cores".to_owned(), "2".to_owned())],
            },
            outcomes: vec![
                measured("Swath", Kind::Swath, 1.0),
                measured("Swath", Kind::Swath, 3.0),
                measured("a <peer>", Kind::Peer, 100.0),
                Outcome::Failed { system: "another".to_owned(), kind: Kind::Peer, reason: "a | b".to_owned() },
            ],
        }
    }

    #[test]
    fn the_table_has_medians_ratios_and_failures() {
        let page = page(&[section()], true);
        assert!(page.contains("\n| cores | 2 |\n"), "{page}");
        assert!(page.contains("| `file` | squares | **Swath** | 2.00 s | 1.00 to 3.00 | 1.00 | sum |  |"), "{page}");
        assert!(page.contains("| | | a <peer> | 100 s | 100 to 100 | 50 | sum |  |"), "{page}");
        assert!(page.contains("| | | another | failed | | | | a \\| b |"), "{page}");
        assert!(page.contains("quick run") && page.contains("`file`: A remark."), "{page}");
    }

    #[test]
    fn each_line_has_the_machine_that_its_figures_are_from() {
        let of = |line: &str, machine: &[(&str, &str)]| {
            let mut section = section();
            section.head.line = line.to_owned();
            section.head.machine =
                machine.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            section
        };
        let sections = [
            of("file", &[("cores", "2"), ("swath", "a"), ("python", "3")]),
            of("wire", &[("cores", "2"), ("swath", "b")]),
            of("cold", &[("cores", "2"), ("swath", "a"), ("python", "3")]),
        ];
        let machine = machine(&sections);
        let machine: Vec<_> = machine.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(machine, [("cores", "2"), ("swath", "a: file, cold; b: wire"), ("python", "3: file, cold")]);
    }
}
