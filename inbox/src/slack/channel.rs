//! Channels: every well-formed one exists.

/// The id of a channel given by id or name.
pub(crate) fn id_of(channel: &str) -> Option<String> {
    let name = channel.trim_start_matches('#');
    if is_id(name) {
        return Some(name.to_owned());
    }
    let is_name = !name.is_empty()
        && name.chars().count() <= 80
        && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    is_name.then(|| {
        let upper: String =
            name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
        format!("C0{upper}")
    })
}

/// Whether this is an id, which is what `chat.update` and the reading methods
/// want.
pub(crate) fn is_id(channel: &str) -> bool {
    channel.len() > 1
        && channel.starts_with(['C', 'G', 'D'])
        && channel.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// What people call it: the name it was posted to by, or its id.
pub(crate) fn name_of(channel: &str) -> String {
    channel.trim_start_matches('#').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names() {
        assert_eq!(id_of("C024BE91L").as_deref(), Some("C024BE91L"));
        assert_eq!(id_of("#alerts").as_deref(), Some("C0ALERTS"));
        assert_eq!(id_of("shop-alerts").as_deref(), Some("C0SHOPALERTS"));
        assert_eq!(id_of(""), None);
        assert_eq!(id_of("two words"), None);
        assert!(is_id("C0ALERTS") && !is_id("alerts"));
    }
}
