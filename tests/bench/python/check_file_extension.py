"""A minimal check of the file extension: the last extension of the key, with the standard library."""

import os


def handler(event, _context):
    detail = event["detail"]
    bucket, key = detail["bucket"]["name"], detail["object"]["key"]
    return {"bucket": bucket, "key": key, "file_extension": os.path.splitext(key)[1]}
