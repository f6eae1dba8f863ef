//! Stable codes: closed sets of names that the database, the logs and the API share.
//!
//! **Invariant:** a code's `snake_case` spelling never changes once released; rows hold it.

/// Declares an enum with a stable `snake_case` name for each variant: `ALL`, `as_str` and `from_str`.
#[macro_export]
macro_rules! codes {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$item_meta:meta])* $item:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name { $($(#[$item_meta])* $item,)+ }

        impl $name {
            /// Every variant, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$item,)+];

            /// The stable name, as rows and logs spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $text,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::code::UnknownCode;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$item),)+
                    _ => Err($crate::code::UnknownCode { kind: stringify!($name), text: text.to_owned() }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// A name that is none of the set's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}")]
pub struct UnknownCode {
    /// The set that was expected.
    pub kind: &'static str,
    /// What was found.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use crate::{campaign::CampaignStatus, message::MessageState, reason::*};

    /// Every code reads back as itself.
    #[test]
    fn names_round_trip() {
        for status in CampaignStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
        for state in MessageState::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
        for reason in MessageReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        for reason in StatusReason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        assert!("nonsense".parse::<CampaignStatus>().is_err());
    }
}
