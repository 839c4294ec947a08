//! A module as far as it can be read without compiling it.

use std::ops::Range;

use wasmparser::{
    CompositeInnerType, Encoding, Export, ExternalKind, FuncType, FuncValidatorAllocations, FunctionBody, Import,
    KnownCustom, Parser, Payload, TypeRef, ValidPayload, Validator, WasmFeatures, types::Types,
};

use crate::{WasmError, imports};

/// The proposals that modules may use: those of WebAssembly 2.0, and of 3.0 what needs no garbage collector and no
/// memory of 64 bits. All of them give the same results on every machine, except for the bits of a NaN.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::EXTENDED_CONST);

/// The most bytes of a module.
pub const MAX_MODULE_BYTES: usize = 1 << 30;
/// The most bytes of a section that becomes objects in memory: all but code, data and what is custom.
const MAX_SECTION_BYTES: usize = 16 << 20;
/// The most items of a section.
const MAX_ITEMS: u32 = 1_000_000;
/// The most types, and the most bytes of their section: each is compared with all others.
const MAX_TYPES: u32 = 20_000;
const MAX_TYPE_BYTES: usize = 1 << 20;
/// The most imports.
const MAX_IMPORTS: u32 = 20_000;
/// The most sections, with those that are custom.
const MAX_SECTIONS: usize = 10_000;
/// The most exports: each of the functions may be the kernel.
const MAX_EXPORTS: u32 = 10_000;
/// The most locals of all functions: a few bytes declare many of them, and each takes the compiler its time.
const MAX_LOCALS: usize = 10_000_000;
/// The most bytes of the section with the columns, which is enough for all texts that [`swath_model::Layout`] reads.
const MAX_COLUMNS_BYTES: usize = 64 << 10;

const CODE: u8 = 10;
const DATA: u8 = 11;

/// How much of a module is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// All but the bodies of functions.
    Outline,
    /// Everything.
    Bodies,
}

/// A module that is valid, to the depth that was asked for, and imports only what is offered.
pub(crate) struct Module<'a> {
    bytes: &'a [u8],
    types: Types,
    imported_functions: u32,
    sections: Vec<Section>,
    /// What is exported, in order.
    pub(crate) exports: Vec<Export<'a>>,
    columns: Option<&'a [u8]>,
    names: Option<wasmparser::NameSectionReader<'a>>,
}

/// A section that is not custom.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) id: u8,
    pub(crate) contents: Range<usize>,
}

impl<'a> Module<'a> {
    /// Reads a module in the binary format.
    pub(crate) fn read(bytes: &'a [u8], depth: Depth) -> Result<Self, WasmError> {
        at_most("bytes", bytes.len(), MAX_MODULE_BYTES)?;
        let mut reading = Reading { validator: Validator::new_with_features(FEATURES), ..Reading::default() };
        for payload in Parser::new(0).parse_all(bytes) {
            if let Some(types) = reading.take(&payload?, depth)? {
                return Ok(reading.done(bytes, types));
            }
        }
        Err(WasmError::Invalid { at: bytes.len(), what: "unexpected end".to_owned() })
    }

    /// The bytes of a section.
    pub(crate) fn contents(&self, section: &Section) -> &'a [u8] {
        self.bytes.get(section.contents.clone()).unwrap_or_default()
    }

    /// The sections that are not custom, in order.
    pub(crate) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The type of a function.
    pub(crate) fn function_type(&self, function: u32) -> Option<&FuncType> {
        let types = self.types.as_ref();
        if function >= types.function_count() {
            return None;
        }
        match &types.get(types.core_function_at(function))?.composite_type.inner {
            CompositeInnerType::Func(function) => Some(function),
            _ => None,
        }
    }

    /// Whether the function is one of the module itself.
    pub(crate) fn defines_function(&self, function: u32) -> bool {
        function >= self.imported_functions
    }

    /// How many types, functions, memories and globals there are.
    pub(crate) fn counts(&self) -> Counts {
        let types = self.types.as_ref();
        Counts {
            types: types.core_type_count_in_module(),
            functions: types.function_count(),
            memories: types.memory_count(),
            globals: types.global_count(),
        }
    }

    /// The names of the exported functions.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &Export<'a>> {
        self.exports.iter().filter(|export| export.kind == ExternalKind::Func)
    }

    /// Whether there is an exported memory of this name.
    pub(crate) fn exports_memory(&self, name: &str) -> bool {
        self.exports.iter().any(|export| export.kind == ExternalKind::Memory && export.name == name)
    }

    /// How much memory its memories and tables have from the start.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let types = self.types.as_ref();
        let memories = (0..types.memory_count()).map(|index| types.memory_at(index).initial.saturating_mul(1 << 16));
        let tables =
            (0..types.table_count()).map(|index| types.table_at(index).initial.saturating_mul(TABLE_ELEMENT_BYTES));
        memories.chain(tables).fold(0, u64::saturating_add)
    }

    /// The text of the section with the columns.
    pub(crate) fn columns(&self) -> Result<Option<&'a str>, WasmError> {
        self.columns
            .map(|columns| std::str::from_utf8(columns).map(str::trim).map_err(|_| WasmError::ColumnsText))
            .transpose()
    }

    /// The name of each parameter of a function, where the module has kept one.
    pub(crate) fn parameter_names(&self, function: u32, count: usize) -> Vec<Option<&'a str>> {
        let mut names = vec![None; count];
        // The section says nothing about what is computed, so whatever is wrong with it leaves names out.
        let Some(subsections) = self.names.clone() else { return names };
        for subsection in subsections.map_while(Result::ok) {
            let wasmparser::Name::Local(functions) = subsection else { continue };
            for locals in functions.into_iter().map_while(Result::ok).filter(|locals| locals.index == function) {
                for local in locals.names.into_iter().map_while(Result::ok) {
                    if let Some(name) = usize::try_from(local.index).ok().and_then(|index| names.get_mut(index)) {
                        *name = Some(local.name);
                    }
                }
            }
        }
        names
    }
}

