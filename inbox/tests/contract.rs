//! What the inbox answers, row by row of Slack's limits and errors: those that
//! a client can provoke, and those that a workspace's state brings, as faults.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use slack_inbox::{Fault, Inbox};

struct Slack {
    inbox: Inbox,
    client: Client,
}

impl Slack {
    async fn start() -> Self {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
        Slack { inbox: Inbox::start().await.unwrap(), client }
    }

    /// A webhook's answer: status and body.
    async fn hook(&self, payload: &Value) -> (u16, String) {
        read(self.client.post(self.inbox.webhook_url()).json(payload).send().await.unwrap()).await
    }

    async fn raw_hook(&self, path: &str, kind: &str, body: &'static str) -> (u16, String) {
        let url = format!("http://{}{path}", self.inbox.address());
        let request = self.client.post(url).header("content-type", kind).body(body);
        read(request.send().await.unwrap()).await
    }

    /// A bot's answer to JSON.
    async fn call(&self, method: &str, arguments: Value) -> Value {
        let response = self.api(method).json(&arguments).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    async fn error(&self, method: &str, arguments: Value) -> String {
        let answer = self.call(method, arguments).await;
        assert_eq!(answer["ok"], false, "{answer}");
        answer["error"].as_str().unwrap().to_owned()
    }

    async fn post(&self, arguments: Value) -> Value {
        let answer = self.call("chat.postMessage", arguments).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer
    }

    fn api(&self, method: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/{method}", self.inbox.api_url());
        self.client.post(url).bearer_auth("xoxb-1")
    }

    /// The body of a request that is sent as it is.
    async fn raw(&self, request: reqwest::RequestBuilder) -> Value {
        request.send().await.unwrap().json().await.unwrap()
    }

    fn own(&self, path: &str) -> String {
        format!("http://{}{path}", self.inbox.address())
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(self.own(path)).send().await.unwrap().json().await.unwrap()
    }
}

async fn read(response: Response) -> (u16, String) {
    (response.status().as_u16(), response.text().await.unwrap())
}

fn mrkdwn(n: usize) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x".repeat(n) } })
}

fn dividers(n: usize) -> Vec<Value> {
    vec![json!({ "type": "divider" }); n]
}

const HOOK: &str = "/services/T0LOCAL/B0LOCAL/local";

#[tokio::test]
async fn webhooks_take_json_and_forms() {
    let slack = Slack::start().await;
    assert_eq!(slack.hook(&json!({ "text": "a" })).await, (200, "ok".to_owned()));
    let form = "payload=%7B%22text%22%3A+%22b+%26+c%22%7D";
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(slack.raw_hook(HOOK, kind, form).await, (200, "ok".to_owned()));
    let texts: Vec<String> =
        slack.inbox.messages().iter().map(slack_inbox::Message::text).collect();
    assert_eq!(texts, ["a", "b & c"]);
    let response = slack.client.post(slack.inbox.webhook_url()).json(&json!({ "text": "a" }));
    let response = response.send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/"));
}

