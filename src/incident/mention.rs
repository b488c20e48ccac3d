//! [`Mention`] and [`MentionRule`]: who is to be told by name, and when.

use std::fmt;
use std::str::FromStr;

use crate::observation::Kind;

/// Slack's ids have some 9 to 11 characters; longer ones are taken for mistakes.
const MAX_ID: usize = 32;

/// Somebody who is told by name, so that their phone buzzes.
///
/// In an incident's first message or a later visible one, once per incident,
/// and the same one at most once in 30 minutes unless it gets worse.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mention(Target);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Target {
    User(String),
    Group(String),
    Here,
    Channel,
}

impl Mention {
    /// A person, by the member id that their Slack profile shows (`U…` or
    /// `W…`). Checked when the configuration is built.
    #[must_use]
    pub fn user(id: impl Into<String>) -> Self {
        Mention(Target::User(id.into()))
    }

    /// A user group, by its id (`S…`): the last part of its page's address in
    /// Slack. Checked when the configuration is built.
    #[must_use]
    pub fn group(id: impl Into<String>) -> Self {
        Mention(Target::Group(id.into()))
    }

    /// Everybody in the channel who is active: `@here`.
    #[must_use]
    pub fn here() -> Self {
        Mention(Target::Here)
    }

    /// Everybody in the channel: `@channel`.
    #[must_use]
    pub fn channel() -> Self {
        Mention(Target::Channel)
    }

    /// What is wrong with its id.
    pub(crate) fn fault(&self) -> Option<String> {
        let (id, begins, what) = match &self.0 {
            Target::User(id) => (id, &['U', 'W'][..], "a member id, such as U024BE7LH"),
            Target::Group(id) => (id, &['S'][..], "a user group's id, such as S024BE7LH"),
            Target::Here | Target::Channel => return None,
        };
        let fits = id.starts_with(begins)
            && (3..=MAX_ID).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let shown: String = id.chars().take(MAX_ID).collect();
        (!fits).then(|| format!("must be {what}, and is {shown:?}"))
    }

    /// As Slack's markup has it.
    pub(crate) fn to_token(&self) -> String {
        match &self.0 {
            Target::User(id) => format!("<@{id}>"),
            Target::Group(id) => format!("<!subteam^{id}>"),
            Target::Here => "<!here>".to_owned(),
            Target::Channel => "<!channel>".to_owned(),
        }
    }
}

impl fmt::Display for Mention {
    /// `@here`, `@channel`, or `@` and the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::User(id) | Target::Group(id) => write!(f, "@{id}"),
            Target::Here => f.write_str("@here"),
            Target::Channel => f.write_str("@channel"),
        }
    }
}

impl FromStr for Mention {
    type Err = String;

    /// `here`, `channel`, a member id or a user group's id.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mention = match text {
            "here" => Mention::here(),
            "channel" => Mention::channel(),
            id if id.starts_with('S') => Mention::group(id),
            id => Mention::user(id),
        };
        match mention.fault() {
            None => Ok(mention),
            Some(_) => Err("must be here, channel, a member id (U…) or a group's id (S…)".into()),
        }
    }
}

/// When somebody is mentioned: by kind, route and count. All that is set has
/// to hold.
///
/// ```
/// use tower_slack_alert::{Kind, Mention, MentionRule};
///
/// // A thousand failures of one kind wake the shop's on-call group.
/// let rule = MentionRule::new(Mention::group("S024BE7LH")).kind(Kind::Failed).at_count(1_000);
/// # let _ = rule;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MentionRule {
    pub(crate) mention: Mention,
    kind: Option<Kind>,
    route: Option<String>,
    count: u64,
    environments: Vec<String>,
}

impl MentionRule {
    /// Mentions somebody with the first message of every incident.
    #[must_use]
    pub fn new(mention: Mention) -> Self {
        MentionRule { mention, kind: None, route: None, count: 1, environments: Vec::new() }
    }

    /// Only for this kind. [`Kind::Slow`] covers requests that hang as well.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only on the route with this template.
    #[must_use]
    pub fn route(mut self, template: impl Into<String>) -> Self {
        self.route = Some(template.into());
        self
    }

