//! Fewer series with the same sums.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Amount, Basis, BilledService, CellKey, CostEnvironment, LedgerDay};

/// What stands for all that got no series of its own.
pub(crate) const OTHER: &str = "other";

/// How many series there may be: at most one more than `services` times one more than `environments`, for each basis and
/// currency. What is too small for a series of its own is added to `other`, in its environment or its service, so that every
/// sum stays what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesCap {
    /// How many services have a name.
    pub services: usize,
    /// How many environments have a name.
    pub environments: usize,
}

impl Default for SeriesCap {
    fn default() -> Self {
        Self {
            services: 50,
            environments: 20,
        }
    }
}

/// Which services and environments keep their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    services: Option<BTreeSet<BilledService>>,
    environments: Option<BTreeSet<CostEnvironment>>,
}

impl Kept {
    /// Keeps those that cost most, credits counting as much as costs, in the bases' largest.
    pub(crate) fn choose<'a>(
        cap: SeriesCap,
        days: impl IntoIterator<Item = &'a LedgerDay>,
    ) -> Self {
        let mut services = BTreeMap::<_, BTreeMap<Basis, f64>>::new();
        let mut environments = BTreeMap::<_, BTreeMap<Basis, f64>>::new();
        for cell in days.into_iter().flat_map(|day| &day.cells) {
            for (basis, amount) in &cell.amounts {
                // Only an order is wanted here: the sums themselves are made elsewhere, exactly.
                let size = amount.abs().to_f64();
                *services
                    .entry(&cell.key.service)
                    .or_default()
                    .entry(*basis)
                    .or_default() += size;
                *environments
                    .entry(&cell.key.environment)
                    .or_default()
                    .entry(*basis)
                    .or_default() += size;
            }
        }
        Self {
            services: largest(services, cap.services),
            environments: largest(environments, cap.environments),
        }
    }

    /// The series that a cell is added to.
    pub(crate) fn key(&self, key: &CellKey) -> CellKey {
        let mut key = key.clone();
        if self
            .services
            .as_ref()
            .is_some_and(|kept| !kept.contains(&key.service))
        {
            key.service = OTHER.parse().expect("the word is not empty");
        }
        key.environment = self.environment(&key.environment);
        key
    }

    /// The environment that one is added to.
    pub(crate) fn environment(&self, environment: &CostEnvironment) -> CostEnvironment {
        match &self.environments {
            Some(kept) if !kept.contains(environment) => CostEnvironment::Tagged(OTHER.to_owned()),
            _ => environment.clone(),
        }
    }
}

/// The `most` largest, or nothing when all have room.
fn largest<T: Ord + Clone>(
    sizes: BTreeMap<&T, BTreeMap<Basis, f64>>,
    most: usize,
) -> Option<BTreeSet<T>> {
    if sizes.len() <= most {
        return None;
    }
    let mut order: Vec<(f64, &T)> = sizes
        .into_iter()
        .map(|(name, sizes)| (sizes.into_values().fold(0.0, f64::max), name))
        .collect();
    order.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    Some(
        order
            .into_iter()
            .take(most)
            .map(|(_, name)| name.clone())
            .collect(),
    )
}

/// Adds up amounts of a series.
pub(crate) type Sums = BTreeMap<CellKey, BTreeMap<Basis, Amount>>;
