//! `battler-rival PORT`: battler-wamp's router on a port of the loopback interface, realm `realm1`, anyone may join.

use std::time::Duration;

use battler_wamp::router::{
    EmptyConnectionPolicies, EmptyPubSubPolicies, EmptyRpcPolicies, RealmAuthenticationConfig, RealmConfig,
    RouterConfig, RouterLimitsConfig, new_web_socket_router,
};
use battler_wamp_uri::Uri;

/// Its defaults cut a connection off at ten messages a second, to protect a public game server; these do not.
fn limits() -> RouterLimitsConfig {
    RouterLimitsConfig {
        max_connections: None,
        max_connections_per_ip: None,
        max_message_size_bytes: 16 << 20,
        max_frame_size_bytes: 16 << 20,
        rate_limit_burst: u32::MAX,
        rate_limit_refill_per_sec: u32::MAX,
        idle_timeout: Some(Duration::from_secs(3600)),
        ..RouterLimitsConfig::default()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_default().parse()?;
    let realm = RealmConfig {
        name: "realm1".to_owned(),
        uri: Uri::try_from("realm1")?,
        authentication: RealmAuthenticationConfig::default(),
    };
    let config = RouterConfig { port, realms: vec![realm], limits: limits(), ..RouterConfig::default() };
    let router = new_web_socket_router(
        config,
        Box::new(EmptyConnectionPolicies::default()),
        Box::new(EmptyPubSubPolicies::default()),
        Box::new(EmptyRpcPolicies::default()),
    )?;
    let (_handle, finished) = router.start().await?;
    Ok(finished.await?)
}
