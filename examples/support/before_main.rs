//! What has to be looked at before the standard library changes it.

/// Runs something before `main`.
macro_rules! before_main {
    ($body:block) => {
        #[used]
        #[cfg_attr(
            target_vendor = "apple",
            unsafe(link_section = "__DATA,__mod_init_func")
        )]
        #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
        static BEFORE_MAIN: extern "C" fn() = {
            extern "C" fn look() $body
            look
        };
    };
}
pub(crate) use before_main;
