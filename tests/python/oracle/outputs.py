"""Files of results in every format, compared with the rows that they must have."""

import csv
import decimal
import io
import json
import pathlib

import duckdb
import numpy
import pyarrow as pa
import pyarrow.parquet

# Counts of many values are one long field.
csv.field_size_limit(2**31)
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
TEXT = ["csv", "tsv", "jsonl", "ndjson", "txt"]
# With the compression that each may have.
ENDINGS = ["parquet", "parquet", "arrow"] + [
    name + compression for name in ["arrows", "csv", "tsv", "jsonl", "ndjson", "txt"] for compression in ["", "", ".gz", ".zst"]
]


class Wrong(Exception):
    """What was found is not what must be there."""


def expect(found, expected, what):
    if found != expected:
        raise Wrong(f"{what}: {shown(found)} instead of {shown(expected)}")


def shown(value):
    text = repr(value)
    return text if len(text) < 600 else f"{text[:300]} … {text[-300:]}"


def columns_of(job, chosen, ending):
    """The columns that a file has if none or these are chosen."""
    if chosen is not None:
        return chosen
    names = list(job.schema())
    hides_numbers = ending.startswith(("txt", "npy")) and job.shape == "dense"
    return [name for name in names if not (hides_numbers and name == "n")]


def can_hold(job, names, ending):
    """Whether a format takes all of these columns."""
    if ending != "npy":
        return True
    types = [job.schema()[name] for name in names]
    return job.shape == "dense" and all(pa.types.is_integer(kept) or pa.types.is_boolean(kept) for kept in types)


def check_file(path, ending, job, names, rows):
    """Whether a file has these columns of these rows, and nothing else."""
    name, _, compression = ending.partition(".")
    with open(path, "rb") as file:
        check_bytes(file.read(), name, compression, job, names, rows)
    if name == "parquet":
        check_footer(path, job)
        check_duckdb(f"'{path}'", job, names, rows)


def check_bytes(held, name, compression, job, names, rows):
    if compression:
        held = pa.input_stream(pa.BufferReader(held), compression=COMPRESSED["." + compression]).read()
    if name in TEXT:
        check_text(held.decode(), name, job, names, rows)
    elif name == "npy":
        check_npy(held, job, names, rows)
    else:
        check_table(table_of(held, name), job, names, rows)


def table_of(held, name):
    source = pa.BufferReader(held)
    if name == "parquet":
        return pyarrow.parquet.read_table(source)
    return (pa.ipc.open_file(source) if name == "arrow" else pa.ipc.open_stream(source)).read_all()


def check_table(table, job, names, rows):
    """An Arrow table, from wherever it came."""
    table.validate(full=True)
    expect(table.column_names, names, "the columns")
    for name in names:
        kept = job.schema()[name]
        if not same_type(table.schema.field(name).type, kept):
            raise Wrong(f"the type of {name}: {table.schema.field(name).type} instead of {kept}")
    check_rows([[plain(value) for value in table[name].to_pylist()] for name in names], names, rows)


def same_type(found, expected):
    """The names of the items of lists do not count: Parquet has its own."""
    if pa.types.is_list(expected):
        return pa.types.is_list(found) and same_type(found.value_type, expected.value_type)
    return found == expected


def check_rows(columns, names, rows):
    for name, found in zip(names, columns, strict=True):
        expected = [row[name] for row in rows]
        if found == expected and list(map(type, found)) == list(map(type, expected)):
            continue
        expect(len(found), len(expected), f"the rows of {name}")
        for row, value in zip(rows, found):
            if value != row[name] or type(value) is not type(row[name]):
                raise Wrong(f"{name} of {row.get('n', 'the row')}: {shown(value)} instead of {shown(row[name])}")