#[tokio::test]
async fn what_webhooks_refuse_of_a_payload() {
    let slack = Slack::start().await;
    let refused = |error: &str| (400, error.to_owned());
    let json = "application/json";
    for body in ["", "{", "[]", "\"text\"", "7", "{\"text\": 7}"] {
        assert_eq!(slack.raw_hook(HOOK, json, body).await, refused("invalid_payload"), "{body}");
    }
    let form = "application/x-www-form-urlencoded";
    assert_eq!(slack.raw_hook(HOOK, form, "{\"text\": \"a\"}").await, refused("invalid_payload"));
    for nothing in [json!({}), json!({ "text": "" }), json!({ "text": null, "blocks": [] })] {
        assert_eq!(slack.hook(&nothing).await, refused("no_text"), "{nothing}");
    }
    let rows = [
        (json!({ "attachments": [{}] }), "missing_text_or_fallback_or_attachments"),
        (json!({ "blocks": "no list" }), "invalid_blocks_format"),
        (json!({ "blocks": [{ "type": "alert" }] }), "invalid_blocks"),
        (json!({ "blocks": dividers(51) }), "invalid_blocks"),
        (json!({ "blocks": [{ "type": "markdown", "text": "a" }] }), "invalid_blocks"),
        (json!({ "text": "a", "attachments": 7 }), "invalid_attachments"),
        (json!({ "text": "a", "attachments": ["b"] }), "invalid_attachments"),
        (json!({ "attachments": [{ "blocks": dividers(21) }] }), "invalid_attachments"),
        (json!({ "attachments": [{ "text": "a", "blocks": dividers(1) }] }), "invalid_attachments"),
        (json!({ "attachments": vec![json!({ "text": "a" }); 101] }), "too_many_attachments"),
        (json!({ "text": "a", "blocks": vec![mrkdwn(2_900); 5] }), "msg_blocks_too_long"),
    ];
    for (payload, error) in rows {
        assert_eq!(slack.hook(&payload).await, refused(error), "{payload}");
    }
    // Blocks that webhooks do take: rich text, too.
    let rich = json!({ "blocks": [{ "type": "rich_text", "elements": [
        { "type": "rich_text_section", "elements": [{ "type": "text", "text": "a" }] }] }] });
    assert_eq!(slack.hook(&rich).await.0, 200);
    assert_eq!(slack.inbox.messages().len(), 1);
}

#[tokio::test]
async fn urls_that_are_no_hook() {
    let slack = Slack::start().await;
    let json = "application/json";
    for path in ["/services/T0/B0", "/services/T0/B0/x/y", "/services/T0"] {
        let answer = slack.raw_hook(path, json, "{\"text\": \"a\"}").await;
        assert_eq!(answer, (404, "no_service_id".to_owned()), "{path}");
    }
    // Each hook has its channel.
    assert_eq!(slack.raw_hook("/services/T1/B1/s", json, "{\"text\": \"a\"}").await.0, 200);
    slack.hook(&json!({ "text": "b" })).await;
    let messages = slack.inbox.messages();
    assert_ne!(messages[0].channel(), messages[1].channel());
    let found = slack.get(&format!("/messages?channel={}", messages[0].channel())).await;
    assert_eq!(found.as_array().unwrap().len(), 1);
}

/// What a hook's state brings, with the status of each.
#[tokio::test]
async fn what_becomes_of_hooks_is_played() {
    let slack = Slack::start().await;
    let rows = [
        ("invalid_payload", 400),
        ("user_not_found", 400),
        ("channel_not_found", 404),
        ("channel_is_archived", 410),
        ("action_prohibited", 403),
        ("posting_to_general_channel_denied", 403),
        ("no_service", 404),
        ("no_active_hooks", 404),
        ("no_service_id", 404),
        ("no_team", 404),
        ("team_disabled", 404),
        ("invalid_token", 403),
        ("rollup_error", 500),
    ];
    for (error, status) in rows {
        slack.inbox.fault_times(Fault::Error(error.to_owned()), 1);
        assert_eq!(slack.hook(&json!({ "text": "a" })).await, (status, error.to_owned()));
    }
    slack.inbox.fault_times(Fault::Revoked, 1);
    assert_eq!(slack.hook(&json!({ "text": "a" })).await, (403, "invalid_token".to_owned()));
    slack.inbox.fault_times(Fault::Archived, 1);
    assert_eq!(slack.hook(&json!({ "text": "a" })).await, (410, "channel_is_archived".to_owned()));
    slack.inbox.fault_times(Fault::RateLimited(Some("1".to_owned())), 1);
    let limited = slack.client.post(slack.inbox.webhook_url()).json(&json!({ "text": "a" }));
    let limited = limited.send().await.unwrap();
    assert_eq!(
        (limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()),
        (429, "1")
    );
    let body: Value = limited.json().await.unwrap();
    assert_eq!(body, json!({ "ok": false, "error": "rate_limited", "retry_after": 1 }));
    // After so many, all is well.
    assert_eq!(slack.hook(&json!({ "text": "a" })).await.0, 200);
}

