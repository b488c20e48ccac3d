//! What is said of many measurements.

/// Median, lowest, highest.
pub fn spread(all: &mut [f64]) -> [f64; 3] {
    all.sort_by(f64::total_cmp);
    [all.len() / 2, 0, all.len().saturating_sub(1)]
        .map(|at| all.get(at).copied().unwrap_or(f64::NAN))
}
