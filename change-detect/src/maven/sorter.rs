//! The order that Maven builds a reactor in: a depth-first walk, as in its `ProjectSorter`.

/// An edge to be added: `from` needs `to` first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// A parent's edge: one in the other direction gives way to it.
    pub(crate) force: bool,
    /// A plugin's edge: it is left out if it would close a circle.
    pub(crate) safe: bool,
}

/// The order of the modules, and which of the edges are in force.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sorted {
    pub(crate) order: Vec<usize>,
    pub(crate) kept: Vec<bool>,
}

/// Sorts `count` modules, given in the order they were collected in. Fails with a circle, its first module repeated last.
pub(crate) fn sort(count: usize, edges: &[Edge]) -> Result<Sorted, Vec<usize>> {
    let collected: Vec<usize> = (0..count).collect();
    let sorted = pass(&collected, edges)?;
    if sorted.kept.iter().all(|kept| *kept) {
        return Ok(sorted);
    }
    // Maven 3 sorts what it sorted again. Nothing moves, unless edges were left out: which ones depends on the order.
    pass(&sorted.order, edges)
}

/// Sorts modules that are given in some order; the edges are added in the order of the modules that they leave.
fn pass(modules: &[usize], edges: &[Edge]) -> Result<Sorted, Vec<usize>> {
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); modules.len()];
    for (index, edge) in edges.iter().enumerate() {
        leaving[edge.from].push(index);
    }
    let sequence: Vec<usize> = modules
        .iter()
        .flat_map(|module| leaving[*module].iter().copied())
        .collect();

    let mut graph = Graph::new(modules.len(), edges);
    for index in &sequence {
        graph.add(*index);
    }
    if let Ok(order) = graph.visit(modules.iter().copied()) {
        return Ok(Sorted {
            order,
            kept: graph.kept,
        });
    }
    // There is a circle. Only adding the edges one by one tells which of them closes it.
    let mut graph = Graph::new(modules.len(), edges);
    for index in sequence {
        let edge = edges[index];
        graph.add(index);
        if let Err(circle) = graph.visit([edge.to]) {
            if !edge.safe {
                return Err(circle);
            }
            graph.children[edge.from].retain(|child| *child != index);
            graph.kept[index] = false;
        }
    }
    let order = graph.visit(modules.iter().copied())?;
    Ok(Sorted {
        order,
        kept: graph.kept,
    })
}

struct Graph<'a> {
    /// The edges that leave each module, by their index.
    children: Vec<Vec<usize>>,
    kept: Vec<bool>,
    edges: &'a [Edge],
}

impl<'a> Graph<'a> {
    fn new(count: usize, edges: &'a [Edge]) -> Self {
        Self {
            children: vec![Vec::new(); count],
            kept: vec![true; edges.len()],
            edges,
        }
    }

    fn add(&mut self, index: usize) {
        let edge = self.edges[index];
        if edge.force {
            let (edges, kept) = (self.edges, &mut self.kept);
            self.children[edge.to].retain(|child| {
                let stays = edges[*child].to != edge.from;
                kept[*child] &= stays;
                stays
            });
        }
        self.children[edge.from].push(index);
    }