#[tokio::test]
async fn a_token_is_asked_for() {
    let slack = Slack::start().await;
    let url = format!("{}/auth.test", slack.inbox.api_url());
    let rows = [
        (None, "not_authed"),
        (Some("Bearer "), "not_authed"),
        (Some("Bearer nonsense"), "invalid_auth"),
        (Some("Basic eA=="), "not_authed"),
        (Some("Bearer xapp-1"), "not_allowed_token_type"),
    ];
    for (header, error) in rows {
        let mut request = slack.client.post(&url);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        assert_eq!(slack.raw(request).await["error"], error, "{header:?}");
    }
    for token in ["xoxb-1", "xoxe.xoxb-1-rotated"] {
        let answer = slack.raw(slack.client.post(&url).bearer_auth(token)).await;
        assert_eq!((&answer["ok"], &answer["team_id"]), (&json!(true), &json!("T0LOCAL")));
        assert!(answer["user_id"].is_string() && answer["bot_id"].is_string(), "{answer}");
    }
    // In a form the token may be in the body; with JSON it has to be a header.
    let form = slack.client.post(&url).form(&[("token", "xoxb-1")]);
    assert_eq!(slack.raw(form).await["ok"], true);
    let json = slack.client.post(&url).json(&json!({ "token": "xoxb-1" }));
    assert_eq!(slack.raw(json).await["error"], "not_authed");
}

#[tokio::test]
async fn what_the_web_api_refuses_of_a_request() {
    let slack = Slack::start().await;
    let body = |kind: &str, body: &'static str| {
        slack.api("chat.postMessage").header("content-type", kind).body(body)
    };
    let rows = [
        ("application/json", "{", "invalid_json"),
        ("application/json", "[]", "json_not_object"),
        ("application/json; charset=ascii", "{}", "invalid_charset"),
        ("application/xml", "{}", "invalid_post_type"),
    ];
    for (kind, text, error) in rows {
        assert_eq!(slack.raw(body(kind, text)).await["error"], error, "{kind} {text}");
    }
    let none = slack.api("chat.postMessage").body("{}");
    assert_eq!(slack.raw(none).await["error"], "missing_post_type");
    let broken =
        slack.api("chat.postMessage").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(slack.raw(broken.body(vec![0xff, 0xfe])).await["error"], "invalid_form_data");
    assert_eq!(slack.error("chat.delete", json!({})).await, "unknown_method");
    // JSON without a charset is taken, with a word about it.
    let answer = slack.raw(body("application/json", "{\"channel\": \"a\", \"text\": \"b\"}")).await;
    assert_eq!((&answer["ok"], &answer["warning"]), (&json!(true), &json!("missing_charset")));
    assert_eq!(answer["response_metadata"]["warnings"], json!(["missing_charset"]));
    // A form does too, with JSON inside.
    let form = [("channel", "alerts"), ("attachments", "[{\"text\": \"a\"}]")];
    assert_eq!(slack.raw(slack.api("chat.postMessage").form(&form)).await["ok"], true);
    assert_eq!(slack.inbox.messages()[1].payload()["attachments"], json!([{ "text": "a" }]));
}

