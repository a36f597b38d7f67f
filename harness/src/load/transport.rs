//! What carries a connection's bytes: TCP, or TLS on it.

use std::future::poll_fn;
use std::io::{self, ErrorKind as IoErrorKind, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConnection;

/// What carries a connection's bytes.
pub(super) enum Transport {
    /// The bytes as they are.
    Plain(TcpStream),
    /// TLS records.
    Tls(Box<TlsTransport>),
}

impl Transport {
    /// TLS after its handshake.
    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        let (tcp, session) = stream.into_inner();
        Self::Tls(Box::new(TlsTransport { tcp, session }))
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &tls.tcp,
        }
    }

    /// Waits until something may have come.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.tcp().readable().await
    }

    /// Waits until more may be sent.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.tcp().writable().await
    }

    /// Waits likewise. One task at a time may do so.
    pub(super) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp().poll_write_ready(context)
    }

    /// Reads what has come; 0 bytes are the end.
    pub(super) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_read(buffer),
            Self::Tls(tls) => tls.try_read(buffer),
        }
    }

    /// Waits for something to read, and reads it; 0 bytes are the end.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|context| self.poll_read(context, buffer)).await
    }

    /// Reads what has come, and waits if nothing has; 0 bytes are the end.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            // Not `try_read`: this one knows that a short read emptied the socket, and saves the call that would find out.
            Self::Plain(tcp) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(tcp).poll_read(context, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
            Self::Tls(tls) => tls.poll_read(context, buffer),
        }
    }

    /// Hands as many bytes over as it takes now. An error says that no byte was handed over.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_write(bytes),
            Self::Tls(tls) => tls.try_write(bytes),
        }
    }

    /// Whether bytes that were handed over wait for [`Self::try_write`] to be called again, if only with none.
    pub(super) fn wants_write(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.session.wants_write(),
        }
    }

    /// Ends it as a client does that is done.
    pub(super) fn close(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
            let _ = tls.flush();
        }
    }

    /// Lets the kernel reset it when it is dropped.
    pub(super) fn reset_on_drop(&self) {
        let _ = self.tcp().set_zero_linger();
    }
}

/// TLS on TCP.
pub(super) struct TlsTransport {
    tcp: TcpStream,
    session: ClientConnection,
}

impl TlsTransport {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == IoErrorKind::WouldBlock => {}
                // The server is gone and took no leave.
                Err(error) if error.kind() == IoErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.session.read_tls(&mut TryIo(&self.tcp))?;
            if let Err(error) = self.session.process_new_packets() {
                // Tells the server, too.
                let _ = self.flush();
                return Err(io::Error::new(IoErrorKind::InvalidData, error));
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.try_read(buffer) {
                Err(error) if error.kind() == IoErrorKind::WouldBlock => ready!(self.tcp.poll_read_ready(context))?,
                read => return Poll::Ready(read),
            }
        }
    }

    /// Bytes count as handed over as soon as one of their records may be on its way.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What was left of those before, or of TLS itself.
        self.flush().1?;
        let taken = self.session.writer().write(bytes)?;
        match self.flush() {
            (0, Err(error)) if error.kind() != IoErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Sends records that wait. Says how many bytes went out, and why no more did.
    fn flush(&mut self) -> (usize, io::Result<()>) {
        let mut sent = 0;
        while self.session.wants_write() {
            match self.session.write_tls(&mut TryIo(&self.tcp)) {
                Ok(written) => sent += written,
                Err(error) => return (sent, Err(error)),
            }
        }
        (sent, Ok(()))
    }
}

/// Reads and writes without waiting.
struct TryIo<'a>(&'a TcpStream);

impl Read for TryIo<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for TryIo<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
