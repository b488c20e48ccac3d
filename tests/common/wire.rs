//! [`Wire`]: a server that plays what a mock can't, byte by byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What it does once it has read a request.
pub(crate) enum Play {
    /// Writes this, and waits for the next request.
    Answer(Vec<u8>),
    /// Writes this, and closes the connection.
    Close(Vec<u8>),
    /// Writes this, and then the same block until nobody takes it any more.
    Flood(Vec<u8>),
}

impl Play {
    /// What Slack says when it has taken a message.
    pub(crate) fn ok() -> Self {
        Play::Answer(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec())
    }
}

/// A server on loopback that plays what it is told, by the number of the
/// request; requests are kept as they came.
pub(crate) struct Wire {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    gave_up: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn start(play: impl Fn(usize) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, gave_up) = (Arc::<Mutex<Vec<String>>>::default(), Arc::default());
        let wire = Wire { port, requests: Arc::clone(&requests), gave_up: Arc::clone(&gave_up) };
        let play = Arc::new(play);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (play, requests) = (Arc::clone(&play), Arc::clone(&requests));
                let gave_up: Arc<AtomicBool> = Arc::clone(&gave_up);
                thread::spawn(move || serve(stream, &*play, &requests, &gave_up));
            }
        });
        wire
    }

    pub(crate) fn webhook(&self) -> String {
        format!("http://127.0.0.1:{}/services/T0/B0/wire", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Whether the other side stopped taking a flood.
    pub(crate) fn was_left(&self) -> bool {
        self.gave_up.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    play: &dyn Fn(usize) -> Play,
    requests: &Mutex<Vec<String>>,
    gave_up: &AtomicBool,
) {
    while let Some(request) = read_request(&mut stream) {
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        match play(number) {
            Play::Answer(bytes) => {
                if stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            Play::Close(bytes) => {
                let _left = stream.write_all(&bytes);
                let _closed = stream.shutdown(Shutdown::Both);
                return;
            }
            Play::Flood(head) => {
                let _left = stream.write_all(&head);
                while stream.write_all(&[b'x'; 64 * 1024]).is_ok() {}
                gave_up.store(true, Ordering::SeqCst);
                return;
            }
        }
    }
}

/// A request with its body; `None` when there is no more.
pub(crate) fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        read.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&read).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    read.extend(body);
    Some(String::from_utf8_lossy(&read).into_owned())
}
