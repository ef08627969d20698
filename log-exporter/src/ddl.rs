//! The table over an archive, for Athena and Glue.

use crate::layout::encode;
use crate::{Layout, PartFormat, Place};

/// The statement that makes a table over the parts of one format of an archive. With partition projection nothing has to be crawled
/// or added: a query names its groups, days and hours. `location` is where the archive is, such as `s3://bucket`; `since` the first
/// day, as YYYY-MM-DD. Times are milliseconds since 1970 in lines, and timestamps in Parquet.
///
/// It fails where there is a table of that name already, whose groups, days or format may be others: [`ddl_drop`] makes room for it.
///
/// Athena reads every object below the location: orphans and their duplicates too, until `verify --gc --delete` removes them.
pub fn ddl(
    table: &str,
    location: &str,
    layout: &Layout,
    format: PartFormat,
    places: &[Place],
    since: &str,
) -> String {
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
        layout.events(format).trim_end_matches('/')
    );
    let quoted = |text: &str| text.replace('\'', "''");
    let root = quoted(&root);
    let name = bare(table);
    let (time, stored) = match format {
        PartFormat::Ndjson => (
            "bigint COMMENT 'milliseconds since 1970'",
            "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'",
        ),
        PartFormat::Parquet => ("timestamp COMMENT 'UTC'", "STORED AS PARQUET"),
    };
    format!(
        "CREATE EXTERNAL TABLE `{name}` (
  `timestamp` {time},
  `ingestion_time` {time},
  `stream` string,
  `event_id` string COMMENT 'unique within the stream',
  `message` string
)
PARTITIONED BY (`account` string, `region` string, `group` string, `dt` string, `hour` string)
{stored}
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

/// The statement that takes a table away. Of an external one, as [`ddl`] makes them, the data stay; of others they may go.
pub fn ddl_drop(table: &str) -> String {
    format!("DROP TABLE IF EXISTS `{}`;", bare(table))
}

/// The statement that makes a view over the tables of both formats, with times as milliseconds since 1970.
pub fn ddl_over_both(view: &str, lines: &str, columns: &str) -> String {
    let millis = |name: &str| {
        format!("date_diff('millisecond', timestamp '1970-01-01 00:00:00', \"{name}\")")
    };
    let rest = r#""stream", "event_id", "message", "account", "region", "group", "dt", "hour""#;
    format!(
        r#"CREATE OR REPLACE VIEW "{}" AS
SELECT "timestamp", "ingestion_time", {rest}
FROM "{}"
UNION ALL
SELECT {}, {}, {rest}
FROM "{}";"#,
        bare(view),
        bare(lines),
        millis("timestamp"),
        millis("ingestion_time"),
        bare(columns),
    )
}

/// A name without what would end its quotes.
fn bare(name: &str) -> String {
    name.replace(['`', '"'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(format: PartFormat) -> String {
        let place = Place::new(
            "123456789012".parse().unwrap(),
            "us-east-1".parse().unwrap(),
            "/ecs/app".parse().unwrap(),
        );
        let layout = Layout::new("prod");
        ddl(
            "logs",
            "s3://bucket/",
            &layout,
            format,
            &[place],
            "2026-01-01",
        )
    }

    #[test]
    fn the_table_names_where_things_are() {
        let text = table(PartFormat::Ndjson);
        for part in [
            "LOCATION 's3://bucket/prod/events/'",
            "JsonSerDe",
            "`timestamp` bigint",
            "'projection.group.values' = '!ecs!app'",
            "prod/events/account=${account}/region=${region}/group=${group}/dt=${dt}/hour=${hour}/",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_table_of_parquet_has_timestamps_and_a_place_of_its_own() {
        let text = table(PartFormat::Parquet);
        for part in [
            "LOCATION 's3://bucket/prod/parquet/'",
            "STORED AS PARQUET",
            "`ingestion_time` timestamp",
            "prod/parquet/account=${account}/region=${region}/group=${group}/dt=${dt}/hour=${hour}/",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            !text.contains("JsonSerDe") && !text.contains("bigint"),
            "{text}"
        );
    }

    #[test]
    fn a_table_that_is_there_already_is_not_passed_over_in_silence() {
        for format in [PartFormat::Ndjson, PartFormat::Parquet] {
            let text = table(format);
            assert!(text.starts_with("CREATE EXTERNAL TABLE `logs` ("), "{text}");
        }
        assert_eq!(ddl_drop("lo`gs"), "DROP TABLE IF EXISTS `logs`;");
    }

    #[test]
    fn a_view_has_both() {
        let text = ddl_over_both("all\"x", "logs", "logs_parquet");
        assert!(
            text.starts_with("CREATE OR REPLACE VIEW \"allx\" AS"),
            "{text}"
        );
        assert!(text.contains("FROM \"logs\"\nUNION ALL"), "{text}");
        assert!(
            text.contains(
                "date_diff('millisecond', timestamp '1970-01-01 00:00:00', \"timestamp\")"
            ),
            "{text}"
        );
    }
}
