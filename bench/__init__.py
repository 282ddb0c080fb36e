"""What the processor costs: bare Envoy, the transport's floor and ours, in one run, on the same machine.

bodies    the requests that are sent
upstream  a provider that costs next to nothing, in a process of its own
floor     the least that a processor can do, on grpc.aio and on the native transport; peers/go does the same on grpc-go
collector takes the telemetry of all systems and keeps nothing
load      a load generator that costs next to nothing, in a process of its own
systems   starts and stops what is measured
probe     one request at a time: is it what it claims to be, and how many messages does it cost
soak      many requests, and what is left of them; watched is the worker that tells of itself
measure   load on a system, processor time, memory
inprocess reading and judging a request, without any transport
figures   what was measured, and the arithmetic on it
promises  the numbers to hold
report    the tables
paced     a provider that takes its time, always the same
timed     a client that notes when things arrive
cases     requests for the cascade, whose outcome is known beforehand
cascade   what the cascade adds to its model calls, what a streamed event costs; cascade_report has its tables
"""
