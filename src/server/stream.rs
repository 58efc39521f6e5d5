//! A connection's bytes, in the clear or by TLS.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};

use crate::facts::Tls;

/// What a session can run over: TCP, and pipes in memory for tests.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes the end of the connection an RST instead of a FIN.
    fn reset_on_close(&self);
}

impl Wire for TcpStream {
    fn reset_on_close(&self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!(%error, "cannot reset a connection");
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Stream<S> {
    Plain(S),
    // Boxed: it is large, and most sessions are in the clear.
    Tls(Box<TlsStream<S>>),
    /// The handshake failed, or the connection was handed over.
    Gone,
}

impl<S: Wire> Stream<S> {
    /// Does the handshake, in place. Bytes that were read before it are never taken for it.
    pub(crate) async fn start_tls(&mut self, acceptor: &TlsAcceptor) -> io::Result<Tls> {
        let Self::Plain(plain) = std::mem::replace(self, Self::Gone) else {
            return Err(io::Error::other("TLS is already in use"));
        };
        let stream = acceptor.accept(plain).await?;
        let tls = agreed(stream.get_ref().1);
        *self = Self::Tls(Box::new(stream));
        Ok(tls)
    }

    /// What is below TLS.
    pub(crate) fn wire_mut(&mut self) -> Option<&mut S> {
        match self {
            Self::Plain(wire) => Some(wire),
            Self::Tls(stream) => Some(stream.get_mut().0),
            Self::Gone => None,
        }
    }
}

/// Reads once and hands on what came; 0 is the end. The buffer is on the stack and only there while bytes are read, so
/// that a connection that waits holds none.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S, mut take: impl FnMut(&[u8])) -> io::Result<usize> {
    std::future::poll_fn(|context| {
        let mut space = [MaybeUninit::uninit(); 16 * 1024];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
        take(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
    .await
}

/// Reads and forgets until the end; after so many bytes, only waits, for ever.
pub(crate) async fn swallow<S: AsyncRead + Unpin>(stream: &mut S) {
    const MOST: usize = 256 * 1024;
    let mut swallowed = 0;
    while swallowed < MOST {
        match read(stream, |_| ()).await {
            Ok(0) | Err(_) => return,
            Ok(count) => swallowed += count,
        }
    }
    std::future::pending::<()>().await;
}

fn agreed(connection: &rustls::ServerConnection) -> Tls {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    };
    let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    Tls { version, cipher: cipher.unwrap_or("unknown").to_owned() }
}

impl<S: Wire> AsyncRead for Stream<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl<S: Wire> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}
