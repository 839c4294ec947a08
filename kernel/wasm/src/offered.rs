//! The offered functions as the module calls them.

use wasmtime::{Caller, Engine, FuncType, Linker, Memory, Val, ValType};

use crate::{
    columns::MEMORY,
    error::shown,
    host::{Ended, Host, number_of},
    imports::{Answer, OFFERED, Offered, Wasi, errno},
};

/// The most characters of a reason.
const REASON_CHARACTERS: usize = 500;
/// The most bytes that a reason is read from.
const REASON_BYTES: usize = 4 * REASON_CHARACTERS;
/// The most buffers or subscriptions of a call.
const MOST_ITEMS: u32 = 1024;
/// The descriptor of standard error.
const STANDARD_ERROR: u32 = 2;
/// The most random bytes of a call.
const MOST_RANDOM: u32 = 1 << 20;

/// A linker with all of them.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    for offered in OFFERED {
        let function_type = type_of(engine, offered);
        let answer = offered.answer;
        linker.func_new(offered.module, offered.name, function_type, move |caller, given, results| {
            let error = carry_out(answer, caller, &Arguments(given))?;
            results.iter_mut().for_each(|result| *result = Val::I32(error));
            Ok(())
        })?;
    }
    Ok(linker)
}

fn type_of(engine: &Engine, offered: &Offered) -> FuncType {
    let parameters = offered.parameters.bytes().map(|letter| if letter == b'I' { ValType::I64 } else { ValType::I32 });
    FuncType::new(engine, parameters, offered.has_result().then_some(ValType::I32))
}

/// What a function was called with. Its type was checked, so nothing is missing.
struct Arguments<'a>(&'a [Val]);

impl Arguments<'_> {
    fn word(&self, index: usize) -> u32 {
        self.0.get(index).and_then(Val::i32).unwrap_or_default().cast_unsigned()
    }
}

fn carry_out(answer: Answer, mut caller: Caller<'_, Host>, given: &Arguments<'_>) -> wasmtime::Result<i32> {
    let memory = caller.get_export(MEMORY).and_then(wasmtime::Extern::into_memory);
    let done = match answer {
        Answer::Error(error) => return Ok(error),
        Answer::Fail => return Err(Ended::Failed(fail(&caller, memory, given)).into()),
        Answer::Abort => return Err(Ended::Failed(abort(&caller, memory, given)).into()),
        Answer::Exit => {
            let code = given.word(0).cast_signed();
            return Err(Ended::Failed(format!("it exited with code {code}")).into());
        }
        Answer::Wasi(function) => {
            let mut guest = Guest { caller, memory };
            guest.carry_out(function, given)
        }
    };
    Ok(done.err().unwrap_or(errno::SUCCESS))
}

fn fail(caller: &Caller<'_, Host>, memory: Option<Memory>, given: &Arguments<'_>) -> String {
    let Some(memory) = memory else { return "it failed, without a memory that its reason could be in".to_owned() };
    let length = (given.word(1) as usize).min(REASON_BYTES);
    let start = given.word(0) as usize;
    match memory.data(caller).get(start..).and_then(|from| from.get(..length)) {
        Some([]) => "it failed".to_owned(),
        Some(text) => shown(&String::from_utf8_lossy(text), REASON_CHARACTERS),
        None => "it failed, with a reason that is out of the bounds of its memory".to_owned(),
    }
}

/// AssemblyScript: the message and the file are strings, each with its length before it.
fn abort(caller: &Caller<'_, Host>, memory: Option<Memory>, given: &Arguments<'_>) -> String {
    let data = memory.map(|memory| memory.data(caller)).unwrap_or_default();
    let message = assembly_script_string(data, given.word(0)).unwrap_or_else(|| "no message".to_owned());
    let place = assembly_script_string(data, given.word(1))
        .map_or_else(String::new, |file| format!(" ({file}:{}:{})", given.word(2), given.word(3)));
    format!("it aborted: {message}{place}")
}

/// Text in UTF-16, whose bytes are counted in the 32 bits before it.
fn assembly_script_string(data: &[u8], pointer: u32) -> Option<String> {
    let start = pointer as usize;
    let length = data.get(start.checked_sub(4)?..)?.first_chunk::<4>()?;
    let length = (u32::from_le_bytes(*length) as usize).min(REASON_BYTES);
    let (units, _) = data.get(start..)?.get(..length)?.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    (pointer != 0).then(|| shown(&String::from_utf16_lossy(&units), REASON_CHARACTERS))
}

/// The module that called, and its memory.
struct Guest<'a> {
    caller: Caller<'a, Host>,
    memory: Option<Memory>,
}

/// A function of WASI gives an error number.
type Done = Result<(), i32>;

