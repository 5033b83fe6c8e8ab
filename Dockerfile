# One image for all services; docker-compose.yml sets each service's command.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements-runtime.lock pyproject.toml README.md LICENSE ./
COPY src ./src
COPY clients ./clients
COPY bank ./bank
RUN python -m venv /opt/txplatform \
 && /opt/txplatform/bin/pip install --no-cache-dir --require-hashes -r requirements-runtime.lock \
 && /opt/txplatform/bin/pip install --no-cache-dir --no-deps . ./clients/python ./bank

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home txplatform \
 && install --directory --owner txplatform /var/lib/txbank-keys
COPY --from=build /opt/txplatform /opt/txplatform
COPY deploy/bank-keys.sh /opt/txplatform/bin/bank-keys
ENV PATH=/opt/txplatform/bin:$PATH PYTHONDONTWRITEBYTECODE=1 TXPLATFORM_LOG_FORMAT=json \
    TXPLATFORM_API_HOST=:: TXPLATFORM_API_PORT=8080 TXPLATFORM_HEALTH_PORT=8080
# A number, so that Kubernetes can check that it is not root.
USER 10001
# Starts no Python, since each container runs it again and again.
HEALTHCHECK --interval=5s --timeout=5s --start-period=20s --retries=12 CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -t 4 _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["txplatform"]
CMD ["--help"]
