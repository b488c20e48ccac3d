//! What may happen to a service, and to the people in its channel.

use std::future::Future;
use std::pin::Pin;

use super::channel::{Channel, Mode};
use super::routes::ROUTES;
use super::simulation::{DAY, HOUR, MINUTE, SECOND, Simulation};

/// Something that may happen to a service.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) play: fn(Mode) -> Pin<Box<dyn Future<Output = String>>>,
}

pub(crate) const SCENES: [Scene; 10] = [
    Scene {
        name: "storm",
        about: "the database is down for 10 minutes: 12 routes, 300 errors a second; 20 minutes \
                after it recovered, the same error again",
        play: |mode| Box::pin(async move { storm(mode).await.0.seen() }),
    },
    Scene {
        name: "replicas",
        about: "the same storm, seen by 4 replicas that share the channel and Slack's limits",
        play: |mode| Box::pin(async move { replicas(mode).await.0.seen() }),
    },
    Scene {
        name: "daily",
        about: "one 500 a day, for four days",
        play: |mode| Box::pin(async move { daily(mode).await.seen() }),
    },
    Scene {
        name: "trickle",
        about: "one failure each 15 seconds, over 12 routes, for 20 minutes",
        play: |mode| Box::pin(async move { trickle(mode).await.seen() }),
    },
    Scene {
        name: "known-bug",
        about: "a known bug, once a minute for two days",
        play: |mode| Box::pin(async move { known_bug(mode).await.seen() }),
    },
    Scene {
        name: "deploy",
        about: "a rolling deploy with an open incident, and requests that it cuts",
        play: |mode| Box::pin(async move { deploy(mode).await.seen() }),
    },
    Scene {
        name: "bots",
        about: "bots try 2,000 unknown paths with made-up methods, and each is a 500",
        play: |mode| Box::pin(async move { bots(mode).await.seen() }),
    },
    Scene {
        name: "hung",
        about: "requests that hang and end as 200, as 500, cancelled, and never",
        play: |mode| Box::pin(async move { hung(mode).await.seen() }),
    },
    Scene {
        name: "hung-together",
        about: "six requests hang at once; four end well, one as a 500, one never",
        play: |mode| Box::pin(async move { hung_together(mode).await.seen() }),
    },
    Scene {
        name: "slow-storm",
        about: "everything is slow for 5 minutes, and some of it fails",
        play: |mode| Box::pin(async move { slow_storm(mode).await.seen() }),
    },
];

const DOWN: &str = "connection refused (db:5432)";

/// One process, and the channel that it tells.
async fn one_process(mode: Mode) -> (Simulation, Channel) {
    let mut simulation = Simulation::new();
    let channel = Channel::new(mode, &simulation.clock, true);
    simulation.start("pod-7", channel.destination(), |config| config).await;
    (simulation, channel)
}

/// A second of the storm: 300 failures, and 5 requests that get through. At
/// first it is played in tenths, since much happens then.
async fn second(simulation: &Simulation, processes: usize, number: usize) {
    for tenth in 0..10 {
        for n in 0..30 {
            let at = tenth * 30 + n;
            let (method, path) = ROUTES[at % ROUTES.len()];
            let because = if at % 12 == 11 { "no stock" } else { DOWN };
            let process = at / ROUTES.len() % processes;
            simulation.answer_because(process, method, path, 500, because).await;
        }
        if tenth % 2 == 0 {
            let (method, path) = ROUTES[tenth % ROUTES.len()];
            simulation.answer((tenth / 2 + number) % processes, method, path, 200).await;
        }
        if number < 15 {
            simulation.pass(SECOND / 10).await;
        }
    }
    if number >= 15 {
        simulation.pass(SECOND).await;
    }
}

/// A second in which all goes well.
async fn well(simulation: &Simulation, processes: usize) {
    for n in 0..4 {
        for (method, path) in ROUTES {
            simulation.answer(n % processes, method, path, 200).await;
        }
    }
    simulation.pass(SECOND).await;
}

