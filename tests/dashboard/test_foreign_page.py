"""A page of another site, in a real browser, that tries what a page can: nothing changes, nothing is read.

From three places: another site; another port of this machine, to which a browser sends the session's cookie,
since that is no other site; and a name of its own for the service's address (DNS rebinding).
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.access.holders import closed_service, give, grant
from tests.serving import Service, serving

CANARY = "canary-7d21c9"

ATTACK = """
async ({ target, socket, id }) => {
  const found = [];
  const note = (what) => found.push(String(what));
  const tries = [];
  const attempt = (work) => tries.push(Promise.race([
    Promise.resolve().then(work).then(note, () => {}),
    new Promise((go) => setTimeout(go, 3000)),
  ]));
  const reads = ["/apps", "/apps/cat", "/events/list?rev=0", "/instances", "/commits", "/diff?from=1",
                 "/export", "/tokens", "/tokens/self", "/metrics", "/"];
  const writes = [
    ["POST", `/instances/${id}/stop`, ""],
    ["POST", `/instances/${id}/lost`, '{"client":"x","reason":"y"}'],
    ["POST", "/apps", '{"name":"evil","repo_url":"x:y","stack":"s"}'],
    ["POST", "/session", ""],
    ["POST", "/apply", '{"apps":[{"name":"evil","repo_url":"x:y","stack":"s"}]}'],
    ["POST", "/revert", '{"path":"/apps/cat","to_rev":1,"delete":true}'],
    ["POST", "/commits/2/undo", "{}"],
    ["DELETE", "/session", ""],
    ["DELETE", "/apps/cat/env/cow", ""],
    ["PUT", "/apps/cat/env/cow", '{"value":"x"}'],
    ["PATCH", "/apps/cat/env", '{"cow":null}'],
    ["DELETE", `/instances/${id}`, ""],
  ];
  const posts = writes.filter(([method]) => method === "POST");

  // By script, with the browser's cookies.
  for (const path of reads)
    for (const mode of ["cors", "no-cors"])
      attempt(() => fetch(target + path, { mode, credentials: "include" }).then((a) => a.text()));
  for (const [method, path, body] of writes)
    for (const headers of [{ "Content-Type": "application/json", "Visor-Csrf": "1" }, {}])
      attempt(() => fetch(target + path, { method, credentials: "include", body: body || undefined, headers })
        .then((a) => a.text()));
  for (const [method, path, body] of posts) {
    attempt(() => fetch(target + path, { method, mode: "no-cors", credentials: "include", body }));
    attempt(() => navigator.sendBeacon(target + path, body));
  }
  attempt(() => {
    const asked = new XMLHttpRequest();
    asked.open("GET", target + "/apps/cat", false);
    asked.withCredentials = true;
    asked.send();
    return asked.responseText;
  });

  // By what stays open.
  attempt(() => new Promise((go) => {
    const events = new EventSource(target + "/events?rev=0&snapshot=true", { withCredentials: true });
    for (const type of ["message", "snapshot", "app-register", "app-update", "bookmark", "snapshot-end"])
      events.addEventListener(type, (event) => { note(event.data); });
    setTimeout(() => { events.close(); go(""); }, 500);
  }));
  attempt(() => new Promise((go) => {
    const talk = new WebSocket(socket + "/events?rev=0");
    talk.onmessage = (event) => note(event.data);
    talk.onopen = () => note("CONNECTED");
    talk.onclose = () => go("");
  }));

  // By what a page is made of.
  const put = (tag, attributes) => {
    const made = document.createElement(tag);
    Object.assign(made, attributes);
    document.body.append(made);
    return made;
  };
  window.onerror = (message) => note(message);
  put("img", { src: target + "/apps/cat" });
  put("script", { src: target + "/apps/cat" });
  put("script", { src: target + "/events/list?rev=0", type: "module" });
  put("link", { rel: "stylesheet", href: target + "/apps/cat" });
  put("video", { src: target + "/apps/cat" });
  const frames = ["/apps/cat", "/ui"].map((path) => put("iframe", { src: target + path }));
  frames.push(put("object", { data: target + "/apps/cat" }));
  const submit = ([, path, body], enctype) => {
    const name = `frame${frames.length}`;
    frames.push(put("iframe", { name }));
    const form = put("form", { action: target + path, method: "post", target: name, enctype });
    const field = document.createElement("input");
    // `{"value":"=x"}`: what a form can make of JSON.
    field.name = body.slice(0, -1) || "x";
    field.value = body.slice(-1);
    form.append(field);
    form.submit();
  };
  for (const write of posts) submit(write, "text/plain");
  submit(posts[0], "application/x-www-form-urlencoded");
  submit(posts[0], "multipart/form-data");
  const opened = window.open(target + "/apps/cat");
  await Promise.all(tries);
  await new Promise((go) => setTimeout(go, 300));
  const texts = [() => opened.document.body.innerText];
  for (const frame of frames) texts.push(() => frame.contentDocument.documentElement.innerText);
  for (const sheet of document.styleSheets) texts.push(() => [...sheet.cssRules].map((r) => r.cssText));
  for (const text of texts) try { note(text()); } catch { /* another origin's */ }
  if (opened) opened.close();
  return found;
}
"""
"""What it could read."""


class Blank(BaseHTTPRequestHandler):
    """A page without anything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body>")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def evil() -> Iterator[int]:
    """The port of another site's pages, on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Blank)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def filled(service: Service) -> int:
    """The id of a running instance, in a registry with a canary in what a page would like to read."""
    service.runnable()
    service.put("/apps/cat/env/cow", {"value": CANARY})
    id, host = service.ticket(), {"host": "10.0.0.7"}
    closed = "Authorization" in service.client.headers
    headers = give(service, grant("host", hosts=["*"])).headers if closed else {}
    claimed = service.post(f"/instances/{id}/claim", host, headers=headers).json()
    start = {**host, "claim_rev": claimed["claim_rev"], "hostname": "box7", "port": 8000}
    assert service.post(f"/instances/{id}/start", start, headers=headers).status_code == 200
    return id


def at(service: Service) -> str:
    return f"http://localhost:{service.port}"


def signed_in(browser: Any, service: Service) -> Any:
    """A browser that has a session of an admin's token there, as the page of its dashboard begins it."""
    context = browser.new_context()
    token = give(service, grant("admin"), name="anna").token
    page = context.new_page()
    page.goto(at(service) + "/ui")
    status = page.evaluate(
        """token => fetch("/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } })
           .then((answer) => answer.status)""",
        token,
    )
    assert status == 204
    page.close()
    return context


