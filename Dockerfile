# The service: both models in one process, port 8000 for programs, 7860 for people.
#   docker build --target cpu --tag voicebench:cpu .
#   docker build --target gpu --tag voicebench:gpu .
# Packages come from the locked sets by the script that sets up a clone (requirements/install.sh).
# Mirrors: --build-arg BASE=..., APT_MIRROR=..., PIP_INDEX_URL=..., PIP_FIND_LINKS=... (docs/install.md).
ARG BASE=python:3.11-slim-bookworm
# hadolint ignore=DL3006
FROM ${BASE} AS source
ARG APT_MIRROR=deb.debian.org
# A C compiler: Triton and torch compile kernels when the models start. Python's headers are in the base.
# hadolint ignore=DL3008
RUN sed -i "s|//deb.debian.org|//${APT_MIRROR}|" /etc/apt/sources.list.d/debian.sources \
    && apt-get update \
    && apt-get install --yes --no-install-recommends gcc g++ libc6-dev libgomp1 libnuma1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 voicebench \
    && install --directory --owner=voicebench /home/voicebench/.cache
WORKDIR /opt/voicebench
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY voicebench voicebench
ENV PATH=/opt/voicebench/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    UV_NO_CACHE=1 \
    VLLM_NO_USAGE_STATS=1
# What is compiled is loaded from where it is written: neither a read-only home nor a /tmp without exec will do.
ENV TRITON_CACHE_DIR=/home/voicebench/.cache/triton \
    TORCHINDUCTOR_CACHE_DIR=/home/voicebench/.cache/torchinductor \
    VLLM_CACHE_ROOT=/home/voicebench/.cache/vllm \
    TILELANG_CACHE_DIR=/home/voicebench/.cache/tilelang \
    CUDA_CACHE_PATH=/home/voicebench/.cache/cuda \
    NUMBA_CACHE_DIR=/home/voicebench/.cache/numba \
    MPLCONFIGDIR=/home/voicebench/.cache/matplotlib
EXPOSE 8000 7860
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
# All addresses of the container; compose.yaml publishes them on the host's loopback alone.
ENTRYPOINT ["voicebench", "serve", "--host", "0.0.0.0"]

FROM source AS cpu
ARG PIP_INDEX_URL
ARG PIP_FIND_LINKS
RUN requirements/install.sh cpu,serve
ENV OMP_NUM_THREADS=1 \
    OMP_WAIT_POLICY=PASSIVE
USER 10001
CMD ["--profile", "bundled"]

FROM source AS gpu
ARG PIP_INDEX_URL
ARG PIP_FIND_LINKS
RUN requirements/install.sh gpu,serve
USER 10001
CMD ["--profile", "4090d"]
