//! Code that reads the state of the process before the standard library changes it.

/// Runs a block before `main`.
macro_rules! before_main {
    ($body:block) => {
        // Unsafe attributes: each entry of these sections is called at the start as an `extern "C" fn()`, and this is one.
        #[used]
        #[cfg_attr(
            target_vendor = "apple",
            unsafe(link_section = "__DATA,__mod_init_func")
        )]
        #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
        static BEFORE_MAIN: extern "C" fn() = {
            extern "C" fn run() $body
            run
        };
    };
}
pub(crate) use before_main;
