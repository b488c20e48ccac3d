//! The engine by long examples: what a channel is told from the first failure
//! to the last word, line by line.

use super::bench::*;
use super::story::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::incident::{Broadcast, Matcher, Mention, MentionRule};
use crate::observation::{Kind, Site};

/// The same for a webhook and for a bot.
fn both(policy: &IncidentPolicy, story: impl Fn(&mut Story)) -> String {
    let tell = |title: &str, roles: &[Role]| {
        let mut told = Story::new(policy.clone(), roles);
        story(&mut told);
        format!("{title}\n{}", told.end())
    };
    format!("{}\n{}", tell("webhook", WEBHOOK), tell("bot", BOT))
}

fn site(line: u32) -> Key {
    Key::Panic { site: Site::new("a.rs", line, None) }
}

#[test]
fn fails_ends_and_comes_back() {
    let key = failed("/a");
    insta::assert_snapshot!(both(&IncidentPolicy::default(), |story| {
        story.observe(&key, 1);
        story.go_on(&key, 3, 20, 900);
        story.happens("requests go well", |bench| bench.succeed("/a", 400));
        story.at(2_000);
        story.observe(&key, 2);
        story.happens("requests go well", |bench| bench.succeed("/a", 10));
        story.at(3_000);
        // Too late to be the same incident.
        story.at(8_000);
        story.observe(&key, 1);
        story.at(10_000);
    }));
}

#[test]
fn goes_on_for_a_day() {
    let key = failed("/a");
    insta::assert_snapshot!(both(&IncidentPolicy::default(), |story| {
        story.observe(&key, 1);
        story.go_on(&key, 1, 240, 90_000);
        story.at(95_000);
    }));
}

#[test]
fn hangs_and_ends() {
    let key = slow("/a");
    insta::assert_snapshot!(both(&IncidentPolicy::default(), |story| {
        let begun = story.bench.now.mono;
        // What is told while it runs is counted then, and again only if its end is worse.
        let running = |count, second| {
            let since = begun + second * SECOND;
            Input::Hanging(vec![StillRunning { key: key.clone(), count, since }])
        };
        let ends = |bench: &mut Bench| {
            let mut end = observed(key.clone(), 0, bench.now.mono);
            end.counts.span = Some((bench.now.mono, bench.now.mono));
            bench.handle(Input::Observed(vec![end]));
        };
        story.at(31);
        story.happens("3 run", |bench| {
            bench.observe(&key, 3);
            bench.handle(running(3, 1));
        });
        story.at(400);
        story.happens("2 more", |bench| {
            bench.observe(&key, 2);
            bench.handle(running(5, 1));
        });
        story.at(1_000);
        story.happens("2 end slow, 3 run", |bench| {
            ends(bench);
            bench.handle(running(3, 1));
        });
        story.at(1_500);
        story.happens("one more ends, 2 run", |bench| {
            ends(bench);
            bench.handle(running(2, 900));
        });
        story.at(6_000);
        story.happens("one ends, 1 runs", |bench| bench.handle(running(1, 900)));
        story.at(9_000);
        story.happens("it ends slow", |bench| {
            ends(bench);
            bench.handle(Input::Hanging(Vec::new()));
        });
        story.at(9_900);
        story.happens("1 runs again", |bench| {
            bench.observe(&key, 1);
            bench.handle(running(1, 9_870));
        });
        story.at(10_000);
        story.happens("nobody knows how it ended", |bench| {
            bench.handle(Input::Hanging(Vec::new()));
        });
        story.at(14_000);
    }));
}

#[test]
fn more_than_the_budget() {
    let policy = IncidentPolicy::default().budget(5, 3);
    insta::assert_snapshot!(both(&policy, |story| {
        let mut line = 0;
        let mut panics = |story: &mut Story, count: u32| {
            let keys: Vec<Key> = (line..line + count).map(site).collect();
            line += count;
            story.happens(&format!("{count} panics"), |bench| bench.observe_all(&keys));
        };
        panics(story, 8);
        story.at(10);
        panics(story, 2);
        story.at(20);
        story.observe(&site(7), 5);
        story.at(300);
        story.observe(&slow("/s"), 1);
        story.at(590);
        story.observe(&site(0), 1);
        story.at(700);
        panics(story, 1);
        story.at(1_900);
        // Again, once all of it is long over.
        story.at(9_000);
        panics(story, 7);
        story.at(9_300);
        story.observe(&site(16), 1);
        story.at(11_000);
    }));
}

