"""Stored records as a file: which format (`forms`), the bytes on their way (`streams`), one writer
for each format (`lines`, `table`, `parquet` with its `schema`).

A writer takes batches of records as `items.Article.document` gives them and keeps none of them.
"""
