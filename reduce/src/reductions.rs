//! A list of reductions that was checked against the columns of a job's results.

use std::{fmt, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::{
    accumulator::Accumulator,
    column_type::{self, kept_type, sum_type},
    error::{Problem, ReduceError},
    kind::{Kind, Source},
    parse::{self, Term, column_text},
    plan::{Keep, Plan, Reduction, SourcePlan, Wants, counts_type},
};

/// What the column of numbers is called.
const NUMBER: &str = "n";

/// The most columns that an error lists.
const LISTED_COLUMNS: usize = 20;

/// Reductions over the columns of a job's results; at least one, and none of them twice.
///
/// Its text ([`fmt::Display`]) is canonical: it is read back as the same reductions, and equal reductions of the same
/// columns have the same text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reductions {
    plan: Arc<Plan>,
}

impl Reductions {
    /// Reads a list and checks it against the columns of the results, which are all but `n`.
    pub fn parse(text: &str, columns: &Schema) -> Result<Self, ReduceError> {
        let mut list: Vec<Reduction> = Vec::new();
        for term in parse::parse(text)? {
            let reduction = check(&term, columns)?;
            if list.iter().any(|other| (other.kind, other.source) == (reduction.kind, reduction.source)) {
                return Err(Problem::Twice(term.text).at(term.place));
            }
            list.push(reduction);
        }
        Ok(Self { plan: Arc::new(plan(list, columns)) })
    }

    /// The reductions, in the order of the list.
    pub fn list(&self) -> &[Reduction] {
        &self.plan.list
    }

    /// The columns that are read, by their index in the schema, ascending. [`Accumulator::update`] takes these alone,
    /// so others need not be computed.
    pub fn columns(&self) -> &[usize] {
        &self.plan.columns
    }

    /// Whether the numbers of the rows are read. If not, and no column is read either,
    /// [`Accumulator::update_count`] is enough.
    pub fn reads_numbers(&self) -> bool {
        self.plan.reads_numbers
    }

    /// The columns of a partial state, which has one row. They depend on the reductions and the types of the columns.
    pub fn partial_schema(&self) -> SchemaRef {
        self.plan.partial_schema.clone()
    }

    /// The columns of the result, which has one row: one for each reduction, named by its canonical text.
    pub fn result_schema(&self) -> SchemaRef {
        self.plan.result_schema.clone()
    }

    /// An accumulator of no rows.
    pub fn accumulator(&self) -> Accumulator {
        Accumulator::new(self.plan.clone())
    }
}

impl fmt::Display for Reductions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reduction) in self.plan.list.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{reduction}")?;
        }
        Ok(())
    }
}

/// Checks one reduction; its place among the states is not known yet.
fn check(term: &Term, columns: &Schema) -> Result<Reduction, ReduceError> {
    let source = source(term, columns)?;
    let (column, data_type) = match source {
        None => (None, DataType::Int64),
        Some(Source::Number) => (Some(NUMBER), DataType::Int64),
        Some(Source::Column(index)) => {
            let field = columns.field(index);
            (Some(field.name().as_str()), field.data_type().clone())
        }
    };
    column_type::check(term.kind, &data_type).map_err(|mismatch| {
        let (term_text, values) = (term.text.clone(), column_type::noun(&data_type));
        let (what, allowed) = (mismatch.what, mismatch.allowed);
        Problem::NotPossible { term: term_text, what, values, allowed }.at(term.place)
    })?;
    // `count` alone counts rows, so a count of the only column keeps its name.
    let is_only = columns.fields().len() == 1 && source != Some(Source::Number) && term.kind != Kind::Count;
    let name = match column {
        Some(column) if !is_only => format!("{}({})", term.kind, column_text(column)),
        _ => term.kind.to_string(),
    };
    Ok(Reduction { kind: term.kind, source, data_type: result_type(term.kind, &data_type), name })
}

fn source(term: &Term, columns: &Schema) -> Result<Option<Source>, ReduceError> {
    let text = term.text.clone();
    let Some(column) = &term.column else {
        return match (term.kind, columns.fields().len()) {
            (Kind::Count, _) => Ok(None),
            (_, 1) => Ok(Some(Source::Column(0))),
            _ => {
                let example = columns.fields().first().map_or(NUMBER, |field| field.name());
                let example = parse::shown(&column_text(example));
                Err(Problem::NoColumn { term: text, example, columns: names(columns) }.at(term.place))
            }
        };
    };
    if column == NUMBER {
        return Ok(Some(Source::Number));
    }
    let mut named = columns.fields().iter().enumerate().filter(|(_, field)| field.name() == column);
    let shown = || parse::shown(column);
    match (named.next(), named.next()) {
        (Some((index, _)), None) => Ok(Some(Source::Column(index))),
        (Some(_), Some(_)) => Err(Problem::AmbiguousColumn { term: text, column: shown() }.at(term.place)),
        (None, _) => {
            let problem = Problem::UnknownColumn { term: text, column: shown(), columns: names(columns) };
            Err(problem.at(term.place))
        }
    }
}

