//! Who bears what: each environment its own costs, and a share of what is common.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Amount, CostEnvironment, Inexact};

/// How shared costs are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SharedRule {
    /// By each environment's own costs. Where none has any, evenly.
    #[default]
    Proportional,
    /// The same for each.
    Even,
    /// Not at all: they stay where they are.
    Keep,
}

/// Which costs are shared, and how they are split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCosts {
    /// The environments whose costs all others share.
    pub environments: BTreeSet<CostEnvironment>,
    /// How they are split.
    pub rule: SharedRule,
}

impl Default for SharedCosts {
    /// What has no tag is split in proportion.
    fn default() -> Self {
        Self {
            environments: BTreeSet::from([CostEnvironment::Untagged]),
            rule: SharedRule::default(),
        }
    }
}

/// What an environment bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Charge {
    /// Its own costs.
    pub own: Amount,
    /// Its share of the shared costs.
    pub shared: Amount,
}

/// Splits the shared costs. All charges together are the costs that were given, to the last digit.
///
/// A share is a whole number of the smallest unit that the costs are given in; what rounding down leaves goes to the largest
/// remainders, and among equals by name. Environments whose own costs are negative bear no share in proportion. If there is no
/// environment to bear them, shared costs stay where they are.
///
/// ```
/// use cost_exporter::{SharedCosts, chargeback};
///
/// let costs = [("dev", "10"), ("prod", "20"), ("untagged", "1")];
/// let costs = costs.map(|(name, cost)| (name.into(), cost.parse().unwrap())).into();
/// let charges = chargeback(&costs, &SharedCosts::default())?;
/// let shares: Vec<_> = charges.values().map(|charge| charge.shared.to_string()).collect();
/// // The smallest unit of these costs is a whole dollar, and the larger remainder is that of `prod`.
/// assert_eq!(shares, ["0", "1"]);
/// # Ok::<(), cost_exporter::Inexact>(())
/// ```
///
/// # Errors
/// When the amounts are too long to be added exactly.
pub fn chargeback(
    costs: &BTreeMap<CostEnvironment, Amount>,
    shared: &SharedCosts,
) -> Result<BTreeMap<CostEnvironment, Charge>, Inexact> {
    let is_shared = |name: &CostEnvironment| {
        shared.rule != SharedRule::Keep && shared.environments.contains(name)
    };
    let own: Vec<(&CostEnvironment, Amount)> = costs
        .iter()
        .filter(|(name, _)| !is_shared(name))
        .map(|(name, cost)| (name, *cost))
        .collect();
    if own.is_empty() {
        let charge = |cost: &Amount| Charge {
            own: *cost,
            shared: Amount::ZERO,
        };
        return Ok(costs
            .iter()
            .map(|(name, cost)| (name.clone(), charge(cost)))
            .collect());
    }
    let common = Amount::sum(
        costs
            .iter()
            .filter(|(name, _)| is_shared(name))
            .map(|(_, cost)| *cost),
    )?;
    let digits = costs.values().map(|cost| cost.digits()).max().unwrap_or(0);
    let units = |amount: Amount| amount.units(digits).ok_or(Inexact);
    let mut weights = Vec::with_capacity(own.len());
    for (_, cost) in &own {
        weights.push(match shared.rule {
            SharedRule::Even => 1,
            SharedRule::Proportional | SharedRule::Keep => units(*cost)?.max(0).unsigned_abs(),
        });
    }
    let shares = split(units(common)?, &weights);
    own.into_iter()
        .zip(shares)
        .map(|((name, own), share)| {
            let shared = Amount::of_units(share, digits)?;
            Ok((name.clone(), Charge { own, shared }))
        })
        .collect()
}

/// Splits units by weights, with the method of the largest remainder. The parts add up to the units.
fn split(units: i128, weights: &[u128]) -> Vec<i128> {
    let negative = units < 0;
    let units = units.unsigned_abs();
    let (weights, total) = fitting(units, weights);
    let mut parts: Vec<(u128, u128)> = weights
        .iter()
        .map(|weight| (units * weight / total, units * weight % total))
        .collect();
    let given: u128 = parts.iter().map(|(part, _)| part).sum();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|index| (std::cmp::Reverse(parts[*index].1), *index));
    // Fewer units are left than there are parts, for each remainder is less than one unit.
    for index in order.into_iter().zip(given..units).map(|(index, _)| index) {
        parts[index].0 += 1;
    }
    let signed = |part: u128| {
        let part = i128::try_from(part).unwrap_or(i128::MAX);
        if negative { -part } else { part }
    };
    parts.into_iter().map(|(part, _)| signed(part)).collect()
}

/// The weights, coarser if need be, so that their products with the units fit, and their sum. If all are zero they are equal.
fn fitting(units: u128, weights: &[u128]) -> (Vec<u128>, u128) {
    let mut weights = weights.to_vec();
    if weights.iter().all(|weight| *weight == 0) {
        weights.fill(1);
    }
    loop {
        let total = weights
            .iter()
            .try_fold(0_u128, |sum, weight| sum.checked_add(*weight));
        match total.filter(|total| total.checked_mul(units.max(1)).is_some()) {
            Some(0) => {
                let count = weights.len() as u128;
                return (vec![1; weights.len()], count);
            }
            Some(total) => return (weights, total),
            None => weights.iter_mut().for_each(|weight| *weight /= 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_left_goes_to_the_largest_remainders_and_then_by_name() {
        assert_eq!(split(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(split(-100, &[1, 1, 1]), [-34, -33, -33]);
        assert_eq!(split(10, &[1, 2, 4]), [1, 3, 6]);
        assert_eq!(split(7, &[0, 0]), [4, 3]);
        assert_eq!(split(5, &[u128::MAX, u128::MAX]), [3, 2]);
        assert_eq!(split(0, &[3, 4]), [0, 0]);
    }

    #[test]
    fn kept_or_without_an_heir_shared_costs_stay_where_they_are() {
        let costs = BTreeMap::from([("untagged".into(), 5_u32.into())]);
        let charges = chargeback(&costs, &SharedCosts::default()).unwrap();
        assert_eq!(charges[&CostEnvironment::Untagged].own, 5_u32.into());
        let costs = BTreeMap::from([
            ("untagged".into(), 5_u32.into()),
            ("dev".into(), 1_u32.into()),
        ]);
        let kept = SharedCosts {
            rule: SharedRule::Keep,
            ..SharedCosts::default()
        };
        assert_eq!(chargeback(&costs, &kept).unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn charges_add_up_to_the_costs(
            costs in prop::collection::btree_map("[a-c]{0,2}", (-10_i64.pow(15)..10_i64.pow(17), 0_u32..12), 1..8),
            even in any::<bool>(),
        ) {
            let costs: BTreeMap<CostEnvironment, Amount> = costs
                .into_iter()
                .map(|(name, (units, digits))| (name.into(), Amount::of_units(units.into(), digits).unwrap()))
                .collect();
            let rule = if even { SharedRule::Even } else { SharedRule::Proportional };
            let shared = SharedCosts { environments: ["".into(), "a".into()].into(), rule };
            let charges = chargeback(&costs, &shared).unwrap();
            let given = Amount::sum(costs.values().copied()).unwrap();
            let borne = Amount::sum(charges.values().flat_map(|charge| [charge.own, charge.shared])).unwrap();
            prop_assert_eq!(given, borne);
        }
    }
}
