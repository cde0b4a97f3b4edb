//! Hosts that break the harness's own rules on purpose, so that its alarms can be tried.

use std::time::Duration;

use sim::Env;

use crate::language::Misconduct;

/// What real time is looked at for.
const PAUSE: Duration = Duration::from_secs(1);

/// Behaves well for a minute, then misbehaves.
#[expect(clippy::disallowed_types, reason = "its misconduct is its purpose")]
pub(super) async fn misbehave(env: Env, misconduct: Misconduct) {
    for _ in 0..60 {
        env.sleep(PAUSE).await;
        env.probe("faulty/behaved");
    }
    match misconduct {
        Misconduct::ReadsTheRealClock => {
            let now = std::time::SystemTime::now();
            let since = now.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
            env.probe(&format!("faulty/saw-{}", since.as_nanos()));
        }
        Misconduct::Panics => panic!("a faulty host panics as it was told to"),
        Misconduct::NeverYields => loop {
            std::hint::spin_loop();
        },
        Misconduct::WaitsForItself => {
            let lock = sim::lock::Mutex::new(&env, "a lock taken twice", ());
            let _once = lock.lock().await;
            let _twice = lock.lock().await;
        }
    }
    env.sleep(PAUSE).await;
}
