"""The Sandbox's interface for programs, without a server around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from platforms.sandbox.network import EXTENSION, Network
from platforms.sandbox.site import create_app
from tests.platforms.test_sandbox_store import png

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = create_app(tmp_path / "data")
    yield made
    made.extensions[EXTENSION].store.close()


@pytest.fixture
def net(app: Flask) -> Network:
    found: Network = app.extensions[EXTENSION]
    return found


class Caller:
    """A program with an access token."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **query: str) -> TestResponse:
        return self.client.get(f"/api{path}", query_string=query, headers=self.headers)

    def send(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        return self.client.open(
            f"/api{path}", method=method, json=json, headers={**self.headers, **headers}
        )

    def publish(self, text: str, key: str = "", **more: Any) -> TestResponse:
        headers = {"Idempotency-Key": key} if key else {}
        return self.send("POST", "/posts", {"text": text, **more}, **headers)


@pytest.fixture
def fire(app: Flask, net: Network) -> Caller:
    account = net.store.accounts.create(
        handle="northmoor_fire", display_name="Northmoor Fire", official=True
    )
    return Caller(app.test_client(), net.store.accounts.token_create(account))


@pytest.fixture
def police(app: Flask, net: Network) -> Caller:
    account = net.store.accounts.create(
        handle="northmoor_police", display_name="Northmoor Police", official=True
    )
    return Caller(app.test_client(), net.store.accounts.token_create(account))


def stranger(client: FlaskClient, text: str, **more: Any) -> dict[str, Any]:
    answer = client.post(
        "/api/practice/people/posts", json={"handle": "asha", "text": text, **more}
    )
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.get_json()
    return told


def _pattern(path: str) -> str:
    path = path.replace(KEY, "<key>").replace("/blocks/1", "/blocks/<account_id>")
    return path.replace("/1", "/<post_id>")


class TestAuthorisation:
    PATHS = (
        ("GET", "/account"),
        ("GET", "/limits"),
        ("POST", "/media"),
        ("POST", "/posts"),
        ("GET", f"/posts/by-key/{KEY}"),
        ("PUT", "/posts/1"),
        ("DELETE", "/posts/1"),
        ("POST", "/posts/1/hide"),
        ("POST", "/posts/1/show"),
        ("POST", "/posts/1/remove"),
        ("POST", "/blocks"),
        ("DELETE", "/blocks/1"),
        ("GET", "/mentions"),
        ("GET", "/own-posts"),
        ("GET", "/search"),
    )

    @pytest.mark.parametrize(("method", "path"), PATHS)
    @pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer wrong", "Basic YTpi", "Token x"])
    def test_nothing_without_a_good_token(
        self, app: Flask, fire: Caller, method: str, path: str, sent: str
    ) -> None:
        headers = {"Authorization": sent} if sent else {}
        answer = app.test_client().open(f"/api{path}", method=method, headers=headers, json={})
        assert (answer.status_code, answer.get_json()["error"]) == (401, "unauthorised")
        assert "Bearer" in answer.headers["WWW-Authenticate"]

    def test_every_path_for_programs_is_in_that_list(self, app: Flask) -> None:
        rules = {
            (method, rule.rule.removeprefix("/api"))
            for rule in app.url_map.iter_rules()
            if rule.endpoint.startswith("api.")
            for method in rule.methods or ()
            if method not in {"HEAD", "OPTIONS"}
        }
        listed = {(method, _pattern(path)) for method, path in self.PATHS}
        assert rules == listed

    def test_a_revoked_token_is_no_longer_good(self, fire: Caller, net: Network) -> None:
        account = net.store.accounts.by_handle("northmoor_fire")
        assert account is not None
        assert fire.get("/account").status_code == 200
        net.store.accounts.tokens_revoke(account)
        assert fire.get("/account").status_code == 401


class TestPublishing:
    def test_it_answers_with_the_post(self, fire: Caller) -> None:
        answer = fire.publish("Stay away from the weir.")
        told = answer.get_json()
        assert answer.status_code == 201
        assert told["text"] == "Stay away from the weir."
        assert told["url"] == f"http://localhost/@northmoor_fire/{told['id']}"
        assert (told["thread_id"], told["in_reply_to"]) == (told["id"], None)

    def test_a_key_is_honoured(self, fire: Caller) -> None:
        first = fire.publish("Hello", KEY)
        again = fire.publish("Hello", KEY)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.get_json() == again.get_json()
        assert len(fire.get("/own-posts").get_json()["items"]) == 1
        assert fire.publish("Other", KEY).get_json()["error"] == "key_reused"

    def test_looking_up_a_key(self, fire: Caller, police: Caller, net: Network) -> None:
        assert fire.get(f"/posts/by-key/{KEY}").status_code == 404
        account = net.store.accounts.by_handle("northmoor_fire")
        assert account is not None
        with net.working_on(account.id, KEY):
            answer = fire.get(f"/posts/by-key/{KEY}")
            assert (answer.status_code, answer.get_json()) == (202, {"state": "in_progress"})
        made = fire.publish("Hello", KEY).get_json()
        assert fire.get(f"/posts/by-key/{KEY}").get_json() == made
        assert police.get(f"/posts/by-key/{KEY}").status_code == 404

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"text": ""}, 422, "text_empty"),
            ({"text": "x" * 501}, 422, "text_too_long"),
            ({"text": 5}, 400, "body_invalid"),
            ({}, 400, "body_invalid"),
            ([], 400, "body_invalid"),
            ({"text": "x", "in_reply_to": "99"}, 422, "reply_target_missing"),
            ({"text": "x", "in_reply_to": "9" * 40}, 422, "reply_target_missing"),
            ({"text": "x", "in_reply_to": {}}, 422, "reply_target_missing"),
            ({"text": "x", "images": [{"id": "no", "alt_text": ""}]}, 422, "image_missing"),
            ({"text": "x", "images": [{"id": "no"}]}, 400, "body_invalid"),
            ({"text": "x", "images": "no"}, 400, "body_invalid"),
        ],
    )
    def test_what_is_refused(self, fire: Caller, body: Any, status: int, code: str) -> None:
        answer = fire.send("POST", "/posts", body)
        assert (answer.status_code, answer.get_json()["error"]) == (status, code)
        assert fire.get("/own-posts").get_json()["items"] == []

    def test_a_bad_key_is_refused(self, fire: Caller) -> None:
        for key in ("a b", "é", "x" * 101):
            assert fire.publish("Hello", key).get_json()["error"] == "key_invalid"

    def test_a_body_that_is_too_large_is_refused(self, fire: Caller) -> None:
        assert fire.publish("x" * 70_000).status_code == 413
        for size, error in {8_000_001: "image_too_large", 50_000_001: "too_large"}.items():
            answer = fire.client.post("/api/media", data=b"x" * size, headers=fire.headers)
            assert (answer.status_code, answer.get_json()["error"]) == (413, error)

    def test_images(self, fire: Caller) -> None:
        made = fire.client.post("/api/media", data=png(), headers=fire.headers)
        assert made.status_code == 201
        media_id = made.get_json()["id"]
        post = fire.publish("", images=[{"id": media_id, "alt_text": "A red square"}]).get_json()
        assert post["images"] == [{"id": media_id, "alt_text": "A red square"}]
        bad = fire.client.post("/api/media", data=b"<html>", headers=fire.headers)
        assert (bad.status_code, bad.get_json()["error"]) == (422, "image_unreadable")