#[test]
fn routes_fail_together() {
    let routes: Vec<Key> = (0..6).map(|n| failed(&format!("/r{n}"))).collect();
    insta::assert_snapshot!(both(&IncidentPolicy::default(), |story| {
        story.observe(&routes[0], 2);
        story.at(3);
        story.happens("five more", |bench| bench.observe_all(&routes[1..]));
        story.at(30);
        story.happens("one route fails otherwise", |bench| {
            bench.observe(&slow("/r0"), 1);
        });
        story.at(100);
        story.observe(&failed("/late"), 4);
        story.go_on(&routes[2], 2, 60, 700);
        story.happens("all go well", |bench| {
            for n in 0..6 {
                bench.succeed(&format!("/r{n}"), 100);
            }
        });
        story.observe(&failed("/alone"), 1);
        story.at(1_400);
        // It comes back as one, and with other routes.
        story.happens("four fail", |bench| {
            bench.observe_all(&routes[..3]);
            bench.observe(&failed("/other"), 1);
        });
        story.at(3_000);
        // Too late: a new one.
        story.at(9_000);
        story.happens("all fail", |bench| bench.observe_all(&routes));
        story.at(12_000);
    }));
}

#[test]
fn routes_hang_together() {
    let routes: Vec<Key> = (0..5).map(|n| slow(&format!("/r{n}"))).collect();
    insta::assert_snapshot!(both(&IncidentPolicy::default(), |story| {
        let begun = story.bench.now.mono;
        let run = |which: &[Key], count| {
            let one = |key: &Key| StillRunning { key: key.clone(), count, since: begun };
            Input::Hanging(which.iter().map(one).collect())
        };
        story.at(30);
        story.happens("one each hangs on all", |bench| {
            bench.observe_all(&routes);
            bench.handle(run(&routes, 1));
        });
        story.at(90);
        story.happens("on two they end", |bench| bench.handle(run(&routes[2..], 1)));
        story.at(1_000);
        story.happens("two each on the others", |bench| {
            bench.observe_all(&routes[2..]);
            bench.handle(run(&routes[2..], 2));
        });
        story.at(5_000);
        story.happens("all end", |bench| bench.handle(Input::Hanging(Vec::new())));
        story.at(8_000);
    }));
}

#[test]
fn kept_quiet() {
    let (a, b) = (failed("/a"), failed("/b"));
    insta::assert_snapshot!(both(&IncidentPolicy::default(), |story| {
        story.observe(&a, 1);
        story.at(10);
        story.happens("a silence of /a for 10 minutes", |bench| {
            bench.silence(Matcher::all().route("/a"), 10 * MINUTE);
        });
        story.go_on(&a, 2, 60, 500);
        story.observe(&b, 1);
        story.at(605);
        story.happens("a silence of all for a minute, that holds nothing", |bench| {
            bench.handle(Input::Silence { id: 2, matcher: Matcher::all(), lasting: MINUTE });
        });
        story.at(700);
        story.happens("a silence of all for a minute, over what is not told yet", |bench| {
            bench.handle(Input::Silence { id: 3, matcher: Matcher::all(), lasting: MINUTE });
        });
        story.observe(&failed("/c"), 7);
        story.observe(&a, 1);
        story.at(2_000);
    }));
}

#[test]
fn nothing_gets_through() {
    insta::assert_snapshot!(both(&IncidentPolicy::default(), |story| {
        let begun = story.bench.now.mono;
        story.observe(&failed("/a"), 1);
        story.is_stuck = true;
        story.at(20);
        story.observe(&failed("/a"), 4);
        story.observe(&failed("/b"), 2);
        story.observe(&slow("/over"), 1);
        story.happens("an outage since the beginning", |bench| {
            bench.handle(Input::Outage { destination: 0, since: begun });
        });
        story.at(900);
        story.observe(&failed("/a"), 2);
        story.observe(&failed("/new"), 3);
        story.is_stuck = false;
        story.happens("Slack is back", |_| {});
        story.at(2_000);
    }));
}

