//! Tokens to a tree, by precedence climbing.
//!
//! Every call of [`Parser::expression`] within another is counted, and so is the height of the tree: what reads the
//! tree later may recurse as deep as [`MOST_DEPTH`].

use crate::{
    MOST_BYTES, MOST_DEPTH,
    error::{Fault, Place, Problem},
    syntax::{Arithmetic, KEYWORDS, Kind, Level, Literal, Name, Relation, Sense, Syntax},
    token::{Token, Tokens},
};

/// Digits of an exact number.
const MOST_DIGITS: usize = 38;

/// Reads a whole text.
pub(crate) fn parse(text: &str) -> Result<Syntax, Fault> {
    if text.len() > MOST_BYTES {
        return Err(Problem::TooLong(text.len()).at(Place { start: 0, end: 0 }));
    }
    let mut tokens = Tokens::new(text);
    let (token, place) = tokens.next()?;
    let mut parser = Parser { tokens, token, place, nested: 0 };
    let whole = parser.expression(Level::Any)?;
    match parser.token {
        Token::End => Ok(whole),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    /// The next token.
    token: Token<'a>,
    place: Place,
    /// Calls of `expression` that are under way.
    nested: usize,
}

/// What can stand after an operand.
#[derive(Clone, Copy)]
enum Infix {
    Any,
    Every,
    Is,
    Compare(Relation),
    Predicate,
    Arithmetic(Arithmetic),
}

impl Infix {
    fn level(self) -> Level {
        match self {
            Self::Any => Level::Any,
            Self::Every => Level::Every,
            Self::Is => Level::Is,
            Self::Compare(_) => Level::Compare,
            Self::Predicate => Level::Predicate,
            Self::Arithmetic(operator) => operator.level(),
        }
    }
}

impl Parser<'_> {
    /// What binds as tightly as `least`.
    fn expression(&mut self, least: Level) -> Result<Syntax, Fault> {
        self.nested += 1;
        if self.nested > MOST_DEPTH {
            return Err(Problem::TooDeep.at(self.place));
        }
        let mut left = self.operand(least)?;
        let mut latest = None;
        while let Some(infix) = self.infix() {
            let level = infix.level();
            if level < least {
                break;
            }
            if latest == Some(level) && matches!(level, Level::Compare | Level::Predicate) {
                return Err(Problem::Chained.at(self.place));
            }
            // `not a = 1 + 2` leaves the looser operators to the caller, which sees them in turn.
            latest = Some(level);
            left = self.operator(infix, left)?;
        }
        self.nested -= 1;
        Ok(left)
    }

    /// An operand with what stands before it.
    fn operand(&mut self, least: Level) -> Result<Syntax, Fault> {
        let start = self.place;
        if self.is_keyword("not") {
            if least > Level::Not {
                return Err(self.unexpected("a value (`not` takes parentheses here)"));
            }
            self.advance()?;
            let operand = self.expression(Level::Not)?;
            let place = start.to(operand.place);
            let depth = operand.depth;
            return node(Kind::Not(Box::new(operand)), place, depth);
        }
        match self.token {
            Token::Symbol("-") => {
                self.advance()?;
                let operand = self.expression(Level::Negate)?;
                let place = start.to(operand.place);
                let depth = operand.depth;
                node(Kind::Negate(Box::new(operand)), place, depth)
            }
            Token::Symbol("+") => {
                self.advance()?;
                self.expression(Level::Negate)
            }
            Token::Symbol("(") => {
                self.advance()?;
                let mut inner = self.expression(Level::Any)?;
                inner.place = start.to(self.place);
                self.close(start)?;
                Ok(inner)
            }
            _ => self.atom(),
        }
    }

    /// A constant or a name.
    fn atom(&mut self) -> Result<Syntax, Fault> {
        let place = self.place;
        let kind = match &mut self.token {
            Token::Number(written) => Kind::Literal(number(written).map_err(|problem| problem.at(place))?),
            Token::Text(text) => Kind::Literal(Literal::Text(std::mem::take(text))),
            Token::Bytes(bytes) => Kind::Literal(Literal::Bytes(std::mem::take(bytes))),
            Token::Quoted(name) => Kind::Column(Name { text: std::mem::take(name), quoted: true }),
            Token::Word(word) => match keyword(word) {
                Some("true") => Kind::Literal(Literal::Boolean(true)),
                Some("false") => Kind::Literal(Literal::Boolean(false)),
                Some("null") => Kind::Literal(Literal::Null),
                Some(_) => return Err(self.unexpected("a value")),
                None => Kind::Column(Name { text: (*word).to_owned(), quoted: false }),
            },
            Token::Symbol(_) | Token::End => return Err(self.unexpected("a value")),
        };
        self.advance()?;
        node(kind, place, 0)
    }

    fn infix(&self) -> Option<Infix> {
        let found = match &self.token {
            Token::Symbol(symbol) => match *symbol {
                "=" => Infix::Compare(Relation::Equal),
                "<>" | "!=" => Infix::Compare(Relation::NotEqual),
                "<" => Infix::Compare(Relation::Less),
                "<=" => Infix::Compare(Relation::LessOrEqual),
                ">" => Infix::Compare(Relation::Greater),
                ">=" => Infix::Compare(Relation::GreaterOrEqual),
                "+" => Infix::Arithmetic(Arithmetic::Add),
                "-" => Infix::Arithmetic(Arithmetic::Subtract),
                "*" => Infix::Arithmetic(Arithmetic::Multiply),
                "/" => Infix::Arithmetic(Arithmetic::Divide),
                "%" => Infix::Arithmetic(Arithmetic::Remainder),
                _ => return None,
            },
            Token::Word(word) => match keyword(word)? {
                "or" => Infix::Any,
                "and" => Infix::Every,
                "is" => Infix::Is,
                "in" | "between" | "like" | "not" => Infix::Predicate,
                _ => return None,
            },
            _ => return None,
        };
        Some(found)
    }

    /// The operator that is next, and what stands after it.
    fn operator(&mut self, infix: Infix, left: Syntax) -> Result<Syntax, Fault> {
        match infix {
            Infix::Any | Infix::Every => self.operands(infix, left),
            Infix::Is => {
                self.advance()?;
                let sense = self.sense()?;
                let place = left.place.to(self.place);
                self.expect("null", "`null` or `not null`")?;
                let depth = left.depth;
                node(Kind::IsNull(Box::new(left), sense), place, depth)
            }
            Infix::Compare(relation) => self.binary(infix, left, |left, right| Kind::Compare(relation, left, right)),
            Infix::Arithmetic(operator) => {
                self.binary(infix, left, |left, right| Kind::Arithmetic(operator, left, right))
            }
            Infix::Predicate => self.predicate(left),
        }
    }

    fn binary(
        &mut self,
        infix: Infix,
        left: Syntax,
        kind: impl FnOnce(Box<Syntax>, Box<Syntax>) -> Kind,
    ) -> Result<Syntax, Fault> {
        self.advance()?;
        let right = self.expression(infix.level().tighter())?;
        let (place, depth) = (left.place.to(right.place), left.depth.max(right.depth));
        node(kind(Box::new(left), Box::new(right)), place, depth)
    }

    /// All that `and`, or `or`, joins: however long, they are one level of the tree.
    fn operands(&mut self, infix: Infix, left: Syntax) -> Result<Syntax, Fault> {
        let level = infix.level();
        let mut operands = Vec::new();
        flatten(level, left, &mut operands);
        while self.infix().is_some_and(|next| next.level() == level) {
            self.advance()?;
            let right = self.expression(level.tighter())?;
            flatten(level, right, &mut operands);
        }
        let place = operands.iter().map(|operand| operand.place).reduce(Place::to).unwrap_or_default();
        let depth = operands.iter().map(|operand| operand.depth).max().unwrap_or_default();
        let kind = if level == Level::Any { Kind::Any(operands) } else { Kind::Every(operands) };
        node(kind, place, depth)
    }

    /// `in`, `between` and `like`, perhaps after `not`.
    fn predicate(&mut self, left: Syntax) -> Result<Syntax, Fault> {
        let sense = self.sense()?;
        if self.is_keyword("in") {
            self.advance()?;
            return self.list(left, sense);
        }
        if self.is_keyword("between") {
            self.advance()?;
            let low = self.expression(Level::Sum)?;
            self.expect("and", "`and` and the upper bound of `between`")?;
            let high = self.expression(Level::Sum)?;
            let depth = left.depth.max(low.depth).max(high.depth);
            let place = left.place.to(high.place);
            return node(Kind::Between(Box::new([left, low, high]), sense), place, depth);
        }
        self.expect("like", "`in`, `between` or `like`")?;
        let pattern = self.expression(Level::Sum)?;
        let (place, depth) = (left.place.to(pattern.place), left.depth.max(pattern.depth));
        node(Kind::Like(Box::new(left), Box::new(pattern), sense), place, depth)
    }

    fn list(&mut self, left: Syntax, sense: Sense) -> Result<Syntax, Fault> {
        let open = self.place;
        if self.token != Token::Symbol("(") {
            return Err(self.unexpected("`(` and the values of `in`"));
        }
        self.advance()?;
        let mut list = vec![self.expression(Level::Any)?];
        while self.token == Token::Symbol(",") {
            self.advance()?;
            list.push(self.expression(Level::Any)?);
        }
        let place = left.place.to(self.place);
        self.close(open)?;
        let depth = list.iter().map(|element| element.depth).fold(left.depth, usize::max);
        node(Kind::In(Box::new(left), list, sense), place, depth)
    }

    fn close(&mut self, open: Place) -> Result<(), Fault> {
        match self.token {
            Token::Symbol(")") => self.advance(),
            Token::End => Err(Problem::Unclosed("parenthesis").at(open)),
            _ => Err(self.unexpected("`)` or an operator")),
        }
    }

    fn sense(&mut self) -> Result<Sense, Fault> {
        if !self.is_keyword("not") {
            return Ok(Sense::Plain);
        }
        self.advance()?;
        Ok(Sense::Negated)
    }

    fn is_keyword(&self, wanted: &str) -> bool {
        matches!(self.token, Token::Word(word) if keyword(word) == Some(wanted))
    }

    fn expect(&mut self, wanted: &str, expected: &'static str) -> Result<(), Fault> {
        if self.is_keyword(wanted) { self.advance() } else { Err(self.unexpected(expected)) }
    }

    fn advance(&mut self) -> Result<(), Fault> {
        (self.token, self.place) = self.tokens.next()?;
        Ok(())
    }

    fn unexpected(&self, expected: &'static str) -> Fault {
        let found = match &self.token {
            Token::End => "the end".to_owned(),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::Number(_) => "a number".to_owned(),
            Token::Text(_) | Token::Bytes(_) => "a text".to_owned(),
            Token::Quoted(_) => "a name".to_owned(),
            Token::Word(word) => match keyword(word) {
                Some(keyword) => format!("`{keyword}`"),
                None => "a name".to_owned(),
            },
        };
        Problem::Unexpected { expected, found }.at(self.place)
    }
}

