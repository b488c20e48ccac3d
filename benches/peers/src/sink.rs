//! [`Sink`]: a Slack that counts its posts, and does not always answer.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How a sink answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// 200 after 50 ms.
    Answers,
    /// Takes the post, and says nothing.
    Hangs,
    /// 503 at once.
    Refuses,
    /// 429 with `Retry-After: 1`.
    Limits,
}

/// A Slack, or a Sentry, on loopback.
#[derive(Debug)]
pub struct Sink {
    port: u16,
    posts: Arc<Mutex<Vec<Instant>>>,
}

impl Sink {
    /// Listens on any port until the process ends.
    ///
    /// # Errors
    ///
    /// If there is no port.
    pub fn start(manner: Manner) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let posts = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&posts);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || {
                    // A connection that breaks is over.
                    let _broken = serve(stream, manner, &seen);
                });
            }
        });
        Ok(Sink { port, posts })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// When each post came.
    #[must_use]
    pub fn posts(&self) -> Vec<Instant> {
        self.posts.lock().map(|posts| posts.clone()).unwrap_or_default()
    }
}

/// By how many posts the busiest time exceeds one a second: 3 is the most
/// where any `t` seconds see at most `3 + t`.
#[must_use]
pub fn burst(posts: &[Instant]) -> f64 {
    let mut most = f64::from(u8::from(!posts.is_empty()));
    for (at, first) in posts.iter().enumerate() {
        for (count, last) in posts.iter().skip(at).enumerate() {
            let span = last.duration_since(*first).as_secs_f64();
            most = most.max((count + 1) as f64 - span);
        }
    }
    most
}

fn serve(stream: TcpStream, manner: Manner, posts: &Mutex<Vec<Instant>>) -> io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut requests = BufReader::new(stream);
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        io::copy(&mut requests.by_ref().take(length), &mut io::sink())?;
        if let Ok(mut posts) = posts.lock() {
            posts.push(Instant::now());
        }
        let answer = match manner {
            Manner::Answers => {
                thread::sleep(Duration::from_millis(50));
                "200 OK\r\ncontent-length: 2\r\n\r\nok"
            }
            Manner::Hangs => {
                // Until the other side gives up.
                let _ended = requests.read(&mut [0]);
                return Ok(());
            }
            Manner::Refuses => "503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            Manner::Limits => {
                "429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
            }
        };
        answers.write_all(format!("HTTP/1.1 {answer}").as_bytes())?;
    }
}
