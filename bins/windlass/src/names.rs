//! The one place where names change their meaning: a module of the repository becomes an image repository, an ECS
//! service, a URL. Each library has its own words; `windlass.toml` says how they correspond.

use change_detect::{CommitId, ModuleName};
use ecs_deployer::{ClusterName, ImageRef, ServiceName};
use health_checker::{InvalidTarget, Target};
use image_tagger::{PinnedImage, Repository, Tag};
use url::Url;
use windlass_cli::Failure;

use crate::config::{Environment, Template};

/// What the SHA tag starts with: `sha-<commit>`.
const TAG_PREFIX: &str = "sha-";

/// No name holds this character, so it marks the place of the module's.
const PLACE: &str = "\u{0}";

/// The names of one environment.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    environment: String,
    cluster: ClusterName,
    service: Option<Template>,
    repository: Option<Template>,
    health: Option<Template>,
}

impl Names {
    /// The names as the environment's section gives them, with the defaults of its provider.
    pub(crate) fn new(name: &str, environment: &Environment) -> Result<Self, Failure> {
        let cluster = environment
            .cluster
            .clone()
            .unwrap_or_else(|| format!("windlass-{name}"));
        let cluster = cluster
            .parse()
            .map_err(|error| invalid("cluster", name, &cluster, &error))?;
        Ok(Self {
            environment: name.to_owned(),
            cluster,
            service: environment.service.clone(),
            repository: environment.repository.clone(),
            health: environment.health.clone(),
        })
    }

    /// The environment's name.
    pub(crate) fn environment(&self) -> &str {
        &self.environment
    }

    /// The cluster that all services of the environment run in.
    pub(crate) const fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// The ECS service of a module.
    pub(crate) fn service(&self, module: &ModuleName) -> Result<ServiceName, Failure> {
        let name = match &self.service {
            Some(template) => self.fill(template, module),
            None => plain(module.as_str()),
        };
        name.parse()
            .map_err(|error| invalid("service", &self.environment, &name, &error))
    }

    /// The module that a service is made from, read backwards; `None` if no module has such a service.
    pub(crate) fn module_of(&self, service: &ServiceName) -> Option<ModuleName> {
        let Some(template) = &self.service else {
            return service.as_str().parse().ok();
        };
        let shape = template.fill(&[("service", PLACE), ("environment", &self.environment)]);
        let (prefix, suffix) = shape.split_once(PLACE)?;
        let module = service
            .as_str()
            .strip_prefix(prefix)?
            .strip_suffix(suffix)?;
        let module: ModuleName = module.parse().ok()?;
        // A template with the name in two places must agree with itself.
        (self.service(&module).ok().as_ref() == Some(service)).then_some(module)
    }

    /// Whether services of other origin can be told from ours by their names.
    pub(crate) fn has_own_services(&self) -> bool {
        self.service.as_ref().is_some_and(|template| {
            !template
                .fill(&[("service", ""), ("environment", &self.environment)])
                .is_empty()
        })
    }

    /// The image repository of a module.
    pub(crate) fn repository(&self, module: &ModuleName) -> Result<Repository, Failure> {
        let name = match &self.repository {
            Some(template) => self.fill(template, module),
            // This host is never resolved: the images of the local environment stay in layouts on disk.
            None => format!(
                "windlass.local/{}/{}",
                plain(&self.environment).to_lowercase(),
                plain(module.as_str()).to_lowercase()
            ),
        };
        name.parse()
            .map_err(|error| invalid("repository", &self.environment, &name, &error))
    }

    /// Where a module's health is asked for, if the configuration says so.
    pub(crate) fn health(&self, module: &ModuleName) -> Result<Option<Url>, Failure> {
        let Some(template) = &self.health else {
            return Ok(None);
        };
        // The URL may hold a password: the error shows of it what may be shown.
        let target: Target =
            self.fill(template, module)
                .parse()
                .map_err(|error: InvalidTarget| {
                    Failure::usage(format!(
                        "`{module}` cannot be asked for its health in `{}`",
                        self.environment
                    ))
                    .caused_by(&error)
                    .hint(error.hint())
                    .hint(format!("set environments.{}.health to a URL such as `http://alb.example.com/{{service}}/actuator/health`", self.environment))
                })?;
        Ok(Some(target.url))
    }

    /// What to do when two modules get the same name.
    pub(crate) fn how_to_tell_apart(&self, key: &str) -> String {
        let template = match key {
            "service" => &self.service,
            _ => &self.repository,
        };
        match template {
            Some(_) => format!(
                "put {{service}} into environments.{}.{key}",
                self.environment
            ),
            None => format!(
                "without environments.{}.{key} only a name's ASCII letters and digits count: rename one of them",
                self.environment
            ),
        }
    }

    fn fill(&self, template: &Template, module: &ModuleName) -> String {
        template.fill(&[
            ("service", module.as_str()),
            ("environment", &self.environment),
        ])
    }
}

