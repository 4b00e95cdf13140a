//! Runs libFuzzer, and the target inside it, on a small stack.

use std::{
    env,
    ffi::{CString, c_char, c_int},
    panic, process, ptr, slice,
    sync::OnceLock,
    thread,
};

// It brings the library along; its own `main` is not used.
use libfuzzer_sys as _;

/// What P7 promises to be enough; libFuzzer's own frames are in it too.
const STACK: usize = 128 * 1024;

type Target = fn(&[u8]);

static TARGET: OnceLock<Target> = OnceLock::new();

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        count: *mut c_int,
        arguments: *mut *mut *mut c_char,
        one: extern "C" fn(*const u8, usize) -> c_int,
    ) -> c_int;
}

/// Hands inputs to the target until libFuzzer has enough. Any panic, caught ones included, is a finding.
pub fn fuzz(target: Target) -> ! {
    TARGET.set(target).expect("one target in a program");
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        report(panic);
        process::abort();
    }));
    let small = thread::Builder::new().name("fuzz".into()).stack_size(STACK);
    let driver = small.spawn(drive).expect("a thread");
    process::exit(driver.join().unwrap_or(1))
}

/// Gives the handler of a stack overflow a stack on which libFuzzer can store the input: std's is too small for that.
fn give_signals_room() {
    let room = vec![0_u8; 256 * 1024].leak();
    let stack = libc::stack_t {
        ss_sp: room.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: room.len(),
    };
    // SAFETY: The memory is nobody else's, for ever.
    let set = unsafe { libc::sigaltstack(&stack, ptr::null_mut()) };
    assert_eq!(set, 0);
}

fn drive() -> c_int {
    give_signals_room();
    let arguments: Vec<_> = env::args()
        .map(|text| {
            CString::new(text)
                .expect("an argument has no zero byte")
                .into_raw()
        })
        .chain([ptr::null_mut()])
        .collect();
    let mut count = c_int::try_from(arguments.len() - 1).expect("few arguments");
    let mut arguments = arguments.leak().as_mut_ptr();
    // SAFETY: argc and argv are as main's, end with null and live as long as the process.
    unsafe { LLVMFuzzerRunDriver(&mut count, &mut arguments, one) }
}

extern "C" fn one(data: *const u8, length: usize) -> c_int {
    let input = match length {
        0 => &[],
        // SAFETY: libFuzzer gives so many bytes and leaves them alone until this returns.
        _ => unsafe { slice::from_raw_parts(data, length) },
    };
    TARGET.get().expect("a target")(input);
    0
}
