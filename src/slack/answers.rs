//! What Slack's answers mean: one table for statuses and error strings.

use std::time::SystemTime;

use serde_json::Value;

use crate::delivery::{DeliveryError, Receipt, retry_after};
use crate::incident::MessageRef;

use super::http_client::Answer;

/// Whose answer it is: the two speak differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    /// An incoming webhook: a plain word and a meaningful status.
    Webhook,
    /// The Web API: JSON, and 200 for almost everything.
    Api,
}

/// What an error string means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Wait, then go on.
    Throttled,
    /// May work next time.
    Transient,
    /// May have worked all the same.
    Unknown,
    /// This message is not wanted.
    Refused,
    /// Nothing works until somebody mends the configuration.
    Revoked,
    /// The message to edit or reply to is gone.
    Stale,
}

use Meaning::{Refused, Revoked, Stale, Throttled, Transient, Unknown};

/// Error strings of webhooks and of `chat.postMessage` and `chat.update`, as
/// Slack documents them or as they were seen. A string the table does not know
/// refuses this one message.
const TABLE: &[(&str, Meaning)] = &[
    ("ratelimited", Throttled),
    ("rate_limited", Throttled),
    // The plan's quota of messages is used up; it comes back slowly.
    ("message_limit_exceeded", Revoked),
    ("rollup_error", Transient),
    ("service_unavailable", Transient),
    ("request_timeout", Transient),
    ("team_added_to_org", Transient),
    ("external_channel_migrating", Transient),
    ("update_failed", Transient),
    ("internal_error", Unknown),
    ("fatal_error", Unknown),
    ("invalid_payload", Refused),
    ("no_text", Refused),
    ("missing_text_or_fallback_or_attachments", Refused),
    ("invalid_blocks", Refused),
    ("invalid_blocks_format", Refused),
    ("invalid_attachments", Refused),
    ("too_many_attachments", Refused),
    ("attachment_payload_limit_exceeded", Refused),
    ("msg_too_long", Refused),
    ("msg_blocks_too_long", Refused),
    ("invalid_metadata_format", Refused),
    ("invalid_metadata_schema", Refused),
    ("metadata_too_large", Refused),
    ("metadata_must_be_sent_from_app", Refused),
    ("markdown_text_conflict", Refused),
    ("invalid_arguments", Refused),
    ("invalid_arg_name", Refused),
    ("invalid_array_arg", Refused),
    ("invalid_charset", Refused),
    ("invalid_form_data", Refused),
    ("invalid_json", Refused),
    ("json_not_object", Refused),
    ("invalid_post_type", Refused),
    ("missing_post_type", Refused),
    ("block_mismatch", Stale),
    ("message_not_found", Stale),
    ("cant_update_message", Stale),
    ("edit_window_closed", Stale),
    ("streaming_state_conflict", Stale),
    ("cannot_reply_to_message", Stale),
    ("thread_not_found", Stale),
    ("restricted_action_thread_locked", Stale),
    ("restricted_action_non_threadable_channel", Stale),
    ("user_not_found", Revoked),
    ("channel_not_found", Revoked),
    ("channel_is_archived", Revoked),
    ("action_prohibited", Revoked),
    ("posting_to_general_channel_denied", Revoked),
    ("no_service", Revoked),
    ("no_service_id", Revoked),
    ("no_active_hooks", Revoked),
    ("no_team", Revoked),
    ("team_disabled", Revoked),
    ("invalid_token", Revoked),
    ("not_authed", Revoked),
    ("invalid_auth", Revoked),
    ("account_inactive", Revoked),
    ("token_revoked", Revoked),
    ("token_expired", Revoked),
    ("missing_scope", Revoked),
    ("not_allowed_token_type", Revoked),
    ("no_permission", Revoked),
    ("access_denied", Revoked),
    ("accesslimited", Revoked),
    ("app_access_restricted", Revoked),
    ("org_login_required", Revoked),
    ("ekm_access_denied", Revoked),
    ("enterprise_is_restricted", Revoked),
    ("team_access_not_granted", Revoked),
    ("team_not_found", Revoked),
    ("two_factor_setup_required", Revoked),
    ("not_in_channel", Revoked),
    ("is_archived", Revoked),
    ("is_inactive", Revoked),
    ("is_bot", Revoked),
    ("restricted_action", Revoked),
    ("restricted_action_read_only_channel", Revoked),
    ("restricted_action_thread_only_channel", Revoked),
    ("messages_tab_disabled", Revoked),
    ("method_deprecated", Revoked),
    ("deprecated_endpoint", Revoked),
    ("unknown_method", Revoked),
    ("as_user_not_supported", Revoked),
];