class TestDeletingHidingBlocking:
    def test_deleting(self, fire: Caller, police: Caller) -> None:
        post_id = fire.publish("Hello").get_json()["id"]
        assert police.send("DELETE", f"/posts/{post_id}").status_code == 403
        assert fire.send("DELETE", f"/posts/{post_id}").status_code == 204
        assert fire.send("DELETE", f"/posts/{post_id}").status_code == 404
        assert fire.send("DELETE", "/posts/x").status_code == 404

    def test_hiding(self, fire: Caller, police: Caller, app: Flask) -> None:
        post_id = fire.publish("Hello").get_json()["id"]
        reply = stranger(app.test_client(), "rude", in_reply_to=post_id)["id"]
        assert police.send("POST", f"/posts/{reply}/hide").status_code == 403
        assert fire.send("POST", f"/posts/{reply}/hide").status_code == 204
        assert fire.send("POST", f"/posts/{reply}/hide").status_code == 204
        assert fire.send("POST", "/posts/999/hide").status_code == 404
        assert police.send("POST", f"/posts/{reply}/show").status_code == 403
        assert fire.send("POST", f"/posts/{reply}/show").status_code == 204
        assert fire.send("POST", "/posts/999/show").status_code == 404

    def test_deleting_a_reply(self, fire: Caller, police: Caller, app: Flask) -> None:
        post_id = fire.publish("Hello").get_json()["id"]
        reply = stranger(app.test_client(), "rude", in_reply_to=post_id)["id"]
        assert police.send("POST", f"/posts/{reply}/remove").status_code == 403
        assert fire.send("POST", f"/posts/{post_id}/remove").status_code == 403
        assert fire.send("POST", f"/posts/{reply}/remove").status_code == 204
        assert fire.send("POST", f"/posts/{reply}/remove").status_code == 404

    def test_blocking(self, fire: Caller, app: Flask) -> None:
        stranger(app.test_client(), "@northmoor_fire hi")
        person = fire.get("/mentions").get_json()["items"][0]["author"]["id"]
        assert fire.send("POST", "/blocks", {"account_id": person}).status_code == 204
        assert fire.get("/mentions").get_json()["items"] == []
        assert fire.send("POST", "/blocks", {"account_id": "999"}).status_code == 404
        assert fire.send("POST", "/blocks", {}).status_code == 400