def tried(context: Any, service: Service, origin: str, id: int) -> list[str]:
    """What a page of that origin can read of all it tries."""
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{origin}/")
    rebound = origin.endswith(f".test:{service.port}")
    target = origin if rebound else at(service)
    page.unroute_all()
    context.unroute_all()
    asked = {"target": target, "socket": target.replace("http", "ws"), "id": id}
    found: list[str] = page.evaluate(ATTACK, asked)
    for each in context.pages:
        each.close()
    return found


def rebinding(context: Any, port: int) -> str:
    """The origin of a page that was served by another machine under a name which means the service by now."""
    origin = f"http://rebound.test:{port}"
    context.route(
        f"{origin}/", lambda route: route.fulfill(body="<!doctype html><body>", content_type="text/html")
    )
    return origin


def made_since(service: Service, rev: int) -> list[str]:
    """The requests of all commits after a rev."""
    return [one["request"] for one in service.get("/commits").json()["items"] if one["rev"] > rev]


def gets_nothing(context: Any, service: Service, origin: str, id: int) -> None:
    """A page of this origin."""
    before = service.rev
    found = tried(context, service, origin, id)
    assert not [text for text in found if CANARY in text or "128af9" in text], origin
    assert "CONNECTED" not in found, origin
    assert made_since(service, before) == [], f"{origin} has changed something"


def test_where_no_token_is_needed_another_site_changes_nothing_and_reads_nothing(
    browser: Any, evil: int
) -> None:
    """Whoever is on this machine is an admin then, and so is a browser, whichever page it shows."""
    with serving(allowed_hosts="") as service:
        id, context = filled(service), browser.new_context()
        for origin in (f"http://evil.test:{evil}", f"http://localhost:{evil}"):
            gets_nothing(context, service, origin, id)
        gets_nothing(context, service, rebinding(context, service.port), id)
        context.close()


def test_a_session_is_of_no_use_to_another_site_and_stays(browser: Any, evil: int) -> None:
    with closed_service(allowed_hosts="") as service:
        id, context = filled(service), signed_in(browser, service)
        for origin in (f"http://evil.test:{evil}", f"http://localhost:{evil}"):
            gets_nothing(context, service, origin, id)
        own = context.new_page()
        own.goto(at(service) + "/ui")
        seen = own.evaluate("fetch('/apps/cat').then((answer) => answer.text())")
        assert CANARY in seen, "a page of the service itself reads, as before"
        context.close()


def test_what_it_tries_works_for_a_page_of_the_service_itself(browser: Any) -> None:
    """Else that nothing comes of it would say nothing."""
    with serving(allowed_hosts="") as service:
        id, before = filled(service), service.rev
        context = browser.new_context()
        page = context.new_page()
        page.goto(at(service) + "/ui")
        asked = {"target": at(service), "socket": f"ws://localhost:{service.port}", "id": id}
        found = page.evaluate(ATTACK, asked)
        assert [text for text in found if CANARY in text]
        made = [
            commit["request"] for commit in service.get("/commits").json()["items"] if commit["rev"] > before
        ]
        assert f"POST /instances/{id}/stop" in made
        assert "POST /apps" in made
        context.close()
