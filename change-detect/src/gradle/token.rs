//! The words of Groovy and Kotlin scripts, as far as build files need them.

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, with the names that dots join to it: `projects.libs.core`.
    Name(Vec<String>),
    /// Text between quotes.
    Text(Text),
    /// Any other character.
    Sign(char),
}

/// Text between quotes, with what it has put in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    /// Whether something that is computed is put in it.
    pub(super) computed: bool,
}

/// Names of the folder of the build's root, which is that of the repository.
const ROOTS: [&str; 6] = [
    "${rootDir}",
    "$rootDir",
    "${rootProject.projectDir}",
    "$rootProject.projectDir",
    "${settingsDir}",
    "$settingsDir",
];

impl Text {
    fn new(text: String, interpolated: bool) -> Self {
        for root in ROOTS {
            if interpolated && let Some(below) = text.strip_prefix(root) {
                return Self {
                    computed: below.contains('$'),
                    text: below.to_owned(),
                };
            }
        }
        Self {
            computed: interpolated && text.contains('$'),
            text,
        }
    }
}

/// Takes a script apart. Comments and line breaks are left out; nothing is an error.
pub(super) fn tokens(script: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = script;
    let mut joined = false;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if rest.starts_with("/*") {
            rest = rest[2..].find("*/").map_or("", |end| &rest[end + 4..]);
        } else if c == '\'' || c == '"' {
            let quote = if rest.starts_with("\"\"\"") || rest.starts_with("'''") {
                &rest[..3]
            } else {
                &rest[..1]
            };
            let (text, end) = quoted(&rest[quote.len()..], quote);
            tokens.push(Token::Text(Text::new(text, c == '"')));
            rest = &rest[quote.len() + end..];
            joined = false;
        } else if c.is_alphabetic() || c == '_' || c == '`' {
            let name = |c: char| c.is_alphanumeric() || c == '_' || c == '`';
            let end = rest.find(|c| !name(c)).unwrap_or(rest.len());
            let word = rest[..end].replace('`', "");
            match tokens.last_mut() {
                Some(Token::Name(words)) if joined => words.push(word),
                _ => tokens.push(Token::Name(vec![word])),
            }
            rest = &rest[end..];
            joined = rest.starts_with('.');
            if joined {
                rest = &rest[1..];
            }
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Sign(c));
            }
            rest = &rest[c.len_utf8()..];
            joined = false;
        }
    }
    tokens
}

/// The text up to a quote, and where what follows it begins.
fn quoted(rest: &str, quote: &str) -> (String, usize) {
    let mut text = String::new();
    let mut characters = rest.char_indices();
    while let Some((at, c)) = characters.next() {
        if rest[at..].starts_with(quote) {
            return (text, at + quote.len());
        }
        // A text of one line ends with it, closed or not.
        if c == '\n' && quote.len() == 1 {
            return (text, at);
        }
        match c {
            '\\' => text.extend(characters.next().map(|(_, c)| c)),
            c => text.push(c),
        }
    }
    (text, rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scripts_are_taken_apart() {
        let name = |words: &[&str]| Token::Name(words.iter().map(ToString::to_string).collect());
        let text = |text: &str, computed| {
            Token::Text(Text {
                text: text.to_owned(),
                computed,
            })
        };
        assert_eq!(
            tokens(
                "include ':a', \"b:${c}\" // include 'x'\n/* include 'y' */ projects.libs.core\n\"$rootDir/x\" '$y' it's\n"
            ),
            [
                name(&["include"]),
                text(":a", false),
                Token::Sign(','),
                text("b:${c}", true),
                name(&["projects", "libs", "core"]),
                text("/x", false),
                text("$y", false),
                name(&["it"]),
                text("s", false),
            ]
        );
    }

    proptest! {
        #[test]
        fn no_script_makes_it_panic(script in "(a|é|\\.|'|\"|\"\"\"|/|//|/\\*|\\*/|\\\\|\\$|\\{|\\(|`| |\n){0,40}") {
            prop_assert!(tokens(&script).len() <= script.len());
        }
    }
}