#[tokio::test]
async fn what_the_web_api_refuses_of_a_message() {
    let slack = Slack::start().await;
    let rows = [
        (json!({ "text": "a" }), "channel_not_found"),
        (json!({ "channel": "two words", "text": "a" }), "channel_not_found"),
        (json!({ "channel": "a" }), "no_text"),
        (json!({ "channel": "a", "text": 7 }), "invalid_arguments"),
        (json!({ "channel": "a", "text": "b", "thread_ts": "1.000000" }), "thread_not_found"),
        (json!({ "channel": "a", "text": "b", "markdown_text": "c" }), "markdown_text_conflict"),
        (json!({ "channel": "a", "markdown_text": "x".repeat(12_001) }), "msg_too_long"),
        (json!({ "channel": "a", "text": "b", "username": {} }), "invalid_arguments"),
        (json!({ "channel": "a", "text": "b", "as_user": true }), "as_user_not_supported"),
        (json!({ "channel": "a", "text": "b", "metadata": 7 }), "invalid_metadata_format"),
        (json!({ "channel": "a", "text": "b", "metadata": {} }), "invalid_metadata_schema"),
        (
            json!({ "channel": "a", "text": "b", "metadata": {
                "event_type": "e", "event_payload": { "x": "x".repeat(20_000) } } }),
            "metadata_too_large",
        ),
        (
            json!({ "channel": "a", "attachments": vec![json!({ "text": "a" }); 101] }),
            "too_many_attachments",
        ),
        (
            json!({ "channel": "a", "attachments": [{ "text": "x".repeat(100_001) }] }),
            "attachment_payload_limit_exceeded",
        ),
        (json!({ "channel": "a", "blocks": 7 }), "invalid_blocks_format"),
        (
            json!({ "channel": "a", "blocks": [{ "type": "markdown", "text": "x".repeat(12_001) }] }),
            "msg_blocks_too_long",
        ),
    ];
    for (arguments, error) in rows {
        let said = slack.error("chat.postMessage", arguments.clone()).await;
        assert_eq!(said, error, "{}", arguments.to_string().get(..80).unwrap_or_default());
    }
    let blocks = json!({ "channel": "a", "blocks": [mrkdwn(3_001), { "type": "header" }] });
    let answer = slack.call("chat.postMessage", blocks).await;
    assert_eq!(answer["error"], "invalid_blocks");
    let said = answer["response_metadata"]["messages"].as_array().unwrap();
    assert_eq!(
        said[0],
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    );
    assert!(said[1].as_str().unwrap().ends_with("[json-pointer:/blocks/1/text]"), "{said:?}");
}

