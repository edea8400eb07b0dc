# docker build -t stylenet . && docker run --gpus all --ipc=host -v "$PWD/runs:/studio/runs" stylenet style=starry_night
FROM python:3.12-slim
# for the kernels that are compiled for the processor at hand
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY stylenet stylenet
RUN pip install --no-cache-dir .
WORKDIR /studio
ENV STYLENET_CACHE=/cache
VOLUME ["/studio/runs", "/cache"]
ENTRYPOINT ["python", "-m", "stylenet.train"]
