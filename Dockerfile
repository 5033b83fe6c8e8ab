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
ENV PATH=/opt/txplatform/bin:$PATH PYTHONDONTWRITEBYTECODE=1 TXPLATFORM_LOG_FORMAT=json
USER txplatform
ENTRYPOINT ["txplatform"]
CMD ["--help"]
