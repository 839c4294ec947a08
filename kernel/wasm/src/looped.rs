//! The loop over numbers, as a function of the module itself.
//!
//! A call from outside costs more than a cheap function. So a function is appended to the module that calls the kernel
//! for one number after the other and stores the results into a memory of its own, which is appended, too. Before each
//! call it stores the number in a global, so that a trap can be blamed on it. What is appended has the last indices, so
//! nothing of the module is renumbered.

use std::{borrow::Cow, collections::BTreeMap};

use wasm_encoder::{BlockType, ConstExpr, Encode, Function, GlobalType, Instruction, MemArg, MemoryType, ValType};
use wasmparser::BinaryReader;

use crate::{
    WasmError,
    columns::{Column, Element, Integer, Place},
    module::{Counts, Module},
    parameters::Constant,
};

/// The most numbers of a call.
pub(crate) const BATCH: usize = 2048;
/// The most bytes of the results of a call.
const MOST_BYTES: usize = 4 << 20;
const PAGE: usize = 1 << 16;

/// Where a call leaves the values of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// The most numbers of a call.
    pub(crate) numbers: usize,
    /// Where the first value of each column is.
    pub(crate) starts: Vec<usize>,
    /// The bytes of all columns.
    pub(crate) bytes: usize,
}

impl Places {
    /// Places for calls of at most `most` numbers.
    pub(crate) fn new(columns: &[Column], most: usize) -> Self {
        let row: usize = columns.iter().map(|column| column.element.bytes()).sum();
        let numbers = (MOST_BYTES / row.max(1)).clamp(1, most);
        // With a multiple of 16 numbers each column begins at a multiple of the size of its elements.
        let room = numbers.next_multiple_of(16);
        let mut bytes = 0;
        let starts = columns.iter().map(|column| {
            let start = bytes;
            bytes += column.element.bytes() * room;
            start
        });
        Self { numbers, starts: starts.collect(), bytes }
    }

    /// The pages of a memory that has room for them.
    pub(crate) fn pages(&self) -> u64 {
        self.bytes.div_ceil(PAGE).max(1) as u64
    }
}

/// A module with the loop, and the names of what was appended.
#[derive(Debug)]
pub(crate) struct Looped {
    pub(crate) module: Vec<u8>,
    /// A function `(first i64, count i32)`; the count is at least 1.
    pub(crate) run: String,
    /// A memory.
    pub(crate) results: String,
    /// A mutable global: the number that is being computed.
    pub(crate) number: String,
}

/// What is called for each number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callee<'a> {
    pub(crate) function: u32,
    pub(crate) constants: &'a [Constant],
    pub(crate) columns: &'a [Column],
    pub(crate) places: &'a Places,
}

/// Sections in the order that a module has them.
const ORDER: [u8; 13] = [TYPE, 2, FUNCTION, 4, MEMORY, 13, GLOBAL, EXPORT, 8, 9, 12, CODE, 11];
const TYPE: u8 = 1;
const FUNCTION: u8 = 3;
const MEMORY: u8 = 5;
const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;
const CODE: u8 = 10;

/// Appends the loop to a module. Custom sections are left out.
pub(crate) fn append(module: &Module<'_>, callee: Callee<'_>) -> Result<Looped, WasmError> {
    let counts = module.counts();
    let prefix = unused_prefix(module);
    let name = |what: &str| format!("{prefix}{what}");
    let (run, results, number) = (name("run"), name("results"), name("number"));
    let mut appended = appended_items(counts, callee);
    let mut exports = Vec::new();
    for (name, kind, index) in
        [(&run, 0_u8, counts.functions), (&results, 2, counts.memories), (&number, 3, counts.globals)]
    {
        name.as_str().encode(&mut exports);
        exports.push(kind);
        index.encode(&mut exports);
    }
    appended.insert(EXPORT, (3, exports));

    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for id in ORDER {
        let section = module.sections().iter().find(|section| section.id == id).map(|section| module.contents(section));
        let contents = match (section, appended.remove(&id)) {
            (None, None) => continue,
            (Some(contents), None) => Cow::Borrowed(contents),
            (contents, Some(items)) => Cow::Owned(merged(contents, &items)?),
        };
        bytes.push(id);
        contents.as_ref().encode(&mut bytes);
    }
    Ok(Looped { module: bytes, run, results, number })
}

/// Items of a section: how many, and their bytes.
type Items = (u32, Vec<u8>);

