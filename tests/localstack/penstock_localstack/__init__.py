"""What LocalStack 4.14 lacks to run Penstock without Docker: Lambdas as processes, JSONata without Java,
and EventBridge as AWS documents it. LocalStack finds it by the entry points in `penstock_localstack.dist-info`,
which lies beside this package: being on PYTHONPATH is being installed.
"""
