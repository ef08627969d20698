//! Several services at once: waves, failures, and how many calls it takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ecs_deployer::sim::{
    Behaviour, FaultPlan, ScriptedRuntime, ServiceSpec, SimCluster, Timings, What,
};
use ecs_deployer::{
    ControlPlane, DeployRequest, Deployer, Error, Event, Fleet, FleetOptions, ImageChange,
    OnFleetFailure, Options, RateLimited, ServiceName, ServiceResult, TaskDefinition, Verdict,
    deploy_all,
};
use serde_json::json;
use tokio::time::Instant;

use crate::stage::name;

/// A cluster with services whose first deployments are complete.
async fn cluster(services: &[String]) -> (SimCluster, Arc<ScriptedRuntime>) {
    let runtime = Arc::new(ScriptedRuntime::new(Timings::fargate()));
    let cluster = SimCluster::new(name(), Timings::fargate(), runtime.clone());
    for service in services {
        let definition = TaskDefinition::new(json!({
            "family": service,
            "containerDefinitions": [{"name": "app", "image": format!("h/{service}:old")}],
        }));
        let arn = cluster.register(&definition).unwrap();
        let spec = ServiceSpec::new(service.parse().unwrap(), arn, 2);
        cluster.create_service(spec).unwrap();
    }
    for service in services {
        let service: ServiceName = service.parse().unwrap();
        while cluster.last_completed(&service).is_none() {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    }
    (cluster, runtime)
}

fn names(services: &str) -> Vec<String> {
    services.split_whitespace().map(str::to_owned).collect()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("service-{number:02}"))
        .collect()
}

fn fleet(services: &[String]) -> Fleet {
    let request = |service: &String| {
        let image = format!("h/{service}:new").parse().unwrap();
        DeployRequest::new(name(), service.parse().unwrap(), ImageChange::All(image))
    };
    Fleet::new(services.iter().map(request).collect())
}

fn depends(pairs: &[(&str, &str)]) -> Vec<(ServiceName, ServiceName)> {
    pairs
        .iter()
        .map(|(service, on)| (service.parse().unwrap(), on.parse().unwrap()))
        .collect()
}

fn verdicts(results: &[ServiceResult]) -> Vec<Verdict> {
    results
        .iter()
        .map(|result| result.result.as_ref().unwrap().verdict)
        .collect()
}

