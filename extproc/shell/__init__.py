"""The only room with `await`: sockets, clocks, processes and telemetry around the pure core.

server     gRPC server: the transport behind `exchange`, and the room of health and access log
native/    the other transport: HTTP/2 and gRPC of our own, for a local Envoy
exchange   one HTTP exchange: wire messages in, session, wire messages out, side calls between
translate  protobuf ⇄ events and commands; the only importer of the ext_proc messages
caller     side calls to models, through Envoy's egress listener
accesslog  Envoy's access log → records of finished requests
telemetry  records → metrics and log lines
admin      HTTP for operators: health, metrics, decisions
supervisor starts Envoy and workers, restarts, drains
"""
