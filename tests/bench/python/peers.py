"""Ways to load a CSV file with Python, one function each: python peers.py FUNCTION FILE URL TABLE"""

import io
import platform
import sys
from importlib.metadata import version

DATES = ["ordered_on", "shipped_at"]


def polars_types():
    """The column types. Binary COPY converts nothing."""
    import polars

    return {
        "customer": polars.Int32,
        "quantity": polars.Int32,
        "price": polars.Decimal(10, 2),
        "ordered_on": polars.Date,
        "shipped_at": polars.Datetime("us"),
    }


def pandas_to_sql(file, url, table):
    import pandas
    import sqlalchemy

    schema, name = table.split(".")
    frame = pandas.read_csv(file, parse_dates=DATES)
    engine = sqlalchemy.create_engine(url.replace("postgres://", "postgresql+psycopg2://"))
    frame.to_sql(name, engine, schema=schema, if_exists="append", index=False)


def pandas_copy(file, url, table):
    import pandas
    import psycopg2

    frame = pandas.read_csv(file, parse_dates=DATES)
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False, header=False)
    buffer.seek(0)
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.copy_expert(f"copy {table} ({', '.join(frame.columns)}) from stdin with (format csv)", buffer)


def polars_adbc(file, url, table):
    import polars

    frame = polars.read_csv(file, schema_overrides=polars_types())
    frame.write_database(table, url, engine="adbc", if_table_exists="append")


def to_parquet(file, parquet):
    import polars

    polars.scan_csv(file, schema_overrides=polars_types()).sink_parquet(parquet, row_group_size=100_000)


def versions():
    names = ["pandas", "sqlalchemy", "psycopg2-binary", "polars", "adbc-driver-postgresql", "pyarrow"]
    print(f"Python {platform.python_version()}:", ", ".join(f"{name} {version(name)}" for name in names))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
