//! Names to columns.

use arrow_schema::Schema;
use strsim::levenshtein;

use crate::{
    NUMBER,
    error::{Fault, Problem},
    syntax::{Kind, Name, Syntax},
};

/// Names longer than this are not compared with those that are known.
const MOST_LETTERS: usize = 64;

/// Columns beyond this many are not looked at for a name that is nearly right.
const MOST_COLUMNS: usize = 1000;

/// Puts the names of the columns in the place of the names as they were written.
pub(crate) fn resolve(syntax: &mut Syntax, columns: &Schema) -> Result<(), Fault> {
    let place = syntax.place;
    match &mut syntax.kind {
        Kind::Literal(_) => Ok(()),
        Kind::Column(name) => {
            let text = find(name, columns).map_err(|problem| problem.at(place))?;
            *name = Name { text, quoted: true };
            Ok(())
        }
        Kind::Negate(operand) | Kind::Not(operand) | Kind::IsNull(operand, _) => resolve(operand, columns),
        Kind::Arithmetic(_, left, right) | Kind::Compare(_, left, right) | Kind::Like(left, right, _) => {
            resolve(left, columns)?;
            resolve(right, columns)
        }
        Kind::Every(operands) | Kind::Any(operands) => all(operands, columns),
        Kind::In(operand, list, _) => {
            resolve(operand, columns)?;
            all(list, columns)
        }
        Kind::Between(operands, _) => all(&mut **operands, columns),
    }
}

fn all(operands: &mut [Syntax], columns: &Schema) -> Result<(), Fault> {
    operands.iter_mut().try_for_each(|operand| resolve(operand, columns))
}

/// The name of the column that is meant: the one that is written so, else the one that differs in capitals alone.
fn find(name: &Name, columns: &Schema) -> Result<String, Problem> {
    if name.text == NUMBER {
        return Ok(NUMBER.to_owned());
    }
    let known = || columns.fields().iter().map(|field| field.name()).filter(|known| *known != NUMBER);
    let mut found: Vec<_> = known().filter(|known| **known == name.text).cloned().collect();
    if found.is_empty() && !name.quoted {
        let is_same = |known: &str| known.to_lowercase() == name.text.to_lowercase();
        found.extend(is_same(NUMBER).then(|| NUMBER.to_owned()));
        found.extend(known().filter(|known| is_same(known)).cloned());
    }
    match (found.len(), found.pop()) {
        (1, Some(one)) => Ok(one),
        (_, Some(last)) => {
            found.push(last);
            Err(Problem::AmbiguousColumn { name: name.text.clone(), columns: found })
        }
        (_, None) => {
            let known: Vec<_> = std::iter::once(NUMBER.to_owned()).chain(known().cloned()).collect();
            Err(Problem::UnknownColumn { name: name.text.clone(), suggestion: nearest(&name.text, &known), known })
        }
    }
}

/// The column that someone who wrote `name` probably meant.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    let is_short = |text: &str| text.chars().take(MOST_LETTERS + 1).count() <= MOST_LETTERS;
    if !is_short(name) {
        return None;
    }
    let written = name.to_lowercase();
    let most = if written.chars().count() < 3 { 1 } else { 2 };
    // A name of one letter is near to all other such names.
    let candidates = known.iter().take(MOST_COLUMNS).filter(|known| is_short(known) && known.chars().count() > 1);
    candidates
        .map(|known| (levenshtein(&written, &known.to_lowercase()), known))
        .filter(|(distance, known)| {
            *distance <= most || (written.len() >= 3 && known.to_lowercase().contains(&written))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known.clone())
}
