"""A server of S3 with one bucket, `results`, and one user who may do everything with it.

Usage: s3_server.py

Prints one line of JSON (endpoint, key, secret) when it serves; runs until it is killed. It checks signatures.
"""

import json
import signal

import boto3
from moto.core.authorization import enable_iam_authentication
from moto.server import ThreadedMotoServer

ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def main():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"

    def client(service):
        return boto3.client(
            service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-"
        )

    iam = client("iam")
    iam.create_user(UserName="swath")
    iam.put_user_policy(UserName="swath", PolicyName="all", PolicyDocument=json.dumps(ALL))
    key = iam.create_access_key(UserName="swath")["AccessKey"]
    client("s3").create_bucket(Bucket="results")
    with enable_iam_authentication():
        said = {"endpoint": endpoint, "key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
        print(json.dumps(said), flush=True)
        signal.pause()


main()
