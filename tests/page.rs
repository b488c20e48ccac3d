//! The local Slack's page in a real browser.
//!
//! `cargo test --all-features --test page -- --ignored`, with Chromium and its
//! driver installed.

#[path = "common/browser.rs"]
mod browser;
mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use browser::Browser;
use common::SOON;
use common::slack::{answer, bot, start};
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::{Value, json};
use slack_inbox::Inbox;

/// The browser on an inbox's page.
async fn open(inbox: &Inbox) -> Browser {
    let browser = Browser::start(1200, 900).await.unwrap_or_else(|problem| panic!("{problem}"));
    browser.client.goto(&inbox.page_url()).await.unwrap();
    browser.wait_for("return document.getElementById('connection').textContent === 'live'").await;
    browser
}

/// Sends JSON to the inbox, as an app would; returns the answer's body.
fn send(inbox: &Inbox, path: &str, payload: &Value) -> String {
    let mut stream = TcpStream::connect(inbox.address()).unwrap();
    let body = payload.to_string();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer xoxb-local\r\n\
         content-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        inbox.address(),
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

fn hook(inbox: &Inbox, payload: &Value) -> String {
    send(inbox, "/services/T0LOCAL/B0LOCAL/local", payload)
}

/// A bot's call: its `ts`.
fn call(inbox: &Inbox, method: &str, payload: &Value) -> String {
    let answer: Value =
        serde_json::from_str(&send(inbox, &format!("/api/{method}"), payload)).unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    answer["ts"].as_str().unwrap().to_owned()
}

async fn click(browser: &Browser, css: &str) {
    let found = browser.client.wait().for_element(Locator::Css(css)).await;
    found.unwrap_or_else(|problem| panic!("{css}: {problem}")).click().await.unwrap();
}

async fn fill(browser: &Browser, css: &str, text: &str) {
    let field = browser.client.find(Locator::Css(css)).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

/// Marks the page, so that a reload would show.
const MARK: &str = "window.marked = true";
const IS_MARKED: &str = "return window.marked === true";

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn a_post_appears_and_an_edit_changes_it_without_a_reload() {
    let inbox = Inbox::start().await.unwrap();
    let browser = open(&inbox).await;
    browser.run(MARK).await;
    let empty = browser.run("return document.getElementById('empty').innerText").await;
    let empty = empty.as_str().unwrap().to_owned();
    assert!(empty.contains(&inbox.webhook_url()) && empty.contains(&inbox.api_url()), "{empty}");

    assert_eq!(hook(&inbox, &json!({ "text": "hello from a hook" })), "ok");
    browser
        .wait_for(
            "return document.querySelector('article .text')?.textContent === 'hello from a hook'",
        )
        .await;
    assert_eq!(browser.run("return document.getElementById('empty').hidden").await, true);

    let ts = call(&inbox, "chat.postMessage", &json!({ "channel": "alerts", "text": "one" }));
    click(&browser, "#channels a[href='#/C0ALERTS']").await;
    let text = "return [...document.querySelectorAll('#timeline article .text')].map((t) => t.textContent)";
    browser
        .wait_for("return document.querySelector('#timeline article .text')?.textContent === 'one'")
        .await;
    call(&inbox, "chat.update", &json!({ "channel": "C0ALERTS", "ts": ts, "text": "two" }));
    browser.wait_for("return document.querySelector('#timeline .edited') !== null").await;
    assert_eq!(browser.run(text).await, json!(["two (edited)"]));
    // Newest at the bottom.
    call(&inbox, "chat.postMessage", &json!({ "channel": "alerts", "text": "three" }));
    browser.wait_for("return document.querySelectorAll('#timeline article').length === 2").await;
    assert_eq!(browser.run(text).await, json!(["two (edited)", "three"]));
    assert_eq!(browser.run(IS_MARKED).await, true);

    inbox.clear();
    browser.wait_for("return !document.getElementById('empty').hidden").await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn a_thread_opens_and_follows_and_closes_by_keyboard() {
    let inbox = Inbox::start().await.unwrap();
    let parent =
        call(&inbox, "chat.postMessage", &json!({ "channel": "alerts", "text": "parent" }));
    let reply = |text: &str, broadcast: bool| {
        let reply = json!({ "channel": "C0ALERTS", "text": text, "thread_ts": parent,
            "reply_broadcast": broadcast });
        call(&inbox, "chat.postMessage", &reply)
    };
    reply("below", false);
    let browser = open(&inbox).await;
    // A reply is not in the channel.
    assert_eq!(
        browser.run("return document.querySelectorAll('#timeline article').length").await,
        1
    );
    click(&browser, ".open-thread").await;
    let panel = "return [...document.querySelectorAll('#panel article .text')].map((t) => t.textContent).join()";
    browser.wait_for("return !document.getElementById('panel').hidden").await;
    assert_eq!(browser.run(panel).await, "parent,below");
    reply("live", true);
    browser.wait_for(&format!("{panel} === 'parent,below,live'")).await;
    // That one was for the channel too.
    browser.wait_for("return document.querySelectorAll('#timeline article').length === 2").await;
    let said = browser.run("return document.querySelector('#timeline .replied').textContent").await;
    assert_eq!(said, "replied to a thread: parent");

    let body = browser.client.active_element().await.unwrap();
    body.send_keys(&Key::Escape.to_string()).await.unwrap();
    browser.wait_for("return document.getElementById('panel').hidden").await;
    // Back where it was opened from; then on by keyboard alone.
    let focused = "return document.activeElement.querySelector('.text')?.textContent";
    assert_eq!(browser.run(focused).await, "parent");
    let keys = async |text: String| {
        let active = browser.client.active_element().await.unwrap();
        active.send_keys(&text).await.unwrap();
    };
    keys(Key::Down.to_string()).await;
    assert_eq!(browser.run(focused).await, "live");
    keys(Key::Up.to_string()).await;
    keys("t".to_owned()).await;
    browser
        .wait_for("return !document.getElementById('panel').hidden && document.getElementById('panel-title').textContent === 'Thread'")
        .await;
    keys(Key::Escape.to_string()).await;
    keys(Key::Enter.to_string()).await;
    browser
        .wait_for("return !document.getElementById('panel').hidden && document.getElementById('panel-title').textContent === 'Message'")
        .await;
    browser.close().await;
}

/// What strangers may send, and what must be read of it.
fn hostile() -> Vec<&'static str> {
    vec![
        "<script>window.fired = 1</script>",
        "<img src=x onerror=\"window.fired = 2\">",
        "\"><svg onload=window.fired=3>",
        "javascript:window.fired=4",
        "<!channel> <@U024BE7LH> @here",
        "\u{202e}txt.exe\u{2066} \u{200f}abc",
        "*bold* _it_ `code` ~s~ ```pre``` :fire:",
        "{{7*7}} ${7*7} &amp;lt; &#60;",
        "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}",
    ]
}

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn hostile_text_is_text() {
    let inbox = Inbox::start().await.unwrap();
    let browser = open(&inbox).await;
    let long = "x".repeat(10_000);
    let mut texts = hostile();
    texts.push(&long);
    // Slack takes so much of it once.
    let again = |text: &str| if text.len() > 5_000 { "long" } else { text }.to_owned();
    for text in &texts {
        // Literal wherever it is: rich text, plain text, names.
        let payload = json!({
            "channel": "alerts",
            "username": text.get(..80).unwrap_or(text),
            "icon_emoji": ":fire:",
            "text": "headline",
            "attachments": [{ "color": "red;background:url(x)", "blocks": [
                { "type": "rich_text", "elements": [
                    { "type": "rich_text_section", "elements": [{ "type": "text", "text": text }] },
                    { "type": "rich_text_preformatted", "elements": [{ "type": "text", "text": again(text) }] },
                ] },
                { "type": "actions", "elements": [{ "type": "button", "url": "javascript:window.fired=5",
                    "text": { "type": "plain_text", "text": "press me", "emoji": false } }] },
                { "type": "image", "image_url": "http://127.0.0.1:9/x.png", "alt_text": "an image" },
            ] }],
        });
        call(&inbox, "chat.postMessage", &payload);
        // And where markup is read, it is no more than Slack's.
        call(&inbox, "chat.postMessage", &json!({ "channel": "alerts", "text": text }));
    }
    let count = texts.len() * 2;
    browser
        .wait_for(&format!(
            "return document.querySelectorAll('#timeline article').length === {count}"
        ))
        .await;
    let shown = browser
        .run("return [...document.querySelectorAll('.rich-text')].map((r) => [...r.children].map((c) => c.textContent))")
        .await;
    for (shown, text) in shown.as_array().unwrap().iter().zip(&texts) {
        assert_eq!(*shown, json!([text, again(text)]));
    }
    // Nothing is clicked into running either.
    browser.run("for (const b of document.querySelectorAll('.button')) b.click()").await;
    let inside = "document.querySelectorAll('#timeline script, #timeline img, #timeline svg, #timeline iframe').length";
    assert_eq!(
        browser.run(&format!("return [window.fired ?? null, {inside}]")).await,
        json!([null, 0])
    );
    assert_eq!(
        browser.run("return document.querySelectorAll('a[href^=javascript]').length").await,
        0
    );
    // Nothing came from elsewhere.
    let loaded = browser
        .run("return performance.getEntriesByType('resource').map((r) => r.name).filter((n) => !n.startsWith(location.origin))")
        .await;
    assert_eq!(loaded, json!([]));
    // Calls show as such and call nobody; in rich text they are words.
    assert_eq!(browser.run("return document.querySelectorAll('.rich-text .pill').length").await, 0);
    let pills = browser
        .run("return [...document.querySelectorAll('.text .pill')].map((p) => p.textContent)")
        .await;
    assert_eq!(pills, json!(["@channel", "@U024BE7LH"]));
    no_overflow(&browser).await;
    browser.client.set_window_size(390, 800).await.unwrap();
    no_overflow(&browser).await;
    browser.close().await;
}

/// Shapes that no client of sound mind sends, and that nothing refuses.
#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn one_odd_message_keeps_no_other_from_the_page() {
    let inbox = Inbox::start().await.unwrap();
    let browser = open(&inbox).await;
    let odd = json!({ "toString": 1, "valueOf": 1 });
    let attachments = [
        json!({ "color": "constructor", "text": "x" }),
        json!({ "color": odd, "text": "x", "title": odd, "footer": odd, "author_name": odd }),
        json!({ "text": "x", "ts": 1_795_349_040_000_000_u64 }),
        json!({ "text": "x", "ts": odd, "fields": [{ "title": odd, "value": odd }, null, 7] }),
        json!({ "fallback": "x", "mrkdwn_in": odd, "image_url": odd, "title_link": odd }),
    ];
    let rich = |leaf: Value| {
        json!({ "type": "rich_text", "elements": [
            { "type": "rich_text_section", "elements": [leaf] }] })
    };
    let text = json!({ "type": "plain_text", "text": "a" });
    let blocks = [
        json!({ "type": "section", "text": text, "accessory": { "type": "select", "placeholder": { "text": odd } } }),
        json!({ "type": "section", "text": text, "accessory": { "type": "button", "text": text, "url": "__proto__" } }),
        json!({ "type": "actions", "elements": [{ "type": "toString", "placeholder": odd }] }),
        json!({ "type": "context_actions", "elements": [{ "type": "icon_button" }] }),
        json!({ "type": "image", "slack_file": odd, "image_url": odd, "alt_text": "a" }),
        json!({ "type": "video", "alt_text": "a", "thumbnail_url": "a", "video_url": "a", "title": text, "title_url": odd }),
        json!({ "type": "rich_text", "elements": [{ "type": "rich_text_list", "style": odd, "offset": odd,
            "indent": -7, "elements": [{ "type": "rich_text_section", "elements": [{ "type": "text", "text": "a" }] }] }] }),
        rich(json!({ "type": "link", "url": "__proto__", "text": odd })),
        rich(json!({ "type": "emoji", "name": "constructor", "unicode": "zz-110000" })),
        rich(
            json!({ "type": "date", "timestamp": i64::MAX, "format": "{time}", "url": odd, "fallback": odd }),
        ),
        rich(json!({ "type": "text", "text": "a", "style": { "bold": "yes", "__proto__": true } })),
    ];
    let mut count = 0;
    let mut accepted = |payload: Value| {
        count += usize::from(hook(&inbox, &payload) == "ok");
    };
    for attachment in attachments {
        accepted(json!({ "attachments": [attachment] }));
    }
    for block in blocks {
        accepted(json!({ "blocks": [block] }));
    }
    accepted(json!({ "text": "a", "blocks": "[]", "attachments": "[{\"text\": \"as JSON\"}]" }));
    // Marks that nothing closes, many and deep.
    accepted(json!({ "text": "*a <".repeat(10_000) }));
    accepted(json!({ "text": format!("{}a{}", "*_".repeat(5_000), "_*".repeat(5_000)) }));
    assert!(count >= 17, "{count}");
    browser.client.refresh().await.unwrap();
    browser
        .wait_for(&format!(
            "return document.querySelectorAll('#timeline article').length === {count}"
        ))
        .await;
    hook(&inbox, &json!({ "text": "the next one" }));
    browser.wait_for("return [...document.querySelectorAll('article .text')].at(-1)?.textContent === 'the next one'").await;
    let shown = browser.run("return document.getElementById('timeline').textContent").await;
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("as JSON") && !shown.contains("can't be shown"), "{shown:.2000}");
    no_overflow(&browser).await;

    // Nor does an address that is none of ours, or one of a channel that is gone.
    for place in ["#/%", "#/%E0%A4", "#/C0NOPE/details/1.0", "#/__proto__/thread/constructor"] {
        browser.client.goto("about:blank").await.unwrap();
        browser.client.goto(&format!("{}{place}", inbox.page_url())).await.unwrap();
        browser
            .wait_for(&format!(
                "return document.querySelectorAll('#timeline article').length === {}",
                count + 1
            ))
            .await;
    }
    // Many channels have their own room.
    for n in 0..30 {
        let channel = format!("service-{n}-alerts");
        call(&inbox, "chat.postMessage", &json!({ "channel": channel, "text": "a" }));
    }
    browser.wait_for("return document.querySelectorAll('#channels a').length === 31").await;
    no_overflow(&browser).await;
    browser.client.set_window_size(390, 800).await.unwrap();
    no_overflow(&browser).await;
    browser.close().await;
}