class TestLists:
    def test_mentions_since_a_cursor(self, fire: Caller, app: Flask) -> None:
        post_id = fire.publish("Hello").get_json()["id"]
        stranger(app.test_client(), "@northmoor_fire one")
        first = fire.get("/mentions").get_json()
        assert [(one["kind"], one["text"]) for one in first["items"]] == [
            ("mention", "@northmoor_fire one")
        ]
        stranger(app.test_client(), "two", in_reply_to=post_id)
        second = fire.get("/mentions", after=first["cursor"]).get_json()
        assert [(one["kind"], one["in_reply_to"]) for one in second["items"]] == [
            ("reply", post_id)
        ]
        third = fire.get("/mentions", after=second["cursor"]).get_json()
        assert third == {"items": [], "cursor": second["cursor"], "more": False}

    @pytest.mark.parametrize("path", ["/mentions", "/own-posts", "/search"])
    def test_a_cursor_of_somebody_elses(self, fire: Caller, path: str) -> None:
        for cursor in ("x", "-1", "1" * 30, "1; DROP TABLE posts"):
            answer = fire.get(path, after=cursor, q="x")
            assert (answer.status_code, answer.get_json()["error"]) == (422, "cursor_invalid")

    def test_search_leaves_out_ones_own(self, fire: Caller, app: Flask) -> None:
        fire.publish("flood warning")
        stranger(app.test_client(), "Flood on Mill Lane")
        items = fire.get("/search", q="FLOOD").get_json()["items"]
        assert [one["author"]["handle"] for one in items] == ["asha"]
        assert fire.get("/search", q=" ").get_json()["error"] == "query_empty"