async fn run(
    plane: &dyn ControlPlane,
    fleet: &Fleet,
    options: &FleetOptions,
) -> Vec<ServiceResult> {
    deploy_all(&Deployer::new(plane), fleet, options, &|_| {})
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn fifteen_services_take_two_calls_a_poll_and_nobody_is_throttled() {
    let services = numbered(15);
    let (cluster, _) = cluster(&services).await;
    cluster.limit_rates(true);
    let before = cluster
        .api_calls()
        .get("DescribeServices")
        .copied()
        .unwrap_or_default();
    let plane = RateLimited::new(cluster.clone());
    let poll = Duration::from_secs(5);
    let options = FleetOptions::default()
        .max_parallel(15)
        .each(Options::default().poll(poll));
    let started = Instant::now();
    let results = run(&plane, &fleet(&services), &options).await;
    assert_eq!(verdicts(&results), [Verdict::Deployed; 15]);
    let polls = u64::try_from(started.elapsed().as_millis().div_ceil(poll.as_millis())).unwrap();
    let calls = cluster.api_calls()["DescribeServices"] - before;
    println!(
        "{calls} DescribeServices in {polls} polls of 15 services, {} throttled",
        cluster.throttled()
    );
    // Before the first poll the names are looked up, and then each service once, together.
    assert!(calls <= 2 * polls + 4, "{calls} calls in {polls} polls");
    assert!(
        calls >= 2 * polls - 4,
        "{calls} calls in {polls} polls: were they followed?"
    );
    assert_eq!(cluster.throttled(), 0);
}

#[tokio::test(start_paused = true)]
async fn fifty_services_and_others_who_use_the_rates_up_fail_nothing() {
    let services = numbered(50);
    let (cluster, runtime) = cluster(&services).await;
    cluster.limit_rates(true);
    let first: ServiceName = services[0].parse().unwrap();
    let plan = (0..120).fold(FaultPlan::default(), |plan, number| {
        plan.then(
            Duration::from_secs(10 * number),
            first.clone(),
            What::DrainRates,
        )
    });
    cluster.apply(&plan, &runtime);
    let plane = RateLimited::new(cluster.clone());
    let options = FleetOptions::default()
        .max_parallel(50)
        .each(Options::default().timeout(Duration::from_secs(3600)));
    let results = run(&plane, &fleet(&services), &options).await;
    assert_eq!(verdicts(&results), [Verdict::Deployed; 50]);
    println!(
        "50 services: {} calls throttled, no deployment failed",
        cluster.throttled()
    );
    assert!(cluster.throttled() > 0, "others use the rates up");
}

#[tokio::test(start_paused = true)]
async fn without_the_buckets_fifty_services_are_throttled_and_still_nothing_fails() {
    let services = numbered(50);
    let (cluster, _) = cluster(&services).await;
    cluster.limit_rates(true);
    let options = FleetOptions::default()
        .max_parallel(50)
        .each(Options::default().timeout(Duration::from_secs(3600)));
    let results = run(&cluster, &fleet(&services), &options).await;
    assert_eq!(verdicts(&results), [Verdict::Deployed; 50]);
    assert!(cluster.throttled() > 0, "the model's rates bite");
}

#[tokio::test(start_paused = true)]
async fn waves_go_one_after_another() {
    let services = names("api config web");
    let (cluster, _) = cluster(&services).await;
    let order = Mutex::new(Vec::new());
    let observer = |event: Event| {
        let mark = match event {
            Event::DeploymentStarted { service, .. } => format!("{service} starts"),
            Event::Finished { service, .. } => format!("{service} ends"),
            _ => return,
        };
        order.lock().unwrap().push(mark);
    };
    let fleet = fleet(&services).depends_on(depends(&[("web", "api"), ("api", "config")]));
    let options = FleetOptions::default();
    let results = deploy_all(&Deployer::new(&cluster), &fleet, &options, &observer).await;
    assert_eq!(verdicts(&results.unwrap()), [Verdict::Deployed; 3]);
    let order = order.into_inner().unwrap();
    assert_eq!(
        order,
        [
            "config starts",
            "config ends",
            "api starts",
            "api ends",
            "web starts",
            "web ends"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_what_was_not_begun_or_only_what_depends_on_it() {
    let services = names("api config other web");
    let pairs = depends(&[("web", "api"), ("other", "config")]);
    for (on_failure, other) in [
        (OnFleetFailure::Stop, Verdict::Cancelled),
        (OnFleetFailure::Continue, Verdict::Deployed),
    ] {
        let (cluster, runtime) = cluster(&services).await;
        runtime.part("h/api:new", Behaviour::MissingImage);
        let fleet = fleet(&services).depends_on(pairs.clone());
        let options = FleetOptions::default().on_failure(on_failure);
        let results = run(&cluster, &fleet, &options).await;
        let expected = [
            Verdict::RolledBack,
            Verdict::Deployed,
            other,
            Verdict::Cancelled,
        ];
        assert_eq!(verdicts(&results), expected, "{on_failure:?}");
        let left = results[3].result.as_ref().unwrap().reason.clone().unwrap();
        assert!(left.contains("web: not begun, because api"), "{left}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wave_is_taken_back_as_a_whole() {
    let services = names("api web");
    let (cluster, runtime) = cluster(&services).await;
    runtime.part("h/api:new", Behaviour::MissingImage);
    let options = FleetOptions::default().roll_back_wave(true);
    let results = run(&cluster, &fleet(&services), &options).await;
    assert_eq!(verdicts(&results), [Verdict::RolledBack; 2]);
    let why = results[1].result.as_ref().unwrap().reason.clone().unwrap();
    assert!(why.contains("with its wave, because api"), "{why}");
    let web = "web".parse().unwrap();
    assert_eq!(cluster.last_completed(&web).unwrap().1.revision(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_forced_deployment_of_the_same_revision_is_left_when_its_wave_is_taken_back() {
    let services = names("api web");
    let (cluster, runtime) = cluster(&services).await;
    runtime.part("h/api:new", Behaviour::MissingImage);
    let mut fleet = fleet(&services);
    fleet.deployments[1].images = ImageChange::All("h/web:old".parse().unwrap());
    fleet.deployments[1].force_new_deployment = true;
    let options = FleetOptions::default().roll_back_wave(true);
    let results = run(&cluster, &fleet, &options).await;
    assert_eq!(verdicts(&results), [Verdict::RolledBack, Verdict::Deployed]);
    let notes = &results[1].result.as_ref().unwrap().notes;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("the revision before is the same")),
        "{notes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_leads_nowhere_ends_it_before_anything_is_begun() {
    let services = names("api web");
    let (cluster, _) = cluster(&services[..1]).await;
    let fleet = fleet(&services).depends_on(depends(&[("web", "api")]));
    let options = FleetOptions::default();
    let error = deploy_all(&Deployer::new(&cluster), &fleet, &options, &|_| {}).await;
    assert!(
        matches!(&error, Err(Error::ServiceNotFound { service, .. }) if service.as_str() == "web"),
        "{error:?}"
    );
    let calls: BTreeMap<String, u64> = cluster.api_calls();
    assert_eq!(calls.get("UpdateService"), None, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_are_under_way_than_may_be() {
    let services = numbered(7);
    let (cluster, _) = cluster(&services).await;
    let (now, most) = (Mutex::new(0_i32), Mutex::new(0_i32));
    let observer = |event: Event| match event {
        Event::DeploymentStarted { .. } => {
            let mut now = now.lock().unwrap();
            *now += 1;
            let mut most = most.lock().unwrap();
            *most = (*most).max(*now);
        }
        Event::Finished { .. } => *now.lock().unwrap() -= 1,
        _ => {}
    };
    let options = FleetOptions::default().max_parallel(3);
    let fleet = fleet(&services);
    let results = deploy_all(&Deployer::new(&cluster), &fleet, &options, &observer).await;
    assert_eq!(verdicts(&results.unwrap()), [Verdict::Deployed; 7]);
    assert_eq!(*most.lock().unwrap(), 3);
}
