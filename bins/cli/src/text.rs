//! Text from outside on its way to a terminal, and the nearest of several names.

/// Makes text from outside (a commit title, a server's answer) safe and readable on one terminal line per line: control
/// characters become visible escapes, so that no name can move the cursor or recolour the screen, and no line is a command
/// to the runner of GitHub Actions, which reads them out of what a step prints. Newlines stay.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            '\t' => out.push(' '),
            // Direction overrides can make a line read as another one.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(c.escape_unicode()),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    without_commands(out)
}

/// The runner takes `::command::` at the beginning of a line, blanks aside, and `##[command]` anywhere.
fn without_commands(text: String) -> String {
    let begins = |line: &str| line.trim_start().starts_with("::");
    if !text.contains("##[") && !text.lines().any(begins) {
        return text;
    }
    let quoted = |line: &str| {
        if begins(line) {
            format!("| {line}")
        } else {
            line.to_owned()
        }
    };
    let lines: Vec<String> = text.split('\n').map(quoted).collect();
    lines.join("\n").replace("##[", "# #[")
}

/// The candidate that a mistyped name most likely meant, if one is near enough to be worth naming.
///
/// ```
/// assert_eq!(windlass_cli::nearest("enviroments", ["detect", "environments"]), Some("environments"));
/// assert_eq!(windlass_cli::nearest("xyz", ["detect", "environments"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.cmp(x)))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_visible() {
        assert_eq!(printable("a\u{1b}[31mb\r\tc"), "a\\u{1b}[31mb\\r c");
        assert_eq!(printable("r\u{202e}tl"), "r\\u{202e}tl");
        assert_eq!(printable("two\nlines — ünïcode"), "two\nlines — ünïcode");
    }

    #[test]
    fn no_line_is_a_command_to_the_runner() {
        assert_eq!(
            printable("x\n::set-output name=a::b\n  ::stop-commands::t\nstd::fmt"),
            "x\n| ::set-output name=a::b\n|   ::stop-commands::t\nstd::fmt"
        );
        assert_eq!(
            printable("a ##[add-mask]b ###[x"),
            "a # #[add-mask]b ## #[x"
        );
        let once = printable("::add-mask::x");
        assert_eq!(printable(&once), once);
    }

    #[test]
    fn equal_likeness_is_settled_by_the_alphabet() {
        assert_eq!(nearest("ab", ["abd", "abc"]), Some("abc"));
    }
}
