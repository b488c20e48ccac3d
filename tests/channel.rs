//! The channel as a person would see it, in storms and in smaller troubles:
//! the scenes of `examples/storm`, as snapshots.

#[path = "../examples/storm/channel.rs"]
mod channel;
#[path = "../examples/shared/routes.rs"]
mod routes;
#[path = "../examples/storm/scenes.rs"]
mod scenes;
#[allow(dead_code, reason = "each who plays it asks it for a part")]
#[path = "../examples/shared/simulation.rs"]
mod simulation;

use channel::{Channel, Mode};
use scenes::SCENES;

const BOTH: [Mode; 2] = [Mode::Bot, Mode::Webhook];

/// What the issue allows of a storm: how many messages, and the true total.
fn check(channel: &Channel, mode: Mode, told: u64, bot: usize, webhook: usize) {
    assert_eq!(told, 180_000);
    let allowed = if mode == Mode::Bot { bot } else { webhook };
    assert!(channel.visible() <= allowed, "{mode}: {} seen", channel.visible());
    assert!(channel.most_edits_a_minute() <= 50, "{} edits", channel.most_edits_a_minute());
    assert!(channel.seen().contains("recovered: 12 routes"), "no recovery");
}

async fn play(name: &str, mode: Mode) -> String {
    let scene = SCENES.iter().find(|scene| scene.name == name).expect("a scene");
    format!("{}\n\n{}", scene.about, (scene.play)(mode).await)
}

macro_rules! snapshots {
    ($($test:ident: $name:literal),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                for mode in BOTH {
                    insta::assert_snapshot!(
                        format!("{}-{mode}", $name),
                        play($name, mode).await
                    );
                }
            }
        )*

        #[test]
        fn every_scene_is_tested() {
            let tested = ["storm", "replicas", $($name),*];
            assert!(SCENES.iter().all(|scene| tested.contains(&scene.name)));
        }
    };
}

snapshots! {
    one_failure_a_day: "daily",
    a_trickle_over_twelve_routes: "trickle",
    a_known_bug_for_two_days: "known-bug",
    a_rolling_deploy: "deploy",
    bots_on_unknown_paths: "bots",
    requests_that_hang: "hung",
    requests_that_hang_together: "hung-together",
    everything_slow: "slow-storm",
}

#[tokio::test]
async fn a_storm_is_a_handful_of_messages_with_the_true_total() {
    for mode in BOTH {
        let (channel, told) = scenes::storm(mode).await;
        check(&channel, mode, told, 8, 14);
        let seen = channel.seen();
        assert!(
            seen.contains("180\u{a0}000 in 10 min") || seen.contains("180\u{a0}000 in 9 min 59 s")
        );
        // The same error 20 minutes later.
        assert!(seen.contains("again: 500 POST /orders"), "{seen}");
        insta::assert_snapshot!(format!("storm-{mode}"), seen);
    }
}

#[tokio::test]
async fn four_replicas_share_one_channel_through_a_webhook() {
    four_replicas(Mode::Webhook).await;
}

#[tokio::test]
async fn four_replicas_share_one_channel_through_a_bot() {
    four_replicas(Mode::Bot).await;
}

async fn four_replicas(mode: Mode) {
    let (channel, told) = scenes::replicas(mode).await;
    check(&channel, mode, told, 16, 32);
    insta::assert_snapshot!(format!("replicas-{mode}"), channel.seen());
}

#[tokio::test]
async fn a_scene_is_the_same_each_time() {
    assert_eq!(play("trickle", Mode::Bot).await, play("trickle", Mode::Bot).await);
}