/// The channel, and how many failures it was told of.
pub(crate) async fn storm(mode: Mode) -> (Channel, u64) {
    let (simulation, channel) = one_process(mode).await;
    for number in 0..600 {
        second(&simulation, 1, number).await;
    }
    for _ in 0..300 {
        well(&simulation, 1).await;
    }
    let told = simulation.stats(0).observed();
    simulation.pass(20 * MINUTE).await;
    simulation.answer_because(0, "POST", "/orders", 500, DOWN).await;
    for _ in 0..20 {
        well(&simulation, 1).await;
    }
    simulation.pass(15 * MINUTE).await;
    end(&simulation, 1, &channel);
    (channel, told)
}

pub(crate) async fn replicas(mode: Mode) -> (Channel, u64) {
    let mut simulation = Simulation::new();
    let channel = Channel::new(mode, &simulation.clock, true);
    for n in 0..4 {
        simulation
            .start(&format!("pod-{n}"), channel.destination(), |config| config.replicas(4))
            .await;
    }
    for number in 0..600 {
        second(&simulation, 4, number).await;
    }
    for _ in 0..400 {
        well(&simulation, 4).await;
    }
    let told = (0..4).map(|n| simulation.stats(n).observed()).sum();
    end(&simulation, 4, &channel);
    (channel, told)
}

pub(crate) async fn daily(mode: Mode) -> Channel {
    let (simulation, channel) = one_process(mode).await;
    for _ in 0..4 {
        simulation.answer_because(0, "POST", "/orders", 500, "deadlock detected").await;
        simulation.pass(2 * SECOND).await;
        for _ in 0..214 {
            simulation.answer(0, "POST", "/orders", 200).await;
        }
        simulation.pass(DAY).await;
    }
    end(&simulation, 1, &channel);
    channel
}

pub(crate) async fn trickle(mode: Mode) -> Channel {
    let (simulation, channel) = one_process(mode).await;
    for n in 0..80 {
        let (method, path) = ROUTES[n % ROUTES.len()];
        simulation.answer_because(0, method, path, 500, DOWN).await;
        simulation.answer(0, method, path, 200).await;
        simulation.pass(15 * SECOND).await;
    }
    for _ in 0..10 {
        well(&simulation, 1).await;
    }
    simulation.pass(15 * MINUTE).await;
    end(&simulation, 1, &channel);
    channel
}

pub(crate) async fn known_bug(mode: Mode) -> Channel {
    let (simulation, channel) = one_process(mode).await;
    for _ in 0..2 * 24 * 60 {
        simulation.answer_because(0, "GET", "/invoices/3", 500, "no such column: vat").await;
        simulation.answer(0, "GET", "/invoices/3", 200).await;
        simulation.pass(MINUTE).await;
    }
    simulation.answer(0, "GET", "/invoices/3", 200).await;
    simulation.pass(HOUR).await;
    end(&simulation, 1, &channel);
    channel
}

pub(crate) async fn deploy(mode: Mode) -> Channel {
    let mut simulation = Simulation::new();
    let channel = Channel::new(mode, &simulation.clock, true);
    simulation.start("pod-1", channel.destination(), |config| config).await;
    for n in 0..120 {
        simulation.answer_because(0, "POST", "/payments", 500, "card declined twice").await;
        if n % 30 == 0 {
            simulation.answer_because(0, "GET", "/stock", 500, "no stock").await;
        }
        simulation.pass(SECOND).await;
    }
    // Three requests run when the old process is told to stop.
    let running: Vec<_> = (0..3).map(|_| simulation.begin(0, "GET", "/reports/2026")).collect();
    simulation.start("pod-2", channel.destination(), |config| config.release("1.8.3")).await;
    simulation.pass(10 * SECOND).await;
    simulation.handle(0).draining();
    drop(running);
    let report = simulation.handle(0).shutdown(5 * SECOND).await;
    assert!(report.completed(), "{report}");
    // The new process has the bug as well.
    for _ in 0..30 {
        simulation.answer_because(1, "POST", "/payments", 500, "card declined twice").await;
        simulation.pass(SECOND).await;
    }
    simulation.answer(1, "POST", "/payments", 200).await;
    simulation.pass(10 * MINUTE).await;
    channel
}

