"""A stock gRPC client that has none of Swath's .proto files: health, and what server reflection leads to.

Usage: grpc_services.py ADDRESS
"""

import json
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def health(channel, service):
    try:
        response = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service))
    except grpc.RpcError as error:
        return error.code().name
    return health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)


class ReflectionV1(grpc.StreamStreamClientInterceptor):
    """The same messages under the name that reflection has had since it is no longer a draft."""

    def intercept_stream_stream(self, continuation, details, requests):
        method = details.method.replace("grpc.reflection.v1alpha.", "grpc.reflection.v1.")
        return continuation(details._replace(method=method), requests)


def main():
    [address] = sys.argv[1:]
    with grpc.insecure_channel(address) as plain:
        channel = grpc.intercept_channel(plain, ReflectionV1())
        reflection = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(reflection)
        jobs = pool.FindServiceByName("swath.v1.Jobs")

        def call(name, fields):
            method = jobs.methods_by_name[name]
            request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
            send = channel.unary_unary(
                f"/swath.v1.Jobs/{name}",
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
            try:
                return MessageToDict(send(request(**fields)))
            except grpc.RpcError as error:
                return {"code": error.code().name, "details": error.details()}

        print(json.dumps({
            "health": health(channel, ""),
            "unknown_service": health(channel, "nobody"),
            "services": sorted(reflection.get_services()),
            "jobs": call("List", {}).get("jobs", []),
            "missing_job": call("Get", {"id": 7}),
        }))


if __name__ == "__main__":
    main()
