# A container with the program: docker build --tag metricfit .
#
# --build-arg EXTRAS=serve,gpu adds what the extras of setup.cfg need: gpu brings CUDA's libraries as Python packages,
# so that the host needs NVIDIA's driver and container toolkit alone.

ARG BASE=debian:bookworm-slim
FROM ${BASE}

# OpenCV's wheels draw windows with these, also where nobody opens one.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libgl1 libglib2.0-0 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

ARG EXTRAS=serve
COPY . /opt/source
RUN python3 -m venv /opt/metricfit \
    && /opt/metricfit/bin/pip install --no-cache-dir "/opt/source[${EXTRAS}]" \
    && rm -rf /opt/source

# What is made in /data belongs to whoever --user names; this one is nobody's.
RUN useradd --create-home --uid 1000 metricfit && mkdir /data && chown metricfit /data
USER metricfit
WORKDIR /data
ENV PATH=/opt/metricfit/bin:$PATH PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=2

# The program handles SIGTERM itself: trainings keep their step, the server answers what it has accepted.
ENTRYPOINT ["metricfit"]
CMD ["--help"]
