//! Texts, quoted or escaped.

/// Appends a string of JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)). What is UTF-8 stays UTF-8.
pub(super) fn push_json(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    push_escaped(text, out, |byte| match byte {
        b'"' => Some(b'"'),
        b'\\' => Some(b'\\'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        0..0x20 => Some(0),
        _ => None,
    });
    out.push(b'"');
}

/// Appends a field of [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180): quoted where it would be read otherwise.
pub(super) fn push_csv(text: &[u8], out: &mut Vec<u8>) {
    let is_blank = |byte: Option<&u8>| byte.is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    let needs_quotes = is_blank(text.first())
        || is_blank(text.last())
        || text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if !needs_quotes {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for piece in text.split_inclusive(|&byte| byte == b'"') {
        out.extend_from_slice(piece);
        if piece.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

/// Appends a field of the text format of
/// [PostgreSQL's COPY](https://www.postgresql.org/docs/current/sql-copy.html), which ClickHouse reads, too.
pub(super) fn push_tsv(text: &[u8], out: &mut Vec<u8>) {
    push_escaped(text, out, |byte| match byte {
        b'\\' => Some(b'\\'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        _ => None,
    });
}

/// Appends a text in which bytes have a letter in their place, behind a backslash; 0 stands for the number of the byte.
fn push_escaped(text: &[u8], out: &mut Vec<u8>, letter: impl Fn(u8) -> Option<u8>) {
    let mut rest = text;
    while let Some(plain) = rest.iter().position(|&byte| letter(byte).is_some()) {
        let (before, after) = rest.split_at(plain);
        out.extend_from_slice(before);
        let Some((&byte, after)) = after.split_first() else { break };
        match letter(byte) {
            Some(0) => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None => out.push(byte),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(push: fn(&[u8], &mut Vec<u8>), text: &str) -> String {
        let mut out = Vec::new();
        push(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_quoted_where_they_need_it() {
        for (text, csv, tsv, json) in [
            ("plain é", "plain é", "plain é", r#""plain é""#),
            ("", r#""""#, "", r#""""#),
            (" ", r#"" ""#, " ", r#"" ""#),
            ("a,b", r#""a,b""#, "a,b", r#""a,b""#),
            (r#"a"b""#, r#""a""b""""#, r#"a"b""#, r#""a\"b\"""#),
            ("a\tb", "a\tb", r"a\tb", r#""a\tb""#),
            ("a\r\nb", "\"a\r\nb\"", r"a\r\nb", r#""a\r\nb""#),
            (r"\N", r"\N", r"\\N", r#""\\N""#),
            ("\u{1}\u{7f}", "\u{1}\u{7f}", "\u{1}\u{7f}", "\"\\u0001\u{7f}\""),
        ] {
            assert_eq!(pushed(push_csv, text), csv);
            assert_eq!(pushed(push_tsv, text), tsv);
            assert_eq!(pushed(push_json, text), json);
        }
    }
}
