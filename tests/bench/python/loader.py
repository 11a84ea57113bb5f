"""A typical loader in Python: boto3, pandas, psycopg2 and COPY."""

import io
import os

import boto3
import pandas
import psycopg2

s3 = boto3.client("s3")


def handler(event, _context):
    body = s3.get_object(Bucket=event["bucket"], Key=event["key"])["Body"].read()
    frame = pandas.read_csv(io.BytesIO(body), parse_dates=["joined"])
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False, header=False)
    buffer.seek(0)
    with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.copy_expert(f"copy {event['table']} from stdin with (format csv)", buffer)
    connection.close()
    return {"rows": len(frame)}
