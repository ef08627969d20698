//! As much of BSON as it takes to read an answer: the elements at the top of a document that are simple.

use std::collections::BTreeMap;

/// The simple elements of a document by name; the others are stepped over.
#[derive(Debug, PartialEq)]
pub(super) struct Document(BTreeMap<String, Element>);

#[derive(Debug, PartialEq)]
enum Element {
    Text(String),
    Truth(bool),
}

/// A place in the bytes.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(i32::from_le_bytes(self.bytes()?)).ok()
    }

    fn name(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let name = self.take(end)?;
        self.take(1)?;
        Some(name)
    }
}

impl Document {
    /// Reads a document; `None` if the bytes are none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let length = Cursor(bytes).length()?;
        let mut cursor = Cursor(bytes.get(4..length)?);
        let mut elements = BTreeMap::new();
        loop {
            let kind = cursor.take(1)?[0];
            if kind == 0 {
                return cursor.0.is_empty().then_some(Self(elements));
            }
            let name = String::from_utf8_lossy(cursor.name()?).into_owned();
            if let Some(element) = element(kind, &mut cursor)? {
                elements.insert(name, element);
            }
        }
    }

    /// Whether an element is there and true; for a number, whether it is not 0.
    pub(super) fn is_true(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Element::Truth(true)))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Element::Text(text) => Some(text),
            Element::Truth(_) => None,
        }
    }
}

/// The value of an element: `None` if it is broken or of a kind that is not known, `Some(None)` if it is of no use here.
#[expect(clippy::option_option, reason = "broken and of no use are two things")]
fn element(kind: u8, cursor: &mut Cursor<'_>) -> Option<Option<Element>> {
    let truth = |truth: bool| Some(Some(Element::Truth(truth)));
    match kind {
        // double, int32, int64, bool
        0x01 => truth(f64::from_le_bytes(cursor.bytes()?) != 0.0),
        0x10 => truth(i32::from_le_bytes(cursor.bytes()?) != 0),
        0x12 => truth(i64::from_le_bytes(cursor.bytes()?) != 0),
        0x08 => truth(cursor.bytes::<1>()?[0] != 0),
        0x02 => {
            let length = cursor.length()?;
            let (end, text) = cursor.take(length)?.split_last()?;
            let text = String::from_utf8_lossy(text).into_owned();
            (*end == 0).then_some(Some(Element::Text(text)))
        }
        // document and array, which count their own length
        0x03 | 0x04 => {
            let length = Cursor(cursor.0).length()?;
            cursor.take(length.max(5))?;
            Some(None)
        }
        // binary
        0x05 => {
            let length = cursor.length()?;
            cursor.take(length.checked_add(1)?)?;
            Some(None)
        }
        // object id; date and timestamp; null; decimal
        0x07 => cursor.take(12).map(|_| None),
        0x09 | 0x11 => cursor.take(8).map(|_| None),
        0x0a => Some(None),
        0x13 => cursor.take(16).map(|_| None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_simple_is_stepped_over() {
        let elements: Vec<&[u8]> = vec![
            b"\x03a\0\x05\0\0\0\0",
            b"\x04b\0\x05\0\0\0\0",
            b"\x05c\0\x02\0\0\0\0xy",
            b"\x07d\x00123456789012",
            b"\x09e\x0012345678",
            b"\x11f\x0012345678",
            b"\x0ag\0",
            b"\x13h\x001234567890123456",
            b"\x12i\0\x01\0\0\0\0\0\0\0",
        ];
        let elements = elements.concat();
        let mut bytes = u32::try_from(elements.len() + 5)
            .unwrap()
            .to_le_bytes()
            .to_vec();
        bytes.extend(elements);
        bytes.push(0);
        let document = Document::parse(&bytes).unwrap();
        assert!(document.is_true("i"));
        assert_eq!(document.0.len(), 1);
        for cut in 0..bytes.len() {
            assert_eq!(Document::parse(&bytes[..cut]), None, "{cut}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let mut framed = u32::try_from(bytes.len() + 4).unwrap().to_le_bytes().to_vec();
            framed.extend(&bytes);
            let _ = Document::parse(&bytes);
            let _ = Document::parse(&framed);
        }
    }
}
