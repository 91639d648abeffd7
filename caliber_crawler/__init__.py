"""caliber-crawler: the map."""
