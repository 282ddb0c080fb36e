# Two images of one build:
#   sidecar   the sidecar alone, for Kubernetes, where Envoy is a container of its own      docker build --target sidecar .
#   laptop    Envoy and the sidecar in one: `extproc up`                                    docker build .
# Everything is pinned: the base by ARG, Python packages by hash (`make image-lock`). What compiles or installs stays in the stage `build`.
ARG BASE=docker.io/library/python:3.11.14-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_NO_DEPS=1
WORKDIR /src
COPY tools/image/ locks/
# The tools get a venv of their own, so that the one that is shipped holds no installer.
RUN python3 -m venv /opt/tools && /opt/tools/bin/pip install --require-hashes -r locks/build.txt \
    && python3 -m venv --without-pip /opt/cascade \
    && /opt/tools/bin/pip --python /opt/cascade/bin/python install --require-hashes -r locks/sidecar.txt
COPY pyproject.toml README.md ./
COPY protos/ protos/
COPY extproc/ extproc/
RUN /opt/tools/bin/pip wheel --no-build-isolation --wheel-dir dist . \
    && /opt/tools/bin/pip --python /opt/cascade/bin/python install --no-index dist/*.whl \
    && mkdir /opt/runtime

FROM build AS build-laptop
RUN /opt/tools/bin/pip --python /opt/cascade/bin/python install --require-hashes -r locks/envoy.txt

FROM ${BASE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cascade-extproc" \
      org.opencontainers.image.description="An LLM cascade inside Envoy: the external processor" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# The mount point of the volume for sockets and keys.
COPY --from=build /opt/runtime /var/run/cascade-extproc
ENV PATH=/opt/cascade/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CASCADE_CONFIG=/etc/cascade/cascade.yaml \
    CASCADE_HEALTH=http://127.0.0.1:9464/healthz
WORKDIR /etc/cascade
USER 65532:65532
EXPOSE 9464
# Kubernetes has probes of its own and does not look here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['CASCADE_HEALTH'], timeout=2)"]
ENTRYPOINT ["extproc"]

FROM runtime AS sidecar
COPY --from=build /opt/cascade /opt/cascade
CMD ["serve"]

FROM runtime AS laptop
LABEL org.opencontainers.image.description="An LLM cascade inside Envoy: both in one"
COPY --from=build-laptop /opt/cascade /opt/cascade
ENV CASCADE_HEALTH=http://127.0.0.1:9464/readyz
EXPOSE 10000
CMD ["up"]