fn keyword(word: &str) -> Option<&'static str> {
    KEYWORDS.into_iter().find(|keyword| keyword.eq_ignore_ascii_case(word))
}

fn flatten(level: Level, operand: Syntax, operands: &mut Vec<Syntax>) {
    match (level, operand.kind) {
        (Level::Any, Kind::Any(inner)) | (Level::Every, Kind::Every(inner)) => operands.extend(inner),
        (_, kind) => operands.push(Syntax { kind, ..operand }),
    }
}

/// A node above others, the deepest of which has this depth.
fn node(kind: Kind, place: Place, depth: usize) -> Result<Syntax, Fault> {
    let depth = depth + 1;
    if depth > MOST_DEPTH { Err(Problem::TooDeep.at(place)) } else { Ok(Syntax { kind, place, depth }) }
}

/// A number as the tokenizer takes it.
fn number(written: &str) -> Result<Literal, Problem> {
    let plain = written.replace('_', "");
    if plain.contains(['e', 'E']) {
        let value = plain.parse::<f64>().map_err(|_| Problem::BadNumber(written.to_owned()))?;
        return if value.is_finite() {
            Ok(Literal::Float(value))
        } else {
            Err(Problem::FloatOutOfRange(written.to_owned()))
        };
    }
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    // Zeros that say nothing; one digit after a point stays, for `1.0` is a decimal.
    let fraction = fraction.trim_end_matches('0');
    let fraction = if plain.contains('.') && fraction.is_empty() { "0" } else { fraction };
    let digits = format!("{whole}{fraction}");
    let too_many = || Problem::TooManyDigits(written.to_owned());
    if digits.trim_start_matches('0').len() > MOST_DIGITS || fraction.len() > MOST_DIGITS {
        return Err(too_many());
    }
    let digits = digits.parse::<i128>().map_err(|_| too_many())?;
    match u8::try_from(fraction.len()).map_err(|_| too_many())? {
        0 => Ok(Literal::Integer(digits)),
        scale => Ok(Literal::Decimal { digits, scale }),
    }
}
