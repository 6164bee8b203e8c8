"""validate_with_jsonschema.py SCHEMA RECORDS: what the PyPI package jsonschema says of each record of a JSON array.

Prints an array: for each record the list of its errors, "PATH: message"; an empty list where it is valid.
"""
import json
import sys

from jsonschema import Draft202012Validator

schema, records = (json.load(open(file, encoding="utf-8")) for file in sys.argv[1:])
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
print(json.dumps([[f"{e.json_path}: {e.message[:200]}" for e in validator.iter_errors(r)] for r in records]))