/// Nothing is wider than the page, and no message covers another one.
async fn no_overflow(browser: &Browser) {
    let wide = "return [document.documentElement.scrollWidth - innerWidth, \
                [...document.querySelectorAll('#timeline *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 90))]";
    let wide = browser.run(wide).await;
    assert!(wide[0].as_i64().unwrap() <= 0, "{wide}");
    assert_eq!(wide[1], json!([]));
    // Nor is anything cut off at the side.
    let cut = "return [...document.querySelectorAll('#timeline article, #timeline article *')] \
               .filter((e) => !e.matches('time, .replied, .replied *, .author, .table, .table *') && e.clientWidth > 0 \
                 && e.scrollWidth > e.clientWidth + 1).map((e) => e.outerHTML.slice(0, 90))";
    assert_eq!(browser.run(cut).await, json!([]));
    let above = "const all = [...document.querySelectorAll('#timeline article')].map((a) => a.getBoundingClientRect()); \
                 return all.slice(1).filter((r, n) => r.top < all[n].bottom - 1).length";
    assert_eq!(browser.run(above).await, 0);
}

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn mrkdwn_is_read_as_slack_does() {
    let inbox = Inbox::start().await.unwrap();
    let browser = open(&inbox).await;
    let cases = [
        ("*b* _i_ ~s~ `c`", "<b>b</b> <i>i</i> <s>s</s> <code>c</code>"),
        ("*a _b_ c*", "<b>a <i>b</i> c</b>"),
        ("a*b*c 2 * 3 * 4 snake_case_name", "a*b*c 2 * 3 * 4 snake_case_name"),
        ("* no* *no *", "* no* *no *"),
        ("*open\nend*", "*open\nend*"),
        ("`*b* _i_`", "<code>*b* _i_</code>"),
        ("a ``` x *b*\ny```", "a <pre> x *b*\ny</pre>"),
        ("&lt;b&gt; &amp;amp; &quot;", "&lt;b&gt; &amp;amp; &amp;quot;"),
        ("&gt; q\nr", "<blockquote>q</blockquote>r"),
        ("> one\n> two", "<blockquote>one\ntwo</blockquote>"),
        (">>> all\nof it", "<blockquote>all\nof it</blockquote>"),
        ("a > b", "a &gt; b"),
        ("a < b", "a &lt; b"),
        ("Vec<u8> and c > d", "Vec&lt;u8&gt; and c &gt; d"),
        ("`open *b*", "`open <b>b</b>"),
        (":thumbsup::skin-tone-3:", "👍🏼"),
        (":fire: :no_such_thing: 10:30:00", "🔥 :no_such_thing: 10:30:00"),
        ("@here https://a.example/x", "@here https://a.example/x"),
    ];
    let script = "const done = arguments[arguments.length - 1]; const given = arguments[0]; \
                  import('/page/script/mrkdwn.js').then(({ mrkdwn }) => { \
                  done(given.map(([text, parsing]) => { const box = document.createElement('div'); \
                  box.append(...mrkdwn(text, parsing ?? {})); return box.innerHTML; })); })";
    let run = async |given: Value| browser.client.execute_async(script, vec![given]).await.unwrap();
    let given: Vec<Value> = cases.iter().map(|(text, _)| json!([text])).collect();
    let shown = run(json!(given)).await;
    for (n, (text, expected)) in cases.iter().enumerate() {
        assert_eq!(shown[n], *expected, "{text:?}");
    }
    let links = [
        (
            "<https://a.example/?a=1&amp;b=2|docs &amp; more>",
            "https://a.example/?a=1&amp;b=2",
            "docs &amp; more",
        ),
        ("<https://a.example/>", "https://a.example/", "https://a.example/"),
        ("<mailto:a@a.example|mail>", "mailto:a@a.example", "mail"),
    ];
    for (text, url, label) in links {
        let expected =
            format!("<a href=\"{url}\" target=\"_blank\" rel=\"noopener noreferrer\">{label}</a>");
        assert_eq!(run(json!([[text]])).await[0], expected);
    }
    // What is no address of the web leads nowhere.
    let dead = run(json!([["<javascript:alert(1)|press>"]])).await;
    assert_eq!(dead[0], "<span class=\"dead-link\" title=\"javascript:alert(1)\">press</span>");
    let calls = [
        ("<!here>", "@here", true),
        ("<!subteam^S1|@ops>", "@S1", true),
        ("<!subteam^S1>", "@S1", true),
        ("<@U1|ann>", "@U1", true),
        ("<#C1|general>", "#general", false),
    ];
    for (text, name, calls) in calls {
        let shown = run(json!([[text]])).await[0].as_str().unwrap().to_owned();
        assert!(shown.contains(&format!(">{name}</span>")), "{shown}");
        assert_eq!(shown.contains("pill calls"), calls, "{shown}");
    }
    // Written out, they count where Slack is not told otherwise.
    let parsed =
        run(json!([["see https://a.example/ @here", { "urls": true, "names": true }]])).await;
    let parsed = parsed[0].as_str().unwrap();
    assert!(
        parsed.contains("<a href=\"https://a.example/\"") && parsed.contains("pill calls"),
        "{parsed}"
    );
    // By the reader's clock, and the fallback where the time can't be told.
    let dates = run(json!([
        ["<!date^1795349040^{date_num} {time_secs}|then>"],
        ["<!date^x^{time}|then>"],
        ["<!date^1^no|then>"]
    ]))
    .await;
    assert!(dates[0].as_str().unwrap().contains(">2026-11-22 "), "{dates}");
    assert!(
        dates[1].as_str().unwrap().contains(">then<")
            && dates[2].as_str().unwrap().contains(">then<"),
        "{dates}"
    );
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn each_block_is_shown() {
    let inbox = Inbox::start().await.unwrap();
    let browser = open(&inbox).await;
    let text = |text: &str| json!({ "type": "text", "text": text });
    let plain = |text: &str| json!({ "type": "plain_text", "text": text });
    let section =
        |elements: Vec<Value>| json!({ "type": "rich_text_section", "elements": elements });
    let payload = json!({ "channel": "alerts", "text": "only for notifications", "blocks": [
        { "type": "header", "text": plain("A header") },
        { "type": "section", "text": { "type": "mrkdwn", "text": "*section*" },
          "fields": [plain("field one"), plain("field two")],
          "accessory": { "type": "button", "text": plain("accessory"), "url": "https://a.example/" } },
        { "type": "context", "elements": [plain("context"), { "type": "image", "image_url": "https://a.example/i.png", "alt_text": "small" }] },
        { "type": "divider" },
        { "type": "rich_text", "elements": [
            section(vec![
                json!({ "type": "text", "text": "styled", "style": { "bold": true, "italic": true, "strike": true, "code": true, "underline": true, "highlight": true } }),
                json!({ "type": "link", "url": "https://a.example/", "text": "link" }),
                json!({ "type": "emoji", "name": "tada" }),
                json!({ "type": "emoji", "name": "nobody_knows", "unicode": "1f984" }),
                json!({ "type": "user", "user_id": "U1" }),
                json!({ "type": "usergroup", "usergroup_id": "S1" }),
                json!({ "type": "channel", "channel_id": "C1" }),
                json!({ "type": "broadcast", "range": "here" }),
                json!({ "type": "color", "value": "#ff0000" }),
                json!({ "type": "date", "timestamp": 1_795_349_040, "format": "{date_num}", "fallback": "x" }),
            ]),
            { "type": "rich_text_list", "style": "ordered", "offset": 2, "indent": 1, "elements": [section(vec![text("third")])] },
            { "type": "rich_text_list", "style": "bullet", "elements": [section(vec![text("dot")])] },
            { "type": "rich_text_quote", "elements": [text("quote")] },
            { "type": "rich_text_preformatted", "elements": [text("pre")] },
        ] },
        { "type": "actions", "elements": [
            { "type": "button", "text": plain("Open"), "url": "https://a.example/", "style": "primary" },
            { "type": "button", "text": plain("Asks") },
            { "type": "static_select", "placeholder": plain("Pick") } ] },
        { "type": "image", "image_url": "https://a.example/l.png", "alt_text": "large", "title": plain("Title") },
        { "type": "markdown", "text": "# markdown" },
        { "type": "table", "rows": [[{ "type": "raw_text", "text": "head" }], [{ "type": "raw_text", "text": "cell" }]] },
        { "type": "video", "title": plain("Video"), "title_url": "https://a.example/v", "video_url": "https://a.example/v",
          "thumbnail_url": "https://a.example/t", "alt_text": "video" },
    ] });
    call(&inbox, "chat.postMessage", &payload);
    call(
        &inbox,
        "chat.postMessage",
        &json!({ "channel": "alerts", "attachments": [{
        "color": "good", "pretext": "pretext", "author_name": "author", "title": "title",
        "title_link": "https://a.example/", "text": "older *text*", "footer": "footer", "ts": 1_795_349_040,
        "fields": [{ "title": "name", "value": "value", "short": true }] }] }),
    );
    browser.wait_for("return document.querySelectorAll('#timeline article').length === 2").await;
    let count = async |css: &str| {
        let script =
            format!("return document.querySelectorAll(`#timeline article ${{{css:?}}}`).length");
        browser.run(&script).await.as_u64().unwrap()
    };
    for css in [
        "h3",
        ".section b",
        ".fields > div:nth-child(2)",
        ".accessory a",
        ".context .picture",
        "hr",
        ".rich-text mark u s i b code",
        ".rich-text a",
        ".pill.calls",
        ".swatch",
        "time",
        "ol[start='3'].indent-1 li",
        "ul li",
        "blockquote",
        "pre",
        "a.button.primary",
        "button.button[disabled]",
        "figure figcaption",
        "th",
        "td",
        ".attachment .title a",
        ".field.short",
    ] {
        assert!(count(css).await > 0, "{css}");
    }
    assert_eq!(count(".unknown").await, 0);
    let shown = browser.run("return document.getElementById('timeline').textContent").await;
    let shown = shown.as_str().unwrap();
    for said in
        ["🎉", "🦄", "@U1", "@S1", "#C1", "@here", "2026-11-22", "Pick", "# markdown", "footer"]
    {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    // With blocks, the text is for notifications.
    assert!(!shown.contains("only for notifications"));
    let bar = browser
        .run("return getComputedStyle(document.querySelector('.bar')).backgroundColor")
        .await;
    assert_eq!(bar, "rgb(46, 184, 134)");
    browser.client.set_window_size(390, 800).await.unwrap();
    no_overflow(&browser).await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn a_message_under_the_glass_and_a_refused_one() {
    let inbox = Inbox::start().await.unwrap();
    let browser = open(&inbox).await;
    hook(
        &inbox,
        &json!({ "text": "down <!here> `GET /a`", "attachments": vec![json!({ "text": "a" }); 21] }),
    );
    browser.wait_for("return document.querySelector('#timeline article') !== null").await;
    browser.run("document.querySelector('.open-details').click()").await;
    browser.wait_for("return !document.getElementById('panel').hidden").await;
    let panel = async || {
        let text = browser.run("return document.getElementById('panel').innerText").await;
        text.as_str().unwrap().to_owned()
    };
    let shown = panel().await;
    for said in [
        "incoming-webhook: down @here GET /a",
        "Calls @here.",
        "21 attachments: Slack says never to send more than 20",
        "21 of 20 attachments",
        "of 4,000 bytes",
        "\"text\": \"down <!here> `GET /a`\"",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let long = "x".repeat(3001);
    let two_faults = json!({ "blocks": [
        { "type": "section", "text": { "type": "mrkdwn", "text": long } }, { "type": "alert" } ] });
    assert_eq!(hook(&inbox, &two_faults), "invalid_blocks");
    browser.wait_for("return document.querySelector('.refusal') !== null").await;
    let row = browser.run("return document.querySelector('.refusal').innerText").await;
    let row = row.as_str().unwrap();
    assert!(row.contains("Refused") && row.contains("must be less than 3001 characters"), "{row}");
    click(&browser, ".refusal").await;
    browser
        .wait_for("return document.getElementById('panel-title').textContent === 'Request'")
        .await;
    let shown = panel().await;
    for said in [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
        "[ERROR] unsupported type: alert [json-pointer:/blocks/1]",
        "/services/T0LOCAL/B0LOCAL/local",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn a_fault_from_the_page_makes_the_crate_back_off_until_it_is_stopped() {
    let inbox = Inbox::start().await.unwrap();
    let browser = open(&inbox).await;
    let (layer, handle) = start(bot(&inbox));
    click(&browser, "#open-faults").await;
    // 429 is what is chosen at first.
    fill(&browser, "#fault-retry-after", "1").await;
    click(&browser, "#play-fault").await;
    let banner = "return document.getElementById('fault-banner').innerText";
    browser
        .wait_for(&format!("{banner}.includes('429, Retry-After 1, until it is stopped')"))
        .await;

    answer(&layer, "/orders", 500).await;
    browser.wait_for("return document.querySelector('.refusal.fault') !== null").await;
    browser
        .wait_for("return document.querySelector('.refusal.fault').innerText.includes('2 times')")
        .await;
    // It came back after a second, not sooner.
    let at: Vec<_> = inbox.requests().iter().map(slack_inbox::Request::at).collect();
    assert!(at[1] - at[0] >= Duration::from_secs(1), "{:?}", at[1] - at[0]);
    assert!(inbox.messages().is_empty());
    assert_eq!(handle.stats().destinations()[0].account().pending(), 1);

    click(&browser, "#heal").await;
    browser.wait_for("return document.getElementById('fault-banner').hidden").await;
    inbox.wait_for(|message| message.text().contains("500 GET /orders"), SOON).await.unwrap();
    browser.wait_for("return document.querySelector('#timeline article') !== null").await;
    assert!(handle.flush(SOON).await.completed());
    assert_eq!(handle.stats().destinations()[0].account().delivered(), 1);

    // For so many requests; and what is wrong with an order is said.
    click(&browser, "#open-faults").await;
    browser.run("const k = document.getElementById('fault-kind'); k.value = 'status'; k.dispatchEvent(new Event('change'))").await;
    fill(&browser, "#fault-status", "503").await;
    fill(&browser, "#fault-requests", "2").await;
    click(&browser, "#play-fault").await;
    browser.wait_for(&format!("{banner}.includes('status 503, for 2 more requests')")).await;
    hook(&inbox, &json!({ "text": "a" }));
    browser.wait_for(&format!("{banner}.includes('for 1 more request')")).await;
    hook(&inbox, &json!({ "text": "b" }));
    browser.wait_for("return document.getElementById('fault-banner').hidden").await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn light_dark_and_small_are_readable() {
    let inbox = Inbox::start().await.unwrap();
    hook(
        &inbox,
        &json!({ "text": "`code` <!here> hello", "attachments": [{ "color": "#d32f2f", "text": "a" }] }),
    );
    hook(&inbox, &json!({}));
    let browser = open(&inbox).await;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    // Text against what is behind it, by WCAG's formula: at least 4.5.
    let contrast = "const lum = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
                    const parse = (c) => (c.match(/[\\d.]+/g) ?? []).map(Number); \
                    const behind = (e) => { for (let n = e; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor); if (c.length === 3 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; }; \
                    return [...document.querySelectorAll('#timeline *')].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())).map((e) => { \
                    const [a, b] = [lum(parse(getComputedStyle(e).color).slice(0, 3)), lum(behind(e))].sort((x, y) => y - x); \
                    return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 80)]; }).filter(([c]) => c < 4.5)";
    let mut grounds = Vec::new();
    for theme in ["light", "dark"] {
        browser.client.goto("about:blank").await.unwrap();
        browser.client.goto(&format!("{}?theme={theme}", inbox.page_url())).await.unwrap();
        browser.wait_for("return document.querySelectorAll('#timeline .refusal').length > 0").await;
        assert_eq!(browser.run(contrast).await, json!([]), "{theme}");
        grounds.push(browser.run(ground).await);
    }
    assert_eq!(grounds, [json!("rgb(255, 255, 255)"), json!("rgb(26, 29, 33)")]);
    // On a phone the panel is all there is, and closes again.
    browser.client.set_window_size(390, 800).await.unwrap();
    browser.run("document.querySelector('.open-details').click()").await;
    browser.wait_for("return !document.getElementById('panel').hidden").await;
    assert_eq!(browser.run("return document.getElementById('timeline').offsetWidth").await, 0);
    click(&browser, "#close-panel").await;
    browser.wait_for("return document.getElementById('panel').hidden").await;
    no_overflow(&browser).await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn the_page_finds_the_inbox_again() {
    let inbox = Inbox::start().await.unwrap();
    let port = inbox.address().port();
    let browser = open(&inbox).await;
    drop(inbox);
    browser.wait_for("return document.getElementById('connection').className === 'lost'").await;
    let inbox = Inbox::builder().port(port).start().unwrap();
    hook(&inbox, &json!({ "text": "back" }));
    browser
        .wait_for("return document.querySelector('article .text')?.textContent === 'back'")
        .await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs Chromium and ChromeDriver"]
async fn pages_that_are_left_keep_no_connection_and_other_channels_are_marked() {
    let inbox = Inbox::start().await.unwrap();
    hook(&inbox, &json!({ "text": "here" }));
    let browser = open(&inbox).await;
    // A browser opens six connections to a server, and keeps pages that are left.
    let loads = async {
        for _ in 0..8 {
            browser.client.goto("about:blank").await.unwrap();
            browser.client.goto(&inbox.page_url()).await.unwrap();
            browser
                .wait_for("return document.querySelectorAll('#timeline article').length === 1")
                .await;
        }
    };
    // Otherwise it waits until the browser gives one of them up, a minute long.
    tokio::time::timeout(Duration::from_secs(30), loads).await.expect("a connection for each");
    browser.client.back().await.unwrap();
    browser.client.back().await.unwrap();
    browser.wait_for("return document.getElementById('connection')?.textContent === 'live'").await;
    call(&inbox, "chat.postMessage", &json!({ "channel": "alerts", "text": "there" }));
    browser
        .wait_for(
            "return document.querySelector('#channels a[href=\"#/C0ALERTS\"].unread') !== null",
        )
        .await;
    hook(&inbox, &json!({ "text": "here again" }));
    browser.wait_for("return document.querySelectorAll('#timeline article').length === 2").await;
    click(&browser, "#channels .unread").await;
    browser
        .wait_for("return document.querySelector('#timeline .text').textContent === 'there'")
        .await;
    assert_eq!(
        browser.run("return document.querySelectorAll('#channels .unread').length").await,
        0
    );
    browser.close().await;
}
