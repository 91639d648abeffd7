"""Benchmarks: our crawl against what people would write instead, on the same site in one run."""
