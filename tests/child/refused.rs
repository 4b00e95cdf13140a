//! Refuses system calls to this thread and to the processes that it starts, as a container's profile does.

use libc::{c_long, sock_filter};

/// The offsets of the number of the call and of the lower halves of its arguments.
const NUMBER: u32 = 0;
const FIRST_ARGUMENT: u32 = 16;
const SECOND_ARGUMENT: u32 = 24;
const THIRD_ARGUMENT: u32 = 32;
const FOURTH_ARGUMENT: u32 = 40;

/// Refuses the calls of these names, separated by commas; none for an empty text.
pub(crate) fn refuse(errno: &str, calls: &str) {
    let errno = match errno {
        "EPERM" => libc::EPERM,
        "ENOSYS" => libc::ENOSYS,
        "EMFILE" => libc::EMFILE,
        "EACCES" => libc::EACCES,
        "EINVAL" => libc::EINVAL,
        "ENOMEM" => libc::ENOMEM,
        other => panic!("{other:?} is not known here"),
    };
    let names = calls.split(',').filter(|name| !name.is_empty());
    let mut program = vec![load(NUMBER)];
    for name in names {
        match part(name) {
            Some((call, part)) => {
                program.push(unless(call, 4));
                program.extend(part);
                program.extend([refusal(errno), load(NUMBER)]);
            }
            None => program.extend([unless(number(name), 1), refusal(errno)]),
        }
    }
    program.push(permission());
    install(program);
}

/// Returns the call of which only a part is refused, and the statements that skip one more for the others.
fn part(name: &str) -> Option<(c_long, [sock_filter; 2])> {
    let is = |value: i32| unless(value.into(), 1);
    let part = match name {
        "mmap-shared" => {
            let has_flag = statement(
                libc::BPF_JMP | libc::BPF_JSET,
                0,
                1,
                libc::MAP_SHARED as u32,
            );
            (libc::SYS_mmap, [load(FOURTH_ARGUMENT), has_flag])
        }
        "populate" => {
            let advice = libc::MADV_POPULATE_WRITE;
            (libc::SYS_madvise, [load(THIRD_ARGUMENT), is(advice)])
        }
        // The C library waits in another way.
        "futex-wait" => (
            libc::SYS_futex,
            [load(SECOND_ARGUMENT), is(libc::FUTEX_WAIT)],
        ),
        "add-seals" => (
            libc::SYS_fcntl,
            [load(SECOND_ARGUMENT), is(libc::F_ADD_SEALS)],
        ),
        "get-seals" => (
            libc::SYS_fcntl,
            [load(SECOND_ARGUMENT), is(libc::F_GET_SEALS)],
        ),
        _ => return None,
    };
    Some(part)
}

/// Makes any other call kill this process.
pub(crate) fn kill_but_for(calls: &str) {
    let mut program = vec![load(NUMBER)];
    for name in calls.split(',') {
        program.extend([unless(number(name), 1), permission()]);
    }
    program.push(statement(
        libc::BPF_RET,
        0,
        0,
        libc::SECCOMP_RET_KILL_PROCESS,
    ));
    install(program);
}

fn number(name: &str) -> c_long {
    match name {
        "pidfd_open" => libc::SYS_pidfd_open,
        "timerfd_create" => libc::SYS_timerfd_create,
        "timerfd_settime" => libc::SYS_timerfd_settime,
        "waitid" => libc::SYS_waitid,
        "getpid" => libc::SYS_getpid,
        "gettid" => libc::SYS_gettid,
        "getrandom" => libc::SYS_getrandom,
        "prlimit64" => libc::SYS_prlimit64,
        "nanosleep" => libc::SYS_nanosleep,
        "clock_nanosleep" => libc::SYS_clock_nanosleep,
        "pwritev2" => libc::SYS_pwritev2,
        "brk" => libc::SYS_brk,
        "mmap" => libc::SYS_mmap,
        "munmap" => libc::SYS_munmap,
        "mremap" => libc::SYS_mremap,
        "mprotect" => libc::SYS_mprotect,
        "madvise" => libc::SYS_madvise,
        "futex" => libc::SYS_futex,
        "fcntl" => libc::SYS_fcntl,
        "fstat" => libc::SYS_fstat,
        "ftruncate" => libc::SYS_ftruncate,
        "membarrier" => libc::SYS_membarrier,
        "sched_yield" => libc::SYS_sched_yield,
        "memfd_create" => libc::SYS_memfd_create,
        "ppoll" => libc::SYS_ppoll,
        "clock_gettime" => libc::SYS_clock_gettime,
        "exit_group" => libc::SYS_exit_group,
        #[cfg(target_arch = "x86_64")]
        "open" => libc::SYS_open,
        "write" => libc::SYS_write,
        "rt_sigaction" => libc::SYS_rt_sigaction,
        "rt_sigprocmask" => libc::SYS_rt_sigprocmask,
        "rt_sigpending" => libc::SYS_rt_sigpending,
        "rt_sigtimedwait" => libc::SYS_rt_sigtimedwait,
        "sigaltstack" => libc::SYS_sigaltstack,
        other => panic!("{other:?} is not known here"),
    }
}

/// Refuses threads, and no processes.
pub(crate) fn refuse_threads() {
    install(vec![
        load(NUMBER),
        // The flags of `clone3` are behind a pointer. If it is refused, the C library tries `clone`.
        unless(libc::SYS_clone3, 1),
        refusal(libc::ENOSYS),
        unless(libc::SYS_clone, 3),
        load(FIRST_ARGUMENT),
        statement(
            libc::BPF_JMP | libc::BPF_JSET,
            0,
            1,
            libc::CLONE_THREAD as u32,
        ),
        refusal(libc::EAGAIN),
        permission(),
    ]);
}

fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Skips this many statements for any other call.
fn unless(number: c_long, skipped: u8) -> sock_filter {
    let number = u32::try_from(number).expect("small");
    statement(libc::BPF_JMP | libc::BPF_JEQ, 0, skipped, number)
}

fn refusal(errno: i32) -> sock_filter {
    let errno = u32::try_from(errno).expect("positive");
    statement(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ERRNO | errno)
}

fn permission() -> sock_filter {
    statement(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW)
}

fn statement(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    let code = u16::try_from(code).expect("small");
    sock_filter { code, jt, jf, k }
}

fn install(mut program: Vec<sock_filter>) {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).expect("short"),
        filter: program.as_mut_ptr(),
    };
    // SAFETY: it takes numbers only.
    let no_more = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(no_more, 0, "{}", std::io::Error::last_os_error());
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the program is a valid one and lives longer than the call.
    let filtered = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!(filtered, 0, "{}", std::io::Error::last_os_error());
}
