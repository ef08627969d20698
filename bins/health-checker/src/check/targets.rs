//! The targets of a run, from wherever the command line says.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use health_checker::{Error, Header, InvalidTarget, RevisionSource, Target, TargetKind, Targets};
use windlass_cli::{Exit, Failure};

use super::args::CheckArgs;

/// More than any list of targets holds; what is longer is the wrong file.
const LONGEST: u64 = 16 << 20;

/// The place of a service's name in a template.
const PLACE: &str = "{service}";

/// What is to be asked. It is empty only if a file says `[]`, or if nothing but a deployment is to be looked at.
pub(super) fn read(args: &CheckArgs) -> Result<Vec<Target>, Failure> {
    let targets = match (&args.targets, &args.services) {
        (Some(path), _) => listed(path)?,
        (None, Some(services)) => templated(services, args.url_template.as_deref())?,
        (None, None) => given(&args.urls)?,
    };
    let mut names = BTreeSet::new();
    for target in &targets {
        if !names.insert(&target.name) {
            let name = target.name.clone();
            return Err(list_failure(
                "the targets",
                "",
                &Error::DuplicateName { name },
            ));
        }
    }
    let secrets = Secrets::read(args)?;
    targets
        .into_iter()
        .map(|target| equip(target, args, &secrets))
        .collect()
}

fn given(urls: &[String]) -> Result<Vec<Target>, Failure> {
    urls.iter()
        .map(|text| {
            text.parse::<Target>()
                .map_err(|error| match without_quotes(text) {
                    true => Failure::from_error(Exit::Usage, &error).hint(
                        "this is a JSON list whose quotes the shell took; give it to --services in single quotes",
                    ),
                    false => target_failure(&error),
                })
        })
        .collect()
}

fn listed(path: &Path) -> Result<Vec<Target>, Failure> {
    let (name, text) = match path.as_os_str() == "-" {
        true => ("stdin".to_owned(), text(std::io::stdin().lock())),
        false => (
            format!("`{}`", path.display()),
            std::fs::File::open(path).and_then(text),
        ),
    };
    let text = text.map_err(|error| {
        Failure::usage(format!("cannot read the targets in {name}"))
            .caused_by(&error)
            .hint("give --targets a file with a JSON list; an explicit `[]` means that there is nothing to check")
    })?;
    let targets: Targets = text
        .parse()
        .map_err(|error| list_failure(&format!("the targets in {name}"), &text, &error))?;
    Ok(targets.into_vec())
}

fn text(mut from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    let read = from.by_ref().take(LONGEST + 1).read_to_string(&mut text)?;
    match read as u64 > LONGEST {
        true => Err(std::io::Error::other("it is longer than 16 MiB")),
        false => Ok(text),
    }
}

/// A list of services, put into a template one by one.
fn templated(services: &str, template: Option<&str>) -> Result<Vec<Target>, Failure> {
    let template = template.unwrap_or_default();
    if !template.contains(PLACE) {
        return Err(Failure::usage(format!(
            "--url-template holds no `{PLACE}`: all services would be one"
        ))
        .hint(format!(
            "write for example 'http://host/api/{PLACE}/actuator/health'"
        )));
    }
    // The whole line that a step wrote into GITHUB_OUTPUT is as good as its value.
    let text = services.trim();
    let text = text.strip_prefix("services=").unwrap_or(text).trim();
    let nothing = |found: &str| {
        Failure::usage(format!("--services names no service: it is {found}")).hint(
            "skip this step where change-detect says `has_changes=false`; or give --targets a file with `[]`, which says that \
             there is nothing to check",
        )
    };
    let names = match serde_json::from_str(text) {
        _ if text.is_empty() => return Err(nothing("an empty text")),
        Ok(serde_json::Value::Null) => return Err(nothing("`null`")),
        Ok(value) => serde_json::from_value::<Vec<String>>(value),
        Err(error) => Err(error),
    };
    let names = names.map_err(|error| {
        let failure = Failure::usage("--services is no JSON list of names").caused_by(&error);
        failure.hint(match without_quotes(text) {
            true => "the shell took the quotes: put the whole list into single quotes".to_owned(),
            false => r#"write for example --services '["user-service","task-service"]'"#.to_owned(),
        })
    })?;
    if names.is_empty() {
        return Err(nothing("an empty list"));
    }
    names
        .iter()
        .map(|name| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || !name.chars().all(is_name) || name.starts_with('.') {
                return Err(Failure::usage(format!("`{name}` is not a service's name"))
                    .hint("a name is made of letters, digits, `-`, `_` and `.`"));
            }
            Target::named(Some(name), &template.replace(PLACE, name))
                .map_err(|error| target_failure(&error))
        })
        .collect()
}

