package clients

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

type order struct {
	ID    string `avro:"id" json:"id"`
	Cents int64  `avro:"cents" json:"cents"`
}

const protobufOrder = `syntax = "proto3"; package shop;
message Unused {}
message Order { string id = 1; int64 cents = 2; message Line { int32 count = 1; } }`

// orderFile is protobufOrder as generated code carries it.
func orderFile(t *testing.T) protoreflect.FileDescriptor {
	t.Helper()
	field := func(name string, number int32, kind descriptorpb.FieldDescriptorProto_Type) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{Name: &name, Number: &number, Type: &kind, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
	}
	line := &descriptorpb.DescriptorProto{Name: proto.String("Line"), Field: []*descriptorpb.FieldDescriptorProto{field("count", 1, descriptorpb.FieldDescriptorProto_TYPE_INT32)}}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name:    proto.String("order.proto"),
		Package: proto.String("shop"),
		Syntax:  proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: proto.String("Unused")},
			{
				Name: proto.String("Order"),
				Field: []*descriptorpb.FieldDescriptorProto{
					field("id", 1, descriptorpb.FieldDescriptorProto_TYPE_STRING),
					field("cents", 2, descriptorpb.FieldDescriptorProto_TYPE_INT64),
				},
				NestedType: []*descriptorpb.DescriptorProto{line},
			},
		},
	}, &protoregistry.Files{})
	must(t, err)
	return file
}

