"""Rows of every Arrow type, and whether a program wrote them right in every format.

Usage: formats.py make FOLDER
       formats.py check FOLDER

`make` writes rich.arrow, with columns of all types and nulls, and flat.arrow, with columns that NumPy has, too. `check`
reads rich.csv, rich.tsv, rich.jsonl, rich.arrows, what of these is there with .gz or .zst behind it, and flat.npy, with
readers that have nothing to do with Swath: the modules csv and json, DuckDB, Polars, pyarrow and numpy. Printed is a
list of what is wrong, and how many values were compared.
"""

import csv
import datetime
import decimal
import json
import math
import pathlib
import sys

import duckdb
import numpy
import polars
import pyarrow as pa

TEXTS = ["plain", "", "a\tb", "line\nbreak", "cr\r\nlf", 'say "x"', "a,b", "back\\slash", "\\N", "é—日本🙂", " edge ", "\x01\x7f", "NaN"]
UTC = datetime.timezone.utc
ROWS = 26


def cycle(values):
    """As many values as there are rows; each seventh is null."""
    return [None if row % 7 == 5 else values[row % len(values)] for row in range(ROWS)]


def column(kind, values):
    return pa.array(cycle(values), kind)


def integers():
    for bits in (8, 16, 32, 64):
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        yield f"int{bits}", column(getattr(pa, f"int{bits}")(), [low, -1, 0, 1, high])
        yield f"uint{bits}", column(getattr(pa, f"uint{bits}")(), [0, 1, 2**bits - 1])


def floats():
    values = [0.0, -0.0, 1.0, 0.1, -1.5, math.nan, math.inf, -math.inf, 1e300, 5e-324, 1 / 3, 1e16, 123456789.0]
    yield "double", column(pa.float64(), values)
    single = [float(numpy.float32(value)) for value in (0.1, 1 / 3, 3.4028234663852886e38, 1e-45, math.nan, -math.inf)]
    yield "float", column(pa.float32(), single)
    yield "half", column(pa.float16(), [numpy.float16(value) for value in (0.1, 1.0, 65504.0, 6e-8)])


def decimals():
    exact = decimal.Decimal
    yield "decimal32", column(pa.decimal32(9, 2), [exact("0.05"), exact("-1234567.89"), exact("0.00")])
    yield "decimal64", column(pa.decimal64(18, 0), [exact(10**17), exact(-1)])
    yield "decimal128", column(pa.decimal128(38, 10), [exact("1234567890123456789012345678.0123456789"), exact("-0.0000000001")])
    yield "decimal256", column(pa.decimal256(76, 38), [exact("1" * 38 + "." + "7" * 38), exact("-2.50").quantize(exact(1).scaleb(-2))])
    yield "rounded", column(pa.decimal128(5, -3), [exact("12E3"), exact("-1E3"), exact("0E3")])


def times():
    days = [datetime.date(1970, 1, 1), datetime.date(1969, 12, 31), datetime.date(2024, 2, 29), datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]
    yield "date32", column(pa.date32(), days)
    yield "date64", column(pa.date64(), days)
    moments = [datetime.datetime(1969, 12, 31, 23, 59, 59, 999000), datetime.datetime(2026, 11, 26, 8, 5, 7), datetime.datetime(2000, 2, 29, 12)]
    for unit in ("s", "ms", "us", "ns"):
        here = [moment.replace(microsecond=0) for moment in moments] if unit == "s" else moments
        yield f"timestamp_{unit}", column(pa.timestamp(unit), here)
        yield f"timestamp_{unit}_zone", column(pa.timestamp(unit, "Europe/Berlin"), [moment.replace(tzinfo=UTC) for moment in here])
    yield "time32", column(pa.time32("s"), [datetime.time(0, 0, 0), datetime.time(23, 59, 59)])
    yield "time32_ms", column(pa.time32("ms"), [datetime.time(1, 2, 3, 4000)])
    yield "time64", column(pa.time64("us"), [datetime.time(1, 2, 3, 4), datetime.time(23, 59, 59, 999999)])
    yield "time64_ns", column(pa.time64("ns"), [datetime.time(1, 2, 3, 4)])
    yield "duration", column(pa.duration("ms"), [datetime.timedelta(milliseconds=1500), datetime.timedelta(milliseconds=-1), datetime.timedelta(0)])
    yield "interval", column(pa.month_day_nano_interval(), [pa.MonthDayNano([1, -2, 3_000_000_004]), pa.MonthDayNano([0, 0, -1])])


