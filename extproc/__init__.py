"""An Envoy external-processing sidecar that runs an LLM cascade.

The map of the house:

    cli/         one file per command
    app/         the composition root: configuration → what runs
    shell/       the only room with `await`: transport, side calls, telemetry, admin, processes
    envoyconf/   configuration → Envoy bootstrap
    simulator/   simulated providers, for the demo, the tests and the benches
    report/      the figures of many requests, as text, tables and pages; pure
    config/      the configuration file as types
    core/        pure: events in, commands out
    pb/          generated from protos/, never edited

A request walks Envoy → shell.server → shell.exchange → shell.translate → core.session → core.steps → (core.paths) and back.
Imports go downwards only.
"""
