import argparse
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--host")
parser.add_argument("--data", type=Path)
parser.add_argument("--seed", action="store_true")
options = parser.parse_args()
options.data.mkdir(parents=True, exist_ok=True)
print("\x1b[31mthe sandbox listens")


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


HTTPServer((options.host, options.port), Page).serve_forever()
