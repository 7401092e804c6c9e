"""`python -m benchmarks --port 8050 [--json]`."""

import argparse
import sys

from benchmarks.run import main

parser = argparse.ArgumentParser(prog="benchmarks", description="Measures a running demo.")
parser.add_argument("--port", type=int, default=8050, help="port of the portal")
parser.add_argument("--json", action="store_true", help="one JSON object a page on a line")
parser.add_argument("--only", default="", help="pages whose names hold this text")
options = parser.parse_args()
sys.exit(main(options.port, options.json, options.only))
