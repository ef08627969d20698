//! The recorded events of the library, which reads them; here they are held against a library that knows AWS's shapes.

use std::path::{Path, PathBuf};

use aws_lambda_events::sns::SnsEvent;
use aws_lambda_events::sqs::SqsEvent;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../notifier/tests/data/alarms")
}

pub(crate) fn event(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_recorded_events_have_the_shapes_that_aws_documents() {
    let mut read = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let event = event(name.trim_end_matches(".json"));
        match name.as_str() {
            "direct.json" | "eventbridge.json" => continue,
            // The strict library loses all four records for the one that is bad.
            "several-with-a-bad-one.json" => {
                assert!(serde_json::from_value::<SnsEvent>(event).is_err());
            }
            "queue.json" => {
                assert_eq!(
                    serde_json::from_value::<SqsEvent>(event)
                        .unwrap()
                        .records
                        .len(),
                    3
                );
            }
            _ => {
                assert_eq!(
                    serde_json::from_value::<SnsEvent>(event)
                        .unwrap()
                        .records
                        .len(),
                    1,
                    "{name}"
                );
            }
        }
        read += 1;
    }
    assert!(read >= 11, "{read}");
}
