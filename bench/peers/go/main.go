// The floor of Go: the least that an ext_proc processor on grpc-go can do, as bench/floor.py is that of grpc.aio.
//
// It finds the model by a pattern, puts another name in, routes to the draft and passes the response: three messages for a
// request. Its answers that never change are made once; large windows and its own goroutine for every stream are grpc-go's way.
//
// Usage: floor SOCKET
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"regexp"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
)

const (
	largest = 64 << 20
	window  = 16 << 20
	draft   = `"model": "draft-small"`
)

var (
	model    = regexp.MustCompile(`"model"\s*:\s*"[^"]*"`)
	headers  = &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_RequestHeaders{RequestHeaders: &extproc.HeadersResponse{}}}
	response = &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extproc.HeadersResponse{}}}
)

type floor struct {
	extproc.UnimplementedExternalProcessorServer
}

// Process serves one exchange.
func (floor) Process(stream extproc.ExternalProcessor_ProcessServer) error {
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch kind := request.Request.(type) {
		case *extproc.ProcessingRequest_RequestHeaders:
			err = stream.Send(headers)
		case *extproc.ProcessingRequest_RequestBody:
			err = stream.Send(forward(kind.RequestBody.Body))
		default:
			return stream.Send(response)
		}
		if err != nil {
			return err
		}
	}
}

// forward answers to a body: the draft's name in place of the model's, its route, its length.
func forward(body []byte) *extproc.ProcessingResponse {
	if at := model.FindIndex(body); at != nil {
		changed := make([]byte, 0, len(body)-(at[1]-at[0])+len(draft))
		changed = append(changed, body[:at[0]]...)
		changed = append(changed, draft...)
		body = append(changed, body[at[1]:]...)
	}
	common := &extproc.CommonResponse{
		ClearRouteCache: true,
		HeaderMutation: &extproc.HeaderMutation{SetHeaders: []*core.HeaderValueOption{
			set("x-cascade-target", "draft"),
			set("content-length", fmt.Sprint(len(body))),
		}},
		BodyMutation: &extproc.BodyMutation{Mutation: &extproc.BodyMutation_Body{Body: body}},
	}
	return &extproc.ProcessingResponse{
		Response: &extproc.ProcessingResponse_RequestBody{RequestBody: &extproc.BodyResponse{Response: common}},
	}
}

func set(name, value string) *core.HeaderValueOption {
	return &core.HeaderValueOption{
		Header:       &core.HeaderValue{Key: name, RawValue: []byte(value)},
		AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(largest),
		grpc.MaxSendMsgSize(largest),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(window),
	)
	extproc.RegisterExternalProcessorServer(server, floor{})
	log.Fatal(server.Serve(listener))
}
