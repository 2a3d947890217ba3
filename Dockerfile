# Two stages: the first builds a virtual environment, the second carries only that.

FROM python:3.13.9-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

WORKDIR /src

# Without pip of its own: what runs needs none. The builder's pip fills it.
RUN python -m venv --without-pip /opt/visor

# The dependencies first and alone, so that a change of the code alone leaves this layer cached. Each file has to
# have the hash that is written down: ./scripts/lock writes them.
COPY requirements.lock ./
RUN pip --python /opt/visor/bin/python install --no-cache-dir --only-binary :all: --require-hashes --requirement requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY app ./app
COPY visor_client ./visor_client
RUN pip --python /opt/visor/bin/python install --no-cache-dir --no-deps .


FROM python:3.13.9-slim

LABEL org.opencontainers.image.title="Visor" \
      org.opencontainers.image.description="The registry of what runs on a platform, with time built in." \
      org.opencontainers.image.vendor="Visor contributors" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0"

# A fixed number, so that the owner of files on a volume, and a rule like runAsNonRoot, can name it.
RUN groupadd --gid 10001 visor \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin visor \
    && install --directory --owner=10001 --group=10001 --mode=0750 /data

COPY --from=build /opt/visor /opt/visor

ENV PATH=/opt/visor/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VISOR_STORE=sqlite:////data/visor.db \
    VISOR_HOST=0.0.0.0 \
    VISOR_PORT=8000

USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8000
STOPSIGNAL SIGTERM

# It asks the port that process 1 was started with, so that `docker run visor serve --port 9000` is well too.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-m", "app.cli.healthy"]

ENTRYPOINT ["visor"]
CMD ["serve"]
