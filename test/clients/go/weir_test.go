// Package clients keeps the promises of the Go client github.com/twmb/franz-go/pkg/sr against Weir.
package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
)

var (
	url         = os.Getenv("WEIR_URL")
	token       = os.Getenv("WEIR_TOKEN")
	viewerToken = os.Getenv("WEIR_VIEWER_TOKEN")
	ctx         = context.Background()
	numbers     atomic.Int64
)

const (
	avroOrder = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"cents","type":"long"}]}`
	avroWider = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"cents","type":"long"},{"name":"note","type":"string","default":""}]}`
	avroOther = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"cents","type":"string"}]}`
	jsonOrder = `{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","properties":{"id":{"type":"string"},"cents":{"type":"integer"}},"required":["id"]}`
)

// avroSchema is a schema in the language that is meant where none is named.
func avroSchema(text string, references ...sr.SchemaReference) sr.Schema {
	return sr.Schema{Schema: text, References: references}
}

// clientOf is the stock client with a token as the password of basic authentication, as people configure it.
func clientOf(t *testing.T, password string, more ...sr.ClientOpt) *sr.Client {
	t.Helper()
	client, err := sr.NewClient(append([]sr.ClientOpt{sr.URLs(url), sr.BasicAuth("anyone", password)}, more...)...)
	must(t, err)
	return client
}

// freshName is a name that no other promise uses.
func freshName() string {
	return fmt.Sprintf("go%d", numbers.Add(1))
}

// freshSubject needs encoding in a path.
func freshSubject() string {
	return freshName() + "/with slash+ä %2F:value"
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want); g != w {
		t.Errorf("got %s, want %s", g, w)
	}
}

// refused expects the error of the contract: a status and a code.
func refused(t *testing.T, err error, status, code int) {
	t.Helper()
	var response *sr.ResponseError
	if !errors.As(err, &response) {
		t.Fatalf("got %v, want status %d and code %d", err, status, code)
	}
	if response.StatusCode != status || response.ErrorCode != code || response.Message == "" {
		t.Errorf("got status %d, code %d, %q; want %d, %d", response.StatusCode, response.ErrorCode, response.Message, status, code)
	}
}

type record struct {
	Value        any    `json:"value"`
	ValueMessage string `json:"valueMessage"`
	Error        string `json:"error"`
}

// freshTopic is the name of a new topic.
func freshTopic(t *testing.T) string {
	t.Helper()
	topic := freshName()
	equal(t, call(t, "POST", "/v1/topics", map[string]any{"name": topic, "partitions": 1}, nil), http.StatusCreated)
	return topic
}

// produceBytes appends bytes as they are.
func produceBytes(t *testing.T, topic string, value []byte) {
	t.Helper()
	// Bytes are base64 in JSON.
	body := map[string]any{"records": []any{map[string]any{"value": value}}, "valueFormat": "binary"}
	equal(t, call(t, "POST", "/v1/topics/"+topic+"/records", body, nil), http.StatusOK)
}

// produce lets the service encode a value, and returns the status.
func produce(t *testing.T, topic string, value any, message string) int {
	t.Helper()
	body := map[string]any{"records": []any{map[string]any{"value": value}}}
	if message != "" {
		body["valueMessage"] = message
	}
	return call(t, "POST", "/v1/topics/"+topic+"/records", body, nil)
}

// read gives the records of a topic, decoded by the service.
func read(t *testing.T, topic string) []record {
	t.Helper()
	var answer struct{ Records []record }
	equal(t, call(t, "GET", "/v1/topics/"+topic+"/records?from=start&limit=1000", nil, &answer), http.StatusOK)
	return answer.Records
}

// readBytes gives the bytes of the values of a topic.
func readBytes(t *testing.T, topic string) [][]byte {
	t.Helper()
	var answer struct{ Records []struct{ Value []byte } }
	path := "/v1/topics/" + topic + "/records?from=start&limit=1000&format=binary"
	equal(t, call(t, "GET", path, nil, &answer), http.StatusOK)
	var values [][]byte
	for _, record := range answer.Records {
		values = append(values, record.Value)
	}
	return values
}

func call(t *testing.T, method, path string, body, into any) int {
	t.Helper()
	encoded, err := json.Marshal(body)
	must(t, err)
	request, err := http.NewRequest(method, url+path, bytes.NewReader(encoded))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	if body == nil {
		request.Body = http.NoBody
	}
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer response.Body.Close()
	if into != nil {
		must(t, json.NewDecoder(response.Body).Decode(into))
	}
	return response.StatusCode
}
