//! Readers that subscribe to large answers and never read them.

use crate::bench::Error;
use serde_json::json;
use std::{fmt::Write as _, io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// Bytes that the system keeps for a reader who does not read.
const BUFFER_BYTES: u32 = 4_096;
/// How often each answer says the same.
const TIMES: usize = 40;
/// Bytes read when it is looked at what became of them.
const LOOK_BYTES: usize = 65_536;
/// Looks at most.
const LOOKS_MAX: usize = 1_024;
/// The first byte of a whole frame of text.
const TEXT: u8 = 0x81;
/// The bit that says that a frame is masked.
const MASKED: u8 = 0x80;
/// The length that says that two bytes of length follow.
const LONG: u8 = 0x7e;
/// The mask of a frame: any will do.
const MASK: [u8; 4] = [1, 2, 3, 4];

/// They, with their connections open.
pub(super) struct Stalled(Vec<TcpStream>);

impl Stalled {
    /// Opens a connection for each key, and subscribes to the campaign.
    pub(super) async fn open(
        url: &str,
        keys: impl Iterator<Item = &String>,
        campaign: &str,
    ) -> Result<Self, Error> {
        let mut all = Vec::new();
        for key in keys {
            all.push(stall(url, key, campaign).await.map_err(Error::Directory)?);
        }
        Ok(Self(all))
    }

    /// How many of them were cut off by now.
    pub(super) async fn cut(self) -> usize {
        let mut cut = 0;
        for mut stream in self.0 {
            let mut buffer = vec![0; LOOK_BYTES];
            for _ in 0..LOOKS_MAX {
                let wait = std::time::Duration::from_millis(200);
                match tokio::time::timeout(wait, stream.read(&mut buffer)).await {
                    Ok(Ok(0) | Err(_)) => {
                        cut += 1;
                        break;
                    }
                    Ok(Ok(_)) => {}
                    Err(_nothing_more) => break,
                }
            }
        }
        cut
    }
}

async fn stall(url: &str, key: &str, campaign: &str) -> io::Result<TcpStream> {
    let host = url.trim_start_matches("http://");
    let address: SocketAddr = host.parse().map_err(io::Error::other)?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    let mut stream = socket.connect(address).await?;
    let upgrade = format!(
        "GET /graphql HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await?;
    let mut fields = String::new();
    for number in 0..TIMES {
        // Writing to a string cannot fail.
        let _ = write!(fields, "c{number}: campaign {{ id name createdAt steps {{ body }} }} ");
    }
    let query = format!(
        "subscription($id: ID!) {{ campaignStatusChanged(campaignId: $id) {{ {fields} }} }}"
    );
    let init = json!({ "authorization": format!("Bearer {key}") });
    let init = json!({ "type": "connection_init", "payload": init });
    let payload = json!({ "query": query, "variables": { "id": campaign } });
    let start = json!({ "type": "subscribe", "id": "1", "payload": payload });
    stream.write_all(&frame(&init.to_string())).await?;
    // Read once, so that the connection is acknowledged before it is used; and never again.
    let mut buffer = vec![0; LOOK_BYTES];
    if stream.read(&mut buffer).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    stream.write_all(&frame(&start.to_string())).await?;
    Ok(stream)
}

/// A text frame as a client sends it.
fn frame(text: &str) -> Vec<u8> {
    let mut bytes = vec![TEXT];
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    match u8::try_from(length) {
        Ok(short) if short < LONG => bytes.push(MASKED | short),
        _ => {
            bytes.push(MASKED | LONG);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(text.bytes().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}
