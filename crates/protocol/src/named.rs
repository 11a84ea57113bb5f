/// A text that is not one of the names of a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {name:?}, expected one of {}", expected.join(", "))]
pub struct UnknownName {
    pub kind: &'static str,
    pub name: String,
    pub expected: Vec<&'static str>,
}

/// Declares an enum of names. The text of each value is the name of its variant: in the database, in JSON and in
/// messages.
macro_rules! named {
    ($(#[$doc:meta])* pub enum $type:ident { $($(#[$variant_doc:meta])* $name:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $type { $($(#[$variant_doc])* $name,)* }

        impl $type {
            pub const ALL: [Self; [$(Self::$name,)*].len()] = [$(Self::$name,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::named::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $(stringify!($name) => Ok(Self::$name),)*
                    _ => Err($crate::named::UnknownName {
                        kind: stringify!($type),
                        name: name.to_owned(),
                        expected: Self::ALL.iter().map(|known| known.as_str()).collect(),
                    }),
                }
            }
        }
    };
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    use crate::LoadOutcome;

    #[test]
    fn name_parses_to_the_value_it_was_written_from() {
        for outcome in LoadOutcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(outcome));
            assert_eq!(outcome.to_string(), outcome.as_str());
            assert_eq!(serde_json::json!(outcome), outcome.as_str());
        }
        let error = "loaded".parse::<LoadOutcome>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown LoadOutcome \"loaded\", expected one of Loaded, AlreadyLoaded, Superseded, Ignored"
        );
    }
}