impl Guest<'_> {
    fn carry_out(&mut self, function: Wasi, given: &Arguments<'_>) -> Done {
        match function {
            Wasi::Nothing => Ok(()),
            Wasi::NoWords => {
                self.put(given.word(0), &[0; 4])?;
                self.put(given.word(1), &[0; 4])
            }
            Wasi::ClockResolution => self.put(given.word(1), &1_000_u64.to_le_bytes()),
            Wasi::ClockTime => {
                let now = self.caller.data_mut().world.look_at_clock();
                self.put(given.word(2), &now.to_le_bytes())
            }
            Wasi::OnStandard => standard(given.word(0)),
            Wasi::Status => {
                standard(given.word(0))?;
                // A character device, without flags and rights.
                let mut status = [0; 24];
                status[0] = 2;
                self.put(given.word(1), &status)
            }
            Wasi::Read => {
                standard(given.word(0))?;
                self.put(given.word(3), &[0; 4])
            }
            Wasi::Write => self.write(given),
            Wasi::Poll => self.poll(given),
            Wasi::Random => self.random(given),
        }
    }

    /// Discards what is written, except for the beginning of standard error: it may say why the number fails.
    fn write(&mut self, given: &Arguments<'_>) -> Done {
        standard(given.word(0))?;
        let count = given.word(2);
        if count > MOST_ITEMS {
            return Err(errno::INVAL);
        }
        let mut written = 0_u32;
        for index in 0..count {
            // A pointer and a length for each buffer.
            let buffer = given.word(1).saturating_add(8 * index);
            let pointer = u32::from_le_bytes(self.get::<4>(buffer)?);
            let length = u32::from_le_bytes(self.get::<4>(buffer.saturating_add(4))?);
            if given.word(0) == STANDARD_ERROR {
                self.keep_error(pointer, length);
            }
            written = written.saturating_add(length);
        }
        self.put(given.word(3), &written.to_le_bytes())
    }

    fn keep_error(&mut self, pointer: u32, length: u32) {
        let number = number_of(&mut self.caller);
        let Some(memory) = self.memory else { return };
        let (data, host) = memory.data_and_store_mut(&mut self.caller);
        let text = data.get(pointer as usize..).and_then(|from| from.get(..length as usize));
        host.world.keep_error(number, text.unwrap_or_default());
    }

    /// Everything that is waited for occurs at once: the clock is moved to it.
    fn poll(&mut self, given: &Arguments<'_>) -> Done {
        const SUBSCRIPTION: u32 = 48;
        const EVENT: u32 = 32;
        const IS_ABSOLUTE: u16 = 1;
        let (subscriptions, events, count) = (given.word(0), given.word(1), given.word(2));
        if count == 0 || count > MOST_ITEMS {
            return Err(errno::INVAL);
        }
        for index in 0..count {
            let from = subscriptions.saturating_add(index * SUBSCRIPTION);
            let user_data = self.get::<8>(from)?;
            let [kind] = self.get::<1>(from.saturating_add(8))?;
            let mut event = [0; EVENT as usize];
            event.iter_mut().zip(user_data).for_each(|(place, byte)| *place = byte);
            event[10] = kind;
            if kind == 0 {
                let time = u64::from_le_bytes(self.get::<8>(from.saturating_add(24))?);
                let flags = u16::from_le_bytes(self.get::<2>(from.saturating_add(40))?);
                let clock = &mut self.caller.data_mut().world.clock;
                let is_absolute = flags & IS_ABSOLUTE != 0;
                *clock = if is_absolute { time.max(*clock) } else { clock.saturating_add(time) };
            } else {
                event[8] = errno::BADF as u8;
            }
            self.put(events.saturating_add(index * EVENT), &event)?;
        }
        self.put(given.word(3), &count.to_le_bytes())
    }

    fn random(&mut self, given: &Arguments<'_>) -> Done {
        let (pointer, length) = (given.word(0) as usize, given.word(1));
        if length > MOST_RANDOM {
            return Err(errno::INVAL);
        }
        let number = number_of(&mut self.caller);
        let memory = self.memory.ok_or(errno::FAULT)?;
        let (data, host) = memory.data_and_store_mut(&mut self.caller);
        let buffer = data.get_mut(pointer..).and_then(|from| from.get_mut(..length as usize)).ok_or(errno::FAULT)?;
        host.world.fill(number, buffer);
        Ok(())
    }

    fn get<const N: usize>(&self, pointer: u32) -> Result<[u8; N], i32> {
        let data = self.memory.map(|memory| memory.data(&self.caller)).unwrap_or_default();
        data.get(pointer as usize..).and_then(<[u8]>::first_chunk).copied().ok_or(errno::FAULT)
    }

    fn put(&mut self, pointer: u32, bytes: &[u8]) -> Done {
        let memory = self.memory.ok_or(errno::FAULT)?;
        memory.write(&mut self.caller, pointer as usize, bytes).map_err(|_| errno::FAULT)
    }
}

/// Whether it is one of the three standard descriptors; there are no others.
fn standard(descriptor: u32) -> Done {
    if descriptor <= 2 { Ok(()) } else { Err(errno::BADF) }
}
