//! Threads without an async runtime: eight of them want a token at the same time, and the server in this program is asked once.
#![expect(clippy::print_stdout, reason = "it prints")]

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use client_credentials::{Client, blocking};

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let requests = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&requests);
    // It ends with the program.
    thread::spawn(move || serve(&listener, &counted));

    let client = Client::builder(format!("http://{address}/token"), "my-id", "my-secret").allow_http_on_loopback().build_blocking()?;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| client.authorize().map(blocking::Client::authorized))).collect();
        for thread in threads {
            let authorized = thread.join().map_err(|_| "a thread panicked")??;
            assert!(authorized);
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    println!("{}", client.status());
    println!("eight threads, {} token request", requests.load(Ordering::Relaxed));
    Ok(())
}

/// Answers token requests.
fn serve(listener: &TcpListener, requests: &AtomicU32) -> io::Result<()> {
    loop {
        let (mut socket, _) = listener.accept()?;
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        // The body of a request in JSON ends with a brace.
        while !request.ends_with(b"}") {
            match socket.read(&mut buffer)? {
                0 => break,
                size => request.extend_from_slice(&buffer[..size]),
            }
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let body = r#"{"access_token":"t-1","token_type":"Bearer","expires_in":3600}"#;
        write!(
            socket,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
    }
}