fn appended_items(counts: Counts, callee: Callee<'_>) -> BTreeMap<u8, Items> {
    let mut items = BTreeMap::new();
    let mut add = |id: u8, encode: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        encode(&mut bytes);
        items.insert(id, (1, bytes));
    };
    add(TYPE, &|bytes| {
        // A function type, its parameters and its results.
        bytes.push(0x60);
        [ValType::I64, ValType::I32].as_slice().encode(bytes);
        bytes.push(0);
    });
    add(FUNCTION, &|bytes| counts.types.encode(bytes));
    let pages = callee.places.pages();
    let memory =
        MemoryType { minimum: pages, maximum: Some(pages), memory64: false, shared: false, page_size_log2: None };
    add(MEMORY, &|bytes| memory.encode(bytes));
    add(GLOBAL, &|bytes| {
        GlobalType { val_type: ValType::I64, mutable: true, shared: false }.encode(bytes);
        ConstExpr::i64_const(0).encode(bytes);
    });
    add(CODE, &|bytes| body(counts, callee).encode(bytes));
    items
}

/// A section with items behind those that it has.
fn merged(contents: Option<&[u8]>, (more, items): &Items) -> Result<Vec<u8>, WasmError> {
    let mut bytes = Vec::new();
    let mut rest: &[u8] = &[];
    let mut count = 0_u32;
    if let Some(contents) = contents {
        let mut reader = BinaryReader::new(contents, 0);
        count = reader.read_var_u32()?;
        rest = contents.get(reader.original_position()..).unwrap_or_default();
    }
    count.saturating_add(*more).encode(&mut bytes);
    bytes.extend_from_slice(rest);
    bytes.extend_from_slice(items);
    Ok(bytes)
}

/// A prefix that no exported name has.
fn unused_prefix(module: &Module<'_>) -> String {
    let mut prefix = "swath.".to_owned();
    while module.exports.iter().any(|export| export.name.starts_with(&prefix)) {
        prefix.push('.');
    }
    prefix
}

const FIRST: u32 = 0;
const COUNT: u32 = 1;

/// How many numbers there are in a turn of the larger loop: each turn looks at the epoch, which takes as long as a
/// cheap function.
const TURN: u32 = 8;

/// The locals of the loops behind the parameters.
struct Locals {
    types: Vec<ValType>,
}

impl Locals {
    fn add(&mut self, local: ValType) -> u32 {
        self.types.push(local);
        COUNT + self.types.len() as u32
    }
}

/// A loop of several numbers a turn, and one of a single number for the rest.
fn body(counts: Counts, callee: Callee<'_>) -> Function {
    let mut locals = Locals { types: Vec::new() };
    // Elements of one size have one offset, which grows by that size.
    let mut offsets = BTreeMap::new();
    for column in callee.columns {
        offsets.entry(column.element.bytes()).or_insert_with(|| locals.add(ValType::I32));
    }
    let results: Vec<Vec<u32>> = callee
        .columns
        .iter()
        .map(|column| results_of(column.element).iter().map(|result| locals.add(*result)).collect())
        .collect();
    let mut code = Function::new(locals.types.iter().map(|local| (1, *local)));
    let lines = Lines { counts, callee, offsets, results };
    let mut emit = |instruction: Instruction<'_>| {
        code.instruction(&instruction);
    };
    if callee.places.numbers >= TURN as usize {
        lines.turns(TURN, &mut emit);
    }
    lines.turns(1, &mut emit);
    emit(Instruction::End);
    code
}

/// What the lines of the loops are made of.
struct Lines<'a> {
    counts: Counts,
    callee: Callee<'a>,
    /// For each size of elements the local with the offset of the next one.
    offsets: BTreeMap<usize, u32>,
    /// The locals that the results of each column are kept in.
    results: Vec<Vec<u32>>,
}

