//! Circles of imports between the files of a crate.
//!
//! A file and what lies in the folder of its name are one thing: among themselves they may import as they like.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    ItemMod, Path,
    visit::{self, Visit},
};

use super::{
    Complaint,
    paths::{Crate, Module},
    source::Parsed,
};

pub(super) fn check(parsed: &[Parsed<'_>]) -> Vec<Complaint> {
    Crate::all(parsed).iter().flat_map(circles).collect()
}

fn circles(of: &Crate<'_>) -> Vec<Complaint> {
    let mut graph = Graph::new();
    for (module, parsed) in &of.files {
        for target in leads_to(of, module, parsed) {
            if let Some((from, to)) = sides(module, &target) {
                graph.entry(from).or_default().insert(to);
            }
        }
    }
    let reached: BTreeMap<_, _> = graph.keys().map(|module| (module, reachable(&graph, module))).collect();
    let mut complaints = Vec::new();
    for (module, next) in &graph {
        let leads_back = |next: &&Module| reached.get(next).is_some_and(|reached| reached.contains(module));
        let back: Vec<_> = next.iter().filter(leads_back).map(|next| format!("`{}`", next.join("::"))).collect();
        if let (false, Some(parsed)) = (back.is_empty(), of.files.get(module)) {
            let text = format!("imports {}, and is imported by that in turn", back.join(", "));
            let path = parsed.source.path.clone();
            complaints.push(Complaint { rule: "circle".to_owned(), path, line: 1, text });
        }
    }
    complaints
}

/// Which module imports from which others. What lies below a module is a part of it.
type Graph = BTreeMap<Module, BTreeSet<Module>>;

/// Where the ways to two modules part; `None` if one lies below the other.
fn sides(from: &Module, to: &Module) -> Option<(Module, Module)> {
    let common = from.iter().zip(to).take_while(|(one, other)| one == other).count();
    Some((from.get(..=common)?.to_vec(), to.get(..=common)?.to_vec()))
}

/// The modules that a file imports from.
fn leads_to(of: &Crate<'_>, module: &Module, parsed: &Parsed<'_>) -> BTreeSet<Module> {
    let mut named = Named::default();
    named.visit_file(&parsed.file);
    let paths = of.imported(module).chain(&named.paths);
    paths.filter_map(|path| of.resolve(module, path)).collect()
}

fn reachable(graph: &Graph, from: &Module) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(module) = waiting.pop() {
        for next in graph.get(module).into_iter().flatten() {
            if reached.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    reached
}

/// Paths that are written out where they are used.
#[derive(Default)]
struct Named {
    paths: Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Named {
    fn visit_path(&mut self, path: &'ast Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // `self` alone is the receiver of a method; the names of visibilities have no second segment.
        if names.len() > 1 {
            self.paths.push(names);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, _: &'ast ItemMod) {
        // A module within a file has another `super`; it is for tests or generated.
    }
}
