# syntax=docker/dockerfile:1
# The four images: `docker build --target vehicle|payment|gateway|devstack .`
#
# Each is Debian bookworm slim with Python, one layer of locked wheels and one thin layer of our own code, so that a
# change of code moves about a megabyte. Nothing is compiled: every package has a wheel for arm64 and for amd64.
# A process runs as user 10001 (any other will do), has no shell to start it, and writes to /tmp at most.
#
# An image is three stages: its packages, its code, and both laid over `runtime`. They are written out for each, since
# an entry point in exec form takes no build argument, and `--target` is then all that a build has to say.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13.9
ARG VERSION=0.0.0 REVISION=unknown SOURCE=unknown

FROM ${UV_IMAGE} AS uv

FROM ${PYTHON_IMAGE} AS build
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_CACHE_DIR=/var/cache/uv UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_PROGRESS=1 UV_PYTHON_DOWNLOADS=never \
    VIRTUAL_ENV=/app/.venv
RUN uv venv --quiet --python /usr/local/bin/python3.11 /app/.venv
WORKDIR /build

# Our own code goes below a prefix, to be laid over the packages; uv brings the back end that builds its wheels.
FROM build AS libs
COPY libs libs

FROM ${PYTHON_IMAGE} AS runtime
# PostgreSQL, in devstack, and whoever reads the audit of an operator's act want to know the user's name.
RUN echo 'autodeal:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd
# Who owns the code: root, so that a process cannot change it. `skaffold dev` copies changed files into running pods
# and builds with 10001:10001.
ARG APP_OWNER=0:0
ARG VERSION REVISION SOURCE
ENV PATH=/app/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Brokers, the provider and Cognito are trusted by the locked certifi, whatever the base brings in /etc/ssl/certs: roots
# that are added there count too.
ENV SSL_CERT_FILE=/app/.venv/lib/python3.11/site-packages/certifi/cacert.pem
LABEL org.opencontainers.image.licenses="Apache-2.0" org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
USER 10001:10001
EXPOSE 8080

FROM build AS vehicle-packages
COPY services/vehicle/requirements.lock ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --quiet --require-hashes --only-binary :all: -r requirements.lock

FROM libs AS vehicle-code
COPY services/vehicle services/vehicle
RUN uv pip install --quiet --offline --no-cache --no-deps --prefix /app/code libs/* services/vehicle

FROM runtime AS vehicle
COPY --from=vehicle-packages --chown=${APP_OWNER} /app/.venv /app/.venv
COPY --from=vehicle-code --chown=${APP_OWNER} /app/code /app/.venv
ENTRYPOINT ["/app/.venv/bin/autodeal-vehicle"]
CMD ["serve"]
LABEL org.opencontainers.image.title="autodeal-vehicle" \
      org.opencontainers.image.description="Vehicles and orders on PostgreSQL: the selling half of the saga."

FROM build AS payment-packages
COPY services/payment/requirements.lock ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --quiet --require-hashes --only-binary :all: -r requirements.lock

FROM libs AS payment-code
COPY services/payment services/payment
RUN uv pip install --quiet --offline --no-cache --no-deps --prefix /app/code libs/* services/payment

FROM runtime AS payment
COPY --from=payment-packages --chown=${APP_OWNER} /app/.venv /app/.venv
COPY --from=payment-code --chown=${APP_OWNER} /app/code /app/.venv
ENTRYPOINT ["/app/.venv/bin/autodeal-payment"]
CMD ["serve"]
LABEL org.opencontainers.image.title="autodeal-payment" \
      org.opencontainers.image.description="Payments on DynamoDB: the paying half of the saga."

FROM build AS gateway-packages
COPY services/gateway/requirements.lock ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --quiet --require-hashes --only-binary :all: -r requirements.lock

FROM libs AS gateway-code
COPY services/gateway services/gateway
RUN uv pip install --quiet --offline --no-cache --no-deps --prefix /app/code libs/* services/gateway

FROM runtime AS gateway
COPY --from=gateway-packages --chown=${APP_OWNER} /app/.venv /app/.venv
COPY --from=gateway-code --chown=${APP_OWNER} /app/code /app/.venv
ENTRYPOINT ["/app/.venv/bin/autodeal-gateway"]
CMD ["serve"]
LABEL org.opencontainers.image.title="autodeal-gateway" \
      org.opencontainers.image.description="The edge: routing, tokens, people, webhooks, one API document."

# The devstack seeds and drives the services, so it holds them all.
FROM build AS devstack-packages
COPY devstack/requirements.lock ./
RUN --mount=type=cache,target=/var/cache/uv \
    uv pip install --quiet --require-hashes --only-binary :all: -r requirements.lock

FROM libs AS devstack-code
COPY services services
COPY devstack devstack
RUN uv pip install --quiet --offline --no-cache --no-deps --prefix /app/code libs/* services/* ./devstack

FROM runtime AS devstack
COPY --from=devstack-packages --chown=${APP_OWNER} /app/.venv /app/.venv
COPY --from=devstack-code --chown=${APP_OWNER} /app/code /app/.venv
ENTRYPOINT ["/app/.venv/bin/autodeal"]
CMD ["--help"]
LABEL org.opencontainers.image.title="autodeal-devstack" \
      org.opencontainers.image.description="Everything a developer's cluster needs: engines, the provider sandbox, the demo."
