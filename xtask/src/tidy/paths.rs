//! Which file of a crate a path leads to.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Item, UseTree};

use super::source::{Parsed, is_test};

/// Re-exports that lead to re-exports are followed so far.
const MOST_STEPS: usize = 8;

/// The names from the root of a crate to a module.
pub(super) type Module = Vec<String>;

/// A name that a module imports, and the path it stands for.
type Import = (String, Vec<String>);

/// The modules of a crate that are files of their own.
pub(super) struct Crate<'a> {
    pub(super) files: BTreeMap<Module, &'a Parsed<'a>>,
    imports: BTreeMap<Module, Vec<Import>>,
}

impl<'a> Crate<'a> {
    /// The crates among these files, by their folders.
    pub(super) fn all(parsed: &'a [Parsed<'a>]) -> Vec<Self> {
        let mut crates = BTreeMap::<&str, BTreeMap<Module, &Parsed<'_>>>::new();
        for parsed in parsed {
            if let Some((folder, module)) = module_of(&parsed.source.path) {
                crates.entry(folder).or_default().insert(module, parsed);
            }
        }
        crates.into_values().map(Self::new).collect()
    }

    fn new(mut files: BTreeMap<Module, &'a Parsed<'a>>) -> Self {
        let tests: BTreeSet<Module> = files
            .iter()
            .flat_map(|(module, parsed)| {
                parsed.file.items.iter().filter_map(|item| match item {
                    Item::Mod(child) if is_test(&child.attrs) => Some(join(module, &child.ident.to_string())),
                    _ => None,
                })
            })
            .collect();
        files.retain(|module, _| !(1..=module.len()).any(|length| tests.contains(module.get(..length).unwrap_or(&[]))));
        let imports = files.iter().map(|(module, parsed)| (module.clone(), imports_of(&parsed.file.items))).collect();
        Self { files, imports }
    }

    /// The paths that the imports of a module name.
    pub(super) fn imported(&self, module: &Module) -> impl Iterator<Item = &Vec<String>> {
        self.imports.get(module).into_iter().flatten().map(|(_, path)| path)
    }

    /// The module whose file defines what `path` names, as it is written in `module`; `None` for what other crates
    /// define.
    pub(super) fn resolve(&self, module: &Module, path: &[String]) -> Option<Module> {
        self.follow(module, path, MOST_STEPS)
    }

    fn follow(&self, module: &Module, path: &[String], steps: usize) -> Option<Module> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => parent(module)?,
            child if self.files.contains_key(&join(module, child)) => join(module, child),
            _ => return None,
        };
        while let Some((next, after)) = rest.split_first() {
            if next == "super" {
                at = parent(&at)?;
            } else if self.files.contains_key(&join(&at, next)) {
                at = join(&at, next);
            } else if let Some((_, imported)) = self.imports.get(&at)?.iter().find(|(name, _)| name == next) {
                let whole: Vec<_> = imported.iter().chain(after).cloned().collect();
                return self.follow(&at, &whole, steps.checked_sub(1)?);
            } else {
                break;
            }
            rest = after;
        }
        Some(at)
    }
}

/// The folder of a crate and the module in it that a file is; `None` for tests and programs beside a library.
fn module_of(path: &str) -> Option<(&str, Module)> {
    let (folder, rest) = path.split_once("/src/")?;
    let mut module: Module = rest.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    match module.last().map(String::as_str) {
        Some("lib" | "main") if module.len() == 1 => module.clear(),
        Some("mod") => module.truncate(module.len() - 1),
        _ if module.first().is_some_and(|first| first == "bin") => return None,
        _ => {}
    }
    Some((folder, module))
}

fn imports_of(items: &[Item]) -> Vec<Import> {
    let mut imports = Vec::new();
    for item in items {
        if let Item::Use(item) = item
            && !is_test(&item.attrs)
        {
            flatten(&item.tree, &mut Vec::new(), &mut imports);
        }
    }
    imports
}

fn flatten(tree: &UseTree, before: &mut Vec<String>, imports: &mut Vec<Import>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, imports);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            imports.extend(before.last().cloned().map(|name| (name, before.clone())));
        }
        UseTree::Name(name) => imports.push((name.ident.to_string(), join(before, &name.ident.to_string()))),
        UseTree::Rename(rename) => imports.push((rename.rename.to_string(), join(before, &rename.ident.to_string()))),
        UseTree::Glob(_) => imports.push(("*".to_owned(), before.clone())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, imports)),
    }
}

fn join(module: &[String], child: &str) -> Module {
    module.iter().cloned().chain([child.to_owned()]).collect()
}

fn parent(module: &Module) -> Option<Module> {
    module.split_last().map(|(_, parent)| parent.to_vec())
}
