//! [`Channels`]: ids and names.

use crate::channel::is_channel_id;

/// More are not remembered by name.
const MAX_CHANNELS: usize = 1_000;

/// The channels that were posted to by name: each well-formed one exists.
#[derive(Debug, Default)]
pub(crate) struct Channels(Vec<Known>);

#[derive(Debug)]
struct Known {
    id: String,
    name: String,
}

impl Channels {
    /// The id of a channel given by name or id, if it is known.
    pub(crate) fn find(&self, given: &str) -> Option<String> {
        let name = given.trim_start_matches('#');
        let known = self.0.iter().find(|known| known.name == name);
        known.map(|known| known.id.clone()).or_else(|| is_channel_id(name).then(|| name.to_owned()))
    }

    /// The same, and makes one up for a new name.
    pub(crate) fn id_of(&mut self, given: &str) -> String {
        self.find(given).unwrap_or_else(|| {
            let name = given.trim_start_matches('#');
            let upper: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let stem = format!("C0{}", upper.to_uppercase());
            let is_free = |id: &String| self.0.iter().all(|known| known.id != *id);
            let numbered = (2..).map(|n| format!("{stem}X{n}"));
            let id = std::iter::once(stem.clone()).chain(numbered).find(is_free);
            let id = id.unwrap_or(stem);
            if self.0.len() >= MAX_CHANNELS {
                self.0.remove(0);
            }
            self.0.push(Known { id: id.clone(), name: name.to_owned() });
            id
        })
    }

    /// What people call it: its name, or its id.
    pub(crate) fn name_of(&self, id: &str) -> String {
        let known = self.0.iter().find(|known| known.id == id);
        known.map_or(id, |known| known.name.as_str()).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_an_id_of_its_own() {
        let mut channels = Channels::default();
        assert_eq!(channels.id_of("#alerts"), "C0ALERTS");
        assert_eq!(channels.id_of("C0ALERTS"), "C0ALERTS");
        assert_eq!(channels.name_of("C0ALERTS"), "alerts");
        assert_eq!(channels.id_of("shop-alerts"), "C0SHOPALERTS");
        assert_eq!(channels.id_of("shopalerts"), "C0SHOPALERTSX2");
        assert_ne!(channels.id_of("日本"), channels.id_of("中文"));
        assert_eq!(channels.find("shopalerts").as_deref(), Some("C0SHOPALERTSX2"));
        assert_eq!(channels.find("nowhere"), None);
        assert_eq!(channels.name_of("C024BE91L"), "C024BE91L");
    }
}