#[test]
fn somebody_is_mentioned() {
    let policy = IncidentPolicy {
        mentions: vec![
            MentionRule::new(Mention::group("S1")).kind(Kind::Panicked),
            MentionRule::new(Mention::here()).kind(Kind::Failed).at_count(10),
        ],
        ..IncidentPolicy::default()
    };
    insta::assert_snapshot!(both(&policy, |story| {
        story.observe(&failed("/a"), 5);
        story.at(30);
        story.observe(&failed("/a"), 6);
        story.at(60);
        story.observe(&site(1), 1);
        story.at(90);
        story.observe(&site(2), 1);
        story.observe(&failed("/b"), 50);
        story.at(1_000);
        story.go_on(&failed("/b"), 1, 100, 2_400);
        story.at(4_000);
    }));
}

#[test]
fn below_a_threshold() {
    let policy = told_after(Kind::Slow, 5, MINUTE);
    let key = slow("/a");
    insta::assert_snapshot!(both(&policy, |story| {
        story.observe(&key, 4);
        story.at(59);
        story.observe(&key, 1);
        story.at(61);
        story.observe(&key, 3);
        story.at(118);
        story.observe(&key, 1);
        story.at(1_000);
        story.observe(&key, 2);
        story.happens("one of them hangs", |bench| bench.hang(&[(&key, 1)]));
        story.at(1_500);
        story.happens("it ends", |bench| bench.handle(Input::Hanging(Vec::new())));
        story.at(3_000);
    }));
}

#[test]
fn three_replicas_take_turns() {
    let policy = IncidentPolicy { replicas: 3, ..IncidentPolicy::default() };
    insta::assert_snapshot!(both(&policy, |story| {
        story.observe(&failed("/a"), 1);
        story.go_on(&failed("/a"), 1, 60, 1_200);
        story.at(2_000);
    }));
}

#[test]
fn each_by_itself() {
    insta::assert_snapshot!(both(&IncidentPolicy::every_event(), |story| {
        story.observe(&failed("/a"), 1);
        story.at(1);
        story.observe(&failed("/a"), 3);
        story.observe(&failed("/b"), 1);
        story.at(1_000);
        story.observe(&failed("/a"), 1);
        story.at(2_000);
    }));
}

#[test]
fn shown_to_the_channel_always_or_never() {
    let key = failed("/a");
    let told = [Broadcast::Always, Broadcast::Never].map(|broadcast| {
        let policy = IncidentPolicy::default().broadcast(broadcast).budget(3, 2);
        let mut story = Story::new(policy, BOT);
        story.observe(&key, 1);
        story.go_on(&key, 10, 60, 700);
        story.happens("more than the budget", |bench| {
            bench.observe_all(&(0..4).map(site).collect::<Vec<_>>());
        });
        story.at(5_000);
        format!("{broadcast:?}\n{}", story.end())
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_fallback_takes_over() {
    let mut story = Story::new(IncidentPolicy::default(), &[EDITS, FALLBACK]);
    story.bench.handle(Input::Standby { destination: 1, stands_by: true });
    story.observe(&failed("/a"), 1);
    story.at(60);
    story.happens("the fallback speaks", |bench| {
        bench.handle(Input::Standby { destination: 1, stands_by: false });
    });
    story.observe(&failed("/a"), 2);
    story.observe(&failed("/b"), 1);
    story.at(300);
    story.happens("it stands by again", |bench| {
        bench.handle(Input::Standby { destination: 1, stands_by: true });
    });
    story.observe(&failed("/a"), 1);
    story.at(3_000);
    insta::assert_snapshot!(story.end());
}

#[test]
fn the_process_stops() {
    for (name, open) in [("one", 1), ("several", 3)] {
        let told = both(&IncidentPolicy::default().roll_up_at(0), |story| {
            story.observe(&slow("/over"), 1);
            story.at(400);
            for n in 0..open {
                story.observe(&failed(&format!("/r{n}")), 1 + n);
            }
            story.at(410);
            story.happens("2 × cut", |bench| bench.observe(&Key::Cut, 2));
            story.observe(&failed("/r0"), 5);
            story.happens("it stops", |bench| bench.handle(Input::Stop));
            story.at(420);
        });
        insta::assert_snapshot!(format!("the_process_stops_with_{name}"), told);
    }
}
