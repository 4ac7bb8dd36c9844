module weir.example/clients

go 1.25

require (
	github.com/twmb/avro v1.7.2
	github.com/twmb/franz-go/pkg/sr v1.8.0
	google.golang.org/protobuf v1.36.12
)
