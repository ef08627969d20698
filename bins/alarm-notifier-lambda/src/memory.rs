//! Which messages were shown already, as long as Lambda keeps this process.

use std::collections::{HashSet, VecDeque};

/// How many deliveries are remembered: many times what Lambda hands over again.
const MOST: usize = 1000;

/// The last deliveries, each a message's id and the channel that has it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    known: HashSet<(String, String)>,
    order: VecDeque<(String, String)>,
}

impl Memory {
    pub(crate) fn knows(&self, id: &str, channel: &str) -> bool {
        self.known.contains(&(id.to_owned(), channel.to_owned()))
    }

    pub(crate) fn remember(&mut self, id: &str, channel: &str) {
        let delivery = (id.to_owned(), channel.to_owned());
        if !self.known.insert(delivery.clone()) {
            return;
        }
        self.order.push_back(delivery);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_deliveries_are_known_and_older_ones_forgotten() {
        let mut memory = Memory::default();
        for index in 0..=MOST {
            memory.remember(&index.to_string(), "slack");
            memory.remember(&index.to_string(), "slack");
        }
        assert!(!memory.knows("0", "slack"));
        assert!(memory.knows("1", "slack") && memory.knows(&MOST.to_string(), "slack"));
        assert!(!memory.knows("1", "webhook"));
        assert_eq!(memory.order.len(), MOST);
    }
}
