"""Reads a log group with boto3 and writes it to a bucket: streaming, gzip 6, nothing kept in memory but a page."""

import gzip
import json
import os
import sys

import boto3

group, bucket, folder = sys.argv[1:]
logs = boto3.client("logs")
s3 = boto3.client("s3")
path = os.path.join(folder, "peer.ndjson.gz")
count = 0
with gzip.open(path, "wb", compresslevel=6) as out:
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
        for event in page["events"]:
            line = {
                "timestamp": event["timestamp"],
                "ingestion_time": event["ingestionTime"],
                "stream": event["logStreamName"],
                "event_id": event["eventId"],
                "message": event["message"],
            }
            out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode())
            out.write(b"\n")
            count += 1
with open(path, "rb") as body:
    s3.put_object(Bucket=bucket, Key="events.ndjson.gz", Body=body)
print(count)
