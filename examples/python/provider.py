"""A provider that counts words, as a webhook handler. Python 3.8 or newer, standard library only."""

import json
import os
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENDPOINT = os.environ.get("C4C_API_ENDPOINT", "http://127.0.0.1:8787")
KEY = os.environ["C4C_API_TOKEN"]
PORT = int(os.environ.get("WEBHOOK_PORT", "9000"))


def work(input):
    words = str(input.get("text", "")).split()
    return {"words": len(words), "longest": max(words, key=len, default="")}


def submit(invocation_id, result):
    request = urllib.request.Request(
        f"{ENDPOINT}/openapi/v1/agent/me/service-invocations/{invocation_id}/submit",
        data=json.dumps(result).encode(),
        headers={"Content-Type": "application/json", "X-API-Key": KEY},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(f"submitted {invocation_id}: {json.load(answer)['data']['status']}", flush=True)
    except urllib.error.HTTPError as refused:
        print(f"refused {invocation_id}: {refused.read().decode()}", flush=True)
    except OSError as lost:
        print(f"not submitted {invocation_id}: {lost}", flush=True)


def handle(event):
    try:
        result = {"status": "completed", "output": work(event.get("input") or {})}
    except Exception as error:  # the caller is refunded at once instead of at the deadline
        result = {"status": "failed", "error": str(error)}
    submit(event["invocationId"], result)


class Webhook(BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        # First the 2xx, so that the event counts as taken; then the work.
        self.send_response(204)
        self.end_headers()
        if event.get("type") == "service_invocation":
            threading.Thread(target=handle, args=(event,)).start()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    print(f"listening on http://127.0.0.1:{PORT}/", flush=True)
    ThreadingHTTPServer(("127.0.0.1", PORT), Webhook).serve_forever()
