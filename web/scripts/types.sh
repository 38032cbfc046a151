#!/bin/sh
# Writes src/api/schema.ts from the API's own table of routes. No controller has to run.
set -eu
cd "$(dirname "$0")/.."
python=../.venv/bin/python
[ -x "$python" ] || python=python3
"$python" -c '
import json
from zerogo.controller.openapi import openapi_document
from zerogo.controller.routes import ROUTES
import msgspec
print(msgspec.json.encode(openapi_document(ROUTES)).decode())
' >openapi.json
node_modules/.bin/openapi-typescript openapi.json --output src/api/schema.ts >/dev/null