/// The columns, for a sentence.
fn names(columns: &Schema) -> String {
    let names = columns.fields().iter().map(|field| parse::shown(field.name()));
    let mut names: Vec<_> = names.take(LISTED_COLUMNS).collect();
    names.push(NUMBER.to_owned());
    let more = columns.fields().len().saturating_sub(LISTED_COLUMNS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

fn result_type(kind: Kind, data_type: &DataType) -> DataType {
    match kind {
        Kind::Count | Kind::MinN | Kind::MaxN => DataType::Int64,
        Kind::Mean => DataType::Float64,
        Kind::Sum => sum_type(data_type),
        Kind::Min | Kind::Max => kept_type(data_type),
        Kind::ValueCounts => counts_type(data_type),
    }
}

/// What has to be kept for the reductions.
fn plan(list: Vec<Reduction>, columns: &Schema) -> Plan {
    let mut used: Vec<_> = list.iter().filter_map(|reduction| reduction.source).collect();
    used.sort_unstable();
    used.dedup();
    let sources: Vec<_> = used.iter().map(|source| source_plan(*source, &list, columns)).collect();
    let columns: Vec<_> =
        used.iter().filter_map(|source| if let Source::Column(index) = source { Some(*index) } else { None }).collect();
    let partial_fields = [Field::new("count", DataType::Int64, false)];
    let partial_fields = partial_fields.into_iter().chain(sources.iter().flat_map(partial_fields_of));
    let partial_schema = Arc::new(Schema::new(partial_fields.collect::<Vec<_>>()));
    let result_fields = list.iter().map(|reduction| {
        let is_nullable = !matches!(reduction.kind, Kind::Count | Kind::ValueCounts);
        Field::new(&reduction.name, reduction.data_type.clone(), is_nullable)
    });
    let result_schema = Arc::new(Schema::new(result_fields.collect::<Vec<_>>()));
    let reads_numbers = used.contains(&Source::Number) || sources.iter().any(|source| source.wants.reads_numbers());
    Plan { list, sources, columns, reads_numbers, partial_schema, result_schema }
}

fn source_plan(source: Source, list: &[Reduction], columns: &Schema) -> SourcePlan {
    let field = if let Source::Column(index) = source { columns.fields().get(index) } else { None };
    let (name, data_type) = field.map_or((NUMBER, DataType::Int64), |field| (field.name(), field.data_type().clone()));
    let mut wants = Wants::default();
    for reduction in list.iter().filter(|reduction| reduction.source == Some(source)) {
        match reduction.kind {
            Kind::Count => {}
            Kind::Sum | Kind::Mean => wants.sum = true,
            Kind::Min => wants.least = wants.least.max(Keep::Value),
            Kind::Max => wants.greatest = wants.greatest.max(Keep::Value),
            Kind::MinN => wants.least = Keep::Place,
            Kind::MaxN => wants.greatest = Keep::Place,
            Kind::ValueCounts => wants.counts = true,
        }
    }
    SourcePlan { source, name: column_text(name), data_type, wants }
}

/// The columns of a partial state for one source, named by what they hold.
fn partial_fields_of(source: &SourcePlan) -> Vec<Field> {
    let name = |kind: Kind| format!("{kind}({})", source.name);
    let kept = kept_type(&source.data_type);
    let mut fields = vec![Field::new(name(Kind::Count), DataType::Int64, false)];
    if source.wants.sum {
        fields.push(Field::new(name(Kind::Sum), DataType::Binary, false));
    }
    for (keep, value, place) in
        [(source.wants.least, Kind::Min, Kind::MinN), (source.wants.greatest, Kind::Max, Kind::MaxN)]
    {
        if keep >= Keep::Value {
            fields.push(Field::new(name(value), kept.clone(), true));
        }
        if keep >= Keep::Place {
            fields.push(Field::new(name(place), DataType::Int64, true));
        }
    }
    if source.wants.counts {
        fields.push(Field::new(name(Kind::ValueCounts), source.counts_type(), false));
    }
    fields
}
