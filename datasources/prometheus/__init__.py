"""Prometheus over HTTP: client, PromQL building, batches."""