def texts():
    binary = [b"", b"\x00\xff", b"abc"]
    yield "text", column(pa.string(), TEXTS)
    yield "large_text", column(pa.large_string(), TEXTS)
    yield "text_view", column(pa.string_view(), TEXTS)
    yield "binary", column(pa.binary(), binary)
    yield "large_binary", column(pa.large_binary(), binary)
    yield "binary_view", column(pa.binary_view(), binary)
    yield "fixed_binary", column(pa.binary(2), [b"\x00\x01", b"zz"])
    yield "dictionary", column(pa.string(), TEXTS).dictionary_encode()
    yield "boolean", column(pa.bool_(), [True, False, True])
    yield "nothing", pa.nulls(ROWS)


def nested():
    yield "list", column(pa.list_(pa.int64()), [[], [1], [1, None, 3]])
    yield "large_list", column(pa.large_list(pa.string()), [TEXTS, [None], []])
    yield "list_view", column(pa.list_view(pa.float64()), [[0.1, math.nan], []])
    yield "fixed_list", column(pa.list_(pa.bool_(), 2), [[True, None], [False, True]])
    inner = pa.struct([("a", pa.int32()), ('quo"ted', pa.list_(pa.date32()))])
    yield "struct", column(inner, [{"a": 1, 'quo"ted': [datetime.date(2000, 1, 2)]}, {"a": None, 'quo"ted': None}])
    yield "map", column(pa.map_(pa.string(), pa.int8()), [[("k", 1), ('"', None)], []])
    yield "number_map", column(pa.map_(pa.int64(), pa.string()), [[(-1, "a"), (2, "b")]])


def rich():
    columns = dict(part for make in (integers, floats, decimals, times, texts, nested) for part in make())
    columns["runs"] = pa.RunEndEncodedArray.from_arrays(pa.array([10, 20, ROWS], pa.int32()), pa.array(["x", None, "a\tb"]))
    children = [pa.array([row for row in range(ROWS)], pa.int64()), pa.array([f"t{row}" for row in range(ROWS)])]
    kinds, offsets = pa.array([row % 2 for row in range(ROWS)], pa.int8()), pa.array(range(ROWS), pa.int32())
    columns["union"] = pa.UnionArray.from_dense(kinds, offsets, children)
    columns['na,"me\t'] = pa.array(range(ROWS), pa.int64())
    return pa.table(columns)


def flat():
    days = [datetime.date(1969, 12, 31), datetime.date(2024, 2, 29)] * 13
    moments = [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), datetime.datetime(2024, 2, 29)] * 13
    return pa.table({
        "n": pa.array(range(ROWS), pa.int64()), "i8": pa.array([-128, 127] * 13, pa.int8()),
        "u16": pa.array([0, 65535] * 13, pa.uint16()), "f32": pa.array([0.1, math.inf] * 13, pa.float32()),
        "f64": pa.array([0.1, -0.0] * 13, pa.float64()), "half": pa.array([numpy.float16(0.1)] * ROWS, pa.float16()),
        "b": pa.array([True, False] * 13), "day": pa.array(days), "é'": pa.array(moments, pa.timestamp("us")),
    })


def write(table, path):
    with pa.ipc.new_file(path, table.schema) as file:
        # Columns of slices begin in the middle of their memory.
        for batch in table.to_batches(max_chunksize=11):
            file.write_batch(batch)


def fraction(nanos, unit):
    digits = {"s": 0, "ms": 3, "us": 6, "ns": 9}[unit]
    return f".{nanos:09d}"[: digits + 1] if digits else ""