#[tokio::test]
async fn sizes_to_the_character() {
    let slack = Slack::start().await;
    let text = |n: usize| json!({ "type": "plain_text", "text": "x".repeat(n) });
    let blocks = |block: Value| json!({ "channel": "a", "blocks": [block] });
    let button = |field: &str, n: usize| {
        let mut button = json!({ "type": "button", "text": text(75) });
        button[field] = "x".repeat(n).into();
        blocks(json!({ "type": "actions", "elements": [button] }))
    };
    let image = |field: &str, n: usize| {
        let mut image =
            json!({ "type": "image", "image_url": "https://a.example/", "alt_text": "a" });
        image[field] = "x".repeat(n).into();
        blocks(image)
    };
    let list = |kind: &str, field: &str, n: usize| {
        let mut block = json!({ "type": kind });
        block[field] = vec![text(1); n].into();
        blocks(block)
    };
    let buttons = |n: usize| {
        let button = json!({ "type": "button", "text": text(1) });
        blocks(json!({ "type": "actions", "elements": vec![button; n] }))
    };
    let rows = |n: usize, m: usize| {
        let cell = json!({ "type": "raw_text", "text": "a" });
        blocks(json!({ "type": "table", "rows": vec![vec![cell; m]; n] }))
    };
    let edges: Vec<(&str, Value, Value)> = vec![
        (
            "header",
            blocks(json!({ "type": "header", "text": text(150) })),
            blocks(json!({ "type": "header", "text": text(151) })),
        ),
        ("text", blocks(mrkdwn(3_000)), blocks(mrkdwn(3_001))),
        ("empty", blocks(mrkdwn(1)), blocks(mrkdwn(0))),
        (
            "emoji",
            blocks(
                json!({ "type": "section", "text": { "type": "mrkdwn", "text": "😀".repeat(1_500) } }),
            ),
            blocks(
                json!({ "type": "section", "text": { "type": "mrkdwn", "text": "😀".repeat(1_501) } }),
            ),
        ),
        ("fields", list("section", "fields", 10), list("section", "fields", 11)),
        (
            "field",
            blocks(json!({ "type": "section", "fields": [text(2_000)] })),
            blocks(json!({ "type": "section", "fields": [text(2_001)] })),
        ),
        ("context", list("context", "elements", 10), list("context", "elements", 11)),
        ("actions", buttons(25), buttons(26)),
        ("button", button("value", 2_000), button("value", 2_001)),
        ("button url", button("url", 3_000), button("url", 3_001)),
        ("action id", button("action_id", 255), button("action_id", 256)),
        ("image url", image("image_url", 3_000), image("image_url", 3_001)),
        ("alt text", image("alt_text", 2_000), image("alt_text", 2_001)),
        (
            "block id",
            blocks(json!({ "type": "divider", "block_id": "x".repeat(255) })),
            blocks(json!({ "type": "divider", "block_id": "x".repeat(256) })),
        ),
        (
            "button text",
            blocks(
                json!({ "type": "actions", "elements": [{ "type": "button", "text": text(75) }] }),
            ),
            blocks(
                json!({ "type": "actions", "elements": [{ "type": "button", "text": text(76) }] }),
            ),
        ),
        (
            "accessory",
            blocks(
                json!({ "type": "section", "text": text(1), "accessory": { "type": "button", "text": text(75) } }),
            ),
            blocks(
                json!({ "type": "section", "text": text(1), "accessory": { "type": "button", "text": text(76) } }),
            ),
        ),
        (
            "image title",
            blocks(
                json!({ "type": "image", "image_url": "a", "alt_text": "a", "title": text(2_000) }),
            ),
            blocks(
                json!({ "type": "image", "image_url": "a", "alt_text": "a", "title": text(2_001) }),
            ),
        ),
        (
            "context text",
            blocks(json!({ "type": "context", "elements": [text(3_000)] })),
            blocks(json!({ "type": "context", "elements": [text(3_001)] })),
        ),
        (
            "header's type",
            blocks(json!({ "type": "header", "text": text(1) })),
            blocks(json!({ "type": "header", "text": { "type": "mrkdwn", "text": "a" } })),
        ),
        (
            "context actions",
            blocks(
                json!({ "type": "context_actions", "elements": vec![json!({ "type": "icon_button" }); 5] }),
            ),
            blocks(
                json!({ "type": "context_actions", "elements": vec![json!({ "type": "icon_button" }); 6] }),
            ),
        ),
        (
            "same id",
            blocks(json!({ "type": "divider", "block_id": "a" })),
            json!({ "channel": "a", "blocks": vec![json!({ "type": "divider", "block_id": "a" }); 2] }),
        ),
        (
            "table",
            rows(100, 20),
            blocks(
                json!({ "type": "table", "rows": vec![vec![json!({ "type": "raw_text", "text": "x".repeat(101) })]; 100] }),
            ),
        ),
        ("rows", rows(100, 1), rows(101, 1)),
        ("cells", rows(1, 20), rows(1, 21)),
        (
            "blocks",
            json!({ "channel": "a", "blocks": dividers(50) }),
            json!({ "channel": "a", "blocks": dividers(51) }),
        ),
        (
            "inside",
            json!({ "channel": "a", "attachments": [{ "blocks": dividers(20) }] }),
            json!({ "channel": "a", "attachments": [{ "blocks": dividers(21) }] }),
        ),
    ];
    for (name, fits, too_much) in edges {
        let answer = slack.call("chat.postMessage", fits).await;
        assert_eq!(answer["ok"], true, "{name}: {answer}");
        let error = slack.error("chat.postMessage", too_much).await;
        let expected = if name == "inside" { "invalid_attachments" } else { "invalid_blocks" };
        assert_eq!(error, expected, "{name}");
    }
    let fits = [
        json!({ "channel": "a", "attachments": vec![json!({ "text": "a" }); 100] }),
        json!({ "channel": "a", "markdown_text": "x".repeat(12_000) }),
        json!({ "channel": "a", "blocks": [{ "type": "markdown", "text": "x".repeat(12_000) }] }),
    ];
    for arguments in fits {
        assert_eq!(slack.call("chat.postMessage", arguments).await["ok"], true);
    }
    slack.hook(&json!({ "text": "x".repeat(40_001) })).await;
    assert_eq!(slack.inbox.messages().last().unwrap().text().len(), 40_000);
    // A post is cut, and says so; an edit is refused.
    let answer = slack.post(json!({ "channel": "a", "text": "x".repeat(40_001) })).await;
    assert!(answer["warning"].as_str().unwrap().contains("message_truncated"), "{answer}");
    assert_eq!(answer["message"]["text"].as_str().unwrap().len(), 40_000);
    let update =
        |text: String| json!({ "channel": answer["channel"], "ts": answer["ts"], "text": text });
    assert_eq!(slack.call("chat.update", update("x".repeat(4_000))).await["ok"], true);
    assert_eq!(slack.error("chat.update", update("x".repeat(4_001))).await, "msg_too_long");
    assert_eq!(slack.error("chat.update", update("€".repeat(1_334))).await, "msg_too_long");
}

