//! The patience with clients that do not read, do not finish what they begin, or are gone: a connection whose
//! client takes nothing breaks, as does one whose client is too slow with the head of a request, and one whose
//! client has closed takes nothing more.
//!
//! The server itself waits for ever. A stream whose client has gone to sleep would keep what it
//! holds; so broken off, the client comes back with the position it had read to. And when a client
//! closes, poem goes on with the connection that hyper has given up, until a write fails: a stream
//! would outlive its client by two idle periods.
//!
//! hyper has a limit for the head of a request, which poem gives no timer; so it is kept here, where bytes are
//! all that is known. A head begins with the first bytes after something was written, and ends with an empty
//! line. A body that comes after an early answer is taken for a head, and may be: it is bounded by less.
//!
//! **Invariant:** only a write that waits is timed, and a head that was begun. A connection on which there is
//! nothing to write and nothing begun may be as quiet as it likes, once it has sent a first head.
//! **Invariant:** a connection that has become a socket, or speaks HTTP/2, has no heads.
//! **Invariant:** of a connection that is given up while a write waits nothing is left, not even in the kernel, which
//! would keep what it has not sent, up to some megabytes, for a client who does not read.
use poem::{
    http::uri::Scheme,
    listener::Acceptor,
    web::{LocalAddr, RemoteAddr},
};
use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// A connection that can be told to leave nothing behind.
pub trait Cut {
    /// Lets the closing, which is about to come, throw away what was written and not yet sent.
    fn cut(&self) -> io::Result<()>;
}

impl Cut for TcpStream {
    fn cut(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

/// Accepts what `A` does, and lets no write wait for longer than a time.
#[derive(Debug)]
pub struct Patient<A> {
    acceptor: A,
    write_timeout: Duration,
    head_timeout: Duration,
}

impl<A> Patient<A> {
    /// The connections of `acceptor`, each write within `write_timeout`, each head of a request within
    /// `head_timeout`.
    pub fn new(acceptor: A, write_timeout: Duration, head_timeout: Duration) -> Self {
        Self { acceptor, write_timeout, head_timeout }
    }
}

impl<A: Acceptor<Io: Cut>> Acceptor for Patient<A> {
    type Io = Timed<A::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.acceptor.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let (io, local, remote, scheme) = self.acceptor.accept().await?;
        let timed = Timed::new(io, self.write_timeout, self.head_timeout);
        Ok((timed, local, remote, scheme))
    }
}

/// What ends the head of a request.
const HEAD_END: [u8; 4] = *b"\r\n\r\n";
/// What HTTP/2 begins with, and what says that the connection becomes a socket.
const HTTP_2: &[u8] = b"PRI ";
const SWITCHING: &[u8] = b"HTTP/1.1 101";

/// How far the head of a request has come.
#[derive(Debug)]
enum Head {
    /// It must be there when the time is over; the last bytes of it that were read.
    Awaited(Pin<Box<Sleep>>, [u8; 4]),
    /// It is there: what is read is the body, until something is written.
    There,
    /// Something was written: what is read begins another.
    Past,
    /// There are none any more.
    Never,
}

impl Head {
    fn awaited(timeout: Duration) -> Self {
        Self::Awaited(Box::pin(sleep(timeout)), [0; 4])
    }

    /// Notes what was read, whose time is `timeout` if it begins a head.
    fn read(&mut self, bytes: &[u8], timeout: Duration) {
        if bytes.is_empty() {
            return;
        }
        if matches!(self, Self::Past) {
            *self = Self::awaited(timeout);
        }
        let Self::Awaited(_, last) = self else { return };
        if *last == [0; 4] && bytes.starts_with(HTTP_2) {
            *self = Self::Never;
            return;
        }
        for byte in bytes {
            last.rotate_left(1);
            if let Some(place) = last.last_mut() {
                *place = *byte;
            }
            if *last == HEAD_END {
                *self = Self::There;
                return;
            }
        }
    }

    /// Notes what was written.
    fn wrote(&mut self, bytes: &[u8]) {
        match self {
            Self::Never => {}
            Self::There if bytes.starts_with(SWITCHING) => *self = Self::Never,
            Self::There | Self::Awaited(..) | Self::Past => *self = Self::Past,
        }
    }

