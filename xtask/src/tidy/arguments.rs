//! Arguments that are a bare `true` or `false`: nobody who reads the call knows what they mean.
//!
//! Only calls of the workspace's own functions count; what the libraries take is theirs. Without types, a function is
//! told by its name and, where it belongs to a type, by the name of that.

use std::collections::{BTreeMap, BTreeSet};

use syn::{
    Expr, ExprCall, ExprLit, ExprMethodCall, FnArg, ImplItemFn, ItemFn, ItemImpl, ItemMod, ItemTrait, Lit, Signature,
    TraitItemFn, Type,
    visit::{self, Visit},
};

use super::{
    Complaint,
    source::{Parsed, is_test},
};

pub(super) fn check(parsed: &[Parsed<'_>]) -> Vec<Complaint> {
    let mut defined = Defined::default();
    for parsed in parsed {
        defined.visit_file(&parsed.file);
    }
    let mut complaints = Vec::new();
    for parsed in parsed {
        let mut calls = Calls { path: &parsed.source.path, defined: &defined, complaints: &mut complaints };
        calls.visit_file(&parsed.file);
    }
    complaints
}

/// The functions of the workspace, by name.
#[derive(Default)]
struct Defined {
    /// Positions of their arguments that are `bool`, without `self`. Methods by their name alone.
    methods: BTreeMap<String, BTreeSet<(usize, usize)>>,
    /// `Type::function` or `function`.
    functions: BTreeMap<String, BTreeSet<(usize, usize)>>,
    owner: Option<String>,
}

impl Defined {
    fn add(&mut self, signature: &Signature) {
        let is_method = matches!(signature.inputs.first(), Some(FnArg::Receiver(_)));
        let arguments: Vec<_> = signature
            .inputs
            .iter()
            .filter_map(|input| if let FnArg::Typed(typed) = input { Some(typed) } else { None })
            .collect();
        let positions = arguments.iter().enumerate().filter(|(_, typed)| is_bool(&typed.ty));
        let positions = positions.map(|(position, _)| (arguments.len(), position));
        let name = signature.ident.to_string();
        if is_method {
            self.methods.entry(name).or_default().extend(positions);
        } else {
            let name = self.owner.as_ref().map_or(name.clone(), |owner| format!("{owner}::{name}"));
            self.functions.entry(name).or_default().extend(positions);
        }
    }
}

impl<'ast> Visit<'ast> for Defined {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.add(&item.sig);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.add(&item.sig);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.add(&item.sig);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outer = self.owner.take();
        if let Type::Path(path) = &*item.self_ty {
            self.owner = path.path.segments.last().map(|segment| segment.ident.to_string());
        }
        visit::visit_item_impl(self, item);
        self.owner = outer;
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        let outer = self.owner.replace(item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.owner = outer;
    }
}

struct Calls<'a> {
    path: &'a str,
    defined: &'a Defined,
    complaints: &'a mut Vec<Complaint>,
}

impl Calls<'_> {
    fn check<'e>(
        &mut self,
        name: &str,
        taken: Option<&BTreeSet<(usize, usize)>>,
        arguments: impl ExactSizeIterator<Item = &'e Expr>,
    ) {
        let count = arguments.len();
        for (position, argument) in arguments.enumerate() {
            if let Expr::Lit(ExprLit { lit: Lit::Bool(bare), .. }) = argument
                && taken.is_some_and(|taken| taken.contains(&(count, position)))
            {
                let line = bare.span.start().line;
                let text = format!("a bare boolean is passed to `{name}`: take an enum, or two functions");
                self.complaints.push(Complaint {
                    rule: "bare-bool".to_owned(),
                    path: self.path.to_owned(),
                    line,
                    text,
                });
            }
        }
    }
}

impl<'ast> Visit<'ast> for Calls<'_> {
    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(path) = &*call.func {
            let names: Vec<_> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let function = match names.as_slice() {
                [.., owner, name] if owner.starts_with(char::is_uppercase) => format!("{owner}::{name}"),
                [.., name] => name.clone(),
                [] => String::new(),
            };
            self.check(&function, self.defined.functions.get(&function), call.args.iter());
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let name = call.method.to_string();
        self.check(&name, self.defined.methods.get(&name), call.args.iter());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        // In tests a table of cases may call a function with each of both.
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }
}

fn is_bool(of: &Type) -> bool {
    matches!(of, Type::Path(path) if path.path.is_ident("bool"))
}
