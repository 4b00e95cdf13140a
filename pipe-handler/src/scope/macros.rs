//! The macro `scope!`.

/// Creates a [`Scope`](crate::Scope) with key-values, in the forms of the macros of `log`.
///
/// `key = value` takes any value that a [`Value`](record_proto::Value) can be made of, and `key` alone is short for
/// `key = key`. `key:% = value` takes the text of its `Display`, and `key:? = value` that of its `Debug`. A key that is
/// not an identifier is written as a text.
///
/// ```
/// use pipe_handler::scope;
///
/// let (request, path) = (17, std::path::Path::new("/"));
/// let scope = scope!(request, method = "GET", path:% = path.display(), "user agent" = "curl");
/// scope.in_scope(|| log::info!("opened")); // request=17 method=GET path=/ user agent=curl
/// ```
#[macro_export]
macro_rules! scope {
    ($($pairs:tt)*) => {
        $crate::__scope!(($crate::Scope::new()) $($pairs)*)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __scope {
    (($scope:expr) $(,)?) => {
        $scope
    };
    (($scope:expr) $(,)? $key:tt = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__scope!(($scope.with($crate::__scope_key!($key), $value)) $($($rest)*)?)
    };
    (($scope:expr) $(,)? $key:tt:% = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__scope!(($scope.with($crate::__scope_key!($key), ::std::format!("{}", $value))) $($($rest)*)?)
    };
    (($scope:expr) $(,)? $key:tt:? = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__scope!(($scope.with($crate::__scope_key!($key), ::std::format!("{:?}", $value))) $($($rest)*)?)
    };
    (($scope:expr) $(,)? $key:ident:% $(, $($rest:tt)*)?) => {
        $crate::__scope!(($scope) $key:% = $key $(, $($rest)*)?)
    };
    (($scope:expr) $(,)? $key:ident:? $(, $($rest:tt)*)?) => {
        $crate::__scope!(($scope) $key:? = $key $(, $($rest)*)?)
    };
    (($scope:expr) $(,)? $key:ident $(, $($rest:tt)*)?) => {
        $crate::__scope!(($scope.with(::std::stringify!($key), $key)) $($($rest)*)?)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __scope_key {
    ($key:ident) => {
        ::std::stringify!($key)
    };
    ($key:expr) => {
        $key
    };
}