/// A name that ECS and registries take, from a folder's or an artifact's: runs of other characters become one `-`.
fn plain(name: &str) -> String {
    let words: Vec<&str> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        "service".to_owned()
    } else {
        words.join("-")
    }
}

/// The tag that names a commit for good.
pub(crate) fn sha_tag(commit: &CommitId) -> Tag {
    format!("{TAG_PREFIX}{commit}")
        .parse()
        .expect("a prefix and hex digits are a tag")
}

/// The tag that moves with each push.
pub(crate) fn moving_tag() -> Tag {
    "latest".parse().expect("the word is a tag")
}

/// The image as ECS takes it: the digest decides, the tag is for people and tells the commit.
pub(crate) fn image_ref(pinned: &PinnedImage) -> ImageRef {
    pinned
        .to_string()
        .parse()
        .expect("a pinned image is an image reference")
}

/// The commit that an image was built from, told by its `sha-…` tag.
pub(crate) fn commit_of(image: &ImageRef) -> Option<CommitId> {
    image.tag()?.strip_prefix(TAG_PREFIX)?.parse().ok()
}

/// The commit that a tag names.
pub(crate) fn commit_of_tag(tag: &Tag) -> Option<CommitId> {
    tag.as_str().strip_prefix(TAG_PREFIX)?.parse().ok()
}

fn invalid(
    key: &str,
    environment: &str,
    value: &str,
    error: &(dyn std::error::Error + 'static),
) -> Failure {
    Failure::usage(format!(
        "`{value}` cannot be the {key} of environment `{environment}`"
    ))
    .caused_by(error)
    .hint(format!(
        "set environments.{environment}.{key} in windlass.toml"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const COMMIT: &str = "3f2c91d0aa0000000000000000000000000000ff";

    fn module() -> ModuleName {
        "user-service".parse().unwrap()
    }

    #[test]
    fn a_module_has_a_name_in_each_world() {
        let text = include_str!("../tests/data/windlass.toml");
        let config = Config::parse(text, std::path::Path::new("windlass.toml")).unwrap();
        let names = Names::new("dev", &config.environment("dev").unwrap()).unwrap();
        assert_eq!(
            names.service(&module()).unwrap().as_str(),
            "sdt-dev-user-service"
        );
        assert_eq!(
            names.repository(&module()).unwrap().to_string(),
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/sdt-dev/user-service"
        );
        let url = names.health(&module()).unwrap().unwrap();
        assert_eq!(
            url.as_str(),
            "http://alb.example.com/api/user-service/actuator/health"
        );
    }

    #[test]
    fn a_service_is_read_backwards() {
        let mut environment = Config::default().environment("local").unwrap();
        let names = Names::new("dev", &environment).unwrap();
        let of = |names: &Names, service: &str| {
            let module = names.module_of(&service.parse().unwrap());
            module.map(|module| module.to_string())
        };
        assert_eq!(of(&names, "web").as_deref(), Some("web"));
        assert!(!names.has_own_services());
        environment.service = Some(Template::new("sdt-{environment}-{service}-v1"));
        let names = Names::new("dev", &environment).unwrap();
        assert_eq!(of(&names, "sdt-dev-web-v1").as_deref(), Some("web"));
        assert_eq!(of(&names, "sdt-prod-web-v1"), None);
        assert_eq!(of(&names, "sdt-dev--v1"), None);
        assert!(names.has_own_services());
    }

    #[test]
    fn the_commit_survives_the_way_through_ecs() {
        let commit: CommitId = COMMIT.parse().unwrap();
        let pinned = PinnedImage::new(
            "host.example/user-service".parse().unwrap(),
            Some(sha_tag(&commit)),
            image_tagger::Digest::of(b"manifest"),
        );
        assert_eq!(commit_of(&image_ref(&pinned)), Some(commit));
        assert_eq!(
            commit_of(&"host.example/user-service:latest".parse().unwrap()),
            None
        );
    }

    #[test]
    fn folders_of_any_name_can_be_deployed_locally() {
        let names = Names::new("local", &Config::default().environment("local").unwrap()).unwrap();
        for (module, service, repository) in [
            ("user-service", "user-service", "user-service"),
            ("UserService", "UserService", "userservice"),
            (
                "org.acme.web_shop",
                "org-acme-web-shop",
                "org-acme-web-shop",
            ),
            ("größe 2", "gr-e-2", "gr-e-2"),
            ("日本", "service", "service"),
        ] {
            let module: ModuleName = module.parse().unwrap();
            assert_eq!(names.service(&module).unwrap().as_str(), service);
            assert_eq!(
                names.repository(&module).unwrap().as_str(),
                format!("windlass.local/local/{repository}")
            );
        }
    }

    #[test]
    fn a_name_that_ecs_refuses_names_the_key() {
        let mut environment = Config::default().environment("local").unwrap();
        environment.service = Some(Template::new("a service {service}"));
        let names = Names::new("local", &environment).unwrap();
        let failure = names.service(&module()).unwrap_err().to_string();
        assert!(failure.contains("environments.local.service"), "{failure}");
    }
}
