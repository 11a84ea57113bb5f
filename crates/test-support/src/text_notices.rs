use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::stack::Stack;

const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(20);

/// A subscriber that receives the same form of a notice as e-mail: an HTTP address, for which a notice has no form of its
/// own. The emulators deliver no e-mail.
#[derive(Debug)]
pub struct TextNotices {
    posts: Mutex<Receiver<Value>>,
}

impl TextNotices {
    /// Subscribes an address of this machine to the topic of the stack.
    ///
    /// # Panics
    /// When the emulator does not confirm the subscription.
    pub fn subscribe(stack: &Stack) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let address = format!("http://{}/", listener.local_addr().expect("the address"));
        let (sender, posts) = channel();
        std::thread::spawn(move || {
            for connection in listener.incoming().filter_map(Result::ok) {
                if sender.send(read_post(connection)).is_err() {
                    return;
                }
            }
        });
        let topic = ["--topic-arn", stack.env("TOPIC_ARN")];
        stack.aws(
            &[&["sns", "subscribe", "--protocol", "http", "--notification-endpoint", &address], &topic[..]].concat(),
        );
        let confirmation = posts.recv_timeout(ARRIVAL_TIMEOUT).expect("the confirmation");
        let token = confirmation["Token"].as_str().expect("a token");
        stack.aws(&[&["sns", "confirm-subscription", "--token", token], &topic[..]].concat());
        Self { posts: Mutex::new(posts) }
    }

    /// Waits for the notice that contains a text, and returns it.
    ///
    /// # Panics
    /// When it does not arrive in time.
    pub async fn containing(&self, text: &str) -> String {
        let posts = self.posts.lock().await;
        loop {
            let post = posts.recv_timeout(ARRIVAL_TIMEOUT).unwrap_or_else(|_| panic!("no notice contains {text}"));
            let message = post["Message"].as_str().unwrap_or_default();
            if message.contains(text) {
                return message.to_owned();
            }
        }
    }
}

/// Reads the body of a POST as JSON and answers 200.
fn read_post(mut connection: TcpStream) -> Value {
    let mut reader = BufReader::new(connection.try_clone().expect("share the connection"));
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    let read = reader.read_exact(&mut body);
    let _sent = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    if read.is_ok() { serde_json::from_slice(&body).unwrap_or_default() } else { Value::Null }
}
