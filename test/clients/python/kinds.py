"""A value of every kind that each schema language has, with what Weir's data plane shows of it."""

import base64
import datetime
import decimal
import json

from confluent_kafka.schema_registry import Schema
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf import duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2


def _base64(bytes_):
    return base64.b64encode(bytes_).decode()


AVRO = Schema(
    json.dumps(
        {
            "type": "record",
            "name": "Kinds",
            "namespace": "kinds",
            "fields": [
                {"name": "nothing", "type": "null"},
                {"name": "yes", "type": "boolean"},
                {"name": "int", "type": "int"},
                {"name": "long", "type": "long"},
                {"name": "float", "type": "float"},
                {"name": "double", "type": "double"},
                {"name": "bytes", "type": "bytes"},
                {"name": "string", "type": "string"},
                {"name": "colour", "type": {"type": "enum", "name": "Colour", "symbols": ["RED", "GREEN"]}},
                {"name": "fixed", "type": {"type": "fixed", "name": "Three", "size": 3}},
                {"name": "array", "type": {"type": "array", "items": "long"}},
                {"name": "map", "type": {"type": "map", "values": ["null", "string"]}},
                {"name": "absent", "type": ["null", "string"], "default": None},
                {"name": "present", "type": ["null", "string"]},
                {
                    "name": "either",
                    "type": [
                        {"type": "record", "name": "A", "fields": [{"name": "n", "type": "int"}]},
                        {"type": "record", "name": "B", "fields": [{"name": "n", "type": "int"}]},
                    ],
                },
                {
                    "name": "list",
                    "type": {
                        "type": "record",
                        "name": "List",
                        "fields": [{"name": "head", "type": "int"}, {"name": "tail", "type": ["null", "List"]}],
                    },
                },
                {
                    "name": "price",
                    "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
                },
                {"name": "day", "type": {"type": "int", "logicalType": "date"}},
                {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            ],
        }
    ),
    "AVRO",
)
AVRO_VALUE = {
    "nothing": None,
    "yes": True,
    "int": -7,
    "long": 2**60 + 1,
    "float": 0.5,
    "double": 1e-300,
    "bytes": b"\0\xff",
    "string": "ä\U0001f600",
    "colour": "GREEN",
    "fixed": b"abc",
    "array": [1, -(2**62)],
    "map": {"a": "b", "c": None},
    "absent": None,
    "present": "x",
    "either": ("kinds.B", {"n": 2}),
    "list": {"head": 1, "tail": {"head": 2, "tail": None}},
    "price": decimal.Decimal("12.34"),
    "day": datetime.date(2001, 1, 5),
    "at": datetime.datetime(2001, 1, 5, tzinfo=datetime.timezone.utc),
}
AVRO_SHOWN = {
    **AVRO_VALUE,
    "long": str(2**60 + 1),
    "bytes": _base64(b"\0\xff"),
    "fixed": _base64(b"abc"),
    "array": [1, str(-(2**62))],
    "either": {"kinds.B": {"n": 2}},
    "price": _base64(b"\x04\xd2"),
    "day": 11327,
    "at": 978652800000,
}
AVRO_READ = {**AVRO_VALUE, "either": {"n": 2}}


JSON = Schema(
    json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://weir.example/kinds.json",
            "title": "Kinds",
            "type": "object",
            "properties": {
                "text": {"type": "string", "pattern": "^ä"},
                "int": {"type": "integer", "maximum": 0},
                "big": {"type": "integer", "minimum": 2**69},
                "float": {"type": "number", "exclusiveMaximum": 0.2},
                "yes": {"const": True},
                "nothing": {"type": "null"},
                "list": {"prefixItems": [{"type": "array"}, {"type": "object"}], "items": {"$ref": "#/$defs/row"}},
                "nested": {"propertyNames": {"maxLength": 9}},
            },
            "required": ["text"],
            "unevaluatedProperties": False,
            "$defs": {"row": {"type": "array", "contains": {"type": "integer"}, "uniqueItems": True}},
        }
    ),
    "JSON",
)
JSON_VALUE = {
    "text": 'ä\U0001f600"\\\n\0',
    "int": -7,
    "big": 2**70,
    "float": 0.1,
    "yes": True,
    "nothing": None,
    "list": [[], {}, [1, "a"], [2]],
    "nested": {"a/b": {"~": 1e-300}, "": 0, "__proto__": {"x": 1}},
}
JSON_SHOWN = {**JSON_VALUE, "big": str(2**70)}


_TYPES = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "double": 1e-300,
    "float": 0.5,
    "int64": -(2**62),
    "uint64": 2**64 - 1,
    "int32": -7,
    "fixed64": 2**63,
    "fixed32": 2**32 - 1,
    "bool": True,
    "string": "ä\U0001f600",
    "bytes": b"\0\xff",
    "uint32": 2**31,
    "sfixed32": -1,
    "sfixed64": -(2**60),
    "sint32": -(2**31),
    "sint64": -(2**63),
}


