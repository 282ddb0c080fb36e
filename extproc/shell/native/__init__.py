"""The transport `native`: a small HTTP/2 and gRPC server for an Envoy of the same machine, on a Unix socket.

http2/   one HTTP/2 connection, pure
grpc     gRPC on top of it, pure: messages, statuses, what a call must look like
call     one call: the `Stream` that a handler talks to, and the handler's life
server   sockets and connections

It serves one method, ext_proc's. Access log and health stay on grpcio, whose share of the cost is small: `extproc.shell.server`.
"""
