//! Who goes before whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Error, ServiceName};

/// Parts services into waves: each is in the first wave after all that it depends on.
pub(super) fn waves(
    mut services: BTreeSet<ServiceName>,
    depends_on: &[(ServiceName, ServiceName)],
) -> Result<Vec<Vec<ServiceName>>, Error> {
    let mut open: BTreeMap<ServiceName, BTreeSet<ServiceName>> = BTreeMap::new();
    for (service, on) in depends_on {
        if !services.contains(service) || !services.contains(on) {
            return Err(Error::UnknownDependency {
                service: service.clone(),
                on: on.clone(),
            });
        }
        open.entry(service.clone()).or_default().insert(on.clone());
    }
    let mut waves = Vec::new();
    while !services.is_empty() {
        let wave: Vec<ServiceName> = services
            .iter()
            .filter(|service| open.get(*service).is_none_or(BTreeSet::is_empty))
            .cloned()
            .collect();
        if wave.is_empty() {
            return Err(Error::DependencyCircle {
                services: circle(&services, &open),
            });
        }
        for service in &wave {
            services.remove(service);
        }
        for on in open.values_mut() {
            on.retain(|on| !wave.contains(on));
        }
        waves.push(wave);
    }
    Ok(waves)
}

/// One circle among services each of which depends on another of them.
fn circle(
    services: &BTreeSet<ServiceName>,
    open: &BTreeMap<ServiceName, BTreeSet<ServiceName>>,
) -> Vec<ServiceName> {
    let mut way: Vec<ServiceName> = services.first().cloned().into_iter().collect();
    while let Some(next) = way
        .last()
        .and_then(|last| open.get(last))
        .and_then(BTreeSet::first)
        .cloned()
    {
        if let Some(at) = way.iter().position(|known| *known == next) {
            way.drain(..at);
            way.push(next);
            break;
        }
        way.push(next);
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<ServiceName> {
        text.split_whitespace()
            .map(|name| name.parse().unwrap())
            .collect()
    }

    fn part(services: &str, pairs: &[&str]) -> Result<Vec<Vec<ServiceName>>, Error> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|pair| {
                let names = names(pair);
                (names[0].clone(), names[1].clone())
            })
            .collect();
        waves(names(services).into_iter().collect(), &pairs)
    }

    #[test]
    fn each_is_in_the_first_wave_after_all_that_it_depends_on() {
        assert_eq!(part("b a", &[]).unwrap(), [names("a b")]);
        assert_eq!(
            part("a b c d", &["a b", "b c", "a c"]).unwrap(),
            [names("c d"), names("b"), names("a")]
        );
        assert_eq!(part("", &[]).unwrap(), Vec::<Vec<ServiceName>>::new());
    }

    #[test]
    fn a_circle_is_named_from_its_beginning_to_its_beginning() {
        let Err(Error::DependencyCircle { services }) = part("a b c x", &["a b", "b c", "c b"])
        else {
            panic!("it is a circle");
        };
        assert_eq!(services, names("b c b"));
        let own = part("a", &["a a"]).unwrap_err();
        assert_eq!(
            own.to_string(),
            "services depend on each other in a circle: `a` -> `a`"
        );
    }

    #[test]
    fn a_dependency_on_nobody_is_named() {
        let error = part("a", &["a b"]).unwrap_err();
        assert!(matches!(error, Error::UnknownDependency { .. }));
        assert!(
            error.to_string().contains("`a`") && error.to_string().contains("`b`"),
            "{error}"
        );
    }

    proptest::proptest! {
        #[test]
        fn nobody_goes_before_what_it_depends_on(pairs in proptest::collection::vec((0..12_u8, 0..12_u8), 0..30)) {
            // Only towards smaller numbers: no circle.
            let pairs: Vec<String> = pairs
                .into_iter()
                .filter(|(a, b)| a > b)
                .map(|(a, b)| format!("s{a} s{b}"))
                .collect();
            let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
            let services = (0..12).map(|n| format!("s{n} ")).collect::<String>();
            let waves = part(&services, &pairs).unwrap();
            let wave = |name: &ServiceName| waves.iter().position(|wave| wave.contains(name)).unwrap();
            proptest::prop_assert_eq!(waves.iter().map(Vec::len).sum::<usize>(), 12);
            for pair in pairs {
                let names = names(pair);
                proptest::prop_assert!(wave(&names[1]) < wave(&names[0]));
            }
        }
    }
}