def plain(value):
    """Decimals without digits behind the point as integers."""
    if isinstance(value, decimal.Decimal):
        if value.as_tuple().exponent < 0:
            raise Wrong(f"{value} has digits behind the point")
        return int(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {name: plain(part) for name, part in value.items()} if isinstance(value, dict) else value


def check_npy(held, job, names, rows):
    array = numpy.load(io.BytesIO(held))
    columns = [array] if len(names) == 1 else [array[name] for name in array.dtype.names]
    if len(names) > 1:
        expect(list(array.dtype.names), names, "the columns")
    check_rows([column.tolist() for column in columns], names, rows)


def check_text(text, name, job, names, rows):
    """Each line, with its quotes; of floats only the digits count, for there are several ways to write them."""
    lines = text.split("\n")
    expect(lines.pop(), "", "what follows the last line")
    if name in ("csv", "tsv"):
        expect(lines.pop(0), {"csv": ",", "tsv": "\t"}[name].join(names), "the header")
    expect(len(lines), len(rows), "how many lines there are")
    types = [job.schema()[column] for column in names]
    for line, row in zip(lines, rows):
        if any(kept == pa.float64() for kept in types):
            check_digits(line, name, names, types, row)
            continue
        expected = line_of(name, names, [row[column] for column in names])
        if line != expected:
            raise Wrong(f"a line: {shown(line)} instead of {shown(expected)}")


def check_digits(line, name, names, types, row):
    """A line that has floats: by its fields."""
    if name in ("jsonl", "ndjson"):
        found = list(json.loads(line, parse_float=decimal.Decimal).items())
        fields = [(column, value) for column, value in found]
        expect([column for column, _ in fields], names, "the columns")
        fields = [value if isinstance(value, decimal.Decimal) else json_of(value) for _, value in fields]
    else:
        fields = next(csv.reader([line])) if name == "csv" else line.split("\t")
    missing = {"csv": "", "jsonl": "null", "ndjson": "null"}.get(name, "\\N")
    for column, kept, field in zip(names, types, fields, strict=True):
        value = row[column]
        if value is None:
            expect(str(field), missing, column)
        elif kept == pa.float64():
            # Python writes the fewest digits, too.
            expect(decimal.Decimal(field).normalize(), decimal.Decimal(repr(value)).normalize(), f"the digits of {column}")
        else:
            expect(str(field), json_of(value), column)


def line_of(name, names, values):
    if name in ("jsonl", "ndjson"):
        return json_of(dict(zip(names, values)))
    if name == "csv":
        fields = ["" if value is None else json_of(value) for value in values]
        fields = ['"' + field.replace('"', '""') + '"' if set(field) & set(',"') else field for field in fields]
        return '""' if fields == [""] else ",".join(fields)
    return "\t".join("\\N" if value is None else json_of(value) for value in values)


def json_of(value):
    return json.dumps(value, separators=(",", ":"))


def check_footer(path, job):
    """The keys that say where a Parquet file comes from."""
    found = {key.decode(): value.decode() for key, value in (pyarrow.parquet.read_metadata(path).metadata or {}).items()}
    expect(found.get("swath.kernel"), job.kernel.name, "the kernel in the footer")
    for name, value in job.kernel.parameters:
        expect(found.get(f"swath.parameter.{name}"), value, f"the parameter {name} in the footer")
    expect(found.get("swath.where"), job.where, "the condition in the footer")
    expect(found.get("swath.reduce"), job.reduce, "the reductions in the footer")


def check_duckdb(source, job, names, rows, order=""):
    """The same as DuckDB reads it, which has no decimals of 76 digits."""
    wide = [name for name in names if pa.types.is_decimal256(job.schema()[name])]
    names = [name for name in names if name not in wide]
    if not names or any("value_counts" in name for name in names):
        return
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT {columns} FROM {source} {order}").fetchall()
    check_rows([[plain(row[at]) for row in found] for at in range(len(names))], names, rows)


def folder_files(folder):
    return sorted(str(path) for path in pathlib.Path(folder).glob("*.parquet"))
