//! Chances in percent, drawn from the host's entropy: equal seeds, equal luck.

use sim::Env;

/// True `percent` times in a hundred. Where nothing is left to chance, nothing is drawn.
pub(crate) fn falls(env: &Env, purpose: &str, percent: u8) -> bool {
    match percent {
        0 => false,
        1..=99 => env.random_below(purpose, 100) < u64::from(percent),
        100.. => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn never_and_always_are_certain_and_between_them_it_happens_now_and_then() {
        testing::with_env(|env| {
            let falls = |percent| (0..200).filter(|_| falls(&env, "test", percent)).count();
            assert_eq!((falls(0), falls(100)), (0, 200));
            assert!((1..200).contains(&falls(50)));
        });
    }
}
