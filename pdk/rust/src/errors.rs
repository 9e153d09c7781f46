//! What goes wrong, and in which line of the plugin.

use std::fmt::{self, Display};
use std::panic::Location;

/// What the server's functions and a plugin's handlers return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The server refused a call, with its `code`; or the plugin itself gave up, and `code` is empty.
///
/// Text turns into one, as do the usual errors of the standard library: `Err("it went wrong")?` is enough.
#[derive(Clone, Debug)]
pub struct Error {
    pub code: String,
    pub message: String,
    place: &'static Location<'static>,
}

impl Error {
    /// An error of the plugin's own, from text or any other error.
    #[track_caller]
    pub fn new(message: impl Display) -> Self {
        Self::refused("", message)
    }

    #[track_caller]
    pub(crate) fn refused(code: impl Into<String>, message: impl Display) -> Self {
        Self { code: code.into(), message: message.to_string(), place: Location::caller() }
    }

    /// The line of the plugin in which it came up.
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

impl Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let colon = if self.code.is_empty() { "" } else { ": " };
        write!(out, "{}{colon}{}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

// `?` calls these, and tells them where it stands.
macro_rules! from {
    ($($other:ty),*) => {$(
        impl From<$other> for Error {
            #[track_caller]
            fn from(other: $other) -> Self {
                Self::new(other)
            }
        }
    )*};
}

from!(&str, String, Box<dyn std::error::Error>, serde_json::Error, fmt::Error, std::num::ParseIntError);
from!(std::num::ParseFloatError, std::num::TryFromIntError, std::str::Utf8Error, std::string::FromUtf8Error);