def plain(scalar):
    """The text of a value that is neither null nor nested."""
    kind = scalar.type
    if pa.types.is_boolean(kind):
        return "true" if scalar.as_py() else "false"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        return scalar.as_py().hex()
    if pa.types.is_decimal(kind):
        return f"{scalar.as_py():f}"
    if pa.types.is_date(kind):
        return scalar.as_py().isoformat()
    if pa.types.is_timestamp(kind):
        moment = scalar.cast(pa.timestamp("us", kind.tz)).as_py()
        zone = "Z" if kind.tz else ""
        moment = moment.astimezone(UTC) if kind.tz else moment
        return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction(moment.microsecond * 1000, kind.unit) + zone
    if pa.types.is_time(kind):
        time = scalar.as_py()
        return time.strftime("%H:%M:%S") + fraction(time.microsecond * 1000, kind.unit)
    if pa.types.is_duration(kind):
        nanos = scalar.cast(pa.int64()).as_py() * {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[kind.unit]
        seconds, rest = divmod(abs(nanos), 10**9)
        return f"{'-' if nanos < 0 else ''}PT{seconds}{fraction(rest, kind.unit)}S"
    if pa.types.is_interval(kind):
        months, days, nanos = scalar.as_py()
        seconds, rest = divmod(abs(nanos), 10**9)
        return f"P{months}M{days}DT{'-' if nanos < 0 else ''}{seconds}.{rest:09d}S"
    return str(scalar.as_py())


def simple(scalar):
    """A scalar without the encoding of its column."""
    while pa.types.is_dictionary(scalar.type) or pa.types.is_union(scalar.type) or pa.types.is_run_end_encoded(scalar.type):
        scalar = scalar.value if hasattr(scalar, "value") and isinstance(scalar.value, pa.Scalar) else pa.scalar(scalar.as_py())
    return scalar


def is_list(kind):
    return any(check(kind) for check in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_list_view))


def as_json(scalar):
    """What json.loads makes of a value, with decimals for what has a point."""
    scalar = simple(scalar)
    kind = scalar.type
    if scalar.as_py() is None:
        return None
    if pa.types.is_map(kind):
        pairs = zip(scalar.values.field(0), scalar.values.field(1))
        return {key.as_py() if pa.types.is_string(kind.key_type) else plain(key): as_json(value) for key, value in pairs}
    if is_list(kind):
        return [as_json(item) for item in scalar.values]
    if pa.types.is_struct(kind):
        return {name: as_json(scalar[name]) for name in scalar.keys()}
    if pa.types.is_floating(kind):
        value = float(scalar.as_py())
        return value if math.isfinite(value) else None
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_string(kind):
        return scalar.as_py()
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return scalar.as_py()
    return plain(scalar)


def same_json(found, expected, kind=None):
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same_json(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same_json, found, expected))
    if isinstance(expected, decimal.Decimal):
        # All digits are there, and no more.
        return isinstance(found, (int, decimal.Decimal)) and found == expected
    if isinstance(expected, float):
        return isinstance(found, decimal.Decimal) and float_of(found, kind) == expected and math.copysign(1, found) == math.copysign(1, expected)
    return type(found) is type(expected) and found == expected


def float_of(text, kind):
    if kind == pa.float32():
        return float(numpy.float32(str(text)))
    if kind == pa.float16():
        return float(numpy.float16(str(text)))
    return float(text)


def same_text(found, scalar):
    """Whether a field of CSV or TSV, without quotes and escapes, is this value."""
    scalar = simple(scalar)
    kind, value = scalar.type, scalar.as_py()
    if value is None:
        return found is None
    if found is None:
        return False
    if pa.types.is_floating(kind):
        read = float_of(found, kind)
        return (math.isnan(read) and math.isnan(value)) or (read == float(value) and math.copysign(1, read) == math.copysign(1, float(value)))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return found == value
    if is_list(kind) or pa.types.is_map(kind) or pa.types.is_struct(kind):
        return same_json(json.loads(found, parse_float=decimal.Decimal), as_json(scalar))
    return found == plain(scalar)


