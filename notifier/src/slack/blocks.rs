//! Blocks that stay within what Slack takes.

use serde::Serialize;

use super::escaped::{Escaped, Mrkdwn, PlainText};

/// The most blocks a message may have. Source: <https://docs.slack.dev/reference/block-kit/blocks/>.
pub(crate) const MAX_BLOCKS: usize = 50;
/// The most text a message may have in all its parts, in UTF-16 units. Slack documents no such limit but has one: 9,597
/// were seen accepted and 11,341 rejected. Source: <https://github.com/slackapi/bolt-js/issues/2867>.
pub(crate) const MAX_UNITS: usize = 9_000;
/// The limits of single texts, in UTF-16 units, and of the fields of a section. Source: the same reference.
pub(crate) const HEADER: usize = 150;
pub(crate) const SECTION: usize = 3_000;
pub(crate) const FIELD: usize = 2_000;
pub(crate) const MAX_FIELDS: usize = 10;

/// The text that a message may still take, shared by all its parts.
#[derive(Debug)]
pub(crate) struct Budget {
    units: usize,
    blocks: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            units: MAX_UNITS,
            blocks: MAX_BLOCKS,
        }
    }

    /// The text that may still be added, in UTF-16 units.
    pub(crate) fn units(&self) -> usize {
        self.units
    }

    /// Gives back what was taken for something that is not needed.
    pub(crate) fn give_back(&mut self, units: usize, blocks: usize) {
        self.units += units;
        self.blocks += blocks;
    }

    /// Takes from the budget, or refuses and leaves it as it is.
    pub(crate) fn take(&mut self, units: usize, blocks: usize) -> bool {
        let fits = units <= self.units && blocks <= self.blocks;
        if fits {
            self.units -= units;
            self.blocks -= blocks;
        }
        fits
    }
}

/// One block; only `Blocks` makes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block {
    Header {
        text: PlainText<HEADER>,
    },
    Section {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<Mrkdwn<SECTION>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<Mrkdwn<FIELD>>,
    },
    Context {
        elements: [Mrkdwn<SECTION>; 1],
    },
}

/// Blocks in order. Blank ones, and those past a limit, are not taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Blocks(Vec<Block>);

impl Blocks {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Block> {
        self.0.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a header; says whether it was taken.
    pub(crate) fn header(&mut self, text: Escaped<HEADER>, budget: &mut Budget) -> bool {
        let fits = !text.is_blank() && budget.take(text.units(), 1);
        if fits {
            self.0.push(Block::Header {
                text: PlainText(text),
            });
        }
        fits
    }

    /// Adds a section of text; says whether it was taken.
    pub(crate) fn section(&mut self, text: Escaped<SECTION>, budget: &mut Budget) -> bool {
        let fits = !text.is_blank() && budget.take(text.units(), 1);
        if fits {
            self.0.push(Block::Section {
                text: Some(Mrkdwn(text)),
                fields: Vec::new(),
            });
        }
        fits
    }

    /// Adds a section of fields, the first ten that are not blank; says whether it was taken.
    pub(crate) fn fields(&mut self, fields: Vec<Escaped<FIELD>>, budget: &mut Budget) -> bool {
        let fields: Vec<_> = fields
            .into_iter()
            .filter(|field| !field.is_blank())
            .take(MAX_FIELDS)
            .collect();
        let units = fields.iter().map(Escaped::units).sum();
        let fits = !fields.is_empty() && budget.take(units, 1);
        if fits {
            self.0.push(Block::Section {
                text: None,
                fields: fields.into_iter().map(Mrkdwn).collect(),
            });
        }
        fits
    }

    /// Adds small print; says whether it was taken.
    pub(crate) fn context(&mut self, text: Escaped<SECTION>, budget: &mut Budget) -> bool {
        let fits = !text.is_blank() && budget.take(text.units(), 1);
        if fits {
            self.0.push(Block::Context {
                elements: [Mrkdwn(text)],
            });
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<const N: usize>(units: usize) -> Escaped<N> {
        let mut text = Escaped::new();
        text.text(&"x".repeat(units), units);
        text
    }

    #[test]
    fn the_fiftieth_block_is_taken_and_the_next_is_not() {
        let (mut blocks, mut budget) = (Blocks::default(), Budget::new());
        for index in 0..51 {
            assert_eq!(blocks.section(of(1), &mut budget), index < 50, "{index}");
        }
        assert_eq!(blocks.0.len(), MAX_BLOCKS);
    }

    #[test]
    fn text_is_taken_to_the_last_unit_of_the_budget_and_not_past_it() {
        let (mut blocks, mut budget) = (Blocks::default(), Budget::new());
        assert!(blocks.section(of(3000), &mut budget));
        assert!(blocks.context(of(3000), &mut budget));
        assert!(blocks.fields(vec![of(2000), of(900)], &mut budget));
        assert!(!blocks.section(of(101), &mut budget));
        assert!(blocks.header(of(100), &mut budget));
        assert_eq!(budget.units(), 0);
        assert!(!blocks.section(of(1), &mut budget));
    }

    #[test]
    fn the_limits_of_single_texts_hold_at_the_limit_and_one_past_it() {
        assert_eq!(
            (of::<HEADER>(150).units(), of::<HEADER>(151).units()),
            (150, 150)
        );
        assert!(of::<HEADER>(151).as_str().ends_with('…'));
        assert!(of::<HEADER>(150).as_str().ends_with('x'));
        assert_eq!(
            (of::<SECTION>(3001).units(), of::<FIELD>(2001).units()),
            (3000, 2000)
        );
    }

    #[test]
    fn blank_blocks_and_an_eleventh_field_are_left_out() {
        let (mut blocks, mut budget) = (Blocks::default(), Budget::new());
        assert!(!blocks.header(of(0), &mut budget));
        assert!(!blocks.section(of(0), &mut budget));
        assert!(!blocks.context(of(0), &mut budget));
        assert!(!blocks.fields(vec![of(0)], &mut budget));
        assert!(blocks.is_empty() && budget.units() == MAX_UNITS);
        assert!(blocks.fields((0..11).map(|_| of(1)).collect(), &mut budget));
        let json = serde_json::to_value(&blocks).unwrap();
        assert_eq!(json[0]["fields"].as_array().unwrap().len(), 10);
    }
}
