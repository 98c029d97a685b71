//! The clients of the server: threads with one connection each, which send the next request as soon
//! as the previous one is answered.
#![expect(
    clippy::disallowed_types,
    reason = "a bench of a server connects to it, on this machine only"
)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::Result;

/// Sends the requests over several connections.
pub(super) fn send(port: u16, requests: u64) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let own = requests / CLIENTS + u64::from(client < requests % CLIENTS);
                scope.spawn(move || request(port, own, deadline))
            })
            .collect();
        for client in clients {
            client.join().map_err(|_| "a client panicked")??;
        }
        Ok(())
    })
}

fn request(port: u16, requests: u64, deadline: Instant) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = [0; 1024];
    for _ in 0..requests {
        stream.write_all(REQUEST)?;
        let mut filled = 0;
        while !buffer
            .get(..filled)
            .is_some_and(|answer| answer.ends_with(ANSWER_END))
        {
            let read = stream.read(buffer.get_mut(filled..).unwrap_or_default())?;
            if read == 0 || Instant::now() > deadline {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
        }
    }
    Ok(())
}

const REQUEST: &[u8] = b"GET /projects/7 HTTP/1.1\r\nhost: localhost\r\n\r\n";
const ANSWER_END: &[u8] = b"\r\n\r\nlisted";
/// More clients than the server has threads.
const CLIENTS: u64 = 16;
/// A run takes seconds.
const PATIENCE: Duration = Duration::from_mins(1);
