//! The lines of `go.mod` and `go.work`. <https://go.dev/ref/mod#go-mod-file-lexical>

/// One line: a verb and its words, those of blocks included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) verb: String,
    pub(super) words: Vec<String>,
    /// From 1.
    pub(super) line: usize,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) problem: &'static str,
}

/// Reads all directives. Verbs are not checked: a newer one must not be an error.
pub(super) fn parse(text: &str) -> Result<Vec<Directive>, Fault> {
    let mut directives = Vec::new();
    let mut block: Option<(String, usize)> = None;
    for (number, text) in (1..).zip(text.lines()) {
        let fault = |problem| Fault {
            line: number,
            problem,
        };
        let mut words = words(text).map_err(fault)?;
        if words.is_empty() {
            continue;
        }
        if let Some((verb, _)) = &block {
            if words == [")"] {
                block = None;
            } else {
                directives.push(Directive {
                    verb: verb.clone(),
                    words,
                    line: number,
                });
            }
            continue;
        }
        let verb = words.remove(0);
        if words == ["("] {
            block = Some((verb, number));
        } else if words == ["(", ")"] {
            continue;
        } else {
            directives.push(Directive {
                verb,
                words,
                line: number,
            });
        }
    }
    match block {
        None => Ok(directives),
        Some((_, line)) => Err(Fault {
            line,
            problem: "the block is not closed",
        }),
    }
}

/// The words of a line without its comment; quoted ones may hold spaces.
fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with("//") {
        let word;
        match rest.chars().next() {
            Some(bracket @ ('(' | ')')) => {
                word = bracket.to_string();
                rest = &rest[1..];
            }
            Some(quote @ ('"' | '`')) => {
                let end = rest[1..].find(quote).ok_or("a quoted word is not closed")?;
                word = rest[1..=end].to_owned();
                rest = &rest[end + 2..];
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || c == '(' || c == ')')
                    .unwrap_or(rest.len());
                let end = rest[..end].find("//").unwrap_or(end).max(1);
                let end = rest
                    .char_indices()
                    .map(|(at, _)| at)
                    .find(|at| *at >= end)
                    .unwrap_or(rest.len());
                word = rest[..end].to_owned();
                rest = &rest[end..];
            }
        }
        words.push(word);
        rest = rest.trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_blocks_comments_and_quotes_are_read() {
        let text = "module example.com/a // of a\n\ngo 1.24\n\nrequire (\n\texample.com/b v1.2.3 // indirect\n\t\"example.com/c d\" v1\n)\n\
                    replace example.com/b => ../b\nexclude ()\n";
        let lines: Vec<String> = parse(text)
            .unwrap()
            .iter()
            .map(|d| format!("{} {} {}", d.line, d.verb, d.words.join("|")))
            .collect();
        assert_eq!(
            lines,
            [
                "1 module example.com/a",
                "3 go 1.24",
                "6 require example.com/b|v1.2.3",
                "7 require example.com/c d|v1",
                "9 replace example.com/b|=>|../b",
            ]
        );
        assert_eq!(parse("require (\n a v1\n").unwrap_err().line, 1);
        assert!(parse("module \"a").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(a|é|/|//|\\(|\\)|\"|`| |\t|\n|=>|require){0,40}") {
            if let Ok(directives) = parse(&text) {
                prop_assert!(directives.len() <= text.len());
            }
        }
    }
}
