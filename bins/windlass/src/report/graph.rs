//! The dependency graph, drawn: a column for each build wave, what is depended on at the left.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use change_detect::{Graph, ModuleKind, ModuleName};

use super::html::{cut, escape};
use crate::outcome::RunOutcome;

const NODE_WIDTH: usize = 190;
const NODE_HEIGHT: usize = 30;
const COLUMN_GAP: usize = 70;
const ROW_GAP: usize = 14;
const MARGIN: usize = 10;

/// The graph as SVG.
pub(super) fn svg(graph: &Graph, outcome: &RunOutcome) -> String {
    let columns = columns(graph);
    let places = places(&columns);
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        2 * MARGIN + columns.len() * NODE_WIDTH + columns.len().saturating_sub(1) * COLUMN_GAP;
    let height = 2 * MARGIN + rows * NODE_HEIGHT + rows.saturating_sub(1) * ROW_GAP;
    let mut svg = format!(
        "<svg role=\"img\" aria-label=\"Dependency graph\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n"
    );
    edges(&mut svg, graph, &places, outcome);
    for module in &graph.modules {
        if let Some((x, y)) = places.get(&module.name) {
            node(&mut svg, &module.name, module.kind, (*x, *y), outcome);
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn edges(
    svg: &mut String,
    graph: &Graph,
    places: &BTreeMap<&ModuleName, (usize, usize)>,
    outcome: &RunOutcome,
) {
    for module in &graph.modules {
        for dependency in &module.dependencies {
            let (Some((x1, y1)), Some((x2, y2))) =
                (places.get(&dependency.on), places.get(&module.name))
            else {
                continue;
            };
            let (x1, y1) = (x1 + NODE_WIDTH, y1 + NODE_HEIGHT / 2);
            let (x2, y2) = (*x2, y2 + NODE_HEIGHT / 2);
            let bend = COLUMN_GAP / 2;
            let touched = |name| outcome.rebuilt.contains(name);
            let class = if touched(&dependency.on) && touched(&module.name) {
                "edge hot"
            } else {
                "edge"
            };
            // A cycle's edge goes back to the left.
            let (out, back) = (x1 + bend, x2.saturating_sub(bend));
            writeln!(
                svg,
                "<path class=\"{class}\" d=\"M{x1} {y1}C{out} {y1} {back} {y2} {x2} {y2}\"><title>{} needs {} ({})</title></path>",
                escape(module.name.as_str()),
                escape(dependency.on.as_str()),
                dependency.kind.as_str()
            )
            .expect("writing to a String cannot fail");
        }
    }
}

fn node(
    svg: &mut String,
    name: &ModuleName,
    kind: ModuleKind,
    (x, y): (usize, usize),
    outcome: &RunOutcome,
) {
    let service = outcome
        .services
        .iter()
        .find(|service| service.plan.module == *name);
    let (class, mark, words) = match service {
        Some(service) if service.verdict.is_good() => ("good", "✓ ", service.verdict.word()),
        Some(service) => ("bad", "✕ ", service.verdict.word()),
        None if outcome.rebuilt.contains(name) => ("rebuilt", "• ", "rebuilt"),
        None => ("calm", "", "not affected"),
    };
    let shape = if kind == ModuleKind::Service { 4 } else { 15 };
    let label = escape(&cut(&format!("{mark}{name}"), 25));
    writeln!(
        svg,
        "<g class=\"node {class}\"><title>{}: {words}</title>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{NODE_WIDTH}\" height=\"{NODE_HEIGHT}\" rx=\"{shape}\"/>\
         <text x=\"{}\" y=\"{}\">{label}</text></g>",
        escape(name.as_str()),
        x + 10,
        y + 20
    )
    .expect("writing to a String cannot fail");
}

/// The modules of each column, ordered so that few edges cross: each stands at the height of what it depends on.
fn columns(graph: &Graph) -> Vec<Vec<&ModuleName>> {
    let mut columns: Vec<Vec<&ModuleName>> = graph
        .waves
        .iter()
        .map(|wave| wave.iter().collect())
        .collect();
    let in_waves: BTreeSet<&ModuleName> = columns.iter().flatten().copied().collect();
    let cyclic: Vec<&ModuleName> = graph
        .modules
        .iter()
        .map(|module| &module.name)
        .filter(|name| !in_waves.contains(name))
        .collect();
    if !cyclic.is_empty() {
        columns.push(cyclic);
    }
    let needs: BTreeMap<&ModuleName, Vec<&ModuleName>> = graph
        .modules
        .iter()
        .map(|module| {
            (
                &module.name,
                module.dependencies.iter().map(|edge| &edge.on).collect(),
            )
        })
        .collect();
    let mut heights: BTreeMap<&ModuleName, f64> = BTreeMap::new();
    for column in &mut columns {
        let weight = |name: &ModuleName| {
            let known: Vec<f64> = needs
                .get(name)
                .into_iter()
                .flatten()
                .filter_map(|on| heights.get(on).copied())
                .collect();
            if known.is_empty() {
                f64::MAX
            } else {
                known.iter().sum::<f64>() / known.len() as f64
            }
        };
        column.sort_by(|a, b| weight(a).total_cmp(&weight(b)).then_with(|| a.cmp(b)));
        let middle = column.len() as f64 / 2.0;
        heights.extend(
            column
                .iter()
                .enumerate()
                .map(|(row, name)| (*name, row as f64 - middle)),
        );
    }
    columns
}

/// The upper left corner of each module; shorter columns stand in the middle.
fn places<'a>(columns: &[Vec<&'a ModuleName>]) -> BTreeMap<&'a ModuleName, (usize, usize)> {
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let step = NODE_HEIGHT + ROW_GAP;
    let mut places = BTreeMap::new();
    for (column, names) in columns.iter().enumerate() {
        let top = MARGIN + (rows - names.len()) * step / 2;
        for (row, name) in names.iter().enumerate() {
            let x = MARGIN + column * (NODE_WIDTH + COLUMN_GAP);
            places.insert(*name, (x, top + row * step));
        }
    }
    places
}
