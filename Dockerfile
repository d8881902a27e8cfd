# syntax=docker/dockerfile:1
# The four images: `docker build --target vehicle|payment|gateway|devstack .`
#
# Each is Debian bookworm slim with Python, one layer of locked wheels and one thin layer of our own code, so that a
# change of code moves about a megabyte. Nothing is compiled: every package has a wheel for arm64 and for amd64.
# A process runs as user 10001 (any other will do), has no shell to start it, and writes to /tmp at most.

ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13.9
ARG VERSION=0.0.0 REVISION=unknown SOURCE=unknown

FROM ${UV_IMAGE} AS uv

FROM ${PYTHON_IMAGE} AS packages
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_PROGRESS=1 UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/app/.venv
RUN uv venv --quiet --python /usr/local/bin/python3.11 /app/.venv
WORKDIR /build

FROM packages AS vehicle-packages
COPY services/vehicle/requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --require-hashes --only-binary :all: -r requirements.lock

FROM packages AS payment-packages
COPY services/payment/requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --require-hashes --only-binary :all: -r requirements.lock

FROM packages AS gateway-packages
COPY services/gateway/requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --require-hashes --only-binary :all: -r requirements.lock

FROM packages AS devstack-packages
COPY devstack/requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv pip install --quiet --require-hashes --only-binary :all: -r requirements.lock

# Our own packages as wheels; uv brings the back end that builds them, so nothing is fetched here.
FROM packages AS libs-wheels
COPY libs libs
RUN for part in libs/*; do uv build --quiet --offline --wheel --out-dir /wheels "$part"; done

FROM libs-wheels AS vehicle-wheels
COPY services/vehicle services/vehicle
RUN uv build --quiet --offline --wheel --out-dir /wheels services/vehicle

FROM libs-wheels AS payment-wheels
COPY services/payment services/payment
RUN uv build --quiet --offline --wheel --out-dir /wheels services/payment

FROM libs-wheels AS gateway-wheels
COPY services/gateway services/gateway
RUN uv build --quiet --offline --wheel --out-dir /wheels services/gateway

FROM libs-wheels AS devstack-wheels
COPY services services
COPY devstack devstack
RUN for part in services/* devstack; do uv build --quiet --offline --wheel --out-dir /wheels "$part"; done

FROM ${PYTHON_IMAGE} AS runtime
# Who owns /app: root, so that a process cannot change its own code. `skaffold dev` copies changed files into running
# pods and builds with 10001:10001.
ARG APP_OWNER=0:0
ENV PATH=/app/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
LABEL org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app

FROM runtime AS vehicle
COPY --from=vehicle-packages --chown=${APP_OWNER} /app/.venv /app/.venv
USER ${APP_OWNER}
RUN --mount=type=bind,from=uv,source=/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=vehicle-wheels,source=/wheels,target=/wheels \
    VIRTUAL_ENV=/app/.venv uv pip install --quiet --offline --no-cache --no-deps --compile-bytecode /wheels/*.whl
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["/app/.venv/bin/autodeal-vehicle"]
CMD ["serve"]
ARG VERSION REVISION SOURCE
LABEL org.opencontainers.image.title="autodeal-vehicle" \
      org.opencontainers.image.description="Vehicles and orders on PostgreSQL: the selling half of the saga." \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

FROM runtime AS payment
COPY --from=payment-packages --chown=${APP_OWNER} /app/.venv /app/.venv
USER ${APP_OWNER}
RUN --mount=type=bind,from=uv,source=/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=payment-wheels,source=/wheels,target=/wheels \
    VIRTUAL_ENV=/app/.venv uv pip install --quiet --offline --no-cache --no-deps --compile-bytecode /wheels/*.whl
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["/app/.venv/bin/autodeal-payment"]
CMD ["serve"]
ARG VERSION REVISION SOURCE
LABEL org.opencontainers.image.title="autodeal-payment" \
      org.opencontainers.image.description="Payments on DynamoDB: the paying half of the saga." \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

FROM runtime AS gateway
COPY --from=gateway-packages --chown=${APP_OWNER} /app/.venv /app/.venv
USER ${APP_OWNER}
RUN --mount=type=bind,from=uv,source=/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=gateway-wheels,source=/wheels,target=/wheels \
    VIRTUAL_ENV=/app/.venv uv pip install --quiet --offline --no-cache --no-deps --compile-bytecode /wheels/*.whl
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["/app/.venv/bin/autodeal-gateway"]
CMD ["serve"]
ARG VERSION REVISION SOURCE
LABEL org.opencontainers.image.title="autodeal-gateway" \
      org.opencontainers.image.description="The edge: routing, tokens, people, webhooks, one API document." \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

FROM runtime AS devstack
# PostgreSQL wants to know the name of the user it runs as.
RUN echo 'autodeal:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd
COPY --from=devstack-packages --chown=${APP_OWNER} /app/.venv /app/.venv
USER ${APP_OWNER}
RUN --mount=type=bind,from=uv,source=/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=devstack-wheels,source=/wheels,target=/wheels \
    VIRTUAL_ENV=/app/.venv uv pip install --quiet --offline --no-cache --no-deps --compile-bytecode /wheels/*.whl
USER 10001:10001
ENTRYPOINT ["/app/.venv/bin/autodeal"]
CMD ["--help"]
ARG VERSION REVISION SOURCE
LABEL org.opencontainers.image.title="autodeal-devstack" \
      org.opencontainers.image.description="Everything a developer's cluster needs: engines, the provider sandbox, the demo." \
      org.opencontainers.image.version="${VERSION}" org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
