import argparse
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--host")
parser.add_argument("--data", type=Path)
options = parser.parse_args()
options.data.mkdir(parents=True, exist_ok=True)
print("\x1b[31mthe sandbox listens")
HTTPServer((options.host, options.port), BaseHTTPRequestHandler).serve_forever()
