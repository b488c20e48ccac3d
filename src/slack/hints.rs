//! What to do about a fault, in a sentence.

/// What to do about a fault with this code, if that is known.
pub(crate) fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "no_service" | "no_active_hooks" | "no_service_id" | "invalid_token" | "status_404" => {
            "create a new incoming webhook and set its URL"
        }
        "not_authed" | "invalid_auth" | "token_revoked" | "token_expired" | "account_inactive" => {
            "reinstall the app and set its bot token"
        }
        "missing_scope" => "give the bot the scope chat:write and reinstall the app",
        "not_in_channel" => "invite the bot: say /invite @your-app in the channel",
        "channel_not_found" => "check the channel's id, and invite the bot if it is private",
        "channel_is_archived" | "is_archived" => "unarchive the channel, or set another one",
        "action_prohibited" | "restricted_action" | "posting_to_general_channel_denied" => {
            "ask an administrator of the workspace, or set another channel"
        }
        "redirected" | "unexpected_body" => {
            "something other than Slack answers there: check the URL and the proxy"
        }
        "no_http_client" => "see the fault above",
        "tls" => "check the certificates of the machine and of its proxy",
        "dns" => "check the machine's name resolution",
        "connect_timeout" | "connection_refused" | "connect" => {
            "check the network, the firewall and the proxy"
        }
        _ => return None,
    })
}

/// A code with what to do about it.
pub(crate) fn explained(code: &str) -> String {
    match hint(code) {
        Some(hint) => format!("{code}: {hint}"),
        None => code.to_owned(),
    }
}