/// What an element of a table counts as.
pub(crate) const TABLE_ELEMENT_BYTES: u64 = 8;

/// How many of each thing a module has; what is appended to it gets these indices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) types: u32,
    pub(crate) functions: u32,
    pub(crate) memories: u32,
    pub(crate) globals: u32,
}

#[derive(Default)]
struct Reading<'a> {
    validator: Validator,
    allocations: FuncValidatorAllocations,
    locals: usize,
    section_count: usize,
    imports: Vec<Import<'a>>,
    sections: Vec<Section>,
    exports: Vec<Export<'a>>,
    columns: Option<&'a [u8]>,
    names: Option<wasmparser::NameSectionReader<'a>>,
}

impl<'a> Reading<'a> {
    /// Takes the next part of the module; gives its types at its end.
    fn take(&mut self, payload: &Payload<'a>, depth: Depth) -> Result<Option<Types>, WasmError> {
        if matches!(payload, Payload::Version { encoding: Encoding::Component, .. }) {
            return Err(WasmError::Component);
        }
        check_size(payload)?;
        self.section_count += usize::from(payload.as_section().is_some());
        at_most("sections", self.section_count, MAX_SECTIONS)?;
        if let Payload::CustomSection(section) = payload {
            match section.as_known() {
                KnownCustom::Name(names) if section.data().len() <= MAX_SECTION_BYTES => self.names = Some(names),
                _ if section.name() == "swath.columns" => {
                    at_most("bytes in `swath.columns`", section.data().len(), MAX_COLUMNS_BYTES)?;
                    self.columns = Some(section.data());
                }
                _ => {}
            }
        } else if let Some((id, contents)) = payload.as_section() {
            self.sections.push(Section { id, contents });
        }
        match self.validator.payload(payload)? {
            ValidPayload::Func(function, body) if depth == Depth::Bodies => self.check_body(function, &body)?,
            ValidPayload::End(types) => {
                self.check_imports(&types)?;
                return Ok(Some(types));
            }
            _ => {}
        }
        match payload {
            Payload::ImportSection(imports) => {
                self.imports = imports.clone().into_imports().collect::<Result<_, _>>()?;
            }
            Payload::ExportSection(exports) => self.exports = exports.clone().into_iter().collect::<Result<_, _>>()?,
            _ => {}
        }
        Ok(None)
    }

    fn check_body(
        &mut self,
        function: wasmparser::FuncToValidate<wasmparser::ValidatorResources>,
        body: &FunctionBody<'a>,
    ) -> Result<(), WasmError> {
        for local in body.get_locals_reader()? {
            let (count, _) = local?;
            self.locals = self.locals.saturating_add(count as usize);
        }
        at_most("locals", self.locals, MAX_LOCALS)?;
        let mut validator = function.into_validator(std::mem::take(&mut self.allocations));
        validator.validate(body)?;
        self.allocations = validator.into_allocations();
        Ok(())
    }

    fn check_imports(&self, types: &Types) -> Result<(), WasmError> {
        let types = types.as_ref();
        for import in &self.imports {
            let function = match import.ty {
                TypeRef::Func(index) if index < types.core_type_count_in_module() => {
                    types.get(types.core_type_at_in_module(index)).map(|found| &found.composite_type.inner)
                }
                _ => None,
            };
            match function {
                Some(CompositeInnerType::Func(function)) => imports::check(import, Some(function))?,
                _ => imports::check(import, None)?,
            }
        }
        Ok(())
    }

    fn done(self, bytes: &'a [u8], types: Types) -> Module<'a> {
        let imported_functions = self.imports.iter().filter(|import| matches!(import.ty, TypeRef::Func(_))).count();
        Module {
            bytes,
            types,
            imported_functions: u32::try_from(imported_functions).unwrap_or(u32::MAX),
            sections: self.sections,
            exports: self.exports,
            columns: self.columns,
            names: self.names,
        }
    }
}

/// Refuses sections that would take much memory, before anything of them is read.
fn check_size(payload: &Payload<'_>) -> Result<(), WasmError> {
    if let Some((id, contents)) = payload.as_section()
        && !matches!(payload, Payload::CustomSection(_))
        && id != CODE
        && id != DATA
    {
        at_most("bytes in one section", contents.len(), MAX_SECTION_BYTES)?;
    }
    let (what, count, most) = match payload {
        Payload::TypeSection(section) => {
            at_most("bytes of types", section.range().len(), MAX_TYPE_BYTES)?;
            ("types", section.count(), MAX_TYPES)
        }
        Payload::ImportSection(section) => ("imports", section.count(), MAX_IMPORTS),
        Payload::ExportSection(section) => ("exports", section.count(), MAX_EXPORTS),
        Payload::FunctionSection(section) => ("functions", section.count(), MAX_ITEMS),
        Payload::GlobalSection(section) => ("globals", section.count(), MAX_ITEMS),
        Payload::ElementSection(section) => ("element segments", section.count(), MAX_ITEMS),
        Payload::DataSection(section) => ("data segments", section.count(), MAX_ITEMS),
        _ => return Ok(()),
    };
    at_most(what, count as usize, most as usize)
}

fn at_most(what: &'static str, count: usize, most: usize) -> Result<(), WasmError> {
    if count <= most {
        return Ok(());
    }
    Err(WasmError::TooMany { what, count: count as u64, most: most as u64 })
}
