//! One style of imports: std, then crates, then the crate's own, each crate named in one `use`.

use std::collections::BTreeSet;

use syn::{Item, UseTree};

use super::{
    Complaint,
    source::{Parsed, is_test},
};

pub(super) fn check(parsed: &Parsed<'_>) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    check_items(parsed, &parsed.file.items, &mut complaints);
    complaints
}

fn check_items(parsed: &Parsed<'_>, items: &[Item], complaints: &mut Vec<Complaint>) {
    let complaint =
        |line, text: String| Complaint { rule: "imports".to_owned(), path: parsed.source.path.clone(), line, text };
    let children: BTreeSet<_> = items
        .iter()
        .filter_map(|item| if let Item::Mod(module) = item { Some(module.ident.to_string()) } else { None })
        .collect();
    let mut seen = BTreeSet::new();
    let mut latest = Group::Std;
    for item in items {
        match item {
            // What is exported is sorted by what it is, and what is there for tests or one system stands apart.
            Item::Use(item) if matches!(item.vis, syn::Visibility::Inherited) && item.attrs.is_empty() => {
                let line = item.use_token.span.start().line;
                let Some(first) = first_segment(&item.tree) else { continue };
                if !seen.insert(first.clone()) {
                    complaints.push(complaint(line, format!("`{first}` is imported twice: nest both in one `use`")));
                }
                let group = Group::of(&first, &children);
                if group < latest {
                    complaints.push(complaint(line, format!("`{first}` stands too late: std, then crates, then own")));
                }
                latest = latest.max(group);
            }
            Item::Mod(module) if !is_test(&module.attrs) => {
                if let Some((_, items)) = &module.content {
                    check_items(parsed, items, complaints);
                }
            }
            _ => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Std,
    Crates,
    Own,
}

impl Group {
    fn of(first: &str, children: &BTreeSet<String>) -> Self {
        match first {
            "std" | "core" | "alloc" => Self::Std,
            "crate" | "super" | "self" => Self::Own,
            child if children.contains(child) => Self::Own,
            _ => Self::Crates,
        }
    }
}

fn first_segment(tree: &UseTree) -> Option<String> {
    match tree {
        UseTree::Path(path) => Some(path.ident.to_string()),
        UseTree::Name(name) => Some(name.ident.to_string()),
        UseTree::Rename(rename) => Some(rename.ident.to_string()),
        UseTree::Glob(_) | UseTree::Group(_) => None,
    }
}