/// How a yes of the Web API begins.
const YES: &[u8] = b"{\"ok\":true,";

/// Reads an answer to a message.
pub(super) fn read(
    speaker: Speaker,
    answer: &Answer,
    now: SystemTime,
) -> Result<Receipt, DeliveryError> {
    let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if answer.status == 429 {
        return Err(throttled(answer, json.as_ref(), now));
    }
    if (300..400).contains(&answer.status) {
        // Never followed: it would take the message, or the token, elsewhere.
        return Err(DeliveryError::revoked().because("redirected"));
    }
    match (speaker, &json) {
        (Speaker::Webhook, _) if answer.status == 200 && trimmed(&answer.body) == b"ok" => {
            Ok(Receipt::new())
        }
        (Speaker::Api, Some(json)) if answer.status == 200 && json["ok"] == true => {
            Ok(receipt(json))
        }
        // Slack echoes the message, so a yes may be longer than what is read.
        (Speaker::Api, None) if answer.status == 200 && answer.body.starts_with(YES) => {
            Ok(receipt(&Value::Object(beginning(&answer.body))))
        }
        _ => Err(refusal(speaker, answer, json.as_ref(), now)),
    }
}

/// Reads the answer to an empty message, whose refusal proves a live hook.
pub(super) fn read_webhook_check(answer: &Answer, now: SystemTime) -> Result<(), DeliveryError> {
    const ALIVE: [&str; 4] =
        ["no_text", "missing_text_or_fallback_or_attachments", "invalid_payload", "no_payload"];
    match error_string(answer, None) {
        Some(word) if ALIVE.contains(&word.as_str()) => Ok(()),
        _ => read(Speaker::Webhook, answer, now).map(|_| ()),
    }
}

fn refusal(
    speaker: Speaker,
    answer: &Answer,
    json: Option<&Value>,
    now: SystemTime,
) -> DeliveryError {
    let word = error_string(answer, json);
    let known = word.as_deref().and_then(meaning);
    let Some(meaning) = known else {
        // A webhook's yes is `ok`; any other 200 is not Slack's.
        let word = word.filter(|_| speaker == Speaker::Api || answer.status >= 300);
        return by_status(answer.status, word.as_deref());
    };
    let error = match meaning {
        Throttled => return throttled(answer, json, now),
        Transient => DeliveryError::transient(),
        Unknown => DeliveryError::unknown_outcome(),
        Refused => DeliveryError::refused(),
        Revoked => DeliveryError::revoked(),
        Stale => DeliveryError::stale_ref(),
    };
    error.because(word.as_deref().unwrap_or_default())
}

/// What a status means when the answer's words say nothing.
fn by_status(status: u16, word: Option<&str>) -> DeliveryError {
    let error = match status {
        // Somebody else answers here: a login page, a proxy, a wrong URL.
        // Sending on would flood them.
        200..300 if word.is_none() || word == Some("ok") => {
            return DeliveryError::revoked().because("unexpected_body");
        }
        408 | 425 | 500.. | ..200 => DeliveryError::transient(),
        401 | 403 | 404 | 407 | 410 => DeliveryError::revoked(),
        _ => DeliveryError::refused(),
    };
    error.because(word.unwrap_or(&format!("status_{status}")))
}

fn throttled(answer: &Answer, json: Option<&Value>, now: SystemTime) -> DeliveryError {
    let header = answer.retry_after.as_deref().and_then(|value| retry_after(value, now));
    let body = || {
        let said = &json?["retry_after"];
        retry_after(said.to_string().trim_matches('"').as_bytes(), now)
    };
    DeliveryError::rate_limited(header.or_else(body))
}

fn receipt(json: &Value) -> Receipt {
    match (json["channel"].as_str(), json["ts"].as_str()) {
        (Some(channel), Some(ts)) => Receipt::with_reference(MessageRef::new(channel, ts)),
        _ => Receipt::new(),
    }
}

/// The string fields before the echoed message.
fn beginning(body: &[u8]) -> serde_json::Map<String, Value> {
    let text = String::from_utf8_lossy(body);
    let head = text.split("\"message\":").next().unwrap_or_default();
    let field = |name: &str| {
        let (_, value) = head.split_once(&format!("\"{name}\":\""))?;
        Some((name.to_owned(), Value::from(value.split('"').next()?)))
    };
    ["channel", "ts"].into_iter().filter_map(field).collect()
}

