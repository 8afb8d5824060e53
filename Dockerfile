# syntax=docker/dockerfile:1
# Three stages: the bundle, the packages, and an image that holds neither's tools.

FROM node:22-bookworm-slim AS frontend
WORKDIR /build
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY frontend/ ./
RUN npm run build

FROM python:3.12-slim-bookworm AS packages
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
WORKDIR /build
COPY requirements-tools.lock requirements-server.lock ./
RUN python -m pip install --no-cache-dir --root-user-action=ignore --require-hashes \
      -r requirements-tools.lock \
 && uv venv /opt/socialdesk \
 && uv pip sync --no-cache --require-hashes --compile-bytecode \
      --python /opt/socialdesk/bin/python requirements-server.lock

FROM python:3.12-slim-bookworm
# Looks into videos, and takes out of them where they were taken.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ffmpeg \
 && rm -rf /var/lib/apt/lists/*
# Nobody on the host has this number by chance; the secrets and volumes are made for it.
RUN groupadd --gid 10001 socialdesk \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp socialdesk \
 && install -d -o socialdesk -g socialdesk /data
WORKDIR /app
COPY --from=packages /opt/socialdesk /opt/socialdesk
COPY manage.py ./
COPY accounts/ accounts/
COPY audit/ audit/
COPY mentions/ mentions/
COPY operations/ operations/
COPY platforms/ platforms/
COPY scheduling/ scheduling/
COPY socialdesk/ socialdesk/
COPY templates/ templates/
COPY --from=frontend /build/dist/ frontend/dist/
RUN /opt/socialdesk/bin/python -m compileall -q .
ENV PATH=/opt/socialdesk/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=socialdesk.settings \
    SOCIALDESK_DATA_DIR=/data
USER 10001:10001
VOLUME /data
EXPOSE 8000
# Two processes of sixteen threads; more machines, or WEB_CONCURRENCY, for more.
CMD ["gunicorn", "socialdesk.wsgi:application", "--bind=0.0.0.0:8000", "--worker-class=gthread", \
     "--workers=2", "--threads=16", "--worker-tmp-dir=/dev/shm", "--no-control-socket", \
     "--max-requests=20000", "--max-requests-jitter=2000", "--log-level=warning"]