/// Whether a text is a JSON list of words as it is when a shell has taken the quotes away.
fn without_quotes(text: &str) -> bool {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inner.is_some_and(|inner| inner.starts_with(char::is_alphabetic) && !inner.contains('"'))
}

fn list_failure(what: &str, text: &str, error: &Error) -> Failure {
    let hint = match error {
        Error::Malformed(_) if without_quotes(text.trim()) => Some(
            "the quotes are gone, as a shell takes them; write the list with quotes around each URL".to_owned(),
        ),
        error => error.hint(),
    };
    Failure::usage(format!("{what} cannot be used"))
        .caused_by(error)
        .hint(hint)
}

fn target_failure(error: &InvalidTarget) -> Failure {
    Failure::from_error(Exit::Usage, error).hint(error.hint())
}

/// What may be secret, from the command line and the environment.
struct Secrets {
    headers: Vec<Header>,
    /// Passwords, and the name of the target that each is for; without one it is for all that want one.
    passwords: Vec<(Option<String>, String)>,
    alarms: Option<(String, String)>,
}

impl Secrets {
    fn read(args: &CheckArgs) -> Result<Self, Failure> {
        let headers = args.asking.header_env.iter().map(|text| {
            let (name, variable) = text.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--header-env `{text}` names no variable"))
                    .hint("write Name=VAR, such as Authorization=HEALTH_AUTH")
            })?;
            Header::new(name, &value(variable)?).map_err(|error| {
                Failure::from_error(Exit::Usage, &error).hint(format!(
                    "it comes from --header-env, the variable `{variable}`"
                ))
            })
        });
        let passwords = args
            .asking
            .password_env
            .iter()
            .map(|text| match text.split_once('=') {
                Some((name, variable)) => Ok((Some(name.to_owned()), value(variable)?)),
                None => Ok((None, value(text)?)),
            });
        let alarms = args
            .asking
            .alarms_credentials_env
            .as_deref()
            .map(|variable| {
                let value = value(variable)?;
                let pair = value.split_once(':');
                pair.map(|(user, password)| (user.to_owned(), password.to_owned()))
                    .ok_or_else(|| {
                        Failure::usage(format!("`{variable}` does not hold `user:password`"))
                    })
            });
        let given = args.asking.header.iter().map(|text| {
            text.parse()
                .map_err(|error: health_checker::InvalidHeader| {
                    Failure::from_error(Exit::Usage, &error).hint("write --header 'Name: value'")
                })
        });
        Ok(Self {
            headers: given.chain(headers).collect::<Result<_, Failure>>()?,
            passwords: passwords.collect::<Result<_, Failure>>()?,
            alarms: alarms.transpose()?,
        })
    }

    fn password(&self, target: &Target) -> Option<&str> {
        let named = |name: &Option<String>| name.as_deref() == Some(target.name.as_str());
        let wants = target.kind == TargetKind::Redis || !target.url.username().is_empty();
        let mut passwords = self.passwords.iter();
        let found = passwords.find(|(name, _)| named(name)).or_else(|| {
            let mut passwords = self.passwords.iter();
            passwords.find(|(name, _)| name.is_none() && wants && target.url.password().is_none())
        });
        found.map(|(_, password)| password.as_str())
    }
}