    /// Ready when the head took too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Awaited(time, _) => time.as_mut().poll(cx),
            Self::There | Self::Past | Self::Never => Poll::Pending,
        }
    }
}

/// A connection whose writes are timed, and the heads of its requests.
#[derive(Debug)]
pub struct Timed<T: Cut> {
    io: T,
    write_timeout: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
    head_timeout: Duration,
    head: Head,
    /// Whether the client has closed.
    closed: bool,
}

/// Whoever gives a connection up, for whatever reason, a write that waits then tells that its client does not read: the
/// socket's writer has a time for whole messages, and may be first.
impl<T: Cut> Drop for Timed<T> {
    fn drop(&mut self) {
        if self.waiting.is_some()
            && let Err(fault) = self.io.cut()
        {
            tracing::debug!(%fault, "what a client did not take stays in the kernel");
        }
    }
}

impl<T: Cut + Unpin> Timed<T> {
    fn new(io: T, write_timeout: Duration, head_timeout: Duration) -> Self {
        let head = Head::awaited(head_timeout);
        Self { io, write_timeout, waiting: None, head_timeout, head, closed: false }
    }

    /// Fails when the client has closed.
    fn open(&self) -> io::Result<()> {
        if self.closed { Err(ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    /// What the write answered, or that it has waited too long.
    fn timed<R>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let timeout = self.write_timeout;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(waiting.as_mut().poll(cx));
        tracing::debug!("a client took nothing for too long");
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Cut + Unpin> AsyncRead for Timed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if let Poll::Ready(Ok(())) = read {
            let bytes = buffer.filled().get(before..).unwrap_or_default();
            self.closed |= room > 0 && bytes.is_empty();
            let timeout = self.head_timeout;
            self.head.read(bytes, timeout);
            // One that drips has something to read whenever it is looked.
            if self.head.poll_late(cx).is_pending() {
                return read;
            }
        } else if read.is_ready() || self.head.poll_late(cx).is_pending() {
            return read;
        }
        tracing::debug!("a client was too slow with the head of a request");
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncWrite + Cut + Unpin> AsyncWrite for Timed<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.open()?;
        self.head.wrote(bytes);
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.timed(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open()?;
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.head.wrote(first.map_or::<&[u8], _>(&[], |slice| slice));
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.timed(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?;
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.timed(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cut, Timed};
    use std::{io, io::ErrorKind, time::Duration};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, copy, duplex, sink},
        net::{TcpListener, TcpSocket, TcpStream},
        time::{Instant, advance, timeout},
    };

    const TIMEOUT: Duration = Duration::from_secs(10);
    const HEAD: Duration = Duration::from_secs(15);

    impl Cut for DuplexStream {
        fn cut(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_waits_too_long_breaks_the_connection() {
        let (ours, _theirs) = duplex(4);
        let mut timed = Timed::new(ours, TIMEOUT, HEAD);
        let start = Instant::now();
        let fault = timed.write_all(b"more than four").await.unwrap_err();
        assert_eq!((fault.kind(), start.elapsed()), (ErrorKind::TimedOut, TIMEOUT));
    }

    /// A connection whose client has room for so many bytes.
    async fn connected(room: u32) -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(room).unwrap();
        let (theirs, ours) =
            tokio::join!(socket.connect(listener.local_addr().unwrap()), listener.accept());
        (ours.unwrap().0, theirs.unwrap())
    }

    /// Goal: nothing is kept for a client that did not read, whoever gave it up. Method: the write is ended by its own
    /// time, or by its writer's; the client, who reads at last, finds the connection reset.
    #[tokio::test]
    async fn what_was_not_taken_goes_with_the_connection() {
        let much = vec![0; 16 * 1024 * 1024];
        for own_time in [Duration::from_millis(20), TIMEOUT] {
            let (ours, mut theirs) = connected(4_096).await;
            let mut timed = Timed::new(ours, own_time, HEAD);
            let writes = timeout(Duration::from_millis(100), timed.write_all(&much)).await;
            assert_eq!(writes.is_err(), own_time == TIMEOUT, "{writes:?}");
            drop(timed);
            let read = copy(&mut theirs, &mut sink()).await;
            assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
    }

    /// Goal: nobody loses what they take in time. Method: the connection is dropped with everything written, and nothing
    /// read yet.
    #[tokio::test]
    async fn what_was_written_whole_is_there_after_the_end() {
        let (ours, mut theirs) = connected(262_144).await;
        let mut timed = Timed::new(ours, TIMEOUT, HEAD);
        timed.write_all(&vec![0; 65_536]).await.unwrap();
        drop(timed);
        assert_eq!(copy(&mut theirs, &mut sink()).await.unwrap(), 65_536);
    }

    #[tokio::test]
    async fn a_client_that_closed_takes_nothing_more() {
        let (ours, theirs) = duplex(64);
        let mut timed = Timed::new(ours, TIMEOUT, HEAD);
        timed.write_all(b"taken").await.unwrap();
        drop(theirs);
        assert_eq!(timed.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(timed.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[tokio::test(start_paused = true)]
    async fn each_write_has_its_own_time_and_silence_none() {
        let (ours, mut theirs) = duplex(4);
        let mut timed = Timed::new(ours, TIMEOUT, HEAD);
        advance(TIMEOUT * 10).await;
        let slow = tokio::spawn(async move {
            let mut bytes = [0; 4];
            for _ in 0..3 {
                tokio::time::sleep(TIMEOUT / 2).await;
                theirs.read_exact(&mut bytes).await.unwrap();
            }
        });
        timed.write_all(b"twelve bytes").await.unwrap();
        slow.await.unwrap();
    }

    /// Reads until there is nothing more, or it fails; answers after which time, and how.
    async fn read_all(timed: &mut Timed<DuplexStream>) -> (Duration, Option<ErrorKind>) {
        let start = Instant::now();
        let read = timed.read_to_end(&mut Vec::new()).await;
        (start.elapsed(), read.err().map(|fault| fault.kind()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_breaks_the_connection() {
        for sent in ["", "GET / HTTP/1.1\r\nHost: a\r\n", " \r\n a"] {
            let (ours, mut theirs) = duplex(64);
            let mut timed = Timed::new(ours, TIMEOUT, HEAD);
            let drips = tokio::spawn(async move {
                // Whoever drips into a broken connection is no matter.
                while theirs.write_all(sent.as_bytes()).await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
            });
            let (after, fault) = read_all(&mut timed).await;
            assert_eq!(fault, Some(ErrorKind::TimedOut), "{sent:?}");
            assert!((HEAD..HEAD + Duration::from_secs(3)).contains(&after), "{sent:?}: {after:?}");
            drips.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_head_has_its_time_and_nothing_else_does() {
        let (ours, mut theirs) = duplex(256);
        let mut timed = Timed::new(ours, TIMEOUT, HEAD);
        let mut bytes = [0; 256];
        for head in ["POST / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
            theirs.write_all(head.as_bytes()).await.unwrap();
            assert_ne!(timed.read(&mut bytes).await.unwrap(), 0);
            // A body may take what others allow it, and an answer too.
            advance(HEAD * 3).await;
            theirs.write_all(b"body").await.unwrap();
            assert_eq!(timed.read(&mut bytes).await.unwrap(), 4);
            timed.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            advance(HEAD * 3).await;
        }
        theirs.write_all(b"GET / HT").await.unwrap();
        let (after, fault) = read_all(&mut timed).await;
        assert_eq!((after, fault), (HEAD, Some(ErrorKind::TimedOut)));
    }

    #[tokio::test(start_paused = true)]
    async fn sockets_and_http_2_have_no_heads() {
        let upgrade: &[u8] = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
        for (first, answer) in [
            (upgrade, &b"HTTP/1.1 101 Switching Protocols\r\n\r\n"[..]),
            (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &b"settings"[..]),
        ] {
            let (ours, mut theirs) = duplex(256);
            let mut timed = Timed::new(ours, TIMEOUT, HEAD);
            let mut bytes = [0; 256];
            theirs.write_all(first).await.unwrap();
            assert_ne!(timed.read(&mut bytes).await.unwrap(), 0);
            timed.write_all(answer).await.unwrap();
            for _ in 0..3 {
                theirs.write_all(b"frame").await.unwrap();
                assert_eq!(timed.read(&mut bytes).await.unwrap(), 5);
                timed.write_all(b"frame").await.unwrap();
                advance(HEAD * 2).await;
            }
        }
    }
}
