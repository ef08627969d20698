//! The server, and the token that it is shown.

use std::ffi::OsString;
use std::time::Duration;

use health_checker::quality_gate::{
    InvalidServerUrl, InvalidToken, ServerUrl, ServerVersion, SonarError, SonarHttp, Token,
};
use windlass_cli::{Exit, Failure, Printer};

use super::args::TokenArgs;

const TOKEN: &str = "SONAR_TOKEN";

/// The address of the server. It is parsed here and not by the argument parser, which repeats what it refuses: there may
/// be a password in it.
pub(super) fn address(text: &str) -> Result<ServerUrl, Failure> {
    text.parse().map_err(|error: InvalidServerUrl| {
        Failure::usage("--server, or the variable SONAR_HOST_URL, has no address of a server")
            .caused_by(&error)
            .hint(
                "give an address such as https://sonar.example.com; a token goes into SONAR_TOKEN",
            )
    })
}

/// The token in the variable that was named, or in the usual one if it is set.
pub(super) fn token(args: &TokenArgs) -> Result<Option<Token>, Failure> {
    let name = args.token_env.as_deref().unwrap_or(TOKEN);
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    match value {
        Some(value) => read(name, value).map(Some),
        None if args.token_env.is_some() => {
            Err(Failure::usage(format!("the variable `{name}` is not set"))
                .hint("set it to a token of SonarQube: My Account > Security > Generate Tokens"))
        }
        None => Ok(None),
    }
}

fn read(name: &str, value: OsString) -> Result<Token, Failure> {
    let failed = || {
        Failure::usage(format!("the variable `{name}` holds no token"))
            .hint("set it to a token of SonarQube: My Account > Security > Generate Tokens")
    };
    let text = value.into_string().map_err(|_| failed())?;
    text.parse()
        .map_err(|error: InvalidToken| failed().caused_by(&error))
}

/// A client for the server.
pub(super) fn connect(
    server: &ServerUrl,
    version: Option<ServerVersion>,
    token: Option<Token>,
    try_timeout: Duration,
    printer: &Printer,
) -> Result<SonarHttp, Failure> {
    match &token {
        Some(_) if server.is_exposed() => printer.warn(&format!(
            "the token goes to {server} unencrypted; give the server an https address"
        )),
        Some(_) => {}
        None => printer.note(&format!(
            "asking {server} without a token; set {TOKEN} if it wants one"
        )),
    }
    SonarHttp::new(server.clone(), token)
        .map(|sonar| sonar.version(version).try_timeout(try_timeout))
        .map_err(|error: SonarError| Failure::from_error(Exit::Usage, &error).hint(error.hint()))
}
