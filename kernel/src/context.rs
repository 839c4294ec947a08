//! What a call of a kernel has beside the numbers.

use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What the calls of one kernel for one block have in common.
///
/// A kernel may keep something in it from call to call, such as an instance of a module. It never outlives the block,
/// so a block that is computed again begins anew.
#[derive(Default)]
pub struct Context {
    stop: Stop,
    kept: Option<Box<dyn Any + Send>>,
}

impl Context {
    /// One in which nothing is kept yet.
    pub fn new(stop: Stop) -> Self {
        Self { stop, kept: None }
    }

    /// Whether nobody wants the results any more. A kernel that is long at one number should look now and then, and may
    /// give up with any error.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Takes what the call before has kept, if it is of this type.
    pub fn take<T: Any + Send>(&mut self) -> Option<T> {
        self.kept.take().and_then(|kept| kept.downcast().ok()).map(|kept| *kept)
    }

    /// Keeps something for the next call.
    pub fn keep<T: Any + Send>(&mut self, kept: T) {
        self.kept = Some(Box::new(kept));
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("stop", &self.stop).finish_non_exhaustive()
    }
}

/// Whether a thread should stop what it computes. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether it should stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Tells it to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells it to go on.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_taken_once_and_by_its_type() {
        let mut context = Context::default();
        assert_eq!(context.take::<u32>(), None);
        context.keep(7_u32);
        assert_eq!(context.take::<u32>(), Some(7));
        assert_eq!(context.take::<u32>(), None);
        context.keep(7_u32);
        assert_eq!(context.take::<String>(), None, "another kernel has kept it");
    }

    #[test]
    fn clones_of_a_stop_are_one() {
        let stop = Stop::default();
        let context = Context::new(stop.clone());
        stop.set();
        assert!(context.stop().is_set());
    }
}
