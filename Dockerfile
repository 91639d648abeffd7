FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium libatomic1 libcurl4 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt
COPY scrapy.cfg ./
COPY caliber_crawler ./caliber_crawler

RUN useradd --create-home crawler
USER crawler
ENTRYPOINT ["scrapy"]
CMD ["list"]