fn value(variable: &str) -> Result<String, Failure> {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(
            Failure::usage(format!("the variable `{variable}` is not set, or is empty"))
                .hint("set it in the environment of this step"),
        ),
    }
}

/// Gives a target what the command line has for all of its kind. What the list says of a target itself comes first.
fn equip(mut target: Target, args: &CheckArgs, secrets: &Secrets) -> Result<Target, Failure> {
    if let Some(password) = secrets.password(&target) {
        target = target.password(password);
    }
    let (demands, asking) = (&args.demands, &args.asking);
    if target.kind == TargetKind::Amqp
        && target.alarms.is_none()
        && let Some(url) = &asking.alarms_url
    {
        let web = Target::named(Some("alarms"), url).map_err(|error| target_failure(&error))?;
        let mut url = web.url;
        if let Some((user, password)) = &secrets.alarms {
            // Both fail only for URLs that cannot have either; those are refused below.
            let _ = url.set_username(user);
            let _ = url.set_password(Some(password));
        }
        target = target.alarms(url).map_err(|error| target_failure(&error))?;
    }
    if !matches!(target.kind, TargetKind::Actuator | TargetKind::Plain) {
        return Ok(target);
    }
    if demands.plain {
        target = target.kind(TargetKind::Plain);
    }
    if target.expect_revision.is_none()
        && let Some(revision) = &demands.expect_revision
    {
        target = target.expect_revision(revision.clone());
    }
    if target.revision_from == RevisionSource::ActuatorInfo
        && let Some(name) = &demands.revision_header
    {
        target = target.revision_from(RevisionSource::Header(name.clone()));
    }
    for header in &secrets.headers {
        let has = |other: &Header| other.name().eq_ignore_ascii_case(header.name());
        if !target.headers.iter().any(has) {
            target = target.header(header.clone());
        }
    }
    if target.canary.is_none()
        && let Some(path) = &demands.canary_path
    {
        target = target
            .canary(path)
            .map_err(|error| target_failure(&error))?;
    }
    for component in &demands.require_component {
        target = target.component(component);
    }
    let (follow, accept) = (
        target.follow_redirects || demands.follow_redirects,
        target.accept_unknown || demands.accept_unknown,
    );
    let accept_down = target.accept_down_components || demands.accept_down_components;
    Ok(target
        .follow_redirects(follow)
        .accept_unknown(accept)
        .accept_down_components(accept_down))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "http://alb/api/{service}/actuator/health";

    fn urls(services: &str) -> Result<Vec<String>, Failure> {
        let targets = templated(services, Some(TEMPLATE))?;
        Ok(targets
            .iter()
            .map(|target| target.url.to_string())
            .collect())
    }

    #[test]
    fn a_steps_output_is_a_target_for_each_service() {
        let expected = [
            "http://alb/api/user-service/actuator/health",
            "http://alb/api/task-service/actuator/health",
        ];
        for text in [
            r#"["user-service","task-service"]"#,
            r#"services=["user-service","task-service"]"#,
            " [\"user-service\",\n\"task-service\"]\n",
        ] {
            assert_eq!(urls(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_services_is_refused_with_the_remedy() {
        for (text, part) in [
            ("", "an empty text"),
            ("null", "`null`"),
            ("services=", "an empty text"),
            ("[]", "an empty list"),
            ("[user-service,task-service]", "single quotes"),
            ("{}", "write for example"),
            ("[1]", "write for example"),
            (r#"["a/../b"]"#, "a/../b"),
            (r#"["..'"]"#, "is not a service's name"),
        ] {
            let failure = urls(text).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            assert!(failure.to_string().contains(part), "{text}: {failure}");
        }
        let failure = templated(r#"["a"]"#, Some("http://alb/")).unwrap_err();
        assert!(failure.to_string().contains("{service}"), "{failure}");
    }
}
