//! Catches panics with their message and place, and keeps them off the terminal.

use std::{
    any::Any,
    cell::RefCell,
    panic::{self, PanicHookInfo},
    sync::Once,
};

thread_local! {
    /// Some while a task runs; then the hook writes here instead of the terminal.
    static CAPTURED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`, which catches its own unwinding, and turns a panic into its message and place.
pub(super) fn captured<T>(work: impl FnOnce() -> Result<T, Box<dyn Any + Send>>) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let capturing =
                CAPTURED.with_borrow_mut(|slot| slot.as_mut().map(|message| *message = in_words(info)).is_some());
            if !capturing {
                before(info);
            }
        }));
    });
    CAPTURED.set(Some(String::new()));
    let outcome = work();
    let message = CAPTURED.take().unwrap_or_default();
    outcome.map_err(|_| message)
}

fn in_words(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("a panic without a message");
    match info.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message.to_owned(),
    }
}