    /// Walks from some modules, each one's needs first. Fails with a circle.
    fn visit(&self, starts: impl IntoIterator<Item = usize>) -> Result<Vec<usize>, Vec<usize>> {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut state = vec![State::New; self.children.len()];
        let mut order = Vec::new();
        for start in starts {
            if state[start] != State::New {
                continue;
            }
            state[start] = State::Open;
            let mut way = vec![(start, 0)];
            while let Some((module, next)) = way.last_mut() {
                let module = *module;
                let Some(child) = self.children[module].get(*next) else {
                    state[module] = State::Done;
                    order.push(module);
                    way.pop();
                    continue;
                };
                *next += 1;
                let to = self.edges[*child].to;
                match state[to] {
                    State::Done => {}
                    State::New => {
                        state[to] = State::Open;
                        way.push((to, 0));
                    }
                    State::Open => {
                        let circle = way
                            .iter()
                            .map(|(module, _)| *module)
                            .skip_while(|module| *module != to);
                        return Err(circle.chain([to]).collect());
                    }
                }
            }
        }
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn edge(from: usize, to: usize) -> Edge {
        Edge {
            from,
            to,
            force: false,
            safe: false,
        }
    }

    #[test]
    fn modules_without_edges_stay_as_they_were_collected() {
        assert_eq!(sort(3, &[]).unwrap().order, [0, 1, 2]);
    }

    #[test]
    fn needs_come_first_in_the_order_of_the_edges() {
        assert_eq!(
            sort(4, &[edge(0, 3), edge(0, 2), edge(2, 3)])
                .unwrap()
                .order,
            [3, 2, 0, 1]
        );
    }

    #[test]
    fn a_circle_is_shown_closed() {
        assert_eq!(
            sort(3, &[edge(0, 1), edge(1, 2), edge(2, 1)]),
            Err(vec![1, 2, 1])
        );
    }

    #[test]
    fn a_plugin_in_a_circle_with_a_dependency_fails_as_in_maven() {
        // The first time the plugin would give way; the second time it is there first.
        let plugin = Edge {
            safe: true,
            ..edge(1, 0)
        };
        assert_eq!(sort(2, &[edge(0, 1), plugin]), Err(vec![1, 0, 1]));
    }

    #[test]
    fn of_plugins_in_a_circle_the_one_stays_that_maven_keeps_when_it_sorts_again() {
        let plugin = |from, to| Edge {
            safe: true,
            ..edge(from, to)
        };
        // Orders that Maven 3.8.7 gives for such reactors.
        assert_eq!(
            sort(2, &[plugin(0, 1), plugin(1, 0)]).unwrap().order,
            [0, 1]
        );
        assert_eq!(
            sort(3, &[plugin(0, 2), plugin(1, 0), plugin(2, 1)])
                .unwrap()
                .order,
            [1, 2, 0]
        );
    }

    #[test]
    fn a_parent_comes_before_its_child_whatever_else_is_said() {
        let parent = Edge {
            force: true,
            ..edge(1, 0)
        };
        let sorted = sort(2, &[edge(0, 1), parent]).unwrap();
        assert_eq!((sorted.order, sorted.kept), (vec![0, 1], vec![false, true]));
    }

    proptest! {
        #[test]
        fn every_edge_in_force_is_respected(
            edges in proptest::collection::vec((0..12_usize, 0..12_usize, any::<bool>(), any::<bool>()), 0..30),
        ) {
            let edges: Vec<Edge> = edges
                .into_iter()
                .filter(|(from, to, ..)| from != to)
                .map(|(from, to, force, safe)| Edge { from, to, force, safe })
                .collect();
            match sort(12, &edges) {
                Ok(sorted) => {
                    let mut all = sorted.order.clone();
                    all.sort_unstable();
                    prop_assert_eq!(all, (0..12).collect::<Vec<_>>());
                    let place = |module| sorted.order.iter().position(|other| *other == module);
                    for (edge, _) in edges.iter().zip(&sorted.kept).filter(|(_, kept)| **kept) {
                        prop_assert!(place(edge.to) < place(edge.from));
                    }
                    prop_assert!(edges.iter().zip(&sorted.kept).all(|(edge, kept)| *kept || edge.safe || edges.iter().any(|other| other.force && (other.from, other.to) == (edge.to, edge.from))));
                }
                Err(circle) => {
                    prop_assert!(circle.len() > 2 && circle.first() == circle.last());
                    for pair in circle.windows(2) {
                        prop_assert!(edges.iter().any(|edge| (edge.from, edge.to) == (pair[0], pair[1])));
                    }
                }
            }
        }
    }
}
