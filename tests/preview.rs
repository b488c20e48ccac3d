//! The preview shows one of each message, and Slack would take each of them.

#[path = "../examples/shared/routes.rs"]
mod routes;
#[path = "../examples/preview/scenes.rs"]
mod scenes;
#[allow(dead_code, reason = "each who plays it asks it for a part")]
#[path = "../examples/shared/simulation.rs"]
mod simulation;
#[path = "../examples/preview/stage.rs"]
mod stage;
#[path = "../examples/preview/workers.rs"]
mod workers;

use scenes::SCENES;
use slack_inbox::Inbox;

/// What each scene is about, and a part of what it has to say.
const SAID: [(&str, &str); 21] = [
    ("hello", "🔔 [production] shop-api · test message"),
    ("failed", "ERROR shop::orders: could not save the order order=1234"),
    ("panicked", "scenes::price_of"),
    ("running", "🟠 [production] shop-api · still running 30 s · GET /reports/{year}"),
    ("hung", "🟡 [production] shop-api · slow 2 min 7 s · GET /reports/{year} · 200"),
    ("blocked", "by GET /export (2 threads), 38 requests waited"),
    ("cancelled", "⚪ [production] shop-api · cancelled after 20.0 s · PUT /uploads/{id}"),
    ("body-failed", "body failed GET /invoices/{year} · the cursor was closed · after 12.3 kB"),
    ("logged", "ERROR shop::prices · could not refresh, serving old ones"),
    ("storm", "many more: 500 POST /payments"),
    ("roll-up", "12 routes failing · connection refused (db:5432)"),
    ("digest", "500 POST /payments · 4 more · 6 since"),
    ("reminder", "still: 500 GET /invoices/{id}"),
    ("again", "again: 500 POST /login"),
    ("recovered", "🟢 [production] shop-api · recovered GET /search · 40 in"),
    ("quiet", "quiet: 500 POST /imports"),
    ("once", "⚪ [production] shop-api · once at"),
    ("silence", "silence over: /thumbnails/{id} · 34 held"),
    ("holding", "⏸ [production] shop-api · holding 6 incidents"),
    ("outage", "📭 [production] shop-api · alerts could not be delivered for 4 min"),
    ("no-longer-watched", "no longer watched: 500 DELETE /sessions/{id}"),
];

#[tokio::test]
async fn one_of_each() {
    stage::set();
    let names: Vec<&str> = SCENES.iter().map(|scene| scene.name).collect();
    assert_eq!(names, SAID.map(|(name, _)| name));
    for (scene, (name, said)) in SCENES.iter().zip(SAID) {
        let inbox = Inbox::start().await.unwrap();
        let _kept = (scene.play)(&inbox).await;
        let lines: Vec<String> =
            inbox.messages().iter().flat_map(slack_inbox::Message::lines).collect();
        assert!(
            lines.iter().any(|line| line.contains(said)),
            "{name}, {}: {lines:#?}",
            scene.about
        );
        let refused = inbox.requests().into_iter().filter(|request| request.outcome() != "ok");
        let refused: Vec<String> = refused.map(|request| request.outcome().to_owned()).collect();
        assert!(name == "outage" || refused.is_empty(), "{name}: {refused:?}");
    }
}
