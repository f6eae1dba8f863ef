//! Time that nobody sets, the same for every process of a machine.

/// Microseconds on the machine's monotonic clock. Two processes of one machine read the same clock, so the
/// facts of both can be put in order.
#[cfg(unix)]
pub fn monotonic_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let micros = u64::try_from(now.tv_nsec).unwrap_or_default() / 1_000;
    seconds.saturating_mul(1_000_000).saturating_add(micros)
}

/// Microseconds since this process first asked: elsewhere the facts of one process alone can be put in order.
#[cfg(not(unix))]
pub fn monotonic_us() -> u64 {
    static FIRST: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    u64::try_from(FIRST.elapsed().as_micros()).unwrap_or(u64::MAX)
}
