# syntax=docker/dockerfile:1
# One image for two services: the control plane (`stagedoor run`) and a MediaMTX whose hooks can run (`mediamtx <configuration>`).
# It contains no secrets: the first start creates them in the volumes.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    XDG_CACHE_HOME=/var/cache
WORKDIR /src
RUN python -m venv /opt/stagedoor
ENV PATH=/opt/stagedoor/bin:$PATH
COPY requirements/run.lock requirements/
RUN --mount=type=cache,target=/var/cache/pip pip install --require-hashes --requirement requirements/run.lock
COPY . .
RUN pip install --no-deps --no-build-isolation .
# MediaMTX comes from the release archive with the pinned SHA-256, or is built from the Go module with the pinned sum.
RUN --mount=type=cache,target=/var/cache/stagedoor install -m 755 "$(python -m mediamtx obtain)" /opt/mediamtx

FROM python:${PYTHON}-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --no-create-home stagedoor \
    && install --directory --owner=stagedoor --mode=700 /data /secrets /mediamtx
COPY --from=build /opt/stagedoor /opt/stagedoor
COPY --from=build /opt/mediamtx /usr/local/bin/mediamtx
ENV PATH=/opt/stagedoor/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LIVE_BIND=0.0.0.0 \
    LIVE_DATA_DIR=/data \
    LIVE_MEDIAMTX_BIN=/usr/local/bin/mediamtx
USER 10001
WORKDIR /data
EXPOSE 8080 1935 8888 8889 8189/udp 8890/udp
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('LIVE_HTTP_PORT', '8080') + '/healthz', timeout=3)"]
ENTRYPOINT ["stagedoor"]
CMD ["run"]
