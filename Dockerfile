# Envoy and the sidecar in one image: `up` runs both, `serve` the sidecar alone.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY protos protos
COPY extproc extproc
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels cascade-extproc
USER 65532:65532
WORKDIR /etc/cascade
ENTRYPOINT ["extproc"]
CMD ["up", "--config", "/etc/cascade/cascade.yaml"]
