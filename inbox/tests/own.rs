//! The inbox's own endpoints: messages, refused requests, faults, events, page.

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use slack_inbox::Inbox;

fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap()
}

fn url(inbox: &Inbox, path: &str) -> String {
    format!("http://{}{path}", inbox.address())
}

async fn hook(inbox: &Inbox, payload: &Value) -> u16 {
    let sent = client().post(inbox.webhook_url()).json(payload).send().await.unwrap();
    sent.status().as_u16()
}

async fn said(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn get(inbox: &Inbox, path: &str) -> Value {
    client().get(url(inbox, path)).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn messages_by_channel_and_since_when() {
    let inbox = Inbox::start().await.unwrap();
    hook(&inbox, &json!({ "text": "one" })).await;
    hook(&inbox, &json!({ "text": "two <!here>" })).await;
    let all = get(&inbox, "/messages").await;
    assert_eq!((&all[0]["text"], &all[1]["text"]), (&json!("one"), &json!("two @here")));
    assert_eq!(all[1]["payload"]["text"], "two <!here>");
    let since = get(&inbox, &format!("/messages?since={}", all[0]["ts"].as_str().unwrap())).await;
    assert_eq!(since.as_array().unwrap().len(), 1);
    assert_eq!(get(&inbox, "/messages?since=9999999999").await, json!([]));
    assert_eq!(get(&inbox, "/messages?channel=C0WEBHOOK").await.as_array().unwrap().len(), 2);
    assert_eq!(get(&inbox, "/messages?channel=alerts").await, json!([]));
    for wrong in ["/messages?chanel=a", "/messages?since=soon"] {
        let (status, text) = said(client().get(url(&inbox, wrong))).await;
        assert_eq!(status, 400, "{text}");
    }
    let one = format!("/messages/C0WEBHOOK/{}", all[1]["ts"].as_str().unwrap());
    let one = get(&inbox, &one).await;
    assert_eq!(one["inspection"]["phone"], "two @here");
    let by_name = format!("/messages/webhook/{}", one["ts"].as_str().unwrap());
    assert_eq!(get(&inbox, &by_name).await["text"], "two @here");
    assert_eq!(one["inspection"]["calls"], json!(["@here"]));
    assert_eq!(one["inspection"]["problems"], json!([]));
    assert_eq!(said(client().get(url(&inbox, "/messages/C1/1.0"))).await.0, 404);
    assert_eq!(said(client().delete(url(&inbox, "/messages"))).await.0, 204);
    assert_eq!(get(&inbox, "/messages").await, json!([]));
}

#[tokio::test]
async fn refused_requests_say_why() {
    let inbox = Inbox::start().await.unwrap();
    assert_eq!(
        hook(&inbox, &json!({ "blocks": [{ "type": "header" }], "attachments": 7 })).await,
        400
    );
    let refused = get(&inbox, "/refused").await;
    assert_eq!(refused[0]["is_fault"], false);
    // Slack names what it finds first; here is the rest of it.
    let one = get(&inbox, &format!("/refused/{}", refused[0]["number"])).await;
    let errors = one["problems"].as_array().unwrap().iter();
    let errors: Vec<&str> = errors.filter_map(|problem| problem["error"].as_str()).collect();
    assert_eq!(errors, ["invalid_attachments", "invalid_blocks"]);
    assert!(one["body"].as_str().unwrap().contains("\"header\""), "{one}");
    assert_eq!(said(client().get(url(&inbox, "/refused/99"))).await.0, 404);
    // A form is read as one; what was to bring no message is not judged as one.
    let api = |method: &str| {
        let url = format!("{}/{method}", inbox.api_url());
        client().post(url).bearer_auth("xoxb-1").form(&[("channel", "two words"), ("text", "a")])
    };
    said(api("chat.postMessage")).await;
    said(api("conversations.history")).await;
    let one = get(&inbox, "/refused/2").await;
    assert_eq!((&one["outcome"], &one["problems"]), (&json!("channel_not_found"), &json!([])));
    assert_eq!(get(&inbox, "/refused/3").await["problems"], Value::Null);
}

#[tokio::test]
async fn faults_are_played_shown_and_stopped() {
    let inbox = Inbox::start().await.unwrap();
    let order = |body: Value| client().post(url(&inbox, "/faults")).body(body.to_string());
    assert_eq!(get(&inbox, "/faults").await, Value::Null);
    let (status, shown) =
        said(order(json!({ "fault": "status", "status": 503, "requests": 2 }))).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((status, &shown["status"], &shown["requests"]), (200, &json!(503), &json!(2)));
    assert_eq!(hook(&inbox, &json!({ "text": "a" })).await, 503);
    assert_eq!(get(&inbox, "/faults").await["requests"], 1);
    assert_eq!(hook(&inbox, &json!({ "text": "a" })).await, 503);
    assert_eq!(get(&inbox, "/faults").await, Value::Null);
    assert_eq!(hook(&inbox, &json!({ "text": "a" })).await, 200);

    assert_eq!(said(order(json!({ "fault": "archived", "seconds": 60 }))).await.0, 200);
    assert!(get(&inbox, "/faults").await["seconds"].as_f64().unwrap() > 50.0);
    assert_eq!(hook(&inbox, &json!({ "text": "a" })).await, 410);
    assert_eq!(said(client().delete(url(&inbox, "/faults"))).await.0, 204);
    assert_eq!(hook(&inbox, &json!({ "text": "a" })).await, 200);

    // A wrong order is refused, and what is played stays as it is.
    let (status, problem) = said(order(json!({ "fault": "hang", "requests": "3" }))).await;
    assert_eq!((status, problem.as_str()), (400, "requests must be a number\n"));
    assert_eq!(get(&inbox, "/faults").await, Value::Null);
}

/// The inbox's events, as they come.
struct Events {
    response: reqwest::Response,
    read: String,
}

impl Events {
    async fn of(inbox: &Inbox) -> Self {
        // It may take as long as the test does.
        let client = Client::builder().no_proxy().build().unwrap();
        let response = client.get(url(inbox, "/events")).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { response, read: String::new() }
    }

    /// The data of the next event with this name.
    async fn next(&mut self, name: &str) -> Value {
        let found = tokio::time::timeout(Duration::from_secs(20), self.find(name));
        found.await.unwrap_or_else(|_| panic!("no event {name} came"))
    }

    async fn find(&mut self, name: &str) -> Value {
        let mut seen = 0;
        loop {
            let Some(end) = self.read[seen..].find("\n\n").map(|at| seen + at) else {
                seen = self.read.len().saturating_sub(1);
                let chunk = self.response.chunk().await.unwrap().expect("the stream goes on");
                self.read.push_str(std::str::from_utf8(&chunk).unwrap());
                continue;
            };
            seen = 0;
            let event: String = self.read.drain(..end + 2).collect();
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            if field("event: ") == Some(name) {
                return serde_json::from_str(field("data: ").unwrap()).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn events_begin_with_everything_and_go_on() {
    let inbox = Inbox::start().await.unwrap();
    hook(&inbox, &json!({ "text": "before" })).await;
    let mut events = Events::of(&inbox).await;
    let all = events.next("snapshot").await;
    assert_eq!(all["messages"][0]["text"], "before");
    hook(&inbox, &json!({ "text": "after" })).await;
    assert_eq!(events.next("message").await["text"], "after");
    hook(&inbox, &json!({})).await;
    assert_eq!(events.next("refused").await["outcome"], "no_text");
    inbox.fault_times(slack_inbox::Fault::Hang, 3);
    assert_eq!(events.next("fault").await["requests"], 3);
    inbox.heal();
    assert_eq!(events.next("fault").await, Value::Null);
    inbox.clear();
    assert_eq!(events.next("snapshot").await["messages"], json!([]));
}

#[tokio::test]
async fn a_reader_that_fell_behind_is_told_everything_anew() {
    let inbox = Inbox::start().await.unwrap();
    let mut events = Events::of(&inbox).await;
    events.next("snapshot").await;
    // More than any buffer on the way holds, while nobody reads.
    let message = json!({ "text": "x".repeat(12_000) });
    let client = client();
    for _ in 0..900 {
        client.post(inbox.webhook_url()).json(&message).send().await.unwrap();
    }
    let all = events.next("snapshot").await;
    assert_eq!(all["messages"].as_array().unwrap().len(), 900);
}

#[tokio::test]
async fn memory_has_bounds() {
    let inbox = Inbox::start().await.unwrap();
    let client = client();
    for n in 0..1_005 {
        let message = json!({ "text": format!("{n}") });
        client.post(inbox.webhook_url()).json(&message).send().await.unwrap();
    }
    let messages = inbox.messages();
    assert_eq!((messages.len(), messages[0].text().as_str()), (1_000, "5"));
    for _ in 0..205 {
        client.post(inbox.webhook_url()).json(&json!({})).send().await.unwrap();
    }
    assert_eq!(get(&inbox, "/refused").await.as_array().unwrap().len(), 200);
    // Of what Slack does not know, nothing is kept.
    let odd = json!({ "text": "a", "unknown": "x".repeat(100_000) });
    client.post(inbox.webhook_url()).json(&odd).send().await.unwrap();
    assert_eq!(inbox.messages().last().unwrap().payload(), &json!({ "text": "a" }));
    let giant = client.post(inbox.webhook_url()).body(vec![b'x'; 2 * 1024 * 1024]);
    let giant = giant.send().await.unwrap();
    assert_eq!(giant.status().as_u16(), 413);
    assert_eq!(inbox.requests().last().unwrap().outcome(), "request_too_large");
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let inbox = Inbox::start().await.unwrap();
    let port = inbox.address().port();
    let paths = ["/", "/messages", "/refused", "/faults", "/events", "/page/script/main.js"];
    for path in paths {
        // A name that an attacker's DNS makes mean this machine.
        let rebound = client().get(url(&inbox, path)).header("host", "evil.example");
        assert_eq!(said(rebound).await.0, 403, "{path}");
    }
    let history = format!("{}/conversations.history?channel=C0WEBHOOK", inbox.api_url());
    let rebound = client().get(history).bearer_auth("xoxb-1").header("host", "evil.example");
    assert_eq!(said(rebound).await.0, 403);
    let cross = |request: RequestBuilder| request.header("origin", "https://evil.example");
    assert_eq!(
        said(cross(client().post(url(&inbox, "/faults"))).body("{\"fault\": \"hang\"}")).await.0,
        403
    );
    assert_eq!(said(cross(client().delete(url(&inbox, "/messages")))).await.0, 403);
    assert_eq!(get(&inbox, "/faults").await, Value::Null);
    let own = client()
        .delete(url(&inbox, "/messages"))
        .header("origin", format!("http://127.0.0.1:{port}"));
    assert_eq!(said(own).await.0, 204);
    let local = client().get(url(&inbox, "/messages")).header("host", format!("localhost:{port}"));
    assert_eq!(said(local).await.0, 200);
    // Apps in containers reach it by other names.
    let hook = client().post(inbox.webhook_url()).header("host", "host.docker.internal:3001");
    assert_eq!(said(hook.json(&json!({ "text": "a" }))).await, (200, "ok".to_owned()));
}

#[tokio::test]
async fn the_page_runs_and_loads_nothing_but_its_own() {
    let inbox = Inbox::start().await.unwrap();
    let browser = || client().get(inbox.page_url()).header("accept", "text/html,*/*");
    let page = browser().send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains("data:"));
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let html = page.text().await.unwrap();
    // All that it names is there, and all that is there is served.
    let names = html.split(['"', '\'']).filter_map(|part| part.strip_prefix("/page/"));
    let mut names: Vec<String> = names.map(ToOwned::to_owned).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
    for below in ["script", "style"] {
        for file in std::fs::read_dir(format!("{folder}/{below}")).unwrap() {
            names.push(format!("{below}/{}", file.unwrap().file_name().to_str().unwrap()));
        }
    }
    assert!(names.len() > 15, "{names:?}");
    names.push("emoji.json".to_owned());
    for name in names {
        let (status, body) = said(client().get(url(&inbox, &format!("/page/{name}")))).await;
        assert_eq!(status, 200, "{name}");
        for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
        {
            assert!(!body.contains(forbidden), "{forbidden} in {name}");
        }
    }
    assert_eq!(said(client().get(url(&inbox, "/page/../Cargo.toml"))).await.0, 404);
    // In a terminal, words.
    let (_, words) = said(client().get(inbox.page_url())).await;
    assert!(words.contains("POST   /faults"), "{words}");
    let bare = Inbox::builder().page(false).start().unwrap();
    let (_, words) = said(client().get(bare.page_url()).header("accept", "text/html")).await;
    assert!(words.contains("POST   /faults"), "{words}");
    assert_eq!(said(client().get(url(&bare, "/page/icon.svg"))).await.0, 404);
}

/// `slack-inbox` with these arguments: whether it went well, and what it said.
fn run(arguments: &[&str]) -> (bool, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_slack-inbox"));
    let output = { output }.args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn the_binary_says_what_it_takes() {
    let (fine, help) = run(&["--help"]);
    assert!(fine);
    for said in ["--port", "--no-page", "--print", "Examples:", "curl "] {
        assert!(help.contains(said), "{said}: {help}");
    }
    let (fine, problem) = run(&["--port", "many"]);
    assert!(!fine);
    assert_eq!(problem, "slack-inbox: --port takes a number from 0 to 65535\n");
    let taken = Inbox::start().await.unwrap();
    let port = taken.address().port().to_string();
    let (fine, problem) = run(&["--port", &port]);
    assert!(!fine);
    assert!(problem.contains(&port) && problem.contains("try another --port"), "{problem}");
}

#[tokio::test]
async fn the_binary_says_where_it_listens() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_slack-inbox"))
        .args(["--port", "0", "--listen", "0.0.0.0", "--print"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut until = |start: &str| loop {
        let line = lines.next().expect("more to say");
        if let Some(rest) = line.trim().strip_prefix(start) {
            return rest.to_owned();
        }
    };
    let hook = until("SLACK_ALERT_WEBHOOK_URL=");
    assert!(until("SLACK_ALERT_BOT_TOKEN=").contains("SLACK_ALERT_CHANNEL=alerts"));
    assert!(until("SLACK_ALERT_API_URL=").starts_with("http://127.0.0.1:"));
    let message = json!({ "text": "*hi* <!subteam^S1>\u{1b}[2J" });
    assert_eq!(said(client().post(hook).json(&message)).await.0, 200);
    assert_eq!(until("*hi*"), " @S1\u{fffd}[2J");
    let mut warning = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut warning).unwrap();
    assert!(warning.starts_with("WARNING: slack-inbox listens on 0.0.0.0:"), "{warning}");
    child.kill().unwrap();
    child.wait().unwrap();
}
