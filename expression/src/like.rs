//! The patterns of `like`.

/// A pattern, taken apart: `%` stands for any text, `_` for one character; nothing escapes them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    /// What stands between the `%`; never empty. One part means that there is no `%`.
    parts: Vec<Part>,
}

/// A text without `%`.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    text: String,
    has_gaps: bool,
}

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Self {
        let parts = pattern.split('%').map(|text| Part { text: text.to_owned(), has_gaps: text.contains('_') });
        Self { parts: parts.collect() }
    }

    /// Whether all of `text` is as the pattern says.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return text.is_empty() };
        let Some((last, middle)) = rest.split_last() else { return first.begins(text) == Some("") };
        let Some(mut text) = first.begins(text) else { return false };
        for part in middle {
            // The earliest place leaves the most for what follows.
            let Some(rest) = part.find(text) else { return false };
            text = rest;
        }
        last.ends(text)
    }
}

impl Part {
    /// What follows it in a text that begins with it.
    fn begins<'a>(&self, text: &'a str) -> Option<&'a str> {
        if !self.has_gaps {
            return text.strip_prefix(self.text.as_str());
        }
        let mut rest = text.chars();
        for wanted in self.text.chars() {
            let letter = rest.next()?;
            if wanted != '_' && wanted != letter {
                return None;
            }
        }
        Some(rest.as_str())
    }

    /// What follows it where it first occurs.
    fn find<'a>(&self, text: &'a str) -> Option<&'a str> {
        if !self.has_gaps {
            return text.split_once(self.text.as_str()).map(|(_, rest)| rest);
        }
        text.char_indices().find_map(|(at, _)| self.begins(text.get(at..)?))
    }

    fn ends(&self, text: &str) -> bool {
        if !self.has_gaps {
            return text.ends_with(self.text.as_str());
        }
        let letters = self.text.chars().count();
        let Some(from_end) = letters.checked_sub(1) else { return true };
        let start = text.char_indices().rev().nth(from_end).map(|(at, _)| at);
        start.and_then(|start| text.get(start..)).is_some_and(|end| self.begins(end) == Some(""))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One character at a time, by recursion.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, first) => first.is_none(),
            (Some((&'%', pattern)), first) => {
                naive(pattern, text) || first.is_some_and(|(_, rest)| naive(&[&['%'], pattern].concat(), rest))
            }
            (Some(_), None) => false,
            (Some((wanted, pattern)), Some((letter, text))) => {
                (*wanted == '_' || wanted == letter) && naive(pattern, text)
            }
        }
    }

    #[test]
    fn patterns() {
        let matches = |pattern: &str, text: &str| Pattern::new(pattern).matches(text);
        assert!(matches("", "") && !matches("", "a") && matches("%", "") && matches("%%", "ab"));
        assert!(matches("a%", "abc") && !matches("a%", "ba") && matches("%c", "abc") && matches("a%c", "ac"));
        assert!(!matches("ab%ba", "aba") && matches("_é_", "aéb") && !matches("_", "") && matches("_", "é"));
        assert!(matches("%b_d%f", "abcdef") && !matches("%b_d%f", "abdef") && !matches("\\%", "%"));
    }

    proptest! {
        #[test]
        fn as_character_by_character(pattern in "[abé%_]{0,8}", text in "[abé]{0,10}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(Pattern::new(&pattern).matches(&text), naive(&letters(&pattern), &letters(&text)));
        }
    }
}
