//! The list of a module's kinds: each in a file of its own, each a line.

/// Declares an enum of kinds, the modules that they live in, how to get at the trait that they implement, and their words.
///
/// A line is `module::Kind,` for a kind with arguments (`Kill(node: "A")`), or `module::Kind as unit,` for one without
/// (`Healthy`). A kind has an `EXAMPLE`, a `&'static str` that shows how it is written, and its documentation, which is a row of
/// `docs/reference.md`, is that of its type. What the enum needs beyond `Clone`, `Debug`, `PartialEq` and `Deserialize`, a
/// `#[derive(..)]` on it adds. A trait that only this crate knows stands as `pub(crate) Trait`.
macro_rules! kinds {
    ($(#[$attribute:meta])* pub enum $Kinds:ident: $Trait:ident { $($lines:tt)* }) => {
        $crate::text::kinds!(@next [$(#[$attribute])*] $Kinds (pub $Trait) [] [] [] [] $($lines)*);
    };
    ($(#[$attribute:meta])* pub enum $Kinds:ident: pub(crate) $Trait:ident { $($lines:tt)* }) => {
        $crate::text::kinds!(@next [$(#[$attribute])*] $Kinds (pub(crate) $Trait) [] [] [] [] $($lines)*);
    };
    (@next $attributes:tt $Kinds:ident $Trait:tt [$($modules:tt)*] [$($variants:tt)*] [$($arms:tt)*] [$($words:tt)*]
        $module:ident::$Kind:ident as unit, $($rest:tt)*) => {
        $crate::text::kinds!(@next $attributes $Kinds $Trait
            [$($modules)* mod $module;]
            [$($variants)* #[doc = concat!("`", stringify!($Kind), "`.")] $Kind,]
            [$($arms)* (Self::$Kind, &$module::$Kind, $Kind)]
            [$($words)* ($module::$Kind)]
            $($rest)*);
    };
    (@next $attributes:tt $Kinds:ident $Trait:tt [$($modules:tt)*] [$($variants:tt)*] [$($arms:tt)*] [$($words:tt)*]
        $module:ident::$Kind:ident, $($rest:tt)*) => {
        $crate::text::kinds!(@next $attributes $Kinds $Trait
            [$($modules)* mod $module; pub use $module::$Kind;]
            [$($variants)* #[doc = concat!("See [`", stringify!($Kind), "`](struct@", stringify!($Kind), ").")] $Kind($Kind),]
            [$($arms)* (Self::$Kind(kind), kind, $Kind)]
            [$($words)* ($module::$Kind)]
            $($rest)*);
    };
    (@next [$($attributes:tt)*] $Kinds:ident ($visibility:vis $Trait:ident) [$($modules:tt)*] [$($variants:tt)*]
        [$(($pattern:pat, $kind:expr, $Name:ident))*] [$(($module:ident::$Kind:ident))*]) => {
        $($modules)*

        $($attributes)*
        #[derive(Clone, Debug, PartialEq, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub enum $Kinds { $($variants)* }

        $(impl $crate::text::Named for $module::$Kind {
            const NAME: &'static str = stringify!($Kind);
        })*

        impl $Kinds {
            /// The words of the kinds.
            pub const WORDS: &'static [$crate::text::Word] = &[$($crate::text::Word {
                name: stringify!($Kind),
                example: $module::$Kind::EXAMPLE,
                documentation: <$module::$Kind as documented::Documented>::DOCS,
            }),*];

            /// What its kind says and does.
            $visibility fn kind(&self) -> &dyn $Trait {
                match self { $($pattern => $kind),* }
            }

            /// The name of its kind, as it is written.
            pub fn name(&self) -> &'static str {
                match self { $($pattern => { let _ = $kind; stringify!($Name) })* }
            }
        }

        impl std::fmt::Display for $Kinds {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self.kind(), f)
            }
        }
    };
}

/// A kind, which has a name.
pub trait Named {
    /// As it is written: `Kill`.
    const NAME: &'static str;
}

pub(crate) use kinds;