class TestFaults:
    def turn_on(self, app: Flask, kind: str, **how: Any) -> None:
        answer = app.test_client().post("/api/practice/faults", json={"kind": kind, **how})
        assert answer.status_code == 201, answer.text

    @pytest.mark.parametrize(
        ("kind", "status", "code"),
        [
            ("refuse", 422, "content_refused"),
            ("rate_limit", 429, "rate_limited"),
            ("unavailable", 503, "unavailable"),
            ("unauthorised", 401, "unauthorised"),
            ("hang", 504, "no_answer"),
        ],
    )
    def test_nothing_is_accepted(
        self, app: Flask, fire: Caller, kind: str, status: int, code: str
    ) -> None:
        self.turn_on(app, kind, seconds=0)
        answer = fire.publish("Hello", KEY)
        assert (answer.status_code, answer.get_json()["error"]) == (status, code)
        assert fire.get("/own-posts").get_json()["items"] == []
        assert fire.get(f"/posts/by-key/{KEY}").status_code == 404

    def test_it_asks_to_wait(self, app: Flask, fire: Caller) -> None:
        self.turn_on(app, "rate_limit", seconds=17)
        assert fire.publish("Hello").headers["Retry-After"] == "17"

    @pytest.mark.parametrize(
        ("kind", "status"),
        [("error_after", 500), ("hang_after", 504), ("garbled", 200), ("flood", 200)],
    )
    def test_it_is_accepted_and_the_answer_is_bad(
        self, app: Flask, fire: Caller, kind: str, status: int
    ) -> None:
        self.turn_on(app, kind, seconds=0)
        answer = fire.publish("Hello", KEY)
        assert answer.status_code == status
        assert [one["text"] for one in fire.get("/own-posts").get_json()["items"]] == ["Hello"]
        assert fire.get(f"/posts/by-key/{KEY}").status_code == 200
        if kind == "flood":
            assert len(answer.data) > 10_000_000
        if kind == "garbled":
            assert answer.mimetype == "text/html"

    def test_reading_can_fail_too(self, app: Flask, fire: Caller) -> None:
        self.turn_on(app, "unavailable", scope="reading", times=1)
        assert fire.publish("Hello").status_code == 201
        assert fire.get("/mentions").status_code == 503
        assert fire.get("/mentions").status_code == 200

    def test_the_pages_for_people_go_on(self, app: Flask) -> None:
        self.turn_on(app, "unavailable", scope="everything")
        assert app.test_client().get("/").status_code == 200

    @pytest.mark.parametrize(
        "body",
        [{}, {"kind": "explode"}, {"kind": "hang", "seconds": "x"}, {"kind": "hang", "times": []}],
    )
    def test_there_is_no_such_fault(self, app: Flask, body: dict[str, Any]) -> None:
        answer = app.test_client().post("/api/practice/faults", json=body)
        assert (answer.status_code, answer.get_json()["error"]) == (422, "fault_invalid")


class TestPractice:
    def test_a_page_of_another_site_cannot_use_it(self, app: Flask) -> None:
        """A form cannot send JSON, and for a script the browser would ask first: nobody agrees."""
        client = app.test_client()
        for path in ("people/posts", "accounts", "faults"):
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
                answer = client.post(
                    f"/api/practice/{path}", data='{"kind": "hang"}', content_type=kind
                )
                assert answer.status_code == 415
            asked = client.options(
                f"/api/practice/{path}", headers={"Origin": "https://evil.example"}
            )
            assert "Access-Control-Allow-Origin" not in asked.headers

    def test_strangers_do_not_speak_for_the_official(self, app: Flask, fire: Caller) -> None:
        answer = app.test_client().post(
            "/api/practice/people/posts", json={"handle": "Northmoor_Fire", "text": "Evacuate!"}
        )
        assert (answer.status_code, answer.get_json()["error"]) == (403, "official_account")

    def test_the_ledger_tells_sent_from_published(
        self, app: Flask, fire: Caller, net: Network
    ) -> None:
        fire.publish("Hello", KEY)
        fire.publish("Hello", KEY)
        fire.publish("x" * 501, "other")
        items = app.test_client().get(f"/api/practice/ledger?key={KEY}").get_json()["items"]
        assert [(one["status"], one["outcome"]) for one in items] == [
            (200, "known key, not published again: 1"),
            (201, "published 1"),
        ]
        everything = app.test_client().get("/api/practice/ledger").get_json()["items"]
        assert everything[0]["outcome"] == "refused: text_too_long"

    def test_the_ledger_holds_no_token(self, app: Flask, fire: Caller) -> None:
        fire.get("/search", q="secret", after="0")
        text = app.test_client().get("/api/practice/ledger").text
        assert fire.headers["Authorization"].split()[1] not in text
        assert "secret" not in text


def test_errors_of_the_interface_are_json(app: Flask) -> None:
    answer = app.test_client().get("/api/nothing")
    assert (answer.status_code, answer.get_json()["error"]) == (404, "404")


def test_a_fault_of_our_own_tells_nothing(app: Flask, fire: Caller, net: Network) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("hunter2")

    net.store.lists.own_posts = broken  # type: ignore[method-assign,assignment]
    answer = fire.get("/own-posts")
    assert (answer.status_code, answer.get_json()["error"]) == (500, "internal_error")
    assert "hunter2" not in answer.text