impl Lines<'_> {
    /// A loop as long as there are so many numbers.
    fn turns(&self, numbers: u32, emit: &mut impl FnMut(Instruction<'_>)) {
        emit(Instruction::Block(BlockType::Empty));
        emit(Instruction::Loop(BlockType::Empty));
        emit_all(emit, [Instruction::LocalGet(COUNT), Instruction::I32Const(numbers as i32)]);
        emit_all(emit, [Instruction::I32LtU, Instruction::BrIf(1)]);
        for index in 0..numbers {
            self.number(index, emit);
        }
        for (bytes, offset) in &self.offsets {
            emit_all(emit, [Instruction::LocalGet(*offset), Instruction::I32Const((*bytes as u32 * numbers) as i32)]);
            emit_all(emit, [Instruction::I32Add, Instruction::LocalSet(*offset)]);
        }
        emit_all(emit, [Instruction::LocalGet(FIRST), Instruction::I64Const(numbers.into())]);
        emit_all(emit, [Instruction::I64Add, Instruction::LocalSet(FIRST)]);
        emit_all(emit, [Instruction::LocalGet(COUNT), Instruction::I32Const(numbers as i32)]);
        emit_all(emit, [Instruction::I32Sub, Instruction::LocalSet(COUNT), Instruction::Br(0)]);
        emit_all(emit, [Instruction::End, Instruction::End]);
    }

    /// Sets the global to a number of the turn, calls the function, and stores its results.
    fn number(&self, index: u32, emit: &mut impl FnMut(Instruction<'_>)) {
        let number = [Instruction::LocalGet(FIRST), Instruction::I64Const(index.into()), Instruction::I64Add];
        emit_all(emit, number.clone());
        emit(Instruction::GlobalSet(self.counts.globals));
        emit_all(emit, number);
        for constant in self.callee.constants {
            emit(match *constant {
                Constant::I32(value) => Instruction::I32Const(value),
                Constant::I64(value) => Instruction::I64Const(value),
                Constant::F32(value) => Instruction::F32Const(value.into()),
                Constant::F64(value) => Instruction::F64Const(value.into()),
            });
        }
        emit(Instruction::Call(self.callee.function));
        // The last result is on top.
        self.results.iter().flatten().rev().for_each(|local| emit(Instruction::LocalSet(*local)));
        for ((column, locals), start) in self.callee.columns.iter().zip(&self.results).zip(&self.callee.places.starts) {
            let bytes = column.element.bytes();
            let offset = self.offsets.get(&bytes).copied().unwrap_or_default();
            let start = *start as u64 + u64::from(index) * bytes as u64;
            store(column.element, locals, Target { memory: self.counts.memories, start, offset }, emit);
        }
    }
}

fn emit_all<const N: usize>(emit: &mut impl FnMut(Instruction<'_>), instructions: [Instruction<'_>; N]) {
    instructions.into_iter().for_each(emit);
}

/// The results that make an element.
fn results_of(element: Element) -> &'static [ValType] {
    match element {
        Element::Flag(Integer::I64) | Element::Int64 | Element::Place(Place::Packed) => &[ValType::I64],
        Element::Flag(Integer::I32) | Element::Int8 | Element::Int16 | Element::Int32 => &[ValType::I32],
        Element::Float32 => &[ValType::F32],
        Element::Float64 => &[ValType::F64],
        Element::Wide => &[ValType::I64, ValType::I64],
        Element::Place(Place::Two) => &[ValType::I32, ValType::I32],
    }
}

/// Where an element is stored.
#[derive(Clone, Copy)]
struct Target {
    memory: u32,
    start: u64,
    /// The local with the offset from the start.
    offset: u32,
}

impl Target {
    fn at(self, behind: u64, align: u32) -> MemArg {
        MemArg { offset: self.start + behind, align, memory_index: self.memory }
    }
}

fn store(element: Element, locals: &[u32], target: Target, emit: &mut impl FnMut(Instruction<'_>)) {
    for (index, local) in (0_u64..).zip(locals) {
        emit(Instruction::LocalGet(target.offset));
        emit(Instruction::LocalGet(*local));
        if let Element::Flag(integer) = element {
            emit(if integer == Integer::I32 { Instruction::I32Const(0) } else { Instruction::I64Const(0) });
            emit(if integer == Integer::I32 { Instruction::I32Ne } else { Instruction::I64Ne });
        }
        emit(match element {
            Element::Flag(_) | Element::Int8 => Instruction::I32Store8(target.at(0, 0)),
            Element::Int16 => Instruction::I32Store16(target.at(0, 1)),
            Element::Int32 => Instruction::I32Store(target.at(0, 2)),
            Element::Place(Place::Two) => Instruction::I32Store(target.at(4 * index, 2)),
            Element::Int64 | Element::Place(Place::Packed) => Instruction::I64Store(target.at(0, 3)),
            Element::Wide => Instruction::I64Store(target.at(8 * index, 3)),
            Element::Float32 => Instruction::F32Store(target.at(0, 2)),
            Element::Float64 => Instruction::F64Store(target.at(0, 3)),
        });
    }
}