pub(crate) async fn bots(mode: Mode) -> Channel {
    let (simulation, channel) = one_process(mode).await;
    let words = ["wp-admin", "phpmyadmin", "env", "backup", "cgi-bin", "shell", "vendor", "api"];
    for n in 0..2_000_usize {
        let path = format!("/{}/{}-{}", words[n % 8], words[n / 8 % 8], words[n / 64 % 8]);
        let method = format!("{}{n}", ["GIMME", "PWN", "X-"][n % 3]);
        simulation.answer(0, &method, &path, 500).await;
        if n % 10 == 9 {
            simulation.pass(SECOND).await;
        }
    }
    simulation.pass(15 * MINUTE).await;
    end(&simulation, 1, &channel);
    channel
}

pub(crate) async fn hung(mode: Mode) -> Channel {
    let (simulation, channel) = one_process(mode).await;
    // 2 minutes 7 seconds, and nobody would have found it in a log file.
    let fine = simulation.begin(0, "GET", "/reports/2026");
    simulation.pass(127 * SECOND).await;
    fine.answer(200);
    simulation.pass(40 * MINUTE).await;
    let failing = simulation.begin(0, "POST", "/payments");
    simulation.pass(75 * SECOND).await;
    failing.answer(500);
    simulation.pass(40 * MINUTE).await;
    let cancelled = simulation.begin(0, "GET", "/export");
    simulation.pass(60 * SECOND).await;
    drop(cancelled);
    simulation.pass(40 * MINUTE).await;
    let never = simulation.begin(0, "GET", "/stock");
    simulation.pass(5 * HOUR).await;
    end(&simulation, 1, &channel);
    drop(never);
    channel
}

pub(crate) async fn hung_together(mode: Mode) -> Channel {
    let (simulation, channel) = one_process(mode).await;
    let mut running: Vec<_> =
        ROUTES.iter().take(6).map(|(method, path)| simulation.begin(0, method, path)).collect();
    let never = running.pop();
    simulation.pass(MINUTE).await;
    running.pop().unwrap().answer(500);
    for pending in running {
        simulation.pass(20 * SECOND).await;
        pending.answer(200);
    }
    simulation.pass(3 * HOUR).await;
    end(&simulation, 1, &channel);
    drop(never);
    channel
}

pub(crate) async fn slow_storm(mode: Mode) -> Channel {
    let (simulation, channel) = one_process(mode).await;
    for n in 0..60_usize {
        let mut running = Vec::new();
        for (method, path) in ROUTES.iter().take(6) {
            running.push(simulation.begin(0, method, path));
        }
        simulation.pass(5 * SECOND).await;
        for (m, pending) in running.into_iter().enumerate() {
            pending.answer(if m == 0 && n % 2 == 0 { 504 } else { 200 });
        }
    }
    for _ in 0..10 {
        well(&simulation, 1).await;
    }
    simulation.pass(15 * MINUTE).await;
    end(&simulation, 1, &channel);
    channel
}

/// The scene is over: everything that was observed is told, and nothing else.
fn end(simulation: &Simulation, processes: usize, channel: &Channel) {
    channel.close();
    for process in 0..processes {
        let stats = simulation.stats(process);
        for destination in stats.destinations() {
            let account = destination.account();
            assert_eq!(account.accounted(), stats.observed(), "{stats:?}");
            let told = account.delivered() + account.coalesced();
            assert_eq!(told + account.pending(), stats.observed(), "{stats:?}");
        }
    }
}
