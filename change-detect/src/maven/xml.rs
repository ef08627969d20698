//! A pom's text as a tree of elements.

use quick_xml::Reader;
use quick_xml::events::Event;
use thiserror::Error;

/// Deeper nesting than any pom needs; it bounds what dropping the tree takes.
const DEEPEST: usize = 128;

/// One element: its local name, its own text and its children.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Where the element begins in the text, in bytes.
    pub(crate) offset: usize,
    pub(crate) children: Vec<Self>,
}

/// Why text is not a tree of elements, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) offset: usize,
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
}

#[derive(Debug, Error)]
enum Problem {
    #[error("`<{0}>` is not closed")]
    NotClosed(String),
    #[error("there is more than one root element")]
    SecondRoot,
    #[error("there is no element")]
    NoRoot,
    #[error("elements are nested more than {DEEPEST} deep")]
    TooDeep,
}

impl Element {
    /// The first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The child at the end of a way of names.
    pub(crate) fn at(&self, way: &[&str]) -> Option<&Self> {
        way.iter()
            .try_fold(self, |element, name| element.child(name))
    }

    /// The children of the child at the end of a way of names.
    pub(crate) fn below(&self, way: &[&str]) -> std::slice::Iter<'_, Self> {
        self.at(way)
            .map_or(&[][..], |element| &element.children)
            .iter()
    }

    /// The text of a child, unless it is blank.
    pub(crate) fn text_of(&self, name: &str) -> Option<String> {
        let text = self.child(name)?.text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// Reads a document. Namespaces, attributes, comments and document types are passed over; no entity is looked up.
pub(crate) fn parse(text: &str) -> Result<Element, Fault> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    loop {
        let offset = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
        let fault = |problem: Problem| Fault {
            offset,
            source: problem.into(),
        };
        let event = reader.read_event().map_err(|error| Fault {
            offset: usize::try_from(reader.error_position()).unwrap_or(text.len()),
            source: error.into(),
        })?;
        match event {
            Event::Start(start) => {
                if root.is_some() {
                    return Err(fault(Problem::SecondRoot));
                }
                if open.len() == DEEPEST {
                    return Err(fault(Problem::TooDeep));
                }
                let name = start.local_name().as_ref().to_owned();
                open.push(Element {
                    name,
                    offset,
                    ..Element::default()
                });
            }
            Event::End(_) => {
                if let Some(done) = open.pop() {
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => root = Some(done),
                    }
                }
            }
            Event::Text(part) => push(&mut open, &part.xml10_content()),
            Event::CData(part) => push(&mut open, &part.xml10_content()),
            Event::GeneralRef(entity) => {
                let name = entity.xml10_content();
                match (entity.resolve_char_ref().ok().flatten(), name.as_ref()) {
                    (Some(char), _) => push(&mut open, char.encode_utf8(&mut [0; 4])),
                    (None, "amp") => push(&mut open, "&"),
                    (None, "lt") => push(&mut open, "<"),
                    (None, "gt") => push(&mut open, ">"),
                    (None, "quot") => push(&mut open, "\""),
                    (None, "apos") => push(&mut open, "'"),
                    // Maven knows HTML's entities; they stand in descriptions and people's names only.
                    (None, name) => push(&mut open, &format!("&{name};")),
                }
            }
            Event::Eof => break,
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
    let end = |problem: Problem| Fault {
        offset: text.len(),
        source: problem.into(),
    };
    match (root, open.pop()) {
        (_, Some(unclosed)) => Err(end(Problem::NotClosed(unclosed.name))),
        (Some(root), None) => Ok(root),
        (None, None) => Err(end(Problem::NoRoot)),
    }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// The line and column, both from 1, of a place in a text.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_text_across_comments_sections_and_entities() {
        let root = parse(
            "<a xmlns=\"x\"><b> one<!-- no -->&amp;<![CDATA[<two>]]>&#x33;&eacute; </b><c/></a>",
        )
        .unwrap();
        assert_eq!(root.text_of("b").as_deref(), Some("one&<two>3&eacute;"));
        assert_eq!(root.text_of("c"), None);
        assert!(root.child("c").is_some());
    }

    #[test]
    fn says_where_a_document_is_broken() {
        for (text, place) in [
            ("<a>\n  <b></c></a>", (2, 6)),
            ("<a>\n<b>", (2, 4)),
            ("", (1, 1)),
            ("<a/><b/>", (1, 5)),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!(
                position(text, fault.offset),
                place,
                "{text:?}: {}",
                fault.source
            );
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(parse(&nested(DEEPEST)).is_ok());
        assert!(parse(&nested(DEEPEST + 1)).is_err());
        assert!(parse(&"<a>".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(<|>|/|a|b|&|;|#|x|!|\\[|\\]|-|\\?|\"|=| |\n|é|<a>|</a>|<!\\[CDATA\\[|<!DOCTYPE ){0,40}") {
            if let Err(fault) = parse(&text) {
                position(&text, fault.offset);
            }
        }
    }
}
