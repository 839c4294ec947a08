//! What a condition says, as a tree, and its canonical text.

use std::fmt;

use crate::error::Place;

/// A part of a condition and where it stands in the text.
#[derive(Debug, Clone)]
pub(crate) struct Syntax {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    /// How many operators are nested here, this one included.
    pub(crate) depth: usize,
}

/// What a part says.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Literal(Literal),
    Column(Name),
    Negate(Box<Syntax>),
    Not(Box<Syntax>),
    Arithmetic(Arithmetic, Box<Syntax>, Box<Syntax>),
    Compare(Relation, Box<Syntax>, Box<Syntax>),
    /// `and`: two or more, none of them `and` itself.
    Every(Vec<Syntax>),
    /// `or`: two or more, none of them `or` itself.
    Any(Vec<Syntax>),
    In(Box<Syntax>, Vec<Syntax>, Sense),
    Between(Box<[Syntax; 3]>, Sense),
    Like(Box<Syntax>, Box<Syntax>, Sense),
    IsNull(Box<Syntax>, Sense),
}

/// A constant.
#[derive(Debug, Clone)]
pub(crate) enum Literal {
    Integer(i128),
    /// `digits` / 10^`scale`.
    Decimal {
        digits: i128,
        scale: u8,
    },
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Boolean(bool),
    Null,
}

/// A name as it was written, and later the one of the column that it names.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) quoted: bool,
}

/// Whether a predicate is meant as it stands or with `not`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    Plain,
    Negated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    pub(crate) fn level(self) -> Level {
        match self {
            Self::Add | Self::Subtract => Level::Sum,
            Self::Multiply | Self::Divide | Self::Remainder => Level::Product,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// The relation between the same two sides, the other way round.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

/// How tightly an operator binds, the loosest first: as in PostgreSQL and DuckDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Any,
    Every,
    Not,
    Is,
    Compare,
    Predicate,
    Sum,
    Product,
    Negate,
    Atom,
}

impl Level {
    /// The next tighter one.
    pub(crate) fn tighter(self) -> Self {
        match self {
            Self::Any => Self::Every,
            Self::Every => Self::Not,
            Self::Not => Self::Is,
            Self::Is => Self::Compare,
            Self::Compare => Self::Predicate,
            Self::Predicate => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::Negate,
            Self::Negate | Self::Atom => Self::Atom,
        }
    }
}

/// Words that name no column unless they stand in double quotes.
pub(crate) const KEYWORDS: [&str; 10] = ["and", "between", "false", "in", "is", "like", "not", "null", "or", "true"];

impl Syntax {
    fn level(&self) -> Level {
        match &self.kind {
            Kind::Literal(_) | Kind::Column(_) => Level::Atom,
            Kind::Negate(_) => Level::Negate,
            Kind::Not(_) => Level::Not,
            Kind::Arithmetic(operator, ..) => operator.level(),
            Kind::Compare(..) => Level::Compare,
            Kind::Every(_) => Level::Every,
            Kind::Any(_) => Level::Any,
            Kind::In(..) | Kind::Between(..) | Kind::Like(..) => Level::Predicate,
            Kind::IsNull(..) => Level::Is,
        }
    }

    /// Writes it as an operand that must bind as tightly as `least`.
    fn write(&self, least: Level, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.level() >= least {
            return write!(to, "{self}");
        }
        write!(to, "({self})")
    }
}

/// The canonical text: keywords in small letters, no more parentheses than it takes, one space around operators.
impl fmt::Display for Syntax {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Literal(literal) => write!(to, "{literal}"),
            Kind::Column(name) => write!(to, "{name}"),
            Kind::Negate(operand) => {
                to.write_str("-")?;
                // Not `--`, which begins a comment elsewhere.
                operand.write(Level::Atom, to)
            }
            Kind::Not(operand) => {
                to.write_str("not ")?;
                operand.write(Level::Not, to)
            }
            Kind::Arithmetic(operator, left, right) => {
                left.write(operator.level(), to)?;
                write!(to, " {} ", operator.symbol())?;
                right.write(operator.level().tighter(), to)
            }
            Kind::Compare(relation, left, right) => {
                left.write(Level::Predicate, to)?;
                write!(to, " {} ", relation.symbol())?;
                right.write(Level::Predicate, to)
            }
            Kind::Every(operands) => join(operands, " and ", Level::Not, to),
            Kind::Any(operands) => join(operands, " or ", Level::Every, to),
            Kind::In(operand, list, sense) => {
                operand.write(Level::Sum, to)?;
                write!(to, " {sense}in (")?;
                join(list, ", ", Level::Any, to)?;
                to.write_str(")")
            }
            Kind::Between(operands, sense) => {
                let [operand, low, high] = &**operands;
                operand.write(Level::Sum, to)?;
                write!(to, " {sense}between ")?;
                low.write(Level::Sum, to)?;
                to.write_str(" and ")?;
                high.write(Level::Sum, to)
            }
            Kind::Like(operand, pattern, sense) => {
                operand.write(Level::Sum, to)?;
                write!(to, " {sense}like ")?;
                pattern.write(Level::Sum, to)
            }
            Kind::IsNull(operand, sense) => {
                operand.write(Level::Compare, to)?;
                write!(to, " is {sense}null")
            }
        }
    }
}

fn join(operands: &[Syntax], between: &str, least: Level, to: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, operand) in operands.iter().enumerate() {
        to.write_str(if index == 0 { "" } else { between })?;
        operand.write(least, to)?;
    }
    Ok(())
}

impl fmt::Display for Sense {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Plain => "",
            Self::Negated => "not ",
        })
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(to, "{value}"),
            Self::Decimal { digits, scale } => {
                let scale = usize::from(*scale);
                let padded = format!("{digits:0>width$}", width = scale + 1);
                let (whole, fraction) = padded.split_at(padded.len() - scale);
                write!(to, "{whole}.{fraction}")
            }
            Self::Float(value) => write!(to, "{value:e}"),
            Self::Text(text) => write!(to, "'{}'", text.replace('\'', "''")),
            Self::Bytes(bytes) => {
                to.write_str("x'")?;
                bytes.iter().try_for_each(|byte| write!(to, "{byte:02x}"))?;
                to.write_str("'")
            }
            Self::Boolean(value) => write!(to, "{value}"),
            Self::Null => to.write_str("null"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = self.text.chars();
        let is_plain = letters.next().is_some_and(|letter| letter.is_ascii_lowercase() || letter == '_')
            && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
            && !KEYWORDS.contains(&self.text.as_str());
        if is_plain { to.write_str(&self.text) } else { write!(to, "\"{}\"", self.text.replace('"', "\"\"")) }
    }
}
