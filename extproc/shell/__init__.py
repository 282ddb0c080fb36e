"""The only room with `await`: sockets, clocks, processes and telemetry around the pure core.

server     gRPC server: the transport behind `exchange`, and the room of health and access log
native/    the other transport: HTTP/2 and gRPC of our own, for a local Envoy
exchange   one HTTP exchange: wire messages in, session, wire messages out, side calls between
translate  protobuf ⇄ events and commands; the only importer of the ext_proc messages
caller     side calls to models, through Envoy's egress listener
accesslog  Envoy's access log → records of finished requests; `usage` reads the tokens in it, `wiring` notices when none comes
journal    records → metrics, log lines, decision log
meters     what is counted; `tallies` keeps and shares the numbers, `exposition` writes them for scrapers
decisions/ the decision log: SQLite, one writer thread, what pages and reports ask of it
admin      HTTP for operators: health, metrics, decisions
supervisor starts Envoy and workers, restarts, drains
"""