    /// Only once an incident has so many observations. Default: 1.
    #[must_use]
    pub fn at_count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Only in these environments. Default: the ones of
    /// [`mention_environments`](crate::AlertConfigBuilder::mention_environments).
    #[must_use]
    pub fn environments<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.environments = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether it is for this route alone.
    pub(crate) fn is_on(&self, template: &str) -> bool {
        self.route.as_deref() == Some(template)
    }

    /// Whether it holds in an environment; `general` are the ones of all rules.
    pub(crate) fn is_for(&self, environment: Option<&str>, general: &[String]) -> bool {
        let own = if self.environments.is_empty() { general } else { &self.environments };
        environment.is_some_and(|here| own.iter().any(|known| known == here))
    }

    pub(crate) fn fault(&self) -> Option<String> {
        let count = (self.count == 0).then(|| "must have a count of at least 1".to_owned());
        self.mention.fault().or(count)
    }

    /// Whether an incident of this kind, with so many observations, is covered.
    pub(crate) fn covers<'a>(
        &self,
        kind: Kind,
        total: u64,
        mut routes: impl Iterator<Item = &'a str>,
    ) -> bool {
        let covers = |wanted| wanted == kind || (wanted == Kind::Slow && kind == Kind::Hung);
        self.kind.is_none_or(covers)
            && total >= self.count
            && self.route.as_deref().is_none_or(|wanted| routes.any(|route| route == wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_checked_and_tokens_made() {
        for (mention, token) in [
            (Mention::user("U024BE7LH"), "<@U024BE7LH>"),
            (Mention::user("W024BE7LH"), "<@W024BE7LH>"),
            (Mention::group("S024BE7LH"), "<!subteam^S024BE7LH>"),
            (Mention::here(), "<!here>"),
            (Mention::channel(), "<!channel>"),
        ] {
            assert_eq!((mention.fault(), mention.to_token().as_str()), (None, token));
        }
        for wrong in ["", "U", "bob", "@bob", "U024BE7LH>", "u024be7lh", "U024 BE7LH"] {
            assert!(Mention::user(wrong).fault().is_some(), "{wrong:?}");
        }
        assert!(Mention::group("U024BE7LH").fault().is_some());
        assert!(MentionRule::new(Mention::here()).at_count(0).fault().is_some());
    }

    #[test]
    fn text_names_one() {
        assert_eq!("here".parse(), Ok(Mention::here()));
        assert_eq!("S024BE7LH".parse(), Ok(Mention::group("S024BE7LH")));
        assert_eq!("U024BE7LH".parse(), Ok(Mention::user("U024BE7LH")));
        assert!("everyone".parse::<Mention>().is_err());
    }

    #[test]
    fn a_rule_needs_all_that_is_set() {
        let rule = MentionRule::new(Mention::here()).kind(Kind::Failed).route("/a").at_count(10);
        let covers = |kind, total, route| rule.covers(kind, total, [route].into_iter());
        assert!(covers(Kind::Failed, 10, "/a"));
        assert!(!covers(Kind::Slow, 10, "/a"));
        assert!(!covers(Kind::Failed, 9, "/a"));
        assert!(!covers(Kind::Failed, 10, "/b"));
        assert!(!covers(Kind::Hung, 10, "/a"));
        assert!(rule.is_on("/a") && !rule.is_on("/b"));
        assert!(!MentionRule::new(Mention::here()).is_on("/a"));
        // What is hung is slow, and not the other way round.
        let slow = MentionRule::new(Mention::here()).kind(Kind::Slow);
        assert!(slow.covers(Kind::Slow, 1, [].into_iter()));
        assert!(slow.covers(Kind::Hung, 1, [].into_iter()));
        assert!(!slow.covers(Kind::Failed, 1, [].into_iter()));
        let hung = MentionRule::new(Mention::here()).kind(Kind::Hung);
        assert!(!hung.covers(Kind::Slow, 1, [].into_iter()));
    }

    proptest! {
        /// Whatever passes the check can't be more than one mention.
        #[test]
        fn an_id_that_passes_is_one_token(id in "\\PC{0,20}") {
            for mention in [Mention::user(id.clone()), Mention::group(id.clone())] {
                if mention.fault().is_none() {
                    let token = mention.to_token();
                    prop_assert_eq!(token.matches('<').count(), 1);
                    prop_assert_eq!(token.matches('>').count(), 1);
                    prop_assert!(!token.contains(['|', ' ', '\n']));
                }
            }
        }
    }
}
