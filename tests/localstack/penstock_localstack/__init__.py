"""Patches of LocalStack 4.14 for Penstock without Docker: Lambda functions as processes, JSONata without Java, and
EventBridge as AWS documents it. LocalStack finds the package by the entry points in `penstock_localstack.dist-info`
beside it. A folder on PYTHONPATH counts as installed.
"""