fn meaning(word: &str) -> Option<Meaning> {
    TABLE.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
}

/// The answer's error word: a JSON `error`, or a body that is one word.
fn error_string(answer: &Answer, json: Option<&Value>) -> Option<String> {
    let word = match json.and_then(|json| json["error"].as_str()) {
        Some(word) => word.to_owned(),
        None => std::str::from_utf8(trimmed(&answer.body)).ok()?.to_owned(),
    };
    let is_word = !word.is_empty()
        && word.len() <= 64
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    is_word.then_some(word)
}

fn trimmed(body: &[u8]) -> &[u8] {
    body.trim_ascii()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::delivery::Class;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: body.as_bytes().to_vec() }
    }

    fn class(speaker: Speaker, answer: &Answer) -> Option<Class> {
        read(speaker, answer, SystemTime::UNIX_EPOCH).err().map(|error| error.class())
    }

    fn expected(meaning: Meaning) -> Class {
        match meaning {
            Throttled => Class::RateLimited(None),
            Transient => Class::Transient,
            Unknown => Class::UnknownOutcome,
            Refused => Class::Refused,
            Revoked => Class::Revoked,
            Stale => Class::StaleRef,
        }
    }

    #[test]
    fn only_these_are_deliveries() {
        assert_eq!(class(Speaker::Webhook, &answer(200, "ok")), None);
        assert_eq!(class(Speaker::Webhook, &answer(200, "ok\n")), None);
        let posted = answer(200, r#"{"ok":true,"channel":"C1","ts":"1.2","warning":"x"}"#);
        let receipt = read(Speaker::Api, &posted, SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(receipt.reference(), Some(&MessageRef::new("C1", "1.2")));

        for body in ["", "OK", "okay", "<html>log in</html>", r#"{"ok":true}"#] {
            assert_eq!(class(Speaker::Webhook, &answer(200, body)), Some(Class::Revoked), "{body}");
        }
        for body in ["", "ok", r#"{"ok":tr"#, "<html>log in</html>"] {
            assert_eq!(class(Speaker::Api, &answer(200, body)), Some(Class::Revoked), "{body}");
        }
        let long = format!(
            r#"{{"ok":true,"channel":"C1","ts":"1.2","message":{{"text":"{}"#,
            "x".repeat(20_000)
        );
        let receipt = read(Speaker::Api, &answer(200, &long), SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(receipt.reference(), Some(&MessageRef::new("C1", "1.2")));
        assert_eq!(class(Speaker::Api, &answer(200, r#"{"ok":"true"}"#)), Some(Class::Revoked));
    }

    #[test]
    fn every_documented_string_row_by_row() {
        for (word, meaning) in TABLE {
            let api = answer(200, &format!(r#"{{"ok":false,"error":"{word}"}}"#));
            assert_eq!(class(Speaker::Api, &api), Some(expected(*meaning)), "{word}");
            // The string decides, whatever the status: a webhook's
            // `invalid_token` comes as 400 and as 403.
            for status in [200, 400, 403, 404, 410, 500] {
                let webhook = answer(status, word);
                assert_eq!(class(Speaker::Webhook, &webhook), Some(expected(*meaning)), "{word}");
            }
        }
        let mut words: Vec<&str> = TABLE.iter().map(|(word, _)| *word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), TABLE.len());
    }

    /// Slack's documentation by class, written down apart from the table.
    const DOCUMENTED: [(&str, Class); 6] = [
        ("ratelimited rate_limited", Class::RateLimited(None)),
        (
            "rollup_error service_unavailable request_timeout team_added_to_org \
             external_channel_migrating update_failed",
            Class::Transient,
        ),
        ("internal_error fatal_error", Class::UnknownOutcome),
        (
            "invalid_payload no_text missing_text_or_fallback_or_attachments invalid_blocks \
             invalid_blocks_format invalid_attachments too_many_attachments msg_too_long \
             msg_blocks_too_long attachment_payload_limit_exceeded invalid_metadata_format \
             invalid_metadata_schema metadata_too_large metadata_must_be_sent_from_app \
             markdown_text_conflict invalid_arguments invalid_arg_name invalid_array_arg \
             invalid_charset invalid_form_data invalid_json json_not_object invalid_post_type \
             missing_post_type",
            Class::Refused,
        ),
        (
            "message_not_found cant_update_message edit_window_closed streaming_state_conflict \
             block_mismatch cannot_reply_to_message restricted_action_thread_locked \
             restricted_action_non_threadable_channel thread_not_found",
            Class::StaleRef,
        ),
        (
            "user_not_found channel_not_found channel_is_archived action_prohibited \
             posting_to_general_channel_denied no_service no_active_hooks no_service_id no_team \
             team_disabled invalid_token not_authed invalid_auth account_inactive token_revoked \
             token_expired missing_scope not_allowed_token_type no_permission access_denied \
             accesslimited app_access_restricted org_login_required ekm_access_denied \
             enterprise_is_restricted team_access_not_granted team_not_found \
             two_factor_setup_required not_in_channel is_archived is_inactive is_bot \
             restricted_action restricted_action_read_only_channel \
             restricted_action_thread_only_channel messages_tab_disabled method_deprecated \
             deprecated_endpoint unknown_method as_user_not_supported message_limit_exceeded",
            Class::Revoked,
        ),
    ];

    #[test]
    fn the_table_holds_what_slack_documents_and_nothing_else() {
        let mut documented = 0;
        for (words, expected) in DOCUMENTED {
            for word in words.split_whitespace() {
                let api = answer(200, &format!(r#"{{"ok":false,"error":"{word}"}}"#));
                assert_eq!(class(Speaker::Api, &api), Some(expected), "{word}");
                documented += 1;
            }
        }
        assert_eq!(documented, TABLE.len());
    }

    #[test]
    fn every_status_row_by_row() {
        for status in 100..=599 {
            let expected = match status {
                100..=199 | 408 | 425 | 500..=599 => Class::Transient,
                200..=399 | 401 | 403 | 404 | 407 | 410 => Class::Revoked,
                429 => Class::RateLimited(None),
                _ => Class::Refused,
            };
            let html = answer(status, "<html>error</html>");
            assert_eq!(class(Speaker::Webhook, &html), Some(expected), "{status}");
            if status != 200 {
                assert_eq!(class(Speaker::Api, &html), Some(expected), "{status}");
            }
        }
    }

    #[test]
    fn an_unknown_string_refuses_the_one_message() {
        let api = answer(200, r#"{"ok":false,"error":"something_new"}"#);
        let error = read(Speaker::Api, &api, SystemTime::UNIX_EPOCH).unwrap_err();
        assert_eq!((error.class(), error.code()), (Class::Refused, "something_new"));
        assert_eq!(class(Speaker::Webhook, &answer(400, "something_new")), Some(Class::Refused));
    }

    #[test]
    fn retry_after_comes_from_the_header_then_the_body() {
        let mut throttled = answer(429, r#"{"retry_after":1,"ok":false,"error":"rate_limited"}"#);
        let wait = |answer: &Answer| match class(Speaker::Webhook, answer) {
            Some(Class::RateLimited(wait)) => wait,
            other => panic!("{other:?}"),
        };
        assert_eq!(wait(&throttled), Some(Duration::from_secs(1)));
        throttled.retry_after = Some(b"30".to_vec());
        assert_eq!(wait(&throttled), Some(Duration::from_secs(30)));
        throttled.retry_after = Some(b"junk".to_vec());
        assert_eq!(wait(&throttled), Some(Duration::from_secs(1)));
        throttled.body = b"slow down".to_vec();
        assert_eq!(wait(&throttled), None);
    }

    #[test]
    fn a_live_webhook_refuses_the_empty_message() {
        let check =
            |status, body| read_webhook_check(&answer(status, body), SystemTime::UNIX_EPOCH);
        assert_eq!(check(400, "no_text"), Ok(()));
        assert_eq!(check(500, "missing_text_or_fallback_or_attachments"), Ok(()));
        assert_eq!(check(404, "no_service").unwrap_err().class(), Class::Revoked);
        assert_eq!(check(302, "").unwrap_err().class(), Class::Revoked);
        assert_eq!(check(503, "").unwrap_err().class(), Class::Transient);
    }

    proptest! {
        #[test]
        fn any_answer_is_understood_without_keeping_its_text(
            status in 0u16..1000,
            body in proptest::collection::vec(any::<u8>(), 0..200),
            header in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        ) {
            let answer = Answer { status, retry_after: header, body };
            for speaker in [Speaker::Webhook, Speaker::Api] {
                if let Err(error) = read(speaker, &answer, SystemTime::UNIX_EPOCH) {
                    prop_assert!(error.code().len() <= 64);
                    prop_assert!(error.code().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
                }
            }
        }
    }
}
