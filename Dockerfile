FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium libatomic1 libcurl4 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt
COPY scrapy.cfg ./
COPY caliber_crawler ./caliber_crawler
# Files keep the modes of the checkout, which may keep all but its owner out (umask 077).
RUN chmod -R a+rX /app

# A number, so that Kubernetes can tell that it is not root. It owns nothing in the image: what it
# writes goes to its home and /tmp, which may be the only places that can be written to.
RUN useradd --uid 10001 --create-home crawler
USER 10001
ENV PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["scrapy"]
CMD ["list"]
