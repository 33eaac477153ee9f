//! TLS in front of the stub, with a certificate for `localhost` that signs itself.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Listens on a port whose connections go on to that address; the port, and the certificate as PEM.
pub fn in_front_of(address: SocketAddr) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, pem) = (made.cert.der().clone(), made.cert.pem());
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key));
    let config = Arc::new(config.expect("certificate and key fit"));
    let listener = TcpListener::bind("localhost:0").expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                let connection = ServerConnection::new(config).expect("the configuration is good");
                let plain = TcpStream::connect(address).expect("the stub listens");
                pump(StreamOwned::new(connection, stream), plain);
            });
        }
    });
    (port, pem)
}

/// Carries octets both ways until one side ends.
fn pump(mut tls: StreamOwned<ServerConnection, TcpStream>, mut plain: TcpStream) {
    let soon = Some(Duration::from_millis(1));
    tls.sock.set_read_timeout(soon).expect("a socket takes the option");
    plain.set_read_timeout(soon).expect("a socket takes the option");
    while carry(&mut tls, &mut plain) && carry(&mut plain, &mut tls) {}
}

/// Carries what is there; false at the end.
fn carry(from: &mut impl Read, to: &mut impl Write) -> bool {
    let mut octets = [0; 16 * 1024];
    match from.read(&mut octets) {
        Ok(0) => false,
        Ok(read) => to.write_all(&octets[..read]).is_ok(),
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}
