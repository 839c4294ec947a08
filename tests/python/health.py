"""Asks a health port with the stock client of grpc.health.v1: health.py HOST:PORT"""

import json
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

STATUS = health_pb2.HealthCheckResponse.ServingStatus
channel = grpc.insecure_channel(sys.argv[1])
health = health_pb2_grpc.HealthStub(channel)


def check(service):
    try:
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=30)
        return STATUS.Name(answer.status)
    except grpc.RpcError as error:
        return error.code().name


def watch(service):
    changes = health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=30)
    first = next(changes)
    changes.cancel()
    return STATUS.Name(first.status)


def call_jobs():
    """`swath.v1.Jobs.List`, an empty message."""
    call = channel.unary_unary("/swath.v1.Jobs/List", lambda _: b"", lambda answer: answer)
    try:
        call(None, timeout=30)
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


said = {service: check(service) for service in ["", "liveness", "readiness", "swath.v1.Jobs"]}
said |= {"watched": watch("readiness"), "watched_unknown": watch("swath.v1.Jobs"), "other_service": call_jobs()}
said["large"] = check("x" * 100_000)
print(json.dumps(said))
