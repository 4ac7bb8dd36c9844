"""The same order in the three schema languages."""

import json

from confluent_kafka.schema_registry import Metadata, MetadataProperties, Schema, SchemaReference
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

AVRO = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "fields": [{"name": "id", "type": "string"}, {"name": "cents", "type": "long"}],
    }
)
JSON = json.dumps(
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Order",
        "type": "object",
        "properties": {"id": {"type": "string"}, "cents": {"type": "integer"}},
        "required": ["id"],
    }
)


def avro(text=AVRO, **more):
    return Schema(text, "AVRO", **more)


def json_schema(text=JSON, **more):
    return Schema(text, "JSON", **more)


def of_stage(stage):
    """Metadata by which a version can be chosen."""
    return Metadata(tags=None, properties=MetadataProperties({"stage": stage}), sensitive=None)


def protobuf(fields):
    """`shop/order.proto` with other fields of the order, as source text."""
    return Schema(
        'syntax = "proto3"; package shop; import "shop/money.proto"; import "google/protobuf/timestamp.proto";'
        f" message Unused {{}} message Order {{ {fields} message Line {{ int32 count = 1; }} }}",
        "PROTOBUF",
        [SchemaReference("shop/money.proto", "shop/money.proto", 1)],
    )


_TYPES = descriptor_pb2.FieldDescriptorProto


def _field(name, number, type_, type_name=None):
    return _TYPES(name=name, number=number, type=type_, type_name=type_name, label=_TYPES.LABEL_OPTIONAL)


def _message_classes():
    """Classes as generated code has them, without a compiler: `shop/order.proto` imports a file of its own and a bundled one."""
    message = descriptor_pb2.DescriptorProto
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(
        descriptor_pb2.FileDescriptorProto(
            name="shop/money.proto",
            package="shop",
            syntax="proto3",
            message_type=[message(name="Money", field=[_field("units", 1, _TYPES.TYPE_INT64)])],
        )
    )
    pool.Add(
        descriptor_pb2.FileDescriptorProto(
            name="shop/order.proto",
            package="shop",
            syntax="proto3",
            dependency=["shop/money.proto", "google/protobuf/timestamp.proto"],
            message_type=[
                message(name="Unused"),
                message(
                    name="Order",
                    field=[
                        _field("id", 1, _TYPES.TYPE_STRING),
                        _field("total", 2, _TYPES.TYPE_MESSAGE, ".shop.Money"),
                        _field("placed_at", 3, _TYPES.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
                    ],
                    nested_type=[message(name="Line", field=[_field("count", 1, _TYPES.TYPE_INT32)])],
                ),
            ],
        )
    )
    return [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in ("shop.Order", "shop.Order.Line")
    ]


ProtobufOrder, ProtobufLine = _message_classes()
