//! Between a plugin and the server: exports, calls in both directions, and what a panic leaves behind.

use std::panic;
use std::sync::Once;

use extism_pdk::{Memory, extism};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Error, Response, Result};

/// Lets the server call functions of the plugin: `export!(handle_event, greet);`.
///
/// Each takes an [`Event`](crate::Event) or an [`Invocation`](crate::Invocation), and returns a `Result` of nothing, text,
/// lines or a [`Response`].
#[macro_export]
macro_rules! export {
    ($($name:ident),* $(,)?) => {$(
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> i32 {
                $crate::glue::run(self::$name)
            }
        };
    )*};
}

// The functions of the server: what each takes and gives, and the texts that cross over.
macro_rules! server {
    ($($(#[$about:meta])* pub fn $name:ident($($arg:ident: $type:ty),*) -> $value:ty { $($text:expr),* })*) => {$(
        $(#[$about])*
        #[track_caller]
        pub fn $name($($arg: $type),*) -> Result<$value> {
            #[link(wasm_import_module = "extism:host/user")]
            unsafe extern "C" {
                #[link_name = concat!("holomush_", stringify!($name))]
                fn host($(_: glue::server!(@address $text)),*) -> u64;
            }
            // SAFETY: the server takes addresses of texts in Extism's memory, and gives one back.
            glue::answer(stringify!($name), unsafe { host($(glue::block(&$text.to_string())),*) })
        }
    )*};
    (@address $text:expr) => { u64 };
}
pub(crate) use server;

/// Runs a handler on the input of this call; 1 if it failed, with the error set.
pub fn run<I: DeserializeOwned, O: Into<Response>>(handler: fn(I) -> Result<O>) -> i32 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
            let place = info.location().map_or(String::new(), |place| format!("{place}: "));
            fail(&format!("{place}{}", text.unwrap_or("panic")));
        }));
    });
    match answer_of(handler) {
        Ok(()) => 0,
        Err(error) => {
            fail(&format!("{}: {error}", error.place()));
            1
        }
    }
}

fn answer_of<I: DeserializeOwned, O: Into<Response>>(handler: fn(I) -> Result<O>) -> Result<()> {
    let input = extism_pdk::input_bytes();
    let input = if input.is_empty() { b"null" } else { input.as_slice() }; // as for init
    let response: Response = handler(serde_json::from_slice(input)?)?.into();
    let output = serde_json::to_vec(&response)?;
    Memory::from_bytes(output).map_err(Error::new)?.set_output();
    Ok(())
}

fn fail(text: &str) {
    // SAFETY: the address is that of a text in Extism's memory.
    unsafe { extism::error_set(block(text)) };
}

/// The address of a text in Extism's memory, which is erased before the next call.
pub(crate) fn block(text: &str) -> u64 {
    Memory::from_bytes(text).map_or(0, |memory| memory.offset())
}

#[derive(Deserialize)]
struct Envelope<T> {
    value: Option<T>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
}

#[track_caller]
pub(crate) fn answer<T: DeserializeOwned>(function: &str, address: u64) -> Result<T> {
    let Some(memory) = Memory::find(address) else {
        return Err(Error::refused("unavailable", format!("the server has given up {function}")));
    };
    let envelope: Envelope<T> = serde_json::from_slice(&memory.to_vec())?;
    match (envelope.error, envelope.value) {
        (Some(refusal), _) => Err(Error::refused(refusal.code, refusal.message)),
        (None, Some(value)) => Ok(value),
        (None, None) => Ok(serde_json::from_str("null")?), // nothing, as T has it
    }
}

pub(crate) fn log(level: &str, message: &str) {
    #[link(wasm_import_module = "extism:host/user")]
    unsafe extern "C" {
        fn holomush_log(level: u64, message: u64);
    }
    // SAFETY: as above; this one gives nothing back.
    unsafe { holomush_log(block(level), block(message)) };
}
