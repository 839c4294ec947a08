"""What lies in the bucket `results`, seen and changed by other people's programs.

Usage: s3.py ENDPOINT KEY SECRET list                the names of all objects, with their sizes
       s3.py ENDPOINT KEY SECRET unfinished          uploads of several pieces that were not ended
       s3.py ENDPOINT KEY SECRET put NAME TEXT
       s3.py ENDPOINT KEY SECRET delete NAME
       s3.py ENDPOINT KEY SECRET squares PREFIX      a summary of the squares in the Parquet files, by two readers
"""

import json
import sys

BUCKET = "results"


def client(endpoint, key, secret):
    import boto3

    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret
    )


def list_objects(s3):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {found["Key"]: found["Size"] for page in pages for found in page.get("Contents", [])}


def by_pyarrow(endpoint, key, secret, prefix):
    import numpy
    import pyarrow.dataset as dataset
    import pyarrow.fs as fs

    store = fs.S3FileSystem(
        access_key=key, secret_key=secret, endpoint_override=endpoint.removeprefix("http://"), scheme="http",
        region="us-east-1",
    )
    table = dataset.dataset(f"{BUCKET}/{prefix}", filesystem=store, format="parquet").to_table().sort_by("n")
    n, value = table["n"].to_numpy(), table["value"].to_numpy()
    return {
        "rows": len(n), "first": int(n[0]), "last": int(n[-1]), "in_order": bool((numpy.diff(n) == 1).all()),
        "wrong": int((n * n != value).sum()),
    }


def by_polars(endpoint, key, secret, prefix):
    import polars as pl

    options = {
        "aws_endpoint_url": endpoint, "aws_access_key_id": key, "aws_secret_access_key": secret,
        "aws_region": "us-east-1", "aws_allow_http": "true",
    }
    frame = pl.scan_parquet(f"s3://{BUCKET}/{prefix}/*.parquet", storage_options=options).sort("n").collect()
    n = frame["n"]
    return {
        "rows": len(frame), "first": n[0], "last": n[-1], "in_order": bool((n.diff().drop_nulls() == 1).all()),
        "wrong": int((n * n != frame["value"]).sum()),
    }


def main():
    access, command, arguments = sys.argv[1:4], sys.argv[4], sys.argv[5:]
    if command == "squares":
        said = {"pyarrow": by_pyarrow(*access, *arguments), "polars": by_polars(*access, *arguments)}
    elif command == "list":
        said = list_objects(client(*access))
    elif command == "unfinished":
        said = client(*access).list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    elif command == "put":
        said = client(*access).put_object(Bucket=BUCKET, Key=arguments[0], Body=arguments[1].encode())["ETag"]
    elif command == "delete":
        client(*access).delete_object(Bucket=BUCKET, Key=arguments[0])
        said = None
    print(json.dumps(said))


main()
