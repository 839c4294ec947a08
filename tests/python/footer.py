"""What the footer of a Parquet file says.

Usage: footer.py FILE

Printed: its `metadata`, the keys and values that are there besides those of its format; `created_by` and `schema`; and
for each of its `row_groups` the rows, and a digest of the encoded bytes of its columns.
"""

import hashlib
import json
import sys

import pyarrow.parquet as pq


def columns(group):
    return [group.column(index) for index in range(group.num_columns)]


def main():
    path = sys.argv[1]
    metadata = pq.read_metadata(path)
    with open(path, "rb") as file:
        data = file.read()
    groups = []
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        spans = [(column.data_page_offset, column.total_compressed_size) for column in columns(group)]
        digests = [hashlib.sha256(data[start:start + length]).hexdigest() for start, length in spans]
        groups.append([group.num_rows, digests])
    print(json.dumps({
        "metadata": {key.decode(): value.decode() for key, value in (metadata.metadata or {}).items()},
        "created_by": metadata.created_by, "schema": str(metadata.schema.to_arrow_schema()),
        "row_groups": groups,
    }))


if __name__ == "__main__":
    main()
