//! Ctrl-C while a line of progress is shown: SIGINT is held back until the line is erased, and then
//! has its usual effect. Where the system has no `signalfd`, it has that effect at once.

// There is no such place.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::convert::Infallible as Arrivals;
use std::os::fd::BorrowedFd;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise};
#[cfg(any(target_os = "linux", target_os = "android"))]
use nix::sys::signalfd::SignalFd as Arrivals;

/// SIGINT is held back in the thread that created this, and in those that it starts meanwhile.
#[derive(Debug)]
pub(super) struct HeldInterrupts {
    /// The signals that were held back before.
    before: SigSet,
}

impl HeldInterrupts {
    /// Begins to hold back SIGINT, and returns where it arrives; nothing if the system refuses.
    pub(super) fn begin() -> Option<(Self, Interrupts)> {
        let interrupts = Interrupts::new(interrupt())?;
        let before = interrupt().thread_swap_mask(SigmaskHow::SIG_BLOCK).ok()?;
        Some((Self { before }, interrupts))
    }
}

impl Drop for HeldInterrupts {
    /// One that arrived since has its effect now.
    fn drop(&mut self) {
        let _restored = self.before.thread_set_mask();
    }
}

/// Lets SIGINT have its effect: it ends the process, unless an application handles it.
pub(super) fn deliver() {
    let _released = interrupt().thread_unblock();
    let _raised = raise(Signal::SIGINT);
    let _held = interrupt().thread_block();
}

fn interrupt() -> SigSet {
    SigSet::from(Signal::SIGINT)
}

/// Where signals arrive that are held back.
#[derive(Debug)]
pub(super) struct Interrupts(Arrivals);

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Interrupts {
    fn new(set: SigSet) -> Option<Self> {
        use nix::sys::signalfd::SfdFlags;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Arrivals::with_flags(&set, flags).map(Self).ok()
    }

    /// Returns a descriptor that can be read when one has arrived.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        self.0.as_fd()
    }

    /// Takes one that has arrived. Returns `false` if there is none.
    pub(super) fn take(&self) -> bool {
        matches!(self.0.read_signal(), Ok(Some(_)))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Interrupts {
    fn new(_: SigSet) -> Option<Self> {
        None
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        match self.0 {}
    }

    pub(super) fn take(&self) -> bool {
        match self.0 {}
    }
}
