"""A stock Arrow Flight client.

Usage: flight.py ADDRESS list
       flight.py ADDRESS info DESCRIPTOR        a path of one element, or a command where it is JSON
       flight.py ADDRESS get TICKET             a summary of the squares that come
       flight.py ADDRESS values TICKET          all values; decimals as text
       flight.py ADDRESS begin TICKET ROWS      the first values; the rest is not waited for
       flight.py ADDRESS put

With `--access FILE` before all of them, it connects with TLS and the certificate of that access file.

What Flight refuses is printed as the name of the error and its message.
"""

import decimal
import json
import sys
import tomllib

import numpy
import pyarrow as pa
import pyarrow.flight as flight


def list_flights(client):
    return sorted((describe(info) for info in client.list_flights()), key=lambda info: info["path"])


def info(client, text):
    is_json = text.startswith("{")
    descriptor = flight.FlightDescriptor.for_command(text) if is_json else flight.FlightDescriptor.for_path(text)
    described = describe(client.get_flight_info(descriptor))
    schema = client.get_schema(descriptor).schema
    assert described["schema"] == kinds(schema), "GetSchema and GetFlightInfo differ"
    return described


def describe(info):
    return {
        "path": [element.decode() for element in info.descriptor.path or []],
        "schema": kinds(info.schema),
        "total_records": info.total_records,
        "total_bytes": info.total_bytes,
        "endpoints": [endpoint.ticket.ticket.decode() for endpoint in info.endpoints],
    }


def kinds(schema):
    return {field.name: str(field.type) for field in schema}


def get(client, ticket):
    table = client.do_get(flight.Ticket(ticket)).read_all()
    table.validate(full=True)
    n, value = table["n"].to_numpy() if "n" in table.column_names else None, table["value"].to_numpy()
    found = {"columns": table.column_names, "rows": len(table)}
    if n is not None:
        found |= {
            "first": int(n[0]), "last": int(n[-1]), "in_order": bool((numpy.diff(n) == 1).all()),
            "wrong": int((n * n != value).sum()),
        }
    return found


def values(client, ticket):
    return plain(client.do_get(flight.Ticket(ticket)).read_all())


def begin(client, ticket, rows):
    reader = client.do_get(flight.Ticket(ticket))
    batches, rows = [], int(rows)
    while sum(map(len, batches)) < rows:
        batches.append(reader.read_chunk().data)
    reader.cancel()
    return plain(pa.Table.from_batches(batches).slice(0, rows))


def plain(table):
    def text(value):
        return str(value) if isinstance(value, decimal.Decimal) else value

    return {name: [text(value) for value in column] for name, column in table.to_pydict().items()}


def put(client):
    table = pa.table({"n": [1], "value": [1]})
    writer, _ = client.do_put(flight.FlightDescriptor.for_path("1"), table.schema)
    writer.write_table(table)
    writer.close()


def connect(address, file):
    if file is None:
        return flight.connect(f"grpc://{address}")
    with open(file, "rb") as opened:
        access = tomllib.load(opened)
    return flight.connect(
        f"grpc+tls://{address}",
        tls_root_certs=access["authority"], cert_chain=access["certificate"], private_key=access["key"],
    )


def main():
    arguments = sys.argv[1:]
    access = arguments[1] if arguments[0] == "--access" else None
    address, verb, *arguments = arguments[2:] if access else arguments
    client = connect(address, access)
    verbs = {"list": list_flights, "info": info, "get": get, "values": values, "begin": begin, "put": put}
    try:
        answer = verbs[verb](client, *arguments)
    except (pa.ArrowException, flight.FlightError) as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
