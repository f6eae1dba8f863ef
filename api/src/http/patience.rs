//! The patience with clients that do not read or are gone: a connection whose client takes nothing
//! breaks, and one whose client has closed takes nothing more.
//!
//! The server itself waits for ever. A stream whose client has gone to sleep would keep what it
//! holds; so broken off, the client comes back with the position it had read to. And when a client
//! closes, poem goes on with the connection that hyper has given up, until a write fails: a stream
//! would outlive its client by two idle periods.
//!
//! **Invariant:** only a write that waits is timed. A connection on which there is nothing to write
//! may be as quiet as it likes.
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
    time::{Sleep, sleep},
};

/// Accepts what `A` does, and lets no write wait for longer than a time.
#[derive(Debug)]
pub struct Patient<A> {
    acceptor: A,
    write_timeout: Duration,
}

impl<A> Patient<A> {
    /// The connections of `acceptor`, each write within `write_timeout`.
    pub fn new(acceptor: A, write_timeout: Duration) -> Self {
        Self { acceptor, write_timeout }
    }
}

impl<A: Acceptor> Acceptor for Patient<A> {
    type Io = Timed<A::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.acceptor.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let (io, local, remote, scheme) = self.acceptor.accept().await?;
        let timed = Timed::new(io, self.write_timeout);
        Ok((timed, local, remote, scheme))
    }
}

/// A connection whose writes are timed.
#[derive(Debug)]
pub struct Timed<T> {
    io: T,
    write_timeout: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
    /// Whether the client has closed.
    closed: bool,
}

impl<T: Unpin> Timed<T> {
    fn new(io: T, write_timeout: Duration) -> Self {
        Self { io, write_timeout, waiting: None, closed: false }
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

impl<T: AsyncRead + Unpin> AsyncRead for Timed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        self.closed |= room > 0 && buffer.filled().len() == before;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Timed<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.open()?;
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.timed(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open()?;
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
    use super::Timed;
    use std::{io::ErrorKind, time::Duration};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::{Instant, advance},
    };

    const TIMEOUT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_write_that_waits_too_long_breaks_the_connection() {
        let (ours, _theirs) = duplex(4);
        let mut timed = Timed::new(ours, TIMEOUT);
        let start = Instant::now();
        let fault = timed.write_all(b"more than four").await.unwrap_err();
        assert_eq!((fault.kind(), start.elapsed()), (ErrorKind::TimedOut, TIMEOUT));
    }

    #[tokio::test]
    async fn a_client_that_closed_takes_nothing_more() {
        let (ours, theirs) = duplex(64);
        let mut timed = Timed::new(ours, TIMEOUT);
        timed.write_all(b"taken").await.unwrap();
        drop(theirs);
        assert_eq!(timed.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(timed.flush().await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    #[tokio::test(start_paused = true)]
    async fn each_write_has_its_own_time_and_silence_none() {
        let (ours, mut theirs) = duplex(4);
        let mut timed = Timed::new(ours, TIMEOUT);
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
}
