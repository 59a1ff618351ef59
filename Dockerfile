# The engine and its command line. Kafka is not in the image: docker-compose.yml runs it beside.
FROM python:3.11.14-slim-bookworm AS environment
COPY requirements.lock .
RUN python -m venv /environment \
    && /environment/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home adjudge \
    && install -d -o adjudge /var/lib/adjudge /var/cache/adjudge
COPY --from=environment /environment /environment
WORKDIR /app
COPY --from=environment /requirements.lock .
COPY schemas schemas
COPY engine engine
COPY consumers consumers
COPY scripts scripts
ENV PATH=/environment/bin:$PATH PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/adjudge \
    ADJUDGE_STATE=file:///var/lib/adjudge ADJUDGE_HTTP=0.0.0.0:8080 ADJUDGE_LOG_FORMAT=json
VOLUME /var/lib/adjudge
EXPOSE 8080
USER adjudge
# What is compiled for this processor; on another kind it is compiled again at the first start.
RUN python -m engine.warming
ENTRYPOINT ["python", "-m", "scripts.cli"]
CMD ["serve"]
