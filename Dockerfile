# docker build -t stylenet . && docker run --gpus all -v "$PWD/runs:/studio/runs" stylenet style=starry_night
FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY stylenet stylenet
RUN pip install --no-cache-dir .
WORKDIR /studio
ENV STYLENET_CACHE=/cache
VOLUME ["/studio/runs", "/cache"]
ENTRYPOINT ["python", "-m", "stylenet.train"]
