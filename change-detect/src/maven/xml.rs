//! A pom's text, read element by element.

use quick_xml::Reader;
use quick_xml::events::Event;
use thiserror::Error;

/// Deeper nesting than any pom needs.
const DEEPEST: usize = 128;

/// A reader that stands inside one element at a time.
///
/// Namespaces, attributes, comments and document types are passed over; no entity is looked up.
pub(crate) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    /// How many elements are open.
    depth: usize,
    /// Where the element that was opened last begins, in bytes.
    offset: usize,
}

/// Why text is not one well-formed element, and where.
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

impl<'a> Xml<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            text,
            depth: 0,
            offset: 0,
        }
    }

    /// Where the element that was opened last begins in the text, in bytes.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// Reads the whole document: `each` is given the name of its root.
    pub(crate) fn root<T>(
        &mut self,
        each: impl FnOnce(&mut Self, &'a str) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let end = self.text.len();
        let Some(name) = self.open()? else {
            return Err(fault(end, Problem::NoRoot));
        };
        let result = each(self, name)?;
        while self.depth > 0 {
            self.skip()?;
        }
        if self.open()?.is_some() {
            return Err(fault(self.offset, Problem::SecondRoot));
        }
        Ok(result)
    }

    /// Reads the children of the open element to its end. What `each` leaves of a child is passed over.
    pub(crate) fn children(
        &mut self,
        mut each: impl FnMut(&mut Self, &'a str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        while let Some(name) = self.open()? {
            let depth = self.depth;
            each(self, name)?;
            if self.depth == depth {
                self.skip()?;
            }
        }
        Ok(())
    }

    /// Reads the children of a name; others are passed over.
    pub(crate) fn each(
        &mut self,
        name: &str,
        mut each: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.children(|xml, child| if child == name { each(xml) } else { Ok(()) })
    }

    /// The text of the open element, up to its end and without space around it; none if that is empty.
    pub(crate) fn text<T: for<'t> From<&'t str>>(&mut self) -> Result<Option<T>, Fault> {
        let own = self.depth;
        let mut text = String::new();
        while self.depth >= own {
            self.event(&mut |part, depth| {
                if depth == own {
                    text.push_str(part);
                }
            })?;
        }
        let text = text.trim();
        Ok((!text.is_empty()).then(|| text.into()))
    }

    /// Passes over the rest of the open element.
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        let own = self.depth;
        while self.depth >= own {
            self.event(&mut |_, _| {})?;
        }
        Ok(())
    }

    /// Goes on to the next child of the open element; none at its end, which is then closed.
    fn open(&mut self) -> Result<Option<&'a str>, Fault> {
        loop {
            match self.event(&mut |_, _| {})? {
                Step::Opened(name) => return Ok(Some(name)),
                Step::Closed | Step::End => return Ok(None),
                Step::Text => {}
            }
        }
    }

    /// Takes one step. Text is given to `text`, in parts, with the number of elements that are open around it.
    fn event(&mut self, text: &mut dyn FnMut(&str, usize)) -> Result<Step<'a>, Fault> {
        let offset = usize::try_from(self.reader.buffer_position()).unwrap_or(self.text.len());
        let event = self.reader.read_event().map_err(|error| Fault {
            offset: usize::try_from(self.reader.error_position()).unwrap_or(self.text.len()),
            source: error.into(),
        })?;
        match event {
            Event::Start(_) => {
                if self.depth == DEEPEST {
                    return Err(fault(offset, Problem::TooDeep));
                }
                self.depth += 1;
                self.offset = offset;
                return Ok(Step::Opened(self.name_at(offset)));
            }
            Event::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                return Ok(Step::Closed);
            }
            Event::Eof if self.depth > 0 => {
                let open = self.name_at(self.offset).to_owned();
                return Err(fault(self.text.len(), Problem::NotClosed(open)));
            }
            Event::Eof => return Ok(Step::End),
            Event::Text(part) => text(&part.xml10_content(), self.depth),
            Event::CData(part) => text(&part.xml10_content(), self.depth),
            Event::GeneralRef(entity) => {
                let name = entity.xml10_content();
                match (entity.resolve_char_ref().ok().flatten(), name.as_ref()) {
                    (Some(char), _) => text(char.encode_utf8(&mut [0; 4]), self.depth),
                    (None, "amp") => text("&", self.depth),
                    (None, "lt") => text("<", self.depth),
                    (None, "gt") => text(">", self.depth),
                    (None, "quot") => text("\"", self.depth),
                    (None, "apos") => text("'", self.depth),
                    // Maven knows HTML's entities; they stand in descriptions and people's names only.
                    (None, name) => text(&format!("&{name};"), self.depth),
                }
            }
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
        Ok(Step::Text)
    }

    /// The local name of the element that begins at a place.
    fn name_at(&self, offset: usize) -> &'a str {
        let tag = self.text.get(offset..).unwrap_or_default();
        let tag = tag.strip_prefix('<').unwrap_or(tag);
        let ends = |char: char| char == '>' || char == '/' || char.is_ascii_whitespace();
        let name = tag.split(ends).next().unwrap_or_default();
        name.split_once(':').map_or(name, |(_, local)| local)
    }
}

enum Step<'a> {
    Opened(&'a str),
    Closed,
    Text,
    End,
}

fn fault(offset: usize, problem: Problem) -> Fault {
    Fault {
        offset,
        source: problem.into(),
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

    /// The children of the root, each with its text.
    fn read(text: &str) -> Result<Vec<(String, Option<String>)>, Fault> {
        let mut found = Vec::new();
        Xml::new(text).root(|xml, _| {
            xml.children(|xml, name| {
                found.push((name.to_owned(), xml.text()?));
                Ok(())
            })
        })?;
        Ok(found)
    }

    #[test]
    fn reads_text_across_comments_sections_and_entities() {
        let found = read(
            "<a xmlns=\"x\"><x:b y=\"/>\"> one<!-- no -->&amp;<i>no</i><![CDATA[<two>]]>&#x33;&eacute; </x:b><c/></a>",
        );
        let expected = [
            ("b".to_owned(), Some("one&<two>3&eacute;".to_owned())),
            ("c".to_owned(), None),
        ];
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn what_is_not_asked_for_is_passed_over() {
        let mut names = Vec::new();
        let text = "<a><b><c><d/></c>text</b><e/><b><f/></b></a>";
        let read = Xml::new(text).root(|xml, _| {
            xml.each("b", |xml| {
                names.push(xml.open()?.unwrap_or_default().to_owned());
                xml.skip()
            })
        });
        read.unwrap();
        assert_eq!(names, ["c", "f"]);
    }

    #[test]
    fn says_where_a_document_is_broken() {
        for (text, place) in [
            ("<a>\n  <b></c></a>", (2, 6)),
            ("<a>\n<b>", (2, 4)),
            ("", (1, 1)),
            ("<a/><b/>", (1, 5)),
            ("<a/></b>", (1, 5)),
        ] {
            let fault = read(text).unwrap_err();
            let found = position(text, fault.offset);
            assert_eq!(found, place, "{text:?}: {}", fault.source);
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(read(&nested(DEEPEST)).is_ok());
        assert!(read(&nested(DEEPEST + 1)).is_err());
        assert!(read(&"<a>".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(<|>|/|a|b|&|;|#|x|!|\\[|\\]|-|\\?|\"|=| |\n|é|<a>|</a>|<!\\[CDATA\\[|<!DOCTYPE ){0,40}") {
            if let Err(fault) = read(&text) {
                position(&text, fault.offset);
            }
        }
    }
}