#[tokio::test]
async fn an_edit_keeps_slacks_rules() {
    let slack = Slack::start().await;
    let rich = json!([{ "type": "rich_text", "elements": [
        { "type": "rich_text_section", "elements": [{ "type": "text", "text": "a" }] }] }]);
    let posted = slack
        .post(json!({ "channel": "#alerts", "text": "a", "blocks": rich, "attachments": [{ "text": "b" }] }))
        .await;
    let (channel, ts) = (posted["channel"].as_str().unwrap(), posted["ts"].as_str().unwrap());
    assert_eq!(channel, "C0ALERTS");
    let update = |more: Value| {
        let mut arguments = json!({ "channel": channel, "ts": ts });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    assert_eq!(
        slack.error("chat.update", update(json!({ "text": "a", "blocks": dividers(1) }))).await,
        "block_mismatch"
    );
    // Another name than the one the post returned will not do, nor another ts.
    let wrong = json!({ "channel": "#alerts", "ts": ts, "text": "a" });
    assert_eq!(slack.error("chat.update", wrong).await, "channel_not_found");
    let gone = json!({ "channel": channel, "ts": "1.000000", "text": "a" });
    assert_eq!(slack.error("chat.update", gone).await, "message_not_found");
    // A text alone takes the blocks away and leaves the attachments.
    assert_eq!(slack.call("chat.update", update(json!({ "text": "c" }))).await["ok"], true);
    let message = &slack.inbox.messages()[0];
    assert_eq!(
        (message.payload().get("blocks"), &message.payload()["attachments"]),
        (None, &json!([{ "text": "b" }]))
    );
    assert_eq!(message.edits(), 1);
    assert_eq!(
        slack.call("chat.update", update(json!({ "text": "c", "attachments": [] }))).await["ok"],
        true
    );
    assert_eq!(slack.inbox.messages()[0].payload()["attachments"], json!([]));
    // How a text is read has another default than for a post.
    assert_eq!(slack.inbox.messages()[0].payload()["parse"], "client");
    // What a webhook posted can't be edited.
    slack.hook(&json!({ "text": "a" })).await;
    let hook = slack.inbox.messages()[1].clone();
    let foreign = json!({ "channel": hook.channel(), "ts": hook.ts(), "text": "b" });
    assert_eq!(slack.error("chat.update", foreign).await, "cant_update_message");
}

/// What a workspace's state brings, as 200 with an error.
#[tokio::test]
async fn what_becomes_of_a_bot_is_played() {
    let slack = Slack::start().await;
    let message = json!({ "channel": "a", "text": "b" });
    for error in "account_inactive token_expired missing_scope not_in_channel is_inactive \
                  restricted_action edit_window_closed cannot_reply_to_message internal_error \
                  fatal_error service_unavailable message_limit_exceeded"
        .split_whitespace()
    {
        slack.inbox.fault_times(Fault::Error(error.to_owned()), 1);
        assert_eq!(slack.error("chat.postMessage", message.clone()).await, error);
    }
    slack.inbox.fault_times(Fault::Revoked, 1);
    assert_eq!(slack.error("chat.postMessage", message.clone()).await, "token_revoked");
    slack.inbox.fault_times(Fault::Archived, 1);
    assert_eq!(slack.error("chat.postMessage", message.clone()).await, "is_archived");
    slack.inbox.fault_times(Fault::RateLimited(Some("30".to_owned())), 1);
    let limited = slack.api("chat.postMessage").json(&message).send().await.unwrap();
    assert_eq!(
        (limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()),
        (429, "30")
    );
    assert_eq!(
        limited.json::<Value>().await.unwrap(),
        json!({ "ok": false, "error": "ratelimited" })
    );
    slack.inbox.fault_times(Fault::Answer(502, "<html>bad gateway</html>".to_owned()), 1);
    let broken = slack.api("chat.postMessage").json(&message).send().await.unwrap();
    assert_eq!(read(broken).await, (502, "<html>bad gateway</html>".to_owned()));
    for (fault, by_timeout) in [(Fault::Reset, false), (Fault::Hang, true), (Fault::Drip, true)] {
        slack.inbox.fault_times(fault.clone(), 1);
        let limit = Duration::from_millis(if by_timeout { 300 } else { 5_000 });
        let request = slack.api("chat.postMessage").json(&message).timeout(limit);
        let answer = async { request.send().await?.text().await }.await;
        assert_eq!(answer.unwrap_err().is_timeout(), by_timeout, "{fault:?}");
    }
    // Rate limits come with their status, however they are asked for.
    slack.inbox.fault_times(Fault::Error("ratelimited".to_owned()), 1);
    let limited = slack.api("chat.postMessage").json(&message).send().await.unwrap();
    assert_eq!((limited.status().as_u16(), limited.headers().get("retry-after")), (429, None));
    assert!(slack.inbox.messages().is_empty());
    // For so long, and no longer.
    slack.inbox.fault_for(Fault::Revoked, Duration::from_secs(60));
    assert_eq!(slack.error("chat.postMessage", message.clone()).await, "token_revoked");
    slack.inbox.fault_for(Fault::Revoked, Duration::from_millis(1));
    tokio::time::sleep(Duration::from_millis(5)).await;
    slack.post(message).await;
}

#[tokio::test]
async fn history_and_replies_as_slack_answers_them() {
    let slack = Slack::start().await;
    let mut posted = Vec::new();
    for n in 0..5 {
        let answer = slack.post(json!({ "channel": "alerts", "text": format!("m{n}") })).await;
        posted.push(answer["ts"].as_str().unwrap().to_owned());
    }
    for text in ["r0", "r1"] {
        slack.post(json!({ "channel": "alerts", "text": text, "thread_ts": posted[1] })).await;
    }
    slack
        .call("chat.update", json!({ "channel": "C0ALERTS", "ts": posted[4], "text": "m4!" }))
        .await;
    let texts = |answer: &Value| -> Vec<String> {
        assert_eq!(answer["ok"], true, "{answer}");
        let messages = answer["messages"].as_array().unwrap().iter();
        messages.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    };
    let history = async |more: Value| {
        let mut arguments = json!({ "channel": "C0ALERTS" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        slack.call("conversations.history", arguments).await
    };
    // Newest first; replies are not in it.
    let all = history(json!({})).await;
    assert_eq!(texts(&all), ["m4!", "m3", "m2", "m1", "m0"]);
    assert_eq!((&all["has_more"], &all["pin_count"]), (&json!(false), &json!(0)));
    let message = &all["messages"][0];
    let names: Vec<&String> = message.as_object().unwrap().keys().collect();
    assert_eq!(names, ["bot_id", "edited", "team", "text", "ts", "type", "user"]);
    assert_eq!(message["type"], "message");
    assert!(message["edited"]["ts"].is_string() && message["user"].is_string(), "{message}");
    let parent = &all["messages"][3];
    assert_eq!((&parent["reply_count"], &parent["thread_ts"]), (&json!(2), &json!(posted[1])));
    // Page by page, also while more arrive.
    let first = history(json!({ "limit": 2 })).await;
    assert_eq!(
        (texts(&first), &first["has_more"]),
        (vec!["m4!".into(), "m3".into()], &json!(true))
    );
    slack.post(json!({ "channel": "alerts", "text": "m5" })).await;
    let cursor = &first["response_metadata"]["next_cursor"];
    let second = history(json!({ "limit": 2, "cursor": cursor })).await;
    assert_eq!(texts(&second), ["m2", "m1"]);
    let rest =
        history(json!({ "limit": 9, "cursor": second["response_metadata"]["next_cursor"] })).await;
    assert_eq!((texts(&rest), &rest["has_more"]), (vec!["m0".to_owned()], &json!(false)));
    // Between two timestamps, exclusive unless asked.
    let span = json!({ "oldest": posted[1], "latest": posted[3] });
    assert_eq!(texts(&history(span).await), ["m2"]);
    let span = json!({ "oldest": posted[1], "latest": posted[3], "inclusive": true });
    assert_eq!(texts(&history(span).await), ["m3", "m2", "m1"]);

    let replies = async |ts: &str| {
        slack.call("conversations.replies", json!({ "channel": "C0ALERTS", "ts": ts })).await
    };
    let thread = replies(&posted[1]).await;
    assert_eq!(texts(&thread), ["m1", "r0", "r1"]);
    assert_eq!(thread["messages"][1]["thread_ts"], json!(posted[1]));
    // A reply to a reply belongs to the thread.
    slack.post(json!({ "channel": "C0ALERTS", "text": "r2", "thread_ts": thread["messages"][2]["ts"] })).await;
    assert_eq!(texts(&replies(&posted[1]).await), ["m1", "r0", "r1", "r2"]);
    // A reply names its thread too; a message without replies is alone.
    let reply = thread["messages"][2]["ts"].as_str().unwrap();
    assert_eq!(texts(&replies(reply).await), ["m1", "r0", "r1", "r2"]);
    assert_eq!(texts(&replies(&posted[0]).await), ["m0"]);

    // For the channel too, also where a form says so.
    let form = [
        ("channel", "C0ALERTS"),
        ("text", "r3"),
        ("thread_ts", &posted[1]),
        ("reply_broadcast", "true"),
    ];
    assert_eq!(slack.raw(slack.api("chat.postMessage").form(&form)).await["ok"], true);
    let shown = history(json!({ "limit": 1 })).await;
    assert_eq!(texts(&shown), ["r3"]);
    assert_eq!(shown["messages"][0]["subtype"], "thread_broadcast");

    // By GET, with the arguments in the query.
    let url = format!("{}/conversations.history?channel=C0ALERTS&limit=1", slack.inbox.api_url());
    assert_eq!(texts(&slack.raw(slack.client.get(url).bearer_auth("xoxb-1")).await), ["r3"]);
    let errors = [
        ("conversations.history", json!({ "channel": "alerts" }), "channel_not_found"),
        (
            "conversations.history",
            json!({ "channel": "C0ALERTS", "oldest": "soon" }),
            "invalid_ts_oldest",
        ),
        (
            "conversations.history",
            json!({ "channel": "C0ALERTS", "latest": "1.x" }),
            "invalid_ts_latest",
        ),
        (
            "conversations.history",
            json!({ "channel": "C0ALERTS", "cursor": "x" }),
            "invalid_cursor",
        ),
        (
            "conversations.history",
            json!({ "channel": "C0ALERTS", "cursor": "next_ts:x" }),
            "invalid_cursor",
        ),
        ("conversations.replies", json!({ "channel": "C0ALERTS" }), "thread_not_found"),
        (
            "conversations.replies",
            json!({ "channel": "C0ALERTS", "ts": "1.0" }),
            "thread_not_found",
        ),
    ];
    for (method, arguments, error) in errors {
        assert_eq!(slack.error(method, arguments).await, error);
    }
}