func TestSerde(t *testing.T) {
	client := clientOf(t, token)
	register := func(t *testing.T, topic string, schema sr.Schema) int {
		t.Helper()
		id, err := client.RegisterSchema(ctx, topic+"-value", schema, -1, -1)
		must(t, err)
		return id
	}

	// bothWays: what the client encodes Weir decodes, what Weir encodes is the same bytes, and the client decodes them.
	bothWays := func(t *testing.T, topic string, serde *sr.Serde, value any, shown map[string]any, message string) {
		t.Helper()
		theirs, err := serde.Encode(value)
		must(t, err)
		produceBytes(t, topic, theirs)
		decoded := read(t, topic)[0]
		equal(t, []any{decoded.Error, decoded.Value, decoded.ValueMessage}, []any{"", shown, message})
		equal(t, produce(t, topic, shown, message), http.StatusOK)
		ours := readBytes(t, topic)[1]
		equal(t, hex.EncodeToString(ours), hex.EncodeToString(theirs))
		again, err := serde.DecodeNew(ours)
		must(t, err)
		encoded, err := serde.Encode(again)
		must(t, err)
		equal(t, hex.EncodeToString(encoded), hex.EncodeToString(theirs))
	}

	t.Run("writes and reads Avro as Weir does, byte for byte", func(t *testing.T) {
		topic := freshTopic(t)
		id := register(t, topic, sr.Schema{Schema: avroOrder})
		schema, err := avro.Parse(avroOrder)
		must(t, err)
		serde := sr.NewSerde()
		serde.Register(id, &order{},
			sr.EncodeFn(func(value any) ([]byte, error) { return schema.Encode(value) }),
			sr.DecodeFn(func(data []byte, value any) error { _, err := schema.Decode(data, value); return err }),
			sr.GenerateFn(func() any { return &order{} }),
		)
		bothWays(t, topic, serde, &order{"o1", 5}, map[string]any{"id": "o1", "cents": 5.0}, "")
	})

	t.Run("writes and reads JSON as Weir does, byte for byte", func(t *testing.T) {
		topic := freshTopic(t)
		id := register(t, topic, sr.Schema{Schema: jsonOrder, Type: sr.TypeJSON})
		serde := sr.NewSerde()
		serde.Register(id, &order{}, sr.EncodeFn(json.Marshal), sr.DecodeFn(json.Unmarshal), sr.GenerateFn(func() any { return &order{} }))
		// Weir keeps the members as they come, and Go sends the keys of a map in order.
		theirs, err := serde.Encode(map[string]any{})
		if err == nil {
			t.Fatalf("a type that is not registered was encoded: %x", theirs)
		}
		theirs, err = serde.Encode(&order{"o1", 5})
		must(t, err)
		produceBytes(t, topic, theirs)
		equal(t, read(t, topic)[0].Value, any(map[string]any{"id": "o1", "cents": 5.0}))
		equal(t, produce(t, topic, &order{"o1", 5}, ""), http.StatusOK)
		ours := readBytes(t, topic)[1]
		equal(t, hex.EncodeToString(ours), hex.EncodeToString(theirs))
		var decoded order
		must(t, serde.Decode(ours, &decoded))
		equal(t, decoded, order{"o1", 5})
	})

	for _, message := range []struct {
		name  string
		index []int
		shown map[string]any
	}{
		{"Order", []int{1}, map[string]any{"id": "o1", "cents": "5"}},
		{"Order.Line", []int{1, 0}, map[string]any{"count": 3.0}},
	} {
		t.Run("writes and reads Protobuf as Weir does, byte for byte, message "+message.name, func(t *testing.T) {
			topic := freshTopic(t)
			id := register(t, topic, sr.Schema{Schema: protobufOrder, Type: sr.TypeProtobuf})
			descriptor := orderFile(t).Messages().ByName("Order")
			if message.name == "Order.Line" {
				descriptor = descriptor.Messages().ByName("Line")
			}
			value := dynamicpb.NewMessage(descriptor)
			if message.name == "Order" {
				value.Set(descriptor.Fields().ByName("id"), protoreflect.ValueOfString("o1"))
				value.Set(descriptor.Fields().ByName("cents"), protoreflect.ValueOfInt64(5))
			} else {
				value.Set(descriptor.Fields().ByName("count"), protoreflect.ValueOfInt32(3))
			}
			serde := sr.NewSerde()
			serde.Register(id, value,
				sr.Index(message.index...),
				sr.EncodeFn(func(value any) ([]byte, error) {
					return proto.MarshalOptions{Deterministic: true}.Marshal(value.(proto.Message))
				}),
				sr.DecodeFn(func(data []byte, value any) error { return proto.Unmarshal(data, value.(proto.Message)) }),
				sr.GenerateFn(func() any { return dynamicpb.NewMessage(descriptor) }),
			)
			bothWays(t, topic, serde, value, message.shown, "shop."+message.name)
		})
	}

	t.Run("registers a serialized Protobuf descriptor as the text it stands for, and builds the one it gets", func(t *testing.T) {
		topic := freshTopic(t)
		id := register(t, topic, sr.Schema{Schema: protobufOrder, Type: sr.TypeProtobuf})
		encoded, err := proto.Marshal(protodesc.ToFileDescriptorProto(orderFile(t)))
		must(t, err)
		same := register(t, topic, sr.Schema{Schema: base64.StdEncoding.EncodeToString(encoded), Type: sr.TypeProtobuf})
		equal(t, same, id)
		text, err := client.SchemaTextByID(sr.WithParams(ctx, sr.Format("serialized")), id)
		must(t, err)
		decoded, err := base64.StdEncoding.DecodeString(text)
		must(t, err)
		var file descriptorpb.FileDescriptorProto
		must(t, proto.Unmarshal(decoded, &file))
		built, err := protodesc.NewFile(&file, &protoregistry.Files{})
		must(t, err)
		equal(t, built.Messages().ByName("Order").Fields().ByName("cents").Kind(), protoreflect.Int64Kind)
	})

	t.Run("puts the id of a registered schema in front, and finds it again", func(t *testing.T) {
		topic := freshTopic(t)
		id := register(t, topic, sr.Schema{Schema: avroOrder})
		equal(t, produce(t, topic, map[string]any{"id": "o1", "cents": 5}, ""), http.StatusOK)
		found, rest, err := new(sr.ConfluentHeader).DecodeID(readBytes(t, topic)[0])
		must(t, err)
		equal(t, found, id)
		equal(t, hex.EncodeToString(rest), "046f310a")
		header, err := new(sr.ConfluentHeader).AppendEncode(nil, id, nil)
		must(t, err)
		produceBytes(t, topic, append(header, rest...))
		equal(t, read(t, topic)[1].Value, any(map[string]any{"id": "o1", "cents": 5.0}))
	})

	t.Run("refuses what is cut short or names an unknown schema, as Weir does", func(t *testing.T) {
		topic := freshTopic(t)
		id := register(t, topic, sr.Schema{Schema: avroOrder})
		schema, err := avro.Parse(avroOrder)
		must(t, err)
		serde := sr.NewSerde()
		serde.Register(id, order{},
			sr.EncodeFn(func(value any) ([]byte, error) { return schema.Encode(value) }),
			sr.DecodeFn(func(data []byte, value any) error { _, err := schema.Decode(data, value); return err }),
		)
		whole, err := serde.Encode(order{"o1", 5})
		must(t, err)
		unknown := append([]byte(nil), whole...)
		must(t, new(sr.ConfluentHeader).UpdateID(unknown, 1<<30))
		for _, damaged := range [][]byte{whole[:len(whole)-1], unknown} {
			produceBytes(t, topic, damaged)
			records := read(t, topic)
			if records[len(records)-1].Error == "" {
				t.Errorf("Weir read %x as %v", damaged, records[len(records)-1].Value)
			}
			if err := serde.Decode(damaged, &order{}); err == nil {
				t.Errorf("the client read %x", damaged)
			}
		}
	})
}