class Check:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        with pa.OSFile(str(self.folder / "rich.arrow")) as file:
            self.rich = pa.ipc.open_file(file).read_all()
        with pa.OSFile(str(self.folder / "flat.arrow")) as file:
            self.flat = pa.ipc.open_file(file).read_all()
        self.wrong, self.compared = [], 0

    def cells(self, reader, names, rows, same):
        """`rows` are lists of what a reader found, `same` says whether that is a value."""
        if names != self.rich.column_names or len(rows) != ROWS:
            self.wrong.append(f"{reader}: {len(rows)} rows of {names}")
            return
        for position, name in enumerate(names):
            for row, scalar in enumerate(self.rich[name]):
                self.compared += 1
                if not same(rows[row][position], scalar):
                    self.wrong.append(f"{reader}: {name} of row {row} is {rows[row][position]!r}, not {scalar!r}")

    def text(self, name):
        compression = {".gz": "gzip", ".zst": "zstd"}.get(pathlib.Path(name).suffix)
        with pa.input_stream(str(self.folder / name), compression=compression) as stream:
            return stream.read().decode()

    def csv(self, name):
        text = self.text(name)
        names, *rows = csv.reader(text.splitlines(keepends=True), strict=True)
        # This reader takes a null and an empty text for the same.
        self.cells(f"csv {name}", names, rows, lambda found, scalar: same_text(found or (None if simple(scalar).as_py() is None else ""), scalar))
        options = "all_varchar=true, nullstr='', allow_quoted_nulls=false, header=true, delim=',', quote='\"', escape='\"', new_line='\\n'"
        relation = duckdb.sql(f"SELECT * FROM read_csv('{self.folder / name}', {options})")
        self.cells(f"duckdb {name}", relation.columns, relation.fetchall(), same_text)

    def tsv(self, name):
        letters = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}

        def field(text):
            if text == "\\N":
                return None
            pieces, rest = [], text
            while "\\" in rest:
                before, _, rest = rest.partition("\\")
                pieces += [before, letters[rest[0]]]
                rest = rest[1:]
            return "".join(pieces) + rest

        *lines, end = self.text(name).split("\n")
        assert end == "", "the last line has no end"
        names, *rows = [[field(text) for text in line.split("\t")] for line in lines]
        self.cells(f"tsv {name}", names, rows, same_text)

    def jsonl(self, name):
        objects = [json.loads(line, parse_float=decimal.Decimal) for line in self.text(name).split("\n")[:-1]]
        rows = [list(each.values()) for each in objects]
        self.cells(f"json {name}", list(objects[0]), rows, lambda found, scalar: same_json(found, as_json(scalar), simple(scalar).type))
        count, total = duckdb.sql(f"SELECT count(*), sum(int32) FROM read_json('{self.folder / name}', format='newline_delimited')").fetchall()[0]
        expected = sum(value.as_py() or 0 for value in self.rich["int32"])
        if (count, total) != (ROWS, expected):
            self.wrong.append(f"duckdb {name}: {count} rows, {total} in all")

    def arrows(self, name):
        compression = {".gz": "gzip", ".zst": "zstd"}.get(pathlib.Path(name).suffix)
        with pa.input_stream(str(self.folder / name), compression=compression) as stream:
            table = pa.ipc.open_stream(stream).read_all()
        table.validate(full=True)
        if table.schema != self.rich.schema:
            self.wrong.append(f"{name}: {table.schema}")
        for column in self.rich.column_names:
            self.compared += ROWS
            if repr(table[column].to_pylist()) != repr(self.rich[column].to_pylist()):
                self.wrong.append(f"{name}: the column {column}")

    def npy(self, name):
        array = numpy.load(self.folder / name)
        if list(array.dtype.names) != self.flat.column_names:
            self.wrong.append(f"{name}: {array.dtype}")
        for column in self.flat.column_names:
            self.compared += ROWS
            expected = self.flat[column].to_numpy()
            if array[column].dtype != expected.dtype or array[column].tobytes() != expected.tobytes():
                self.wrong.append(f"{name}: the column {column}: {array[column].dtype}, {expected.dtype}")

    def polars(self, name):
        frame = polars.read_csv(self.folder / name, columns=["int64", "double", "text", "boolean"])
        for column in frame.columns:
            found, expected = frame[column].to_list(), self.rich[column].to_pylist()
            if repr(found) != repr(expected):
                self.wrong.append(f"polars {name}: {column} is {found}")


def main():
    verb, folder = sys.argv[1:]
    if verb == "make":
        write(rich(), f"{folder}/rich.arrow")
        write(flat(), f"{folder}/flat.arrow")
        print(json.dumps({"columns": rich().num_columns}))
        return
    check = Check(folder)
    for name in ("csv", "tsv", "jsonl", "arrows"):
        for ending in ("", ".gz", ".zst"):
            getattr(check, name)(f"rich.{name}{ending}")
    check.polars("rich.csv")
    check.npy("flat.npy")
    print(json.dumps({"wrong": check.wrong[:40], "compared": check.compared}))


if __name__ == "__main__":
    main()
