//! [`WebhookUrl`] and [`BotToken`]: secrets that can't be printed.

use std::fmt;
use std::sync::Arc;

use http::Uri;

/// An incoming webhook's URL. Who has it can post, so it prints as its host.
#[derive(Clone)]
pub(crate) struct WebhookUrl(Arc<str>);

impl WebhookUrl {
    /// Checks the URL; the error says what is wrong and not what it was.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let url = url.trim();
        let uri = endpoint(url)?;
        let path = uri.path();
        if path.starts_with("/workflows/") || path.starts_with("/triggers/") {
            return Err("is a Workflow Builder URL; create an incoming webhook instead");
        }
        if path == "/" {
            return Err("has no path; copy the whole webhook URL from Slack");
        }
        Ok(WebhookUrl(url.into()))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri: Option<Uri> = self.0.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
        write!(f, "WebhookUrl({host}/…)")
    }
}

/// A bot token. It prints as `BotToken(xoxb-…)`.
#[derive(Clone)]
pub(crate) struct BotToken(Arc<str>);

impl BotToken {
    /// Checks the token; the error says what is wrong and not what it was.
    pub(crate) fn parse(token: &str) -> Result<Self, &'static str> {
        let token = token.trim();
        if token.starts_with("xapp-") {
            return Err("is an app-level token (xapp-); use the bot token (xoxb-)");
        }
        if !token.starts_with("xox") || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("is not a Slack token; use the bot token, which begins with xoxb-");
        }
        Ok(BotToken(token.into()))
    }

    #[cfg_attr(not(feature = "__http"), expect(dead_code, reason = "leaves by HTTP only"))]
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BotToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BotToken(xoxb-…)")
    }
}

/// The base of Slack's Web API, `https://slack.com/api` unless it was set.
#[derive(Clone, Debug)]
pub(crate) struct ApiBase(Arc<str>);

impl ApiBase {
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        let url = url.trim().trim_end_matches('/');
        endpoint(url)?;
        Ok(ApiBase(url.into()))
    }

    pub(super) fn method(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }
}

impl Default for ApiBase {
    fn default() -> Self {
        ApiBase("https://slack.com/api".into())
    }
}

fn endpoint(url: &str) -> Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is not a URL")?;
    let host = uri.host().ok_or("is not a URL with a host")?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("must not have a user name or password in it");
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_loopback(host) => Ok(uri),
        Some("http") => Err("must be https (http is for loopback addresses only)"),
        _ => Err("must begin with https://"),
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_https_or_loopback() {
        let good = [
            "https://hooks.slack.com/services/T0/B0/canary77",
            " https://hooks.slack-gov.com/services/T0/B0/canary77\n",
            "http://127.0.0.1:3001/services/T0/B0/canary77",
            "http://[::1]:3001/services/T0/B0/canary77",
            "http://localhost/services/T0/B0/canary77",
        ];
        for url in good {
            let parsed = WebhookUrl::parse(url).unwrap();
            assert!(!format!("{parsed:?}").contains("canary77"));
        }
        let bad = [
            "",
            "canary77",
            "http://hooks.slack.com/services/T0/B0/canary77",
            "http://localhost.example/services/canary77",
            "ftp://hooks.slack.com/canary77",
            "https://hooks.slack.com",
            "https://hooks.slack.com/workflows/T0/canary77",
            "https://user:canary77@hooks.slack.com/services/T0/B0/x",
        ];
        for url in bad {
            let error = WebhookUrl::parse(url).unwrap_err();
            assert!(!error.contains("canary77"), "{url}");
        }
    }

    #[test]
    fn tokens_are_checked_by_shape() {
        assert!(BotToken::parse("xoxb-1-canary77").is_ok());
        assert!(BotToken::parse("xoxe.xoxb-1-canary77").is_ok());
        assert!(BotToken::parse("xapp-1-canary77").unwrap_err().contains("xoxb"));
        assert!(BotToken::parse("https://hooks.slack.com/x").is_err());
        assert!(BotToken::parse("xoxb-1 2").is_err());
        assert_eq!(format!("{:?}", BotToken::parse("xoxb-canary77").unwrap()), "BotToken(xoxb-…)");
    }
}
