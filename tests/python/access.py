"""A stock gRPC client that calls every method of a coordinator with TLS, with each of several credentials.

Usage: access.py ADDRESS ADMIN CREDENTIAL...      where each is an access file, or `none`

The methods are those that the coordinator itself lists to the administrator, and those of Arrow Flight. Prints the code
and the message that each call ends with, by credential and method.
"""

import json
import sys
import tomllib

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

FLIGHT = "Handshake ListFlights GetFlightInfo PollFlightInfo GetSchema DoGet DoPut DoExchange DoAction ListActions"
# Longer than any answer takes, and shorter than a stream that an allowed peer may keep open for ever.
PATIENCE = 10


def connect(address, file, authority):
    access = {"authority": authority} if file == "none" else tomllib.load(open(file, "rb"))
    pem = {name: access[name].encode() for name in ("key", "certificate") if name in access}
    # All trust this coordinator, whoever made their own certificate.
    credentials = grpc.ssl_channel_credentials(authority.encode(), pem.get("key"), pem.get("certificate"))
    return grpc.secure_channel(address, credentials)


def methods(channel):
    reflection = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(reflection)
    for service in reflection.get_services():
        for name in pool.FindServiceByName(service).methods_by_name:
            yield f"/{service}/{name}"
    yield from (f"/arrow.flight.protocol.FlightService/{name}" for name in FLIGHT.split())


def call(channel, method):
    # An empty message, and no more, whatever the method takes.
    send = channel.stream_stream(method, request_serializer=bytes, response_deserializer=bytes)
    answers = send(iter([b""]), timeout=PATIENCE)
    try:
        next(answers)
        answers.cancel()
        return ["OK", ""]
    except StopIteration:
        return ["OK", ""]
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


def main():
    address, admin, *files = sys.argv[1:]
    authority = tomllib.load(open(admin, "rb"))["authority"]
    with connect(address, admin, authority) as channel:
        names = sorted(methods(channel))
    answers = {}
    for file in files:
        with connect(address, file, authority) as channel:
            answers[file] = {name: call(channel, name) for name in names}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
