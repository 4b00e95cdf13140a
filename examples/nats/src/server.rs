//! The command-line options of the server, and connecting to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr, rustls};
use clap::Args;

/// After two pings without an answer the connection counts as lost.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Which server, and as whom. Secrets stand in files: other users see a command line.
#[derive(Debug, Clone, Args)]
pub struct ServerOptions {
    /// The NATS server, as nats://HOST:PORT or tls://HOST:PORT; several with commas between them
    #[arg(long, value_name = "URL", default_value = "nats://127.0.0.1:4222")]
    server: String,
    /// The name of a user of the server
    #[arg(long, requires = "password_file", value_name = "NAME")]
    user: Option<String>,
    /// The file that has the user's password
    #[arg(long, requires = "user", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The file that has the seed of an nkey
    #[arg(long, conflicts_with_all = ["user", "creds"], value_name = "FILE")]
    nkey_file: Option<PathBuf>,
    /// A credentials file, as nsc(1) makes it
    #[arg(long, conflicts_with = "user", value_name = "FILE")]
    creds: Option<PathBuf>,
    /// The certificates that the server's certificate is checked against, instead of those of the system
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// This client's certificate, for servers that verify it
    #[arg(long, requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The key of this client's certificate
    #[arg(long, requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// What the subjects of answers to this client begin with, for servers that permit only these
    #[arg(long, default_value = "_INBOX", value_name = "PREFIX")]
    inbox_prefix: String,
}

impl ServerOptions {
    /// Returns the options of a connection, with the credentials read from their files. `name` is what the server calls
    /// the connection.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or does not have what it should.
    pub async fn connect_options(&self, name: &str) -> Result<ConnectOptions, ServerError> {
        let mut options = ConnectOptions::new()
            .name(name)
            .ping_interval(PING_INTERVAL)
            .custom_inbox_prefix(&self.inbox_prefix);
        if let (Some(user), Some(file)) = (&self.user, &self.password_file) {
            options = options.user_and_password(user.clone(), secret(file)?);
        }
        if let Some(file) = &self.nkey_file {
            options = options.nkey(secret(file)?);
        }
        if let Some(file) = &self.creds {
            options = options
                .credentials_file(file)
                .await
                .map_err(|error| ServerError::file(file, error))?;
        }
        for file in [&self.tls_ca, &self.tls_cert, &self.tls_key]
            .into_iter()
            .flatten()
        {
            // Read here only for an error with the file's name.
            fs::read(file).map_err(|error| ServerError::file(file, error))?;
        }
        if let Some(file) = &self.tls_ca {
            options = options.add_root_certificates(file.clone());
        }
        if let (Some(cert), Some(key)) = (&self.tls_cert, &self.tls_key) {
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        Ok(options)
    }

    /// Connects. Later losses of the connection are repaired by the client itself, for as long as it takes.
    ///
    /// # Errors
    ///
    /// If there is no connection at the first attempt. The text of the error tells what can be done.
    pub async fn connect(&self, options: ConnectOptions) -> Result<Client, ServerError> {
        let addresses = self.addresses()?;
        let client = options.connect(addresses).await;
        client.map_err(|error| ServerError::connect(&self.shown(), error))
    }

    /// Returns the URLs without user and password.
    pub fn shown(&self) -> String {
        let Ok(addresses) = self.addresses() else {
            return self.server.clone();
        };
        let shown = |address: &ServerAddr| {
            format!(
                "{}://{}:{}",
                address.scheme(),
                address.host(),
                address.port()
            )
        };
        addresses.iter().map(shown).collect::<Vec<_>>().join(",")
    }

    fn addresses(&self) -> Result<Vec<ServerAddr>, ServerError> {
        let parsed = self
            .server
            .split(',')
            .map(|url| url.trim().parse::<ServerAddr>());
        let addresses: io::Result<Vec<_>> = parsed.collect();
        addresses.map_err(|error| {
            ServerError(format!(
                "--server is no URL of a NATS server ({error}): write nats://HOST:PORT"
            ))
        })
    }
}

/// Why there is no connection, and what can be done.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ServerError(String);

impl ServerError {
    fn file(file: &Path, error: io::Error) -> Self {
        Self(format!("cannot read {}: {error}", file.display()))
    }

    fn connect(server: &str, error: ConnectError) -> Self {
        use ConnectErrorKind::{Authentication, AuthorizationViolation, Dns, Io, TimedOut};

        let source = std::error::Error::source(&error);
        let is_tls = source
            .and_then(|source| source.downcast_ref::<io::Error>())
            .and_then(|source| source.get_ref())
            .is_some_and(|inner| inner.is::<rustls::Error>());
        let cause = source.map_or_else(|| error.kind().to_string(), ToString::to_string);
        Self(match error.kind() {
            AuthorizationViolation => format!(
                "{server} refuses the credentials: check --user and --password-file, --nkey-file, --creds or --tls-cert, \
                 and the users in the server's configuration"
            ),
            Authentication => {
                format!("cannot sign in to {server}: the seed in --nkey-file or --creds is invalid")
            }
            Dns => format!("{server}: no such host ({cause}): check --server"),
            ConnectErrorKind::Tls => tls(server, &cause),
            Io if is_tls => tls(server, &cause),
            Io => format!(
                "no NATS server answers at {server} ({cause}): check --server, whether the server runs, and whether it \
                 wants a certificate (--tls-cert)"
            ),
            TimedOut => format!(
                "no NATS server answers at {server} within 5 s: check --server and firewalls"
            ),
            _ => format!("cannot connect to {server}: {error}"),
        })
    }
}

fn tls(server: &str, cause: &str) -> String {
    format!(
        "no TLS connection with {server} ({cause}): check --tls-ca, --tls-cert and --tls-key, and the host's name in --server"
    )
}

fn secret(file: &Path) -> Result<String, ServerError> {
    let text = fs::read_to_string(file).map_err(|error| ServerError::file(file, error))?;
    Ok(text.trim().to_owned())
}
