//! The table over an archive, for Athena and Glue.

use crate::layout::encode;
use crate::{Layout, Place};

/// The statement that makes a table over the events of an archive. With partition projection nothing has to be crawled or added: a
/// query names its groups, days and hours. `location` is where the archive is, such as `s3://bucket`; `since` the first day, as
/// YYYY-MM-DD.
///
/// Athena reads every object below the location: orphans and their duplicates too, until `verify --gc --delete` removes them.
pub fn ddl(table: &str, location: &str, layout: &Layout, places: &[Place], since: &str) -> String {
    let distinct = |texts: Vec<String>| {
        let mut texts = texts;
        texts.sort();
        texts.dedup();
        texts.join(",")
    };
    let accounts = distinct(places.iter().map(|p| p.account.to_string()).collect());
    let regions = distinct(places.iter().map(|p| p.region.to_string()).collect());
    let groups = distinct(places.iter().map(|p| encode(&p.group)).collect());
    let root = format!(
        "{}/{}",
        location.trim_end_matches('/'),
        layout.events().trim_end_matches('/')
    );
    let quoted = |text: &str| text.replace('\'', "''");
    let root = quoted(&root);
    let name = table.replace('`', "");
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `{name}` (
  `timestamp` bigint COMMENT 'milliseconds since 1970',
  `ingestion_time` bigint COMMENT 'milliseconds since 1970',
  `stream` string,
  `event_id` string COMMENT 'unique within the stream',
  `message` string
)
PARTITIONED BY (`account` string, `region` string, `group` string, `dt` string, `hour` string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION '{root}/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.account.type' = 'enum',
  'projection.account.values' = '{accounts}',
  'projection.region.type' = 'enum',
  'projection.region.values' = '{regions}',
  'projection.group.type' = 'enum',
  'projection.group.values' = '{groups}',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '{since},NOW',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = '{root}/account=${{account}}/region=${{region}}/group=${{group}}/dt=${{dt}}/hour=${{hour}}/'
);",
        since = quoted(since),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_where_things_are() {
        let place = Place::new(
            "123456789012".parse().unwrap(),
            "us-east-1".parse().unwrap(),
            "/ecs/app".parse().unwrap(),
        );
        let text = ddl(
            "logs",
            "s3://bucket/",
            &Layout::new("prod"),
            &[place],
            "2026-01-01",
        );
        assert!(
            text.contains("LOCATION 's3://bucket/prod/events/'"),
            "{text}"
        );
        assert!(
            text.contains("'projection.group.values' = '!ecs!app'"),
            "{text}"
        );
        assert!(
            text.contains("group=${group}/dt=${dt}/hour=${hour}/"),
            "{text}"
        );
    }
}
