//! Names in sentences.

/// `` `a`, `b` and `c` ``: names, for people.
pub fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        all => all.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_are_listed_as_people_do() {
        assert_eq!(quoted([]), "none");
        assert_eq!(quoted(["a"]), "`a`");
        assert_eq!(quoted(["a", "b"]), "`a` and `b`");
        assert_eq!(quoted(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
