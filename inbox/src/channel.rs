//! How channels are given.

/// Whether this is an id, which is what `chat.update` and the reading methods
/// want.
pub(crate) fn is_channel_id(channel: &str) -> bool {
    channel.len() > 1
        && channel.starts_with(['C', 'G', 'D'])
        && channel.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Whether this could be a channel's id or name.
pub(crate) fn is_channel(given: &str) -> bool {
    let name = given.trim_start_matches('#');
    let is_part_of_a_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().count() <= 80 && name.chars().all(is_part_of_a_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names() {
        assert!(is_channel_id("C024BE91L") && is_channel("C024BE91L"));
        assert!(!is_channel_id("alerts") && is_channel("#alerts") && is_channel("störungen"));
        assert!(!is_channel("") && !is_channel("two words") && !is_channel(&"x".repeat(81)));
    }
}
