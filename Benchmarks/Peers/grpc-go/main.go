// bench.Echo on grpc-go: `server --listen HOST:PORT [--tls-cert FILE --tls-key FILE]`, PEM files.
// Prints `listening on HOST:PORT`, as our bench-server does.
package main

import (
	"bench/echo"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

// The windows and the limit of streams that every server has here.
const (
	streamWindow      = 1 << 20
	connectionWindow  = 4 << 20
	concurrentStreams = 256
)

type server struct {
	echo.UnimplementedEchoServer
}

func (server) Unary(_ context.Context, request *echo.Msg) (*echo.Msg, error) {
	return request, nil
}

func (server) ClientStream(stream echo.Echo_ClientStreamServer) error {
	last := &echo.Msg{}
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(last)
		}
		if err != nil {
			return err
		}
		last = request
	}
}

func (server) ServerStream(request *echo.Msg, stream echo.Echo_ServerStreamServer) error {
	count := 1
	fields, _ := metadata.FromIncomingContext(stream.Context())
	if values := fields.Get("x-bench-messages"); len(values) > 0 {
		var err error
		if count, err = strconv.Atoi(values[0]); err != nil {
			return err
		}
	}
	for ; count > 0; count-- {
		if err := stream.Send(request); err != nil {
			return err
		}
	}
	return nil
}

func (server) Bidi(stream echo.Echo_BidiServer) error {
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(request); err != nil {
			return err
		}
	}
}

func main() {
	address := flag.String("listen", "", "HOST:PORT")
	certificate := flag.String("tls-cert", "", "the certificate chain in PEM")
	key := flag.String("tls-key", "", "the key of that certificate in PEM")
	flag.Parse()
	options := []grpc.ServerOption{
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.MaxConcurrentStreams(concurrentStreams),
	}
	if *certificate != "" {
		tls, err := credentials.NewServerTLSFromFile(*certificate, *key)
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	peer := grpc.NewServer(options...)
	echo.RegisterEchoServer(peer, server{})
	log.Fatal(peer.Serve(listener))
}
