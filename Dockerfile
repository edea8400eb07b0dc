# docker build -t stylenet . && docker run --gpus all -v "$PWD/runs:/work/runs" stylenet style=starry_night
FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY stylenet stylenet
RUN pip install --no-cache-dir .
WORKDIR /work
ENV STYLENET_CACHE=/cache
VOLUME ["/work/runs", "/cache"]
ENTRYPOINT ["python", "-m", "stylenet.train"]
