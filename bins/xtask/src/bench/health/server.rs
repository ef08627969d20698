//! A server that answers every health question after a while, but for those that it leaves hanging.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// It runs until the program ends.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
}

impl Server {
    pub(super) fn start(delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection that breaks off is the contender's business.
                thread::spawn(move || drop(serve(&stream, delay)));
            }
        });
        Ok(Self { address })
    }

    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }
}

fn serve(mut stream: &TcpStream, delay: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        if head.contains("/hang/") {
            thread::sleep(Duration::from_secs(60));
            return Ok(());
        }
        thread::sleep(delay);
        let body = r#"{"status":"UP"}"#;
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes())?;
    }
}
