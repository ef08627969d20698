//! The control endpoint.

use serde_json::json;

use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_and_does_what_no_api_does() {
    let site = Site::new("healthy").await;
    let before = site.get("time").await["seconds"].as_f64().unwrap();
    let (status, after) = site.post("advance", json!({"seconds": 600})).await;
    assert_eq!(status, 200);
    assert!(after["seconds"].as_f64().unwrap() >= before + 600.0);

    let (_, begun) = site
        .post("supersede", json!({"service": "web", "image": "h/web:2"}))
        .await;
    site.post("advance", json!({"seconds": 600})).await;
    let truth = site.get("truth?service=web").await;
    assert_eq!(truth["deployment"], begun["deployment"]);
    assert_eq!(truth["truth"]["kind"], "completed", "{truth}");
    let id = begun["deployment"].as_str().unwrap();
    let by_name = site
        .get(&format!("truth?service=web&deployment={id}"))
        .await;
    assert_eq!(by_name, truth);

    site.post("scale", json!({"service": "web", "desired": 5}))
        .await;
    site.post("advance", json!({"seconds": 600})).await;
    let state = site.get("state").await;
    let tasks = state["clusters"]["dev"]["web"]["tasks"].as_array().unwrap();
    let running = tasks.iter().filter(|task| task["status"] == "RUNNING");
    assert_eq!(running.clone().count(), 5);
    for task in running {
        let images = task["images"].as_object().unwrap();
        assert!(images.contains_key("h/web:2"), "{task}");
    }

    site.post("alarm", json!({"name": "errors", "on": true}))
        .await;
    site.client.list_clusters().send().await.unwrap();
    assert_eq!(site.get("calls").await["calls"]["ListClusters"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_taken_at_any_time() {
    let site = Site::new("healthy").await;
    let plan = json!({
        "images": {"h/web:2": {"kind": "crash-at-start", "exit-code": 3}},
        "happenings": [
            {"at": 0.0, "from": "start", "service": "web", "what": {"kind": "throttle", "calls": 1}},
        ],
    });
    assert_eq!(site.post("faults", plan).await.0, 200);
    let throttled = site.client.list_clusters().send().await.unwrap_err();
    let throttled = throttled.into_service_error();
    assert_eq!(throttled.meta().code(), Some("ThrottlingException"));
    assert_eq!(throttled.meta().message(), Some("Rate exceeded"));
    site.client.list_clusters().send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_said() {
    let site = Site::new("healthy").await;
    let (status, answer) = site.post("advance", json!({"minutes": 1})).await;
    assert_eq!(status, 400);
    assert!(
        answer["error"].as_str().unwrap().contains("minutes"),
        "{answer}"
    );
    let (status, answer) = site
        .post("scale", json!({"service": "wbe", "desired": 1}))
        .await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (400, Some("the cluster `dev` has no service `wbe`"))
    );
    let (status, answer) = site.post("nothing", json!({})).await;
    assert_eq!(status, 404);
    assert!(
        answer["error"].as_str().unwrap().contains("supersede"),
        "{answer}"
    );
}
