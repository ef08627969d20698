//! Scenarios that have a name.

use std::time::Duration;

use super::{Scenario, ScenarioBreaker, ScenarioService, dev};
use crate::ServiceName;
use crate::sim::{Anchor, Behaviour, FaultPlan, Happening, What};

/// What the tasks of a crashing image write before they exit.
const LAST_WORDS: [&str; 2] = [
    "INFO starting web 2",
    "ERROR cannot read the configuration: DATABASE_URL is not set",
];

/// The image that the services run at first, without its tag.
const IMAGE: &str = "registry.example/web";

/// A digest that the broken build has.
const BROKEN: &str = "sha256:bad0000000000000000000000000000000000000000000000000000000000bad";

impl Scenario {
    /// The scenarios that have a name, with what they are about.
    pub const BUILT_IN: [(&'static str, &'static str); 7] = [
        (
            "healthy",
            "one service, web; every image is there and its tasks stay healthy",
        ),
        (
            "missing-image",
            "one service, web, one task, circuit breaker with rollback; registry.example/web:2 is not in the registry",
        ),
        (
            "breaker-rollback",
            "one service, web, circuit breaker with rollback; tasks of registry.example/web:2 crash at the start and say why \
             in their log",
        ),
        (
            "same-revision",
            "one service, web, on registry.example/web:latest, circuit breaker with rollback; the tag has moved to a build \
             that crashes, so a forced deployment of the same revision fails and goes back",
        ),
        (
            "superseded",
            "one service, web; a minute after a deployment begins somebody else begins another one",
        ),
        (
            "fleet-15",
            "fifteen services, service-01 to service-15, all healthy",
        ),
        (
            "fleet-50",
            "fifty services, service-01 to service-50, all healthy",
        ),
    ];

    /// The scenario of this name.
    pub fn built_in(name: &str) -> Option<Self> {
        match name {
            "healthy" => Some(Self::new(dev()).service(service("1"))),
            "missing-image" => Some(missing_image()),
            "breaker-rollback" => Some(breaker_rollback()),
            "same-revision" => Some(same_revision()),
            "superseded" => Some(superseded()),
            "fleet-15" => Some(fleet(15)),
            "fleet-50" => Some(fleet(50)),
            _ => None,
        }
    }
}

fn name() -> ServiceName {
    "web".parse().expect("letters make a name")
}

fn service(tag: &str) -> ScenarioService {
    let mut service = ScenarioService::new(name(), format!("{IMAGE}:{tag}"));
    service.log_group = Some("/ecs/web".to_owned());
    service
}

fn with_rollback(mut service: ScenarioService) -> ScenarioService {
    service.circuit_breaker = ScenarioBreaker::Rollback;
    service
}

fn missing_image() -> Scenario {
    let mut service = with_rollback(service("1"));
    service.desired = 1;
    let faults = FaultPlan::default().image(format!("{IMAGE}:2"), Behaviour::MissingImage);
    Scenario::new(dev()).service(service).faults(faults)
}

fn crashing(image: &str) -> FaultPlan {
    let mut faults = FaultPlan::default().image(image, Behaviour::CrashAtStart { exit_code: 1 });
    let lines = LAST_WORDS.map(str::to_owned).to_vec();
    faults.logs.insert(image.to_owned(), lines);
    faults
}

fn breaker_rollback() -> Scenario {
    Scenario::new(dev())
        .service(with_rollback(service("1")))
        .faults(crashing(&format!("{IMAGE}:2")))
}

fn same_revision() -> Scenario {
    let mut faults = crashing(BROKEN);
    faults.happenings.push(Happening {
        at: Duration::ZERO,
        from: Anchor::Start,
        service: name(),
        what: What::Push {
            image: format!("{IMAGE}:latest"),
            digest: BROKEN.to_owned(),
        },
    });
    Scenario::new(dev())
        .service(with_rollback(service("latest")))
        .faults(faults)
}

fn superseded() -> Scenario {
    let image = Some(format!("{IMAGE}:somebody-else"));
    let faults =
        FaultPlan::default().then(Duration::from_secs(60), name(), What::Supersede { image });
    Scenario::new(dev()).service(service("1")).faults(faults)
}

fn fleet(services: u32) -> Scenario {
    let mut scenario = Scenario::new(dev());
    for number in 1..=services {
        let name: ServiceName = format!("service-{number:02}")
            .parse()
            .expect("letters and digits make a name");
        let image = format!("registry.example/{name}:1");
        let service = ScenarioService::new(name, image);
        scenario.services.push(with_rollback(service));
    }
    scenario
}