def _file(syntax):
    """A file with a message that has a field of every type, plain and repeated, and what else the syntax has."""
    package = f"kinds.{syntax}"
    kinds = descriptor_pb2.DescriptorProto(name="Kinds")

    def add(name, type_, label=_TYPES.LABEL_OPTIONAL, message=kinds, **more):
        message.field.add(name=name, number=len(message.field) + 1, type=type_, label=label, **more)
        return message.field[-1]

    for scalar in _SCALARS:
        type_ = _TYPES.Type.Value(f"TYPE_{scalar.upper()}")
        add(f"one_{scalar}", type_)
        add(f"many_{scalar}", type_, _TYPES.LABEL_REPEATED)
    colour = kinds.enum_type.add(name="Colour")
    for number, name in enumerate(("RED", "GREEN")):
        colour.value.add(name=name, number=number)
    add("colour", _TYPES.TYPE_ENUM, type_name=f".{package}.Kinds.Colour")
    add("colours", _TYPES.TYPE_ENUM, _TYPES.LABEL_REPEATED, type_name=f".{package}.Kinds.Colour")
    add("inner", _TYPES.TYPE_MESSAGE, type_name=f".{package}.Kinds")
    add("inners", _TYPES.TYPE_MESSAGE, _TYPES.LABEL_REPEATED, type_name=f".{package}.Kinds")
    for name, value in (("by_name", _TYPES.TYPE_INT64), ("by_number", _TYPES.TYPE_MESSAGE)):
        entry = kinds.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        add("key", _TYPES.TYPE_STRING if name == "by_name" else _TYPES.TYPE_INT32, message=entry)
        type_name = f".{package}.Kinds" if value == _TYPES.TYPE_MESSAGE else None
        add("value", value, message=entry, type_name=type_name)
        add(name, _TYPES.TYPE_MESSAGE, _TYPES.LABEL_REPEATED, type_name=f".{package}.Kinds.{entry.name}")
    kinds.oneof_decl.add(name="choice")
    add("left", _TYPES.TYPE_STRING, oneof_index=0)
    add("right", _TYPES.TYPE_STRING, oneof_index=0)
    for known in ("Timestamp", "Duration", "Struct", "StringValue"):
        add(known.lower(), _TYPES.TYPE_MESSAGE, type_name=f".google.protobuf.{known}")
    if syntax == "proto3":
        kinds.oneof_decl.add(name="_maybe")
        add("maybe", _TYPES.TYPE_INT32, oneof_index=1, proto3_optional=True)
    if syntax == "proto2":
        add("needed", _TYPES.TYPE_STRING, _TYPES.LABEL_REQUIRED)
        add("seven", _TYPES.TYPE_INT32, default_value="7")
        add("packed", _TYPES.TYPE_INT32, _TYPES.LABEL_REPEATED).options.packed = True
    if syntax == "editions":
        features = descriptor_pb2.FeatureSet
        add("implicit", _TYPES.TYPE_INT32).options.features.field_presence = features.IMPLICIT
        expanded = add("expanded", _TYPES.TYPE_INT32, _TYPES.LABEL_REPEATED)
        expanded.options.features.repeated_field_encoding = features.EXPANDED
        delimited = add("delimited", _TYPES.TYPE_MESSAGE, type_name=f".{package}.Kinds")
        delimited.options.features.message_encoding = features.DELIMITED
    dependencies = [file.DESCRIPTOR.name for file in (timestamp_pb2, duration_pb2, struct_pb2, wrappers_pb2)]
    file = descriptor_pb2.FileDescriptorProto(
        name=f"kinds/{syntax}.proto", package=package, syntax=syntax, dependency=dependencies, message_type=[kinds]
    )
    if syntax == "editions":
        file.edition = descriptor_pb2.EDITION_2023
    return file


def protobuf(syntax):
    """A message with every kind of field set: its class, the message, and the JSON of Google's own mapping."""
    pool = descriptor_pool.DescriptorPool()
    for file in (timestamp_pb2, duration_pb2, struct_pb2, wrappers_pb2):
        pool.AddSerializedFile(file.DESCRIPTOR.serialized_pb)
    pool.Add(_file(syntax))
    kinds = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"kinds.{syntax}.Kinds"))
    fields = {f"one_{scalar}": value for scalar, value in _SCALARS.items()}
    fields |= {f"many_{scalar}": [value, value] for scalar, value in _SCALARS.items()}
    needed = {"needed": "n"} if syntax == "proto2" else {}
    inner = kinds(one_string="inner", **needed)
    own = {
        "proto2": needed | {"seven": 0, "packed": [1, 300]},
        "proto3": {"maybe": 0},
        "editions": {"implicit": 1, "expanded": [1, 300], "delimited": inner},
    }
    message = kinds(
        **fields,
        colour="GREEN",
        colours=["GREEN", "RED"],
        inner=inner,
        inners=[inner, inner],
        by_name={"a": 2**60},
        by_number={-1: inner},
        right="",
        timestamp={"seconds": 1, "nanos": 5000000},
        duration={"seconds": -3, "nanos": -500000000},
        stringvalue={"value": ""},
        **own[syntax],
    )
    json_format.ParseDict({"a": [1.5, None, {"b": True}]}, message.struct)
    return kinds, message, json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
