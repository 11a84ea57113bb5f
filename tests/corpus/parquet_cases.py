"""Writes the cases `parquet-*`: files by pyarrow, with the rows that pyarrow reads.

These cases are not written here. `parquet-int96-day-overflows` and `parquet-unknown-converted-type` are patched files.
`parquet-integer-in-text`, `parquet-integer-with-zero-fraction`, `parquet-midnight-for-date`, `parquet-nan-is-null` and
`parquet-null-values` are files of pandas.

    python -m venv VENV && VENV/bin/pip install pyarrow==26.0.1 && VENV/bin/python tests/corpus/parquet_cases.py
"""

import io
import json
import struct
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

CASES = Path(__file__).parent / "cases"


def written(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **{"compression": "none", "store_schema": False, **options})
    return buffer.getvalue()


def in_sql(value):
    """The value as PostgreSQL shows it."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value).removesuffix(".0")
        case datetime():
            text = value.replace(tzinfo=None).isoformat(" ")
            text = text.rstrip("0") if "." in text else text
            return text + ("+00" if value.tzinfo else "")
        case time():
            text = value.isoformat()
            return text.rstrip("0") if "." in text else text
        case list() | dict():
            return in_jsonb(value)
        case Decimal():
            return format(value, "f")
        case bytes():
            return value.decode()
    return str(value)


def in_jsonb(value):
    match value:
        case dict():
            keys = sorted(value, key=lambda key: (len(str(key).encode()), str(key).encode()))
            return "{" + ", ".join(f"{json.dumps(str(key))}: {in_jsonb(value[key])}" for key in keys) + "}"
        case list() if value and all(isinstance(one, tuple) for one in value):
            return in_jsonb(dict(value))
        case list():
            return "[" + ", ".join(map(in_jsonb, value)) + "]"
        case datetime():
            return json.dumps(value.isoformat().replace("+00:00", "Z"))
        case date() | UUID():
            return json.dumps(str(value))
        case Decimal() | float():
            return in_sql(value)
        case bytes():
            return json.dumps(value.decode())
    return json.dumps(value, ensure_ascii=False)


def case(name, about, table, columns, *, file=None, more="", rejected=(), rows=None, failure=None, **options):
    """`columns` are the dataset's, `rejected` (row, column, part of the reason); `rows` where pyarrow's are not those."""
    folder = CASES / f"parquet-{name}"
    folder.mkdir(exist_ok=True)
    content = written(table, **options) if file is None else file
    (folder / "input.parquet").write_bytes(content)
    declared = "".join(f"columns.{column}\n" for column in columns)
    identifier = name.replace("-", "_")
    definition = f'# {about}\n\n[datasets.odd]\nsource = "input.parquet"\ntable = "corpus.parquet_{identifier}"\n'
    (folder / "pipeline.toml").write_text(definition + more + declared)
    if failure:
        expected = dict(zip(("failure", "message"), failure))
    else:
        if rows is None:
            refused = {row for row, _, _ in rejected}
            read = pq.read_table(io.BytesIO(content)).to_pylist()
            names = [column.split(" ", 1)[0].strip('"') for column in columns]
            rows = [[in_sql(row[name]) for name in names] for at, row in enumerate(read, 1) if at not in refused]
        fields = [dict(zip(("line", "column", "reason"), one)) for one in rejected]
        expected = {"loaded": rows, "rejected": fields}
    text = json.dumps(expected, indent=2, ensure_ascii=False)
    (folder / "expect.json").write_text(text + "\n")


def column(kind, values, name="v"):
    return pa.table({name: pa.array(values, kind)})


UTC = timezone.utc
INSTANT = datetime(2024, 2, 29, 23, 59, 59, 123456, UTC)
SOME = pa.table({
    "id": pa.array(range(1, 8), pa.int64()),
    "name": pa.array(["ann", "bob", None, "", "größe 😀", "ann", "ann"], pa.string()),
    "amount": pa.array([Decimal("1.50"), None, Decimal("-0.05"), Decimal(0), Decimal("99999999.99")] * 1 + [None] * 2,
                       pa.decimal128(10, 2)),
})
SOME_COLUMNS = ['id = "bigint not null"', 'name = "text"', 'amount = "numeric(10,2)"']


def good():
    case("one-of-each", "One column of each type.", pa.table({
        "small": pa.array([1, None], pa.int16()), "medium": pa.array([2, None], pa.int32()),
        "big": pa.array([3, None], pa.int64()), "exact": pa.array([Decimal("4.50"), None], pa.decimal128(9, 2)),
        "single": pa.array([0.1, None], pa.float32()), "twofold": pa.array([0.1, None], pa.float64()),
        "truth": pa.array([True, None], pa.bool_()), "day": pa.array([date(2024, 2, 29), None], pa.date32()),
        "hour": pa.array([time(23, 59, 59, 5), None], pa.time64("us")),
        "at": pa.array([INSTANT.replace(tzinfo=None), None], pa.timestamp("us")),
        "since": pa.array([INSTANT, None], pa.timestamp("us", "UTC")), "words": pa.array(["x", None], pa.string()),
        "short": pa.array(["xyz", None], pa.string()), "who": pa.array([UUID(int=7).bytes, None], pa.uuid()),
        "nested": pa.array([[1, None], None], pa.list_(pa.int32())),
    }), ['small = "smallint"', 'medium = "integer"', 'big = "bigint"', 'exact = "numeric(9,2)"', 'single = "real"',
         'twofold = "double precision"', 'truth = "boolean"', 'day = "date"', 'hour = "time"', 'at = "timestamp"',
         'since = "timestamptz"', 'words = "text"', 'short = "varchar(3)"', 'who = "uuid"', 'nested = "jsonb"'],
        rows=[["1", "2", "3", "4.50", "0.1", "0.1", "true", "2024-02-29", "23:59:59.000005",
               "2024-02-29 23:59:59.123456", "2024-02-29 23:59:59.123456+00", "x", "xyz",
               "00000000-0000-0000-0000-000000000007", "[1, null]"], [None] * 15])
    widths = {"i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "i64": pa.int64(),
              "u8": pa.uint8(), "u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64()}
    edges = {name: [-(1 << int(name[1:]) - 1), (1 << int(name[1:]) - 1) - 1] if name[0] == "i" else [0, (1 << int(name[1:])) - 1]
             for name in widths}
    case("integers-of-every-width", "Signed and unsigned, at both ends of their ranges.",
         pa.table({name: pa.array(edges[name], widths[name]) for name in widths}),
         ['i8 = "smallint"', 'i16 = "smallint"', 'i32 = "integer"', 'i64 = "bigint"', 'u8 = "smallint"',
          'u16 = "integer"', 'u32 = "bigint"', 'u64 = "numeric"'])
    case("integers-too-large", "A wide integer in a narrow column.", column(pa.int64(), [32767, 32768, -32769, None]),
         ['v = "smallint"'], rejected=[(2, "v", "out of range for smallint"), (3, "v", "out of range for smallint")])
    decimals = [Decimal("1.50"), Decimal("-0.05"), Decimal("0.00"), None, Decimal("-9999999.99")]
    for name, kind, options in [("int32", pa.decimal128(9, 2), {"store_decimal_as_integer": True}),
                                ("int64", pa.decimal128(18, 2), {"store_decimal_as_integer": True}),
                                ("fixed", pa.decimal128(38, 2), {}), ("wide", pa.decimal256(60, 2), {})]:
        case(f"decimals-{name}", "Exact decimals.", column(kind, decimals), ['v = "numeric"'], **options)
    case("decimals-that-would-round", "More digits than the column has.",
         column(pa.decimal128(9, 3), [Decimal("1.500"), Decimal("1.505"), Decimal("123456.000")]),
         ['v = "numeric(6,2)"'], rows=[["1.50"]],
         rejected=[(2, "v", "would be rounded"), (3, "v", "more digits before the decimal point")])
    case("decimals-as-integers", "Whole decimals are integers, others are not.",
         column(pa.decimal128(9, 0), [Decimal(1), Decimal(-2)]), ['v = "integer"'])
    floats = [0.1, -0.0, 1e300, 5e-324, float("nan"), float("inf"), None]
    case("doubles", "NaN and infinities are rejected.", column(pa.float64(), floats), ['v = "double precision"'],
         rows=[["0.1"], ["-0"], ["1e+300"], ["5e-324"], [None]],
         rejected=[(5, "v", "NaN and infinity"), (6, "v", "NaN and infinity")])
    case("doubles-as-numbers", "A float becomes its shortest decimal text.", column(pa.float64(), [1.0, 2.5, -3.0, None]),
         ['v = "integer"'], rows=[["1"], ["-3"], [None]], rejected=[(2, "v", "not an integer")])
    case("floats-widened", "A float keeps its value in a double.", column(pa.float32(), [0.1, 0.5]),
         ['v = "double precision"'])
    case("half-floats", "Floats of 16 bits.", column(pa.float16(), [1.0, 0.5, 65504.0, float("inf")]), ['v = "real"'],
         rejected=[(4, "v", "NaN and infinity")])
    case("dates", "The years 1 to 9999.", column(pa.date32(), [date(1, 1, 1), date(9999, 12, 31), date(1970, 1, 1), None]), ['v = "date"'],
         rows=[["0001-01-01"], ["9999-12-31"], ["1970-01-01"], [None]])
    case("dates-beyond", "Dates outside the years 1 to 9999.", pa.table({"v": pa.array([2932897, -719163, 0], pa.int32()).view(pa.date32())}),
         ['v = "date"'], rows=[["1970-01-01"]],
         rejected=[(1, "v", "out of range for a date of the years"), (2, "v", "out of range for a date")])
    clocks = [time(0, 0), time(23, 59, 59, 999000), None]
    for unit, kind in [("ms", pa.time32("ms")), ("us", pa.time64("us")), ("ns", pa.time64("ns"))]:
        case(f"times-{unit}", "Times of day.", column(kind, clocks), ['v = "time"'])
    stamps = [datetime(1969, 12, 31, 23, 59, 59, 999000), datetime(2024, 2, 29, 12, 0), None]
    for unit in ("ms", "us", "ns"):
        case(f"timestamps-{unit}", "Local timestamps.", column(pa.timestamp(unit), stamps), ['v = "timestamp"'],
             version="2.6", rows=[["1969-12-31 23:59:59.999"], ["2024-02-29 12:00:00"], [None]])
        case(f"instants-{unit}", "Instants count from 1970-01-01 in UTC.", column(pa.timestamp(unit, "Europe/Berlin"), stamps),
             ['v = "timestamptz"'], rows=[["1969-12-31 23:59:59.999+00"], ["2024-02-29 12:00:00+00"], [None]])
    case("nanoseconds", "Values finer than a microsecond.",
         pa.table({"v": pa.array([1_000, 1_001], pa.int64()).view(pa.timestamp("ns"))}), ['v = "timestamp"'],
         rows=[["1970-01-01 00:00:00.000001"]], rejected=[(2, "v", "finer than a microsecond")])
    case("int96", "The timestamps that Spark and Impala write.", column(pa.timestamp("ns"), stamps),
         ['v = "timestamptz"'], use_deprecated_int96_timestamps=True,
         rows=[["1969-12-31 23:59:59.999+00"], ["2024-02-29 12:00:00+00"], [None]])
    case("texts", "Empty, NULL, and all of Unicode.",
         column(pa.string(), ["", None, "é", "😀", "a\tb\nc", '"', "\\N", "a\0b"]), ['v = "text"'],
         rejected=[(8, "v", "a NUL byte")])
    case("binary-as-text", "Bytes without a type are text when they are UTF-8.",
         column(pa.binary(), [b"abc", b"\xff\xfe", None]), ['v = "text"'], rejected=[(2, "v", "invalid UTF-8")])
    case("texts-as-values", "Text is parsed like a CSV field.", pa.table({
        "i": pa.array(["1", "x", "3"]), "d": pa.array(["2024-02-29", "2024-02-28", "2024-02-30"]),
        "b": pa.array(["true", "t", "0"])}), ['i = "integer"', 'd = "date"', 'b = "boolean"'],
        rows=[["1", "2024-02-29", "true"]], rejected=[(2, "i", "not an integer"), (3, "d", "no such date")])
    case("texts-in-a-format", "A declared format applies to text.", pa.table({"d": pa.array(["29/02/2024", "2024-02-29"])}),
         ['d = { type = "date", format = "%d/%m/%Y" }'], rows=[["2024-02-29"]], rejected=[(2, "d", "does not match the format")])
    case("dates-with-a-format", "A date needs no format.", pa.table({"d": pa.array([date(2024, 2, 29)])}),
         ['d = { type = "date", format = "%d/%m/%Y" }'])
    case("json-texts", "A text is JSON in a jsonb column.", column(pa.string(), ['{"b": 1, "a": [1.50]}', "{", None]),
         ['v = "jsonb"'], rows=[['{"a": [1.50], "b": 1}'], [None]], rejected=[(2, "v", "invalid JSON")])
    case("numbers-as-json", "Any value is a jsonb value.", pa.table({"i": pa.array([1, None]), "s": pa.array([True, False])}),
         ['i = "jsonb"', 's = "jsonb"'])
    case("too-long", "varchar counts characters, not bytes.", column(pa.string(), ["äöü", "äöüx"]), ['v = "varchar(3)"'],
         rejected=[(2, "v", "longer than 3 characters")])
    case("null-in-not-null", "A NULL in a not null column.", column(pa.int32(), [1, None, 3]),
         ['v = "integer not null"'], rejected=[(2, "v", "null in a not null column")])
    case("nulls-alone", "A column without a type, which has only NULLs.", pa.table({"v": pa.nulls(3), "i": pa.array([1, 2, 3])}),
         ['v = "date"', 'i = "integer"'])
    case("required", "Columns that cannot be NULL.", pa.Table.from_arrays(
        [pa.array([1, 2]), pa.array(["a", "b"])],
        schema=pa.schema([pa.field("i", pa.int64(), False), pa.field("s", pa.string(), False)])),
        ['i = "bigint"', 's = "text"'])
    lists = [[1, 2], [], None, [None], [3, None, 4]]
    case("lists", "Empty, missing, and with a NULL in it.", column(pa.list_(pa.int32()), lists), ['v = "jsonb"'])
    case("lists-of-lists", "Lists at three levels.",
         column(pa.list_(pa.list_(pa.list_(pa.string()))), [[[["a"], []], None, [None, ["b", None]]], None, [], [[]]]),
         ['v = "jsonb"'])
    person = pa.struct([("name", pa.string()), ("born", pa.date32()), ("tags", pa.list_(pa.string()))])
    case("structures", "Structs with lists.", column(person, [
        {"name": "ann", "born": date(1815, 12, 10), "tags": ["x", "y"]}, {"name": None, "born": None, "tags": None}, None,
        {"name": "bob", "born": None, "tags": []}]), ['v = "jsonb"'])
    case("lists-of-structures", "Fields of a struct in a list stay together.", column(pa.list_(person), [
        [{"name": "a", "born": None, "tags": ["1", "2"]}, None, {"name": "b", "born": date(2000, 1, 1), "tags": []}],
        [], None, [{"name": None, "born": None, "tags": [None]}]]), ['v = "jsonb"'])
    case("maps", "Maps become objects.", column(pa.map_(pa.string(), pa.int32()), [[("a", 1), ("b", None)], [], None]),
         ['v = "jsonb"'], rows=[['{"a": 1, "b": null}'], ["{}"], [None]])
    case("maps-of-numbers", "Keys of other types become text.", column(pa.map_(pa.int32(), pa.list_(pa.float64())), [[(1, [0.5])], None]),
         ['v = "jsonb"'], rows=[['{"1": [0.5]}'], [None]])
    case("nested-values", "Each type in JSON.", column(pa.struct([
        ("d", pa.decimal128(9, 2)), ("t", pa.timestamp("us", "UTC")), ("l", pa.timestamp("ms")), ("b", pa.bool_()),
        ("h", pa.time32("ms"))]), [{"d": Decimal("1.50"), "t": INSTANT, "l": datetime(2024, 1, 1), "b": True, "h": time(1, 2)}]),
        ['v = "jsonb"'], rows=[['{"b": true, "d": 1.50, "h": "01:02:00", "l": "2024-01-01T00:00:00", "t": "2024-02-29T23:59:59.123456Z"}']])
    case("nested-nan", "JSON has no NaN.", column(pa.list_(pa.float64()), [[0.5], [float("nan")]]), ['v = "jsonb"'],
         rejected=[(2, "v", "NaN and infinity")])
    for codec in ("none", "snappy", "gzip", "zstd", "brotli", "lz4"):
        case(f"codec-{codec}", "Compressed pages.", SOME, SOME_COLUMNS, compression=codec)
    case("pages-of-version-2", "Uncompressed levels precede the compressed values.", SOME, SOME_COLUMNS,
         data_page_version="2.0", compression="snappy", write_page_checksum=True)
    case("nested-pages-of-version-2", "Version 2 pages with repetition levels.", column(pa.list_(pa.int32()), lists * 50),
         ['v = "jsonb"'], data_page_version="2.0", compression="zstd", data_page_size=64)
    case("many-pages", "Pages with few values, and lists across pages.", column(pa.list_(pa.int32()), [[n] * (n % 40) for n in range(120)]),
         ['v = "jsonb"'], data_page_size=32, write_batch_size=7, use_dictionary=False)
    case("many-row-groups", "Row numbers continue across row groups.", SOME, SOME_COLUMNS[:2] + ['amount = "numeric(4,2)"'], row_group_size=2,
         rejected=[(5, "amount", "more digits before the decimal point")])
    for encoding, kind, values, sql in [
            ("DELTA_BINARY_PACKED", pa.int64(), [1, 5, None, -1000000, 1 << 40], "bigint"),
            ("DELTA_LENGTH_BYTE_ARRAY", pa.string(), ["a", "", None, "größe"], "text"),
            ("DELTA_BYTE_ARRAY", pa.string(), ["prefix", "prefixes", None, "pre", ""], "text"),
            ("BYTE_STREAM_SPLIT", pa.float64(), [0.5, None, 1e300], "double precision")]:
        name = encoding.lower().replace("_", "-")
        rows = [["0.5"], [None], ["1e+300"]] * 70 if kind == pa.float64() else None
        case(f"encoding-{name}", "An encoding other than plain and dictionary.", column(kind, values * 70), [f'v = "{sql}"'],
             use_dictionary=False, column_encoding={"v": encoding}, rows=rows)
    case("booleans-in-runs", "Booleans in run-length encoding.", column(pa.bool_(), [True] * 40 + [None] + [False] * 9), ['v = "boolean"'],
         data_page_version="2.0")
    case("column-order", "Columns are matched by name.", SOME, SOME_COLUMNS[::-1])
    case("from-names", "A renamed column is matched by its name in the file.", SOME.select(["id"]),
         ['key = { type = "bigint", from = "id" }'], rows=[[str(n)] for n in range(1, 8)])
    numbers = [str(n) for n in range(1, 8)]
    case("optional-column", "The file may lack an optional column.", SOME,
         ['id = "bigint not null"', 'when = { type = "date", optional = true }'], more='extra = "ignore"\n', rows=[[n, None] for n in numbers])
    case("folded-names", "Folded names also apply to Parquet.", SOME, ['key = { type = "bigint", from = " ID" }'],
         more='extra = "ignore"\nheader.match = "fold"\n', rows=[[n] for n in numbers])
    case("extra-ignored", "An ignored column may have any type.", SOME.append_column("x", pa.array([b"\xff"] * 7, pa.binary(1))), SOME_COLUMNS,
         more='extra = "ignore"\n')
    extra = pa.table({"id": [1, 2], "x": pa.array([1.5, None]), "l": pa.array([[1], None], pa.list_(pa.int8()))})
    case("extra-rescued", "Undeclared columns become JSON, without NULLs.", extra, ['id = "bigint"'], more='extra = "rescue"\n',
         rows=[["1", '{"l": [1], "x": 1.5}'], ["2", None]])
    case("no-rows", "A schema without rows.", SOME.slice(0, 0), SOME_COLUMNS)


def bad():
    header = "HeaderMismatch"
    case("extra-column", "An undeclared column.", SOME, SOME_COLUMNS[:2], failure=(header, 'unknown ["amount"]'))
    case("missing-column", "The file lacks a declared column.", SOME, SOME_COLUMNS + ['when = "date"'], failure=(header, 'missing ["when"]'))
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["v", "v"])
    case("column-twice", "One name, two columns.", twice, ['v = "integer"'], failure=(header, 'repeated ["v"]'))
    for name, table, sql, found in [
            ("boolean-for-integer", column(pa.bool_(), [True]), "integer", "v boolean"),
            ("instant-for-timestamp", column(pa.timestamp("us", "UTC"), [INSTANT]), "timestamp", "v timestamp with time zone"),
            ("timestamp-for-instant", column(pa.timestamp("us"), [None]), "timestamptz", "v timestamp without time zone"),
            ("list-for-text", column(pa.list_(pa.int8()), [[1]]), "text", "v list"),
            ("date-for-timestamp", column(pa.date32(), [None]), "timestamp", "v date")]:
        case(name, "The file's type does not fit the column.", table, [f'v = "{sql}"'], failure=(header, found))
    malformed = "Malformed"
    case("fixed-bytes", "Bytes of a fixed length without a logical type are text, if they are UTF-8.",
         column(pa.binary(3), [b"abc"]), ['v = "text"'])
    case("integer-for-text", "An integer has one text.", column(pa.int32(), [1]), ['v = "text"'], rows=[["1"]])
    file = written(SOME, write_page_checksum=True, use_dictionary=False)
    broken = lambda name, about, file, *failure: case(name, about, None, SOME_COLUMNS, file=file, failure=failure)
    broken("empty", "A file without bytes.", b"", "Empty", "the file is empty")
    broken("magic-alone", "Magic bytes without a footer.", b"PAR1PAR1", malformed, "too short")
    broken("text", "A CSV file named .parquet.", b"id,name,amount\n1,ann,1.50\n", malformed, "not a Parquet file")
    broken("cut-off", "Half of a file.", file[:len(file) // 2], malformed, "it was cut off")
    broken("compressed", "A Parquet file in gzip.", __import__("gzip").compress(file, mtime=0), malformed, "compressed as a whole")
    broken("encrypted", "An encrypted footer.", file[:-4] + b"PARE", malformed, "encrypted")
    length = lambda n: file[:-8] + struct.pack("<I", n) + b"PAR1"
    broken("footer-too-long", "A footer longer than its file.", length(len(file)), malformed, "but the file has")
    broken("footer-of-4-gb", "A footer of four gigabytes.", length(0xFFFF_FFFF), malformed, "4294967295 bytes")
    broken("footer-too-short", "A footer that begins in its middle.", length(20), malformed, "the footer is damaged")
    broken("footer-of-nothing", "A footer without bytes.", length(0), malformed, "the footer is damaged")
    at = file.index(b"bob")
    broken("checksum", "A flipped bit in a page.", file[:at] + b"boc" + file[at + 3:], malformed, "checksum")
    snappy = written(SOME, compression="snappy", use_dictionary=False)
    at = snappy.index(b"bob")
    broken("damaged-page", "Invalid compressed data.", snappy[:at - 12] + b"\xff" * 12 + snappy[at:], malformed, "column")
    broken("shifted", "Bytes missing in the middle.", file[:40] + file[48:], malformed, "")
    # A list that claims two billion elements, and a schema that claims as many children.
    footer = struct.unpack("<I", file[-8:-4])[0]
    start = len(file) - 8 - footer
    schema = file.index(b"\x18\x06schema", start)
    many = file[:schema + 8] + b"\x15\xfe\xff\xff\xff\x0f" + file[schema + 10:-8]
    broken("schema-of-2-billion", "A group of two billion columns.", many + struct.pack("<I", len(many) - start) + b"PAR1",
           malformed, "the footer is damaged")
    deep = b"\x15\x02\x19\xfc" + b"\xd0\x0f" + b"\x48\x01a\x15\x02\x00" * 2000
    deep = b"PAR1" + deep + struct.pack("<I", len(deep)) + b"PAR1"
    broken("schema-without-end", "Groups nested too deep.", deep, malformed, "the footer is damaged")
    rows = b"\x15\x02\x19\xfc\xff\xff\xff\xff\x07"
    rows = b"PAR1" + rows + struct.pack("<I", len(rows)) + b"PAR1"
    broken("list-of-2-billion", "A list that claims more elements than the file has bytes.", rows, malformed, "the footer is damaged")
    zeros = pa.table({"id": pa.array([1]), "name": pa.array(["0" * (40 << 20)]), "amount": SOME["amount"].slice(0, 1)})
    broken("page-bomb", "Forty megabytes in a few kilobytes.", written(zeros, compression="zstd", compression_level=19, use_dictionary=False, write_statistics=False),
           "DecompressionLimit", "a page has at most")
    record = pa.table({"id": pa.array([1]), "name": pa.array(["0" * (17 << 20)]), "amount": SOME["amount"].slice(0, 1)})
    broken("row-of-17-mb", "A row above the size limit.", written(record, compression="zstd", compression_level=19, use_dictionary=False, write_statistics=False),
           "RecordTooLarge", "line 1")
    million = 12_000_000
    same = pa.table({"id": pa.array([7]).take(pa.array([0] * million)), "name": pa.nulls(million, pa.string()),
                     "amount": pa.nulls(million, pa.decimal128(10, 2))})
    broken("rows-without-end", "Twelve million equal rows in a few kilobytes.",
           written(same, compression="zstd", row_group_size=million), "DecompressionLimit", "times the compressed size")


good()
bad()
